#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The man pages say what --help says, for every verb, and the completions offer what there is.
. "${srcdir:-.}/tests/expect.sh"
source=${srcdir:-.}

# ---- man pages ----

verbs=$("$program" --help | sed -n '1,/^options/s/^  \([a-z][a-z-]*\) .*/\1/p')
for verb in '' $verbs; do
  page=$work/page.1
  sh "$source/tools/man.sh" "$program" $verb >"$page" || { echo "FAIL no page of $verb"; failed=1; }
  test ! -f man/made || cmp "$page" "man/palimpsest${verb:+-$verb}.1" || failed=1
  "$program" help $verb | sed -n 's/^  \(--[a-z-]*\).*/\1/p' >"$work/options"
  sed -n 's/^\\fB\(\\-\\-[a-z\\-]*\)\\fR.*/\1/p' "$page" | tr -d '\\' | cmp - "$work/options" ||
    { echo "FAIL the page of $verb has other options"; failed=1; }
  test -s "$work/options" || { echo "FAIL no options of $verb"; failed=1; }
  if command -v groff >/dev/null && ! groff -man -ww -z "$page" 2>"$work/err" || test -s "$work/err"; then
    echo "FAIL groff warns about the page of $verb"; cat "$work/err"; failed=1
  fi
done
sh "$source/tools/man.sh" "$program" eval | grep -q "palimpsest eval runs/example" ||
  { echo "FAIL no example"; failed=1; }
expect 2 "no verb" help none
sh "$source/tools/man.sh" "$program" none >"$work/none" 2>&1 && { echo "FAIL a page of no verb"; failed=1; }

# The page of all verbs and settings is what the program says of itself.
sh "$source/tools/reference.sh" "$program" >"$work/reference.md" || failed=1
cmp "$work/reference.md" "$source/doc/reference.md" ||
  { echo "FAIL doc/reference.md is old: sh tools/reference.sh build/palimpsest >doc/reference.md"; failed=1; }
verb=$(grep -c '^### .*' "$work/reference.md")
test "$verb" -ge 25 && grep -q '^| `tau_write` |  | a mask is written only' "$work/reference.md" &&
  grep -q '^| `--init RUN.|FILE` | start from' "$work/reference.md" ||
  { echo "FAIL the page of all settings lacks some"; cat "$work/reference.md"; failed=1; }

# ---- completion ----

# completes WORDS WANTED: the words of a line, of which bash completes the last, and what it offers.
completes() {
  "${BASH_PROGRAM:-bash}" --norc -c '
    . "$1/share/palimpsest.bash"
    COMP_WORDS=($3) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    test "${3% }" = "$3" || { COMP_WORDS+=(""); COMP_CWORD=$((COMP_CWORD + 1)); }
    COMP_WORDS[0]=$2
    _palimpsest
    printf " %s" "${COMPREPLY[@]}"; echo' bash "$source" "$program" "$1" >"$work/out" 2>"$work/err"
  for word in $2; do
    grep -q -- " $word\( \|$\)" "$work/out" ||
      { echo "FAIL completing \"$1\": no $word"; cat "$work/out" "$work/err"; failed=1; }
  done
}
if bash --version >/dev/null 2>&1; then
  completes 'palimpsest ' 'train eval sample check-op --version'
  completes 'palimpsest ins' instances
  completes 'palimpsest train ' 'parity sudoku text'
  completes 'palimpsest train parity --mo' --model
  completes 'palimpsest train parity --model ' 'arm mdm ap-mdm'
  completes 'palimpsest train parity --model arm --set ' 'rate= lengths= top_k='
  completes 'palimpsest eval run --' '--data --json --svg'
  completes 'palimpsest info ' 'op model recipe'
  completes 'palimpsest info op soft' softmax
  completes 'palimpsest check-op matm' matmul
else
  echo "SKIP completion: no bash"
fi
exit $failed
