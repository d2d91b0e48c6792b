#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# embed.sh ARRAY ENDING FILE...: prints C source of the array ARRAY with the contents of the files,
# each under its name without the ENDING. They are arrays of bytes, since compilers need not accept
# long string literals.
array=$1 ending=$2
shift 2
echo '/* Made by tools/embed.sh. */'
echo '#include "cli/embedded.h"'
i=0
for file; do
  printf '\nstatic const unsigned char text_%d[] = {\n' $i
  od -v -A n -t x1 <"$file" | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g' || exit 1
  echo '};'
  i=$((i + 1))
done
printf '\nconst cli_embedded %s[] = {\n' "$array"
i=0
for file; do
  name=$(basename "$file" "$ending")
  printf '    {"%s", (const char *)text_%d, sizeof text_%d},\n' "$name" $i $i
  i=$((i + 1))
done
echo '    {0}};'
