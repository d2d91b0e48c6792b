#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Files that the program writes: they are checked before the work begins, are written by one process
# at a time, and may have any name.
. "${srcdir:-.}/tests/expect.sh"
program=$(cd "$(dirname "$program")" && pwd)/$(basename "$program")
cd "$work" || exit 99
absent() { test ! -e "$1" || { echo "FAIL $1 is there"; ls "$1"; failed=1; }; }

# ---- outputs are tried before the work ----

# So much training that a test would not see its end.
endless="train parity --model arm --quiet --set train.steps=100000000"
bits="--set lengths=2,3 --set per_length=10"
train="train parity --model ap-mdm $tiny $bits --set window=3"
: >file
for option in json svg html out; do
  case $option in
    json) verb="$endless --out none --json" ;;
    svg) verb="eval none --svg" ;;
    html) verb="sample none --html" ;;
    out) verb="$endless --out" ;;
  esac
  code=2 && test $option != out || code=1 # file is no directory
  expect $code "cannot .* file" $verb file/x
  expect 2 "--$option takes a path, and was given an empty one" $verb ""
done
expect 2 "no/where" $endless --out none --json no/where
expect 1 "is a directory" $endless --out none --json .
expect 2 "no/where" compare parity --models arm --quiet --set train.steps=100000000 --json no/where
expect 2 "no/where" eval none --answers no/where
for option in config data plugin; do
  expect 2 "--$option takes a path" $endless --out none --$option ""
done
expect 2 "is empty" eval ""
# The benchmark is refused before its directory is made, and then writes what a twin needs.
expect 2 "bench measures" bench nonsense --out none
expect 2 "cases A, B, C and D" bench train E --out none
expect 2 "only bench train takes" bench plan --out none
absent none
expect 0 "" bench train D --n 1 --threads 1 --out twin --json twin.json
for file in twin/weights.safetensors twin/gradients.safetensors twin/case.json twin.json; do
  test -s "$file" || { echo "FAIL bench train wrote no $file"; failed=1; }
done
absent twin/lock
# All settings that are taken are used, the last one too, and one more is refused with the limit.
many=$(for i in $(seq 127); do echo --set model.layers=1; done)
expect 2 "model.width=oops\|width.*oops" bench train D --out twin $many --set model.width=oops
expect 2 "at most 128 times" bench train D --out twin $many --set model.width=4 --set model.width=4
mkdir -p ro/ckpt
if test "$(id -u)" -ne 0; then
  chmod a-w ro/ckpt
  expect 1 "ckpt" $endless --out ro
fi
expect 0 "" $train --json runs/parity-ap-mdm/row.json
test -s runs/parity-ap-mdm/row.json || { echo "FAIL nothing in a directory of the run's own making"; failed=1; }
printf 'old\n' >kept.json
expect 2 "absent" eval absent --json kept.json
test "$(cat kept.json)" = old && test "$(ls | grep -c 'tmp-')" -eq 0 ||
  { echo "FAIL an output that was tried is not as it was"; ls; failed=1; }

# One file has one writer, and is no input of the same command, under whatever names.
ln -s kept.json link.json
ln kept.json hard.json
one="are the same file, which would be overwritten"
expect 2 "--json new and --answers ./new $one" eval none --json new --answers ./new
expect 2 "--json kept.json and --svg link.json $one" eval none --json kept.json --svg link.json
expect 2 "--svg hard.json and --html ../.*/kept.json $one" sample none --watch --svg hard.json \
  --html "../$(basename "$work")/kept.json"
expect 2 "--json kept.json and --data link.json $one" eval none --json kept.json --data file --data link.json
expect 2 "--json kept.json and --config hard.json $one" $endless --json kept.json --config hard.json
expect 2 "--json kept.json and --plugin ./kept.json $one" eval none --json kept.json --plugin ./kept.json
expect 2 "--json none/config and --out, with its none/config $one" $endless --out none --json none/config
expect 2 "the run's runs/parity-ap-mdm/config $one" eval runs/parity-ap-mdm --json runs/parity-ap-mdm/config
absent new && absent none
# The directory that `train` makes when --out is not given, through any of its names.
for file in config metrics.csv ckpt/state.safetensors; do
  expect 2 "--json ./runs/parity-arm/$file and the run's runs/parity-arm/$file $one" $endless --json "./runs/parity-arm/$file"
done
expect 2 "the run's runs/parity-arm/config $one" $endless --json "../$(basename "$work")/runs//parity-arm/./config"
absent runs/parity-arm
expect 0 "" $train --set train.steps=1 --out other --json "$work/./other/row.json"
test -s other/row.json || { echo "FAIL nothing in a directory of the run's own making"; failed=1; }
rm -r other
# A text that is trained on, and weights that training begins with.
printf 'to be or not to be, to be or not to be\n' >said && cp said before
expect 2 "--json said and the task's .*/said $one" train text --model arm $tiny --set data=./said --out none --json said
expect 2 "--json said and --data said $one" train text --model arm $tiny --data said --out none --json said
expect 2 "--json said and --init ./said $one" $endless --init ./said --out none --json said
cmp said before || { echo "FAIL an input was overwritten"; failed=1; }
expect 0 "" eval runs/parity-ap-mdm --json /dev/null --answers /dev/null

# ---- standard streams that are full or closed ----

# lost ARGUMENTS...: what the verb prints is lost, which it must say by its exit code.
lost() {
  for to in '>/dev/full' '>&-'; do
    test -c /dev/full || test "$to" = '>&-' || continue
    rm -rf streams/runs
    eval '"$program" "$@" 2>err </dev/null' "$to"
    got=$?
    test $got -eq 1 && grep -q "standard output" err ||
      { echo "FAIL exit $got: palimpsest $* $to"; cat err; failed=1; }
  done
}
lost info
lost info op
lost --version
lost help train
lost train --help
lost instances parity $bits
lost plan parity
lost check-op affine --n 1
lost compare parity --models arm $tiny $bits
lost eval runs/parity-ap-mdm
lost eval runs/parity-ap-mdm --json -
lost sample runs/parity-ap-mdm --watch
# A run is kept all the same; nothing that is printed gets into a file.
mkdir streams
lost $train --out streams/runs --json streams/row.json
test -s streams/runs/ckpt/weights.safetensors || { echo "FAIL no run was kept"; failed=1; }
rm -r streams/runs
noisy=$(echo "$train" | sed 's/--quiet//')
"$program" $noisy --out streams/silent --keep-every 0.0001 >/dev/null 2>&- </dev/null ||
  { echo "FAIL no run without standard error"; failed=1; }
"$program" $noisy --out streams/none --keep-every 0.0001 >&- 2>&- <&-
test $? -eq 1 || { echo "FAIL no standard stream at all"; failed=1; }
grep -rl "[0-9] s left\|seed 1:\|standard output" streams && { echo "FAIL messages in a file"; failed=1; }
cmp streams/silent/ckpt/weights.safetensors runs/parity-ap-mdm/ckpt/weights.safetensors ||
  { echo "FAIL other weights without standard error"; failed=1; }

# ---- long names, blanks ----

name=$(printf '%0200d' 0)
long=$work i=0
while [ $i -lt 16 ]; do long=$long/$name; i=$((i + 1)); done
expect 0 "" $train --out "$long/run" --json "$long/run/row.json"
test -s "$long/run/ckpt/weights.safetensors" && test -s "$long/run/row.json" ||
  { echo "FAIL a long name is cut"; failed=1; }
printf '01\n011\n' >"$long/bits"
expect 0 "" eval "$long/run" --data "$long/bits"
grep -q "/bits .*of  *2[* ]" out || { echo "FAIL not two strings of a long name"; cat out; failed=1; }
expect 1 "too long" $train --out "$long/$long/run"
expect 2 "/bits: .*too long" eval "$long/run" --data "$long/$long/bits"
i=0
while [ $i -lt 40 ]; do printf 'to be or not to be\n'; i=$((i + 1)); done >"$long/text"
cp "$long/text" "text " && cp "$long/text" '"text"'
text="train text --model arm $tiny --set block=8"
expect 0 "" $text --data "$long/text" --out long-text
expect 0 "" eval long-text
expect 2 "task.data has blanks or quotes around it" $text --data "text " --out blank
absent blank
expect 0 "" $text --set 'data="text"' --out quotes # the config has its whole path, which begins with a slash
(cd / && expect 0 "" eval "$OLDPWD/quotes" && exit $failed) || failed=1
line='
'
expect 0 "" $train --out "blank $line" --json "row $line"
test -s "blank $line/config" && test -s "row $line" || { echo "FAIL blanks in names are lost"; failed=1; }
expect 0 "" eval "blank $line"

# ---- one process at a time ----

"$program" $endless $bits --set width=8 --out busy --keep-every 0.01 >/dev/null 2>&1 </dev/null &
pid=$!
i=0
while ! test -e busy/ckpt/weights.safetensors && [ $i -lt 600 ]; do sleep 0.05; i=$((i + 1)); done
cp busy/config before
expect 2 "busy is being written by another palimpsest (process $pid)" $endless $bits --set width=8 --out busy
expect 2 "busy is being written by another palimpsest (process $pid)" $endless $bits --set width=8 --out busy --resume
cmp before busy/config || { echo "FAIL a refused process changed the config"; failed=1; }
expect 0 "" eval busy --n 2
kill -9 $pid
wait $pid 2>/dev/null
: >busy/config.tmp-1-1
: >busy/metrics.csv.tmp-1-1
: >busy/ckpt/state.safetensors.tmp-1-1
: >busy/notes.tmp-1
expect 0 "" $endless $bits --set width=8 --out busy --resume --set train.steps=1
absent busy/lock
test "$(find busy -name '*.tmp-*')" = busy/notes.tmp-1 ||
  { echo "FAIL what a kill left is still there"; find busy; failed=1; }
exit $failed
