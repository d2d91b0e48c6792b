/* SPDX-License-Identifier: Apache-2.0 */
/* A bump-pointer arena for the objects of a graph, which are freed all at once (floor 0). */
#ifndef PAL_SRC_ARENA_H
#define PAL_SRC_ARENA_H

#include <palimpsest/status.h>

typedef struct pal_arena {
  struct pal_arena_block *block;
} pal_arena;

/* 16-byte aligned zeroed bytes, or NULL when out of memory. A zero-initialised pal_arena is
 * empty. */
void *pal_arena_alloc(pal_arena *arena, size_t size);
void *pal_arena_copy(pal_arena *arena, const void *data, size_t size);
char *pal_arena_strdup(pal_arena *arena, const char *text);
/* Frees everything; the arena is empty again. */
void pal_arena_free(pal_arena *arena);
#endif
