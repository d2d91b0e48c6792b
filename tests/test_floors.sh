#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tools/check-floors.sh accepts a small correct tree and reports each fault that is planted in it.
tool=$(cd "${srcdir:-.}" && pwd)/tools/check-floors.sh
: "${CC:=cc}"
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
failed=0

# A function in every folder that calls the one below, declared where it is defined.
fresh() {
  rm -rf "$work/tree" && mkdir -p "$work/tree/include/palimpsest" "$work/tree/build" || exit 99
  cd "$work/tree" || exit 99
  below=
  for folder in src graph ops autograd models train tasks pram bench cli; do
    case $folder in
      tasks) below=models ;; # beside train
      bench) below= ;;       # programs include public headers only
    esac
    mkdir $folder
    echo "int pal_$folder(void);" >$folder/own.h
    {
      test -z "$below" || echo "#include \"$below/own.h\""
      echo "#include \"$folder/own.h\""
      echo "int pal_$folder(void) { return ${below:+pal_$below() + }1; }"
    } >$folder/own.c
    below=$folder
  done
  mkdir examples
  echo "int pal_stage(void);" >include/palimpsest/plan.h
  echo "int pal_stage(void) { return 1; }" >graph/stage.c
}

compile() {
  for source in */*.c; do
    mkdir -p "build/${source%/*}/.libs"
    $CC -I. -c "$source" -o "build/${source%/*}/.libs/$(basename "$source" .c).o" || exit 99
  done
}

# check CODE WORDS: what the tool says of the tree.
check() {
  compile
  (cd build && srcdir=.. sh "$tool") >"$work/out" 2>&1
  got=$?
  if test $got -ne "$1" || ! grep -q -- "$2" "$work/out"; then
    echo "FAIL exit $got, not $1 with \"$2\":"; cat "$work/out"; failed=1
  else
    echo "ok $2"
  fi
}

fresh
check 0 "8 uses and 11 declarations of symbols, 0 point up"
if grep -q "no nm" "$work/out"; then echo "no nm"; exit 77; fi

fresh
echo 'int pal_up(void); extern int pal_models(void); int pal_up(void) { return pal_models(); }' \
  >ops/up.c
check 1 "ops/.libs/up.o: floor 2 uses pal_models of models/, floor 4"
rm ops/up.c # its object is stale, and no longer counts
check 0 "0 point up"

fresh
echo 'extern int pal_tasks(void); int pal_aside(void) { return pal_tasks(); }' >train/aside.c
check 1 "uses pal_tasks, but train/ and tasks/ know nothing of each other"

fresh
echo 'int pal_data; int pal_take(void) { return pal_data; }' >autograd/data.c
echo 'extern int pal_data; int pal_read(void) { return pal_data; }' >graph/read.c
check 1 "floor 1 uses pal_data of autograd/, floor 3"

fresh
echo 'int pal_slope(void) { return 1; }' >autograd/slope.c
echo 'int pal_slope(void);' >include/palimpsest/graph.h
check 1 "graph.h: declares pal_slope on floor 1, autograd/ defines it on floor 3"

fresh
echo 'int pal_slope(void) { return 1; }' >autograd/slope.c
echo 'int pal_slope(void);' >models/slope.h
check 1 "models/slope.h: declares pal_slope, which autograd/ defines"

fresh
echo '/* The store (floor 2). */' >>graph/own.c
check 1 "graph/ is floor 1"

fresh
echo '#include "cli/own.h"' >>graph/own.c
check 1 "floor 1 includes floor 8"

fresh
mkdir tests build/tests
echo 'int pal_spare(void), pal_train(void), pal_pram(void), pal_cli(void), pal_stage(void);
int test_it(void) { return pal_spare() + pal_train() + pal_pram() + pal_cli() + pal_stage(); }' \
  >tests/it.c
echo 'int pal_spare(void); int pal_spare(void) { return 1; }' >graph/spare.c
check 0 "0 point up" # what a test alone uses may stay
echo 'int pal_dead(void); int pal_dead(void) { return 1; }' >graph/dead.c
check 1 "graph/: no other object uses pal_dead"

fresh
touch build/config.status
(cd build && srcdir=.. sh "$tool") >"$work/out" 2>&1 && { echo "FAIL nothing is built"; failed=1; }
exit $failed
