/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of definitions (floor 0). It has a few hundred entries at most and is used while
 * graphs are built, never while they run, so linear search is fast enough. */
#include "src/registry.h"

#include <stdbool.h>
#include <string.h>

#include "src/alloc.h"

static bool room_for_one(pal_registry *registry) {
  if (registry->n < registry->room) return true;
  const size_t size = sizeof *registry->entry, room = registry->room ? 2 * registry->room : 64;
  void *entry = pal_grow(registry->entry, registry->n * size, room * size);
  if (!entry) return false;
  registry->entry = entry;
  registry->room = room;
  return true;
}

pal_status pal_registry_add(pal_registry *registry, const char *kind, const char *name,
                            const void *definition, pal_error *error) {
  if (!kind || !*kind || !name || !*name || !definition)
    return pal_fail(error, PAL_E_INTERNAL,
                    "pal_registry_add needs a kind, a name and a definition");
  if (pal_registry_find(registry, kind, name))
    return pal_fail(error, PAL_E_DUPLICATE, "%s \"%s\" is already defined", kind, name);
  char *own_kind = pal_strdup(kind), *own_name = pal_strdup(name);
  if (!own_kind || !own_name || !room_for_one(registry)) {
    pal_free(own_kind);
    pal_free(own_name);
    return pal_fail(error, PAL_E_MEMORY, "out of memory defining %s \"%s\"", kind, name);
  }
  registry->entry[registry->n++] = (pal_registry_entry){own_kind, own_name, definition};
  return PAL_OK;
}

const void *pal_registry_find(const pal_registry *registry, const char *kind, const char *name) {
  for (size_t i = 0; i < registry->n; i++) {
    const pal_registry_entry *entry = &registry->entry[i];
    if (strcmp(entry->name, name) == 0 && strcmp(entry->kind, kind) == 0) return entry->definition;
  }
  return NULL;
}

void pal_registry_cut(pal_registry *registry, size_t n) {
  while (registry->n > n) {
    const pal_registry_entry *last = &registry->entry[--registry->n];
    pal_free(last->kind);
    pal_free(last->name);
  }
}

void pal_registry_free(pal_registry *registry) {
  pal_registry_cut(registry, 0);
  pal_free(registry->entry);
  *registry = (pal_registry){0};
}
