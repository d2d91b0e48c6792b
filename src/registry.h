/* SPDX-License-Identifier: Apache-2.0 */
/* The registry: definitions by kind and name (floor 0). Every context owns one, see
 * graph/context.c. */
#ifndef PAL_SRC_REGISTRY_H
#define PAL_SRC_REGISTRY_H

#include <palimpsest/status.h>

typedef struct pal_registry_entry {
  char *kind, *name;
  const void *definition;
} pal_registry_entry;

typedef struct pal_registry {
  pal_registry_entry *entry; /* in order of definition */
  size_t n, room;
} pal_registry;

pal_status pal_registry_add(pal_registry *registry, const char *kind, const char *name,
                            const void *definition, pal_error *error);
/* Forgets all but the first n definitions. */
void pal_registry_cut(pal_registry *registry, size_t n);
const void *pal_registry_find(const pal_registry *registry, const char *kind, const char *name);
void pal_registry_free(pal_registry *registry);
#endif
