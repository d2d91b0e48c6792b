#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# palimpsest plot and palimpsest report: charts of runs, and pages about them.
. "${srcdir:-.}/tests/expect.sh"
bits="--set lengths=2,3 --set per_length=40"
for run in run piped; do
  expect 0 "" train parity --model ap-mdm $tiny $bits --out "$work/all/$run"
done

# ---- plots of runs ----

expect 0 "" plot "$work/all/run"
grep -q '^ *\* train$' "$work/out" && test "$(grep -c '|.*\*' "$work/out")" -ge 1 ||
  { echo "FAIL no plot as text"; cat "$work/out"; failed=1; }
if grep -q "$(printf '\033')" "$work/out"; then echo "FAIL escape codes in a plot"; failed=1; fi
expect 0 "" plot "$work/all/run" "$work/all/piped" --svg "$work/losses.svg"
test "$(grep -c 'fill="none" stroke=' "$work/losses.svg")" -eq 2 && grep -q "piped, train<" "$work/losses.svg" &&
  grep -q '^</svg>' "$work/losses.svg" || { echo "FAIL two runs are not two lines"; cat "$work/losses.svg"; failed=1; }
mkdir "$work/drawn" # known losses, to places known: the first at the top, the last at the bottom
{ echo loss,split,step; echo 8,train,0; echo ,train,50; echo nan,train,60; echo 0,train,100; echo 4,valid,50; } >"$work/drawn/metrics.csv"
expect 0 "" plot "$work/drawn" --svg "$work/drawn.svg"
grep -q 'd="M64.0 24.0L524.0 264.0"' "$work/drawn.svg" && grep -q 'd="M294.0 144.0"' "$work/drawn.svg" ||
  { echo "FAIL not the places of the losses"; cat "$work/drawn.svg"; failed=1; }
COLUMNS=80 "$program" plot "$work/drawn" >"$work/out"
test "$(sed -n '2s/[^*]//gp;18s/[^*]//gp' "$work/out" | tr -d '\n')" = '**' &&
  ! grep -q '.\{80\}' "$work/out" && grep -q '^ *o valid$' "$work/out" ||
  { echo "FAIL not the places of the losses as text"; cat "$work/out"; failed=1; }
echo 1,2,3 >"$work/drawn/metrics.csv"
expect 2 "metrics.csv:1: no columns step, split and loss" plot "$work/drawn"
echo step,split,loss >"$work/drawn/metrics.csv"
expect 2 "metrics.csv holds no loss" plot "$work/drawn"
expect 2 "absent/metrics.csv" plot "$work/absent"
expect 2 "which run" plot
expect 2 "are the same file" plot "$work/all/run" --svg "$work/all/run/metrics.csv"

# ---- plots of decoding ----

# A masked model writes the one digit of parity's answer in its one pass, behind the prompt of 4 rows
# with the begin token: one edit, and a length of 4 rows throughout.
expect 0 "" train parity --model mdm $tiny --set lengths=2 --set per_length=9 --out "$work/parity"
expect 0 "" sample "$work/parity" --n 3 --trace "$work/trace.jsonl"
expect 0 "" plot "$work/trace.jsonl" --svg "$work/trace.svg"
expect 0 "" plot "$work/parity" --decode --n 3 --svg "$work/decoded.svg"
cmp "$work/trace.svg" "$work/decoded.svg" || failed=1
grep -c 'fill="none".*d="M524.0 24.0"' "$work/trace.svg" | grep -qx 1 && # written
  grep -c 'fill="none".*d="M64.0 24.0L524.0 24.0"' "$work/trace.svg" | grep -qx 1 && # length
  grep -q '>written<' "$work/trace.svg" && ! grep -qE '>(remasked|deleted|inserted)<' "$work/trace.svg" ||
  { echo "FAIL not the edits of a masked model"; cat "$work/trace.svg"; failed=1; }
if grep 'text-anchor="middle">0\.' "$work/trace.svg"; then echo "FAIL marks between two passes"; failed=1; fi
expect 0 "" plot "$work/all/run" --decode
grep -q '^ *edits, mean of the instances' "$work/out" && grep -q '^ *\* length$' "$work/out" ||
  { echo "FAIL no plot of edits as text"; cat "$work/out"; failed=1; }
expect 2 "plotted for one at a time" plot --decode "$work/all/run" "$work/parity"
head -n 1 "$work/trace.jsonl" >"$work/cut.jsonl"
expect 2 "" plot "$work/cut.jsonl"
echo '[]' >"$work/cut.jsonl"
expect 2 "" plot "$work/cut.jsonl"

# ---- reports ----

# has WORDS: the page has them.
has() { grep -q -- "$1" "$page" || { echo "FAIL the page lacks $1"; cat "$page"; failed=1; }; }

# A page about one run: its figures are those of eval, its chart is that of plot, its config is whole.
expect 0 "" report "$work/all/run"
page=$work/all/run/report.html
grep -qx "wrote $page" "$work/out" || { echo "FAIL not said where it is"; cat "$work/out"; failed=1; }
"$program" eval "$work/all/run" --quiet | sed -n 's/^ *length=2 *exact *\([0-9.]*\) % \[ *\([0-9.]*\), *\([0-9.]*\)\] of *40 .*/<td>\1<.td><td>\2 to \3<.td><td>40</p' >"$work/figures"
test -s "$work/figures" && has "$(cat "$work/figures")"
has '<h1>1 run<'
has ' title="[a-z][^"]*">kept %<'
"$program" plot "$work/all/run" --svg - 2>/dev/null | grep 'fill="none" stroke=' >"$work/line"
test -s "$work/line" && has "$(cat "$work/line")"
for line in 'train.steps = 30' 'task.per_length = 40'; do has "^$line"; done
has '^</body></html>$'
has '<iframe [^>]*srcdoc="<!DOCTYPE html>'
has 'title>edits by pass<'
if grep -nE '(src|href)=.?[a-z]+:|//[a-z]+\.[a-z]|@import|url\(' "$page" | grep -v 'http://www.w3.org/2000/svg'; then echo "FAIL the page loads something"; failed=1; fi

# A directory of runs, of which one has no weights, one no metrics, and a name that is no markup; and
# runs of two tasks.
cp -r "$work/all/run" "$work/all/a<b>&c"
rm -r "$work/all/piped/ckpt" "$work/all/a<b>&c/metrics.csv" "$work/all/a<b>&c/report.html"
mkdir "$work/all/no run"
i=0
while [ $i -lt 40 ]; do echo 'to be or not to be'; i=$((i + 1)); done >"$work/text"
expect 0 "" train text --model mdm --data "$work/text" --set block=16 $tiny --out "$work/mdm"
page=$work/page.html
expect 0 "piped: .*weights.safetensors" report "$work/all" "$work/mdm" --n 8 --quiet --html "$page"
has '<h1>4 runs<'
has 'a&lt;b>&amp;c</td>'
has '<p>Not evaluated: .*/piped/ckpt/weights.safetensors'
has '<small>.*\*: of fewer than 30 instances. At most 8 instances'
has '<h2>Task text<'
has '<td>&lt;= [0-9.]* +- [0-9.]*</td>.*<td class="text">upper bound, 16 draws</td>'
test "$(grep -c '<title>losses of runs<' "$page")" -eq 2 || { echo "FAIL not a chart for each task"; failed=1; }
test "$(grep -c '<iframe' "$page")" -eq 3 || { echo "FAIL not a trace of each run that has weights"; failed=1; }
"$program" report "$work/mdm" --html - 2>/dev/null | grep -q '<h2>Task text' || { echo "FAIL standard output"; failed=1; }

expect 2 "which run" report
expect 2 "no run could be evaluated" report "$work/all/no run"
expect 2 "no run could be evaluated" report "$work/absent"
expect 2 "no run could be evaluated" report "$work/all/piped"
mv "$work/all/a<b>&c" "$work/aside"
expect 0 "" plot "$work/all"
grep -q '^ *\* .*/all/piped, train$' "$work/out" && grep -q '^ *o .*/all/run, train$' "$work/out" ||
  { echo "FAIL no plot of a directory of runs"; cat "$work/out"; failed=1; }
expect 2 "are the same file" report "$work/mdm" --html "$work/mdm/config"
exit $failed
