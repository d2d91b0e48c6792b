/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation: 64-byte aligned blocks through one door (floor 0).
 *
 * All memory of the library comes from here, so that tests can fail the n-th allocation. */
#ifndef PAL_SRC_ALLOC_H
#define PAL_SRC_ALLOC_H

#include <palimpsest/status.h>

/* 64-byte aligned, contents undefined (never NULL for size 0); NULL when out of memory. From 2 MiB on
 * in large pages where the system has them. */
void *pal_alloc(size_t size);
/* count * size zeroed bytes; NULL also when the product overflows. */
void *pal_calloc(size_t count, size_t size);
/* As realloc for blocks of pal_alloc: old_size bytes are kept. The old block stays on failure. */
void *pal_grow(void *block, size_t old_size, size_t new_size);
char *pal_strdup(const char *text);
void pal_free(void *block);

/* Zeroed pages straight from the system, untouched ones not resident; for arenas. */
void *pal_pages_map(size_t size);
void pal_pages_unmap(void *pages, size_t size);

/* Test hook: the n-th allocation from now fails (1 is the next); 0 turns it off. */
PAL_API void pal_alloc_fail_after(int64_t n);
#endif
