/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of attention and of the rotary embedding (floor 2).
 *
 * Attention works on one head of one sequence. Keys are visited in tiles counted from the
 * sequence's start, a row's arithmetic depends on that row and its visible keys only, and masked
 * pairs take no part in the forward pass; so a row gives the same bits whatever its block. */
#ifndef PAL_OPS_KERNELS_ATTENTION_H
#define PAL_OPS_KERNELS_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <palimpsest/ops.h>

#include "ops/kernels/gemm_bf16.h"
#include "ops/kernels/machine.h"

/* Rows that later calls will touch, most urgent first: they are asked for while this one computes. */
typedef struct pal_attention_ahead {
  struct {
    const float *at;
    int64_t stride, rows, width; /* one row or more */
  } stream[8];
  int n;
} pal_attention_ahead;

/* One head of one sequence; row r of q is at q + r * q_stride. Or, forward only, heads abreast: the
 * rows are not queries but neighbouring heads of one query, d and dv columns apart. */
typedef struct pal_attention_head {
  const float *q, *k, *v;
  int64_t q_stride, k_stride, v_stride;
  int64_t d, dv; /* widths of q and k, of v */
  bool joined;   /* the only head; k follows q and v follows k, d columns each, in every row */
  bool abreast;  /* row r is head r: its keys are at k + r * d, its bias at bias + r * relations */
  int64_t queries, keys; /* rows */
  float scale;
  bool causal;
  int64_t window; /* 0: none */
  /* Positions: given per row, or (NULL) counting up from that of row 0. */
  const int32_t *q_position, *k_position;
  int64_t q_first, k_first;
  const float *bias; /* of this head by relation, or NULL */
  int64_t relations;
  const int32_t *table; /* relation of two positions, [positions, positions], or NULL */
  int64_t positions;
  const int32_t *q_group, *k_group; /* [., groups] */
  int64_t groups;
  /* Visibility by kind and block, a pal_sees for each pair of kinds, [kinds, kinds]; or NULL. */
  const int32_t *visible;
  const int32_t *q_kind, *k_kind, *q_block, *k_block; /* of every row */
  int64_t kinds;
  const pal_attention_ahead *ahead;  /* or NULL */
  const pal_gemm_bf16_kernels *bf16; /* for products of rounded operands; NULL: of f32 */
} pal_attention_head;

typedef struct pal_attention_result {
  float *out; /* [queries, dv] */
  int64_t out_stride;
  float *lse; /* log of the sum of exp of the scores; -inf without a visible key */
  int64_t lse_stride;
} pal_attention_result;

typedef struct pal_attention_grads {
  const float *out, *dout; /* strides out_stride */
  int64_t out_stride;
  const float *lse, *dlse; /* dlse may be NULL; strides lse_stride */
  int64_t lse_stride;
  float *dq, *dk, *dv; /* every row of the sequence is written; strides as of q, k, v */
  double *dbias;       /* [relations], added to; NULL without bias */
  float *delta;        /* [queries] of room */
} pal_attention_grads;

/* Frequencies of a rotary embedding are turns per position in units of 2^-64. */
typedef struct pal_rotary_rows {
  int64_t rows, row;   /* how many, and from one to the next: heads * 2 * half or more columns */
  int64_t heads, half; /* the first heads * 2 * half columns are rotated, no others touched */
  const int32_t *position;
  const int64_t *turn; /* [half] */
  bool inverse;        /* by the negative angle */
} pal_rotary_rows;

/* Whether a head is left to the kernels of short sequences. */
static inline bool pal_attention_is_short(const pal_attention_head *h) {
  const int64_t rows = h->queries > h->keys ? h->queries : h->keys;
  const int64_t width = h->d > h->dv ? h->d : h->dv;
  return rows <= PAL_SHORT_ROWS && rows * width <= PAL_SHORT_FLOATS && !h->bias && !h->visible;
}

/* Whether heads are to be served abreast, where they are not short: a lone query does not repay a copy
 * of keys and values. */
static inline bool pal_attention_is_lone(const pal_attention_head *h) {
  return h->queries == 1 && h->dv >= 16 && !h->bf16 && !h->visible;
}

typedef struct pal_attention_kernels {
  /* Bytes of scratch, 64-byte aligned, for a call of either kind; the same of the short forms. */
  size_t (*scratch)(int64_t d, int64_t dv, int64_t groups);
  size_t (*short_scratch)(void);
  /* At most PAL_QUERY_BLOCK queries, or heads abreast. */
  void (*forward)(const pal_attention_head *head, const pal_attention_result *to, void *scratch);
  /* All queries of the sequence. */
  void (*backward)(const pal_attention_head *head, const pal_attention_grads *to, void *scratch);
  /* n heads of short sequences, at most PAL_SHORT_HEADS, alike in all but rows and positions. */
  void (*forward_short)(const pal_attention_head *head, const pal_attention_result *to, int n,
                        void *scratch);
  void (*backward_short)(const pal_attention_head *head, const pal_attention_grads *to, int n,
                         void *scratch);
  /* out may be x. */
  void (*rotary)(const pal_rotary_rows *rows, const float *x, float *out);
} pal_attention_kernels;
#endif
