#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests the NEON kernels without an AArch64 machine. Cross-compiles a copy of this tree and, under
# QEMU's user emulation, runs the basic tests, checks every op (the generic and the NEON kernels
# must give the same bits) and trains each kind of model for a few steps; the tensors must be the
# same bytes as those of the native program. Not part of `make check`: it downloads packages and
# takes minutes.
#
#   tools/neon.sh [NATIVE-PROGRAM]     e.g. build/palimpsest; without one nothing is trained
#
# CASES=N: random cases of each op (default 5); KEEP=1: do not remove the temporary directory. Exits
# with 77 and says what is missing when it cannot run here. It needs no privileges: the AArch64
# libraries are unpacked into the temporary directory and not installed.
set -eu
triplet=aarch64-linux-gnu
: "${CASES:=5}" "${KEEP:=}"

cannot() { echo "neon.sh: cannot run here: $*" >&2; exit 77; }
while read -r tool package; do
  command -v "$tool" >/dev/null || cannot "no $tool (Debian: apt-get install $package)"
done <<END
$triplet-gcc gcc-aarch64-linux-gnu libc6-dev-arm64-cross
qemu-aarch64 qemu-user
dpkg-deb dpkg
apt-get apt
autoreconf autoconf automake libtool
pkg-config pkg-config
END
test -d "/usr/$triplet/lib" || cannot "no C library for $triplet (Debian: libc6-dev-arm64-cross)"

root=$(cd "$(dirname "$0")/.." && pwd)
native=
if test $# -gt 0; then
  test -x "$1" || { echo "neon.sh: $1 is not a program" >&2; exit 2; }
  native=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
fi
work=$(mktemp -d)
if test -n "$KEEP"; then echo "working in $work"; else trap 'rm -rf "$work"' EXIT; fi
trap 'exit 1' HUP INT TERM
log=$work/log
failed() {
  tail -n 30 "$log" >&2
  echo "neon.sh: $* failed" >&2
  exit 1
}

# ---- AArch64 libraries ----------------------------------------------------------------------
# apt runs with a state of its own, so that this machine's package lists and packages do not change.
mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$work/packages"
: >"$work/apt/status"
cat >"$work/apt.conf" <<END
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "";
Dir::State "$work/apt";
Dir::State::status "$work/apt/status";
Dir::Cache "$work/apt/cache";
END
sysroot=$work/sysroot
{ APT_CONFIG=$work/apt.conf apt-get -q update && cd "$work/packages" &&
  APT_CONFIG=$work/apt.conf apt-get -q download libsleef-dev libsleef3 libxxhash-dev libxxhash0 \
    libjansson-dev libjansson4 check libsubunit-dev libsubunit0; } >"$log" 2>&1 ||
  { tail -n 5 "$log" >&2; cannot "the arm64 packages could not be fetched"; }
for package in "$work"/packages/*.deb; do dpkg-deb -x "$package" "$sysroot"; done
libraries=$sysroot/usr/lib/$triplet

# ---- build ----------------------------------------------------------------------------------
# The tree is copied, since configure refuses a source tree in which it has been run.
mkdir "$work/tree" "$work/build"
(cd "$root" && tar cf - --exclude=.git --exclude=config.status --exclude=config.h \
  --exclude='*.o' --exclude='*.lo' --exclude='*.la' --exclude='.libs' --exclude='.deps' .) |
  (cd "$work/tree" && tar xf -)
echo "building for $triplet"
(cd "$work/tree" && ./bootstrap) >"$log" 2>&1 || failed bootstrap
cd "$work/build"
PKG_CONFIG_LIBDIR=$libraries/pkgconfig ../tree/configure --host=$triplet --with-isa=neon \
  CPPFLAGS="-isystem $sysroot/usr/include -isystem $sysroot/usr/include/$triplet" \
  LDFLAGS="-L$libraries -Wl,-rpath-link,$libraries" >"$log" 2>&1 || failed configure
# Two runs, one after the other: `all` starts a make of its own, and both would build the same
# objects.
{ make -j"$(nproc)" && make tests/test_base tests/test_file tests/test_safetensors; } >"$log" 2>&1 || failed make

# ---- run ------------------------------------------------------------------------------------
QEMU_LD_PREFIX=/usr/$triplet
QEMU_SET_ENV=LD_LIBRARY_PATH=$libraries:$work/build/.libs
OMP_WAIT_POLICY=passive # spinning threads would slow down the emulated one that works
CK_DEFAULT_TIMEOUT=300
export QEMU_LD_PREFIX QEMU_SET_ENV OMP_WAIT_POLICY CK_DEFAULT_TIMEOUT
unset PAL_ISA
program=$work/build/.libs/palimpsest
status=0

qemu-aarch64 "$program" --version | tee "$log"
grep -q neon "$log" || { echo "neon.sh: the program does not choose NEON" >&2; exit 1; }
qemu-aarch64 tests/test_base || status=1
qemu-aarch64 tests/test_file || status=1
qemu-aarch64 tests/test_safetensors || status=1
qemu-aarch64 "$program" check-op --n "$CASES" >"$log" 2>&1 || status=1
echo "ops checked: $(grep -c ' ok$' "$log") agree, $(grep -c 'not checked:' "$log") have no case"
grep -v -e ' ok$' -e 'not checked:' "$log" || :

test -n "$native" || { echo "no native program given: nothing trained"; exit $status; }
# The tensors of a safetensors file without its header, whose metadata names the instruction set.
tensors() { tail -c +$(($(od -An -tu8 -N8 "$1") + 9)) "$1"; }
for model in arm masked-arm mdm ap-mdm; do
  set -- train parity --model $model --quiet --set train.steps=20 --set layers=2 --set width=36 \
    --set heads=2 --set batch=8 --set shard=4 --set dropout=0.1 --set lengths=2,9,20 \
    --set per_length=20
  "$native" "$@" --out "$work/here-$model" >"$log" 2>&1 || failed "native training of $model"
  qemu-aarch64 "$program" "$@" --out "$work/there-$model" >"$log" 2>&1 ||
    failed "emulated training of $model"
  for name in weights state; do
    for side in here there; do
      tensors "$work/$side-$model/ckpt/$name.safetensors" >"$work/$side"
    done
    if cmp "$work/here" "$work/there"; then
      echo "$model: the $name of the native program, $(wc -c <"$work/here") bytes"
    else
      echo "$model: the $name differ from the native program's"; status=1
    fi
  done
done
exit $status
