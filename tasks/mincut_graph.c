/* SPDX-License-Identifier: Apache-2.0 */
/* The task mincut: random graphs, and their maximum flows by a method of its own, which checks the
 * traces and judges answers (floor 5). */
#include <string.h>

#include "tasks/mincut.h"

enum { TRIES = 1000 };

static int below(pal_rng *rng, int n) { return (int)pal_rng_below(rng, (uint32_t)n); }
static int all_pairs(int n) { return n * (n - 1) / 2; }
static int least_of(int a, int b) { return a < b ? a : b; }

static void limits(pal_mincut_range edges, int n, int *least, int *most) {
  const int all = all_pairs(n);
  *least = edges.most == 0 ? n - 1 : edges.times_nodes[0] ? edges.least * n : edges.least;
  *most = edges.most == 0 ? all : edges.times_nodes[1] ? edges.most * n : edges.most;
  *most = least_of(*most, all);
  *least = least_of(*least, *most);
}

int pal_mincut_most_edges(pal_mincut_range edges, int n) {
  int least, most;
  limits(edges, n, &least, &most);
  return most;
}

/* Moves k random ones of n elements to the front, in random order. */
static void shuffle(pal_rng *rng, uint16_t *element, int n, int k) {
  for (int i = 0; i < k; i++) {
    const int j = i + below(rng, n - i);
    const uint16_t other = element[j];
    element[j] = element[i];
    element[i] = other;
  }
}

/* The nodes that can be reached from `from` over pairs with capacity. */
static void reach(uint8_t capacity[PAL_MINCUT_IDS][PAL_MINCUT_IDS], int from, bool *side) {
  uint8_t stack[PAL_MINCUT_IDS];
  int n = 1;
  memset(side, 0, PAL_MINCUT_IDS * sizeof *side);
  side[stack[0] = (uint8_t)from] = true;
  while (n > 0) {
    const int a = stack[--n];
    for (int b = 0; b < PAL_MINCUT_IDS; b++)
      if (capacity[a][b] && !side[b]) side[b] = true, stack[n++] = (uint8_t)b;
  }
}

static bool reaches(const pal_mincut_graph *g, const uint8_t (*edge)[2], int m) {
  uint8_t capacity[PAL_MINCUT_IDS][PAL_MINCUT_IDS] = {{0}};
  bool side[PAL_MINCUT_IDS];
  for (int e = 0; e < m; e++) capacity[edge[e][0]][edge[e][1]] = 1;
  reach(capacity, g->source, side);
  return side[g->target];
}

/* Makes the last edge lead from source to target, unless there is such an edge already, so that a
 * range in which hardly any graph has a path still gives one. */
static void connect(pal_mincut_graph *g) {
  for (int e = 0; e < g->m; e++) {
    uint8_t *edge = g->edge[e];
    const bool joins = (edge[0] == g->source && edge[1] == g->target) ||
                       (edge[1] == g->source && edge[0] == g->target);
    if (!joins && e < g->m - 1) continue;
    edge[0] = g->source;
    edge[1] = g->target;
    return;
  }
}

static void draw_once(pal_rng *rng, int n, int ids, int m, pal_mincut_graph *g) {
  uint16_t id[PAL_MINCUT_IDS], pair[PAL_MINCUT_EDGES], end[2] = {0};
  int k = 0;
  for (int i = 0; i < ids; i++) id[i] = (uint16_t)i;
  shuffle(rng, id, ids, n);
  for (int i = 0; i < n; i++) g->node[i] = (uint8_t)id[i];
  for (int a = 0; a < n; a++)
    for (int b = 0; b < a; b++) pair[k++] = (uint16_t)(a * PAL_MINCUT_IDS + b);
  shuffle(rng, pair, k, m);
  for (int e = 0; e < m; e++) {
    const int turned = (int)(pal_rng_next(rng) & 1);
    g->edge[e][turned] = g->node[pair[e] / PAL_MINCUT_IDS];
    g->edge[e][1 - turned] = g->node[pair[e] % PAL_MINCUT_IDS];
  }
  shuffle(rng, id, n, 2); /* so that source and target may be anywhere among the nodes */
  end[0] = id[0], end[1] = id[1];
  g->source = (uint8_t)end[0];
  g->target = (uint8_t)end[1];
}

void pal_mincut_draw(pal_rng *rng, int n, int ids, pal_mincut_range edges, pal_mincut_graph *g) {
  int least, most;
  limits(edges, n, &least, &most);
  g->n = n;
  for (int try = 0; try < TRIES; try++) {
    g->m = least + below(rng, most - least + 1);
    draw_once(rng, n, ids, g->m, g);
    if (reaches(g, g->edge, g->m)) return;
  }
  connect(g);
}

/* ---- the maximum flow -------------------------------------------------------------------- */

typedef struct flow {
  uint8_t capacity[PAL_MINCUT_IDS][PAL_MINCUT_IDS]; /* left over, by ids */
  bool seen[PAL_MINCUT_IDS];
  int target;
} flow;

/* Sends one unit from node a to the target, if it can. */
static bool push(flow *f, int a) {
  if (a == f->target) return true;
  f->seen[a] = true;
  for (int b = PAL_MINCUT_IDS - 1; b >= 0; b--) {
    if (!f->capacity[a][b] || f->seen[b] || !push(f, b)) continue;
    f->capacity[a][b]--;
    f->capacity[b][a]++;
    return true;
  }
  return false;
}

int pal_mincut_solve(const pal_mincut_graph *g, bool *side) {
  flow f = {.target = g->target};
  int value = 0;
  for (int e = 0; e < g->m; e++) f.capacity[g->edge[e][0]][g->edge[e][1]]++;
  for (; push(&f, g->source); value++) memset(f.seen, 0, sizeof f.seen);
  reach(f.capacity, g->source, side);
  return value;
}

pal_mincut_verdict pal_mincut_verify(const pal_mincut_graph *g, const uint8_t (*left)[2], int n) {
  bool side[PAL_MINCUT_IDS];
  const int value = pal_mincut_solve(g, side);
  int at = 0;
  bool exact = true;
  for (int e = 0; e < g->m; e++) {
    const bool stays = at < n && memcmp(left[at], g->edge[e], sizeof *left) == 0;
    at += stays;
    exact = exact && stays == !(side[g->edge[e][0]] && !side[g->edge[e][1]]);
  }
  pal_mincut_verdict v = {.subgraph = at == n};
  v.exact = v.subgraph && exact;
  v.minimum = v.subgraph && g->m - n == value && !reaches(g, left, n);
  return v;
}
