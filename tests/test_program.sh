#!/bin/sh
# The program from outside: good runs, and what bad input gets (a clear message on stderr, a
# non-zero exit code, nothing half-written).
program=${PROGRAM:-./palimpsest}
test -x "$program" || { echo "no program"; exit 77; }
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0

# expect CODE WORDS ARGUMENTS...: runs the program; its stderr must have the words.
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

expect 0 "" --version
expect 0 "" --help
expect 0 "" train --help
expect 0 "" info
expect 0 "" info op matmul
expect 0 "" info model ap-mdm
expect 2 "there is no verb" fly
expect 2 "no option --wings" train --wings
expect 2 "takes a value" train --set
expect 2 "whole number" info --threads zero
expect 2 "instruction set" info --isa mmx
expect 2 "no task is named" train juggling --model arm
expect 2 "no model is named" train parity --model gpt
expect 2 "no model is named" compare parity --models arm,gpt $quick
expect 2 "has no setting \"colour\"\|has a setting \"colour\"" train parity --model arm --set colour=red
expect 2 "key=value" train parity --model arm --set colour
expect 2 "takes a number" train parity --model arm --set model.width=wide --out "$work/none"
expect 2 "must divide" train parity --model arm --set model.heads=3 --out "$work/none"
expect 2 "plug-in" info --plugin "$work/absent.so"

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
expect 0 "" train text --model arm --data "$work/latin" --set block=8 $tiny --out "$work/latin-run"

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
expect 0 "" eval "$work/sudoku" --data "$work/good-boards"
tail -n 5 "$work/boards" >"$work/bad-boards"
expect 2 "every instance is refused" eval "$work/sudoku" --data "$work/bad-boards"
expect 2 "boards:7" train sudoku --model ap-mdm $tiny --set size=4 --data "$work/boards" --out "$work/none"
expect 0 "" train sudoku --model ap-mdm $tiny --set size=4 --set puzzles=0 --data "$work/good-boards" \
  --set test_puzzles=2 --set cap=3 --out "$work/from-file"

# The kept recipes are settings of today.
for recipe in quickstart full; do
  expect 0 "" train sudoku --config "${srcdir:-.}/examples/sudoku/$recipe.conf" $tiny --set puzzles=2 \
    --set test_puzzles=1 --set cap=1 --set train.warmup=1 --out "$work/$recipe"
done

# One of them pass by pass, without escape sequences since no terminal is there. The run may move, and
# needs no more than its config and weights.
mkdir -p "$work/elsewhere/ckpt" && mv "$work/sudoku/config" "$work/elsewhere" &&
  mv "$work/sudoku/ckpt/weights.safetensors" "$work/elsewhere/ckpt"
expect 0 "" sample "$work/elsewhere" --watch --data "$work/good-boards" --svg "$work/board.svg" --html "$work/board.html"
grep -q '^start' "$work/out" && grep -q 'pass 1: [0-9]* written, [0-9]* remasked' "$work/out" &&
  grep -q '^solved in\|^failed: ' "$work/out" || { echo "FAIL no passes shown"; cat "$work/out"; failed=1; }
if grep -q "$(printf '\033')" "$work/out"; then echo "FAIL colours in a file"; failed=1; fi
grep -q '^</svg>' "$work/board.svg" || { echo "FAIL no picture"; failed=1; }
grep -q '^</script></body></html>\|</html>' "$work/board.html" || { echo "FAIL no page"; failed=1; }
if grep -qi 'src=\|href=\|url(\|@import' "$work/board.html"; then echo "FAIL the page wants more"; failed=1; fi
expect 2 "one instance" sample "$work/elsewhere" --html "$work/none" --n 2
expect 2 "no pictures" sample "$work/run" --svg "$work/none"
expect 0 "" sample "$work/run" --watch
grep -q '^pass 1: ' "$work/out" || { echo "FAIL no text for a task without pictures"; failed=1; }

printf 'task = parity\nmodel = arm\nnonsense\n' >"$work/bad-config"
expect 2 "bad-config:3" train parity --config "$work/bad-config"

# Damaged weights, a full disk, a loss that is not finite.
head -c 100 "$work/run/ckpt/weights.safetensors" >"$work/cut" && cp -r "$work/run" "$work/damaged" &&
  cp "$work/cut" "$work/damaged/ckpt/weights.safetensors"
expect 2 "weights.safetensors" eval "$work/damaged"
if [ -c /dev/full ]; then
  expect 1 "/dev/full" eval "$work/run" --json /dev/full
fi
expect 3 "the loss is not a number\|not finite" train parity --model arm $tiny --set train.optimizer=sgd \
  --set train.rate=1e6 --set train.clip=0 --set train.schedule=constant --set train.warmup=0 \
  --set train.weight_decay=1 --set norm=rms --set train.steps=500 --out "$work/diverged"
test ! -e "$work/diverged/ckpt/weights.safetensors" || { echo "FAIL a diverged run left weights"; failed=1; }

# Plug-ins: no plug-in at all, another ABI.
printf 'int nothing;\n' >"$work/nothing.c"
printf 'struct { unsigned abi, size; const char *name; int (*f)(void); } palimpsest_plugin = {999, 1, "x", 0};\n' >"$work/abi.c"
for name in nothing abi; do
  ${CC:-cc} -shared -fPIC "$work/$name.c" -o "$work/$name.so" || { failed=1; continue; }
done
expect 2 "exports no" info --plugin "$work/nothing.so"
expect 2 "ABI 999" info --plugin "$work/abi.so"

# Side by side: one table, one JSON.
expect 0 "" compare parity --models arm,masked-arm,mdm,ap-mdm --quiet --json "$work/table.json" \
  --set train.steps=20 --set train_max=4 --set lengths=2,3 --set per_length=10
for model in arm masked-arm mdm ap-mdm; do
  grep -q "\"model\": \"$model," "$work/table.json" || { echo "FAIL no row of $model"; failed=1; }
done
exit $failed
