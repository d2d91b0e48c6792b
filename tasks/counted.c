/* SPDX-License-Identifier: Apache-2.0 */
/* See counted.h (floor 5). */
#include "tasks/counted.h"

#include <string.h>

size_t pal_counted_save(const pal_counted *counted, void *state, size_t room) {
  if (room >= sizeof *counted) memcpy(state, counted, sizeof *counted);
  return sizeof *counted;
}

pal_status pal_counted_load(pal_counted *counted, const char *task, const void *state, size_t bytes,
                            pal_error *error) {
  pal_counted then;
  if (bytes != sizeof then)
    return pal_fail(error, PAL_E_FORMAT, "the state of a %s stream has %zu bytes, not %zu", task,
                    bytes, sizeof then);
  memcpy(&then, state, sizeof then);
  if (then.of != counted->of) return pal_other_data(task, error);
  counted->next = then.next;
  return PAL_OK;
}

pal_status pal_other_data(const char *task, pal_error *error) {
  return pal_fail(
      error, PAL_E_ARGUMENT,
      "%s: this is not the training data, or not the form of it, that the run began with; go on "
      "with its own settings and files, or begin another run",
      task);
}
