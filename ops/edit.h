/* SPDX-License-Identifier: Apache-2.0 */
/* The transition of one row in any-process generation, for whoever carries it out (floor 2). */
#ifndef PAL_OPS_EDIT_H
#define PAL_OPS_EDIT_H

#include <stdbool.h>
#include <stdint.h>

/* The rows that a row with token x becomes: their number (0, 1 or 2); the first is *token, the second,
 * if any, a mask. */
static inline int pal_edit_row(int32_t x, int32_t y, bool remask, bool insert, bool remove,
                               int32_t mask, int32_t *token) {
  if (remove && x == mask) return 0;
  *token = remask ? mask : x == mask ? y : x;
  return insert ? 2 : 1;
}
#endif
