#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks that every source file is named in its folder's local.mk, every public header in
# Makefile.am and in the umbrella header, every script of tools/ in Makefile.am or a local.mk, and
# that every file named in a local.mk exists. Otherwise the source tarball would lack a file, or
# users of the umbrella a declaration.
cd "${srcdir:-$(dirname "$0")/..}" || exit 99
failed=0

for folder in src graph ops autograd models train tasks pram cli examples bench tests; do
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
# Every public function that adds to a graph needs a macro of its name that records the caller's
# file and line; without one, errors could not name them.
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
  for (i in own) delete builder[own[i]] # these cannot fail, or are given the place
  for (name in builder) if (!(name in macro)) print name
}' include/palimpsest/graph.h include/palimpsest/gradient.h include/palimpsest/ops.h include/palimpsest/optim.h \
  include/palimpsest/model.h include/palimpsest/layers.h include/palimpsest/masked.h |
  LC_ALL=C sort)
test -z "$unrecorded" ||
  { echo "these builders have no macro that records the caller:" $unrecorded; failed=1; }
# The program and the trainer must not depend on a task or model by name; recipes and definitions
# may.
for name in $(sed -n 's/^    \.name = "\(.*\)",$/\1/p' tasks/*.c models/*.c); do
  grep -nE "\"([^\" ]*[,=])?$name[\"=,]" cli/*.[ch] train/*.[ch] &&
    { echo "the task or model $name is named here"; failed=1; }
done
for file in recipes/*.conf; do
  grep -qF "$file" cli/local.mk || { echo "$file is not in cli/local.mk"; failed=1; }
done
# Documents and settings of editors in the top folder are in the source tarball.
for file in [[:upper:]]* .clang-format .editorconfig; do
  case $file in Makefile*) continue ;; esac
  tr -s ' \t\\' '\n' <Makefile.am | grep -qxF "$file" ||
    { echo "$file is not in EXTRA_DIST of Makefile.am"; failed=1; }
done
# The description of the source tree names files that exist, and each file says what it holds.
for file in $(grep -o '`[a-z]*/[a-z_/]*\.\(c\|h\|sh\|pram\|conf\)`' doc/architecture.md | tr -d '`'); do
  test -f "$file" || { echo "doc/architecture.md names $file, which is not there"; failed=1; }
done
srcdir=. sh tools/files.sh >/dev/null || failed=1
for file in tools/*; do
  grep -qF "$file" Makefile.am */local.mk || { echo "$file is in no fragment"; failed=1; }
done
test $failed = 0 && echo "the lists agree with the files"
exit $failed
