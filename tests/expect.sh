# SPDX-License-Identifier: Apache-2.0
# Functions for test scripts that run the program; they source this file. It creates the folder
# "$work".
program=${PROGRAM:-./palimpsest}
test -x "$program" || { echo "no program"; exit 77; }
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0
COLUMNS=5000 # lines are not folded, except where a test says so
export COLUMNS

# expect CODE WORDS ARGUMENTS...: runs the program, which must exit with CODE and print WORDS to
# stderr.
expect() {
  code=$1 words=$2
  shift 2
  "$program" "$@" >"$work/out" 2>"$work/err" </dev/null
  got=$?
  if [ $got -ne "$code" ]; then
    echo "FAIL exit $got, not $code: palimpsest $*"; cat "$work/err"; failed=1
  elif [ -n "$words" ] && ! grep -q -- "$words" "$work/err"; then
    echo "FAIL no \"$words\" on stderr: palimpsest $*"; cat "$work/err"; failed=1
  else
    echo "ok palimpsest $*"
  fi
}

quick="--quiet --set train.steps=30 --set train.batch=8 --set train.shard=4"
tiny="$quick --set layers=1 --set heads=1 --set width=4 --set hidden=4"
