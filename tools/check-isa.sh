#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks that only the kernel objects of an instruction set contain its instructions, and that each
# such object defines one external symbol, its table of kernels. If it defined an inline function
# that other objects define too, the linker might use this copy everywhere, and the program would
# crash on machines without the instruction set. Run by `make check` in the build folder.
: "${NM:=nm}" "${OBJDUMP:=objdump}"
command -v "$OBJDUMP" >/dev/null || { echo "no objdump"; exit 77; }
case $(uname -m) in x86_64 | i?86) ;; *) echo "not an x86 machine"; exit 77 ;; esac
case " $CFLAGS $CC " in
  *" -m"[!36]*) echo "the user's flags choose an instruction set: $CFLAGS"; exit 77 ;;
esac

failed=0 baseline=0 tables=0
for object in $(find src graph ops autograd models train tasks pram -name '*.o' 2>/dev/null | LC_ALL=C sort); do
  case $object in
    */libpal_*-isa_*)
      tables=$((tables + 1))
      external=$("$NM" -g --defined-only "$object" |
        awk '$NF !~ /^__(odr_asan|asan)/ { print $NF }')
      test "$(echo "$external" | wc -w)" -eq 1 ||
        { echo "$object: defines more than its table:" $external; failed=1; }
      ;;
    *)
      baseline=$((baseline + 1))
      place=$("$OBJDUMP" -d --no-show-raw-insn "$object" |
        awk '/>:$/ { name = $2 }
          /%[yz]mm|%k[0-7]|[ \t]v[a-z0-9]+[ \t].*%xmm/ { print name $0; exit }')
      test -z "$place" || { echo "$object: not a baseline instruction: $place"; failed=1; }
      ;;
  esac
done
echo "$baseline baseline objects, $tables with an instruction set of their own"
test $((baseline + tables)) -gt 0 || failed=1
exit $failed
