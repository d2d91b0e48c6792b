/* SPDX-License-Identifier: Apache-2.0 */
/* Packed training rows: host arrays that are a plan's input buffers (floor 4). */
#include <string.h>

#include "models/models.h"

pal_batch_values pal_batch_inputs(pal_graph *graph, int64_t rows, int64_t sequences,
                                  bool training) {
  pal_batch_values v = {.T = pal_symbol_new(graph, "T", rows),
                        .S = pal_symbol_new(graph, "S", sequences),
                        .training = training};
  const pal_type i32 = PAL_TYPE(PAL_I32, v.T, 1), f32 = PAL_TYPE(PAL_F32, v.T, 1);
  v.token = pal_input(graph, "token", i32);
  v.position = pal_input(graph, "position", i32);
  v.sequence = pal_input(graph, "sequence", i32);
  v.sample = pal_input(graph, "sample", i32);
  v.target = pal_input(graph, "target", i32);
  v.weight = pal_input(graph, "weight", f32);
  v.remask = pal_input(graph, "remask", f32);
  v.insert = pal_input(graph, "insert", f32);
  v.remove = pal_input(graph, "remove", f32);
  v.edit_weight = pal_input(graph, "edit_weight", f32);
  v.begin = pal_input(graph, "begin", PAL_TYPE(PAL_I32, v.S, 1));
  v.length = pal_input(graph, "length", PAL_TYPE(PAL_I32, v.S, 1));
  v.time = pal_input(graph, "time", PAL_TYPE(PAL_F32, v.S, 1));
  v.seed = pal_input(graph, "seed", PAL_TYPE(PAL_I32, PAL_STATIC, 3));
  v.scale = pal_input(graph, "scale", PAL_TYPE(PAL_F32, PAL_STATIC, PAL_MAX_PARTS));
  return v;
}

pal_batch pal_batch_of(pal_exec *exec) {
  return (pal_batch){.row_room = pal_exec_count_of(exec, "T"),
                     .sequence_room = pal_exec_count_of(exec, "S"),
                     .token = pal_exec_input(exec, "token"),
                     .position = pal_exec_input(exec, "position"),
                     .sequence = pal_exec_input(exec, "sequence"),
                     .sample = pal_exec_input(exec, "sample"),
                     .target = pal_exec_input(exec, "target"),
                     .weight = pal_exec_input(exec, "weight"),
                     .remask = pal_exec_input(exec, "remask"),
                     .insert = pal_exec_input(exec, "insert"),
                     .remove = pal_exec_input(exec, "remove"),
                     .edit_weight = pal_exec_input(exec, "edit_weight"),
                     .begin = pal_exec_input(exec, "begin"),
                     .length = pal_exec_input(exec, "length"),
                     .time = pal_exec_input(exec, "time")};
}

void pal_batch_clear(pal_batch *batch) {
  batch->rows = batch->sequences = 0;
  memset(batch->count, 0, sizeof batch->count);
}

int64_t pal_batch_add(pal_batch *b, const int32_t *token, int n, uint64_t sample,
                      pal_error *error) {
  if (n < 0 || b->sequences == b->sequence_room || n > b->row_room - b->rows) {
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
  b->time[s] = 0;
  for (int i = 0; i < n; i++) {
    const int64_t row = first + i;
    b->token[row] = token ? token[i] : 0;
    b->position[row] = i;
    b->sequence[row] = (int32_t)s;
    b->sample[row] = pal_sample_of(sample);
    b->target[row] = -1;
    b->weight[row] = b->remask[row] = b->insert[row] = b->remove[row] = b->edit_weight[row] = 0;
  }
  return first;
}
