/* SPDX-License-Identifier: Apache-2.0 */
/* Copies, hashes and compares attribute structs by means of their field tables (floor 1). */
#include <string.h>
#include <xxhash.h>

#include "graph/internal.h"
#include "src/alloc.h"

#define FIELD(attrs, field, type) (*(const type *)((const char *)(attrs) + (field)->offset))

/* The bytes of one field by which structs are compared; of a string or list, its contents. */
static const void *field_bytes(const void *attrs, const pal_attr_field *f, size_t *size) {
  const char *at = (const char *)attrs + f->offset;
  switch (f->kind) {
    case PAL_ATTR_INT: *size = sizeof(int64_t); return at;
    case PAL_ATTR_FLOAT: *size = sizeof(double); return at;
    case PAL_ATTR_SYMBOL: *size = sizeof(pal_symbol); return at;
    case PAL_ATTR_STRING: {
      const char *text = FIELD(attrs, f, char *);
      *size = text ? strlen(text) : 0;
      return text;
    }
    case PAL_ATTR_INTS: break;
  }
  const pal_ints *list = (const pal_ints *)(const void *)at;
  *size = list->n * sizeof *list->at;
  return list->at;
}

enum { GUARD = 64 }; /* bytes after the copy */

/* Copies declared fields only. All other bytes of the struct, and GUARD bytes after it, are
 * attrs_fill: an op that reads members it has not declared gets that instead of the caller's data,
 * and fails the op checker. */
void *pal_attrs_copy(pal_graph *graph, const pal_op *op, const void *attrs) {
  pal_arena *arena = &graph->arena;
  char *copy = pal_arena_alloc(arena, op->attrs_size + GUARD);
  if (!copy) return NULL;
  memset(copy, graph->attrs_fill, op->attrs_size + GUARD);
  for (size_t i = 0; i < op->n_fields && attrs; i++) {
    const pal_attr_field *f = &op->fields[i];
    if (f->kind == PAL_ATTR_STRING) {
      const char *text = FIELD(attrs, f, char *);
      char *kept = pal_arena_strdup(arena, text ? text : "");
      if (!kept) return NULL;
      memcpy(copy + f->offset, &kept, sizeof kept);
    } else if (f->kind == PAL_ATTR_INTS) {
      pal_ints list = FIELD(attrs, f, pal_ints);
      if (list.n) list.at = pal_arena_copy(arena, list.at, list.n * sizeof *list.at);
      else list.at = NULL;
      if (list.n && !list.at) return NULL;
      memcpy(copy + f->offset, &list, sizeof list);
    } else {
      size_t size;
      const void *from = field_bytes(attrs, f, &size);
      memcpy(copy + f->offset, from, size);
    }
  }
  return copy;
}

uint64_t pal_attrs_hash(const pal_op *op, const void *attrs) {
  uint64_t hash = op->n_fields;
  for (size_t i = 0; i < op->n_fields; i++) {
    size_t size = 0;
    const void *bytes = field_bytes(attrs, &op->fields[i], &size);
    hash = XXH3_64bits_withSeed(size ? bytes : "", size, hash + size + 1);
  }
  return hash;
}

bool pal_attrs_equal(const pal_op *op, const void *a, const void *b) {
  for (size_t i = 0; i < op->n_fields; i++) {
    size_t na = 0, nb = 0;
    const void *pa = field_bytes(a, &op->fields[i], &na);
    const void *pb = field_bytes(b, &op->fields[i], &nb);
    if (na != nb || (na && memcmp(pa, pb, na) != 0)) return false;
  }
  return true;
}

static bool is_binding(const char *name) {
  return strcmp(name, "binds") == 0 || strcmp(name, "binds2") == 0;
}

int pal_attrs_bound(const pal_op *op, const void *attrs, pal_symbol bound[2]) {
  int n = 0;
  for (size_t i = 0; i < op->n_fields; i++) {
    const pal_attr_field *f = &op->fields[i];
    if (f->kind == PAL_ATTR_SYMBOL && is_binding(f->name) && n < 2)
      bound[n++] = FIELD(attrs, f, pal_symbol);
  }
  return n;
}
