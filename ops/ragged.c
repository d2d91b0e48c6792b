/* SPDX-License-Identifier: Apache-2.0 */
/* ragged_index and compact, and what the ops that change lengths share (floor 2).
 *
 * Both ops read begin and length only. Gaps between sequences and sequences in any order are
 * allowed. ragged_index refuses sequences that overlap, since a row would belong to two. */
#define PAL_NO_CALLER
#include "ops/ragged.h"

#include <stdio.h>
#include <string.h>

#include "graph/internal.h"

/* ---- shared helpers ------------------------------------------------------------------ */

int64_t pal_capacity_of(const pal_graph *graph, pal_value value) {
  const pal_type type = pal_type_of(graph, value);
  return pal_type_rows(&type, pal_symbol_capacity(graph, type.symbol));
}

static bool symbol_exists(const pal_graph *graph, const char *name) {
  for (size_t i = 1; i < graph->symbol.n; i++)
    if (strcmp(graph->symbol.at[i].name, name) == 0) return true;
  return false;
}

pal_symbol pal_symbol_fresh(pal_graph *graph, const char *name, int64_t capacity) {
  const char *path = pal_path(graph, name);
  char numbered[64];
  for (unsigned i = 2; symbol_exists(graph, path); i++) {
    snprintf(numbered, sizeof numbered, "%s.%u", name, i);
    path = pal_path(graph, numbered);
  }
  return pal_symbol_new(graph, path, capacity);
}

pal_status pal_want_vectors(const pal_infer *call, int i, int j, const char *what) {
  for (int k = i; k <= j; k++) {
    pal_status status;
    if ((status = pal_want_dtype(call, k, PAL_I32, what)) ||
        (status = pal_want_rank(call, k, 1, what)) || (status = pal_want_rows(call, i, k, what)))
      return status;
  }
  return PAL_OK;
}

pal_status pal_check_sequence(pal_error *error, int64_t s, int64_t begin, int64_t length,
                              int64_t rows) {
  if (begin >= 0 && length >= 0 && begin + length <= rows) return PAL_OK;
  return pal_fail(error, PAL_E_ARGUMENT,
                  "sequence %lld: begin %lld and length %lld do not lie within %lld active rows",
                  (long long)s, (long long)begin, (long long)length, (long long)rows);
}

/* ---- ragged_index -------------------------------------------------------------------- */

enum { INDEX_BEGIN, INDEX_LENGTH, INDEX_LIKE };

static pal_status index_infer(pal_infer *call) {
  const pal_status status = pal_want_vectors(call, INDEX_BEGIN, INDEX_LENGTH, "begin and length");
  if (status) return status;
  const pal_type *like = &call->in_type[INDEX_LIKE];
  if (like->rank < 1) return pal_fail(call->error, PAL_E_SHAPE, "rows_like must have rows");
  call->n_out = 2;
  call->out_type[0] = call->out_type[1] = PAL_TYPE(PAL_I32, like->symbol, like->dim[0]);
  return PAL_OK;
}

/* At least one task, so that begins and lengths are checked even if there are no rows. */
static int64_t index_tasks(const pal_run *run) {
  return pal_most(1, pal_blocks(run->out_rows[0], PAL_ROW_CHUNK));
}

/* A task is a chunk of rows. It goes through all sequences, so no row is written by two tasks, and
 * every overlap is found. */
static pal_status index_chunk(const pal_run *run, int64_t first, int64_t last) {
  const int32_t *begin = run->in[INDEX_BEGIN], *length = run->in[INDEX_LENGTH];
  int32_t *sequence = run->out[0], *position = run->out[1];
  for (int64_t i = first; i < last; i++) sequence[i] = position[i] = -1;
  for (int64_t s = 0; s < run->in_rows[INDEX_BEGIN]; s++) {
    const pal_status status =
        pal_check_sequence(run->error, s, begin[s], length[s], run->out_rows[0]);
    if (status) return status;
    const int64_t end = pal_least((int64_t)begin[s] + length[s], last);
    for (int64_t i = pal_most(begin[s], first); i < end; i++) {
      if (sequence[i] != -1)
        return pal_fail(run->error, PAL_E_ARGUMENT,
                        "ragged_index: sequences %d and %lld overlap at row %lld", sequence[i],
                        (long long)s, (long long)i);
      sequence[i] = (int32_t)s;
      position[i] = (int32_t)(i - begin[s]);
    }
  }
  return PAL_OK;
}

static pal_status index_run(const pal_run *run) {
  for (int64_t task = run->begin; task < run->end; task++) {
    const int64_t first = task * PAL_ROW_CHUNK;
    const pal_status status =
        index_chunk(run, first, pal_least(first + PAL_ROW_CHUNK, run->out_rows[0]));
    if (status) return status;
  }
  return PAL_OK;
}

static pal_status index_reference(const pal_reference *call) {
  const pal_status status = pal_reference_sequences(call, INDEX_BEGIN, call->out_rows[0], false);
  if (status) return status;
  for (int64_t i = 0; i < call->out_rows[0]; i++) {
    call->out[0][i] = call->out[1][i] = -1;
    for (int64_t s = 0; s < call->in_rows[INDEX_BEGIN]; s++) {
      const double at = (double)i - call->in[INDEX_BEGIN][s];
      if (at < 0 || at >= call->in[INDEX_LENGTH][s]) continue;
      if (call->out[0][i] >= 0)
        return pal_fail(call->error, PAL_E_ARGUMENT, "sequences overlap at row %lld", (long long)i);
      call->out[0][i] = (double)s;
      call->out[1][i] = at;
    }
  }
  return PAL_OK;
}

static pal_value index_sample(pal_case *random) {
  pal_value begin, length;
  pal_case_ragged(random, &begin, &length, NULL, NULL);
  const pal_type rows = PAL_TYPE(PAL_U8, pal_case_rows(random), 1);
  const pal_value like = pal_case_whole(random, rows, 0, 1);
  return pal_ragged_index(pal_case_graph(random), begin, length, like).sequence;
}

static const pal_op index_op = {
    PAL_OP_HEAD("ragged_index",
                "begin, length i32 [S], rows_like [T, ...] (only its number of rows is used) ->\n"
                "sequence, position i32 [T]: in row begin[s] + p of sequence s they are s and p;\n"
                "-1 in rows of no sequence. Sequences outside the active rows, or that overlap:\n"
                "PAL_E_ARGUMENT. There is no gradient, since the results are integers."),
    .min_in = 3,
    .max_in = 3,
    .flags = PAL_OP_NO_GRADIENT,
    .infer = index_infer,
    .reference = index_reference,
    .phase = {{.run = index_run, .tasks = index_tasks}},
    .sample = index_sample,
};

pal_ragged pal_ragged_index(pal_graph *g, pal_value begin, pal_value length, pal_value rows_like) {
  const pal_value in[] = {begin, length, rows_like};
  pal_value out[PAL_MAX_OUTPUTS];
  pal_apply(g, index_op.name, in, 3, NULL, out);
  return (pal_ragged){out[0], out[1]};
}

/* ---- compact ------------------------------------------------------------------------- */

typedef struct compact_attrs {
  int64_t capacity;         /* of the symbol `binds` */
  pal_symbol binds, binds2; /* the new symbols of rows and of sequences, bound at run time */
} compact_attrs;

static const pal_attr_field compact_fields[] = {
    PAL_FIELD(compact_attrs, capacity, PAL_ATTR_INT),
    PAL_FIELD(compact_attrs, binds, PAL_ATTR_SYMBOL),
    PAL_FIELD(compact_attrs, binds2, PAL_ATTR_SYMBOL),
};

enum { KEEP, BEGIN, LENGTH, LIKE };
enum { ROW_SOURCE, SEQUENCE_SOURCE, NEW_BEGIN, NEW_LENGTH, N_OUT };

static pal_status compact_infer(pal_infer *call) {
  const compact_attrs *a = call->attrs;
  const pal_status status = pal_want_vectors(call, KEEP, LENGTH, "keep, begin and length");
  if (status) return status;
  if (call->in_type[LIKE].rank < 1)
    return pal_fail(call->error, PAL_E_SHAPE, "rows_like must have rows");
  if (!a->binds.id || !a->binds2.id || a->capacity < 0)
    return pal_fail(call->error, PAL_E_ARGUMENT, "compact needs two symbols to bind");
  call->n_out = N_OUT;
  call->out_type[ROW_SOURCE] = PAL_TYPE(PAL_I32, a->binds, 1);
  for (int i = SEQUENCE_SOURCE; i < N_OUT; i++) call->out_type[i] = PAL_TYPE(PAL_I32, a->binds2, 1);
  return PAL_OK;
}

static int64_t one(const pal_run *run) {
  (void)run;
  return 1;
}

static int64_t compact_tasks(const pal_run *run) {
  return pal_blocks(run->in_rows[KEEP], PAL_SEQUENCE_BLOCK);
}

/* Scratch: int32 [S, 2], the old index and the new begin of each kept sequence, from the first
 * phase for the second. The first phase cannot write the outputs, since their number has not been
 * compared with the capacity of their symbol yet. */
static size_t compact_scratch(const pal_run *run) {
  return 2 * sizeof(int32_t) * (size_t)run->in_rows[KEEP];
}

static pal_status compact_counts(const pal_run *run) {
  const compact_attrs *a = run->attrs;
  const int32_t *keep = run->in[KEEP], *begin = run->in[BEGIN], *length = run->in[LENGTH];
  int32_t *source = run->scratch;
  int64_t rows = 0, kept = 0;
  for (int64_t s = 0; s < run->in_rows[KEEP]; s++) {
    const pal_status status =
        pal_check_sequence(run->error, s, begin[s], length[s], run->in_rows[LIKE]);
    if (status) return status;
    if (!keep[s]) continue;
    source[2 * kept] = (int32_t)s;
    source[2 * kept++ + 1] = (int32_t)rows;
    rows += length[s];
  }
  if (rows > a->capacity) { /* possible only if sequences overlap */
    if (!run->error->code) run->error->needed = rows;
    return pal_fail(run->error, PAL_E_CAPACITY,
                    "compact: the kept sequences have %lld rows, the capacity is %lld",
                    (long long)rows, (long long)a->capacity);
  }
  run->bound[0] = rows;
  run->bound[1] = kept;
  return PAL_OK;
}

static pal_status compact_write(const pal_run *run) {
  const int32_t *begin = run->in[BEGIN], *length = run->in[LENGTH], *source = run->scratch;
  int32_t *row = run->out[ROW_SOURCE], *old = run->out[SEQUENCE_SOURCE];
  int32_t *new_begin = run->out[NEW_BEGIN], *new_length = run->out[NEW_LENGTH];
  const int64_t end = pal_least(run->end * PAL_SEQUENCE_BLOCK, run->out_rows[SEQUENCE_SOURCE]);
  for (int64_t j = run->begin * PAL_SEQUENCE_BLOCK; j < end; j++) {
    const int32_t s = source[2 * j], to = source[2 * j + 1];
    old[j] = s;
    new_begin[j] = to;
    new_length[j] = length[s];
    for (int32_t i = 0; i < length[s]; i++) row[to + i] = begin[s] + i;
  }
  return PAL_OK;
}

static pal_status compact_reference(const pal_reference *call) {
  const compact_attrs *a = call->attrs;
  const int64_t room = pal_least(a->capacity, call->out_rows[ROW_SOURCE]);
  int64_t rows = 0, kept = 0;
  const pal_status status = pal_reference_sequences(call, BEGIN, call->in_rows[LIKE], false);
  if (status) return status;
  for (int64_t s = 0; s < call->in_rows[KEEP]; s++) {
    if (call->in[KEEP][s] == 0) continue;
    if (kept == call->out_rows[SEQUENCE_SOURCE] || rows + (int64_t)call->in[LENGTH][s] > room)
      return pal_fail(call->error, PAL_E_CAPACITY,
                      "the kept sequences or their rows are more than the capacity");
    call->out[SEQUENCE_SOURCE][kept] = (double)s;
    call->out[NEW_BEGIN][kept] = (double)rows;
    call->out[NEW_LENGTH][kept++] = call->in[LENGTH][s];
    for (double i = 0; i < call->in[LENGTH][s]; i++)
      call->out[ROW_SOURCE][rows++] = call->in[BEGIN][s] + i;
  }
  call->bound[0] = rows;
  call->bound[1] = kept;
  return PAL_OK;
}

static pal_value compact_sample(pal_case *random) {
  pal_value begin, length;
  pal_case_ragged(random, &begin, &length, NULL, NULL);
  const pal_value keep =
      pal_case_whole(random, PAL_TYPE(PAL_I32, pal_case_sequences(random), 1), 0, 1);
  const pal_value like = pal_case_whole(random, PAL_TYPE(PAL_I32, pal_case_rows(random), 1), 0, 1);
  return pal_compact(pal_case_graph(random), keep, begin, length, like).row_source;
}

static const pal_op compact_op = {
    PAL_OP_HEAD("compact",
                "keep, begin, length i32 [S], rows_like [T, ...] (only its number of rows is\n"
                "used) -> row_source i32 [T'], sequence_source, begin, length i32 [S']. Sequences\n"
                "with keep = 0 are dropped, the others are packed in order: row_source is the old\n"
                "row of each new row, sequence_source the old index of each kept sequence; move\n"
                "data along with gather_rows. T' and S' are new symbols, bound at run time. A\n"
                "sequence outside the active rows: PAL_E_ARGUMENT. There is no gradient, since\n"
                "the results are integers."),
    .min_in = 4,
    .max_in = 4,
    .flags = PAL_OP_NO_GRADIENT | PAL_OP_BINDS,
    .fields = compact_fields,
    .n_fields = sizeof compact_fields / sizeof *compact_fields,
    .attrs_size = sizeof(compact_attrs),
    .infer = compact_infer,
    .reference = compact_reference,
    .phase = {{.run = compact_counts, .tasks = one},
              {.run = compact_write, .tasks = compact_tasks}},
    .scratch = compact_scratch,
    .sample = compact_sample,
};

pal_compacted pal_compact(pal_graph *g, pal_value keep, pal_value begin, pal_value length,
                          pal_value rows_like) {
  const pal_value in[] = {keep, begin, length, rows_like};
  pal_value out[PAL_MAX_OUTPUTS];
  const int64_t capacity = pal_capacity_of(g, rows_like);
  compact_attrs attrs = {capacity, pal_symbol_fresh(g, "compact.rows", capacity), {0}};
  attrs.binds2 = pal_symbol_fresh(g, "compact.sequences", pal_capacity_of(g, begin));
  pal_apply(g, compact_op.name, in, 4, &attrs, out);
  return (pal_compacted){out[ROW_SOURCE], out[SEQUENCE_SOURCE], out[NEW_BEGIN],
                         out[NEW_LENGTH], attrs.binds,          attrs.binds2};
}

const pal_op *const pal_ops_ragged[] = {&index_op, &compact_op, NULL};
