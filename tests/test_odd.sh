#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# When a function of a task returns an invalid value, every verb that calls it fails with a message
# that names the task and the function. Also: a task with very many sets.
. "${srcdir:-.}/tests/expect.sh"
plugin=tests/.libs/odd_plugin.so
test -f "$plugin" || { echo "no $plugin"; exit 77; }

bits="--plugin $plugin --set lengths=2,3 --set per_length=5"
ODD=; export ODD
for model in arm ap-mdm; do
  expect 0 "" train odd --model $model $tiny $bits --out "$work/$model"
done
printf '01\n' >"$work/bits"

# odd MEMBER NUMBER WORDS ARGUMENTS...
odd() {
  ODD="$1 $2" words=$3
  shift 3
  expect 2 "task \"odd\": $words" "$@"
}
for n in -1 0 -2147483648 2147483647; do
  odd set_size $n "set_size of set 0 (\"length=2\") is $n; it is from 1 to" eval "$work/arm" --plugin $plugin
done
for n in -1 0 2147483647; do
  odd step_cap $n "step_cap is $n; it is from 1 to" eval "$work/ap-mdm" --plugin $plugin
done
for n in -1 -2147483648 2147483647; do
  odd answer_room $n "answer_room is $n; it is from 0 (unknown) to" eval "$work/arm" --plugin $plugin
  odd n_prompt $n "instance (of set 0) 0 gives an example that is unsound: n_prompt is .*($n)" \
    eval "$work/arm" --plugin $plugin
  odd n_answer $n "instance (of set 0) 0 .*: n_answer is .*($n)" eval "$work/arm" --plugin $plugin
  odd prompt $n "instance (of set 0) 0 .*: prompt\[2\] is $n; tokens of the format's vocabulary are from 0 to 4" \
    eval "$work/arm" --plugin $plugin
done
odd zeros 4000 "stream gives an example of 4000 tokens, but the format's context is .*; open must" \
  train odd --model arm $tiny $bits --out "$work/zeros"
odd no_prompt 3 "instance .*: prompt is NULL where n_prompt is 3" eval "$work/arm" --plugin $plugin
odd prompt 5 "instance .*: prompt\[2\] is 5" sample "$work/ap-mdm" --plugin $plugin
odd answer 99 "instance .*: answer\[0\] is 99" sample "$work/arm" --plugin $plugin --watch
odd prompt 5 "read gives an example that is unsound: prompt\[2\] is 5" \
  eval "$work/arm" --plugin $plugin --data "$work/bits"
odd step_cap -1 "step_cap is -1" sample "$work/arm" --plugin $plugin --watch --data "$work/bits"
odd sorts 7 "its picture has no 1 to 6 sorts" sample "$work/arm" --plugin $plugin --watch
odd set_size -1 "set_size of set 0" instances odd $bits
odd prompt 5 "instance .*: prompt\[2\]" instances odd $bits
odd write -1 "write gives a line of" instances odd $bits
odd train_size -1 "train_size is negative" instances odd --train $bits
odd answer -7 "stream gives an example that is unsound: answer\[0\] is -7" \
  train odd --model arm $tiny $bits --out "$work/none-arm"
odd state 5 "stream .*: transition.state\[0\] is 5" train odd --model ap-mdm $tiny $bits --out "$work/none"
odd n 2147483647 "stream .*: transition.n is too large" compare odd --models ap-mdm $tiny $bits
odd save 0 "its stream has no save" train odd --model arm $tiny $bits --out "$work/none-save"
odd set_name 2147483647 "set_name names more than 4096 sets" eval "$work/arm" --plugin $plugin

# Names of any length are whole in texts and JSON: of sets, kinds, notes, rows, files.
x=$(printf 'x%.0s' $(seq 1500))
ODD="names 1500"
expect 0 "" eval "$work/arm" --plugin $plugin --json "$work/names.json"
for name in "\"set\": \"${x}0\"" "\"set\": \"${x}1\"" "\"trait\": \"${x}0\"" "\"trait\": \"${x}1\"" "\"trait\": \"${x}7\"" \
  "\"${x}1 last\""; do
  grep -q "$name" "$work/names.json" || { echo "FAIL cut in JSON: $(echo "$name" | cut -c1-20)"; failed=1; }
done
test "$(grep -c "^    ${x}[01] * exact" "$work/out")" -eq 2 && grep -q "note: ${x}1 last" "$work/out" &&
  test "$(grep -c "^      ${x}[01] * [0-9]" "$work/out")" -ge 2 ||
  { echo "FAIL cut in a table"; cut -c1-60 "$work/out"; failed=1; }
ODD="names 12"
printf 'task = odd\n[row %s]\nmodel = arm\n' "$x" >"$work/long.recipe"
expect 0 "" compare --recipe "$work/long.recipe" $tiny $bits --json "$work/row.json"
grep -q "\"model\": \"$x (matched)\"" "$work/row.json" && grep -q "^$x (matched)  *[0-9]" "$work/out" &&
  grep -q " xxxxxxxxxxxx0  *xxxxxxxxxxxx1" "$work/out" ||
  { echo "FAIL a row's or a column's name was cut"; cut -c1-60 "$work/out"; failed=1; }
x=$(printf 'x%.0s' $(seq 150))
expect 2 "no model is named \"$x\"" compare odd --models "$x" $tiny $bits
ODD=
deep=$work/$(printf 'd%.0s' $(seq 200))/$(printf 'e%.0s' $(seq 200))
mkdir -p "$deep" && cp "$work/bits" "$deep/bits"
expect 0 "" eval "$work/arm" --plugin $plugin --data "$deep/bits" --json "$work/deep.json"
grep -q "\"set\": \"$deep/bits\"" "$work/deep.json" || { echo "FAIL a file's name was cut"; failed=1; }

# No set is left out without a word, however many there are.
ODD="set_name 70"
expect 0 "" eval "$work/arm" --plugin $plugin --n 1 --json "$work/sets.json"
test "$(grep -c '"set": "set [0-9]*"' "$work/sets.json")" -eq 70 || { echo "FAIL not 70 sets"; failed=1; }
exit $failed
