#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# files.sh [FOLDER...]: prints what each source file holds, by the first sentence of its opening
# comment (of file.c that says "See file.h": of the header). Without folders, those of all floors.
# Fails when a file has no such sentence.
cd "${srcdir:-$(dirname "$0")/..}" || exit 99
test $# -gt 0 || set -- src graph ops ops/kernels autograd models train tasks pram bench cli
failed=0

# The first sentence of the comment behind the licence, without "(floor N)".
opening() {
  sed -n '2,12p' "$1" | awk '
    NR == 1 && !/^\/\* / { exit }
    /^ \*$/ { exit }
    { line = $0; gsub(/^(\/\*| \*) ?| ?\*\/ *$/, "", line); text = text (NR > 1 ? " " : "") line }
    /\*\// { exit }
    END {
      gsub(/ *\(floor *[0-9]\)/, "", text)
      if (match(text, /\.( |$)/)) text = substr(text, 1, RSTART - 1)
      print text
    }'
}

for folder; do
  printf '%s/\n' "$folder"
  for file in "$folder"/*.c "$folder"/*.h; do
    stem=${file%.*}
    case $file in *.h) test ! -f "$stem.c" || continue ;; esac
    test -f "$file" || continue
    text=$(opening "$file")
    case $text in "See "*) test ! -f "$stem.h" || text=$(opening "$stem.h") ;; esac
    test -n "$text" || { echo "$file has no opening comment that says what it holds" >&2; failed=1; }
    printf '  %-24s %s\n' "$(basename "$file")" "$text"
  done
done
exit $failed
