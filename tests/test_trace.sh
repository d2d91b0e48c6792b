#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Traces: sample --trace for every task and model, trace FILE as text, on a terminal, as a page and as
# a picture, and bad lines refused. palimpsest trace itself checks that edits lead from state to
# state.
. "${srcdir:-.}/tests/expect.sh"
fail() { echo "FAIL $*"; cat "$work/out" "$work/err"; failed=1; }
esc=$(printf '\033')

# Every task with every model that learns it: as many states as passes, the edits lead from one to
# the next, and the page holds them.
i=0
while [ $i -lt 40 ]; do printf 'to be or </script> \303\251\n'; i=$((i + 1)); done >"$work/text"
traced() {
  task=$1 model=$2
  shift 2
  expect 0 "" train "$task" --model "$model" $tiny --set train.steps=3 "$@" --out "$work/$task-$model"
  expect 0 "" sample "$work/$task-$model" --n 2 --max-steps 12 --trace "$work/$task-$model.jsonl"
  expect 0 "" trace "$work/$task-$model.jsonl"
  test "$(grep -c ' after [0-9]* pass\|^solved in' "$work/out")" -eq 2 || fail "not two instances of $task"
  expect 0 "" trace "$work/$task-$model.jsonl" --html "$work/$task-$model.html"
  test "$(grep -c '^{"kind":"pass"' "$work/$task-$model.html")" -eq \
    "$(grep -c '"kind":"pass"' "$work/$task-$model.jsonl")" || fail "passes are missing in the page of $task"
  test "$(grep -c '</script>' "$work/$task-$model.html")" -eq 1 || fail "a text ends the script"
  if grep -qi 'src=\|href=\|url(\|@import' "$work/$task-$model.html"; then fail "the page wants more"; fi
}
for model in arm masked-arm mdm ap-mdm; do
  traced parity $model --set lengths=2,3 --set per_length=5
  answer=infill
  test $model != arm || answer=append
  traced sudoku $model --set size=4 --set puzzles=4 --set test_puzzles=2 --set answer=$answer
  traced mincut $model --set nodes=3 --set per_size=2
  traced dyck $model
  traced star $model
  traced text $model --data "$work/text" --set block=16
done
program_of_cells='.word 9\n.processors 1\n.cells 1\n.steps 3\n.register r\n.input 0, 1, 0, 9\nload r, [0]\nadd r, r, r\nstore [0], r\nhalt\n'
printf "$program_of_cells" >"$work/double.pram"
expect 0 "" compile "$work/double.pram" --model ap-mdm --out "$work/pram"
expect 0 "" sample "$work/pram" --n 2 --trace "$work/pram.jsonl"
expect 0 "" trace "$work/pram.jsonl" --instance 2 --svg "$work/pram.svg"
grep -q '"wide":6' "$work/pram.jsonl" && grep -q '^</svg>' "$work/pram.svg" || fail "no memory"

# A trace has the answer that decoding without it has, and probabilities of what it wrote.
for model in arm masked-arm mdm; do
  expect 0 "" sample "$work/text-$model" --prompt "to be" --length 6 --seed 4 --n 2 --quiet
  grep -v '^---$' "$work/out" >"$work/plain"
  expect 0 "" sample "$work/text-$model" --prompt "to be" --length 6 --seed 4 --n 2 --quiet --trace "$work/one"
  cmp -s "$work/out" "$work/plain" || fail "a trace changes the text of $model"
  written=$(grep -o '{"row":[0-9]*,"token":"[^}]*"p":[01][.e0-9-]*}' "$work/one" | wc -l)
  test "$written" -eq 12 || fail "$model: probabilities of $written of 12 tokens"
done
grep -q '"insert":\[{"row":4,"token"' "$work/one" && fail "an mdm inserts"
expect 0 "" sample "$work/text-arm" --prompt "to be" --length 6 --trace - --quiet
grep -q '"insert":\[{"row":4,"token"' "$work/out" || fail "an arm does not append"
"$program" trace - <"$work/out" >"$work/text" || fail "a trace from standard input"

# All four edits of an editing model that does them at random.
expect 0 "" sample "$work/text-ap-mdm" --prompt "to be or" --bits sample --temperature 1 --max-steps 12 \
  --trace "$work/edits" --seed 2
for edit in write remask insert delete; do
  grep -q "\"$edit\":\[{\"row\":[0-9]*[^]]*\"p\":" "$work/edits" || fail "no $edit with a probability"
done
expect 0 "" trace "$work/edits"

# A graph: as a picture of nodes and edges, each edge of the instance once in every state.
expect 0 "" sample "$work/mincut-ap-mdm" --svg "$work/graph.svg" --trace "$work/graph"
grep -q '<circle class="n n1"' "$work/graph.svg" && grep -q '<path class="e e1"' "$work/graph.svg" ||
  fail "no graph"
expect 2 "star draws no pictures; --html and --watch show any task" sample "$work/star-arm" --svg "$work/none"
expect 2 "draws no pictures" trace "$work/star-arm.jsonl" --instance 1 --svg "$work/none"
expect 2 "takes one instance, and .* has 2" trace "$work/mincut-mdm.jsonl" --svg "$work/none"
expect 2 "instance 3: .* has 2" trace "$work/mincut-mdm.jsonl" --instance 3
expect 2 "are the same file" trace "$work/graph" --html "$work/graph"
expect 2 "which trace" trace
expect 2 "number above 0" trace "$work/graph" --speed 0
expect 2 "temporary file" sample "$work/star-arm" --trace "$work/absent/trace"

# bad SCRIPT WORDS: the trace, changed by a sed script, is refused with these words.
expect 0 "" sample "$work/sudoku-mdm" --trace "$work/board" --n 1
bad() { sed "$1" "${3:-$work/board}" >"$work/bad"; expect 2 "$2" trace "$work/bad"; }
bad '2s/^/x/' "bad:2: no JSON"
bad '2s/.*/[1]/' "bad:2: a line is an object"
bad '2d' "bad:2: this is pass 1, where 0 is due"
bad '1d' "bad:1: the kind \"pass\" is not what follows at the beginning"
bad '1s/"kind"/"sort"/' "bad:1: no \"kind\""
bad '1s/"schema":1/"schema":9/' "bad:1: schema 9 is not known"
bad '1s/"task":/"tsk":/' "bad:1: Object item not found: task"
bad '1s/"rows":4/"rows":4000/' "bad:1: \"board\" has no 1 to 1024 characters"
bad '3s/"length":16/"length":15/' "bad:3: \"length\" is 15, and there are 16 tokens"
bad '3s/"tokens":\[/&7,/' "bad:3: \"tokens\" is no list of texts and nulls"
bad '3s/"edits":{[^}]*}\]},/"edits":{},/' "bad:3: the edits do not make row"
bad '3s/"edits"/"edit"/' "bad:3: a pass needs \"edits\""
bad '3s/"row":/"row":99/' "bad:3: edits.write\[0\] has no \"row\" of the 16"
bad '3s/"write":\[/"rewrite":[/' "bad:3: edits.rewrite\[0\]: row .* is a mask"
bad '3s/"write":\[\({[^}]*}\)/"write":[\1,\1/' "bad:3: row .* has two edits"
bad '3s/"edits":/"cut":2,&/' "bad:3: the edits make 16 rows, less 2 that are cut, not 16"
bad '3s/"sort":"./"sort":"7/' "bad:3: cell 0 of \"board\" has a sort"
bad '3s/"sort":"./"sort":"/' "bad:3: \"board\" has not 4 x 4 cells"
bad '3s/"board":/"bard":/' "bad:3: \"board\" is in the line of the pass or of its instance only"
bad '$d' "bad: the last instance has no line of kind \"end\""
bad '$s/"passes":/"passes":1/' "\"passes\" is"
bad '2s/"edges":\[\[0/"edges":[[9/' "bad:2: edge 0 of \"diagram\" is not" "$work/graph"
bad '2s/"nodes":\[\["[0-9]*",/&7,/' "bad:2: node 0 of \"diagram\" is not" "$work/graph"
bad 'd' "bad: no instance"

# In a pipe and with TERM=dumb no escape codes; on a terminal a trace is played by keys.
expect 0 "" trace "$work/board"
if grep -q "$esc" "$work/out"; then fail "escape codes in a pipe"; fi
grep -q 'pass 1: 1 written, 0 remasked' "$work/out" || fail "no plain boards"
if script -qec true /dev/null >"$work/out" 2>&1 </dev/null; then
  # keys TERM KEYS COMMAND...: types the keys in a terminal of 24 lines
  keys() {
    term=$1 typed=$2
    shift 2
    { sleep 0.5; printf "$typed"; sleep 0.5; } |
      script -qec "stty rows 24 cols 80; TERM=$term $*" /dev/null >"$work/screen" 2>&1
  }
  run="'$program' trace '$work/board' --speed 0.01"
  keys xterm "l\033[C\033[Dq" "$run"
  grep -q "pass 2: 1 written" "$work/screen" && grep -q "$esc\[7m" "$work/screen" || { fail "keys do not step"; cat "$work/screen"; }
  keys xterm "Gq" "$run"
  grep -q "after [0-9]* passes\|solved in" "$work/screen" || { fail "no end by G"; cat "$work/screen"; }
  keys xterm "lq" "NO_COLOR=1 $run"
  grep -q "pass 1: " "$work/screen" && ! grep -q "$esc\[[0-9;]*m" "$work/screen" || { fail "colours with NO_COLOR"; cat "$work/screen"; }
  keys dumb "q" "$run"
  if grep -q "$esc" "$work/screen"; then fail "escape codes with TERM=dumb"; cat "$work/screen"; fi
  keys xterm "lq" "'$program' trace '$work/edits' --speed 0.01"
  grep -q "$esc\[36;7m" "$work/screen" || { fail "no inserted token"; cat "$work/screen"; }
fi
exit $failed
