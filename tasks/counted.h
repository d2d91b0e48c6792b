/* SPDX-License-Identifier: Apache-2.0 */
/* Streams whose example is a function of its number and of the data and settings (floor 5). Their
 * whole state is the number of the next example. */
#ifndef PAL_TASKS_COUNTED_H
#define PAL_TASKS_COUNTED_H

#include <palimpsest/model.h>

typedef struct pal_counted {
  uint64_t next; /* number of the next example */
  uint64_t of;   /* hash of the data and settings from which examples are made */
} pal_counted;

/* `save` and `load` of a pal_stream. Loading fails with PAL_E_FORMAT if `state` has another size,
 * and as pal_other_data does if the hash differs. */
size_t pal_counted_save(const pal_counted *counted, void *state, size_t room);
pal_status pal_counted_load(pal_counted *counted, const char *task, const void *state, size_t bytes,
                            pal_error *error);
/* Returns PAL_E_ARGUMENT with a message: a run cannot be resumed with other training data. */
pal_status pal_other_data(const char *task, pal_error *error);
#endif
