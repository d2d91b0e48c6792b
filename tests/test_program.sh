#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The program as a user runs it: successful runs, and errors, which must give a clear message on
# stderr, a non-zero exit code and no partly written file.
. "${srcdir:-.}/tests/expect.sh"

expect 0 "" --version
expect 0 "" --help
expect 0 "" train --help
expect 0 "" info
expect 0 "" info op matmul
expect 0 "" info model ap-mdm
expect 2 "there is no verb" fly
expect 2 "no option --wings" train --wings
expect 2 "takes a value" train --set
expect 2 "no option --size" info --size 4
expect 2 "has no setting \"wings\"\|has a setting \"wings\"" train parity --model arm --wings 2
expect 2 "whole number" info --threads zero
expect 2 "number of seconds" train parity --model arm --keep-every 0
expect 2 "instruction set" info --isa mmx
expect 2 "no task is named" train juggling --model arm
expect 2 "no model is named" train parity --model gpt
expect 2 "no model is named" compare parity --models arm,gpt $quick
many=arm
for i in 1 2 3 4 5 6 7; do many=$many,arm,mdm,arm,mdm,arm; done # 36 models
expect 2 "more than 32" compare parity --models "$many" $quick
expect 2 "has no setting \"colour\"\|has a setting \"colour\"" train parity --model arm --set colour=red
expect 2 "key=value" train parity --model arm --set colour
for value in nan inf; do # refused by name, not read as a number
  expect 2 "weight_decay takes a number from 0 to 1000, not \"$value\"" train parity --model arm \
    --set "train.weight_decay=$value" --out "$work/none"
done
expect 2 "layers takes a whole number" train parity --model arm --set layers=1.5 --out "$work/none"
expect 2 "per_length takes a whole number" train parity --model arm --set per_length=nan --out "$work/none"
expect 2 "takes a whole number" train parity --model arm --set model.width=wide --out "$work/none"
expect 2 "must divide" train parity --model arm --set model.heads=3 --out "$work/none"
expect 2 "plug-in" info --plugin "$work/absent.so"

# Programs of a parallel machine: a run, and what is refused with file, line and column.
sums=${srcdir:-.}/examples/pram/prefix_sums.pram
printf '# an instance a line\n3 1 4 1 5\n\n0 0 9\n' >"$work/cells"
expect 0 "" pram "$sums" --set n=5 --data "$work/cells"
grep -c '^memory    3 4 8 9 14$\|^memory    0 0 9 9 9$' "$work/out" | grep -qx 2 ||
  { echo "FAIL pram computes other sums"; cat "$work/out"; failed=1; }
expect 2 "takes the file" pram
expect 2 "absent" pram "$work/absent.pram"
expect 2 "n is 0" pram "$sums" --set n=0
expect 2 "n is a whole number" pram "$sums" --set n=many
expect 2 "has n and seed" pram "$sums" --set m=3
expect 2 "prefix_sums.pram:7:13: processors is 2000, but must be within 1 .. 1024" pram "$sums" --set n=2000
expect 2 "cells:2: more than 2 numbers" pram "$sums" --set n=2 --data "$work/cells"
printf '5 6\n7 1024\n' >"$work/cells"
printf '3 1 4 1 5\n' >"$work/five"
expect 0 "" compile "$sums" --model ap-mdm --set n=5 --out "$work/compiled"
grep -q '^context 81 rows, at most 35 forward passes$' "$work/out" ||
  { echo "FAIL compile prints another context"; cat "$work/out"; failed=1; }
expect 0 "" eval "$work/compiled" --data "$work/five"
grep -q 'exact 100.00 .*time 33 .*on_time 100.00 .*passes 35.0' "$work/out" ||
  { echo "FAIL the compiled program does not take T + 2 passes"; cat "$work/out"; failed=1; }
expect 0 "" sample "$work/compiled" --data "$work/five"
grep -q -- '-> 3 4 8 9 14' "$work/out" || { echo "FAIL the compiled sums"; cat "$work/out"; failed=1; }
expect 0 "" compare pram --quiet --models ap-mdm --program "$sums" --set n=3 --n 4 --out "$work/machines"
grep -q '^ap-mdm (compiled) .* 100.00 .* of 4' "$work/out" && ! grep -q 'minutes\|budget' "$work/out" ||
  { echo "FAIL compare of compiled models"; cat "$work/out"; failed=1; }
expect 0 "" eval "$work/machines/ap-mdm-compiled-1" --n 2
printf 'task = parity\n[row a]\nmodel = arm\ncompiled = yes\n' >"$work/compiled.conf"
expect 2 'task "parity" has no program' compare parity --recipe "$work/compiled.conf"
expect 2 "holds a run already" compile "$sums" --model ap-mdm --set n=5 --out "$work/compiled"
expect 0 "" compile "$sums" --model mdm --set n=2 --out "$work/steps"
grep -q '^context 201 rows, k 7 for each step and processor, at most 14 forward passes$' "$work/out" ||
  { echo "FAIL compile prints another context of the mdm"; cat "$work/out"; failed=1; }
expect 0 "" eval "$work/steps" --n 2
grep -q 'exact 100.00 .*time 13 .*on_time 100.00 .*passes 14.0' "$work/out" ||
  { echo "FAIL the compiled mdm does not take T + 1 passes"; cat "$work/out"; failed=1; }
expect 2 "layout takes one of: ap-mdm mdm arm" compile "$sums" --model masked-arm --out "$work/none"
expect 2 "for n=125 and 100375 steps the model mdm needs 602289 rows, and 262144 are possible" \
  compile "${srcdir:-.}/examples/pram/sequential.pram" --model mdm --set n=125 --out "$work/none"
expect 2 "bench pram takes the file of a program" bench pram
expect 2 "to which model" compile "$sums" --out "$work/none"
expect 2 "which program" instances pram
expect 2 "it has changed" eval "$work/compiled" --set "program=${srcdir:-.}/examples/pram/sort.pram"
expect 2 'cells:2:3: "1024" is no word of 10 bits' pram "$sums" --set n=2 --data "$work/cells"

# A model of any order as one that goes from left to right.
board="--set size=4 --set puzzles=5 --set test_puzzles=6 $quick --set layers=1 --set width=16 --set heads=2"
expect 0 "" train sudoku --model mdm $board --set positions=none --out "$work/any"
expect 2 "order=confidence: give --set model.order=log_margin" simulate "$work/any" --out "$work/none"
expect 0 "" simulate "$work/any" --set model.order=log_margin --out "$work/left" --n 6
grep -qx 'added layers 5' "$work/out" && grep -q '^instances 6: ' "$work/out" && grep -q '^decisions compared .*; beyond it 0 differ$' "$work/out" ||
  { echo "FAIL the simulation makes other choices"; cat "$work/out"; failed=1; }
expect 0 "" eval "$work/left"
expect 0 "" sample "$work/left" --n 1 --watch
expect 2 "holds a run already" simulate "$work/any" --set model.order=log_margin --out "$work/left"
expect 2 "which run" simulate
expect 0 "" train parity --model mdm $tiny --set model.order=log_margin --out "$work/no-board"
expect 2 "not a board" simulate "$work/no-board" --out "$work/none"
expect 2 "not a board\|takes a run of mdm" simulate "$work/compiled" --out "$work/none"
test ! -e "$work/none" || { echo "FAIL a refused simulation left files"; failed=1; }

# Text: no file, an empty file, too short a file, bytes that are not UTF-8.
: >"$work/empty"
expect 2 "give a file" train text --model arm --out "$work/none"
expect 2 "absent" train text --model arm --data "$work/absent" --out "$work/none"
expect 2 "too few" train text --model arm --data "$work/empty" --out "$work/none"
printf 'abc' >"$work/short"
expect 2 "too few" train text --model arm --data "$work/short" --out "$work/none"
test ! -e "$work/none" || { echo "FAIL a refused run left files"; failed=1; }
i=0
while [ $i -lt 40 ]; do printf 'to be or not to be \351\n'; i=$((i + 1)); done >"$work/latin"
expect 0 "" train text --model arm --data "$work/latin" --set characters=bytes --set block=8 $tiny --out "$work/latin-run"

# Another file is read with the run's own characters: fewer will do, as many others will not.
i=0
while [ $i -lt 40 ]; do printf 'abcab cbacb \303\251\n'; i=$((i + 1)); done >"$work/abc"
sed 's/c/b/g' "$work/abc" >"$work/fewer"
sed '3s/b/z/' "$work/fewer" >"$work/foreign"
expect 0 "" train text --model arm --data "$work/abc" --set block=8 $tiny --out "$work/abc-run"
grep -qx 'task.characters = a,20,61-63,e9' "$work/abc-run/config" ||
  { echo "FAIL the run does not keep its characters"; failed=1; }
expect 0 "" eval "$work/abc-run" --data "$work/fewer"
expect 2 "not the training data" train text --config "$work/abc-run/config" --data "$work/fewer" \
  --out "$work/abc-run" --resume
expect 2 "foreign:3: character 7a" eval "$work/abc-run" --data "$work/foreign"
expect 2 "not UTF-8" eval "$work/abc-run" --data "$work/latin"
expect 0 "" eval "$work/latin-run" --data "$work/latin"
for characters in 20-1f 61,,62 61, g -1 bytes:100 0-ffffff; do
  expect 2 "ascending code points" train text --model arm --data "$work/abc" \
    --set "characters=$characters" --out "$work/none"
done
expect 2 "cannot open" train parity --model ap-mdm --resume --out "$work/none"
test ! -e "$work/none" || { echo "FAIL a refused run left files"; failed=1; }

# First weights: those of a run or of a file; what does not fit is an error, or is listed.
expect 0 "" train parity --model mdm $tiny --set train.steps=3 --out "$work/origin"
expect 0 "" train parity --model mdm $tiny --set train.steps=0 --set train.seed=5 --init "$work/origin" --out "$work/same"
expect 0 "" train parity --model mdm $tiny --set train.steps=0 --set train.seed=5 --out "$work/fresh" \
  --init "$work/origin/ckpt/weights.safetensors"
for run in same fresh; do
  tail -c 500 "$work/$run/ckpt/weights.safetensors" >"$work/$run.end"
  tail -c 500 "$work/origin/ckpt/weights.safetensors" | cmp - "$work/$run.end" ||
    { echo "FAIL --init does not begin with the weights it names"; failed=1; }
done
expect 2 "the weights are of model mdm;model.edit.weight is not in the file;" train parity --model ap-mdm $tiny \
  --init "$work/origin" --out "$work/heads"
expect 2 "init-partly would take" train parity --model ap-mdm $tiny --init "$work/origin" --out "$work/heads"
test ! -e "$work/heads" || { echo "FAIL a refused run left files"; failed=1; }
expect 0 "" train parity --model ap-mdm $tiny --set train.steps=3 --init "$work/origin" --init-partly --out "$work/heads"
grep -q "^palimpsest: --init: model.edit.weight is not in the file$" "$work/err" ||
  { echo "FAIL what --init skipped is not listed"; cat "$work/err"; failed=1; }
expect 2 "no tensor fits" train parity --model mdm $tiny --set width=6 --init "$work/origin" --init-partly --out "$work/none"
expect 2 "give one of them" train parity --model mdm $tiny --init "$work/origin" --resume --out "$work/origin"
expect 2 "needs --init" train parity --model mdm $tiny --init-partly --out "$work/none"
expect 2 "cannot open" train parity --model mdm $tiny --init "$work/none" --out "$work/none"

expect 2 "no run in $work/none" train --resume "$work/none"
expect 2 "the run's directory alone" train --resume "$work/origin" --out "$work/none"
expect 2 "width is 4, not 6" train --resume "$work/origin" --set width=6
expect 0 "" train --resume "$work/origin" --set train.steps=4 --quiet
expect 2 "same file" train --resume "$work/origin" --json "$work/origin/metrics.csv"
test "$("$program" train --resume "$work/origin" --set train.steps=5 2>&1 | grep -c "^training.*100.0 %.* 0 s left")" -eq 1 ||
  { echo "FAIL a resumed run shows no progress"; failed=1; }

# Plans: those of training, with the trainer's settings; that of decoding; bad input.
for model in arm masked-arm mdm ap-mdm; do
  expect 0 "" plan parity --model $model $tiny --decode
  grep -q "^== decoding step for one sequence of model $model on task parity$" "$work/out" &&
    grep -q '^loop [0-9]* [0-9]*$' "$work/out" && ! grep -q 'gradient' "$work/out" ||
    { echo "FAIL no plan of a step of $model"; cat "$work/out"; failed=1; }
done
for recompute in 0 1; do
  expect 0 "" plan parity --model ap-mdm --set layers=4 --set train.recompute=$recompute
  sed -n '/^== forward/,/^== optim/s/^arena \([0-9]*\) .*/\1/p' "$work/out" >"$work/arena.$recompute"
done
test "$(cat "$work/arena.1")" -lt "$(cat "$work/arena.0")" ||
  { echo "FAIL the plan is not that of the trainer's settings"; cat "$work"/arena.*; failed=1; }
for words in '^stage 0$' '^  chain over T, [0-9]* rows at a time$' '^    linear phase 1 of 2 -> ' \
             '^palimpsest-graph 1$' '^output "gradient.model\.' '^== optimizer.s update of model ap-mdm'; do
  grep -q "$words" "$work/out" || { echo "FAIL the plan lacks $words"; cat "$work/out"; failed=1; }
done
expect 0 "" plan parity
grep -q '^== forward and backward pass of one shard of model arm on' "$work/out" ||
  { echo "FAIL no plan of the first model"; failed=1; }
expect 2 "plan what" plan
expect 2 "no task is named" plan juggling
expect 2 "no model is named" plan parity --model gpt
expect 2 "has a setting \"wings\"" plan parity --wings 2
expect 2 "must divide" plan parity --model arm --set heads=3
expect 2 "train has no option --decode" train parity --model arm --decode
expect 2 "plan has no option --out" plan parity --out "$work/none"

# A run, its directory, and the same model again.
edits="--set window=3 --set lengths=2,3,9 --set per_length=10"
expect 0 "" train parity --model ap-mdm $tiny $edits --out "$work/run" --json "$work/run.json"
for file in config metrics.csv metrics.jsonl ckpt/weights.safetensors ckpt/state.safetensors; do
  test -s "$work/run/$file" || { echo "FAIL the run has no $file"; failed=1; }
done
grep -q '"model": "ap-mdm"' "$work/run.json" || { echo "FAIL no row in the JSON"; failed=1; }
expect 0 "" eval "$work/run"
cp "$work/out" "$work/first"
expect 0 "" eval "$work/run" --threads 1
cmp -s "$work/out" "$work/first" || { echo "FAIL eval differs between runs"; failed=1; }
expect 0 "" sample "$work/run" --n 1
# A sample longer than any buffer is printed whole; more models than a table holds are refused.
printf '%05000d\n' 0 >"$work/zeros"
expect 0 "" sample "$work/run" --data "$work/zeros" --n 1
grep -q "$(cat "$work/zeros")" "$work/out" || { echo "FAIL a long sample was cut"; failed=1; }
expect 2 "more than .* rows; compare fewer" compare parity --models "$(printf 'arm,%.0s' $(seq 400))" $quick
printf '0110\n# a comment\n1\n' >"$work/bits"
expect 0 "" eval "$work/run" --data "$work/bits" --json "$work/bits.json"
grep -q '"n": 2' "$work/bits.json" || { echo "FAIL the file's two instances are not counted"; failed=1; }
printf '0110\n012\n' >"$work/bad-bits"
expect 2 "bad-bits:2" eval "$work/run" --data "$work/bad-bits"
expect 2 "absent" eval "$work/absent"
expect 0 "" train parity --config "$work/run/config" --out "$work/again" --quiet
cmp -s "$work/run/ckpt/weights.safetensors" "$work/again/ckpt/weights.safetensors" ||
  { echo "FAIL the resolved config does not repeat the run"; failed=1; }
# Sudoku boards of a user: what is no puzzle is refused by file and line, the others are decoded.
boards="--set size=4 --set puzzles=5 --set test_puzzles=5 --set cap=20"
expect 0 "" train sudoku --model ap-mdm $tiny $boards --set guess=1 --out "$work/sudoku"
cat >"$work/boards" <<'END'
quizzes,solutions
1.3.341..1434..1
# a comment

1.3.341..1434..1,1234341221434321
7 0 0 1 0 0 2 3 0 1 0 3 0 1 1 4 0 2 1 1 0 2 2 4 0 3 3 1 0 0 1 2 2 0 3 4 2 1 2 1 1 1 3 2 1 2 0 2 1 2 3 3 1 3 0 4 1 3 1 3 1 3 2 2 1
1.3.341..1434..
1.3.341..1434..9
1.3.34111.434..1
123....4........
1.3.............
END
expect 2 "boards:7: a board of size 4 has 16 characters" eval "$work/sudoku" --data "$work/boards" --json "$work/boards.json"
for words in 'boards:8: place 16 holds "9"' 'boards:9: contradictory givens' \
             'boards:10: the puzzle has no solution' 'boards:11: the puzzle has several solutions'; do
  grep -q "$words" "$work/err" || { echo "FAIL no \"$words\""; cat "$work/err"; failed=1; }
done
test "$(grep -c refused: "$work/err")" -eq 5 || { echo "FAIL not five boards refused"; failed=1; }
grep -q '"n": 3' "$work/boards.json" || { echo "FAIL the three good boards are not counted"; failed=1; }
head -n 6 "$work/boards" >"$work/good-boards"
expect 0 "" eval "$work/sudoku" --data "$work/good-boards" --svg "$work/curve.svg"
grep -q '^</svg>' "$work/curve.svg" || { echo "FAIL no plot"; failed=1; }
grep -q 'givens  *[1-9]' "$work/out" && grep -q 'singles suffice\|guesses needed' "$work/out" ||
  { echo "FAIL kinds of boards are not counted"; cat "$work/out"; failed=1; }
printf 'line,n,passes\na,2,4\na,4,100\nb,2,7\n' >"$work/points.csv"
expect 0 "" plot "$work/points.csv" --svg "$work/points.svg"
test "$(grep -c 'fill="none" stroke=' "$work/points.svg")" -eq 2 && grep -q '>passes<' "$work/points.svg" ||
  { echo "FAIL points are not two lines of a plot"; cat "$work/points.svg"; failed=1; }
printf 'line,n,passes\na,2,4\na,4\n' >"$work/points.csv"
expect 2 "points.csv:3: not of the form NAME,X,Y" plot "$work/points.csv"
printf 'line,n,passes\na,2,many\n' >"$work/points.csv"
expect 2 'points.csv:2: "many" is no number' plot "$work/points.csv"
tail -n 5 "$work/boards" >"$work/bad-boards"
expect 2 "boards:7" eval "$work/sudoku" --data "$work/boards" --data "$work/good-boards" --svg "$work/two.svg"
grep -q "boards (3)<" "$work/two.svg" && grep -q "good-boards ([1-9][0-9]*)<" "$work/two.svg" &&
  test "$(grep -c 'fill="none" stroke=' "$work/two.svg")" -eq 2 ||
  { echo "FAIL two files are not two lines of the plot"; cat "$work/two.svg"; failed=1; }
expect 2 "data is given too often" train sudoku --model ap-mdm --data "$work/boards" --data "$work/boards"
for i in $(seq 128); do echo "task.per_length = 10"; done >"$work/many"
expect 2 '"task.lengths=2": more than 128 settings of the task' train parity --model arm --config "$work/many" \
  --set lengths=2
expect 2 "plugin p is given too often: at most 16 times" info $(for i in $(seq 17); do echo --plugin p; done)
expect 2 "every instance is refused" eval "$work/sudoku" --data "$work/bad-boards"
expect 2 "boards:7" train sudoku --model ap-mdm $tiny --set size=4 --data "$work/boards" --out "$work/none"
expect 0 "" train sudoku --model ap-mdm $tiny --set size=4 --set puzzles=0 --data "$work/good-boards" \
  --set test_puzzles=2 --set cap=3 --out "$work/from-file"

# Graphs of a user, likewise; and a state may grow to the longest of the task.
graphs="--set nodes=4-5 --set per_size=2"
expect 0 "" train mincut --model ap-mdm $tiny $graphs --set tau_insert=0 --out "$work/mincut"
printf '%s\n' '# graphs' '5 9 5>12 12>9' '5 9 5>12 12>5 12>9' '5 5 5>9' '5 9 9>5' '5 64 5>9' '5 9 5>9 x' \
  '0 9 0>1 1>2 2>3 3>4 4>5 5>6 6>7 7>8 8>9' '5 9 5>9' >"$work/graphs"
expect 2 "graphs:3: edges 5>12 and 12>5 are antiparallel" eval "$work/mincut" --data "$work/graphs" --json "$work/graphs.json"
for words in 'graphs:4: node 5 is both' 'graphs:5: no path leads' 'graphs:6: "64" is not' 'graphs:7: "x" is not' \
             'graphs:8: a graph of 10 nodes and 9 edges'; do
  grep -q "$words" "$work/err" || { echo "FAIL no \"$words\""; cat "$work/err"; failed=1; }
done
test "$(grep -c refused: "$work/err")" -eq 6 && grep -q '"n": 2' "$work/graphs.json" ||
  { echo "FAIL not six of eight graphs refused"; cat "$work/err"; failed=1; }
expect 0 "" sample "$work/mincut" --n 1 --watch
grep -q '^pass 2: ' "$work/out" || { echo "FAIL the state does not grow"; cat "$work/out"; failed=1; }

# Words of a user, likewise; and a report counts what has become of them.
expect 0 "" train dyck --model ap-mdm $tiny --set bits=sample --set samples=2 --out "$work/dyck"
printf '%s\n' '^aA' abBA aAc aAb abAB '^' >"$work/words"
expect 2 "words:3: character 3 is 'c'" eval "$work/dyck" --data "$work/words"
for words in 'words:4: a word has an even number' 'words:5: 4 of its 4 letters are left'; do
  grep -q "$words" "$work/err" || { echo "FAIL no \"$words\""; cat "$work/err"; failed=1; }
done
grep -q '3 instances refused' "$work/out" && grep -Eq '^ +([0-9]+ letters|unhalted)' "$work/out" ||
  { echo "FAIL not three of six words refused, or lengths not counted"; cat "$work/out"; failed=1; }

# The kept recipes are settings of today.
for recipe in quickstart full 16x16 arm4x4; do
  expect 0 "" train sudoku --config "${srcdir:-.}/examples/sudoku/$recipe.conf" $tiny --set puzzles=2 \
    --set test_puzzles=1 --set cap=1 --set train.warmup=1 --out "$work/$recipe"
done

# One of them pass by pass, without escape sequences since no terminal is there. The run may move,
# and needs no more than its config and weights.
mkdir -p "$work/elsewhere/ckpt" && mv "$work/sudoku/config" "$work/elsewhere" &&
  mv "$work/sudoku/ckpt/weights.safetensors" "$work/elsewhere/ckpt"
expect 0 "" sample "$work/elsewhere" --watch --data "$work/good-boards" --svg "$work/board.svg" --html "$work/board.html"
grep -q '^start' "$work/out" && grep -q 'pass 1: [0-9]* written, [0-9]* remasked' "$work/out" &&
  grep -q '^solved in\|^failed: ' "$work/out" || { echo "FAIL no passes shown"; cat "$work/out"; failed=1; }
if grep -q "$(printf '\033')" "$work/out"; then echo "FAIL colours in a file"; failed=1; fi
grep -q '^</svg>' "$work/board.svg" || { echo "FAIL no picture"; failed=1; }
grep -q '^</script></body></html>\|</html>' "$work/board.html" || { echo "FAIL no page"; failed=1; }
if grep -qi 'src=\|href=\|url(\|@import' "$work/board.html"; then echo "FAIL the page wants more"; failed=1; fi

# A run that goes on is the one that never stopped, rows counted; with other puzzles it does not.
course="train sudoku --model ap-mdm $tiny $boards --set train.schedule=constant --set train.warmup=0"
expect 0 "" $course --set train.steps=40 --out "$work/straight" --json "$work/straight.json"
expect 0 "" $course --set train.steps=17 --out "$work/halves"
expect 2 "task.puzzles is 5, not 4" $course --set train.steps=40 --resume --out "$work/halves" --set puzzles=4
expect 2 "task.augment is 1, not 0" $course --set train.steps=40 --resume --out "$work/halves" --set augment=0
expect 0 "" $course --set train.steps=40 --resume --out "$work/halves" --json "$work/halves.json"
for file in weights state; do
  cmp "$work/straight/ckpt/$file.safetensors" "$work/halves/ckpt/$file.safetensors" ||
    { echo "FAIL a resumed run on boards is not the one that never stopped"; failed=1; }
done
grep '"train_rows": 5120' "$work/straight.json" >/dev/null && grep '"train_rows": 5120' "$work/halves.json" >/dev/null ||
  { echo "FAIL 40 steps of 8 boards of 16 rows are not 5,120 rows"; failed=1; }

# The checkpoints that come with the examples.
kept="${srcdir:-.}/examples/sudoku/checkpoint"
expect 0 "" eval "$kept" --set test_puzzles=5 --set test_seed=3
grep -q "exact 100.00 %.* of  *5\* valid 100.00 %  kept 100.00 %" "$work/out" ||
  { echo "FAIL the kept checkpoint does not solve five boards"; cat "$work/out"; failed=1; }
expect 0 "" eval "${srcdir:-.}/examples/mincut/checkpoint" --set test_nodes=4 --set per_size=5
grep -Eq 'nodes=4 +exact +100.00 %.* of +5\*' "$work/out" ||
  { echo "FAIL the kept model does not solve five graphs"; cat "$work/out"; failed=1; }

# Instances as lines, in each form: nothing but what a file of that form holds, read back and
# evaluated.
for form in csv board row; do
  expect 0 "" instances sudoku --set size=4 --set test_puzzles=40 --set test_seed=9 --set lines=$form
  cp "$work/out" "$work/lines.$form"
  expect 0 "" eval "$work/elsewhere" --data "$work/lines.$form" --json "$work/boards.json"
  grep -q '"n": 40' "$work/boards.json" || { echo "FAIL 40 boards written as $form are not 40 read"; failed=1; }
done
head -n 1 "$work/lines.csv" | grep -qx 'quizzes,solutions' || { echo "FAIL no header"; failed=1; }
sed '1d;s/,.*//' "$work/lines.csv" | cmp - "$work/lines.board" || { echo "FAIL csv and board differ"; failed=1; }
test "$(grep -Ecx '([0-9]+ ){64}[0-9]+' "$work/lines.row")" -eq 40 || { echo "FAIL not 40 rows"; failed=1; }
printf '%s\0rubbish\n' "$(head -n 1 "$work/lines.board")" >"$work/zero"
expect 2 "zero:1: the line holds a zero byte" eval "$work/elsewhere" --data "$work/zero"
expect 2 "zero:1: the line holds a zero byte" train sudoku --model ap-mdm $tiny --set size=4 --data "$work/zero" --out "$work/none"
sed -n '2s/.*,//p' "$work/lines.csv" >"$work/full-board"
expect 2 "full-board:1: the board has no blank" eval "$work/elsewhere" --data "$work/full-board"
expect 0 "" eval "$work/elsewhere" --steps 40 --json "$work/steps.json"
grep -q '"set": "single steps"' "$work/steps.json" || { echo "FAIL no single steps"; failed=1; }
expect 0 "" eval "$work/elsewhere" --steps 40 --data "$work/good-boards"
expect 2 "absent" eval "$work/elsewhere" --steps 40 --data "$work/absent"
for model in masked-arm ap-mdm; do
  expect 0 "" train text --model $model --data "$work/latin" --set characters=bytes --set block=8 $tiny --out "$work/latin-$model"
  expect 2 "labelled states" eval "$work/latin-$model" --steps 40
done

# What a loss says of the likelihood: in text, JSON, the table and the metrics.
expect 0 "" eval "$work/latin-ap-mdm" --json "$work/none.json"
grep -q 'no likelihood is defined for ap-mdm' "$work/out" && ! grep -q nats "$work/out" &&
  grep -q '"nats": null' "$work/none.json" && grep -q '"likelihood": "none"' "$work/none.json" &&
  tail -n 1 "$work/latin-ap-mdm/metrics.csv" | cut -d, -f6-8 | grep -qx 'none,,' ||
  { echo "FAIL a training loss passes for a likelihood"; cat "$work/out" "$work/none.json"; failed=1; }
tail -n 1 "$work/latin-run/metrics.csv" | cut -d, -f6-8 | grep -q '^exact,[0-9.]*,[0-9.]*$' || { echo "FAIL no bits"; failed=1; }
expect 0 "" sample "$work/latin-run" --watch
grep -q '^halted by itself after 8 passes' "$work/out" && ! grep -q failed "$work/out" ||
  { echo "FAIL a text is called a failure"; cat "$work/out"; failed=1; }
expect 0 "" compare text --data "$work/abc" --set block=8 $tiny --json "$work/text.json"
sed -n '/^held-out /,$p' "$work/out" >"$work/summary"
grep -q '^held-out .*nats per token  *bits per token' "$work/summary" && ! grep -q 'exact %' "$work/summary" &&
  grep -q '^arm .* exact$' "$work/summary" && grep -q '^mdm .* <= .*+-.* upper bound, 16 draws' "$work/summary" &&
  grep -q '^masked-arm .* estimate, 16 draws' "$work/summary" && grep -q '^ap-mdm .* none ' "$work/summary" ||
  { echo "FAIL the table does not say what its figures are"; cat "$work/summary"; failed=1; }
test "$(grep -o '"likelihood": "[a-z]*"' "$work/text.json" | tr -d '\n')" = \
  '"likelihood": "exact""likelihood": "exact""likelihood": "bound""likelihood": "none"' ||
  { echo "FAIL the JSON does not say what its figures are"; failed=1; }
expect 0 "" eval "$work/latin-run" --steps 40
grep -q "next tokens  *exact .* of  *40 *$" "$work/out" && test "$(grep -c ' token [1-8]  *5 ' "$work/out")" -eq 8 ||
  { echo "FAIL not 40 next tokens of blocks of 8"; cat "$work/out"; failed=1; }
expect 0 "" instances sudoku --size 4 --test_puzzles=3 --lines board
test "$(grep -cx '[.1-4]\{16\}' "$work/out")" -eq 3 || { echo "FAIL --KEY VALUE sets nothing"; failed=1; }
expect 2 "data is given too often" instances sudoku --data a --data b
cp "$work/lines.board" "$work/a<b&c"
expect 0 "" eval "$work/elsewhere" --data "$work/a<b&c" --svg "$work/odd.svg"
grep -q 'a&lt;b&amp;c (40)<' "$work/odd.svg" || { echo "FAIL a file's name is markup"; failed=1; }
expect 2 "absent" eval "$work/elsewhere" --data "$work/lines.board" --data "$work/absent"
expect 0 "" instances parity --n 3
grep -c "^[01]*$" "$work/out" | grep -q 27 || { echo "FAIL not 3 of each of 9 lengths"; failed=1; }
expect 2 "no text form" instances text --set block=8 --data "$work/abc"
expect 2 "of which task" instances
expect 2 "one instance" sample "$work/elsewhere" --svg "$work/none" --n 2
expect 2 "no pictures" sample "$work/run" --svg "$work/none"
expect 0 "" sample "$work/run" --watch
grep -q '^pass 1: ' "$work/out" || { echo "FAIL no text for a task without pictures"; failed=1; }

grep -q '^train.precision = f32$' "$work/run/config" || { echo "FAIL no precision in the config"; failed=1; }
expect 2 "fp16" train parity --model arm $tiny --set train.precision=fp16 --out "$work/fp16"
printf 'task = parity\nmodel = arm\nnonsense\n' >"$work/bad-config"
expect 2 "bad-config:3" train parity --config "$work/bad-config"

# Stopped by signals while it trains, three times, and resumed as the message says: the end is that of a run that never
# stopped. The first line of progress says that steps are being made; a run that is over before the
# signal comes says nothing and is made again. Progress is shown every 16th step.
steps=2000
course="train parity --model ap-mdm --set window=3 --set lengths=2 --set per_length=5 --set width=8"
course="$course --set train.batch=16 --set train.shard=4 --set train.steps=$steps --set train.ema=0.9"
expect 0 "" $course --out "$work/whole" --quiet
mkfifo "$work/progress"
hup=HUP hup_code=129 # a program under nohup ignores it, and so do those that it starts
case $(awk '/^SigIgn/ {print $2}' /proc/self/status) in *[13579bdf]) hup=INT hup_code=130 ;; esac
for attempt in 1 2 3 4 5; do
  rm -rf "$work/parts"
  stops=0 code=130 run="$course --out $work/parts"
  while :; do
    "$program" $run 2>"$work/progress" >"$work/out" </dev/null &
    pid=$!
    exec 3<"$work/progress"
    head -c 1 <&3 >"$work/first-byte"
    case $stops in 0) kill -INT $pid ;; 1) kill -$hup $pid ;; 2) kill -TERM $pid ;; esac
    wait $pid
    code=$?
    cat <&3 >"$work/err"
    exec 3<&-
    case $stops-$code in 0-130 | 1-$hup_code | 2-143) ;; *) break ;; esac
    run=$(sed -n 's/.*go on with: palimpsest //p' "$work/err")
    stops=$((stops + 1)) at=$(sed -n 's/.*after step \([0-9]*\), kept in .*/\1/p' "$work/err")
    echo "ok stopped by a signal after step $at"
  done
  test $stops -lt 3 || break
done
if [ $code -ne 0 ] || [ $stops -lt 3 ]; then
  echo "FAIL stopped $stops times, then exit $code"; cat "$work/err"; failed=1
fi
test "${at:-0}" -ge 48 || { echo "FAIL the third stop is after step $at: not resumed"; failed=1; }
for file in weights state; do
  cmp "$work/whole/ckpt/$file.safetensors" "$work/parts/ckpt/$file.safetensors" ||
    { echo "FAIL a resumed run is not the one that never stopped"; failed=1; }
done
for run in whole parts; do cut -d, -f1,4- "$work/$run/metrics.csv" >"$work/$run.losses"; done
cmp "$work/whole.losses" "$work/parts.losses" || { echo "FAIL resumed metrics differ"; failed=1; }

# Killed after a checkpoint of several, and resumed: the same end, and each step once in the
# metrics. The weights may be older than the state; rows may be there that will be written again,
# the last one in part. A checkpoint at every step makes the run slow enough to be caught.
for attempt in 1 2 3 4 5; do
  rm -rf "$work/killed"
  "$program" $course --out "$work/killed" --keep-every 0.0001 --quiet >"$work/out" 2>&1 </dev/null &
  pid=$!
  while kill -0 $pid 2>/dev/null && ! test -e "$work/killed/ckpt/weights.safetensors"; do sleep 0.005; done
  kill -9 $pid 2>/dev/null
  wait $pid 2>/dev/null
  code=$?
  at=$(LC_ALL=C tr -dc ' -~' <"$work/killed/ckpt/state.safetensors" |
    sed -n 's/.*"step":"\([0-9]*\)".*/\1/p')
  test $code -ne 137 || test "${at:-$steps}" -ge $steps || break
done
test $code -eq 137 && test "${at:-$steps}" -lt $steps || { echo "FAIL exit $code after step $at: not killed"; failed=1; }
echo "ok killed after the checkpoint of step $at"
rm -f "$work/killed/ckpt/weights.safetensors"
: >"$work/killed/ckpt/weights.safetensors.tmp-1-1"
expect 2 "holds a run already" $course --out "$work/killed" --quiet
tail -n 2 "$work/whole/metrics.csv" >>"$work/killed/metrics.csv"
tail -n 2 "$work/whole/metrics.jsonl" | head -c 300 >>"$work/killed/metrics.jsonl"
printf '%d,2' "$at" >>"$work/killed/metrics.csv"
expect 0 "" $course --out "$work/killed" --resume --quiet
for file in weights state; do
  cmp "$work/whole/ckpt/$file.safetensors" "$work/killed/ckpt/$file.safetensors" ||
    { echo "FAIL a run that was killed and resumed is not the one that never stopped"; failed=1; }
done
ls "$work/killed/ckpt" | grep tmp && { echo "FAIL half a checkpoint was left"; failed=1; }
cut -d, -f1,4- "$work/killed/metrics.csv" | cmp - "$work/whole.losses" ||
  { echo "FAIL metrics.csv of the killed run differs"; failed=1; }
for run in whole killed; do sed 's/"seconds": [0-9.]*, //' "$work/$run/metrics.jsonl" >"$work/$run.lines"; done
cmp "$work/whole.lines" "$work/killed.lines" || { echo "FAIL metrics.jsonl of the killed run differs"; failed=1; }

# A column for each part of the loss, by its name. A CSV in the columns of an earlier version is
# converted when its run is resumed, one of other columns is refused.
head -n 1 "$work/whole/metrics.csv" |
  grep -qx "step,tokens,seconds,split,loss,likelihood,bits_per_token,perplexity,rate,gradient_norm,loss_unmask,loss_remask,loss_insert,loss_remove" ||
  { echo "FAIL columns of metrics.csv"; head -n 1 "$work/whole/metrics.csv"; failed=1; }
cp -r "$work/whole" "$work/former"
awk -F, -v OFS=, 'NR == 1 { print "step,tokens,seconds,split,loss,loss_1,loss_2,loss_3,loss_4,bits_per_token,rate,gradient_norm" }
  NR > 1 { print $1, $2, $3, $4, $5, $11, $12, $13, $14, $7, $9, $10 }' "$work/whole/metrics.csv" >"$work/former/metrics.csv"
expect 0 "" $course --out "$work/former" --resume --quiet
cmp "$work/whole/metrics.csv" "$work/former/metrics.csv" || { echo "FAIL former metrics.csv"; failed=1; }
sed 's/loss_unmask/loss_other/' "$work/whole/metrics.csv" >"$work/former/metrics.csv"
expect 2 "metrics.csv has other columns" $course --out "$work/former" --resume --quiet
grep -q loss_other "$work/former/metrics.csv" || { echo "FAIL a refused metrics.csv was changed"; failed=1; }

# A name that is not UTF-8 is in the JSON all the same; what cannot be read is no end of a file.
latin="$work/$(printf 'caf\351').csv"
if cp "$work/lines.csv" "$latin" 2>"$work/refused"; then
  expect 0 "" eval "$work/elsewhere" --data "$latin" --json "$work/latin.json"
  grep -q "\"set\": \".*caf$(printf '\357\277\275').csv\"" "$work/latin.json" ||
    { echo "FAIL a set is missing from the JSON"; cat "$work/latin.json"; failed=1; }
fi
expect 1 "Is a directory" train parity --model arm --config "$work" --out "$work/none"
# Damaged weights, a full disk, a loss that is not finite.
head -c 100 "$work/run/ckpt/weights.safetensors" >"$work/cut" && cp -r "$work/run" "$work/damaged" &&
  cp "$work/cut" "$work/damaged/ckpt/weights.safetensors"
expect 2 "weights.safetensors" eval "$work/damaged"
if [ -c /dev/full ]; then
  expect 1 "/dev/full" eval "$work/run" --json /dev/full
  for kind in csv jsonl; do
    mkdir "$work/full-$kind"
    ln -s /dev/full "$work/full-$kind/metrics.$kind"
    expect 1 "metrics.$kind: a row cannot be written" train parity --model arm $tiny --out "$work/full-$kind"
  done
fi
expect 3 "the loss is not a number\|not finite" train parity --model arm $tiny --set train.optimizer=sgd \
  --set train.rate=1e6 --set train.clip=0 --set train.schedule=constant --set train.warmup=0 \
  --set train.weight_decay=1 --set norm=rms --set train.steps=500 --out "$work/diverged"
test ! -e "$work/diverged/ckpt/weights.safetensors" || { echo "FAIL a diverged run left weights"; failed=1; }

# A user who may have two processes: fewer threads, said once, and the same bits. libtool's wrapper
# would need processes of its own, and root is under no limit.
real=$(dirname "$program")/.libs/$(basename "$program")
test -x "$real" || real=$program
if test -z "$PAL_SANITIZER_CFLAGS" && prlimit --nproc=2 true 2>"$work/err"; then
  mkdir "$work/open" && cp "$real" "$(dirname "$real")"/libpalimpsest.so* "$work/open/" 2>/dev/null
  cp -r "$work/run" "$work/open/" && chmod -R a+rX "$work"
  user= && test "$(id -u)" -ne 0 || user="setpriv --reuid 54321 --clear-groups"
  LD_LIBRARY_PATH=$work/open prlimit --nproc=2 $user "$work/open/$(basename "$program")" eval "$work/open/run" \
    --threads 5 >"$work/out" 2>"$work/err" </dev/null || { echo "FAIL exit $? under ulimit -u"; cat "$work/err"; failed=1; }
  cmp "$work/out" "$work/first" || { echo "FAIL fewer threads, other results"; failed=1; }
  test "$(grep -c 'of 5 threads only [1-4] can be made' "$work/err")" -eq 1 ||
    { echo "FAIL it is not said once"; cat "$work/err"; failed=1; }
fi

# Plug-ins: no plug-in at all, another ABI.
printf 'int nothing;\n' >"$work/nothing.c"
printf 'struct { unsigned abi, size; const char *name; int (*f)(void); } palimpsest_plugin = {999, 1, "x", 0};\n' >"$work/abi.c"
for name in nothing abi; do
  ${CC:-cc} -shared -fPIC "$work/$name.c" -o "$work/$name.so" || { failed=1; continue; }
done
expect 2 "exports no" info --plugin "$work/nothing.so"
expect 2 "ABI 999" info --plugin "$work/abi.so"

# A comparison that keeps its runs goes on where it was; settings of one model; everything is checked
# before the first training; and a failure keeps the rows before it.
both="compare parity --models arm,mdm --quiet --set train.steps=20 --set train_max=4 --set lengths=2 --set per_length=40"
expect 0 "" $both --out "$work/both" --json "$work/once.json"
expect 2 "holds a run already" $both --out "$work/both"
rm -r "$work/both/mdm--answer-matched-1"
expect 0 "" $both --out "$work/both" --resume --json "$work/again.json"
for file in once again; do
  sed -n '/"rows"/,$p' "$work/$file.json" | grep -v '"train_seconds"\|"loss"' >"$work/$file.rows"
done
cmp "$work/once.rows" "$work/again.rows" || { echo "FAIL a comparison that went on has other rows"; failed=1; }
test "$(grep -c '"loss": null' "$work/again.json")" -eq 3 || { echo "FAIL rows were trained again"; failed=1; }
expect 2 "needs the --out DIR" $both --resume
expect 2 'no "ap-mdm" is compared' $both --set ap-mdm:width=8
# A size that cannot be matched is refused before anything is trained.
expect 2 "arm.* cannot be brought within 5 % of .*--set arm:width=.*--budget free" \
  compare parity --models mdm,arm --budget matched --quiet $quick --set arm:width=64
test ! -s "$work/out" || { echo "FAIL trained before sizes are compared"; failed=1; }
expect 2 "has a setting \"nothing\"" $both --set mdm:nothing=1 --out "$work/never"
expect 2 "mdm: 3 heads must divide" $both --set mdm:heads=3 --out "$work/never"
test ! -e "$work/never" || { echo "FAIL a comparison began before its settings were checked"; failed=1; }
expect 0 "" $both --set mdm:train.steps=25 --json "$work/one.json"
test "$(grep -c '"steps": 20' "$work/one.json")-$(grep -c '"steps": 25' "$work/one.json")" = 3-1 ||
  { echo "FAIL a setting of one model is one of others"; failed=1; }
expect 3 "only the rows that were done before" $both --set mdm:train.rate=1e6 --set mdm:clip=0 --set mdm:warmup=0 \
  --json "$work/some.json"
grep -q '"complete": false' "$work/some.json" && test "$(grep -c '"model": "arm, ' "$work/some.json")" -eq 3 &&
  ! grep -q '"model": "mdm' "$work/some.json" || { echo "FAIL rows are lost by a failure"; failed=1; }

# Side by side: one table, one JSON.
expect 0 "" compare parity --models arm,masked-arm,mdm,ap-mdm --quiet --json "$work/table.json" \
  --set train.steps=20 --set train_max=4 --set lengths=2,3 --set per_length=10
for model in arm masked-arm mdm ap-mdm; do
  grep -q "\"model\": \"$model," "$work/table.json" || { echo "FAIL no row of $model"; failed=1; }
done
grep -q ' of  *10\* valid' "$work/out" && grep -q '^arm, answer .*[0-9]\*  *[0-9.]*\*' "$work/out" &&
  grep -q '^\* of fewer than 30 instances' "$work/out" ||
  { echo "FAIL shares of ten instances are not marked"; cat "$work/out"; failed=1; }
# The edit model with and without the window it reads parity through.
grep -q '^ap-mdm, edits, window of 3 rows (matched) ' "$work/out" &&
  grep -q '^ap-mdm, edits, no window (matched) ' "$work/out" ||
  { echo "FAIL parity without the window is not shown"; cat "$work/out"; failed=1; }

# Several seeds: a row each, and after them mean, least and greatest of each column.
expect 0 "" compare parity --models arm --seeds 3 --quiet --json "$work/seeds.json" \
  --set train.steps=10 --set train_max=4 --set lengths=2,3 --set per_length=51
awk '/, seed [0-9]/ { if (/seed 1 /) n = 0
       for (i = 1; i <= NF; i++) if ($i == "seed") { a[n] = $(i + 4); b[n++] = $(i + 5) } }
     /of 3 seeds/ { bad += !near(a, $(NF - 1), $1) + !near(b, $NF, $1); seen++ }
     function near(x, shown, what, k, y) {
       y = what == "mean" ? 0 : x[0]
       for (k = 0; k < 3; k++)
         y = what == "mean" ? y + x[k] / 3 : what == "min" ? (x[k] < y ? x[k] : y) : (x[k] > y ? x[k] : y)
       return y - shown < 0.11 && shown - y < 0.11 }
     END { exit bad || seen != 9 }' "$work/out" ||
  { echo "FAIL the seeds are not summed up"; cat "$work/out"; failed=1; }
test "$(grep -c '"seed"' "$work/seeds.json")" = 9 || { echo "FAIL not one row per seed"; failed=1; }
# A model that is evaluated in two ways is summed up in each.
expect 0 "" compare parity --models ap-mdm --seeds 2 --n 20 --quiet --set train.steps=5 \
  --set lengths=2
test "$(sed -n '/^exact %/,$p' "$work/out" | grep -c 'mean of 2 seeds')" = 2 ||
  { echo "FAIL the seeds of each way to decode are not summed up"; cat "$work/out"; failed=1; }

# A running parity behind each bit: learned on strings of two bits, exact at any length, one state
# after another of those trained. A prompt with such places is for an ARM that is told to fill them.
between="train parity --model arm --quiet --set answer=infill --set train_max=2 --set layers=1 --set heads=4 \
  --set width=4 --set hidden=6 --set positions=none --set attention_window=2 --set train.batch=64 \
  --set train.shard=64 --set train.rate=0.01 --set train.steps=1500 --set lengths=1,300 --set per_length=60"
expect 0 "" $between --set infill=1 --out "$work/between"
test "$(grep -c 'exact 100.00 % .* kept 100.00 %  halted 100.00 %  passes' "$work/out")" = 2 &&
  grep -q 'length=300 .* passes 599.0' "$work/out" && grep -q 'note: .* a place for the running parity' "$work/out" &&
  grep -q 'note: .* which never leave the trained states' "$work/out" ||
  { echo "FAIL interleaved parities are not learned"; cat "$work/out"; failed=1; }
printf '1101\n0\n' >"$work/bits"
expect 0 "" eval "$work/between" --data "$work/bits" --answers "$work/answers"
grep -q '"prompt":"^1_1_0_1_","answer":"^11100011","exact":true,"valid":true' "$work/answers" &&
  grep -q '"prompt":"^0_","answer":"^00","exact":true' "$work/answers" ||
  { echo "FAIL parities do not stand behind their bits"; cat "$work/answers"; failed=1; }
expect 0 "" eval "$work/between" --steps 90
grep -q 'next tokens .*exact 100.00 %' "$work/out" && grep -q ' token 2 .*exact 100.00 %' "$work/out" ||
  { echo "FAIL next tokens of masks"; cat "$work/out"; failed=1; }
expect 2 "infill=1" $between --set infill=0 --out "$work/none"
expect 2 "infill=1" eval "$work/between" --set infill=0
expect 0 "" instances parity --set answer=infill --n 3
cp "$work/out" "$work/strings"
expect 0 "" instances parity --n 3
cmp "$work/strings" "$work/out" || { echo "FAIL strings depend on how they are answered"; failed=1; }

# Long sequences that every pass reads whole: some are left out, and that is said.
expect 0 "" train parity --model arm $tiny --set lengths=2000 --set per_length=51 --set train_max=4 --out "$work/long"
grep -q "of  *49 " "$work/out" && grep -q " 2 more were left out" "$work/out" ||
  { echo "FAIL instances are left out in silence"; cat "$work/out"; failed=1; }
expect 2 "task.train_max is 4, not 5" train parity --config "$work/long/config" --set train_max=5 --out "$work/long" --resume

# A row says what has been made of its recipe.
expect 0 "" compare sudoku --models arm --quiet --answer pairs --set order=reading --set size=4 --set puzzles=5 \
  --set test_puzzles=5 --set layers=1 --set width=16 --set train.steps=5 --set train.warmup=1
grep -q "^arm, reading order, answer=pairs (matched)" "$work/out" &&
  grep -q "^arm, solver's order, order=reading (matched)" "$work/out" ||
  { echo "FAIL rows are named by what they are not"; cat "$work/out"; failed=1; }

# What figures rest on is said beside them, by the settings used.
expect 0 "" eval "$kept" --set test_puzzles=1 --json "$work/notes.json"
test "$(grep -c '^    note: ' "$work/out")" -eq 3 && grep -q '"the network is told which cells' "$work/notes.json" ||
  { echo "FAIL no notes on Sudoku"; cat "$work/out"; failed=1; }
expect 0 "" train sudoku --model ap-mdm $tiny --set size=4 --set puzzles=5 --set test_puzzles=1 --set cap=3 \
  --set structure=none --set guess=0 --out "$work/plain-sudoku"
test "$(grep -c '^    note: ' "$work/out")" -eq 1 || { echo "FAIL notes on what was not used"; failed=1; }

# Graphs: every kind of row; published models whose size is not known have none.
expect 0 "" compare mincut --quiet --json "$work/cuts.json" --set nodes=4 --set per_size=2 --set layers=1 \
  --set heads=1 --set width=16 --set hidden=32 --set train.steps=3 --set train.batch=4 --set train.shard=4
for model in "ap-mdm, edits" "arm, the same edits" "arm, answer" "masked-arm, answer" "ao-mdm, answer"; do
  grep -q "\"model\": \"$model, nodes=4" "$work/cuts.json" || { echo "FAIL no row of $model"; failed=1; }
done
grep -q '"parameters": null' "$work/cuts.json" && grep -q '^arm, the same edits, 4 nodes  *90.32 ' "$work/out" ||
  { echo "FAIL published results on graphs"; cat "$work/out"; failed=1; }

# Sudoku: every kind of row, of one size and on one number of rows, beside the published ones.
board="--set size=4 --set puzzles=20 --set test_puzzles=40 --set cap=60 --set layers=1 --set width=16"
expect 0 "" compare sudoku --quiet --json "$work/sudoku.json" $board --set hidden=32 \
  --set train.steps=150 --set train.warmup=20
for model in "ap-mdm, edits" "arm, reading order" "arm, solver's order" masked-arm \
  "ao-mdm, random" "ao-mdm, confidence" "ao-mdm, margin"; do
  grep -q "\"model\": \"$model (matched)\"" "$work/sudoku.json" || { echo "FAIL no row of $model"; failed=1; }
  grep -q "^$model (matched)  *1  *[1-9][0-9]*  *20  *yes  *[0-9]*  *0.1 .* of 40 " "$work/out" ||
    { echo "FAIL no line of $model in the table"; failed=1; }
done
test "$(grep -c '"source": "' "$work/sudoku.json")" -eq 6 && grep -q "^ao-mdm, top-k margin .* 89.49 .*Kim" "$work/out" ||
  { echo "FAIL the published rows are not all there"; failed=1; }
# key NAME: its values in the order of rows.
key() { sed -n "/\"published\"/q;s/.*\"$1\": \([^,]*\).*/\1/p" "$work/sudoku.json"; }
key train_seconds | sort -u | wc -l | grep -q '^ *5$' || { echo "FAIL not five trainings of seven rows"; failed=1; }
key parameters | awk 'NR == 1 {first = $1} $1 < 0.95 * first || $1 > 1.05 * first {exit 1}' ||
  { echo "FAIL sizes differ by more than 5 %"; failed=1; }
key train_rows | awk 'NR == 1 {first = $1} $1 < 0.95 * first || $1 > 1.05 * first {exit 1}' ||
  { echo "FAIL rows seen in training differ by more than 5 %"; failed=1; }
key puzzles | sort -u | tr -d '\n' | grep -qx 20 || { echo "FAIL not twenty puzzles each"; failed=1; }
key exact | awk 'NR == 5 {random = $1} NR == 6 {sure = $1} END {exit NR != 7 || sure < 0.8 || sure <= random}' ||
  { echo "FAIL the surest first is no better than a random order"; failed=1; }
exit $failed
