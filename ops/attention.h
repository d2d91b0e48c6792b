/* SPDX-License-Identifier: Apache-2.0 */
/* What the forward and the backward attention op share: inputs, checks, descriptions of heads
 * (floor 2).
 *
 * Sequences are packed ("ragged rows"): sequence s is rows begin[s] .. begin[s] + length[s] - 1.
 *
 *   row        0   1   2   3   4   5   6   7          S = 3, begin = {0, 3, 5}, length = {3, 1, 2};
 *   sequence   0   0   0   1   -   2   2   -          rows 4 and 7 belong to no sequence
 *
 * Invariant: when the first phase has succeeded, every sequence lies within the active rows, every
 * position that indexes the relation table and every kind that indexes the table of visibility is
 * in range, and the results of rows outside the sequences are set. Later phases write rows of their
 * own sequence only. */
#ifndef PAL_OPS_ATTENTION_H
#define PAL_OPS_ATTENTION_H

#include "ops/common.h"

/* The inputs of both ops, in this order; those from PAL_ATTENTION_OUT on are of the backward op
 * only. */
enum {
  PAL_ATTENTION_Q,
  PAL_ATTENTION_K,
  PAL_ATTENTION_V,
  PAL_ATTENTION_Q_BEGIN,
  PAL_ATTENTION_Q_LENGTH,
  PAL_ATTENTION_K_BEGIN,
  PAL_ATTENTION_K_LENGTH,
  PAL_ATTENTION_Q_POSITION,
  PAL_ATTENTION_K_POSITION,
  PAL_ATTENTION_BIAS,
  PAL_ATTENTION_RELATION,
  PAL_ATTENTION_Q_GROUP,
  PAL_ATTENTION_K_GROUP,
  PAL_ATTENTION_VISIBLE,
  PAL_ATTENTION_Q_KIND,
  PAL_ATTENTION_Q_BLOCK,
  PAL_ATTENTION_K_KIND,
  PAL_ATTENTION_K_BLOCK,
  PAL_ATTENTION_INPUTS,
  PAL_ATTENTION_OUT = PAL_ATTENTION_INPUTS,
  PAL_ATTENTION_LSE,
  PAL_ATTENTION_DOUT,
  PAL_ATTENTION_DLSE,
  PAL_ATTENTION_BACKWARD_INPUTS
};

/* The inputs that may be nil, as a bit mask: all but q, q_begin and q_length. */
#define PAL_ATTENTION_OPTIONAL                                     \
  (((1u << PAL_ATTENTION_INPUTS) - 1) & ~(1u << PAL_ATTENTION_Q) & \
   ~(1u << PAL_ATTENTION_Q_BEGIN) & ~(1u << PAL_ATTENTION_Q_LENGTH))
/* The inputs that the first phase checks, as a bit mask: all from q_begin on. */
#define PAL_ATTENTION_INTS \
  (((1u << PAL_ATTENTION_INPUTS) - 1) & ~((1u << PAL_ATTENTION_Q_BEGIN) - 1))

typedef struct pal_attention_attrs {
  int64_t heads;
  double scale; /* 0: 1 / sqrt(D) */
  int64_t causal;
  int64_t window;    /* 0: no limit */
  int64_t precision; /* a pal_precision */
} pal_attention_attrs;

extern const pal_attr_field pal_attention_fields[5];

/* Checks the types of the shared inputs. */
pal_status pal_attention_infer(pal_infer *call);

/* The rows of a sequence. */
typedef struct pal_attention_rows {
  int64_t begin, length;
} pal_attention_rows;
/* The rows of sequence s: of its keys or of its queries. */
static inline pal_attention_rows pal_attention_sequence(const pal_run *run, bool keys, int64_t s) {
  const int i =
      keys && run->in[PAL_ATTENTION_K_BEGIN] ? PAL_ATTENTION_K_BEGIN : PAL_ATTENTION_Q_BEGIN;
  const int32_t *begin = run->in[i], *length = run->in[i + 1];
  return (pal_attention_rows){begin[s], length[s]};
}
/* S, the number of sequences. */
int64_t pal_attention_sequences(const pal_run *run);

/* Fails with PAL_E_ARGUMENT unless begins, lengths, positions, relations and kinds are in range.
 * Sets q_mark [Tq] to 1 in rows of a sequence of queries and to 0 elsewhere, and k_mark [Tk] for
 * keys unless it is NULL. Sequences must not overlap where rows are marked; keys may, if k_mark is
 * NULL. */
pal_status pal_attention_check(const pal_run *run, uint8_t *q_mark, uint8_t *k_mark);

/* What a kernel is told about a head. The first function fills in what all heads have in common,
 * with q, k and v at row 0 of head 0. The second turns a copy of that into head h of sequence s. */
pal_attention_head pal_attention_head_any(const pal_run *run);
void pal_attention_head_at(const pal_run *run, int64_t s, int64_t h, pal_attention_head *head);

/* Adds rows to those that a kernel prefetches, unless there are at most PAL_PREFETCH_ROWS, which is
 * too few to be worth it; and the keys and values of a head. */
void pal_attention_prefetch_rows(pal_attention_prefetch *prefetch, const float *at, int64_t stride,
                                 int64_t rows, int64_t width);
void pal_attention_prefetch_keys(pal_attention_prefetch *prefetch, const pal_attention_head *head);

/* Where q, k or v is found. `part` is PAL_ATTENTION_Q, _K or _V; if the three are joined, they are
 * columns of one input. */
typedef struct pal_attention_place {
  int input;      /* the number of the input */
  int64_t column; /* its first column there */
  int64_t row;    /* columns of that input */
  int64_t width;  /* columns of a head */
} pal_attention_place;
pal_attention_place pal_attention_place_of(const pal_type *in_type, int64_t heads, int part);
/* Whether q, k and v are joined, that is, side by side in input q. */
static inline bool pal_attention_joined(const pal_type *in_type) {
  return in_type[PAL_ATTENTION_K].dtype == PAL_NONE;
}
/* The input that has the keys. */
static inline int pal_attention_key_input(const pal_type *in_type) {
  return pal_attention_joined(in_type) ? PAL_ATTENTION_Q : PAL_ATTENTION_K;
}

/* D, the width of a head of q and k; and Dv, of v. */
int64_t pal_attention_d(const pal_run *run);
int64_t pal_attention_dv(const pal_run *run);
/* Tk, the active rows of keys. */
int64_t pal_attention_keys(const pal_run *run);

/* Bytes of scratch for a task. */
size_t pal_attention_task_scratch(const pal_run *run);
/* An estimate of the number of visible pairs of a query and a key, over all heads. It takes all
 * sequences to be equally long. */
double pal_attention_products(const pal_run *run);

pal_status pal_attention_reference(const pal_reference *call);
pal_status pal_attention_backward_reference(const pal_reference *call);

/* The error that the op checker allows with rounded operands, in units of 2^-24; it is 2^-6. The
 * reference cannot round in the same places as the kernel, because it has no running maximum by
 * which weights are scaled before they are rounded, so it rounds nothing. */
#define PAL_ATTENTION_BF16_TOLERANCE 0x1p18
/* Draws inputs and attributes of the forward op for the op checker. */
pal_attention_attrs pal_attention_sample_inputs(pal_case *random, pal_value *in);

extern const pal_op pal_op_attention_backward;
#endif
