/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers of the Sudoku tests: the shapes 4x4, 9x9 and 16x16, random draws that are the same in
 * every run of a test, and the rules, implemented in the simplest way. */
#ifndef PAL_TESTS_BOARDS_H
#define PAL_TESTS_BOARDS_H

#include <check.h>

#include "tasks/sudoku_task.h"

/* Like ck_assert, which writes to a file at every call and so is slow in loops; these write only on
 * failure. */
#define HOLDS(condition)                              \
  do {                                                \
    if (!(condition)) ck_abort_msg("%s", #condition); \
  } while (0)
#define SAME(a, b) HOLDS((a) == (b))

extern pal_sudoku_shape shape4, shape9, shape16;
extern pal_rng rng;

/* The set-up function of a checked fixture: it restarts the random draws for every test. */
void boards_set_up(void);
/* A random integer from 0 to n - 1. */
int below(int n);
/* Whether two cells share a row, a column or a box. */
bool same_unit(const pal_sudoku_shape *s, int a, int b);
/* Whether no other cell of its row, column and box has the digit. */
bool may_stand(const pal_sudoku_shape *s, const uint8_t *board, int cell, int digit);
/* Makes a puzzle with so many givens and one solution; fails the test when none is found. */
void make(const pal_sudoku_shape *s, int givens, uint8_t *given, uint8_t *solution);
#endif
