/* SPDX-License-Identifier: Apache-2.0 */
/* Saving and loading variables of a store as safetensors files, for pal_store_save, pal_store_load,
 * weights and checkpoints (floor 1).
 *
 * Invariant: the whole file is checked against the store before the first tensor is copied, so a
 * refused file changes nothing. */
#ifndef PAL_GRAPH_STORE_FILE_H
#define PAL_GRAPH_STORE_FILE_H

#include <palimpsest/store.h>

#include "graph/text.h"
#include "src/safetensors.h"

/* Describes the selected variables in `tensor`, which has room for pal_store_count, in order of
 * creation; returns how many. */
size_t pal_store_list(const pal_store *store, const pal_store_filter *filter, pal_tensor *tensor);
/* Writes tensors and metadata: n_pairs pairs and n texts "key=value". */
pal_status pal_store_write(const char *path, const pal_tensor *tensor, size_t n_tensors,
                           const pal_metadata *pair, size_t n_pairs, const char *const *metadata,
                           int n, pal_error *error);
/* pal_store_check; `what` says in the error message what the file holds, for example "weights". */
pal_status pal_store_check_as(const char *path, const char *what, const char *const *metadata,
                              int n, pal_error *error);

/* How a file is compared with a store. */
typedef struct pal_store_reading {
  const char *path;
  const pal_store_filter *filter;
  const char *whose;    /* error messages: "<path> does not fit <whose>" */
  const char *stranger; /* error messages: "<tensor> is <stranger>", for one without a variable */
  const char *apart;    /* a tensor that belongs to no variable and is not compared; or NULL */
  /* One per line; the caller may have added some. pal_store_check_file frees it. */
  pal_text differences;
} pal_store_reading;
/* Checks a file against the store. With `strict` any difference is PAL_E_FORMAT; otherwise
 * differences are listed in *skipped, as by pal_store_load. An infinite number or a NaN is always
 * PAL_E_FORMAT. */
pal_status pal_store_check_file(const pal_store *store, const pal_safetensors *file,
                                pal_store_reading *reading, bool strict, char **skipped,
                                pal_error *error);
/* The file's tensor of the variable's name and type, or NULL. */
const pal_tensor *pal_store_match(const pal_safetensors *file, const pal_variable *variable);
/* Copies into every selected variable the contents of its match in the file, if there is one. */
void pal_store_copy_from(const pal_store *store, const pal_safetensors *file,
                         const pal_store_filter *filter);
#endif
