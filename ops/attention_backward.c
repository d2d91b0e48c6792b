/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient of scaled_dot_product_attention, with the weights computed again (floor 2).
 *
 * A task is one head of one sequence. It alone writes its rows of dq, dk and dv, and a slot of its
 * own for the gradient of the bias. The last phase adds the slots in the order of the sequences, so
 * that the sum does not depend on threads. */
#define PAL_NO_CALLER
#include "ops/attention.h"

#include <math.h>
#include <string.h>

static bool biased(const pal_run *run) {
  return run->in_type[PAL_ATTENTION_BIAS].dtype != PAL_NONE;
}

/* The number of inputs that hold q, k and v, which is the number of outputs with their gradients.
 * The gradient of the bias is the output after these. */
static int operands(const pal_type *in_type) { return pal_attention_joined(in_type) ? 1 : 3; }

static pal_status infer(pal_infer *call) {
  const pal_status status = pal_attention_infer(call);
  if (status) return status;
  const pal_attention_attrs *a = call->attrs;
  pal_type out = call->in_type[PAL_ATTENTION_Q], lse = out;
  out.dim[1] = a->heads * pal_attention_place_of(call->in_type, a->heads, PAL_ATTENTION_V).width;
  lse.dim[1] = a->heads;
  if (!pal_type_equal(&call->in_type[PAL_ATTENTION_OUT], &out) ||
      !pal_type_equal(&call->in_type[PAL_ATTENTION_LSE], &lse) ||
      !pal_type_equal(&call->in_type[PAL_ATTENTION_DOUT], &out) ||
      (call->in_type[PAL_ATTENTION_DLSE].dtype != PAL_NONE &&
       !pal_type_equal(&call->in_type[PAL_ATTENTION_DLSE], &lse)))
    return pal_fail(call->error, PAL_E_SHAPE,
                    "out, lse, dout and dlse must have the types of the forward results");
  call->n_out = operands(call->in_type);
  for (int i = 0; i < call->n_out; i++) call->out_type[i] = call->in_type[i];
  if (call->in_type[PAL_ATTENTION_BIAS].dtype != PAL_NONE)
    call->out_type[call->n_out++] = call->in_type[PAL_ATTENTION_BIAS];
  return PAL_OK;
}

/* The op's scratch. */
typedef struct room {
  double *dbias;            /* [S, H, R], a slot for each task */
  float *delta;             /* [H, Tq] */
  uint8_t *q_mark, *k_mark; /* [Tq], [Tk] */
  size_t bytes;
} room;

static room layout(const pal_run *run) {
  const size_t heads = (size_t)run->in_type[PAL_ATTENTION_LSE].dim[1];
  const size_t q = (size_t)run->in_rows[PAL_ATTENTION_Q], k = (size_t)pal_attention_keys(run);
  const size_t relations = biased(run) ? (size_t)run->in_type[PAL_ATTENTION_BIAS].dim[1] : 0;
  const size_t slots = (size_t)pal_attention_sequences(run) * heads * relations;
  char *at = run->scratch;
  room m = {.bytes = slots * sizeof(double) + heads * q * sizeof(float) + q + k};
  if (!at) return m;
  m.dbias = run->scratch;
  m.delta = (float *)(void *)(at + slots * sizeof(double));
  m.q_mark = (uint8_t *)(m.delta + heads * q);
  m.k_mark = m.q_mark + q;
  return m;
}

static size_t scratch(const pal_run *run) { return layout(run).bytes; }

static int64_t one(const pal_run *run) {
  (void)run;
  return 1;
}

/* Sets rows that are not marked to zero. `wide` is the number of columns. */
static void clear_gaps(const uint8_t *mark, int64_t rows, float *to, int64_t wide) {
  const uint8_t *gap = mark;
  while ((gap = memchr(gap, 0, (size_t)(mark + rows - gap)))) {
    memset(to + (gap - mark) * wide, 0, (size_t)wide * sizeof *to);
    gap++;
  }
}

/* Checks the inputs, and sets the gradients of rows outside every sequence to zero. */
static pal_status prepare(const pal_run *run) {
  if (run->begin >= run->end) return PAL_OK;
  const room m = layout(run);
  const pal_status status = pal_attention_check(run, m.q_mark, m.k_mark);
  if (status) return status;
  for (int i = 0; i < operands(run->in_type); i++)
    clear_gaps(i == PAL_ATTENTION_Q ? m.q_mark : m.k_mark, run->out_rows[i], run->out[i],
               run->out_type[i].dim[1]);
  return PAL_OK;
}

static int64_t tasks(const pal_run *run) {
  return pal_attention_sequences(run) * run->in_type[PAL_ATTENTION_LSE].dim[1];
}

/* The operands and results of a task. */
typedef struct work {
  pal_attention_head head;
  pal_attention_grads to;
} work;

/* What all tasks have in common. A gradient has the same place in its output as its operand in its
 * input. */
static work any_work(const pal_run *run) {
  const int64_t heads = run->in_type[PAL_ATTENTION_LSE].dim[1];
  float *at[3];
  for (int i = PAL_ATTENTION_Q; i <= PAL_ATTENTION_V; i++) {
    const pal_attention_place p = pal_attention_place_of(run->in_type, heads, i);
    at[i] = (float *)run->out[p.input] + p.column;
  }
  return (work){
      .head = pal_attention_head_any(run),
      .to = {.dq = at[PAL_ATTENTION_Q], .dk = at[PAL_ATTENTION_K], .dv = at[PAL_ATTENTION_V]}};
}

/* Fills in the task of head h of sequence s. */
static void find_work(const pal_run *run, const room *m, const work *any, int64_t s, int64_t h,
                      pal_attention_head *head, pal_attention_grads *to) {
  const int64_t heads = run->in_type[PAL_ATTENTION_LSE].dim[1];
  const int64_t q = pal_attention_sequence(run, false, s).begin;
  const float *dlse = run->in[PAL_ATTENTION_DLSE];
  const int64_t wide = run->in_type[PAL_ATTENTION_OUT].dim[1];
  *head = any->head;
  pal_attention_head_at(run, s, h, head);
  *to = (pal_attention_grads){
      .out = (const float *)run->in[PAL_ATTENTION_OUT] + q * wide + h * head->dv,
      .dout = (const float *)run->in[PAL_ATTENTION_DOUT] + q * wide + h * head->dv,
      .out_stride = wide,
      .lse = (const float *)run->in[PAL_ATTENTION_LSE] + q * heads + h,
      .dlse = dlse ? dlse + q * heads + h : NULL,
      .lse_stride = heads,
      .dq = any->to.dq + (head->q - any->head.q),
      .dk = any->to.dk + (head->k - any->head.k),
      .dv = any->to.dv + (head->v - any->head.v),
      .dbias = biased(run) ? m->dbias + (s * heads + h) * head->relations : NULL,
      .delta = m->delta + h * run->in_rows[PAL_ATTENTION_Q] + q,
  };
  for (int64_t r = 0; r < head->relations; r++) to->dbias[r] = 0.0;
}

/* Heads of short sequences are collected and computed PAL_SHORT_HEADS at a time. Entries 0 .. n - 1
 * are the heads collected so far, entry n is the current task and entry n + 1 the next one. */
typedef struct short_heads {
  pal_attention_head head[PAL_SHORT_HEADS + 1];
  pal_attention_grads to[PAL_SHORT_HEADS + 1];
  int n;
} short_heads;

static void attend_short(const pal_run *run, short_heads *w) {
  if (w->n)
    pal_kernels_of(run->isa)->attention.backward_short(w->head, w->to, w->n, run->task_scratch);
  w->n = 0;
}

/* Prefetches what the next task reads, and dq, which it sets to zero first. It stores dk and dv
 * late, so these are prefetched by that task itself. */
static void prefetch_next(pal_attention_prefetch *prefetch, const pal_attention_head *h,
                          const pal_attention_grads *to) {
  pal_attention_prefetch_rows(prefetch, to->out, to->out_stride, h->queries, h->dv);
  pal_attention_prefetch_rows(prefetch, to->dout, to->out_stride, h->queries, h->dv);
  pal_attention_prefetch_rows(prefetch, to->dq, h->q_stride, h->queries, h->d);
  pal_attention_prefetch_keys(prefetch, h);
  pal_attention_prefetch_rows(prefetch, h->q, h->q_stride, h->queries, h->d);
}

static void attend_long(const pal_run *run, short_heads *w, bool last) {
  pal_attention_head *head = &w->head[w->n];
  const pal_attention_grads *to = &w->to[w->n];
  pal_attention_prefetch prefetch = {.n = 0};
  pal_attention_prefetch_rows(&prefetch, to->dk, head->k_stride, head->keys, head->d);
  pal_attention_prefetch_rows(&prefetch, to->dv, head->v_stride, head->keys, head->dv);
  if (!last) prefetch_next(&prefetch, &head[1], &to[1]);
  head->prefetch = &prefetch;
  pal_kernels_of(run->isa)->attention.backward(head, to, run->task_scratch);
}

static pal_status attend(const pal_run *run) {
  const room m = layout(run);
  const work any = any_work(run);
  const int64_t heads = run->in_type[PAL_ATTENTION_LSE].dim[1];
  if (run->begin >= run->end) return PAL_OK;
  short_heads w;
  w.n = 0;
  int64_t s = run->begin / heads, h = run->begin % heads;
  find_work(run, &m, &any, s, h, &w.head[0], &w.to[0]);
  for (int64_t t = run->begin + 1; t <= run->end; t++) { /* t: the next task */
    const int from = w.n + 1;
    const bool last = t == run->end;
    if (++h == heads) h = 0, s++;
    if (!last) find_work(run, &m, &any, s, h, &w.head[from], &w.to[from]);
    if (!pal_attention_is_short(&w.head[w.n])) {
      attend_long(run, &w, last);
    } else {
      w.n++;
      if (from < PAL_SHORT_HEADS) continue; /* the next task is in its place already */
      attend_short(run, &w);
    }
    if (!last) {
      w.head[w.n] = w.head[from];
      w.to[w.n] = w.to[from];
    }
  }
  attend_short(run, &w);
  return PAL_OK;
}

/* Chunks of relations in which the last phase adds up the gradient of the bias; a task is one chunk
 * of one head. */
static int64_t bias_chunks(const pal_run *run) {
  return (run->in_type[PAL_ATTENTION_BIAS].dim[1] + PAL_BIAS_CHUNK - 1) / PAL_BIAS_CHUNK;
}

static int64_t bias_tasks(const pal_run *run) {
  return biased(run) ? run->in_type[PAL_ATTENTION_BIAS].dim[0] * bias_chunks(run) : 0;
}

/* Adds the slots of the sequences, in order. */
static pal_status combine(const pal_run *run) {
  const room m = layout(run);
  const int last = operands(run->in_type);
  for (int64_t t = run->begin; t < run->end; t++) {
    const int64_t heads = run->out_type[last].dim[0], relations = run->out_type[last].dim[1];
    const int64_t h = t / bias_chunks(run), begin = t % bias_chunks(run) * PAL_BIAS_CHUNK;
    const int64_t end = begin + PAL_BIAS_CHUNK < relations ? begin + PAL_BIAS_CHUNK : relations;
    for (int64_t r = begin; r < end; r++) {
      double sum = 0.0;
      for (int64_t s = 0; s < pal_attention_sequences(run); s++)
        sum += m.dbias[(s * heads + h) * relations + r];
      ((float *)run->out[last])[h * relations + r] = (float)sum;
    }
  }
  return PAL_OK;
}

static pal_cost cost(const pal_run *run) {
  /* Counted as twice the forward pass. The scores that are computed again are not counted. */
  pal_cost c = {4.0 * pal_attention_products(run) *
                    (double)(pal_attention_d(run) + pal_attention_dv(run)),
                0.0};
  for (int i = 0; i < run->n_in; i++)
    if (run->in_type[i].dtype != PAL_NONE)
      c.bytes += (double)pal_dtype_size(run->in_type[i].dtype) *
                 (double)pal_active(&run->in_type[i], run->in_rows[i]);
  for (int i = 0; i < run->n_out; i++)
    c.bytes += 4.0 * (double)pal_active(&run->out_type[i], run->out_rows[i]);
  return c;
}

/* A random case: the forward op, and random gradients of its results. */
static pal_value sample(pal_case *random) {
  pal_graph *g = pal_case_graph(random);
  pal_value in[PAL_ATTENTION_BACKWARD_INPUTS] = {PAL_NIL}, out[PAL_MAX_OUTPUTS];
  const pal_attention_attrs attrs = pal_attention_sample_inputs(random, in);
  pal_apply(g, "scaled_dot_product_attention", in, PAL_ATTENTION_INPUTS, &attrs, out);
  in[PAL_ATTENTION_OUT] = out[0];
  in[PAL_ATTENTION_LSE] = out[1];
  in[PAL_ATTENTION_DOUT] = pal_case_fixed(random, pal_type_of(g, out[0]), -1.0, 1.0);
  /* A bias that all keys of a query share has no gradient without dlse: only rounding errors would
   * be compared. */
  if (!pal_is_nil(in[PAL_ATTENTION_BIAS]) || pal_case_int(random, 0, 1))
    in[PAL_ATTENTION_DLSE] = pal_case_fixed(random, pal_type_of(g, out[1]), -1.0, 1.0);
  pal_case_tolerance(random, attrs.precision ? 4 * PAL_ATTENTION_BF16_TOLERANCE
                                             : 1024.0); /* dout.v - delta cancels */
  return pal_apply(g, pal_op_attention_backward.name, in, PAL_ATTENTION_BACKWARD_INPUTS, &attrs,
                   NULL);
}

const pal_op pal_op_attention_backward = {
    PAL_OP_HEAD(
        "scaled_dot_product_attention_backward",
        "Inputs: those of scaled_dot_product_attention, then its results out and lse and their\n"
        "gradients dout [Tq, H*Dv] and, optionally, dlse [Tq, H].\n"
        "Outputs: dq, dk, dv (side by side in one if q, k and v are) and, with a bias, dbias. The\n"
        "formulas are in the documentation of the forward op. Rows outside every sequence are 0.\n"
        "Sums run over queries or keys in order, dbias over sequences in order.\n"
        "PAL_E_ARGUMENT: as the forward op, and keys of two sequences in one row."),
    .min_in = PAL_ATTENTION_BACKWARD_INPUTS,
    .max_in = PAL_ATTENTION_BACKWARD_INPUTS,
    .optional = PAL_ATTENTION_OPTIONAL | 1u << PAL_ATTENTION_DLSE,
    .flags = PAL_OP_NO_GRADIENT,
    .fields = pal_attention_fields,
    .n_fields = 5,
    .attrs_size = sizeof(pal_attention_attrs),
    .infer = infer,
    .reference = pal_attention_backward_reference,
    .phase = {{.run = prepare, .tasks = one, .reads = PAL_ATTENTION_INTS},
              {.run = attend, .tasks = tasks},
              {.run = combine, .tasks = bias_tasks, .reads = 1u << PAL_ATTENTION_Q_BEGIN}},
    .scratch = scratch,
    .task_scratch = pal_attention_task_scratch,
    .cost = cost,
    .sample = sample,
};
