/* SPDX-License-Identifier: Apache-2.0 */
/* The transition of one row in any-process generation (floor 2). The op edit and the decoder share
 * it. */
#ifndef PAL_OPS_EDIT_H
#define PAL_OPS_EDIT_H

#include <stdbool.h>
#include <stdint.h>

/* Gives the number of rows, 0 to 2, that a row with token x becomes. *token is the first one's
 * token; a second one is a mask. y is the predicted token, used if x is the mask; the rules are in
 * the documentation of edit. */
static inline int pal_edit_row(int32_t x, int32_t y, bool remask, bool insert, bool remove,
                               int32_t mask, int32_t *token) {
  if (remove && x == mask) return 0;
  *token = remask ? mask : x == mask ? y : x;
  return insert ? 2 : 1;
}
#endif
