/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by pal_define_op, pal_define_optimizer, pal_define_model and pal_define_task (floor 1). */
#ifndef PAL_GRAPH_DEFINE_H
#define PAL_GRAPH_DEFINE_H

#include <palimpsest/op.h>

/* The first members of every kind of definition, for example of pal_op. */
typedef struct pal_definition {
  uint32_t abi_size; /* sizeof the whole struct according to the headers it was compiled with */
  const char *name;
} pal_definition;

/* Refuses a definition that is NULL or has no name (PAL_E_ARGUMENT), or whose abi_size is not
 * `size` because it was built against other headers (PAL_E_ABI). `kind` is "op", "optimizer",
 * "model" or "task". */
pal_status pal_definition_check(const char *kind, const void *definition, size_t size,
                                pal_error *error);
/* Registers a checked definition under its name; PAL_E_DUPLICATE when the name is in use. */
pal_status pal_definition_add(pal_context *context, const char *kind, const void *definition,
                              pal_error *error);
#endif
