/* SPDX-License-Identifier: Apache-2.0 */
/* scaled_dot_product_attention over ragged rows, that is, packed sequences (floor 2).
 *
 * The first phase checks the integer inputs and lists the work. In the second a task is one block
 * of at most PAL_QUERY_BLOCK queries of one head of one sequence. Scores exist in a task's scratch
 * only, one tile at a time. Inputs and their checks are in attention_inputs.c, the gradient in
 * attention_backward.c. */
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

/* Scratch: int64 first[S + 1], the number of query blocks before each sequence; then uint8
 * mark[Tq], 1 for rows of a sequence. */
static size_t scratch(const pal_run *run) {
  return (size_t)(pal_attention_sequences(run) + 1) * sizeof(int64_t) +
         (size_t)run->in_rows[PAL_ATTENTION_Q];
}

static int64_t one(const pal_run *run) {
  (void)run;
  return 1;
}

/* Checks the inputs, fills `first`, and sets the results of rows outside every sequence. */
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

/* The sequence to which block b belongs, by binary search in first[S + 1]. */
static int64_t find(const int64_t *first, int64_t s, int64_t b) {
  int64_t low = 0, high = s;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    if (first[middle] <= b) low = middle;
    else high = middle;
  }
  return low;
}

/* A place in the list of tasks, which is ordered by block and then by head: block number `block` of
 * all blocks, its sequence s, and head h. */
typedef struct cursor {
  int64_t s, block, h;
} cursor;

static cursor cursor_at(const pal_run *run, int64_t task) {
  const int64_t heads = run->out_type[1].dim[1], block = task / heads;
  return (cursor){find(run->scratch, pal_attention_sequences(run), block), block, task % heads};
}

static void advance(const pal_run *run, cursor *at, int64_t tasks) {
  at->h += tasks; /* never beyond the heads of this block */
  if (at->h < run->out_type[1].dim[1]) return;
  at->h = 0;
  at->block++;
}

/* One call of a kernel, beside its head and result. */
typedef struct block {
  bool first; /* the first block of its head and sequence, so that its keys are not in cache yet */
  int64_t tasks; /* the number of tasks it does: more than 1 for heads of a single query */
} block;

/* Makes one call of the heads of a single query, as many as `left` tasks include. */
static int64_t join_heads(const pal_run *run, const cursor *at, int64_t left,
                          pal_attention_head *head, pal_attention_result *to) {
  const int64_t heads = run->out_type[1].dim[1] - at->h;
  int64_t tasks = heads < left ? heads : left;
  if (tasks > PAL_QUERY_BLOCK) tasks = PAL_QUERY_BLOCK;
  head->single_query = true;
  head->queries = tasks;
  head->q_stride = head->d;
  to->out_stride = head->dv;
  to->lse_stride = 1;
  return tasks;
}

/* Fills in head and result of the task at a cursor, where `left` tasks are left to do. */
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
  const bool single = pal_attention_has_single_query(head) && !pal_attention_is_short(head);
  return (block){.first = skip == 0, .tasks = single ? join_heads(run, at, left, head, to) : 1};
}

/* Heads of short sequences are collected and computed PAL_SHORT_HEADS at a time. Entries 0 .. n - 1
 * are the heads collected so far, entry n is the current task and entry n + 1 the next one. */
typedef struct short_heads {
  pal_attention_head head[PAL_SHORT_HEADS + 1];
  pal_attention_result to[PAL_SHORT_HEADS + 1];
  int n;
} short_heads;

static void attend_short(const pal_run *run, short_heads *w) {
  if (w->n)
    pal_kernels_of(run->isa)->attention.forward_short(w->head, w->to, w->n, run->task_scratch);
  w->n = 0;
}

static void attend_long(const pal_run *run, short_heads *w, const block *next) {
  pal_attention_head *head = &w->head[w->n];
  const pal_attention_result *to = &w->to[w->n];
  pal_attention_prefetch prefetch = {.n = 0};
  pal_attention_prefetch_rows(&prefetch, to->out, to->out_stride, head->queries, head->dv);
  if (next) {
    pal_attention_prefetch_rows(&prefetch, head[1].q, head[1].q_stride, head[1].queries, head[1].d);
    if (next->first) pal_attention_prefetch_keys(&prefetch, &head[1]);
  }
  head->prefetch = &prefetch;
  pal_kernels_of(run->isa)->attention.forward(head, to, run->task_scratch);
}

static pal_status attend(const pal_run *run) {
  const pal_attention_head any = pal_attention_head_any(run);
  int64_t left = run->end - run->begin;
  if (left <= 0) return PAL_OK;
  short_heads w;
  w.n = 0;
  cursor at = cursor_at(run, run->begin);
  block now = find_block(run, &any, &at, left, &w.head[0], &w.to[0]), next = now;
  for (int from; left > 0; now = next) { /* from: the entry of the next task */
    advance(run, &at, now.tasks);
    left -= now.tasks;
    from = w.n + 1;
    if (left > 0) next = find_block(run, &any, &at, left, &w.head[from], &w.to[from]);
    if (w.head[w.n].single_query || !pal_attention_is_short(&w.head[w.n])) {
      attend_long(run, &w, left > 0 ? &next : NULL);
    } else {
      w.n++;
      if (from < PAL_SHORT_HEADS) continue; /* the next task is in its place already */
      attend_short(run, &w);
    }
    if (left > 0) {
      w.head[w.n] = w.head[from];
      w.to[w.n] = w.to[from];
    }
  }
  attend_short(run, &w);
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
  int n =
      0; /* the backward op's outputs belong to the given inputs among q, k, v and bias, in order */
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
        "Inputs: q f32 [Tq, H*D], k f32 [Tk, H*D], v f32 [Tk, H*Dv]; or q alone, f32 [T, 3*H*D],\n"
        "with q, k and v side by side and Dv = D.\n"
        "q_begin, q_length i32 [S]: the rows of each sequence. k_begin, k_length i32 [S]: the\n"
        "same for keys; optional, only if k is given, else those of the queries.\n"
        "q_position i32 [Tq], k_position i32 [Tk]: optional, else row - begin.\n"
        "bias f32 [H, R], optional: bias[h, relation] is added to a score. The relation is either\n"
        "looked up by the two positions in relation i32 [P, P], where -1 means no bias; or its\n"
        "bit g is q_group[., g] == k_group[., g], with q_group i32 [Tq, G], k_group i32 [Tk, G],\n"
        "R = 2^G. visible i32 [K, K], optional, K <= 64, with q_kind, q_block i32 [Tq] and\n"
        "k_kind, k_block i32 [Tk]: visible[q_kind, k_kind] is the sum of 1 if keys of a lower\n"
        "block are seen, 2 if those of the same block, 4 if those of a higher block.\n"
        "A key is visible if its position is <= the query's (causal), if it is nearer than window\n"
        "(window > 0), and if kind and block allow it. Over the visible keys j of the sequence,\n"
        "per head: x_ij = scale q_i.k_j + bias, lse_i = log sum_j exp(x_ij), p_ij = exp(x_ij -\n"
        "lse_i), out_i = sum_j p_ij v_j. scale 0 stands for 1 / sqrt(D).\n"
        "Outputs: out [Tq, H*Dv], lse [Tq, H]. A query without a visible key, or a row outside\n"
        "all sequences: out 0, lse -inf.\n"
        "Gradient: dx_ij = p_ij (dout_i.v_j - dout_i.out_i + dlse_i), dq_i = scale sum_j dx_ij\n"
        "k_j, dk_j = scale sum_i dx_ij q_i, dv_j = sum_i p_ij dout_i, dbias[h, r] = sum of dx\n"
        "over pairs of relation r, with p computed again (FlashAttention, arXiv 2205.14135).\n"
        "precision 1: the operands of matrix products are rounded to bfloat16 as in matmul; the\n"
        "weights are rounded before they are divided by their sum.\n"
        "PAL_E_ARGUMENT: a sequence outside the active rows or of negative length, queries of two\n"
        "sequences in one row, a position outside the table, a relation outside -1..R-1, a kind\n"
        "outside 0..K-1, an element of visible outside 0..7."),
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
