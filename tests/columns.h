/* SPDX-License-Identifier: Apache-2.0 */
/* Access to the columns of a batch by name. */
#ifndef PAL_TESTS_COLUMNS_H
#define PAL_TESTS_COLUMNS_H

#include <palimpsest/model.h>

#include <string.h>

/* The column's data, NULL when no such column is declared. */
static inline void *column_of(const pal_batch *batch, const char *name) {
  for (int i = 0; i < batch->columns; i++)
    if (strcmp(batch->declared[i].name, name) == 0) return batch->column[i];
  return NULL;
}
static inline float *reals_of(const pal_batch *batch, const char *name) {
  return (float *)column_of(batch, name);
}
static inline int32_t *integers_of(const pal_batch *batch, const char *name) {
  return (int32_t *)column_of(batch, name);
}
#endif
