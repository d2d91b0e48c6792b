/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of variables (floor 1). See parts.h. */
#include "graph/parts.h"

#include "graph/internal.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "graph/machine.h"
#include "src/alloc.h"

/* Bytes of a part and the padding after it. */
static size_t room_of(const pal_variable *part) { return pal_whole_lines(part->bytes); }

static bool is_listed(const pal_variable *v, pal_variable *const *part, int n) {
  for (int i = 0; i < n; i++)
    if (part[i] == v) return true;
  return false;
}

static pal_status check(pal_variable *const *part, int n, pal_error *error) {
  if (n < 1) return pal_fail(error, PAL_E_ARGUMENT, "a block needs at least one variable");
  for (int i = 0; i < n; i++) {
    if (part[i]->type.dtype != PAL_F32)
      return pal_fail(error, PAL_E_ARGUMENT,
                      "variable \"%s\" cannot be part of a block: it is not f32", part[i]->name);
    if (part[i]->parts)
      return pal_fail(error, PAL_E_ARGUMENT,
                      "variable \"%s\" cannot be part of a block: it is a block itself",
                      part[i]->name);
    if (is_listed(part[i], part, i))
      return pal_fail(error, PAL_E_ARGUMENT, "variable \"%s\" is listed twice", part[i]->name);
  }
  return PAL_OK;
}

/* The name is made from those of the parts, so that the same parts in the same order give the same
 * block. */
static void block_name(pal_variable *const *part, int n, char *name, size_t size) {
  XXH64_hash_t hash = 0;
  for (int i = 0; i < n; i++)
    hash = XXH3_64bits_withSeed(part[i]->name, strlen(part[i]->name), hash);
  snprintf(name, size, "block.%d.%016llx", n, (unsigned long long)hash);
}

/* Copies a part into the block. A part that has both its own buffers keeps them: some plan assigns
 * it by itself and will write to them again. */
static void move_into_block(pal_variable *block, pal_variable *part, size_t offset) {
  memcpy((char *)block->data[block->present] + offset, pal_variable_data(part), part->bytes);
  if (part->whole) part->whole->left++;
  if (!part->data[!part->present]) {
    pal_free(part->data[part->present]);
    part->data[part->present] = NULL;
  }
  part->whole = block;
  part->offset = offset;
}

size_t pal_block_offset(const pal_variable *part) { return part->offset; }

void pal_block_gather(pal_variable *block) {
  if (!block->left) return;
  size_t offset = 0;
  for (int i = 0; i < block->parts; i++) {
    if (block->part[i]->whole != block) move_into_block(block, block->part[i], offset);
    offset += room_of(block->part[i]);
  }
  block->left = 0;
}

pal_status pal_store_block(pal_store *store, pal_variable *const *part, int n, pal_variable **block,
                           pal_error *error) {
  pal_status status = check(part, n, error);
  if (status) return status;
  char name[48];
  block_name(part, n, name, sizeof name);
  size_t bytes = 0;
  for (int i = 0; i < n; i++) bytes += room_of(part[i]);
  const pal_type type = PAL_TYPE(PAL_F32, PAL_STATIC, (int64_t)(bytes / sizeof(float)));
  pal_variable *b;
  status = pal_store_variable(store, name, type, PAL_SCRATCH, PAL_ZEROS, &b, error);
  if (status) return status;
  if (!b->parts) {
    b->part = pal_alloc((size_t)n * sizeof(pal_variable *));
    if (!b->part) return pal_fail(error, PAL_E_MEMORY, "no memory for a block of %d variables", n);
    memcpy(b->part, part, (size_t)n * sizeof(pal_variable *));
    b->parts = b->left = n;
  }
  pal_block_gather(b);
  *block = b;
  return PAL_OK;
}

bool pal_variables_overlap(const pal_variable *a, const pal_variable *b) {
  if (a->parts == 0 && b->parts == 0) return a == b;
  if (a->parts == 0) return is_listed(a, b->part, b->parts);
  if (b->parts == 0) return is_listed(b, a->part, a->parts);
  for (int i = 0; i < a->parts; i++)
    if (is_listed(a->part[i], b->part, b->parts)) return true;
  return false;
}
