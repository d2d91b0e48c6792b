/* SPDX-License-Identifier: Apache-2.0 */
/* A bump-pointer arena (floor 0).
 *
 * Invariants: blocks form a list, the newest first; only the newest has room. The size of new
 * blocks doubles up to LARGEST, so small arenas stay small and large ones make few requests. An
 * allocation that is larger than that gets a block of its own size. */
#include "src/arena.h"

#include <string.h>

#include "src/alloc.h"

enum { ALIGNMENT = 16, FIRST = 4096, LARGEST = 1 << 20 }; /* bytes */

struct pal_arena_block {
  struct pal_arena_block *older;
  size_t size, used; /* bytes of the whole block, this header included */
};

static size_t round_up(size_t size) { return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

static struct pal_arena_block *block_new(pal_arena *arena, size_t least) {
  const size_t header = round_up(sizeof(struct pal_arena_block));
  size_t size = arena->block ? 2 * arena->block->size : FIRST;
  if (size > LARGEST) size = LARGEST;
  if (size < header + least) size = header + least;
  struct pal_arena_block *block = pal_calloc(1, size);
  if (!block) return NULL;
  block->older = arena->block;
  block->size = size;
  block->used = header;
  arena->block = block;
  return block;
}

void *pal_arena_alloc(pal_arena *arena, size_t size) {
  if (size > SIZE_MAX / 2) return NULL;
  const size_t wanted = round_up(size ? size : 1);
  struct pal_arena_block *block = arena->block;
  if (!block || block->size - block->used < wanted) block = block_new(arena, wanted);
  if (!block) return NULL;
  void *bytes = (char *)block + block->used;
  block->used += wanted;
  return bytes;
}

void *pal_arena_copy(pal_arena *arena, const void *data, size_t size) {
  void *bytes = pal_arena_alloc(arena, size);
  if (bytes && size) memcpy(bytes, data, size);
  return bytes;
}

char *pal_arena_strdup(pal_arena *arena, const char *text) {
  return pal_arena_copy(arena, text, strlen(text) + 1);
}

void pal_arena_free(pal_arena *arena) {
  for (struct pal_arena_block *block = arena->block; block;) {
    struct pal_arena_block *older = block->older;
    pal_free(block);
    block = older;
  }
  arena->block = NULL;
}
