#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# palimpsest sample: prompts and blanks of a user's own, for every model, and what is refused.
. "${srcdir:-.}/tests/expect.sh"

# fail WORDS: a failure, with the output of the last command.
fail() { echo "FAIL $*"; cat "$work/out" "$work/err"; failed=1; }
i=0
while [ $i -lt 40 ]; do printf 'to be or not to be \303\251\n'; i=$((i + 1)); done >"$work/text"
for model in arm masked-arm mdm ap-mdm; do
  expect 0 "" train text --model $model --data "$work/text" --set block=16 $tiny --out "$work/$model"
done
# Text without a prompt is drawn at temperature 0.8 too, so that two seeds differ.
"$program" sample "$work/arm" --n 1 >"$work/one" && "$program" sample "$work/arm" --n 1 --seed 2 >"$work/two"
cmp -s "$work/one" "$work/two" && { echo "FAIL samples at temperature 0"; failed=1; }
"$program" sample "$work/arm" --n 1 --temperature 0 >"$work/one" &&
  "$program" sample "$work/arm" --n 1 --seed 2 --temperature 0 | cmp - "$work/one" || failed=1

rm "$work/text" # prompts need no data

# A prompt is continued by as many tokens as asked for; the passes are counted.
for model in arm masked-arm mdm; do
  expect 0 "sample 1: 6 forward passes, 11 tokens, temperature 0.8, halted" sample "$work/$model" \
    --prompt "to be" --length 6
  test "$(tr -d '\n' <"$work/out" | cut -c 1-5)" = "to be" || fail "$model drops the prompt"
  expect 0 "sample 1: [25] forward passes, 5 tokens" sample "$work/$model" --infill "_o b_"
  expect 0 "sample 1: [25] forward passes, 5 tokens" sample "$work/$model" --infill "?*o b?*" --mark "?*"
done
expect 0 "tokens, temperature 0.8" sample "$work/ap-mdm" --prompt "to be" --length 6
expect 0 "tokens, temperature 0.8" sample "$work/ap-mdm" --prompt "to be" --length open --max-steps 9
expect 0 "forward passes" sample "$work/ap-mdm" --infill "_o b_"
expect 0 "2 forward passes, 11 tokens, .* stopped by the cap; 4 masks are left" sample "$work/mdm" \
  --prompt "to be" --length 6 --max-steps 2
expect 0 "" sample "$work/mdm" --prompt "to be" --length 6 --watch
grep -q '^start: to be______$' "$work/out" && grep -q '^halted by itself after 6 passes' "$work/out" ||
  fail "no passes of a prompt"

# The same prompt from a file and from standard input, whose last line end is not part of it.
expect 0 "" sample "$work/arm" --prompt "to be" --length 6
cp "$work/out" "$work/argument"
printf 'to be\r\n' >"$work/file"
expect 0 "" sample "$work/arm" --prompt "@$work/file" --length 6
cmp -s "$work/out" "$work/argument" || fail "a prompt from a file"
printf 'to be\n' | "$program" sample "$work/arm" --prompt - --length 6 >"$work/out" 2>"$work/err"
cmp -s "$work/out" "$work/argument" || fail "a prompt from standard input"

# Draws: by default at temperature 0.8, by the seed; none at temperature 0 or among one token.
expect 0 "" sample "$work/arm" --prompt "to be" --length 6 --seed 1
cmp -s "$work/out" "$work/argument" || fail "the default seed is not 1"
expect 0 "" sample "$work/arm" --prompt "to be" --length 6 --seed 2
cmp -s "$work/out" "$work/argument" && fail "another seed, the same draws"
expect 0 "" sample "$work/arm" --prompt "to be" --length 6 --n 3
head -n "$(wc -l <"$work/argument")" "$work/out" | cmp -s - "$work/argument" &&
  test "$(grep -cx -e --- "$work/out")" -eq 2 && test "$(grep -c 6\ forward "$work/err")" -eq 3 ||
  fail "the first of three samples is not the one alone"
expect 0 "" sample "$work/arm" --prompt "to be" --length 40 --temperature 0
cp "$work/out" "$work/greedy"
expect 0 "" sample "$work/arm" --prompt "to be" --length 40 --top-k 1 --seed 7
cmp -s "$work/out" "$work/greedy" || fail "one of one token is not the most likely one"
expect 0 "" sample "$work/arm" --prompt "to be" --length 40 --top-p 1e-9
cmp -s "$work/out" "$work/greedy" || fail "the smallest nucleus is not the most likely token"

# --stop: a text ends before the first occurrence behind its prompt, as soon as it is there. The
# prompt itself holds it, too.
expect 0 "" sample "$work/arm" --prompt "to be" --length 40 --seed 3
tr -d '\n' <"$work/out" >"$work/long"
stop=$(cut -c 14-15 "$work/long")
expect 0 "sample 1: [0-9]* forward passes, [0-9]* tokens, temperature 0.8, ended by --stop" sample "$work/arm" \
  --prompt "to be" --length 40 --seed 3 --stop "$stop"
passes=$(sed -n 's/.*sample 1: \([0-9]*\) forward.*/\1/p' "$work/err")
test "$passes" -lt 25 || fail "$passes passes for a text that stops early"
"$program" sample "$work/arm" --prompt "to be" --length 40 --seed 3 --quiet >"$work/whole"
awk -v stop="$stop" 'BEGIN { RS = "\001" } { sub(/\n$/, ""); at = index(substr($0, 6), stop); printf "%s\n", substr($0, 1, 4 + at) }' \
  "$work/whole" | cmp -s - "$work/out" || fail "not the text before $stop"
for model in masked-arm mdm ap-mdm; do
  expect 0 "forward passes" sample "$work/$model" --prompt "to be" --length 10 --stop e --n 3
  if cut -c 6- "$work/out" | grep -q e; then fail "$model goes on behind --stop"; fi
done
expect 2 "stop takes a text that is not empty" sample "$work/mdm" --prompt "to be" --stop ""
expect 2 "stop is for the text that continues" sample "$work/mdm" --infill "to _" --stop e
expect 2 "stop is for the text that continues" sample "$work/mdm" --prompt "to be" --stop e --watch
expect 2 "stop needs --prompt" sample "$work/mdm" --stop e

# The window of 17 tokens slides: from a full one, decoding goes on from its last 8.
# characters FROM-TO: those of the greedy sample; this model's characters may be line ends.
characters() { python3 -c 'import sys
text = open(sys.argv[1], encoding="utf-8", newline="").read()[:-1]
sys.stdout.write(text[int(sys.argv[2]):int(sys.argv[3])])' "$work/greedy" "$1" "$2"; }
if python3 -c '' 2>"$work/err"; then
  printf '%s\n' "$(characters 9 17; echo .)" | sed '$s/\.$//' | head -c -1 >"$work/file"
  expect 0 "window has 17 tokens, fewer than these 45: .* its last 8" sample "$work/arm" --prompt "to be" \
    --length 40 --temperature 0
  expect 0 "" sample "$work/arm" --prompt "@$work/file" --length 9 --temperature 0
  { characters 9 26; echo; } | cmp -s - "$work/out" || fail "the window does not go on from its last half"
fi

# On a terminal the tokens are shown one by one, and are the same.
if script -qec true /dev/null >"$work/out" 2>&1 </dev/null; then
  script -qec "'$program' sample '$work/arm' --prompt 'to be' --length 6 --n 2 --quiet" /dev/null \
    </dev/null | tr -d '\r' >"$work/terminal"
  expect 0 "" sample "$work/arm" --prompt "to be" --length 6 --n 2 --quiet
  cmp -s "$work/out" "$work/terminal" || { fail "other tokens on a terminal"; cat "$work/terminal"; }
fi

# Samplers by name, steps and tokens per step; a model refuses what it does not have, by name.
for sampler in random confidence margin log-margin entropy; do
  expect 0 "sample 1: 12 forward passes" sample "$work/mdm" --prompt "to be" --sampler $sampler
  expect 0 "sample 1: 3 forward passes" sample "$work/mdm" --prompt "to be" --sampler $sampler --steps 3
  expect 0 "sample 1: 3 forward passes" sample "$work/mdm" --prompt "to be" --sampler $sampler \
    --tokens-per-step 5
done
expect 0 "sample 1: 7 forward passes" sample "$work/mdm" --prompt "to be" --sampler remdm --steps 7
for sampler in ancestral threshold eb klass; do
  expect 0 "halted by itself" sample "$work/mdm" --prompt "to be" --sampler $sampler
done
expect 0 "sample 1: 1 forward passes" sample "$work/mdm" --prompt "to be" --sampler threshold --threshold 1e-9
expect 0 "sample 1: 1 forward passes" sample "$work/mdm" --prompt "to be" --sampler eb --gamma 1e9
expect 0 "sample 1: 1 forward passes" sample "$work/masked-arm" --infill "to b_" --sampler ancestral
expect 0 "temperature 1, " sample "$work/arm" --prompt "to be" --sampler ancestral
expect 0 "" sample "$work/ap-mdm" --prompt "to be" --sampler ap --top-k 2
expect 2 "arm has no sampler \"eb\"; it has: ancestral; palimpsest info model arm" sample "$work/arm" \
  --prompt "to be" --sampler eb
expect 2 "--steps: decoding by model arm has no such choice" sample "$work/arm" --prompt "to be" --steps 3
expect 0 "" info model mdm
grep -q '^  threshold .*all masks' "$work/out" && grep -q 'arXiv 2505.24857' "$work/out" || fail "no samplers"

# Tasks that read instances take one of these as a prompt.
expect 0 "" train parity --model mdm $tiny --set lengths=2,3 --set per_length=5 --out "$work/parity"
expect 0 "" sample "$work/parity" --prompt 0110
grep -q '0110' "$work/out" && grep -q 'forward passes' "$work/out" || fail "an instance as a prompt"
expect 0 "" sample "$work/parity" --n 1 --sampler ancestral --steps 2
expect 2 "reads whole instances" sample "$work/parity" --infill "01_"
expect 2 "reads whole instances" sample "$work/parity" --prompt 0110 --length 3

# Refusals say what to do.
run=$work/mdm
expect 2 "a prompt of 5 leaves room for 12 more" sample "$run" --prompt "to be" --length 13
expect 2 "more than the 17" sample "$run" --infill "to be __ ___ to be or"
expect 2 "does not end a text .* give --length N" sample "$run" --prompt "to be" --length open
expect 2 "character 4 of the text, \"x\" (78 in hex" sample "$run" --prompt "to x"
expect 2 "the prompt is empty" sample "$run" --prompt ""
expect 2 "no mark \"_\"" sample "$run" --infill "to be"
expect 2 "the prompt's file .*absent: No such" sample "$run" --prompt "@$work/absent"
expect 2 "cannot be combined with --data" sample "$run" --prompt "to be" --data "$work/file"
expect 2 "cannot be combined with --infill" sample "$run" --prompt "to be" --infill "to _"
expect 2 "cannot be combined with --infill" sample "$run" --infill "to _" --length 3
expect 2 "needs --prompt" sample "$run" --length 3
expect 2 "needs --infill" sample "$run" --mark "?"
expect 2 "whole number from 1" sample "$run" --prompt "to be" --length many
expect 2 "whole number from 0" sample "$run" --prompt "to be" --seed -1
expect 2 "--top-k is given 2 times" sample "$run" --prompt "to be" --top-k 3 --top-k 4
expect 2 "eval has no option --prompt" eval "$run" --prompt "to be"
exit $failed
