#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the library into a temporary folder, compiles every example against that copy, with
# public headers only, and runs the commands in the opening comment of each example, lines such as
#
#    *   $ palimpsest --plugin ./custom_op.so ...
#
# An example with a main() is a program and is run instead. Any other is a plug-in and must have at
# least one such line. Commands run in a folder that contains only <name>.so. Run by `make check`.
. "${srcdir:-.}/tests/installed.sh"
test -n "$(ls "$srcdir"/examples/*.c 2>/dev/null)" || { echo "no examples"; exit 77; }

cat >"$work/header.c" <<'END'
#include <palimpsest/palimpsest.h>
int main(void) { return pal_status_name(PAL_OK) == 0; }
END
$CC $strict $cflags "$work/header.c" -o "$work/header" $libs && "$work/header" ||
  { echo "a program cannot be built from the installed copy"; exit 1; }

failed=0
for source in "$srcdir"/examples/*.c; do
  name=$(basename "$source" .c)
  mkdir "$work/$name" && cd "$work/$name" || exit 99
  if grep -q '^int main(' "$source"; then
    $CC $strict $cflags "$source" -o "$name" $libs -lm && "./$name" ||
      { echo "FAIL $name"; failed=1; continue; }
  else
    $CC $strict $cflags -shared -fPIC "$source" -o "$name.so" $libs ||
      { echo "FAIL $name: does not compile"; failed=1; continue; }
    sed -n 's/^ \*  *\$ \(palimpsest .*\)/\1/p' "$source" >commands
    test -s commands || { echo "FAIL $name: its comment gives no command"; failed=1; continue; }
    sh -e -x commands </dev/null || { echo "FAIL $name"; failed=1; continue; }
  fi
  echo "ok $name"
done

# A model and a task that are both plug-ins work with every verb, and the reports have the task's
# columns.
cd "$work" || exit 99
palimpsest() {
  verb=$1
  shift
  command palimpsest "$verb" --plugin remasking/remasking.so --plugin task_squeeze/task_squeeze.so \
    --quiet "$@" </dev/null
}
cat >squeeze.conf <<'END'
task = squeeze
[row remasking]
model = remasking
trained_to = 1
task.longest = 4
task.tests = 20
model.layers = 1
model.width = 16
model.heads = 2
train.steps = 20
evaluate = often: model.sigma=0.9
evaluate = never: model.sigma=0
END
columns='"valid": [0-9.]*, "kept": [0-9.]*, "letters": [0-9.]*, "forward_passes_mean"'
{
  palimpsest train squeeze --model remasking --out squeezed --set longest=4 --set tests=20 \
    --set train.steps=40 --set layers=1 --set width=16 --set heads=2 --json trained.json &&
    palimpsest train squeeze --config squeezed/config --out squeezed --resume --set train.steps=60 &&
    palimpsest eval squeezed --set tests=30 --json judged.json --answers answers --svg passes.svg &&
    palimpsest sample squeezed --n 2 && palimpsest sample squeezed --watch &&
    palimpsest compare squeeze --models arm,remasking --budget free --set longest=4 --set tests=20 \
      --set train.steps=20 --set layers=1 --set width=16 --set heads=2 --json compared.json &&
    palimpsest compare squeeze --recipe squeeze.conf --json recipes.json &&
    palimpsest info task squeeze && palimpsest info model remasking
} >reports || { cat reports; echo "FAIL plug-ins together"; exit 1; }
for file in trained.json judged.json compared.json recipes.json; do
  tr -d '\n' <"$file" | tr -s ' ' | grep -q "$columns" ||
    { echo "FAIL $file lacks the task's columns"; cat "$file"; failed=1; }
done
grep -c '"valid":[a-z]*,"kept":[a-z]*,"letters":[0-9.]*,"halted"' answers | grep -qx 30 ||
  { echo "FAIL answers lack the task's columns"; cat answers; failed=1; }
tr '\n' ' ' <reports | tr -s ' ' |
  grep -q 'of 30 valid [0-9.]* % kept [0-9.]* % letters [0-9.]* halted' && test -s passes.svg ||
  { echo "FAIL no report with the task's columns"; cat reports; failed=1; }
exit $failed
