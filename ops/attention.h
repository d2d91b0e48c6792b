/* SPDX-License-Identifier: Apache-2.0 */
/* What the two attention ops share: inputs, checks, the work list (floor 2).
 *
 * Invariant: after the first phase succeeds every sequence lies within the active rows, every
 * position that indexes the relation table and every kind that indexes the table of visibility
 * lies within it, and rows outside the sequences are set; later phases write rows of their own sequence only. */
#ifndef PAL_OPS_ATTENTION_H
#define PAL_OPS_ATTENTION_H

#include "ops/common.h"

/* Inputs of both ops, in this order; the backward op has more behind them. */
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

/* May be nil: all but q and the begins and lengths of the queries. */
#define PAL_ATTENTION_OPTIONAL                                     \
  (((1u << PAL_ATTENTION_INPUTS) - 1) & ~(1u << PAL_ATTENTION_Q) & \
   ~(1u << PAL_ATTENTION_Q_BEGIN) & ~(1u << PAL_ATTENTION_Q_LENGTH))
/* What says which rows there are, and is checked first. */
#define PAL_ATTENTION_INTS \
  (((1u << PAL_ATTENTION_INPUTS) - 1) & ~((1u << PAL_ATTENTION_Q_BEGIN) - 1))

typedef struct pal_attention_attrs {
  int64_t heads;
  double scale; /* 0: 1 / sqrt(D) */
  int64_t causal;
  int64_t window;    /* 0: none */
  int64_t precision; /* a pal_precision */
} pal_attention_attrs;

extern const pal_attr_field pal_attention_fields[5];

/* Checks the types of the shared inputs. */
pal_status pal_attention_infer(pal_infer *call);

/* begin and length of sequence s of the queries (k false) or keys. */
typedef struct pal_attention_rows {
  int64_t begin, length;
} pal_attention_rows;
static inline pal_attention_rows pal_attention_sequence(const pal_run *run, bool keys, int64_t s) {
  const int i =
      keys && run->in[PAL_ATTENTION_K_BEGIN] ? PAL_ATTENTION_K_BEGIN : PAL_ATTENTION_Q_BEGIN;
  const int32_t *begin = run->in[i], *length = run->in[i + 1];
  return (pal_attention_rows){begin[s], length[s]};
}
/* Sequences: S. */
int64_t pal_attention_sequences(const pal_run *run);

/* Fails unless begins, lengths, positions, relations and kinds are in range. Marks (1) the rows of the
 * queries' sequences in q_mark and, unless that is NULL, those of the keys' in k_mark; sequences
 * whose rows are marked must not overlap. */
pal_status pal_attention_check(const pal_run *run, uint8_t *q_mark, uint8_t *k_mark);

/* The kernel's view of a head: what all have in common, q, k and v being row 0 of head 0; then, made of
 * that, all rows of head h of sequence s. */
pal_attention_head pal_attention_head_any(const pal_run *run);
void pal_attention_head_at(const pal_run *run, int64_t s, int64_t h, pal_attention_head *head);

/* Adds rows to those that are asked for; few rows come fast enough without. */
void pal_attention_want(pal_attention_ahead *ahead, const float *at, int64_t stride, int64_t rows,
                        int64_t width);
void pal_attention_want_keys(pal_attention_ahead *ahead, const pal_attention_head *head);

/* Where q, k or v (`part`, one of the first three inputs) stands: in which input, from which of its
 * columns on, in rows of how many, in heads how wide. Joined: in the columns of one input. */
typedef struct pal_attention_place {
  int input;
  int64_t column, row, width;
} pal_attention_place;
pal_attention_place pal_attention_place_of(const pal_type *in_type, int64_t heads, int part);
/* Whether q, k and v are joined. */
static inline bool pal_attention_joined(const pal_type *in_type) {
  return in_type[PAL_ATTENTION_K].dtype == PAL_NONE;
}
/* The input whose rows are the keys'. */
static inline int pal_attention_key_input(const pal_type *in_type) {
  return pal_attention_joined(in_type) ? PAL_ATTENTION_Q : PAL_ATTENTION_K;
}

/* Width of a head of q and k, and of v. */
int64_t pal_attention_d(const pal_run *run);
int64_t pal_attention_dv(const pal_run *run);
/* Rows of keys: Tk. */
int64_t pal_attention_keys(const pal_run *run);

size_t pal_attention_task_scratch(const pal_run *run);
/* Pairs of a query and a key that see each other, over all heads: an estimate that takes
 * sequences to be equally long. */
double pal_attention_products(const pal_run *run);

pal_status pal_attention_reference(const pal_reference *call);
pal_status pal_attention_backward_reference(const pal_reference *call);

/* Error allowed in cases with rounded operands, in units of 2^-24: 2^-6. The reference rounds nothing, since
 * it has no running maximum by which the weights are scaled before they are rounded. */
#define PAL_ATTENTION_BF16_TOLERANCE 0x1p18
/* A random instance of the forward op's inputs and attributes. */
pal_attention_attrs pal_attention_sample_inputs(pal_case *random, pal_value *in);

extern const pal_op pal_op_attention_backward;
#endif
