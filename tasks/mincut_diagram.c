/* SPDX-License-Identifier: Apache-2.0 */
/* The task mincut: a state as a picture of the graph (floor 5).
 *
 * A model may write anything, so that only two patterns are read wherever they stand: "( u v"
 * begins an edge, whose slots follow, and behind NODES "( id" begins a node, whose status
 * follows. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tasks/mincut.h"

enum { NODE_WRITTEN, NODE_NEW, NODE_FRONT, NODE_OLD, NODE_PATH, NODE_SORTS };
enum { EDGE_WRITTEN, EDGE_OPEN, EDGE_LIT, EDGE_FLOW, EDGE_GONE, EDGE_WRONG, EDGE_SORTS };

/* Numbers of nodes by their ids, -1 for others. */
typedef struct places {
  int of[PAL_MINCUT_IDS];
} places;

/* The distance of each node from the source along edges of either direction, in the order of which
 * nodes are placed. */
static void layers(const pal_mincut_graph *g, const places *at, int *layer) {
  for (int i = 0; i < g->n; i++) layer[i] = g->n;
  layer[at->of[g->source]] = 0;
  for (int k = 0; k < g->n; k++)
    for (int e = 0; e < g->m; e++) {
      int *a = &layer[at->of[g->edge[e][0]]], *b = &layer[at->of[g->edge[e][1]]];
      if (*a == k && *b > k) *b = k + 1;
      if (*b == k && *a > k) *a = k + 1;
    }
}

/* Places nodes on a circle, where no edge passes behind another node: the source left, the target
 * right, the others between them by their distance from the source, above and below in turn. */
static void place(const pal_mincut_graph *g, const places *at, pal_diagram *d) {
  int layer[PAL_MINCUT_IDS], placed = 0;
  const double pi = 3.14159265358979323846;
  const int others = g->n - 2;
  layers(g, at, layer);
  for (int i = 0; i < g->n; i++) {
    pal_diagram_node *node = &d->node[i];
    snprintf(node->label, sizeof node->label, "%d", g->node[i]);
    node->x = g->node[i] == g->target;
    node->y = 0.5F;
  }
  for (int k = 0; k <= g->n; k++)
    for (int i = 0; i < g->n; i++) {
      if (layer[i] != k || g->node[i] == g->source || g->node[i] == g->target) continue;
      const bool above = placed % 2 == 0;
      const int side = above ? (others + 1) / 2 : others / 2;
      const double angle = pi * (1 - (placed / 2 + 1.0) / (side + 1));
      d->node[i].x = (float)(0.5 + 0.5 * cos(angle));
      d->node[i].y = (float)(0.5 - (above ? 0.5 : -0.5) * sin(angle));
      placed++;
    }
}

/* The sort of an edge by the slots behind its ends, up to the bracket that closes it. */
static int sort_of_edge(const int32_t *slot, int n) {
  const bool closed = n > 0 && slot[0] == PAL_MINCUT_CLOSED;
  for (int i = 0; i < n && i < 2 && slot[i] != PAL_MINCUT_RIGHT; i++) {
    if (slot[i] == PAL_MINCUT_MASK) return EDGE_WRITTEN;
    if (slot[i] == PAL_MINCUT_LIT) return EDGE_LIT;
  }
  return closed ? EDGE_FLOW : EDGE_OPEN;
}

static int sort_of_node(int32_t status) {
  switch (status) {
    case PAL_MINCUT_MASK: return NODE_WRITTEN;
    case PAL_MINCUT_FRONT: return NODE_FRONT;
    case PAL_MINCUT_OLD: return NODE_OLD;
    case PAL_MINCUT_PATH: return NODE_PATH;
    default: return NODE_NEW;
  }
}

/* Gives the edge from u to v its sort; one that the graph does not have is added as such. */
static void put_edge(const pal_mincut_graph *g, const places *at, int32_t u, int32_t v, int sort,
                     pal_diagram *d) {
  for (int e = 0; e < g->m; e++)
    if (g->edge[e][0] == u && g->edge[e][1] == v) {
      d->edge[e].sort = (uint8_t)sort;
      return;
    }
  if (at->of[u] < 0 || at->of[v] < 0 || d->edges == PAL_DIAGRAM_EDGES) return;
  d->edge[d->edges++] = (pal_diagram_edge){(uint8_t)at->of[u], (uint8_t)at->of[v], EDGE_WRONG};
}

void pal_mincut_diagram(const pal_mincut_graph *g, const int32_t *token, int n, int from,
                        pal_diagram *d) {
  places at;
  bool nodes = false;
  *d = (pal_diagram){
      .nodes = g->n,
      .edges = g->m,
      .node_sorts = NODE_SORTS,
      .edge_sorts = EDGE_SORTS,
      .node_sort = {"being written", "not reached", "just reached", "reached", "on the path"},
      .edge_sort = {"being written", "edge", "searched", "carries flow", "not there",
                    "not of the graph"}};
  if (from) d->edge_sort[EDGE_GONE] = "not in the answer", d->edge_sort[EDGE_OPEN] = "left over";
  memset(at.of, -1, sizeof at.of);
  for (int i = 0; i < g->n; i++) {
    at.of[g->node[i]] = i;
    d->node[i].sort = NODE_NEW;
  }
  place(g, &at, d);
  for (int e = 0; e < g->m; e++)
    d->edge[e] =
        (pal_diagram_edge){(uint8_t)at.of[g->edge[e][0]], (uint8_t)at.of[g->edge[e][1]], EDGE_GONE};
  for (int i = from; i < n; i++) {
    if (token[i] == PAL_MINCUT_NODES) nodes = true;
    if (token[i] != PAL_MINCUT_LEFT || i + 2 >= n || !pal_mincut_is_id(token[i + 1])) continue;
    if (nodes && at.of[token[i + 1]] >= 0)
      d->node[at.of[token[i + 1]]].sort = (uint8_t)sort_of_node(token[i + 2]);
    if (!nodes && pal_mincut_is_id(token[i + 2]))
      put_edge(g, &at, token[i + 1], token[i + 2], sort_of_edge(token + i + 3, n - i - 3), d);
  }
}
