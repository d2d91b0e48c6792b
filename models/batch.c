/* SPDX-License-Identifier: Apache-2.0 */
/* Packed training rows in host arrays (floor 4). See pal_batch in model.h for their layout. */
#define PAL_NO_CALLER
#include <string.h>

#include "models/models.h"

pal_batch_values pal_batch_inputs(pal_graph *graph, const pal_model_definition *definition,
                                  int64_t rows, int64_t sequences, bool training) {
  pal_batch_values v = {.T = pal_symbol_new(graph, "T", rows),
                        .S = pal_symbol_new(graph, "S", sequences),
                        .training = training};
  const pal_type row = PAL_TYPE(PAL_I32, v.T, 1), sequence = PAL_TYPE(PAL_I32, v.S, 1);
  v.token = pal_input(graph, "token", row);
  v.position = pal_input(graph, "position", row);
  v.sequence = pal_input(graph, "sequence", row);
  v.sample = pal_input(graph, "sample", row);
  v.begin = pal_input(graph, "begin", sequence);
  v.length = pal_input(graph, "length", sequence);
  for (int i = 0; i < definition->n_columns; i++) {
    const pal_column *c = &definition->column[i];
    v.column[i] = pal_input(graph, c->name, PAL_TYPE(c->dtype, c->per_sequence ? v.S : v.T, 1));
    if (strcmp(c->name, "time") == 0) v.time = v.column[i];
  }
  v.seed = pal_input(graph, "seed", PAL_TYPE(PAL_I32, PAL_STATIC, 3));
  v.scale = pal_input(graph, "scale", PAL_TYPE(PAL_F32, PAL_STATIC, definition->n_parts));
  return v;
}

pal_batch pal_batch_of(pal_exec *exec, const pal_model_definition *definition) {
  pal_batch b = {.row_room = pal_exec_count_of(exec, "T"),
                 .sequence_room = pal_exec_count_of(exec, "S"),
                 .token = pal_exec_input(exec, "token"),
                 .position = pal_exec_input(exec, "position"),
                 .sequence = pal_exec_input(exec, "sequence"),
                 .sample = pal_exec_input(exec, "sample"),
                 .begin = pal_exec_input(exec, "begin"),
                 .length = pal_exec_input(exec, "length"),
                 .declared = definition->column,
                 .columns = definition->n_columns};
  for (int i = 0; i < b.columns; i++)
    b.column[i] = pal_exec_input(exec, definition->column[i].name);
  return b;
}

size_t pal_batch_bytes(const pal_model_definition *definition, int64_t rows, int64_t sequences) {
  int64_t cells = 4 * rows + 2 * sequences;
  for (int i = 0; i < definition->n_columns; i++)
    cells += definition->column[i].per_sequence ? sequences : rows;
  return sizeof(int32_t) * (size_t)cells;
}

pal_batch pal_batch_within(void *block, const pal_model_definition *definition, int64_t rows,
                           int64_t sequences) {
  int32_t *at = block;
  pal_batch b = {.row_room = rows,
                 .sequence_room = sequences,
                 .token = at,
                 .position = at + rows,
                 .sequence = at + 2 * rows,
                 .sample = at + 3 * rows,
                 .begin = at + 4 * rows,
                 .length = at + 4 * rows + sequences,
                 .declared = definition->column,
                 .columns = definition->n_columns};
  at = b.length + sequences;
  for (int i = 0; i < b.columns; i++) {
    b.column[i] = at;
    at += b.declared[i].per_sequence ? sequences : rows;
  }
  return b;
}

void pal_batch_copy(const pal_batch *from, pal_batch *to) {
  const size_t rows = 4 * (size_t)from->rows, sequences = 4 * (size_t)from->sequences;
  memcpy(to->token, from->token, rows);
  memcpy(to->position, from->position, rows);
  memcpy(to->sequence, from->sequence, rows);
  memcpy(to->sample, from->sample, rows);
  memcpy(to->begin, from->begin, sequences);
  memcpy(to->length, from->length, sequences);
  for (int i = 0; i < from->columns; i++)
    memcpy(to->column[i], from->column[i], from->declared[i].per_sequence ? sequences : rows);
  to->rows = from->rows;
  to->sequences = from->sequences;
  memcpy(to->count, from->count, sizeof to->count);
}

void pal_column_fill(const pal_column *declared, void *column, int64_t first, int64_t n) {
  if (declared->dtype == PAL_F32) {
    float *to = (float *)column + first;
    for (int64_t i = 0; i < n; i++) to[i] = (float)declared->fill;
  } else {
    int32_t *to = (int32_t *)column + first;
    for (int64_t i = 0; i < n; i++) to[i] = declared->fill;
  }
}

void pal_batch_clear(pal_batch *batch) {
  batch->rows = batch->sequences = 0;
  memset(batch->count, 0, sizeof batch->count);
}

int64_t pal_batch_add(pal_batch *b, const int32_t *token, int n, uint64_t sample,
                      pal_error *error) {
  if (n < 0) {
    pal_fail(error, PAL_E_ARGUMENT, "a sequence of a batch cannot have %d rows", n);
    return -1;
  }
  if (b->sequences == b->sequence_room || n > b->row_room - b->rows) {
    if (error && !error->code) error->needed = b->rows + n;
    pal_fail(error, PAL_E_CAPACITY,
             "a sequence of %d rows does not fit a batch that has room for %lld of %lld rows and "
             "%lld of %lld sequences",
             n, (long long)(b->row_room - b->rows), (long long)b->row_room,
             (long long)(b->sequence_room - b->sequences), (long long)b->sequence_room);
    return -1;
  }
  const int64_t first = b->rows, s = b->sequences++;
  b->rows += n;
  b->begin[s] = (int32_t)first;
  b->length[s] = n;
  for (int i = 0; i < n; i++) {
    const int64_t row = first + i;
    b->token[row] = token ? token[i] : 0;
    b->position[row] = i;
    b->sequence[row] = (int32_t)s;
    b->sample[row] = pal_sample_of(sample);
  }
  for (int i = 0; i < b->columns; i++) {
    const bool one = b->declared[i].per_sequence;
    pal_column_fill(&b->declared[i], b->column[i], one ? s : first, one ? 1 : n);
  }
  return first;
}
