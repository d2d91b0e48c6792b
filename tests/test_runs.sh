#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run directories: validation and the best weights, inputs and plug-ins that a run names, likelihoods
# in all its files.
. "${srcdir:-.}/tests/expect.sh"

fail() { echo "FAIL $1"; failed=1; }
metric() { sed -n "$1" "$work/$2/metrics.csv" | cut -d, -f"$3"; }

i=0
while [ $i -lt 60 ]; do echo "to be or not to be, that is the question $((i % 7))"; i=$((i + 1)); done >"$work/text"
sed 's/be/bee/g' "$work/text" >"$work/other"
net="--set block=24 --set layers=1 --set heads=2 --set width=8 --set train.batch=8 --set train.shard=4"
course="train text --data $work/text --model arm $net --set train.steps=40 --quiet"

# Development data are asked for, never taken from the test set; validation changes no weights.
expect 2 "set valid=FILE" $course --eval-every 10 --out "$work/none"
expect 2 "50%" $course --set valid=51% --out "$work/none"
expect 2 "text: valid=" $course --set valid=0.1% --out "$work/none"
expect 2 "whole number" $course --eval-every 0 --out "$work/none"
expect 0 "" $course --set valid=10% --out "$work/plain"
expect 0 "" $course --set valid=10% --eval-every 7 --out "$work/valid"
grep -q '^best validation loss .* after step 40 (development data, not the test set): --checkpoint best$' "$work/out" &&
  grep -q '^last validation loss .* after step 40, evaluated above: --checkpoint last' "$work/out" ||
  { fail "the closing message does not say which checkpoint is which"; cat "$work/out"; }
cmp "$work/plain/ckpt/weights.safetensors" "$work/valid/ckpt/weights.safetensors" || fail "validation changes weights"
test ! -e "$work/plain/ckpt/best.safetensors" || fail "a run without validation keeps best weights"
test "$(metric '/,valid,/p' valid 1 | tr '\n' ' ')" = "7 14 21 28 35 40 " || fail "steps of validation"
test "$(metric '/,valid,/p' valid 6 | sort -u)" = exact || fail "validation does not say what its loss is"
test "$(metric '/,train,/p' plain 5 | tail -n 1)" = "$(metric '/,train,/p' valid 5 | tail -n 1)" || fail "rows of training"
test "$(grep -c '"split": "valid".*"likelihood": "exact", "bits_per_token": [0-9.]*, "perplexity": [0-9.]*}$' \
  "$work/valid/metrics.jsonl")" -eq 6 || { fail "metrics.jsonl"; tail -n 1 "$work/valid/metrics.jsonl"; }

# Best and last differ where training makes the loss on development data worse: here these are the
# same characters, sorted. --checkpoint best evaluates the weights of the least loss.
fold -w 1 <"$work/text" | sort | tr -d '\n' >"$work/sorted"
expect 0 "" $course --set valid="$work/sorted" --eval-every 5 --set schedule=constant --set rate=0.05 --out "$work/worse"
best=$(metric '/,valid,/p' worse 1,5 | sort -t, -g -k2 | head -n 1 | cut -d, -f1)
test "$best" -lt 40 || fail "the last weights are the best: the case shows nothing"
grep -q "^best validation loss .* after step $best " "$work/out" || { fail "best step"; cat "$work/out"; }
expect 0 "" train text --config "$work/worse/config" --set train.steps="$best" --out "$work/until" --quiet
expect 0 "" eval "$work/worse" --checkpoint best --json "$work/best.json"
expect 0 "" eval "$work/until" --json "$work/until.json"
expect 0 "" eval "$work/worse" --json "$work/last.json"
nats() { sed -n 's/.*"nats": \([0-9.]*\).*/\1/p' "$work/$1.json"; }
test "$(nats best)" = "$(nats until)" && test "$(nats best)" != "$(nats last)" || fail "--checkpoint best: other weights"
expect 0 "" sample "$work/worse" --checkpoint best --prompt "to be" --n 1
expect 2 "keeps the best weights" sample "$work/plain" --checkpoint best --prompt "to be"
expect 2 "best or last" eval "$work/worse" --checkpoint first

# A run that was stopped goes on with its validation, without being told again.
expect 0 "" $course --set valid=10% --eval-every 7 --set train.steps=20 --set schedule=constant --out "$work/part"
expect 0 "" train --resume "$work/part" --set train.steps=40 --quiet
test "$(metric '/,valid,/p' part 1 | tr '\n' ' ')" = "7 14 20 21 28 35 40 " || fail "validation after --resume"
best=$(metric '/,valid,/p' part 1,5 | sort -t, -g -k2 | head -n 1 | cut -d, -f1)
grep -q "^best validation loss .* after step $best " "$work/out" || { fail "best step after --resume"; cat "$work/out"; }

# Files of one's own: for validation, and for the test, which then is scored as a whole.
expect 0 "" $course --set valid="$work/other" --set test="$work/other" --eval-every 20 --out "$work/files"
grep -qx "task.valid = $work/other" "$work/files/config" || fail "the path of the validation file"
grep -q '^    test .* over '$(($(wc -m <"$work/other") - 1))' tokens' "$work/out" || { fail "a test file is not scored as a whole"; cat "$work/out"; }
expect 0 "" eval "$work/plain" --data "$work/text"
grep -q ' over '$(($(wc -m <"$work/text") - 1))' tokens' "$work/out" || { fail "eval --data scores a part of the file"; cat "$work/out"; }
for task in parity star dyck mincut; do
  expect 0 "" train $task --model mdm $tiny --eval-every 15 --n 2 --out "$work/$task"
  test "$(metric '/,valid,/p' $task 6 | tr '\n' ' ')" = "bound bound " || fail "validation of $task"
done
expect 0 "" instances sudoku --size 4 --puzzles 30 --train --lines csv
cp "$work/out" "$work/boards"
head -n 5 "$work/boards" >"$work/some"
expect 2 "4 of its 4 puzzles are training puzzles" train sudoku --size 4 --data "$work/boards" --set valid="$work/some" \
  --model ap-mdm $tiny --eval-every 30 --out "$work/none"
expect 0 "" train sudoku --size 4 --data "$work/boards" --model ap-mdm $tiny --n 2 --eval-every 30 --out "$work/sudoku"
test ! -e "$work/none" || fail "a refused run left files"

# The manifest of a run has the version, the command, and a hash of each file that it read; a file
# that has changed is named when the run goes on, and a run whose text is elsewhere is sampled.
grep -q "\"path\": \"$work/text\"" "$work/plain/manifest.json" && grep -q '"xxh3": "[0-9a-f]\{16\}"' "$work/plain/manifest.json" &&
  grep -q '"name": "task.data"' "$work/plain/manifest.json" && grep -q '"schema": 1' "$work/plain/manifest.json" ||
  { fail "manifest"; cat "$work/plain/manifest.json"; }
grep -q '"step": 20' "$work/part/manifest.json" || { fail "the manifest does not say that the run went on"; cat "$work/part/manifest.json"; }
grep -q ' goes on after step 20$' "$work/part/log" && grep -q ' step 40 of 40: loss ' "$work/part/log" &&
  grep -q 'Z palimpsest train --resume ' "$work/part/log" && grep -q ' step 35: validation loss ' "$work/part/log" ||
  { fail "log"; cat "$work/part/log"; }
cp "$work/text" "$work/kept"
expect 0 "" train text --data "$work/kept" --model arm $net --set train.steps=4 --quiet --out "$work/changed"
sed 's/not/ton/' "$work/text" >"$work/kept"
expect 2 "task.data: $work/kept has changed since the run began" train --resume "$work/changed" --set train.steps=8 --quiet
expect 0 "task.data: $work/kept has changed" eval "$work/changed"
mv "$work/kept" "$work/gone"
expect 0 "" sample "$work/changed" --prompt "to be" --n 1
cp "$work/text" "$work/moved"
expect 0 "" train --resume "$work/changed" --data "$work/moved" --set train.steps=8 --quiet
mv "$work/boards" "$work/elsewhere"
printf '1...\n..3.\n.4..\n...2\n' >"$work/board"
expect 0 "" eval "$work/sudoku" --data "$work/board"
expect 2 "cannot open $work/boards" eval "$work/sudoku"
mv "$work/elsewhere" "$work/boards"

# All JSON says where it comes from.
expect 0 "" eval "$work/plain" --json "$work/eval.json"
expect 0 "" compare parity --models arm,mdm $tiny --set lengths=2 --set per_length=4 --json "$work/compare.json"
for file in eval compare; do
  for key in '"schema": 1,' '"version": "palimpsest ' '"command": \[' '"seed": 1,' '"xxh3": '; do
    case $file-$key in compare-*xxh3*) continue ;; esac
    grep -q "$key" "$work/$file.json" || fail "no $key in $file.json"
  done
done
test "$(grep -c '"model.width": "4"' "$work/compare.json")" -eq 4 || fail "settings of each row"
grep -q '"name": "weights"' "$work/eval.json" || fail "the weights have no hash"
grep -q '"perplexity": [0-9.]*,' "$work/eval.json" || fail "no perplexity"

# A message of a run that was stopped can be pasted, whatever its name.
mkfifo "$work/first"
long="train parity --model arm --set train.steps=100000 --set train.batch=4 --set train.shard=4 --set layers=1 --set width=8"
"$program" $long --set heads=1 --out "$work/a run" 2>"$work/first" >"$work/out" </dev/null &
pid=$!
exec 3<"$work/first"
head -c 1 <&3 >"$work/byte"
kill -TERM $pid
cat <&3 >"$work/err"
wait $pid
test $? -eq 143 || fail "not stopped by the signal"
grep -q "stopped by signal 15 after step [0-9]*, kept in $work/a run, go on with: palimpsest train --resume '$work/a run'$" "$work/err" ||
  { fail "the way on"; cat "$work/err"; }
grep -q "stopped by signal 15 after step" "$work/a run/log" || fail "the log lacks messages"

# Work that may take very long says that it goes on.
timeout -s INT 5 "$program" instances sudoku --givens 17 --n 1 >"$work/out" 2>"$work/err" </dev/null
grep -q '^palimpsest: still making instances .* after 3 s; Ctrl-C ends it$' "$work/err" || { fail "nothing is said"; cat "$work/err"; }

exit $failed
