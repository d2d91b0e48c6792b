/* SPDX-License-Identifier: Apache-2.0 */
/* Builders of the built-in ops: each is one pal_apply (or a few, where said).
 *
 * Shapes: T is any axis-0 extent (symbolic or static), D the last axis. i32 flags are 0 or
 * 1. Formulas, gradients and error conditions of each op are in its descriptor's doc
 * (`palimpsest info op NAME`). Every builder returns nil on error and keeps the caller's
 * line in the graph. */
#ifndef PAL_OPS_H
#define PAL_OPS_H

#include <palimpsest/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Defines every built-in op in `context`. */
PAL_API pal_status pal_register_ops(pal_context *context, pal_error *error);

/* ---- elementwise (ops/elementwise.c, ops/activation.c, ops/logic.c) ------------- */
/* Broadcasting: axes are aligned from the right, extents 1 stretch; a static operand of lower rank
 * serves every row of a symbolic one; scalars go with anything. f32 or i32, both alike. */
PAL_API pal_value pal_add(pal_graph *g, pal_value a, pal_value b);
PAL_API pal_value pal_sub(pal_graph *g, pal_value a, pal_value b);
PAL_API pal_value pal_mul(pal_graph *g, pal_value a, pal_value b);
PAL_API pal_value pal_div(pal_graph *g, pal_value a, pal_value b); /* f32 only */
PAL_API pal_value pal_minimum(pal_graph *g, pal_value a, pal_value b);
PAL_API pal_value pal_maximum(pal_graph *g, pal_value a, pal_value b);
/* x * scale + shift, f32 or i32 (then both must be whole). */
PAL_API pal_value pal_affine(pal_graph *g, pal_value x, double scale, double shift);
PAL_API pal_value pal_exp(pal_graph *g, pal_value x);
PAL_API pal_value pal_log(pal_graph *g, pal_value x);
PAL_API pal_value pal_tanh(pal_graph *g, pal_value x);
PAL_API pal_value pal_sigmoid(pal_graph *g, pal_value x);
PAL_API pal_value pal_erf(pal_graph *g, pal_value x);
PAL_API pal_value pal_sqrt(pal_graph *g, pal_value x);
PAL_API pal_value pal_relu(pal_graph *g, pal_value x);
PAL_API pal_value pal_silu(pal_graph *g, pal_value x);
PAL_API pal_value pal_gelu(pal_graph *g, pal_value x, bool tanh_form);
PAL_API pal_value pal_clamp(pal_graph *g, pal_value x, double low, double high);
PAL_API pal_value pal_cast(pal_graph *g, pal_value x, pal_dtype to); /* f32 to i32 truncates */
typedef enum pal_relation { PAL_EQ, PAL_NE, PAL_LT, PAL_LE, PAL_GT, PAL_GE } pal_relation;
PAL_API pal_value pal_compare(pal_graph *g, pal_value a, pal_value b,
                              pal_relation relation); /* i32 flags */
PAL_API pal_value pal_where(pal_graph *g, pal_value condition, pal_value a,
                            pal_value b); /* broadcasts */
PAL_API pal_value pal_and(pal_graph *g, pal_value a,
                          pal_value b); /* of i32 flags (nonzero is true) */
PAL_API pal_value pal_or(pal_graph *g, pal_value a, pal_value b);
PAL_API pal_value pal_not(pal_graph *g, pal_value a);
/* Root op: fails the run with PAL_E_NONFINITE, naming `what`, if any element is not finite. */
PAL_API void pal_check_finite(pal_graph *g, pal_value x, const char *what);

/* ---- products (ops/matmul.c) ------------------------------------------------------ */
/* a [M, K] (or [K, M] with transpose_a) times b [K, N] (or [N, K]). Symbolic rows: a alone
 * without transpose_a (result [T, N]), or both a and b with transpose_a (result static [M, N],
 * summed over active rows). f32, of the graph's precision. One accumulation order, k ascending,
 * whatever M. */
PAL_API pal_value pal_matmul(pal_graph *g, pal_value a, pal_value b, bool transpose_a,
                             bool transpose_b);
/* x [T, I], weight [O, I] (PyTorch's layout), bias [O] or nil: x weight^T + bias, [T, O]. */
PAL_API pal_value pal_linear(pal_graph *g, pal_value x, pal_value weight, pal_value bias);

/* ---- reductions and rows' statistics (ops/reduce.c, ops/softmax.c) ------------------ */
/* Over one axis; keep leaves it with extent 1. Axis 0 of a symbolic tensor: over active rows (mean
 * divides by the run-time count; mean and sum of none are 0). */
PAL_API pal_value pal_sum(pal_graph *g, pal_value x, int axis, bool keep);
PAL_API pal_value pal_mean(pal_graph *g, pal_value x, int axis, bool keep);
PAL_API pal_value pal_max(pal_graph *g, pal_value x, int axis, bool keep);
PAL_API pal_value pal_argmax(pal_graph *g, pal_value x, int axis,
                             bool keep); /* i32, first of equals */
/* Everything summed to a scalar. */
PAL_API pal_value pal_sum_all(pal_graph *g, pal_value x);
/* Sums the broadcast axes of x away until it has `like`'s type: the gradient of broadcasting. */
PAL_API pal_value pal_sum_to(pal_graph *g, pal_value x, pal_value like);
/* Copies x along the axes in which `like` is larger: the gradient of pal_sum_to. */
PAL_API pal_value pal_broadcast_to(pal_graph *g, pal_value x, pal_value like);
PAL_API pal_value pal_cumsum(pal_graph *g, pal_value x, int axis); /* inclusive; f32 or i32 */
PAL_API pal_value pal_softmax(pal_graph *g, pal_value x);          /* last axis */
PAL_API pal_value pal_log_softmax(pal_graph *g, pal_value x);      /* last axis */
PAL_API pal_value pal_entropy(pal_graph *g, pal_value logits);     /* nats, [T] from [T, V] */
PAL_API pal_value pal_top2_margin(pal_graph *g, pal_value logits); /* p1 - p2, [T] from [T, V] */

/* ---- normalisation (ops/norm.c) ------------------------------------------------------- */
PAL_API pal_value pal_layer_norm(pal_graph *g, pal_value x, pal_value gain, pal_value bias,
                                 double epsilon); /* last axis; gain, bias [D] or nil */
PAL_API pal_value pal_rms_norm(pal_graph *g, pal_value x, pal_value gain, double epsilon);

/* ---- rows: embedding, gather, segments (ops/embedding.c, ops/gather.c, ops/segment.c) ------ */
PAL_API pal_value pal_embedding(pal_graph *g, pal_value table, pal_value ids); /* [V, D], i32 [T] */
PAL_API pal_value pal_one_hot(pal_graph *g, pal_value ids,
                              int64_t classes); /* f32 [T, V]; -1: zeros */
/* factor: constant i32 [V, F], rows of `table` [R, D] summed for each token, -1 skipped. */
PAL_API pal_value pal_factored_embedding(pal_graph *g, pal_value table, pal_value factor,
                                         pal_value ids);
/* z [T, R] to logits [T, V]: logits[t, v] = sum over f of z[t, factor[v, f]]. */
PAL_API pal_value pal_factored_logits(pal_graph *g, pal_value z, pal_value factor);
/* x [R, ...], index i32 [T]: row t is x[index[t]], zeros where index is -1. */
PAL_API pal_value pal_gather_rows(pal_graph *g, pal_value x, pal_value index);
/* x [T, ...], index i32 [T]: sums rows of equal index into the rows of a tensor shaped like
 * `like` ([R, ...]; only its shape is used), in row order; -1 is dropped. */
PAL_API pal_value pal_scatter_add_rows(pal_graph *g, pal_value x, pal_value index, pal_value like);
/* Per sequence s over rows begin[s] .. begin[s]+length[s]-1 of x; empty: 0 (argmax: -1). [S, ...] */
PAL_API pal_value pal_segment_sum(pal_graph *g, pal_value x, pal_value begin, pal_value length);
PAL_API pal_value pal_segment_mean(pal_graph *g, pal_value x, pal_value begin, pal_value length);
PAL_API pal_value pal_segment_max(pal_graph *g, pal_value x, pal_value begin, pal_value length);
PAL_API pal_value pal_segment_any(pal_graph *g, pal_value x, pal_value begin,
                                  pal_value length); /* i32 [T] */
PAL_API pal_value pal_segment_argmax(pal_graph *g, pal_value x, pal_value begin,
                                     pal_value length); /* row, i32 [S] from f32 [T] */
/* 1 on the k[s] rows of sequence s with the largest x (f32 [T]; first of equals), else 0; rows
 * with x = -inf never. i32 [T]. */
PAL_API pal_value pal_segment_top_k(pal_graph *g, pal_value x, pal_value begin, pal_value length,
                                    pal_value k);
/* x [T, H w], group i32 [T, H]: block h of row t becomes its mean over the rows of the sequence whose
 * group[., h] equals that of t: heads of attention with fixed, equal weights. [T, H w] */
PAL_API pal_value pal_segment_group_mean(pal_graph *g, pal_value x, pal_value begin,
                                         pal_value length, pal_value group);
/* In place: rows of the variable version `variable` [R, ...] at index i32 [T] become those of x
 * [T, ...]; -1 is dropped, indices are distinct. Returns the variable's next version; readers of
 * the earlier one run before. Undone when the run fails. */
PAL_API pal_value pal_write_rows(pal_graph *g, pal_value variable, pal_value index, pal_value x);

/* ---- shape (ops/shape.c) --------------------------------------------------------------- */
PAL_API pal_value pal_reshape(pal_graph *g, pal_value x,
                              pal_type type); /* same elements per symbol unit */
PAL_API pal_value pal_transpose(pal_graph *g, pal_value x,
                                const int *order); /* symbolic axis 0 stays */
PAL_API pal_value pal_slice(pal_graph *g, pal_value x, int axis, int64_t begin, int64_t end);
PAL_API pal_value pal_concat(pal_graph *g, const pal_value *x, int n, int axis);

/* ---- attention (ops/attention.c, ops/rotary.c) -------------------------------------------- */
/* Which keys a query of one kind sees among those of another: a set of blocks, as seen from its own. */
typedef enum pal_sees {
  PAL_SEES_NOTHING = 0,
  PAL_SEES_EARLIER = 1, /* blocks of a lower number */
  PAL_SEES_SAME = 2,    /* its own block */
  PAL_SEES_EARLIER_AND_SAME = PAL_SEES_EARLIER | PAL_SEES_SAME,
  PAL_SEES_LATER = 4, /* blocks of a higher number */
  PAL_SEES_ALL = PAL_SEES_EARLIER | PAL_SEES_SAME | PAL_SEES_LATER
} pal_sees;
typedef struct pal_attention {
  int heads;      /* H; q is [Tq, H * D], k [Tk, H * D], v [Tk, H * Dv]; or all in one, see below */
  double scale;   /* of q.k; 0: 1 / sqrt(D) */
  bool causal;    /* key position <= query position */
  int64_t window; /* > 0: |query position - key position| < window */
  pal_value q_begin, q_length; /* i32 [S] */
  pal_value k_begin, k_length; /* i32 [S]; nil: those of the queries; not with q, k and v in one */
  pal_value q_position, k_position; /* i32 [Tq], [Tk]; nil: row - begin of its sequence */
  /* Structural bias: bias[h, relation] is added to the score, 0 where the relation is -1. */
  pal_value bias;     /* f32 [H, R] or nil */
  pal_value relation; /* i32 [P, P], of query position and key position; or nil */
  pal_value q_group,
      k_group; /* instead: i32 [Tq, G], [Tk, G] with R = 2^G: bit j of the relation is
                                 q_group[., j] == k_group[., j] */
  /* Visibility by kind and block, on top of causal and window: every row has a kind 0 .. K - 1 and a
   * block, any number; visible[kind of the query, kind of the key] is a pal_sees. Block diffusion, for
   * instance, has clean and noisy rows. Nil: all see each other. */
  pal_value visible;         /* i32 [K, K], K at most 64, or nil */
  pal_value q_kind, q_block; /* i32 [Tq] */
  pal_value k_kind, k_block; /* i32 [Tk]; nil without k_begin: those of the queries */
} pal_attention;
/* softmax(scale q k^T + bias) v per sequence and head, [Tq, H * Dv]; rows outside every sequence
 * are 0. Never materialises scores. With k and v nil, q is [T, 3 * H * D]: q, k and v side by side,
 * of the same rows and Dv = D. */
PAL_API pal_value pal_scaled_dot_product_attention(pal_graph *g, pal_value q, pal_value k,
                                                   pal_value v, const pal_attention *options);
/* x [T, C], position i32 [T]: rotate-half rotary embedding, base e.g. 10000, of the first `heads` heads
 * of `width` columns (even); columns behind these stay as they are. */
PAL_API pal_value pal_rotary_embedding(pal_graph *g, pal_value x, pal_value position, int heads,
                                       int64_t width, double base);

/* ---- losses (ops/loss.c) -------------------------------------------------------------------- */
/* logits [T, V]; target i32 [T] (-1: row ignored, loss 0) or f32 [T, V] (soft); weight f32 [T] or
 * nil; `excluded` classes are left out of the softmax (hard targets must not name them). [T] nats. */
PAL_API pal_value pal_cross_entropy(pal_graph *g, pal_value logits, pal_value target,
                                    pal_value weight, pal_ints excluded);
/* logits, target f32 [T] in 0..1, weight f32 [T] or nil. [T] nats. */
PAL_API pal_value pal_binary_cross_entropy_with_logits(pal_graph *g, pal_value logits,
                                                       pal_value target, pal_value weight);
/* logits with -inf at the given classes (last axis). */
PAL_API pal_value pal_exclude(pal_graph *g, pal_value logits, pal_ints classes);

/* ---- random numbers (ops/random.c) ------------------------------------------------------------ */
/* What keys a draw, besides the op's path in the graph. */
typedef struct pal_random {
  pal_value seed;     /* i32 [3]: seed low, seed high, step */
  pal_value sample;   /* i32 [T]: the example's own id */
  pal_value position; /* i32 [T] */
} pal_random;
PAL_API pal_value pal_dropout(pal_graph *g, pal_value x, double rate,
                              pal_random random); /* x [T, ...] */
PAL_API pal_value pal_uniform(pal_graph *g, pal_random random,
                              int64_t n); /* f32 [T, n] in (0, 1) */
PAL_API pal_value pal_bernoulli(pal_graph *g, pal_value p,
                                pal_random random); /* i32 [T] from f32 [T] */
/* -log(-log u): f32 [T, n]. */
PAL_API pal_value pal_gumbel(pal_graph *g, pal_random random, int64_t n);
/* One class per row from softmax(logits / temperature [T] or scalar), i32 [T]; temperature 0 is
 * argmax; top_k 0 and top_p 1 keep all. Gumbel-max. */
PAL_API pal_value pal_categorical(pal_graph *g, pal_value logits, pal_value temperature,
                                  int64_t top_k, double top_p, pal_random random);

/* ---- dynamic length (ops/edit.c, ops/ragged.c) -------------------------------------------------- */
typedef struct pal_edited {
  pal_value tokens;        /* i32 [T'] */
  pal_value source;        /* i32 [T']: row each came from, -1 for an inserted mask */
  pal_value begin, length; /* i32 [S], packed without gaps */
  pal_value changed;       /* i32 [S]: 1 where any token or the length changed */
  pal_symbol symbol;       /* T' */
} pal_edited;
/* The transition g of an any-process model (arXiv 2510.06190), all decisions from the old tokens:
 * remove, insert, remask i32 [T] flags, y i32 [T] candidates. Delete and mask: nothing (insert
 * ignored); else remask: mask; else mask: y; else the token; then insert: one mask after it.
 * `capacity` rows are room for the result (0: twice the old capacity); more fail the run with
 * PAL_E_CAPACITY, needed set, before anything is written. */
PAL_API pal_edited pal_edit(pal_graph *g, pal_value tokens, pal_value y, pal_value remask,
                            pal_value insert, pal_value remove, pal_value begin, pal_value length,
                            int32_t mask, int64_t capacity);
typedef struct pal_compacted {
  pal_value row_source;      /* i32 [T']: old row of each kept row */
  pal_value sequence_source; /* i32 [S']: old index of each kept sequence */
  pal_value begin, length;   /* i32 [S'], packed */
  pal_symbol rows, sequences;
} pal_compacted;
/* Drops the sequences with keep[s] = 0; carry data along with pal_gather_rows. `rows_like` is
 * any value with the rows symbol. */
PAL_API pal_compacted pal_compact(pal_graph *g, pal_value keep, pal_value begin, pal_value length,
                                  pal_value rows_like);
typedef struct pal_ragged {
  pal_value sequence, position; /* i32 [T]; -1 in gaps */
} pal_ragged;
PAL_API pal_ragged pal_ragged_index(pal_graph *g, pal_value begin, pal_value length,
                                    pal_value rows_like);
typedef struct pal_refilled {
  pal_value tokens;        /* i32 [T']: at most `window` rows per sequence */
  pal_value begin, length; /* i32 [S] */
  pal_value cursor;        /* i32 [S]: new cursor */
  pal_value push_index;    /* i32 [T]: place in the tail of each row pushed out, else -1 */
  pal_symbol symbol;
} pal_refilled;
/* A decoding window over a tail kept as a stack: tail i32 [N], of sequence s the rows cursor[s] ..
 * tail_end[s] - 1 (next first). Rows beyond `window` go back (write them with pal_write_rows at
 * push_index, after this op read the tail); a shorter window takes tokens from the cursor.
 * PAL_E_CAPACITY when a push would go below tail_begin[s]. Cost O(window) per sequence. */
PAL_API pal_refilled pal_window_refill(pal_graph *g, pal_value tokens, pal_value begin,
                                       pal_value length, pal_value tail, pal_value cursor,
                                       pal_value tail_begin, pal_value tail_end, int64_t window);

#ifndef PAL_NO_CALLER
#define pal_add(g, ...) pal_add(PAL_HERE(g), __VA_ARGS__)
#define pal_sub(g, ...) pal_sub(PAL_HERE(g), __VA_ARGS__)
#define pal_mul(g, ...) pal_mul(PAL_HERE(g), __VA_ARGS__)
#define pal_div(g, ...) pal_div(PAL_HERE(g), __VA_ARGS__)
#define pal_minimum(g, ...) pal_minimum(PAL_HERE(g), __VA_ARGS__)
#define pal_maximum(g, ...) pal_maximum(PAL_HERE(g), __VA_ARGS__)
#define pal_affine(g, ...) pal_affine(PAL_HERE(g), __VA_ARGS__)
#define pal_exp(g, ...) pal_exp(PAL_HERE(g), __VA_ARGS__)
#define pal_log(g, ...) pal_log(PAL_HERE(g), __VA_ARGS__)
#define pal_tanh(g, ...) pal_tanh(PAL_HERE(g), __VA_ARGS__)
#define pal_sigmoid(g, ...) pal_sigmoid(PAL_HERE(g), __VA_ARGS__)
#define pal_erf(g, ...) pal_erf(PAL_HERE(g), __VA_ARGS__)
#define pal_sqrt(g, ...) pal_sqrt(PAL_HERE(g), __VA_ARGS__)
#define pal_relu(g, ...) pal_relu(PAL_HERE(g), __VA_ARGS__)
#define pal_silu(g, ...) pal_silu(PAL_HERE(g), __VA_ARGS__)
#define pal_gelu(g, ...) pal_gelu(PAL_HERE(g), __VA_ARGS__)
#define pal_clamp(g, ...) pal_clamp(PAL_HERE(g), __VA_ARGS__)
#define pal_cast(g, ...) pal_cast(PAL_HERE(g), __VA_ARGS__)
#define pal_compare(g, ...) pal_compare(PAL_HERE(g), __VA_ARGS__)
#define pal_where(g, ...) pal_where(PAL_HERE(g), __VA_ARGS__)
#define pal_and(g, ...) pal_and(PAL_HERE(g), __VA_ARGS__)
#define pal_or(g, ...) pal_or(PAL_HERE(g), __VA_ARGS__)
#define pal_not(g, ...) pal_not(PAL_HERE(g), __VA_ARGS__)
#define pal_check_finite(g, ...) pal_check_finite(PAL_HERE(g), __VA_ARGS__)
#define pal_matmul(g, ...) pal_matmul(PAL_HERE(g), __VA_ARGS__)
#define pal_linear(g, ...) pal_linear(PAL_HERE(g), __VA_ARGS__)
#define pal_sum(g, ...) pal_sum(PAL_HERE(g), __VA_ARGS__)
#define pal_mean(g, ...) pal_mean(PAL_HERE(g), __VA_ARGS__)
#define pal_max(g, ...) pal_max(PAL_HERE(g), __VA_ARGS__)
#define pal_argmax(g, ...) pal_argmax(PAL_HERE(g), __VA_ARGS__)
#define pal_sum_all(g, ...) pal_sum_all(PAL_HERE(g), __VA_ARGS__)
#define pal_sum_to(g, ...) pal_sum_to(PAL_HERE(g), __VA_ARGS__)
#define pal_broadcast_to(g, ...) pal_broadcast_to(PAL_HERE(g), __VA_ARGS__)
#define pal_cumsum(g, ...) pal_cumsum(PAL_HERE(g), __VA_ARGS__)
#define pal_softmax(g, ...) pal_softmax(PAL_HERE(g), __VA_ARGS__)
#define pal_log_softmax(g, ...) pal_log_softmax(PAL_HERE(g), __VA_ARGS__)
#define pal_entropy(g, ...) pal_entropy(PAL_HERE(g), __VA_ARGS__)
#define pal_top2_margin(g, ...) pal_top2_margin(PAL_HERE(g), __VA_ARGS__)
#define pal_layer_norm(g, ...) pal_layer_norm(PAL_HERE(g), __VA_ARGS__)
#define pal_rms_norm(g, ...) pal_rms_norm(PAL_HERE(g), __VA_ARGS__)
#define pal_embedding(g, ...) pal_embedding(PAL_HERE(g), __VA_ARGS__)
#define pal_one_hot(g, ...) pal_one_hot(PAL_HERE(g), __VA_ARGS__)
#define pal_factored_embedding(g, ...) pal_factored_embedding(PAL_HERE(g), __VA_ARGS__)
#define pal_factored_logits(g, ...) pal_factored_logits(PAL_HERE(g), __VA_ARGS__)
#define pal_gather_rows(g, ...) pal_gather_rows(PAL_HERE(g), __VA_ARGS__)
#define pal_scatter_add_rows(g, ...) pal_scatter_add_rows(PAL_HERE(g), __VA_ARGS__)
#define pal_segment_sum(g, ...) pal_segment_sum(PAL_HERE(g), __VA_ARGS__)
#define pal_segment_mean(g, ...) pal_segment_mean(PAL_HERE(g), __VA_ARGS__)
#define pal_segment_max(g, ...) pal_segment_max(PAL_HERE(g), __VA_ARGS__)
#define pal_segment_any(g, ...) pal_segment_any(PAL_HERE(g), __VA_ARGS__)
#define pal_segment_argmax(g, ...) pal_segment_argmax(PAL_HERE(g), __VA_ARGS__)
#define pal_segment_top_k(g, ...) pal_segment_top_k(PAL_HERE(g), __VA_ARGS__)
#define pal_segment_group_mean(g, ...) pal_segment_group_mean(PAL_HERE(g), __VA_ARGS__)
#define pal_write_rows(g, ...) pal_write_rows(PAL_HERE(g), __VA_ARGS__)
#define pal_reshape(g, ...) pal_reshape(PAL_HERE(g), __VA_ARGS__)
#define pal_transpose(g, ...) pal_transpose(PAL_HERE(g), __VA_ARGS__)
#define pal_slice(g, ...) pal_slice(PAL_HERE(g), __VA_ARGS__)
#define pal_concat(g, ...) pal_concat(PAL_HERE(g), __VA_ARGS__)
#define pal_scaled_dot_product_attention(g, ...) \
  pal_scaled_dot_product_attention(PAL_HERE(g), __VA_ARGS__)
#define pal_rotary_embedding(g, ...) pal_rotary_embedding(PAL_HERE(g), __VA_ARGS__)
#define pal_cross_entropy(g, ...) pal_cross_entropy(PAL_HERE(g), __VA_ARGS__)
#define pal_binary_cross_entropy_with_logits(g, ...) \
  pal_binary_cross_entropy_with_logits(PAL_HERE(g), __VA_ARGS__)
#define pal_exclude(g, ...) pal_exclude(PAL_HERE(g), __VA_ARGS__)
#define pal_dropout(g, ...) pal_dropout(PAL_HERE(g), __VA_ARGS__)
#define pal_uniform(g, ...) pal_uniform(PAL_HERE(g), __VA_ARGS__)
#define pal_bernoulli(g, ...) pal_bernoulli(PAL_HERE(g), __VA_ARGS__)
#define pal_gumbel(g, ...) pal_gumbel(PAL_HERE(g), __VA_ARGS__)
#define pal_categorical(g, ...) pal_categorical(PAL_HERE(g), __VA_ARGS__)
#define pal_edit(g, ...) pal_edit(PAL_HERE(g), __VA_ARGS__)
#define pal_compact(g, ...) pal_compact(PAL_HERE(g), __VA_ARGS__)
#define pal_ragged_index(g, ...) pal_ragged_index(PAL_HERE(g), __VA_ARGS__)
#define pal_window_refill(g, ...) pal_window_refill(PAL_HERE(g), __VA_ARGS__)
#endif

#ifdef __cplusplus
}
#endif
#endif
