#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# configure refuses compiler flags that change floating-point results, before it checks anything
# else.
source=$(cd "${srcdir:-.}" && pwd)
test -x "$source/configure" || { echo "no configure"; exit 77; }
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99
failed=0

# refused FLAG ARGUMENT...: configure says that FLAG changes numbers.
refused() {
  flag=$1
  shift
  if "$source/configure" "$@" >out 2>err; then
    echo "FAIL configure $* succeeds"; failed=1
  elif ! tr '\n' ' ' <err | grep -q -- "error: .*$flag.* changes how floating-point numbers are computed"; then
    echo "FAIL configure $* fails otherwise"; cat err; failed=1
  else
    echo "ok configure $*"
  fi
}

unset CFLAGS CPPFLAGS LDFLAGS
cc=${CC:-cc}
for flag in -Ofast -ffast-math -funsafe-math-optimizations -ffinite-math-only -fassociative-math \
  -freciprocal-math -fno-signed-zeros -ffp-model=fast -ffp-contract=fast; do
  refused "$flag" CC="$cc" CFLAGS="-O2 $flag -g"
done
refused -Ofast CC="$cc -Ofast"
refused -ffast-math CC="$cc" LDFLAGS=-ffast-math

# Without its name: a compiler that adds the flag itself.
printf '#!/bin/sh\nexec %s -ffast-math "$@"\n' "$cc" >fast && chmod +x fast
refused fast CC="$work/fast"
exit $failed
