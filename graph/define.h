/* SPDX-License-Identifier: Apache-2.0 */
/* What the typed definition calls share (floor 1): pal_define_op, _optimizer, _model, _task. */
#ifndef PAL_GRAPH_DEFINE_H
#define PAL_GRAPH_DEFINE_H

#include <palimpsest/op.h>

/* The members with which the struct of every kind of definition begins. */
typedef struct pal_definition {
  uint32_t abi_size; /* sizeof of the whole struct, as the caller's headers have it */
  const char *name;
} pal_definition;

/* Refuses a definition that is NULL, was built against other headers (its struct has another size than
 * `size`), or has no name. `kind` is "op", "optimizer", "model" or "task". */
pal_status pal_definition_check(const char *kind, const void *definition, size_t size,
                                pal_error *error);
/* Enters a definition that has passed its checks under its name; PAL_E_DUPLICATE when that is taken. */
pal_status pal_definition_add(pal_context *context, const char *kind, const void *definition,
                              pal_error *error);
#endif
