/* SPDX-License-Identifier: Apache-2.0 */
/* Variables of a store in safetensors files: what pal_store_save and pal_store_load share with weights
 * and checkpoints (floor 1).
 *
 * Invariant: a file is checked against the store as a whole before the first number is taken from it,
 * so that a refused file changes nothing. */
#ifndef PAL_GRAPH_STORE_FILE_H
#define PAL_GRAPH_STORE_FILE_H

#include <palimpsest/store.h>

#include "graph/text.h"
#include "src/safetensors.h"

/* Describes the variables that pass the filter, in order of creation, and returns how many. `tensor`
 * has room for pal_store_count. */
size_t pal_store_list(const pal_store *store, const pal_store_filter *filter, pal_tensor *tensor);
/* Writes tensors with metadata: n_pairs pairs, then n texts "key=value". */
pal_status pal_store_write(const char *path, const pal_tensor *tensor, size_t n_tensors,
                           const pal_metadata *pair, size_t n_pairs, const char *const *metadata,
                           int n, pal_error *error);
/* pal_store_check; `what` stands in the message for what the file holds. */
pal_status pal_store_check_as(const char *path, const char *what, const char *const *metadata,
                              int n, pal_error *error);

/* How a file is compared with a store. */
typedef struct pal_store_reading {
  const char *path;
  const pal_store_filter *filter;
  const char *whose;    /* for messages: whom the file does not fit */
  const char *stranger; /* for messages: what a tensor without a variable is */
  const char *apart;    /* a tensor of the file that is no variable's; NULL: there is none */
  pal_text differences; /* one a line; the caller may have put some in. Freed by pal_store_admit */
} pal_store_reading;
/* Whether the file may be taken: with `strict` no difference passes (PAL_E_FORMAT); otherwise they go to
 * *skipped, as pal_store_load says. A number that is infinite or none never passes. */
pal_status pal_store_admit(const pal_store *store, const pal_safetensors *file,
                           pal_store_reading *reading, bool strict, char **skipped,
                           pal_error *error);
/* The file's tensor of the variable's name and type, or NULL. */
const pal_tensor *pal_store_match(const pal_safetensors *file, const pal_variable *variable);
/* Gives every variable that passes the filter the contents of its match, if there is one. */
void pal_store_take(const pal_store *store, const pal_safetensors *file,
                    const pal_store_filter *filter);
#endif
