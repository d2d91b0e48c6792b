/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of Sudoku stand on: the three shapes, draws that begin anew with every test, and the
 * rules said plainly. */
#ifndef PAL_TESTS_BOARDS_H
#define PAL_TESTS_BOARDS_H

#include <check.h>

#include "tasks/sudoku_task.h"

/* As ck_assert, but silent when all is well: that writes to a file every time. */
#define HOLDS(condition)                              \
  do {                                                \
    if (!(condition)) ck_abort_msg("%s", #condition); \
  } while (0)
#define SAME(a, b) HOLDS((a) == (b))

extern pal_sudoku_shape shape4, shape9, shape16;
extern pal_rng rng;

/* A checked fixture. */
void boards_set_up(void);
int below(int n);
/* Whether two cells share a row, a column or a box. */
bool same_unit(const pal_sudoku_shape *s, int a, int b);
/* Whether no other cell of its units has the digit. */
bool may_stand(const pal_sudoku_shape *s, const uint8_t *board, int cell, int digit);
/* A puzzle with one solution; fails the test when none is found. */
void make(const pal_sudoku_shape *s, int givens, uint8_t *given, uint8_t *solution);
#endif
