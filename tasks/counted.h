/* SPDX-License-Identifier: Apache-2.0 */
/* Streams whose examples are a function of what they are made of and a number (floor 5). */
#ifndef PAL_TASKS_COUNTED_H
#define PAL_TASKS_COUNTED_H

#include <palimpsest/model.h>

typedef struct pal_counted {
  uint64_t next; /* number of the next example */
  uint64_t of;   /* digest of what examples are made of */
} pal_counted;

/* See pal_stream. PAL_E_FORMAT for what is no such state, else as pal_other_data. */
size_t pal_counted_save(const pal_counted *counted, void *state, size_t room);
pal_status pal_counted_load(pal_counted *counted, const char *task, const void *state, size_t bytes,
                            pal_error *error);
/* PAL_E_ARGUMENT: a run cannot go on with other training data than it began with. */
pal_status pal_other_data(const char *task, pal_error *error);
#endif
