/* SPDX-License-Identifier: Apache-2.0 */
/* Builders of the built-in ops. Each applies one op, or a few where the comment says so.
 *
 * Shapes: T is the extent of axis 0, symbolic or static, and D that of the last axis; S is the
 * number of sequences, which are rows begin[s] .. begin[s] + length[s] - 1 of packed tensors. i32
 * flags are 0 or 1. The formula, gradient and errors of each op are in its documentation
 * (`palimpsest info op NAME`). Every builder returns nil if there is an error, which the graph
 * keeps with the caller's line (pal_graph_error). */
#ifndef PAL_OPS_H
#define PAL_OPS_H

#include <palimpsest/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Defines every built-in op in `context`; pal_open does this already. */
PAL_API pal_status pal_register_ops(pal_context *context, pal_error *error);

/* ---- elementwise (ops/elementwise.c, ops/activation.c, ops/logic.c) ------------- */
/* The operands broadcast: axes are aligned from the right and an axis of extent 1 is repeated; a
 * static operand of lower rank is used for every row of a symbolic one. Both operands must be f32,
 * or both i32. */
PAL_API pal_value pal_add(pal_graph *g, pal_value a, pal_value b);
PAL_API pal_value pal_sub(pal_graph *g, pal_value a, pal_value b);
PAL_API pal_value pal_mul(pal_graph *g, pal_value a, pal_value b);
PAL_API pal_value pal_div(pal_graph *g, pal_value a, pal_value b); /* f32 only */
PAL_API pal_value pal_minimum(pal_graph *g, pal_value a, pal_value b);
PAL_API pal_value pal_maximum(pal_graph *g, pal_value a, pal_value b);
/* x * scale + shift, f32; or i32, with integers scale and shift. */
PAL_API pal_value pal_affine(pal_graph *g, pal_value x, double scale, double shift);
/* Functions of each element of x, f32. */
PAL_API pal_value pal_exp(pal_graph *g, pal_value x);
PAL_API pal_value pal_log(pal_graph *g, pal_value x);
PAL_API pal_value pal_tanh(pal_graph *g, pal_value x);
PAL_API pal_value pal_sigmoid(pal_graph *g, pal_value x);
PAL_API pal_value pal_erf(pal_graph *g, pal_value x);
PAL_API pal_value pal_sqrt(pal_graph *g, pal_value x);
PAL_API pal_value pal_relu(pal_graph *g, pal_value x);
PAL_API pal_value pal_silu(pal_graph *g, pal_value x);
PAL_API pal_value pal_gelu(pal_graph *g, pal_value x, bool tanh_form); /* by tanh, or by erf */
/* x limited to low .. high. */
PAL_API pal_value pal_clamp(pal_graph *g, pal_value x, double low, double high);
PAL_API pal_value pal_cast(pal_graph *g, pal_value x, pal_dtype to); /* f32 to i32 truncates */
typedef enum pal_relation { PAL_EQ, PAL_NE, PAL_LT, PAL_LE, PAL_GT, PAL_GE } pal_relation;
PAL_API pal_value pal_compare(pal_graph *g, pal_value a, pal_value b,
                              pal_relation relation); /* i32 flags */
/* a where the i32 condition is not 0, else b; all three broadcast. */
PAL_API pal_value pal_where(pal_graph *g, pal_value condition, pal_value a, pal_value b);
/* Logic on i32 flags, where anything but 0 is true; the result is 0 or 1. */
PAL_API pal_value pal_and(pal_graph *g, pal_value a, pal_value b);
PAL_API pal_value pal_or(pal_graph *g, pal_value a, pal_value b);
PAL_API pal_value pal_not(pal_graph *g, pal_value a);
/* Makes a run fail with PAL_E_NONFINITE and a message with `what` if an element of x is not finite.
 * It has no result, and is not removed as dead code. */
PAL_API void pal_check_finite(pal_graph *g, pal_value x, const char *what);

/* ---- products (ops/matmul.c) ------------------------------------------------------ */
/* The product [M, N] of a [M, K] (or [K, M] with transpose_a) and b [K, N] (or [N, K] with
 * transpose_b), f32, with the graph's precision. Rows may be symbolic either in a alone, without
 * transpose_a (the result is [T, N]); or in both a and b, with transpose_a (the result is a static
 * [M, N], summed over active rows). Terms are added in one order, k ascending, so the bits do not
 * depend on M. */
PAL_API pal_value pal_matmul(pal_graph *g, pal_value a, pal_value b, bool transpose_a,
                             bool transpose_b);
/* x weight^T + bias, f32 [T, O], of x [T, I], weight [O, I] (the layout of PyTorch) and bias [O] or
 * nil. */
PAL_API pal_value pal_linear(pal_graph *g, pal_value x, pal_value weight, pal_value bias);

/* ---- reductions and statistics of rows (ops/reduce.c, ops/softmax.c) ------------------ */
/* Reductions over one axis; a negative axis counts from the end. With `keep` the axis stays, with
 * extent 1. Over axis 0 of a symbolic tensor only active rows count (mean divides by their number;
 * sum and mean of none are 0). */
PAL_API pal_value pal_sum(pal_graph *g, pal_value x, int axis, bool keep);
PAL_API pal_value pal_mean(pal_graph *g, pal_value x, int axis, bool keep);
PAL_API pal_value pal_max(pal_graph *g, pal_value x, int axis, bool keep);
/* The position, i32, of the largest element, the first of equals. */
PAL_API pal_value pal_argmax(pal_graph *g, pal_value x, int axis, bool keep);
/* The sum of all elements, a scalar. */
PAL_API pal_value pal_sum_all(pal_graph *g, pal_value x);
/* Sums x over the axes along which `like` would be broadcast to it, which gives the shape of
 * `like`: the gradient of broadcasting. */
PAL_API pal_value pal_sum_to(pal_graph *g, pal_value x, pal_value like);
/* Broadcasts x to the shape of `like`: the gradient of pal_sum_to. */
PAL_API pal_value pal_broadcast_to(pal_graph *g, pal_value x, pal_value like);
PAL_API pal_value pal_cumsum(pal_graph *g, pal_value x, int axis); /* inclusive; f32 or i32 */
PAL_API pal_value pal_softmax(pal_graph *g, pal_value x);          /* last axis */
PAL_API pal_value pal_log_softmax(pal_graph *g, pal_value x);      /* last axis */
/* Of the softmax of logits f32 [T, ..., V]: the entropy in nats, and the difference of the two
 * largest probabilities, [T, ...]. */
PAL_API pal_value pal_entropy(pal_graph *g, pal_value logits);
PAL_API pal_value pal_top2_margin(pal_graph *g, pal_value logits);

/* ---- normalisation (ops/norm.c) ------------------------------------------------------- */
/* Over the last axis of x f32 [T, ..., D]; gain and bias are f32 [D] or nil. */
PAL_API pal_value pal_layer_norm(pal_graph *g, pal_value x, pal_value gain, pal_value bias,
                                 double epsilon);
PAL_API pal_value pal_rms_norm(pal_graph *g, pal_value x, pal_value gain, double epsilon);

/* ---- rows: embedding, gather, segments (ops/embedding.c, ops/gather.c, ops/segment.c) ------ */
/* Rows ids[t] of the table: f32 [T, D] from table f32 [V, D] and ids i32 [T]. */
PAL_API pal_value pal_embedding(pal_graph *g, pal_value table, pal_value ids);
/* f32 [T, classes] from ids i32 [T]: 1 in column ids[t]; a row of zeros for -1. */
PAL_API pal_value pal_one_hot(pal_graph *g, pal_value ids, int64_t classes);
/* f32 [T, D]: row t is the sum of rows factor[ids[t], 0 .. F - 1] of table f32 [R, D], where
 * entries of -1 are skipped. factor is i32 [V, F] and static, ids i32 [T]. */
PAL_API pal_value pal_factored_embedding(pal_graph *g, pal_value table, pal_value factor,
                                         pal_value ids);
/* Logits f32 [T, V] from z f32 [T, R]: logits[t, v] = sum over f of z[t, factor[v, f]]. */
PAL_API pal_value pal_factored_logits(pal_graph *g, pal_value z, pal_value factor);
/* [T, ...] from x [R, ...] and index i32 [T]: row t is x[index[t]], or zeros if index[t] is -1. */
PAL_API pal_value pal_gather_rows(pal_graph *g, pal_value x, pal_value index);
/* f32 [R, ...] from x f32 [T, ...] and index i32 [T]: row r is the sum of the rows t of x with
 * index[t] = r, in row order; rows with index -1 are dropped. Of `like` [R, ...] only the shape is
 * used. */
PAL_API pal_value pal_scatter_add_rows(pal_graph *g, pal_value x, pal_value index, pal_value like);
/* Reductions over the rows of each sequence, [S, ...] from x [T, ...], begin and length i32 [S].
 * For a sequence of length 0 they give 0, argmax gives -1. */
PAL_API pal_value pal_segment_sum(pal_graph *g, pal_value x, pal_value begin, pal_value length);
PAL_API pal_value pal_segment_mean(pal_graph *g, pal_value x, pal_value begin, pal_value length);
PAL_API pal_value pal_segment_max(pal_graph *g, pal_value x, pal_value begin, pal_value length);
/* i32 [S] from i32 [T]: 1 if a row of the sequence is not 0. */
PAL_API pal_value pal_segment_any(pal_graph *g, pal_value x, pal_value begin, pal_value length);
/* i32 [S] from f32 [T]: the row of x with the largest element of the sequence, the first of
 * equals. */
PAL_API pal_value pal_segment_argmax(pal_graph *g, pal_value x, pal_value begin, pal_value length);
/* i32 [T] from x f32 [T]: 1 in the k[s] rows of sequence s with the largest x, the first of equals,
 * else 0. Rows with x = -inf are never selected. k is i32 [S]. */
PAL_API pal_value pal_segment_top_k(pal_graph *g, pal_value x, pal_value begin, pal_value length,
                                    pal_value k);
/* i32 [T] from x, cost f32 [T], cost >= 0: 1 in the rows of sequence s for which the costs of the
 * sequence's rows with a larger x (of equals, the earlier ones) add up to at most budget[s], else
 * 0. Rows with x = -inf are never selected. budget is f32 [S]. */
PAL_API pal_value pal_segment_budget(pal_graph *g, pal_value x, pal_value begin, pal_value length,
                                     pal_value cost, pal_value budget);
/* f32 [T, H w] from x [T, H w] and group i32 [T, H]: the h-th w columns of row t become their mean
 * over all rows u of the same sequence with group[u, h] = group[t, h], like a head of attention
 * with fixed, equal weights. */
PAL_API pal_value pal_segment_group_mean(pal_graph *g, pal_value x, pal_value begin,
                                         pal_value length, pal_value group);
/* Changes a variable in place, as for a key/value cache: row index[t] of `variable` [R, ...]
 * becomes row t of x [T, ...]. index is i32 [T]; its rows must be distinct, and -1 is dropped.
 * `variable` is a version of the variable, and the result is its next version; whatever reads the
 * earlier version runs before. If the run fails, the old rows are put back. */
PAL_API pal_value pal_write_rows(pal_graph *g, pal_value variable, pal_value index, pal_value x);

/* ---- shape (ops/shape.c) --------------------------------------------------------------- */
/* The same elements in another shape. dtype and symbol of `type` must be those of x; in a symbolic
 * tensor dim[0] is the multiplier of the symbol, and the product of all dims must not change. */
PAL_API pal_value pal_reshape(pal_graph *g, pal_value x, pal_type type);
/* Axis d of the result is axis order[d] of x; order has as many elements as x has axes. A symbolic
 * axis 0 cannot move. */
PAL_API pal_value pal_transpose(pal_graph *g, pal_value x, const int *order);
/* Positions begin .. end - 1 of an axis; and n tensors, joined along an axis. Axis 0 only if it is
 * static. */
PAL_API pal_value pal_slice(pal_graph *g, pal_value x, int axis, int64_t begin, int64_t end);
PAL_API pal_value pal_concat(pal_graph *g, const pal_value *x, int n, int axis);

/* ---- attention (ops/attention.c, ops/rotary.c) -------------------------------------------- */
/* Which keys of one kind a query of another kind sees: those of which blocks, compared with the
 * query's own block. */
typedef enum pal_sees {
  PAL_SEES_NOTHING = 0,
  PAL_SEES_EARLIER = 1, /* blocks of a lower number */
  PAL_SEES_SAME = 2,    /* its own block */
  PAL_SEES_EARLIER_AND_SAME = PAL_SEES_EARLIER | PAL_SEES_SAME,
  PAL_SEES_LATER = 4, /* blocks of a higher number */
  PAL_SEES_ALL = PAL_SEES_EARLIER | PAL_SEES_SAME | PAL_SEES_LATER
} pal_sees;
/* Options of attention. Members that are 0 or nil have the default that the comment gives. */
typedef struct pal_attention {
  int heads;      /* H: q is [Tq, H * D], k [Tk, H * D], v [Tk, H * Dv] */
  double scale;   /* of q.k; 0: 1 / sqrt(D) */
  bool causal;    /* a key is visible if its position <= the query's */
  int64_t window; /* > 0: a key is visible if |query position - key position| < window */
  pal_value q_begin, q_length;      /* i32 [S]: the rows of each sequence of queries */
  pal_value k_begin, k_length;      /* i32 [S]: of keys; nil: those of the queries */
  pal_value q_position, k_position; /* i32 [Tq], [Tk]; nil: row - begin of the sequence */
  /* A bias that depends on the relation of a query and a key, a number 0 .. R - 1: bias[h,
   * relation] is added to the score; relation -1 has none. The relation is either looked up by the
   * two positions in a table, `relation`; or bit j of it is q_group[., j] == k_group[., j], with R
   * = 2^G. */
  pal_value bias;             /* f32 [H, R]; nil: none */
  pal_value relation;         /* i32 [P, P], by query position and key position */
  pal_value q_group, k_group; /* i32 [Tq, G], [Tk, G] */
  /* Visibility by kind and block, in addition to causal and window. Every row has a kind 0 .. K - 1
   * and a block, any integer; visible[kind of the query, kind of the key] is a pal_sees. Block
   * diffusion, for instance, has clean and noisy rows. */
  pal_value visible;         /* i32 [K, K], K at most 64; nil: all rows see each other */
  pal_value q_kind, q_block; /* i32 [Tq] */
  pal_value k_kind, k_block; /* i32 [Tk]; nil, if k_begin is nil: those of the queries */
} pal_attention;
/* softmax(scale q k^T + bias) v for each sequence and head, f32 [Tq, H * Dv]. Rows of no sequence,
 * and queries without a visible key, are 0. Scores are never stored as a whole (FlashAttention,
 * arXiv 2205.14135). If k and v are nil, q is [T, 3 * H * D] with q, k and v side by side, of the
 * same rows and with Dv = D; k_begin must be nil then. */
PAL_API pal_value pal_scaled_dot_product_attention(pal_graph *g, pal_value q, pal_value k,
                                                   pal_value v, const pal_attention *options);
/* The rotary embedding (RoPE, arXiv 2104.09864) in its rotate-half form, of x f32 [T, C] at
 * position i32 [T]: the first `heads` heads of `width` columns, which is even, are rotated, the
 * columns behind them copied. base is commonly 10000. */
PAL_API pal_value pal_rotary_embedding(pal_graph *g, pal_value x, pal_value position, int heads,
                                       int64_t width, double base);

/* ---- losses (ops/loss.c) -------------------------------------------------------------------- */
/* f32 [T], in nats. logits f32 [T, V]; target i32 [T], where -1 ignores a row (loss 0), or soft,
 * f32 [T, V]; weight f32 [T] or nil. `excluded` classes have probability 0; a hard target must not
 * be one of them. */
PAL_API pal_value pal_cross_entropy(pal_graph *g, pal_value logits, pal_value target,
                                    pal_value weight, pal_ints excluded);
/* Elementwise, in nats. logits, target (in 0..1) and weight (or nil) are f32 of the same shape. */
PAL_API pal_value pal_binary_cross_entropy_with_logits(pal_graph *g, pal_value logits,
                                                       pal_value target, pal_value weight);
/* The logits with those of the given classes, of the last axis, replaced by -inf. */
PAL_API pal_value pal_exclude(pal_graph *g, pal_value logits, pal_ints classes);

/* ---- random numbers (ops/random.c) ----------------------------------------------------------- */
/* The key of a draw, together with the op's path in the graph. The generator is counter-based
 * (rng.h): equal keys give equal numbers, whatever the batch and the threads. */
typedef struct pal_random {
  pal_value seed;     /* i32 [3]: seed low, seed high, step */
  pal_value sample;   /* i32 [T]: an id of the example or sequence of the row */
  pal_value position; /* i32 [T]: of the row in it */
} pal_random;
/* x f32 [T, ...] with elements set to 0 with probability `rate`, the others divided by 1 - rate. */
PAL_API pal_value pal_dropout(pal_graph *g, pal_value x, double rate, pal_random random);
/* f32 [T, n], uniform in (0, 1). */
PAL_API pal_value pal_uniform(pal_graph *g, pal_random random, int64_t n);
/* i32 [T, ...]: 1 with probability p f32 [T, ...], else 0. */
PAL_API pal_value pal_bernoulli(pal_graph *g, pal_value p, pal_random random);
/* Gumbel noise, f32 [T, n]: -log(-log u) of uniform u. */
PAL_API pal_value pal_gumbel(pal_graph *g, pal_random random, int64_t n);
/* i32 [T]: one class per row, drawn from softmax(logits / temperature) by the Gumbel-max trick.
 * logits f32 [T, V]; temperature f32 [T] or a scalar, 0 for argmax. top_k restricts the classes to
 * the k most probable (0: all), top_p to the most probable ones that together have at least that
 * probability (1: all). */
PAL_API pal_value pal_categorical(pal_graph *g, pal_value logits, pal_value temperature,
                                  int64_t top_k, double top_p, pal_random random);

/* ---- dynamic length (ops/edit.c, ops/ragged.c) ----------------------------------------------- */
/* pal_edit, pal_compact and pal_window_refill make rows of new symbols, whose counts they set when
 * they run. */
typedef struct pal_edited {
  pal_value tokens;        /* i32 [T'] */
  pal_value source;        /* i32 [T']: the old row of each new row, -1 for an inserted mask */
  pal_value begin, length; /* i32 [S]: the new sequences, packed without gaps */
  pal_value changed;       /* i32 [S]: 1 if a token or the length of the sequence changed */
  pal_symbol symbol;       /* of T' */
} pal_edited;
/* The transition of an any-process model (arXiv 2510.06190), from tokens, predictions y, and the
 * flags remask, insert and remove, i32 [T] each. A row with token x becomes: nothing, if remove is
 * set and x is `mask`; else the mask, if remask is set; else y, if x is the mask; else x. Unless it
 * was removed, one more mask follows it if insert is set. The result may have `capacity` rows (0:
 * twice the old capacity); if it needs more the run fails with PAL_E_CAPACITY before anything is
 * written, and the error's `needed` is the number of rows. */
PAL_API pal_edited pal_edit(pal_graph *g, pal_value tokens, pal_value y, pal_value remask,
                            pal_value insert, pal_value remove, pal_value begin, pal_value length,
                            int32_t mask, int64_t capacity);
typedef struct pal_compacted {
  pal_value row_source;       /* i32 [T']: the old row of each row that is left */
  pal_value sequence_source;  /* i32 [S']: the old index of each sequence that is left */
  pal_value begin, length;    /* i32 [S']: these sequences, packed without gaps */
  pal_symbol rows, sequences; /* of T' and S' */
} pal_compacted;
/* Drops the sequences with keep[s] = 0, keep i32 [S]. Other data of the rows or sequences are moved
 * along with pal_gather_rows. `rows_like` is any value [T, ...]; only its number of rows is
 * used. */
PAL_API pal_compacted pal_compact(pal_graph *g, pal_value keep, pal_value begin, pal_value length,
                                  pal_value rows_like);
typedef struct pal_ragged {
  pal_value sequence, position; /* i32 [T]; -1 in rows of no sequence */
} pal_ragged;
/* The sequence of every row, and the position of the row in it. */
PAL_API pal_ragged pal_ragged_index(pal_graph *g, pal_value begin, pal_value length,
                                    pal_value rows_like);
typedef struct pal_refilled {
  pal_value tokens;        /* i32 [T']: at most `window` rows per sequence */
  pal_value begin, length; /* i32 [S]: the new windows, packed without gaps */
  pal_value cursor;        /* i32 [S]: the new cursors */
  pal_value push_index;    /* i32 [T]: the tail row of each old row that is pushed out, else -1 */
  pal_symbol symbol;       /* of T' */
} pal_refilled;
/* Keeps a decoding window at `window` rows per sequence. The tokens behind the window, the tail,
 * are a stack in tail i32 [N]: those of sequence s are rows cursor[s] .. tail_end[s] - 1, in order.
 * A longer window is cut, and its last rows are to be pushed to the tail: write them with
 * pal_write_rows at push_index, which orders the writing after this op's reading. A shorter window
 * takes tokens from the cursor on. Fails with PAL_E_CAPACITY if the cursor would go below
 * tail_begin[s]. The cost is O(window) per sequence, whatever the length of the tail. */
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
#define pal_segment_budget(g, ...) pal_segment_budget(PAL_HERE(g), __VA_ARGS__)
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
