#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every source file of a folder is named in that folder's local.mk, every public header in
# Makefile.am and in the umbrella, every script here in a fragment; and every name in a local.mk is
# a file. Otherwise the tarball would lack it, or a user the declaration.
cd "${srcdir:-$(dirname "$0")/..}" || exit 99
failed=0

for folder in src graph ops autograd models train tasks cli examples bench tests; do
  for file in $(find "$folder" -name '*.[ch]' -o -name '*.py' | LC_ALL=C sort); do
    grep -qF "%D%/${file#*/}" "$folder/local.mk" ||
      { echo "$file is not in $folder/local.mk"; failed=1; }
  done
  for file in $(sed -n 's|.*%D%/\([^ ]*\.[a-z]*\).*|\1|p' "$folder/local.mk" | grep -v '\.la$'); do
    test -f "$folder/$file" ||
      { echo "$folder/local.mk names $file, which is not there"; failed=1; }
  done
done
for file in include/palimpsest/*.h; do
  grep -qF "$file" Makefile.am || { echo "$file is not in Makefile.am"; failed=1; }
  name=${file#include/}
  test "$name" = palimpsest/palimpsest.h || grep -qF "<$name>" include/palimpsest/palimpsest.h ||
    { echo "$file is not in the umbrella palimpsest.h"; failed=1; }
done
for file in tools/*; do
  grep -qF "$file" Makefile.am */local.mk || { echo "$file is in no fragment"; failed=1; }
done
test $failed = 0 && echo "the lists agree with the files"
exit $failed
