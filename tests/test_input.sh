#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Input of the program, on the command line and in files, is either used or refused with a message
# that names it.
. "${srcdir:-.}/tests/expect.sh"

# ---- the command line ----

expect 2 'train takes TASK and no "sudoku"' train parity sudoku --model arm
expect 2 'eval takes RUN and no "b"' eval a b
expect 2 'check-op takes \[NAME\] and no "add"' check-op matmul add
expect 2 'no "extra"' info op matmul extra
expect 2 "there is no verb" fly --help
# Did you mean: the name most like the one given.
expect 2 'no verb "trian"; did you mean train?' trian parity
expect 2 'no verb "evaluate"; did you mean eval?' help evaluate
expect 2 'no task is named "paritty"; did you mean parity?' train paritty --model arm --lr 3
expect 2 'no task is named "sudokku"; did you mean sudoku?' instances sudokku
expect 2 'no model is named "amr"; did you mean arm?' train parity --model amr
expect 2 'no model is named "ap_mdn"; did you mean ap-mdm?' compare parity --models arm,ap_mdn
expect 2 'no op is named "sofmax"; did you mean softmax?' check-op sofmax
expect 2 'no op is named "sofmax"; did you mean softmax?' info op sofmax
expect 2 'not "modle"; did you mean model?' info modle
expect 2 'which model?.*did you mean --model?' train parity --modle arm
expect 2 'setting "lr"; did you mean rate?' train parity --model arm --lr 3
expect 2 'setting "lengthz"; did you mean lengths?' train parity --model arm --set lengthz=3
expect 2 'setting "model.wdith"; did you mean model.width?' train parity --model arm --set model.wdith=3
expect 2 'setting "jsn"; did you mean --json?' train parity --model arm --jsn x
expect 2 'no option --lr; did you mean --rate?' train parity --model arm --lr
# --steps of train is the trainer's, also where the model has a setting of that name; options may stand
# before the verb, also where verbs have options of one name for different things.
expect 0 "" --n 2 train parity --model arm $tiny --steps 7 --out "$work/seven"
grep -qx 'train.steps = 7' "$work/seven/config" || { echo "FAIL --steps of train"; failed=1; }
expect 0 "" train parity --model mdm $tiny --n 2 --steps 7 --out "$work/seven2"
grep -qx 'train.steps = 7' "$work/seven2/config" || { echo "FAIL --steps of train"; failed=1; }
expect 2 "sample has no option --seeds" --seeds 2 sample "$work/seven"
expect 2 'no option -n; did you mean --n?' sample x -n
expect 2 'no option --xyzzy; palimpsest info --help' info --xyzzy
# Help and version anywhere; no line is longer than a terminal's, and the examples run as they are.
COLUMNS=80
for words in -h --help help 'train -h' 'help train' '-h train' 'train parity --help'; do
  expect 0 "" $words
  if grep -q '.\{80\}' "$work/out"; then echo "FAIL a line of help is too long"; failed=1; fi
done
grep -q '^usage: palimpsest train TASK' "$work/out" || { echo "FAIL no help on train"; failed=1; }
expect 0 "" eval x --version
grep -q '^palimpsest [0-9]' "$work/out" || { echo "FAIL no version"; failed=1; }
expect 2 "" # no verb: the help, as an error
palimpsest() { "$palimpsest_program" "$@" --quiet; }
palimpsest_program=$(cd "$(dirname "$program")" && pwd)/$(basename "$program")
for verb in $("$program" --help | sed -n '/^  train/,/^options/s/^  \([a-z-]*\) .*/\1/p'); do
  expect 0 "" help "$verb"
  if grep -q '.\{80\}' "$work/out"; then echo "FAIL a line on $verb is too long"; failed=1; fi
  sed -n '/^example/,$s/^  //p' "$work/out" >"$work/example"
  mkdir "$work/in-$verb"
  case $verb in compare | bench) continue ;; esac # right, but these take a minute
  (cd "$work/in-$verb" && set -e && . "$work/example") >"$work/out" 2>&1 &&
    grep -q "^palimpsest $verb " "$work/example" ||
    { echo "FAIL the example of $verb"; cat "$work/example" "$work/out"; failed=1; }
  verbs=$((${verbs:-0} + 1))
done
COLUMNS=5000
test "${verbs:-0}" -ge 8 || { echo "FAIL only $verbs verbs have examples"; failed=1; }
expect 2 "info has no option --json" --json x info
expect 2 "compare has no option --config" compare parity --config x
expect 2 "train: \"-\" is no file name" train -
expect 2 "eval: \"-\" is no file name" eval -
expect 2 "out: \"-\" is no file name" train parity --model arm --out -
expect 2 "data -: train reads its data again" train sudoku --model arm --data -
expect 2 "read only once, not for --data and for --data" eval a --data - --data -
expect 2 "only one file can go to standard output" eval a --json - --svg -
expect 2 "no option --;" train parity -- --model arm
for option in --json --svg --steps --n; do
  expect 2 "$option is given 2 times" eval a $option 3 $option=4
done
expect 2 "combined with --n" eval a --steps 3 --n 4
expect 2 "combined with --svg" eval a --steps 3 --svg "$work/none"

# ---- ops that end the process ----

# Each case is a process of its own: one that dies is named, and the others are checked.
crash=tests/.libs/crash_plugin.so
if [ -f $crash ]; then
  died() { # CODE OP LINES: what check-op prints of the op, with its spaces squeezed
    expect $1 "" check-op $2 --plugin $crash
    test "$(tr -s ' ' <"$work/out")" = "$3" || { echo "FAIL check-op $2"; cat "$work/out"; failed=1; }
  }
  died 4 aborting 'aborting op "aborting", seed 1, case 1: died of signal 6'
  died 4 exiting 'exiting op "exiting", seed 1, case 0: ended the process with status 3
exiting op "exiting", seed 1, case 1: ended the process with status 3
exiting op "exiting", seed 1, case 2: ended the process with status 3'
  died 4 hanging 'hanging op "hanging", seed 1, case 1: did not end within 120 seconds'
  died 0 copying 'copying ok'
else
  echo "SKIP check-op of ops that end the process: no $crash"
fi

# ---- byte order marks and ends of lines ----

mark='\357\273\277'
bits="--set lengths=2,5000 --set per_length=2 --set train_max=4"
printf "$mark"'task = parity\rmodel = arm\r\ntrain.steps = 30\n' >"$work/marked.conf"
expect 0 "" train parity --config "$work/marked.conf" $tiny $bits --out "$work/run"
printf "$mark"'0110\r101\r\n11\n' >"$work/marked.bits"
expect 0 "" eval "$work/run" --data "$work/marked.bits" --json "$work/marked.json"
grep -q '"n": 3' "$work/marked.json" || { echo "FAIL not three strings"; failed=1; }
printf '0110\r\n1\0\n' >"$work/zero.bits"
expect 2 "zero.bits:2: the line holds a zero byte" eval "$work/run" --data "$work/zero.bits"
printf 'task = parity\nmodel = arm\nhea\0ds = 1\n' >"$work/zero.conf"
expect 2 "zero.conf:3: the line holds a zero byte" train parity --config "$work/zero.conf"
printf 'task = parity\nmodel = "arm"\n' >"$work/quoted.conf"
expect 2 "quoted.conf:2: values have no quotes: model = arm" train parity --config "$work/quoted.conf"

# ---- steps of a user's own ----

{ printf '{"x": "a_", "next": "ab"}\n'; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo '{"x": "a", "next": "b"}'; done; } \
  >"$work/steps.jsonl"
expect 0 "steps.jsonl:11: no edit explains the step: next\[0\]" train transitions --data "$work/steps.jsonl" \
  --model ap-mdm $tiny --out "$work/steps"
grep -q '^palimpsest: refused: 2 more, 12 in all$' "$work/err" && ! grep -q 'steps.jsonl:12' "$work/err" ||
  { echo "FAIL not ten refused lines and their number"; cat "$work/err"; failed=1; }
expect 2 "steps of which file" train transitions --model ap-mdm $tiny --out "$work/none"
expect 2 "for models that learn labelled states" train transitions --data "$work/steps.jsonl" --model mdm $tiny --out "$work/none"

# ---- recipes of compare ----

for task in parity sudoku; do # as they stand in the source, to copy and change
  expect 0 "" info recipe $task
  cmp "$work/out" "${srcdir:-.}/recipes/$task.conf" || { echo "FAIL not the recipe of $task"; failed=1; }
done
expect 2 "there is no recipe for task \"text\"" info recipe text
small="$tiny --set lengths=2,3 --set per_length=10 --set train_max=4"
printf "$mark"'# mine\rtask = parity\r\nmatched = nothing\n[settings a]\nmodel.bias = 1\n[row one]\nmodel = arm
use = a\nform = reasoned\nfree.train.steps = 3\n[row two]\nmodel = mdm\nleads = yes\ntrained_to = 3
evaluate = at random: model.order=random\nevaluate = surest: model.order=confidence
[published theirs]\nsource = somewhere\nparameters = 12\nexact = 0.5\n' >"$work/mine.conf"
expect 0 "" compare --recipe "$work/mine.conf" $small --set train.steps=2 --set hidden=8 --json "$work/mine.json"
tr -d '\n' <"$work/mine.json" | grep -q '"two, at random (matched)".*"two, surest (matched)".*"one (matched)".*theirs' &&
  grep -q 'matched means nothing' "$work/out" && grep -q '^theirs  *12  *50.00   somewhere' "$work/out" &&
  grep -q '^two, surest (matched) .* did not fit' "$work/out" ||
  { echo "FAIL not the recipes of the file"; cat "$work/out"; failed=1; }
expect 0 "" compare parity --recipe "$work/mine.conf" --models masked-arm $small # has no recipe there
expect 2 "are the same file" compare parity --recipe "$work/mine.conf" $small --json "$work/mine.conf"
expect 2 "for task parity, not sudoku" compare sudoku --recipe "$work/mine.conf"
expect 2 "absent" compare parity --recipe "$work/absent"
refused() { # refused WORDS LINES: the last line of a file of recipes is
  printf "$2\n" >"$work/bad.conf"
  expect 2 "bad.conf:$(printf "$2\n" | wc -l | tr -d ' '): .*$1" compare parity --recipe "$work/bad.conf"
}
refused 'before the first section' 'width = 3'
refused 'sections are' 'task = parity\n[column x]'
refused 'a row has no "width"' 'task = parity\n[row a]\nwidth = 3'
refused 'no \[settings tiny\] stands above' 'task = parity\n[row a]\nuse = tiny'
refused 'after matched. or free. come settings and use only' 'task = parity\n[row a]\nfree.model = arm'
refused '\[row a\] names no model' 'task = parity\n[row a]\n[row b]'
refused 'LABEL: model.KEY=VALUE' 'task = parity\n[row a]\nevaluate = order=random'
refused 'leads is yes or no' 'task = parity\n[row a]\nleads = 1'
refused 'compiled is yes or no' 'task = parity\n[row a]\ncompiled = 1'
refused 'form is plain or reasoned' 'task = parity\n[row a]\nform = long'
refused 'is no number' 'task = parity\n[published a]\nexact = most'
refused 'is no setting' 'task = parity\n[settings a]\nrate = 1'
refused 'not of the form key = value' 'task = parity\n[row a]\nmodel'
printf '[row a]\nmodel = arm\n' >"$work/bad.conf"
expect 2 "no line says task" compare parity --recipe "$work/bad.conf"
printf 'task = parity\n[row a]\nmodel = gpt\n' >"$work/bad.conf"
expect 2 'no model is named "gpt"' compare parity --recipe "$work/bad.conf"
printf "$mark"'quizzes,solutions\r1.3.341..1434..1\r\n..3.341..1434..1\r' >"$work/marked.csv"
boards="--set size=4 --set test_puzzles=2 --set cap=3 --set layers=1 --set width=16 --set puzzles=0"
expect 0 "" train sudoku --model ap-mdm $quick $boards --data "$work/marked.csv" --out "$work/boards"
expect 0 "" eval "$work/boards" --data "$work/marked.csv" --json "$work/marked.json"
grep -q '"n": 2' "$work/marked.json" || { echo "FAIL not two boards"; failed=1; }
printf "$mark"'1.3.341..1434..9\n' >"$work/wrong.csv"
expect 2 'wrong.csv:1: place 16 holds "9"' eval "$work/boards" --data "$work/wrong.csv"
expect 2 'wrong.csv:1: place 16 holds "9"' train sudoku --model ap-mdm $boards --data "$work/wrong.csv"

# "-": standard input and output. With an output there, everything else goes to standard error.
same() { cmp "$1" "$2" || { echo "FAIL $3"; failed=1; }; }
"$program" eval "$work/boards" --data "$work/marked.csv" --quiet --json "$work/file.json" >"$work/table"
"$program" eval "$work/boards" --data - --quiet --json - <"$work/marked.csv" >"$work/out" 2>"$work/err"
sed "/\"command\": \[/,/\]/d;s|/dev/stdin|$work/marked.csv|" "$work/out" >"$work/piped.json"
sed -i '/"command": \[/,/\]/d' "$work/file.json" # all but the command is the same
same "$work/piped.json" "$work/file.json" "the JSON on standard output differs"
grep -q 'exact .* of  *2' "$work/err" || { echo "FAIL no table on standard error"; cat "$work/err"; failed=1; }
cat "$work/marked.csv" | "$program" eval "$work/boards" --data - --quiet --answers - 2>"$work/err" | cat >"$work/out"
test "$(grep -c '^{"set"' "$work/out")" -eq 2 || { echo "FAIL no answers on standard output"; failed=1; }
"$program" sample "$work/boards" --data - --n 1 --quiet --html - <"$work/marked.csv" 2>"$work/err" >"$work/out"
head -n 1 "$work/out" | grep -qi '<!doctype html>' || { echo "FAIL no page on standard output"; failed=1; }
"$program" instances sudoku --size 4 --train --data - <"$work/marked.csv" >"$work/out" 2>"$work/err"
test "$(wc -l <"$work/out")" -eq 3 || { echo "FAIL no instances from standard input"; cat "$work/err"; failed=1; }
cat "$work/run/config" | "$program" train parity --config - --quiet --out "$work/piped" --json - 2>"$work/err" |
  cat >"$work/out"
grep -q '"model": "arm"' "$work/out" || { echo "FAIL no JSON of train"; cat "$work/err"; failed=1; }
same "$work/run/ckpt/weights.safetensors" "$work/piped/ckpt/weights.safetensors" "a config from a pipe is read in part"
cat "$work/mine.conf" | "$program" compare --recipe - $small --set train.steps=2 --set hidden=8 --json - 2>"$work/err" |
  cat >"$work/out"
grep -q 'two, at random (matched)' "$work/out" || { echo "FAIL no recipe from a pipe"; cat "$work/err"; failed=1; }
printf '.word 9\n.processors 1\n.cells 1\n.steps 1\n.register r\nhalt\n' >"$work/halt.pram"
"$program" pram - --data "$work/halt.data" <"$work/halt.pram" >"$work/out" 2>&1
grep -q "halt.data" "$work/out" || { echo "FAIL no program from standard input"; cat "$work/out"; failed=1; }

# Boards of several lines, tables of any separator; at most ten refused lines are shown.
printf "$mark"'1.3.\r341.\r.143\r4..1\r\r..3.\r341.\r.143\r4..1\r' >"$work/lines.sdk"
printf '*---*\r\n|1.|3.|\r\n|34|1.|\r\n|--+--|\r\n|.1|43|\r\n|4.|.1|\r\n*---*\r\n' >"$work/framed.ss"
printf 'id;Puzzle;Solution;rating\n1;1.3.341..1434..1;1234341221434321;3\n' >"$work/semi.csv"
printf 'index\tquizzes\tsolutions\n1\t1.3.341..1434..1\t1234341221434321\n' >"$work/tabs.tsv"
printf 'source,question,answer,rating\n"a, b",1.3.341..1434..1,1234341221434321,0\n' >"$work/four.csv"
for file in lines.sdk framed.ss semi.csv tabs.tsv four.csv; do
  expect 0 "" eval "$work/boards" --data "$work/$file" --json "$work/lines.json"
  case $file in *.sdk) n=2 ;; *) n=1 ;; esac
  grep -q "\"n\": $n," "$work/lines.json" || { echo "FAIL not $n boards of $file"; failed=1; }
  expect 0 "" train sudoku --model ap-mdm $quick $boards --data "$work/$file" --out "$work/from-$file"
done
printf '1.3.\n\n1.3.341..1434..1\n..3.\n' >"$work/short.sdk"
expect 2 "short.sdk:2: the board before this line has 1 of its 4 rows" eval "$work/boards" --data "$work/short.sdk"
grep -q "short.sdk:5: the board before this line has 1 of" "$work/err" || { echo "FAIL the end"; cat "$work/err"; failed=1; }
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "1.3.341..1434..9"; done >"$work/dozen"
echo 1.3.341..1434..1 >>"$work/dozen"
expect 2 "refused: 2 more of .*dozen, 12 in all" eval "$work/boards" --data "$work/dozen"
test "$(grep -c 'refused: ' "$work/err")" -eq 11 || { echo "FAIL not ten refused lines"; failed=1; }

# ---- nothing is cut, nothing controls a terminal ----

expect 0 "" sample "$work/run" --n 1
grep -qx '^^*[01]\{5000\}.*' "$work/out" || { echo "FAIL a prompt of 5,000 bits is cut"; failed=1; }
escape=$(printf '\033]0;title\007')
expect 2 "\\\\x1b\\]0;title\\\\x07" info "$escape"
expect 2 "\\\\x1b\\]0;title\\\\x07" eval "$work/$escape"
expect 2 "has a setting \"\\\\x1b" train parity --model arm --set "$escape=3"
expect 2 "task.lengths holds a control\|lengths holds a control character (.x1b)" \
  train parity --model arm --set "lengths=$escape" --out "$work/none"
printf '01%s\n' "$escape" >"$work/escape.bits"
expect 2 "not \"01\\\\x1b\\]0;title\\\\x07\"" eval "$work/run" --data "$work/escape.bits"

# ---- terminals ----

# on_terminal COLUMNS LINES ARGUMENTS...: what the program writes to a terminal of that size.
on_terminal() {
  size="cols $1 rows $2"
  shift 2
  script -qec "stty $size; $program $*" /dev/null >"$work/out" 2>"$work/err" </dev/null
}
escape() { grep -q "$(printf '\033')" "$work/out"; }
if script -qec true /dev/null >"$work/out" 2>&1 </dev/null; then
  export TERM=xterm
  unset NO_COLOR
  long="train parity --model arm --set layers=1 --set width=8 --set train.steps=40 --set lengths=2"
  on_terminal 40 24 $long --out "$work/narrow"
  tr '\r' '\n' <"$work/out" | sed "s/$(printf '\033')\[K//" >"$work/shown"
  grep -q '^training .* %' "$work/shown" || { echo "FAIL no progress"; cat "$work/shown"; failed=1; }
  if grep '^training\|^length=' "$work/shown" | grep -q '.\{40\}'; then
    echo "FAIL progress is wider than 39 columns"; cat "$work/shown"; failed=1
  fi
  TERM=dumb on_terminal 40 24 $long --out "$work/dumb"
  if escape; then echo "FAIL escape codes on a dumb terminal"; failed=1; fi
  on_terminal 80 24 sample "$work/boards" --watch
  escape || { echo "FAIL no colours on a terminal"; failed=1; }
  NO_COLOR=1 on_terminal 80 24 sample "$work/boards" --watch --quiet
  if escape; then echo "FAIL colours despite NO_COLOR"; failed=1; fi
  on_terminal 80 5 sample "$work/boards" --watch --quiet # a board and its caption do not fit
  if escape; then echo "FAIL boards drawn over one another in a short window"; failed=1; fi
else
  echo "SKIP terminals: no script -e"
fi
for words in "sample $work/boards --watch" "eval $work/boards" "train parity --model arm --out $work/plain $tiny"; do
  "$program" $words 2>&1 | cat >"$work/out"
  if escape; then echo "FAIL escape codes in a pipe: $words"; failed=1; fi
done
COLUMNS=60 "$program" sample "$work/boards" --watch --quiet >"$work/out"
if grep -q '.\{60\}' "$work/out"; then echo "FAIL boards wider than 60 columns"; failed=1; fi

# ---- a text that is not all UTF-8 ----

i=0
while [ $i -lt 40 ]; do printf 'to be or not to be\n'; i=$((i + 1)); done >"$work/text"
printf "$mark" | cat - "$work/text" >"$work/marked"
expect 0 "" train text --model arm $tiny --set block=8 --data "$work/marked" --out "$work/text-run"
grep -qx 'task.characters = a,20,62,65,6e-6f,72,74' "$work/text-run/config" ||
  { echo "FAIL a byte order mark is a character"; grep characters "$work/text-run/config"; failed=1; }
printf '\351' | cat "$work/text" - >"$work/latin"
expect 2 "latin:41: byte 761 of the file (e9) is not UTF-8; .* characters=bytes" \
  train text --model arm $tiny --set block=8 --data "$work/latin" --out "$work/none"
expect 2 "latin:41: byte 761" eval "$work/text-run" --data "$work/latin"
for bytes in bytes bytes:; do
  expect 0 "" train text --model arm $tiny --set block=8 --data "$work/latin" --set characters=$bytes \
    --out "$work/$bytes"
  grep -qx 'task.characters = bytes:a,20,.*,e9' "$work/$bytes/config" ||
    { echo "FAIL the run does not keep its bytes"; failed=1; }
done

# ---- exit codes ---- (0, 1 and 2: everywhere; 4: above; 129, 130 and 143: test_program.sh)

expect 3 "step [0-9]*: .*the loss is not a number\|infinite" train parity --model arm --set layers=1 --set width=8 \
  --set train.steps=200 --set train.warmup=0 --set train.rate=1000 --set train.clip=0 --set train.optimizer=sgd \
  --quiet --out "$work/diverged"
if [ -c /dev/full ]; then
  "$program" info >/dev/full 2>"$work/err"
  test $? -eq 1 && grep -q "standard output could not be written" "$work/err" || { echo "FAIL a full disk"; failed=1; }
fi
code=$("$program" --help | sed -n '/^exit codes/,$s/^  \([0-9, ]*[0-9]\)  .*/\1/p' | tr '\n' ' ')
test "$code" = "0 1 2 3 4 129, 130, 143 " || { echo "FAIL help has exit codes $code"; failed=1; }
for code in 0 1 2 3 4 '129, 130, 143'; do
  grep -q "^| $code |" "${srcdir:-.}/doc/program.md" || { echo "FAIL no exit code $code in the document"; failed=1; }
done

# ---- the width of tables ----

# Tables fit 80 columns, in blocks of columns that begin with the names of the rows.
fits() { # fits ARGUMENTS...: prints no line of 80 columns or more
  COLUMNS=80 "$program" "$@" >"$work/out" 2>"$work/err" || { echo "FAIL $*"; cat "$work/err"; failed=1; }
  if grep '.\{80\}' "$work/out"; then echo "FAIL too wide: palimpsest $*"; failed=1; fi
}
fits eval "$work/boards" --quiet
fits compare parity --models arm $tiny --set lengths=2,3,4,5,6,7,8,9 --set per_length=2
test "$(grep -c '^exact %' "$work/out")" -ge 2 && test "$(grep -c '^arm' "$work/out")" -ge 4 ||
  { echo "FAIL no blocks of columns"; cat "$work/out"; failed=1; }
fits compare text --models arm,ap-mdm --data "$work/text" --set block=8 $tiny
fits compare sudoku --models ap-mdm,arm $boards $tiny --data "$work/marked.csv"
for head in seed params transitions minutes 'exact % \[95 %\]' 'valid %' 'itself %' p95; do
  grep -q " $head" "$work/out" || { echo "FAIL no column $head"; cat "$work/out"; failed=1; }
done

# ---- a run and its weights stay what they are ----

again="train parity --config $work/run/config --resume --quiet --out $work/run"
cp "$work/run/config" "$work/config.before"
expect 2 "train.batch is 8, not 16; train.rate is 0.001, not 0.5; a resumed run" \
  $again --set train.rate=0.5 --set train.batch=16
expect 2 "model.heads is 1, not 2" $again --set heads=2
expect 2 "train.seed is 1, not 2" $again --set train.seed=2
cmp "$work/run/config" "$work/config.before" || { echo "FAIL a refused run changed its config"; failed=1; }
expect 0 "" $again --set train.steps=40 --set train.rate=1e-3 --set lengths=2 --set temperature=0.5
expect 2 "config: model.heads is 1, not 2; a trained model" eval "$work/run" --set heads=2
expect 2 "config: model.positions is rotary, not learned" sample "$work/run" --positions learned
expect 2 'eval does not train: setting "train.rate=1" is not used' eval "$work/run" --set train.rate=1
expect 0 "" eval "$work/run" --set temperature=0.7 --set lengths=3
expect 2 "config: task.characters is a,20,62" eval "$work/text-run" --set characters=a,20,62,65,6e-6f,72,74-75
# Of equal shapes, but not the same model, head or alphabet.
sed 's/^model = arm/model = masked-arm/;/top_/d;/infill/d' "$work/run/config" >"$work/other"
cp -r "$work/run" "$work/swapped" && cp "$work/other" "$work/swapped/config"
expect 2 'weights.safetensors does not fit model "masked-arm": the weights are of model arm' eval "$work/swapped"
sed 's/^model.heads = 1/model.heads = 2/' "$work/run/config" >"$work/swapped/config"
expect 2 'the weights are of model.heads "1", not "2"' eval "$work/swapped"
cp -r "$work/text-run" "$work/renamed"
tr 't' 'u' <"$work/text" >"$work/other-text"
sed 's/^task.characters = .*/task.characters = a,20,62,65,6e-6f,72,75/' "$work/text-run/config" |
  sed "s|^task.data = .*|task.data = $work/other-text|" >"$work/renamed/config"
expect 2 'the weights are of task.characters "a,20,62,65,6e-6f,72,74"' eval "$work/renamed"

# ---- what was trained on and what was answered, for others to judge ----

expect 0 "" instances sudoku --size 4 --train --data "$work/marked.csv"
printf 'quizzes,solutions\n1.3.341..1434..1,1234341221434321\n..3.341..1434..1,1234341221434321\n' |
  cmp - "$work/out" || { echo "FAIL not the training puzzles"; failed=1; }
expect 0 "" instances sudoku --size 4 --train --puzzles 7 --lines board --n 5
test "$(grep -cx '[.1-4]\{16\}' "$work/out")" -eq 5 || { echo "FAIL not 5 of 7 puzzles"; failed=1; }
expect 2 "not made of a fixed set" instances parity --train
expect 2 "combined with --answers" eval "$work/run" --steps 3 --answers "$work/none"
expect 2 "evaluated by likelihood" eval "$work/text-run" --answers "$work/none"
expect 0 "" eval "$work/boards" --data "$work/marked.csv" --answers "$work/answers" --json "$work/answers.json"
grep -q '^{"set":".*marked.csv","index":0,"prompt":"1.3.341..1434..1","answer":"[.1-4]\{16\}","exact":[a-z]*,"valid":[a-z]*,"kept":[a-z]*,"halted":[a-z]*,"passes":[1-3]}$' \
  "$work/answers" && test "$(grep -c '"index":[01],' "$work/answers")" -eq 2 ||
  { echo "FAIL not an answer for each board"; cat "$work/answers"; failed=1; }
expect 0 "" eval "$work/run" --set lengths=2,3,4 --set per_length=9 --answers "$work/answers" --json "$work/answers.json"
test "$(grep -c '^{"set":' "$work/answers")" -eq 27 || { echo "FAIL not 27 answers"; failed=1; }
told=$(grep -c '"exact":true' "$work/answers")
sed -n 's/^ *"exact": \([0-9.]*\),*$/\1/p' "$work/answers.json" |
  awk -v told="$told" '{sum += 9 * $1; n++} END {exit n != 3 || sum - told > 0.01 || told - sum > 0.01}' ||
  { echo "FAIL answers and table disagree"; failed=1; }

exit $failed
