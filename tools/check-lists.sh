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
# A public builder that is no macro of its own name would leave errors without the caller's line.
unrecorded=$(awk '
FNR == 1 { text = "" }
/#define pal_/ { name = $2; sub(/\(.*/, "", name); macro[name] = 1 }
{ text = text " " $0 }
/;[ \t]*(\/\*.*)?$/ {
  if (text ~ /PAL_API/ && text ~ /pal_graph \*graph[,)]|pal_graph \*g[,)]/ &&
      text !~ /const pal_graph \*/) {
    sub(/.*PAL_API/, "", text)
    if (match(text, /pal_[a-z0-9_]+\(/)) builder[substr(text, RSTART, RLENGTH - 1)] = 1
  }
  text = ""
}
END {
  split("pal_graph_free pal_graph_set_precision pal_here pal_graph_fail", own)
  for (i in own) delete builder[own[i]] # nothing can be wrong, or the place is given
  for (name in builder) if (!(name in macro)) print name
}' include/palimpsest/graph.h include/palimpsest/gradient.h include/palimpsest/ops.h include/palimpsest/optim.h \
  include/palimpsest/model.h include/palimpsest/layers.h include/palimpsest/masked.h |
  LC_ALL=C sort)
test -z "$unrecorded" ||
  { echo "these builders have no macro that records the caller:" $unrecorded; failed=1; }
# The program and the trainer know no task and no model by name: recipes and definitions do.
for name in $(sed -n 's/^    \.name = "\(.*\)",$/\1/p' tasks/*.c models/*.c); do
  grep -nE "\"([^\" ]*[,=])?$name[\"=,]" cli/*.[ch] train/*.[ch] &&
    { echo "the task or model $name is named here"; failed=1; }
done
for file in recipes/*.conf; do
  grep -qF "$file" cli/local.mk || { echo "$file is not in cli/local.mk"; failed=1; }
done
for file in tools/*; do
  grep -qF "$file" Makefile.am */local.mk || { echo "$file is in no fragment"; failed=1; }
done
test $failed = 0 && echo "the lists agree with the files"
exit $failed
