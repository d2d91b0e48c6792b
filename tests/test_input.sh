#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the program is given, on its command line and in files, is used or refused by name.
. "${srcdir:-.}/tests/expect.sh"

# ---- the command line ----

expect 2 'train takes TASK and no "sudoku"' train parity sudoku --model arm
expect 2 'eval takes RUN and no "b"' eval a b
expect 2 'check-op takes \[NAME\] and no "add"' check-op matmul add
expect 2 'no "extra"' info op matmul extra
expect 2 "there is no verb" fly --help
expect 2 "info has no option --json" --json x info
expect 2 "compare has no option --config" compare parity --config x
expect 2 "\"-\" is no file name" train -
expect 2 "\"-\" is no file name" eval a --json -
expect 2 "\"-\" is no file name" train parity --model arm --config=-
expect 2 "no option --;" train parity -- --model arm
for option in --json --svg --steps --n; do
  expect 2 "$option is given 2 times" eval a $option 3 $option=4
done
expect 2 "without --n" eval a --steps 3 --n 4
expect 2 "without --svg" eval a --steps 3 --svg "$work/none"

exit $failed
