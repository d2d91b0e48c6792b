/* SPDX-License-Identifier: Apache-2.0 */
/* Memory allocation in 64-byte aligned blocks (floor 0).
 *
 * All memory of the library is allocated here, so that tests can make the n-th allocation fail. */
#ifndef PAL_SRC_ALLOC_H
#define PAL_SRC_ALLOC_H

#include <palimpsest/status.h>

/* A 64-byte aligned block with undefined contents, a valid one also for size 0; NULL when out of
 * memory. From 2 MiB on it is aligned to huge pages, which are used where the system has them. */
void *pal_alloc(size_t size);
/* count * size zeroed bytes; NULL also when the product overflows. */
void *pal_calloc(size_t count, size_t size);
/* As realloc, for blocks of pal_alloc: copies the first old_size bytes (at most new_size) and frees
 * the old block. On failure returns NULL and leaves the old block. */
void *pal_grow(void *block, size_t old_size, size_t new_size);
char *pal_strdup(const char *text);
void pal_free(void *block);

/* Zeroed pages mapped from the system, for arenas. Pages occupy memory only once they are written,
 * so the unused part of a large arena costs nothing. `size` must be the same in both calls. */
void *pal_pages_map(size_t size);
void pal_pages_unmap(void *pages, size_t size);

/* Test hook: makes the n-th allocation from now fail (1: the next one); 0 turns it off. */
PAL_API void pal_alloc_fail_after(int64_t n);
#endif
