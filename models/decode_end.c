/* SPDX-License-Identifier: Apache-2.0 */
/* Ending a sequence from the host between two steps (floor 4): what the end of a step does for
 * sequences that finish (decode_graph.c), for one that the caller has enough of. */
#include <string.h>

#include "models/decode.h"

/* Removes n elements at `at` from the `all` elements of an input. */
static void cut(const pal_decoder *d, const char *name, int64_t at, int64_t n, int64_t all) {
  int32_t *cell = pal_exec_input(d->exec, name);
  memmove(cell + at, cell + at + n, sizeof *cell * (size_t)(all - at - n));
}

pal_status pal_decode_end_sequence(pal_decoder *d, int64_t i, pal_error *error) {
  const int64_t T = pal_exec_count_of(d->exec, "T"), S = pal_exec_count_of(d->exec, "S");
  int32_t value[PAL_STATES];
  for (int k = 0; k < PAL_STATES; k++)
    value[k] = ((const int32_t *)pal_exec_input(d->exec, pal_decode_state[k]))[i];
  const int64_t begin = value[PAL_BEGIN], n = value[PAL_LENGTH];
  int32_t *result =
      (int32_t *)pal_variable_data(d->result) + value[PAL_SLOT] * (int64_t)d->max_length;
  if (!d->cached)
    memcpy(result, (const int32_t *)pal_exec_input(d->exec, "token") + begin,
           sizeof *result * (size_t)n);
  int32_t *info = (int32_t *)pal_variable_data(d->info) + value[PAL_SLOT] * PAL_INFO;
  info[PAL_INFO_LENGTH] = d->cached ? value[PAL_AGE] : (int32_t)n;
  info[PAL_INFO_PASSES] = value[PAL_AGE];
  info[PAL_INFO_HALTED] = 0;
  info[PAL_INFO_CURSOR] = value[PAL_CURSOR];
  cut(d, "token", begin, n, T);
  for (int k = 0; k < PAL_STATES; k++) cut(d, pal_decode_state[k], i, 1, S);
  const pal_model_definition *definition = pal_model_definition_of(d->model);
  for (int k = 0; k < definition->n_states; k++) {
    const bool one = definition->state[k].per_sequence;
    cut(d, definition->state[k].name, one ? i : begin, one ? 1 : n, one ? S : T);
  }
  int32_t *first = pal_exec_input(d->exec, pal_decode_state[PAL_BEGIN]);
  for (int64_t k = i; k < S - 1; k++) first[k] -= (int32_t)n;
  const pal_status status = pal_exec_count(d->exec, "T", T - n, error);
  return status ? status : pal_exec_count(d->exec, "S", S - 1, error);
}
