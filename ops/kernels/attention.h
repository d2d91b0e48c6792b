/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of attention and of the rotary embedding (floor 2).
 *
 * Attention works on one head of one sequence at a time, with the online softmax of Milakov and
 * Gimelshein (arXiv 1805.02867) as in FlashAttention (Dao et al., arXiv 2205.14135): keys are
 * visited in tiles of PAL_KEY_TILE, counted from the beginning of the sequence, and only the scores
 * of one tile exist at a time.
 *
 *                   keys 0..127   keys 128..255   ...
 *   queries 0..95   | tile 0   -> | tile 1     ->            one call of `forward`
 *   queries 96..191 | tile 0   -> | tile 1     ->            another call
 *
 *   for each tile:   S = scale q k^T + bias                  scores
 *                    new = max(old, row maxima of S)
 *                    P = exp(S - new)                        weights
 *                    out = exp(old - new) * out + P v        and the sum of the weights likewise
 *   at the end:      out / sum,  lse = new + log(sum)
 *
 * The arithmetic of a query depends on that query and the keys it sees only, and masked pairs take
 * no part in it. So a query gives the same bits whatever other queries are in its block. */
#ifndef PAL_OPS_KERNELS_ATTENTION_H
#define PAL_OPS_KERNELS_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <palimpsest/ops.h>

#include "ops/kernels/gemm_bf16.h"
#include "ops/kernels/machine.h"

/* Rows that a kernel prefetches while it computes, because this call stores to them at its end or
 * the next call reads them. The most urgent come first. */
typedef struct pal_attention_prefetch {
  struct {
    const float *at;             /* row r is at + r * stride, `width` floats */
    int64_t stride, rows, width; /* rows >= 1 */
  } stream[8];
  int n;
} pal_attention_prefetch;

/* One head of one sequence. Row r of q is at q + r * q_stride.
 *
 * Or, in the forward pass only and with `single_query`, several neighbouring heads of a sequence
 * that has one query, as in a decoding step. Row r of q, out and lse is then head r of that one
 * query, and its keys and values are r * d and r * dv columns to the right of the first head's. */
typedef struct pal_attention_head {
  const float *q, *k, *v;
  int64_t q_stride, k_stride, v_stride;
  int64_t d, dv; /* widths of q and k, of v */
  bool joined;   /* the op has one head, and each row is q, k and v side by side, d columns each */
  bool single_query;     /* row r is head r; its bias is at bias + r * relations */
  int64_t queries, keys; /* numbers of rows */
  float scale;
  bool causal;
  int64_t window; /* a query sees keys nearer than this; 0: no limit */
  /* Positions: one per row, or NULL if they count up from q_first and k_first, the positions of row
   * 0. */
  const int32_t *q_position, *k_position;
  int64_t q_first, k_first;
  const float *bias; /* [relations], of this head; or NULL */
  int64_t relations;
  /* The relation of a query and a key, which selects the bias, is looked up in a table by their two
   * positions; or, if the table is NULL, has bit g set where their groups g are equal. */
  const int32_t *table; /* [positions, positions] */
  int64_t positions;
  const int32_t *q_group, *k_group; /* [queries, groups], [keys, groups] */
  int64_t groups;
  /* Visibility by kind and block, a pal_sees for each pair of kinds, [kinds, kinds]; or NULL. */
  const int32_t *visible;
  const int32_t *q_kind, *k_kind, *q_block, *k_block; /* one per row */
  int64_t kinds;
  const pal_attention_prefetch *prefetch; /* or NULL */
  const pal_gemm_bf16_kernels *bf16; /* for products of operands rounded to bfloat16; NULL: f32 */
} pal_attention_head;

/* Results of the forward pass. Element r of lse is at lse + r * lse_stride. */
typedef struct pal_attention_result {
  float *out; /* [queries, dv] */
  int64_t out_stride;
  float *lse; /* [queries]: log of the sum of exp of the scores; -inf without a visible key */
  int64_t lse_stride;
} pal_attention_result;

/* The backward pass: results of the forward pass, their gradients, and the gradients to compute. */
typedef struct pal_attention_grads {
  const float *out, *dout; /* [queries, dv] */
  int64_t out_stride;
  const float *lse, *dlse; /* [queries]; dlse may be NULL */
  int64_t lse_stride;
  float *dq, *dk, *dv; /* every row of the sequence is overwritten; strides are those of q, k, v */
  double *dbias;       /* [relations], added to; NULL without bias */
  float *delta;        /* [queries], scratch */
} pal_attention_grads;

/* The rows of a rotary embedding. A frequency is given in turns per position in units of 2^-64, so
 * that the angle is exact integer arithmetic modulo a turn. */
typedef struct pal_rotary_rows {
  int64_t rows, row;       /* number of rows, and floats from one to the next */
  int64_t heads, half;     /* the first heads * 2 * half columns are rotated, no others touched */
  const int32_t *position; /* [rows] */
  const int64_t *turn;     /* [half], frequencies */
  bool inverse;            /* rotate by the negative angle */
} pal_rotary_rows;

/* Whether a head goes to the kernels for short sequences, which put 16 heads side by side. */
static inline bool pal_attention_is_short(const pal_attention_head *h) {
  const int64_t rows = h->queries > h->keys ? h->queries : h->keys;
  const int64_t width = h->d > h->dv ? h->d : h->dv;
  return rows <= PAL_SHORT_ROWS && rows * width <= PAL_SHORT_FLOATS && !h->bias && !h->visible;
}

/* Whether a head that is not short has a single query, so that the heads of this query are to be
 * computed in one call: one query does not repay copying and transposing keys and values. */
static inline bool pal_attention_has_single_query(const pal_attention_head *h) {
  return h->queries == 1 && h->dv >= 16 && !h->bf16 && !h->visible;
}

typedef struct pal_attention_kernels {
  /* Bytes of scratch, 64-byte aligned, for a call of forward or backward; and for one of the short
   * forms. */
  size_t (*scratch)(int64_t d, int64_t dv, int64_t groups);
  size_t (*short_scratch)(void);
  /* At most PAL_QUERY_BLOCK rows: queries, or heads of a single query. */
  void (*forward)(const pal_attention_head *head, const pal_attention_result *to, void *scratch);
  /* All queries of the sequence. */
  void (*backward)(const pal_attention_head *head, const pal_attention_grads *to, void *scratch);
  /* n <= PAL_SHORT_HEADS heads of short sequences, equal in all but their rows and positions. */
  void (*forward_short)(const pal_attention_head *head, const pal_attention_result *to, int n,
                        void *scratch);
  void (*backward_short)(const pal_attention_head *head, const pal_attention_grads *to, int n,
                         void *scratch);
  /* Rotates x into out; out may be x. */
  void (*rotary)(const pal_rotary_rows *rows, const float *x, float *out);
} pal_attention_kernels;
#endif
