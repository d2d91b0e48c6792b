/* SPDX-License-Identifier: Apache-2.0 */
/* What the ops that only move elements share: shape.c, slice.c (floor 2). */
#ifndef PAL_OPS_SHAPE_H
#define PAL_OPS_SHAPE_H

#include "ops/common.h"

/* The product of dims first .. last - 1. */
int64_t pal_shape_extent(const pal_type *type, int first, int last);
/* For random cases: an f32 type of two to four axes, with symbolic or static rows. */
pal_type pal_shape_sample(pal_case *random);

/* Bytes of a row. */
static inline size_t pal_shape_row_bytes(const pal_type *type) {
  return (size_t)pal_type_row(type) * pal_dtype_size(type->dtype);
}

typedef struct pal_pad_attrs {
  int64_t axis, before, after; /* numbers of zeros before and after x along the axis */
} pal_pad_attrs;

extern const pal_op pal_op_slice, pal_op_pad, pal_op_concat;
#endif
