/* SPDX-License-Identifier: Apache-2.0 */
/* Element types, symbolic row counts and tensor types.
 *
 * A tensor is row-major, outermost axis first, with at most PAL_MAX_DIMS axes. Only axis 0 may be
 * symbolic: its extent is dim[0] x count(symbol), where the count is chosen at run time between 0
 * and the symbol's capacity. Inner axes are constants, so the active rows are a prefix of the
 * buffer:
 *
 *   f32[T, 4], capacity 6, count 3     row 0  x x x x
 *                                      row 1  x x x x     active rows
 *                                      row 2  x x x x
 *                                      row 3  . . . .
 *                                      row 4  . . . .     inactive rows: contents undefined
 *                                      row 5  . . . .
 *
 * Sequences of different lengths are packed rows: one after the other along axis 0, without
 * padding. */
#ifndef PAL_TYPE_H
#define PAL_TYPE_H

#include <palimpsest/status.h>
#include <stdbool.h>

#ifdef __cplusplus
#include <initializer_list>
extern "C" {
#endif

enum { PAL_MAX_DIMS = 6 };

typedef enum pal_dtype {
  PAL_NONE = 0, /* the type of an absent optional input */
  PAL_F32,      /* IEEE binary32 */
  PAL_BF16,     /* bfloat16: storage only; ops compute in f32 and round results to nearest even */
  PAL_I32,      /* 32-bit integer: tokens, indices, counts */
  PAL_U8        /* 8-bit unsigned integer; flags are 0 or 1 */
} pal_dtype;

/* A symbol of a graph; id 0 (PAL_STATIC) means "no symbol". Two symbolic extents are equal only if
 * their ids are; that capacities or counts happen to agree does not matter. */
typedef struct pal_symbol {
  uint16_t id;
} pal_symbol;
#ifdef __cplusplus
#define PAL_STATIC (pal_symbol{0})
#else
#define PAL_STATIC ((pal_symbol){0})
#endif

typedef struct pal_type {
  pal_dtype dtype;
  uint8_t rank;              /* 0 for a scalar */
  pal_symbol symbol;         /* of axis 0; PAL_STATIC when its extent is dim[0] */
  int64_t dim[PAL_MAX_DIMS]; /* dim[0] is a multiplier when axis 0 is symbolic */
} pal_type;

/* PAL_TYPE(PAL_F32, T, 1, 64) is [T, 64]; PAL_TYPE(PAL_I32, PAL_STATIC, 3) is [3]. */
#ifdef __cplusplus
#define PAL_TYPE(dtype, symbol, ...) pal_type_listed((dtype), (symbol), {__VA_ARGS__})
#else
#define PAL_TYPE(dtype, symbol, ...)                               \
  pal_type_make((dtype), (symbol), (const int64_t[]){__VA_ARGS__}, \
                (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))
#endif

/* The scalar type of `dtype`. */
PAL_API pal_type pal_type_scalar(pal_dtype dtype);
/* A type from `rank` dims; a rank outside 0..PAL_MAX_DIMS gives dtype PAL_NONE. */
PAL_API pal_type pal_type_make(pal_dtype dtype, pal_symbol symbol, const int64_t *dim, int rank);
/* Same dtype, rank, symbol and dims. */
PAL_API bool pal_type_equal(const pal_type *a, const pal_type *b);
/* Same rank, symbol and dims, whatever the dtype. */
PAL_API bool pal_shape_equal(const pal_type *a, const pal_type *b);
/* Bytes of one element; 0 for PAL_NONE. */
PAL_API size_t pal_dtype_size(pal_dtype dtype);
/* "f32", "bf16", "i32", "u8", "none". */
PAL_API const char *pal_dtype_name(pal_dtype dtype);
/* Product of the inner dims (axes 1 and up): elements of one row of axis 0; 1 for rank 0. */
PAL_API int64_t pal_type_row(const pal_type *type);
/* Extent of axis 0 when the symbol counts `count`: dim[0] x count, or dim[0]; 1 for rank 0. */
PAL_API int64_t pal_type_rows(const pal_type *type, int64_t count);
/* Writes e.g. "f32[2*s1,64]", the symbol as "s<id>", cut to `size` bytes; returns `text`. A graph
 * knows its symbols' names: see pal_graph_type_print. */
PAL_API char *pal_type_print(const pal_type *type, char *text, size_t size);
/* The same with the symbol under the name `symbol`, e.g. "f32[2*T,64]". */
PAL_API char *pal_type_print_named(const pal_type *type, const char *symbol, char *text,
                                   size_t size);

#ifdef __cplusplus
}

/* What PAL_TYPE calls: ISO C++ has no compound literals. */
inline pal_type pal_type_listed(pal_dtype dtype, pal_symbol symbol,
                                std::initializer_list<int64_t> dims) {
  return pal_type_make(dtype, symbol, dims.begin(), (int)dims.size());
}
#endif
#endif
