/* SPDX-License-Identifier: Apache-2.0 */
/* Element types and tensor types (floor 0). Dims at and past the rank are 0, so the dims of equal
 * types are equal byte for byte. */
#include <palimpsest/type.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "src/number.h"

pal_type pal_type_make(pal_dtype dtype, pal_symbol symbol, const int64_t *dim, int rank) {
  pal_type type = {.dtype = PAL_NONE};
  if (rank < 0 || rank > PAL_MAX_DIMS) return type;
  type.dtype = dtype;
  type.rank = (uint8_t)rank;
  if (rank > 0) type.symbol = symbol;
  for (int i = 0; i < rank; i++) type.dim[i] = dim[i];
  return type;
}

pal_type pal_type_scalar(pal_dtype dtype) { return pal_type_make(dtype, PAL_STATIC, NULL, 0); }

bool pal_shape_equal(const pal_type *a, const pal_type *b) {
  if (a->rank != b->rank || a->symbol.id != b->symbol.id) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->dim[i] != b->dim[i]) return false;
  return true;
}

bool pal_type_equal(const pal_type *a, const pal_type *b) {
  return a->dtype == b->dtype && pal_shape_equal(a, b);
}

size_t pal_dtype_size(pal_dtype dtype) {
  switch (dtype) {
    case PAL_NONE: return 0;
    case PAL_F32: return 4;
    case PAL_BF16: return 2;
    case PAL_I32: return 4;
    case PAL_U8: return 1;
  }
  return 0;
}

const char *pal_dtype_name(pal_dtype dtype) {
  switch (dtype) {
    case PAL_NONE: return "none";
    case PAL_F32: return "f32";
    case PAL_BF16: return "bf16";
    case PAL_I32: return "i32";
    case PAL_U8: return "u8";
  }
  return "none";
}

int64_t pal_type_row(const pal_type *type) {
  int64_t n = 1;
  for (int i = 1; i < type->rank; i++) n *= type->dim[i];
  return n;
}

int64_t pal_type_rows(const pal_type *type, int64_t count) {
  if (type->rank == 0) return 1;
  return type->symbol.id ? type->dim[0] * count : type->dim[0];
}

/* Appends to text[*used ...); what does not fit is cut off. */
static void append(char *text, size_t size, size_t *used, const char *format, ...) PAL_FORMAT(4, 5);
static void append(char *text, size_t size, size_t *used, const char *format, ...) {
  if (*used >= size) return;
  va_list arguments;
  va_start(arguments, format);
  const int n = pal_number_print(text + *used, size - *used, format, arguments);
  va_end(arguments);
  if (n > 0) *used += (size_t)n;
}

char *pal_type_print(const pal_type *type, char *text, size_t size) {
  char symbol[16];
  snprintf(symbol, sizeof symbol, "s%u", (unsigned)type->symbol.id);
  return pal_type_print_named(type, symbol, text, size);
}

char *pal_type_print_named(const pal_type *type, const char *symbol, char *text, size_t size) {
  size_t used = 0;
  if (size > 0) text[0] = 0;
  append(text, size, &used, "%s[", pal_dtype_name(type->dtype));
  for (int i = 0; i < type->rank; i++) {
    const char *comma = i > 0 ? "," : "";
    if (i > 0 || !type->symbol.id) append(text, size, &used, "%s%" PRId64, comma, type->dim[i]);
    else if (type->dim[0] == 1) append(text, size, &used, "%s", symbol);
    else append(text, size, &used, "%" PRId64 "*%s", type->dim[0], symbol);
  }
  append(text, size, &used, "]");
  return text;
}
