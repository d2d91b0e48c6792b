/* SPDX-License-Identifier: Apache-2.0 */
/* Memory allocation (floor 0).
 *
 * Invariant: only pal_alloc and pal_pages_map request memory from the system, so the test hook sees
 * every request of every thread. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, MAP_NORESERVE, madvise */
#endif
#include "src/alloc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64 };
static const size_t huge_page = (size_t)2 << 20;

static _Atomic int64_t countdown;

void pal_alloc_fail_after(int64_t n) { atomic_store(&countdown, n > 0 ? n : 0); }

/* True for the one request that the test hook is to fail. In a race of threads the counter may go
 * below 0, where the hook is off as well. */
static bool refused(void) {
  if (atomic_load_explicit(&countdown, memory_order_relaxed) <= 0) return false;
  return atomic_fetch_sub(&countdown, 1) == 1;
}

/* Requests huge pages (2 MiB) for as much of the block as fills whole ones. A large tensor spans
 * more 4 KiB pages than the processor's TLB holds. If the system refuses, small pages are used. */
static void advise_huge_pages(void *pages, size_t size) {
#ifdef MADV_HUGEPAGE
  if (size >= huge_page) (void)madvise(pages, size / huge_page * huge_page, MADV_HUGEPAGE);
#else
  (void)pages, (void)size;
#endif
}

void *pal_alloc(size_t size) {
  const size_t alignment = size >= huge_page ? huge_page : ALIGNMENT;
  if (refused() || size > SIZE_MAX - alignment) return NULL;
  const size_t rounded = (size + alignment - 1) / alignment * alignment;
  void *block = aligned_alloc(alignment, rounded ? rounded : alignment);
  if (block) advise_huge_pages(block, size);
  return block;
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

/* Length of the mapping for `size` bytes: a multiple of the huge page from one huge page on. */
static size_t mapped(size_t size) {
  if (size < huge_page) return size ? size : 1;
  return (size + huge_page - 1) / huge_page * huge_page;
}

void *pal_pages_map(size_t size) {
  if (refused() || size > SIZE_MAX - 2 * huge_page) return NULL;
  const size_t spare = size >= huge_page ? huge_page : 0; /* to begin at a huge page */
  char *pages = mmap(NULL, mapped(size) + spare, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) return NULL;
  if (!spare) return pages;
  const size_t before = huge_page - (uintptr_t)pages % huge_page;
  (void)munmap(pages, before);
  pages += before;
  if (before < spare) (void)munmap(pages + mapped(size), spare - before);
  advise_huge_pages(pages, size);
  return pages;
}

void pal_pages_unmap(void *pages, size_t size) {
  if (pages) (void)munmap(pages, mapped(size));
}
