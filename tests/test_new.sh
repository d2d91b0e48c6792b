#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What `palimpsest new` writes builds without warnings and works, with its own Makefile: against an
# installed copy and against the build folder. Run by `make check`.
build=$(pwd)
. "${srcdir:-.}/tests/installed.sh"
command -v "$PKG_CONFIG" >/dev/null || { echo "SKIP no pkg-config"; exit 77; }
failed=0
COLUMNS=5000
export COLUMNS
mkdir "$work/bin" && cd "$work" || exit 99

# try NAME WORDS VARIABLE=VALUE...: make check in the folder NAME; it must print WORDS.
try() {
  name=$1 words=$2
  shift 2
  "$MAKE" -C "$name" CC="$CC" CFLAGS="-O2 -Wall -Wextra -Wshadow -Wconversion -Werror $PAL_SANITIZER_CFLAGS" \
    "$@" clean check >"$name.log" 2>&1 && grep -q "$words" "$name.log" && echo "ok $name" ||
    { echo "FAIL $name $*: no \"$words\""; cat "$name.log"; failed=1; }
}

palimpsest new model my-model >said && palimpsest new op cube --out ops/cube && palimpsest new task my_task ||
  { echo "FAIL nothing is written"; exit 1; }
grep -qx "make -C my-model check builds it and tries it out" said || { echo "FAIL said"; failed=1; }
grep -l NAME my-model/* ops/cube/* my_task/* && { echo "FAIL a NAME is left"; failed=1; }

# In the build folder pkg-config finds palimpsest-uninstalled.pc.
uninstalled="PKG_CONFIG_PATH=$build PALIMPSEST=$build/palimpsest"
test -x "$build/palimpsest" || { echo "FAIL no program in $build"; exit 1; }
try ops/cube "cube  *ok" $uninstalled
PKG_CONFIG_PATH=$build "$PKG_CONFIG" --libs palimpsest | grep -q -- "-L$build/.libs" ||
  { echo "FAIL pkg-config does not find the build folder"; failed=1; }

# The installed copy is moved to $root, of which its file for pkg-config does not know.
printf '#!/bin/sh\nexec %s "$@"\n' "$(command -v "$PKG_CONFIG") $moved" >bin/pkg-config
chmod +x bin/pkg-config
PATH=$work/bin:$PATH
try my-model "^my-model (matched)  *[0-9]* *1000  *[0-9.]*"
grep -q 'my-model has no recipe of its own: trained like "mdm, answer"' my-model.log ||
  { echo "FAIL no word on the recipe"; failed=1; }
test "$(grep -c "(matched), seed 1: 1360 parameters, 64000 examples, 1000 steps" my-model.log)" = 2 ||
  { echo "FAIL not trained on as many examples"; cat my-model.log; failed=1; }
try my_task "^mdm (matched)  *[0-9]*  *1000  *[0-9.]*"
try ops/cube "cube  *ok"

# What cannot be compared is named, and how to go on.
palimpsest compare my_task --plugin my_task/my_task.so --quiet --steps 2 >log 2>&1
grep -q "^palimpsest: ap-mdm: my_task has prompts with answers only; .*learn_from=answers (--models leaves it out)" log ||
  { echo "FAIL a model without examples"; cat log; failed=1; }

# A trained start is evaluated under another name of a setting, and decodes.
palimpsest train my_task --plugin my-model/my-model.so --plugin my_task/my_task.so --model my-model \
  --out run --quiet --set layers=1 --set width=16 --set heads=2 --set train.steps=20 >log &&
  palimpsest eval run --plugin my-model/my-model.so --plugin my_task/my_task.so --set k=2 --set tests=40 --quiet >log &&
  palimpsest sample run --plugin my-model/my-model.so --plugin my_task/my_task.so --n 2 >log &&
  grep -q '^  -> ^' log || { echo "FAIL a trained start"; cat log; failed=1; }

# refuse WORDS ARGUMENTS...
refuse() {
  words=$1
  shift
  palimpsest new "$@" >out 2>err
  code=$?
  test $code = 2 && grep -q -- "$words" err || { echo "FAIL exit $code, no \"$words\": new $*"; cat err; failed=1; }
}
refuse "new what?"
refuse "not \"modle\"; did you mean model?" modle x
refuse "what is the new op to be called" op
refuse "cannot be the name of a task" task ../evil
refuse "there is a model \"mdm\" already" model mdm
refuse "there is an op \"softmax\" already" op softmax
refuse "my-model/my-model.c exists and would be overwritten" model my-model
rm my-model/my-model.c
refuse "my-model/Makefile exists and would be overwritten" model my-model
test ! -e my-model/my-model.c || { echo "FAIL half of it is written"; failed=1; }
exit $failed
