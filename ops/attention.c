/* SPDX-License-Identifier: Apache-2.0 */
/* scaled_dot_product_attention over ragged rows (floor 2).
 *
 * A first phase checks the ints and lists the work; then a task is one block of queries of one
 * head of one sequence. Scores exist tile by tile in a task's scratch only. Inputs and checks are
 * in attention_inputs.c, the gradient in attention_backward.c. */
#define PAL_NO_CALLER
#include "ops/attention.h"

#include <math.h>
#include <string.h>

static pal_status infer(pal_infer *call) {
  const pal_attention_attrs *a = call->attrs;
  const pal_status status = pal_attention_infer(call);
  if (status) return status;
  call->n_out = 2;
  call->out_type[0] = call->out_type[1] = call->in_type[PAL_ATTENTION_Q];
  call->out_type[0].dim[1] =
      a->heads * pal_attention_place_of(call->in_type, a->heads, PAL_ATTENTION_V).width;
  call->out_type[1].dim[1] = a->heads;
  return PAL_OK;
}

static int64_t blocks(int64_t queries) {
  return queries > 0 ? (queries + PAL_QUERY_BLOCK - 1) / PAL_QUERY_BLOCK : 0;
}

/* Scratch: int64 first[S + 1], the number of blocks before each sequence; u8 mark[Tq]. */
static size_t scratch(const pal_run *run) {
  return (size_t)(pal_attention_sequences(run) + 1) * sizeof(int64_t) +
         (size_t)run->in_rows[PAL_ATTENTION_Q];
}

static int64_t one(const pal_run *run) {
  (void)run;
  return 1;
}

static pal_status prepare(const pal_run *run) {
  if (run->begin >= run->end) return PAL_OK;
  const int64_t s = pal_attention_sequences(run), rows = run->in_rows[PAL_ATTENTION_Q];
  const int64_t heads = run->out_type[1].dim[1], wide = run->out_type[0].dim[1];
  int64_t *first = run->scratch;
  uint8_t *mark = (uint8_t *)(first + s + 1);
  const pal_status status = pal_attention_check(run, mark, NULL);
  if (status) return status;
  first[0] = 0;
  for (int64_t i = 0; i < s; i++)
    first[i + 1] = first[i] + blocks(pal_attention_sequence(run, false, i).length);
  float *out = run->out[0], *lse = run->out[1];
  const uint8_t *gap = mark;
  while ((gap = memchr(gap, 0, (size_t)(mark + rows - gap)))) {
    const int64_t row = gap++ - mark;
    memset(out + row * wide, 0, (size_t)wide * sizeof *out);
    for (int64_t h = 0; h < heads; h++) lse[row * heads + h] = -INFINITY;
  }
  return PAL_OK;
}

static int64_t tasks(const pal_run *run) {
  const int64_t heads = run->out_type[1].dim[1], s = pal_attention_sequences(run);
  const int32_t *length = run->in[PAL_ATTENTION_Q_LENGTH];
  if (!length) return heads * (blocks(run->in_rows[PAL_ATTENTION_Q]) + s);
  int64_t n = 0;
  for (int64_t i = 0; i < s; i++) n += blocks(length[i]);
  return n * heads;
}

/* The sequence whose blocks include block b. */
static int64_t find(const int64_t *first, int64_t s, int64_t b) {
  int64_t low = 0, high = s;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    if (first[middle] <= b) low = middle;
    else high = middle;
  }
  return low;
}

/* Where among the tasks: block `block` of all, which is one of sequence s; head h. */
typedef struct cursor {
  int64_t s, block, h;
} cursor;

static cursor cursor_at(const pal_run *run, int64_t task) {
  const int64_t heads = run->out_type[1].dim[1], block = task / heads;
  return (cursor){find(run->scratch, pal_attention_sequences(run), block), block, task % heads};
}

static void advance(const pal_run *run, cursor *at, int64_t tasks) {
  at->h += tasks; /* no further than to the end of the block's heads */
  if (at->h < run->out_type[1].dim[1]) return;
  at->h = 0;
  at->block++;
}

/* What a task works on, beside its head and result. */
typedef struct block {
  bool first;    /* of its head of its sequence */
  int64_t tasks; /* that it does: this one, and those of the heads abreast */
} block;

/* A lone query's heads go abreast, as far as the range has them. */
static int64_t join_heads(const pal_run *run, const cursor *at, int64_t left,
                          pal_attention_head *head, pal_attention_result *to) {
  const int64_t heads = run->out_type[1].dim[1] - at->h;
  int64_t tasks = heads < left ? heads : left;
  if (tasks > PAL_QUERY_BLOCK) tasks = PAL_QUERY_BLOCK;
  head->abreast = true;
  head->queries = tasks;
  head->q_stride = head->d;
  to->out_stride = head->dv;
  to->lse_stride = 1;
  return tasks;
}

/* The task at a cursor, with `left` of the range from there on. */
static block find_block(const pal_run *run, const pal_attention_head *any, cursor *at, int64_t left,
                        pal_attention_head *head, pal_attention_result *to) {
  const int64_t heads = run->out_type[1].dim[1], wide = run->out_type[0].dim[1];
  const int64_t *first = run->scratch;
  while (first[at->s + 1] <= at->block) at->s++;
  const int64_t skip = (at->block - first[at->s]) * PAL_QUERY_BLOCK;
  const int64_t row = pal_attention_sequence(run, false, at->s).begin + skip;
  *head = *any;
  pal_attention_head_at(run, at->s, at->h, head);
  head->q += skip * head->q_stride;
  head->queries = head->queries - skip < PAL_QUERY_BLOCK ? head->queries - skip : PAL_QUERY_BLOCK;
  head->q_first += skip;
  if (head->q_position) head->q_position += skip;
  if (head->q_group) head->q_group += skip * head->groups;
  if (head->visible) head->q_kind += skip, head->q_block += skip;
  *to = (pal_attention_result){.out = (float *)run->out[0] + row * wide + at->h * head->dv,
                               .out_stride = wide,
                               .lse = (float *)run->out[1] + row * heads + at->h,
                               .lse_stride = heads};
  const bool lone = pal_attention_is_lone(head) && !pal_attention_is_short(head);
  return (block){.first = skip == 0, .tasks = lone ? join_heads(run, at, left, head, to) : 1};
}

/* Heads of short sequences, which wait for others; behind them this task's and the next one's. */
typedef struct waiting {
  pal_attention_head head[PAL_SHORT_HEADS + 1];
  pal_attention_result to[PAL_SHORT_HEADS + 1];
  int n;
} waiting;

static void attend_waiting(const pal_run *run, waiting *w) {
  if (w->n)
    pal_kernels_of(run->isa)->attention.forward_short(w->head, w->to, w->n, run->task_scratch);
  w->n = 0;
}

static void attend_long(const pal_run *run, waiting *w, const block *next) {
  pal_attention_head *head = &w->head[w->n];
  const pal_attention_result *to = &w->to[w->n];
  pal_attention_ahead ahead = {.n = 0};
  pal_attention_want(&ahead, to->out, to->out_stride, head->queries, head->dv);
  if (next) {
    pal_attention_want(&ahead, head[1].q, head[1].q_stride, head[1].queries, head[1].d);
    if (next->first) pal_attention_want_keys(&ahead, &head[1]);
  }
  head->ahead = &ahead;
  pal_kernels_of(run->isa)->attention.forward(head, to, run->task_scratch);
}

static pal_status attend(const pal_run *run) {
  const pal_attention_head any = pal_attention_head_any(run);
  int64_t left = run->end - run->begin;
  if (left <= 0) return PAL_OK;
  waiting w;
  w.n = 0;
  cursor at = cursor_at(run, run->begin);
  block now = find_block(run, &any, &at, left, &w.head[0], &w.to[0]), next = now;
  for (int from; left > 0; now = next) { /* from: where the next one is */
    advance(run, &at, now.tasks);
    left -= now.tasks;
    from = w.n + 1;
    if (left > 0) next = find_block(run, &any, &at, left, &w.head[from], &w.to[from]);
    if (w.head[w.n].abreast || !pal_attention_is_short(&w.head[w.n])) {
      attend_long(run, &w, left > 0 ? &next : NULL);
    } else {
      w.n++;
      if (from < PAL_SHORT_HEADS) continue; /* the next one is where it has to be */
      attend_waiting(run, &w);
    }
    if (left > 0) {
      w.head[w.n] = w.head[from];
      w.to[w.n] = w.to[from];
    }
  }
  attend_waiting(run, &w);
  return PAL_OK;
}

static pal_cost cost(const pal_run *run) {
  pal_cost c = {2.0 * pal_attention_products(run) *
                    (double)(pal_attention_d(run) + pal_attention_dv(run)),
                0.0};
  for (int i = 0; i < run->n_in; i++)
    if (run->in_type[i].dtype != PAL_NONE)
      c.bytes += (double)pal_dtype_size(run->in_type[i].dtype) *
                 (double)pal_active(&run->in_type[i], run->in_rows[i]);
  c.bytes += 4.0 * (double)pal_active(&run->out_type[0], run->out_rows[0]);
  return c;
}

static pal_status gradient(pal_gradient_call *call) {
  if (pal_is_nil(call->out_grad[0]) && pal_is_nil(call->out_grad[1])) return PAL_OK;
  pal_value in[PAL_ATTENTION_BACKWARD_INPUTS] = {PAL_NIL}, out[PAL_MAX_OUTPUTS];
  for (int i = 0; i < call->n_in; i++) in[i] = call->in[i];
  in[PAL_ATTENTION_OUT] = call->out[0];
  in[PAL_ATTENTION_LSE] = call->out[1];
  in[PAL_ATTENTION_DOUT] = call->out_grad[0];
  in[PAL_ATTENTION_DLSE] = call->out_grad[1];
  if (pal_is_nil(call->out_grad[0]))
    in[PAL_ATTENTION_DOUT] = pal_affine(call->graph, call->out[0], 0.0, 0.0);
  pal_apply(call->graph, pal_op_attention_backward.name, in, PAL_ATTENTION_BACKWARD_INPUTS,
            call->attrs, out);
  int n = 0; /* of the inputs that may have a gradient, those that are given */
  for (int i = 0; i < call->n_in; i++) {
    if ((i > PAL_ATTENTION_V && i != PAL_ATTENTION_BIAS) || pal_is_nil(call->in[i])) continue;
    if (call->wanted >> i & 1) call->in_grad[i] = out[n];
    n++;
  }
  return PAL_OK;
}

pal_value pal_scaled_dot_product_attention(pal_graph *g, pal_value q, pal_value k, pal_value v,
                                           const pal_attention *options) {
  const pal_attention *o = options;
  const bool own_keys = !pal_is_nil(o->k_begin);
  const pal_value in[PAL_ATTENTION_INPUTS] = {
      q,
      k,
      v,
      o->q_begin,
      o->q_length,
      o->k_begin,
      o->k_length,
      o->q_position,
      o->k_position,
      o->bias,
      o->relation,
      o->q_group,
      o->k_group,
      o->visible,
      o->q_kind,
      o->q_block,
      pal_is_nil(o->k_kind) && !own_keys ? o->q_kind : o->k_kind,
      pal_is_nil(o->k_block) && !own_keys ? o->q_block : o->k_block,
  };
  const pal_attention_attrs attrs = {o->heads, o->scale, o->causal, o->window,
                                     pal_graph_precision(g)};
  return pal_apply(g, "scaled_dot_product_attention", in, PAL_ATTENTION_INPUTS, &attrs, NULL);
}

static pal_value sample(pal_case *random) {
  pal_value in[PAL_ATTENTION_INPUTS] = {PAL_NIL};
  const pal_attention_attrs attrs = pal_attention_sample_inputs(random, in);
  if (attrs.precision) pal_case_tolerance(random, PAL_ATTENTION_BF16_TOLERANCE);
  return pal_apply(pal_case_graph(random), "scaled_dot_product_attention", in, PAL_ATTENTION_INPUTS,
                   &attrs, NULL);
}

static const pal_op attention = {
    PAL_OP_HEAD(
        "scaled_dot_product_attention",
        "q [Tq, H*D], k [Tk, H*D], v [Tk, H*Dv], or instead of the three one [T, 3*H*D] with q,\n"
        "k and v side by side, Dv = D; q_begin, q_length and optionally, if k is given, k_begin,\n"
        "k_length i32 [S] (else those of the queries), q_position i32 [Tq], k_position i32 [Tk]\n"
        "(else row - begin), bias f32 [H, R] with relation i32 [P, P] (of two positions; -1: no\n"
        "bias) or with q_group i32 [Tq, G], k_group i32 [Tk, G], R = 2^G (bit g of the relation\n"
        "is q_group[., g] == k_group[., g]); visible i32 [K, K] with q_kind, q_block i32 [Tq] and\n"
        "k_kind, k_block i32 [Tk]: visible[q_kind, k_kind] is the sum of 1 if keys of a lower block\n"
        "are seen, 2 if those of the same, 4 if those of a higher (K at most 64).\n"
        "out [Tq, H*Dv] = sum_j p_ij v_j and lse [Tq, H] = log sum_j exp(x_ij) per sequence and\n"
        "head, with x_ij = scale q_i.k_j + bias and p_ij = exp(x_ij - lse_i) over the visible\n"
        "keys: position <= the query's if causal, nearer than window if window > 0, visible by\n"
        "kind and block. scale 0 is\n"
        "1 / sqrt(D). No visible key, or a row outside all sequences: out 0, lse -inf.\n"
        "Gradient: dx_ij = p_ij (dout_i.v_j - dout_i.out_i + dlse_i), dq_i = scale sum_j dx_ij\n"
        "k_j, dk_j = scale sum_i dx_ij q_i, dv_j = sum_i p_ij dout_i, dbias = sums of dx by\n"
        "relation, with p computed again (Dao et al., arXiv 2205.14135).\n"
        "precision 1: operands of products of matrices rounded as those of matmul, weights before\n"
        "their division by the sum.\n"
        "PAL_E_ARGUMENT: a sequence outside the active rows or of negative length, queries of two\n"
        "sequences in one row, a position outside the table, a relation outside -1..R-1, a kind outside 0..K-1, a\n"
        "visibility outside 0..7."),
    .min_in = PAL_ATTENTION_INPUTS,
    .max_in = PAL_ATTENTION_INPUTS,
    .optional = PAL_ATTENTION_OPTIONAL,
    .fields = pal_attention_fields,
    .n_fields = 5,
    .attrs_size = sizeof(pal_attention_attrs),
    .infer = infer,
    .gradient = gradient,
    .reference = pal_attention_reference,
    .phase = {{.run = prepare, .tasks = one, .reads = PAL_ATTENTION_INTS},
              {.run = attend, .tasks = tasks}},
    .scratch = scratch,
    .task_scratch = pal_attention_task_scratch,
    .cost = cost,
    .sample = sample,
};

const pal_op *const pal_ops_attention[] = {&attention, &pal_op_attention_backward, NULL};
