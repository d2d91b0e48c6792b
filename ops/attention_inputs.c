/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs of the attention ops: their types, the checks of integer inputs at run time, and the
 * description of a head for the kernels (floor 2). See attention.h. */
#define PAL_NO_CALLER
#include "ops/attention.h"

#include <math.h>
#include <string.h>

#include "ops/matmul.h"

const pal_attr_field pal_attention_fields[5] = {
    PAL_FIELD(pal_attention_attrs, heads, PAL_ATTR_INT),
    PAL_FIELD(pal_attention_attrs, scale, PAL_ATTR_FLOAT),
    PAL_FIELD(pal_attention_attrs, causal, PAL_ATTR_INT),
    PAL_FIELD(pal_attention_attrs, window, PAL_ATTR_INT),
    PAL_FIELD(pal_attention_attrs, precision, PAL_ATTR_INT),
};

/* ---- types ------------------------------------------------------------------------------ */

static bool given(const pal_infer *call, int i) { return call->in_type[i].dtype != PAL_NONE; }

/* If input i is given, it must be i32, of this rank, with the rows of input `like`. */
static pal_status want_ints(const pal_infer *call, int i, int like, int rank, const char *what) {
  if (!given(call, i)) return PAL_OK;
  pal_status status = pal_want_dtype(call, i, PAL_I32, what);
  if (!status) status = pal_want_rank(call, i, rank, what);
  if (!status) status = pal_want_rows(call, i, like, what);
  return status;
}

static pal_status want_bias(const pal_infer *call, int64_t heads) {
  const pal_type *bias = &call->in_type[PAL_ATTENTION_BIAS];
  const pal_type *table = &call->in_type[PAL_ATTENTION_RELATION];
  const bool by_table = given(call, PAL_ATTENTION_RELATION);
  const bool by_group = given(call, PAL_ATTENTION_Q_GROUP);
  if (by_group != given(call, PAL_ATTENTION_K_GROUP))
    return pal_fail(call->error, PAL_E_SHAPE, "q_group and k_group come together");
  if ((by_table ? 1 : 0) + (by_group ? 1 : 0) != (given(call, PAL_ATTENTION_BIAS) ? 1 : 0))
    return pal_fail(
        call->error, PAL_E_SHAPE,
        "a bias needs either a relation table or q_group and k_group, and these need a bias");
  if (!given(call, PAL_ATTENTION_BIAS)) return PAL_OK;
  if (bias->dtype != PAL_F32 || bias->rank != 2 || bias->symbol.id || bias->dim[0] != heads ||
      bias->dim[1] < 1 || bias->dim[1] > INT32_MAX)
    return pal_fail(call->error, PAL_E_SHAPE, "bias must be f32 [heads, relations]");
  if (by_table) {
    if (table->dtype != PAL_I32 || table->rank != 2 || table->symbol.id ||
        table->dim[0] != table->dim[1] || table->dim[0] > 32768)
      return pal_fail(call->error, PAL_E_SHAPE, "relation must be i32 [P, P], P at most 32768");
    return PAL_OK;
  }
  pal_status status = want_ints(call, PAL_ATTENTION_Q_GROUP, PAL_ATTENTION_Q, 2, "q_group and q");
  if (!status)
    status = want_ints(call, PAL_ATTENTION_K_GROUP, pal_attention_key_input(call->in_type), 2,
                       "k_group and k");
  if (status) return status;
  const int64_t groups = call->in_type[PAL_ATTENTION_Q_GROUP].dim[1];
  if (groups < 1 || groups > 20 || groups != call->in_type[PAL_ATTENTION_K_GROUP].dim[1] ||
      bias->dim[1] != (int64_t)1 << groups)
    return pal_fail(call->error, PAL_E_SHAPE, "G groups (1 to 20) need a bias of 2^G relations");
  return PAL_OK;
}

static pal_status want_kinds(const pal_infer *call) {
  static const char *const name[] = {"q_kind and q", "q_block and q", "k_kind and k",
                                     "k_block and k"};
  const pal_type *table = &call->in_type[PAL_ATTENTION_VISIBLE];
  const int key = pal_attention_key_input(call->in_type);
  int n = 0;
  for (int i = PAL_ATTENTION_VISIBLE; i <= PAL_ATTENTION_K_BLOCK; i++) n += given(call, i);
  if (n == 0) return PAL_OK;
  if (n < 5)
    return pal_fail(call->error, PAL_E_SHAPE,
                    "visible, q_kind, q_block, k_kind and k_block come together");
  if (table->dtype != PAL_I32 || table->rank != 2 || table->symbol.id ||
      table->dim[0] != table->dim[1] || table->dim[0] < 1 || table->dim[0] > 64)
    return pal_fail(call->error, PAL_E_SHAPE, "visible must be i32 [K, K], K from 1 to 64");
  pal_status status = PAL_OK;
  for (int i = 0; i < 4 && !status; i++)
    status = want_ints(call, PAL_ATTENTION_Q_KIND + i, i < 2 ? PAL_ATTENTION_Q : key, 1, name[i]);
  return status;
}

static pal_status want_matrix(const pal_infer *call, int i, int64_t unit, const char *name) {
  pal_status status = pal_want_dtype(call, i, PAL_F32, name);
  if (!status) status = pal_want_rank(call, i, 2, name);
  if (status) return status;
  if (call->in_type[i].dim[1] % unit || call->in_type[i].dim[1] < unit)
    return pal_fail(call->error, PAL_E_SHAPE, "the columns of %s are no multiple of %lld", name,
                    (long long)unit);
  return PAL_OK;
}

/* Checks q, k and v: three inputs, or one if they are joined. */
static pal_status want_operands(const pal_infer *call, int64_t heads) {
  static const char *const name[] = {"q", "k", "v"};
  const bool own_keys = given(call, PAL_ATTENTION_K_BEGIN);
  if (given(call, PAL_ATTENTION_K) != given(call, PAL_ATTENTION_V))
    return pal_fail(call->error, PAL_E_SHAPE, "k and v come together");
  if (pal_attention_joined(call->in_type)) {
    if (own_keys)
      return pal_fail(call->error, PAL_E_SHAPE, "q, k and v that are joined have the same rows");
    return want_matrix(call, PAL_ATTENTION_Q, 3 * heads, "q, k and v, joined,");
  }
  pal_status status = PAL_OK;
  for (int i = PAL_ATTENTION_Q; i <= PAL_ATTENTION_V && !status; i++)
    status = want_matrix(call, i, heads, name[i]);
  if (!status && call->in_type[PAL_ATTENTION_Q].dim[1] != call->in_type[PAL_ATTENTION_K].dim[1])
    return pal_fail(call->error, PAL_E_SHAPE, "q and k must have the same columns");
  if (!status) status = pal_want_rows(call, PAL_ATTENTION_K, PAL_ATTENTION_V, "k and v");
  if (!status && !own_keys)
    status = pal_want_rows(call, PAL_ATTENTION_Q, PAL_ATTENTION_K,
                           "q and k, where k_begin is not given,");
  return status;
}

pal_status pal_attention_infer(pal_infer *call) {
  const pal_attention_attrs *a = call->attrs;
  pal_error *error = call->error;
  if (a->heads < 1 || a->heads > INT32_MAX || a->window < 0 || !isfinite(a->scale))
    return pal_fail(error, PAL_E_ARGUMENT, "heads must be 1 or more, window 0 or more");
  const int begin = PAL_ATTENTION_Q_BEGIN;
  if (given(call, PAL_ATTENTION_K_BEGIN) != given(call, PAL_ATTENTION_K_LENGTH))
    return pal_fail(error, PAL_E_SHAPE, "k_begin and k_length come together");
  pal_status status = pal_matmul_want_precision(call, a->precision);
  if (!status) status = want_operands(call, a->heads);
  if (!status) status = want_ints(call, begin, begin, 1, "q_begin");
  if (!status) status = want_ints(call, PAL_ATTENTION_Q_LENGTH, begin, 1, "q_begin and q_length");
  if (!status) status = want_ints(call, PAL_ATTENTION_K_BEGIN, begin, 1, "q_begin and k_begin");
  if (!status) status = want_ints(call, PAL_ATTENTION_K_LENGTH, begin, 1, "q_begin and k_length");
  if (!status)
    status = want_ints(call, PAL_ATTENTION_Q_POSITION, PAL_ATTENTION_Q, 1, "q_position and q");
  if (!status)
    status = want_ints(call, PAL_ATTENTION_K_POSITION, pal_attention_key_input(call->in_type), 1,
                       "k_position and k");
  if (!status) status = want_kinds(call);
  return status ? status : want_bias(call, a->heads);
}

/* ---- sizes ---------------------------------------------------------------------------------- */

static int64_t heads_of(const pal_run *run) {
  return ((const pal_attention_attrs *)run->attrs)->heads;
}

pal_attention_place pal_attention_place_of(const pal_type *in_type, int64_t heads, int part) {
  const bool joined = pal_attention_joined(in_type);
  const int input = joined ? PAL_ATTENTION_Q : part;
  const int64_t row = in_type[input].dim[1], all = joined ? row / 3 : row;
  return (pal_attention_place){input, joined ? part * all : 0, row, all / heads};
}

static pal_attention_place place(const pal_run *run, int part) {
  return pal_attention_place_of(run->in_type, heads_of(run), part);
}

int64_t pal_attention_d(const pal_run *run) { return place(run, PAL_ATTENTION_Q).width; }
int64_t pal_attention_dv(const pal_run *run) { return place(run, PAL_ATTENTION_V).width; }
int64_t pal_attention_keys(const pal_run *run) {
  return run->in_rows[pal_attention_key_input(run->in_type)];
}

static int64_t groups_of(const pal_run *run) {
  const pal_type *group = &run->in_type[PAL_ATTENTION_Q_GROUP];
  return group->dtype == PAL_NONE ? 0 : group->dim[1];
}

size_t pal_attention_task_scratch(const pal_run *run) {
  const pal_attention_kernels *kernels = &pal_kernels_of(run->isa)->attention;
  const size_t any = kernels->scratch(pal_attention_d(run), pal_attention_dv(run), groups_of(run));
  const size_t few = kernels->short_scratch();
  return any > few ? any : few;
}

int64_t pal_attention_sequences(const pal_run *run) { return run->in_rows[PAL_ATTENTION_Q_BEGIN]; }

double pal_attention_products(const pal_run *run) {
  const pal_attention_attrs *a = run->attrs;
  const int64_t s = pal_attention_sequences(run);
  const double keys = (double)pal_attention_keys(run) / (double)(s > 0 ? s : 1);
  const double pairs = (double)run->in_rows[PAL_ATTENTION_Q] * keys * (a->causal ? 0.5 : 1.0);
  return pairs * (double)a->heads;
}

/* ---- checks of integer inputs at run time ------------------------------------------------- */

static const int32_t *ints(const pal_run *run, int i) { return run->in[i]; }

/* Whether the sequences follow each other without gaps and fill all rows, as in a packed batch: the
 * fast path of check_rows. */
static bool fill_rows(const pal_run *run, bool keys, int64_t rows) {
  int64_t end = 0;
  for (int64_t s = 0; s < pal_attention_sequences(run); s++) {
    const pal_attention_rows r = pal_attention_sequence(run, keys, s);
    if (r.length < 0 || r.begin != end) return false;
    end += r.length;
  }
  return end == rows;
}

/* Checks the rows of all sequences of queries or keys, and marks them; see pal_attention_check. */
static pal_status check_rows(const pal_run *run, bool keys, uint8_t *mark) {
  const int64_t rows = keys ? pal_attention_keys(run) : run->in_rows[PAL_ATTENTION_Q];
  const char *what = keys ? "keys" : "queries";
  const bool full = fill_rows(run, keys, rows);
  if (mark) memset(mark, full, (size_t)rows);
  if (full) return PAL_OK;
  for (int64_t s = 0; s < pal_attention_sequences(run); s++) {
    const pal_attention_rows r = pal_attention_sequence(run, keys, s);
    if (r.length < 0 || (r.length > 0 && (r.begin < 0 || r.begin + r.length > rows)))
      return pal_fail(run->error, PAL_E_ARGUMENT,
                      "attention: the %s of sequence %lld, begin %lld and length %lld, do not lie "
                      "in %lld rows",
                      what, (long long)s, (long long)r.begin, (long long)r.length, (long long)rows);
    if (!mark || r.length == 0) continue;
    if (memchr(mark + r.begin, 1, (size_t)r.length))
      return pal_fail(run->error, PAL_E_ARGUMENT,
                      "attention: the %s of sequence %lld are rows of an earlier one too", what,
                      (long long)s);
    memset(mark + r.begin, 1, (size_t)r.length);
  }
  return PAL_OK;
}

/* All positions must be indices of the relation table. */
static pal_status check_positions(const pal_run *run, bool keys) {
  const int64_t p = run->in_type[PAL_ATTENTION_RELATION].dim[0];
  const int32_t *position = run->in[keys ? PAL_ATTENTION_K_POSITION : PAL_ATTENTION_Q_POSITION];
  for (int64_t s = 0; s < pal_attention_sequences(run); s++) {
    const pal_attention_rows r = pal_attention_sequence(run, keys, s);
    int64_t low = 0, high = r.length - 1;
    for (int64_t i = 0; position && i < r.length; i++) {
      const int64_t at = position[r.begin + i];
      low = at < low ? at : low;
      high = i == 0 || at > high ? at : high;
    }
    if (low < 0 || high >= p)
      return pal_fail(run->error, PAL_E_ARGUMENT,
                      "attention: sequence %lld has a position %lld outside the relation table of "
                      "%lld",
                      (long long)s, (long long)(low < 0 ? low : high), (long long)p);
  }
  return PAL_OK;
}

static pal_status check_relations(const pal_run *run) {
  const int32_t *table = run->in[PAL_ATTENTION_RELATION];
  if (!table) return PAL_OK;
  const int64_t p = run->in_type[PAL_ATTENTION_RELATION].dim[0];
  const int64_t relations = run->in_type[PAL_ATTENTION_BIAS].dim[1];
  for (int64_t i = 0; i < p * p; i++)
    if (table[i] < -1 || table[i] >= relations)
      return pal_fail(
          run->error, PAL_E_ARGUMENT, "attention: relation[%lld, %lld] is %d, must lie in -1..%lld",
          (long long)(i / p), (long long)(i % p), (int)table[i], (long long)(relations - 1));
  const pal_status status = check_positions(run, false);
  return status ? status : check_positions(run, true);
}

static pal_status check_kinds(const pal_run *run, bool keys) {
  const int64_t kinds = run->in_type[PAL_ATTENTION_VISIBLE].dim[0];
  const int32_t *kind = run->in[keys ? PAL_ATTENTION_K_KIND : PAL_ATTENTION_Q_KIND];
  for (int64_t s = 0; s < pal_attention_sequences(run); s++) {
    const pal_attention_rows r = pal_attention_sequence(run, keys, s);
    for (int64_t i = 0; i < r.length; i++)
      if (kind[r.begin + i] < 0 || kind[r.begin + i] >= kinds)
        return pal_fail(run->error, PAL_E_ARGUMENT,
                        "attention: row %lld of sequence %lld has the kind %d, must lie in 0..%lld",
                        (long long)i, (long long)s, (int)kind[r.begin + i], (long long)(kinds - 1));
  }
  return PAL_OK;
}

static pal_status check_visible(const pal_run *run) {
  const int32_t *table = run->in[PAL_ATTENTION_VISIBLE];
  if (!table) return PAL_OK;
  const int64_t kinds = run->in_type[PAL_ATTENTION_VISIBLE].dim[0];
  for (int64_t i = 0; i < kinds * kinds; i++)
    if (table[i] < PAL_SEES_NOTHING || table[i] > PAL_SEES_ALL)
      return pal_fail(run->error, PAL_E_ARGUMENT,
                      "attention: visible[%lld, %lld] is %d, must lie in 0..%d",
                      (long long)(i / kinds), (long long)(i % kinds), (int)table[i], PAL_SEES_ALL);
  const pal_status status = check_kinds(run, false);
  return status ? status : check_kinds(run, true);
}

pal_status pal_attention_check(const pal_run *run, uint8_t *q_mark, uint8_t *k_mark) {
  pal_status status = check_rows(run, false, q_mark);
  if (!status) status = check_rows(run, true, k_mark);
  if (!status) status = check_visible(run);
  return status ? status : check_relations(run);
}

/* ---- a head ---------------------------------------------------------------------------------- */

/* The positions of n rows. If they count up, gives NULL and their first, for which the kernels are
 * faster. */
static const int32_t *positions(const int32_t *given_at, int64_t begin, int64_t n, int64_t *first) {
  *first = 0;
  if (!given_at) return NULL;
  const int32_t *at = given_at + begin;
  for (int64_t i = 1; i < n; i++)
    if ((int64_t)at[i] != (int64_t)at[0] + i) return at;
  if (n > 0) *first = at[0];
  return NULL;
}

pal_attention_head pal_attention_head_any(const pal_run *run) {
  const pal_attention_attrs *a = run->attrs;
  const pal_attention_place q = place(run, PAL_ATTENTION_Q), k = place(run, PAL_ATTENTION_K);
  const pal_attention_place v = place(run, PAL_ATTENTION_V);
  const int32_t *table = run->in[PAL_ATTENTION_RELATION];
  return (pal_attention_head){
      .q = (const float *)run->in[q.input] + q.column,
      .k = (const float *)run->in[k.input] + k.column,
      .v = (const float *)run->in[v.input] + v.column,
      .q_stride = q.row,
      .k_stride = k.row,
      .v_stride = v.row,
      .d = q.width,
      .joined = pal_attention_joined(run->in_type) && a->heads == 1,
      .dv = v.width,
      .scale = (float)(a->scale != 0.0 ? a->scale : 1.0 / sqrt((double)q.width)),
      .causal = a->causal != 0,
      .window = a->window,
      .relations = run->in[PAL_ATTENTION_BIAS] ? run->in_type[PAL_ATTENTION_BIAS].dim[1] : 0,
      .table = table,
      .positions = table ? run->in_type[PAL_ATTENTION_RELATION].dim[0] : 0,
      .groups = groups_of(run),
      .visible = run->in[PAL_ATTENTION_VISIBLE],
      .kinds = run->in[PAL_ATTENTION_VISIBLE] ? run->in_type[PAL_ATTENTION_VISIBLE].dim[0] : 0,
      .bf16 = a->precision == PAL_PRECISION_BF16 ? pal_gemm_bf16_of(run->isa) : NULL,
  };
}

void pal_attention_head_at(const pal_run *run, int64_t s, int64_t h, pal_attention_head *head) {
  const pal_attention_rows q = pal_attention_sequence(run, false, s);
  const pal_attention_rows k = pal_attention_sequence(run, true, s);
  head->q += q.begin * head->q_stride + h * head->d;
  head->k += k.begin * head->k_stride + h * head->d;
  head->v += k.begin * head->v_stride + h * head->dv;
  head->queries = q.length;
  head->keys = k.length;
  if (head->causal || head->window || head->table) {
    head->q_position =
        positions(run->in[PAL_ATTENTION_Q_POSITION], q.begin, q.length, &head->q_first);
    head->k_position =
        positions(run->in[PAL_ATTENTION_K_POSITION], k.begin, k.length, &head->k_first);
  }
  if (head->visible) {
    head->q_kind = ints(run, PAL_ATTENTION_Q_KIND) + q.begin;
    head->q_block = ints(run, PAL_ATTENTION_Q_BLOCK) + q.begin;
    head->k_kind = ints(run, PAL_ATTENTION_K_KIND) + k.begin;
    head->k_block = ints(run, PAL_ATTENTION_K_BLOCK) + k.begin;
  }
  if (!head->relations) return;
  head->bias = (const float *)run->in[PAL_ATTENTION_BIAS] + h * head->relations;
  if (head->table) return;
  head->q_group = ints(run, PAL_ATTENTION_Q_GROUP) + q.begin * head->groups;
  head->k_group = ints(run, PAL_ATTENTION_K_GROUP) + k.begin * head->groups;
}

void pal_attention_prefetch_rows(pal_attention_prefetch *prefetch, const float *at, int64_t stride,
                                 int64_t rows, int64_t width) {
  if (rows <= PAL_PREFETCH_ROWS ||
      prefetch->n == sizeof prefetch->stream / sizeof *prefetch->stream)
    return;
  prefetch->stream[prefetch->n].at = at;
  prefetch->stream[prefetch->n].stride = stride;
  prefetch->stream[prefetch->n].rows = rows;
  prefetch->stream[prefetch->n++].width = width;
}

void pal_attention_prefetch_keys(pal_attention_prefetch *prefetch, const pal_attention_head *head) {
  if (head->single_query) { /* it prefetches its values itself, and further tiles of keys */
    const int64_t tile = head->keys < PAL_KEY_TILE ? head->keys : PAL_KEY_TILE;
    pal_attention_prefetch_rows(prefetch, head->k, head->k_stride, tile, head->queries * head->d);
    return;
  }
  pal_attention_prefetch_rows(prefetch, head->k, head->k_stride, head->keys, head->d);
  pal_attention_prefetch_rows(prefetch, head->v, head->v_stride, head->keys, head->dv);
}
