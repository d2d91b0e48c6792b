/* SPDX-License-Identifier: Apache-2.0 */
/* Reduction of the gradients of all shards (floor 5).
 *
 * Shards are the leaves 0 .. n-1 of a binary tree. On each level nodes 2i and 2i + 1 are added; a
 * last node without a sibling moves up unchanged:
 *
 *            root
 *           /    \
 *         +        \
 *       /   \        \
 *      +     +        \
 *     / \   / \        \
 *    0   1 2   3        4         n = 5
 *
 * Floating-point sums depend on their order. Here it is fixed by the shard numbers; which shard is
 * ready first only decides which thread does an addition. */
#ifndef PAL_TRAIN_TREE_H
#define PAL_TRAIN_TREE_H

#include <palimpsest/status.h>
#include <stdatomic.h>

typedef struct pal_tree {
  int leaves, pieces;
  const size_t *piece;       /* [pieces]: floats of each piece of a gradient; borrowed */
  size_t floats;             /* sum of these */
  float *const *root;        /* [pieces]: where the sum is written; borrowed */
  _Atomic(float *) *waiting; /* per inner node: buffer of the child that was ready first, or NULL */
  _Atomic(float *) *buffer;  /* [leaves], allocated when first needed; few are in use at once */
  atomic_flag *taken;        /* [leaves]: whether the buffer is in use */
} pal_tree;

/* A tree over `leaves` gradients. A gradient has one piece per parameter. */
pal_status pal_tree_init(pal_tree *tree, int leaves, const size_t *piece, int pieces,
                         float *const *root, pal_error *error);
void pal_tree_free(pal_tree *tree);
/* Starts a new sum. To be called before the leaves of each step, also after a step that failed. */
void pal_tree_begin(pal_tree *tree);
/* Adds a leaf; different leaves may be added by different threads at the same time. Once all are
 * added, root holds the sum. After PAL_E_MEMORY the sum is incomplete. */
pal_status pal_tree_add(pal_tree *tree, int leaf, const float *const *gradient, pal_error *error);
#endif
