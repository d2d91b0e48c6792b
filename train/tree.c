/* SPDX-License-Identifier: Apache-2.0 */
/* Summation of gradients in a fixed binary tree (floor 5). See tree.h.
 *
 * The child of a node that is ready first leaves its buffer in the node's `waiting` slot. The one
 * that is ready second adds its own sum to that buffer and goes on to the parent with it. Since
 * a + b and b + a are the same bits, it does not matter which of them was second. */
#include "train/tree.h"

#include <string.h>

#include "src/alloc.h"

pal_status pal_tree_init(pal_tree *tree, int leaves, const size_t *piece, int pieces,
                         float *const *root, pal_error *error) {
  *tree = (pal_tree){.leaves = leaves, .pieces = pieces, .piece = piece, .root = root};
  for (int i = 0; i < pieces; i++) tree->floats += piece[i];
  const size_t n = (size_t)leaves;
  tree->waiting = pal_calloc(2 * n, sizeof *tree->waiting);
  tree->buffer = pal_calloc(n, sizeof *tree->buffer);
  tree->taken = pal_calloc(n, sizeof *tree->taken);
  if (!tree->waiting || !tree->buffer || !tree->taken) {
    pal_tree_free(tree);
    return pal_fail(error, PAL_E_MEMORY, "no memory for the gradients of %d shards", leaves);
  }
  pal_tree_begin(tree);
  return PAL_OK;
}

void pal_tree_free(pal_tree *tree) {
  for (int i = 0; tree->buffer && i < tree->leaves; i++) pal_free(tree->buffer[i]);
  pal_free(tree->buffer);
  pal_free(tree->taken);
  pal_free(tree->waiting);
  *tree = (pal_tree){0};
}

void pal_tree_begin(pal_tree *tree) {
  for (int i = 0; i < 2 * tree->leaves; i++) atomic_init(&tree->waiting[i], NULL);
  for (int i = 0; i < tree->leaves; i++) atomic_flag_clear(&tree->taken[i]);
}

/* Reserves a free buffer; NULL when out of memory. There are as many buffers as leaves, so one is
 * always free. */
static float *acquire_buffer(pal_tree *tree) {
  for (int i = 0; i < tree->leaves; i++) {
    if (atomic_flag_test_and_set(&tree->taken[i])) continue;
    float *buffer = atomic_load(&tree->buffer[i]);
    if (!buffer) atomic_store(&tree->buffer[i], buffer = pal_alloc(tree->floats * sizeof(float)));
    return buffer;
  }
  return NULL;
}

static void release_buffer(pal_tree *tree, const float *buffer) {
  int i = 0;
  while (atomic_load(&tree->buffer[i]) != buffer) i++;
  atomic_flag_clear(&tree->taken[i]);
}

static void add(float *restrict to, const float *restrict from, size_t n) {
  for (size_t i = 0; i < n; i++) to[i] += from[i];
}

static void add_pieces(const pal_tree *tree, float *to, const float *const *gradient) {
  for (int i = 0; i < tree->pieces; to += tree->piece[i], i++) add(to, gradient[i], tree->piece[i]);
}

static void copy_pieces(const pal_tree *tree, float *to, const float *const *gradient) {
  for (int i = 0; i < tree->pieces; to += tree->piece[i], i++)
    memcpy(to, gradient[i], tree->piece[i] * sizeof *to);
}

static void finish(pal_tree *tree, float *sum) {
  const float *from = sum;
  for (int i = 0; i < tree->pieces; from += tree->piece[i], i++)
    memcpy(tree->root[i], from, tree->piece[i] * sizeof *from);
  release_buffer(tree, sum);
}

pal_status pal_tree_add(pal_tree *tree, int leaf, const float *const *gradient, pal_error *error) {
  if (tree->leaves == 1) {
    for (int i = 0; i < tree->pieces; i++)
      memcpy(tree->root[i], gradient[i], tree->piece[i] * sizeof(float));
    return PAL_OK;
  }
  float *mine = NULL; /* the sum so far; NULL while that is the leaf's own `gradient` */
  int node = leaf, nodes = tree->leaves; /* number of the node on its level; nodes of that level */
  int level = 0;                         /* index of the parent level's first slot in `waiting` */
  for (; nodes > 1; level += (nodes + 1) / 2, node /= 2, nodes = (nodes + 1) / 2) {
    if (node == nodes - 1 && node % 2 == 0) continue; /* no sibling */
    _Atomic(float *) *slot = &tree->waiting[level + node / 2];
    float *other = atomic_load(slot);
    if (!other) {
      if (!mine) {
        mine = acquire_buffer(tree);
        if (!mine) return pal_fail(error, PAL_E_MEMORY, "no memory for the gradient of a shard");
        copy_pieces(tree, mine, gradient);
      }
      other = atomic_exchange(slot, mine);
      if (!other) return PAL_OK; /* the sibling, which is still to come, goes on */
    }
    if (mine) {
      add(other, mine, tree->floats);
      release_buffer(tree, mine);
    } else {
      add_pieces(tree, other, gradient);
    }
    mine = other;
  }
  finish(tree, mine);
  return PAL_OK;
}
