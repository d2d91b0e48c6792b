#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# embed-recipes.sh FILE.conf...: prints C source that contains the files, each under its name
# without the ending. They are arrays of bytes, since compilers need not accept long string
# literals.
echo '/* Made from recipes/ by tools/embed-recipes.sh. */'
echo '#include "cli/recipes.h"'
i=0
for file; do
  printf '\nstatic const unsigned char text_%d[] = {\n' $i
  od -v -A n -t x1 <"$file" | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g' || exit 1
  echo '};'
  i=$((i + 1))
done
printf '\nconst cli_recipe_text cli_recipe_texts[] = {\n'
i=0
for file; do
  name=$(basename "$file" .conf)
  printf '    {"%s", (const char *)text_%d, sizeof text_%d},\n' "$name" $i $i
  i=$((i + 1))
done
echo '    {0}};'
