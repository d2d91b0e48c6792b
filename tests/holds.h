/* SPDX-License-Identifier: Apache-2.0 */
/* Short assertions for tests that have many. */
#ifndef PAL_TESTS_HOLDS_H
#define PAL_TESTS_HOLDS_H

#include <check.h>

#define HOLDS(condition)                              \
  do {                                                \
    if (!(condition)) ck_abort_msg("%s", #condition); \
  } while (0)
#define SAME(a, b) HOLDS((a) == (b))
#endif
