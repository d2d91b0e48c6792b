/* Allocation through one door (floor 0).
 *
 * Invariant: pal_alloc and pal_pages_map are the only two places that ask the system for memory, so
 * the test hook sees every request, in every thread. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, MAP_NORESERVE, madvise */
#endif
#include "src/alloc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64 };
static const size_t huge_page = (size_t)2 << 20;

static _Atomic int64_t countdown;

void pal_alloc_fail_after(int64_t n) { atomic_store(&countdown, n > 0 ? n : 0); }

/* True for the one request the hook was set for. A race can only take the counter below 0, which is
 * as good as off. */
static bool refused(void) {
  if (atomic_load_explicit(&countdown, memory_order_relaxed) <= 0) return false;
  return atomic_fetch_sub(&countdown, 1) == 1;
}

void *pal_alloc(size_t size) {
  if (refused() || size > SIZE_MAX - ALIGNMENT) return NULL;
  const size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  return aligned_alloc(ALIGNMENT, rounded ? rounded : ALIGNMENT);
}

void *pal_calloc(size_t count, size_t size) {
  if (size && count > SIZE_MAX / size) return NULL;
  void *block = pal_alloc(count * size);
  if (block) memset(block, 0, count * size);
  return block;
}

void *pal_grow(void *block, size_t old_size, size_t new_size) {
  void *larger = pal_alloc(new_size);
  if (!larger) return NULL;
  const size_t kept = old_size < new_size ? old_size : new_size;
  if (block && kept) memcpy(larger, block, kept);
  pal_free(block);
  return larger;
}

char *pal_strdup(const char *text) {
  const size_t size = strlen(text) + 1;
  char *copy = pal_alloc(size);
  if (copy) memcpy(copy, text, size);
  return copy;
}

void pal_free(void *block) { free(block); }

void *pal_pages_map(size_t size) {
  if (refused()) return NULL;
  void *pages = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) return NULL;
#ifdef MADV_HUGEPAGE
  /* A wish: where it is not granted the pages are merely smaller. */
  if (size >= huge_page) (void)madvise(pages, size, MADV_HUGEPAGE);
#endif
  return pages;
}

void pal_pages_unmap(void *pages, size_t size) {
  if (pages) (void)munmap(pages, size ? size : 1);
}
