/* SPDX-License-Identifier: Apache-2.0 */
/* The one point where gradients of shards are combined (floor 5).
 *
 * Shards are the leaves 0 .. n-1 of a binary tree: on each level node 2i is added to node 2i + 1,
 * and a last node without a neighbour goes up as it is. Which shard is ready first, and on which
 * thread, decides who adds, never what is added to what. */
#ifndef PAL_TRAIN_TREE_H
#define PAL_TRAIN_TREE_H

#include <palimpsest/status.h>
#include <stdatomic.h>

typedef struct pal_tree {
  int leaves, pieces;
  const size_t *piece;       /* floats of each piece of a gradient */
  size_t floats;             /* of all */
  float *const *root;        /* where the sum goes, piece by piece; borrowed */
  _Atomic(float *) *waiting; /* per inner node: the child that came first */
  _Atomic(float *) *buffer;  /* made when first needed; few are in use at once */
  atomic_flag *taken;        /* per buffer */
} pal_tree;

/* A tree over `leaves` gradients of `pieces` pieces; arrays are borrowed. */
pal_status pal_tree_init(pal_tree *tree, int leaves, const size_t *piece, int pieces,
                         float *const *root, pal_error *error);
void pal_tree_free(pal_tree *tree);
/* Before the leaves of a step; forgets what an abandoned step has left. */
void pal_tree_begin(pal_tree *tree);
/* Adds a leaf; may be called for different leaves at the same time. With the last one root is the
 * sum. PAL_E_MEMORY leaves the step incomplete. */
pal_status pal_tree_add(pal_tree *tree, int leaf, const float *const *gradient, pal_error *error);
#endif
