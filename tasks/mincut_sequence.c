/* SPDX-License-Identifier: Apache-2.0 */
/* The task mincut: graphs as sequences of tokens, and back (floor 5).
 *
 *   prompt, first state   PROMPT SRC s TGT t GRAPH ( u v ) ... NODES ( id ) ... END
 *   last state            the same without the edges of the cut, and DONE behind END
 *   answer                the edges that are left: ( u v ) ...
 *   flat trace            for each pass STEP and its edits, then RESULT and the answer. An edit is
 *                         the row and, in this order as they apply, DROP, ERASE or the token that
 *                         is written, and ADD. Rows that a pass leaves as they are do not occur. */
#include <string.h>

#include "tasks/mincut.h"

enum {
  HEADER = 6, /* PROMPT SRC s TGT t GRAPH */
  ENDS = 2,   /* NODES and END */
  EDGE = 4,
  NODE = 3,      /* ( u v ) and ( id ) */
  SLOTS = 2,     /* that a state adds to each of them */
  MOST_EDITS = 4 /* tokens for the edits of a row */
};

int pal_mincut_prompt_rows(int n, int m) { return HEADER + EDGE * m + NODE * n + ENDS; }

int pal_mincut_state_rows(int n, int m) {
  return HEADER + (EDGE + SLOTS) * m + (NODE + SLOTS) * n + ENDS + 1;
}

/* A path has at most n - 1 edges. Four passes find one, two swap one; then two reset the nodes. */
int pal_mincut_most_passes(int n, int flow) {
  const int grow = 3, of_path = 6 * (n - 1) + 2, last_search = 4 * n, cut = 4;
  return grow + flow * of_path + last_search + cut;
}

/* Tokens of the edits: growing takes 7 for an edge or node, a search 12 for a node and 4 for an
 * edge, a step of the path 12, a reset 8 for a node and 4 for an edge, and the cut 4 for each row
 * that a state has added or removes. */
int pal_mincut_flat_rows(int n, int m, int flow) {
  const int of_path = 12 * n + 4 * m + 12 * (n - 1) + 8 * n + 4 * m;
  const int cut = 4 + 4 * ((EDGE + SLOTS) * m + SLOTS * n);
  return pal_mincut_most_passes(n, flow) + 7 * (m + n) + flow * of_path + 12 * n + 4 * m + cut + 1 +
         EDGE * m;
}

int pal_mincut_flow_bound(const pal_mincut_graph *g) {
  int leave = 0, enter = 0;
  for (int e = 0; e < g->m; e++) {
    leave += g->edge[e][0] == g->source;
    enter += g->edge[e][1] == g->target;
  }
  return leave < enter ? leave : enter;
}

/* ---- writing ----------------------------------------------------------------------------- */

static int put(int32_t *token, int at, int32_t value) {
  token[at] = value;
  return at + 1;
}

static int put_edge(int32_t *token, int at, const uint8_t *edge) {
  at = put(token, at, PAL_MINCUT_LEFT);
  at = put(token, at, edge[0]);
  at = put(token, at, edge[1]);
  return put(token, at, PAL_MINCUT_RIGHT);
}

/* The edges of the graph; without those that lead out of `side`, unless that is NULL. */
static int put_edges(int32_t *token, int at, const pal_mincut_graph *g, const bool *side) {
  for (int e = 0; e < g->m; e++)
    if (!side || !side[g->edge[e][0]] || side[g->edge[e][1]]) at = put_edge(token, at, g->edge[e]);
  return at;
}

static int put_state(int32_t *token, const pal_mincut_graph *g, const bool *side) {
  const int32_t header[HEADER] = {PAL_MINCUT_PROMPT, PAL_MINCUT_SRC, g->source,
                                  PAL_MINCUT_TGT,    g->target,      PAL_MINCUT_GRAPH};
  memcpy(token, header, sizeof header);
  int at = put(token, put_edges(token, HEADER, g, side), PAL_MINCUT_NODES);
  for (int i = 0; i < g->n; i++) {
    at = put(token, at, PAL_MINCUT_LEFT);
    at = put(token, at, g->node[i]);
    at = put(token, at, PAL_MINCUT_RIGHT);
  }
  return put(token, at, PAL_MINCUT_END);
}

int pal_mincut_write_prompt(const pal_mincut_graph *g, int32_t *token) {
  return put_state(token, g, NULL);
}

int pal_mincut_write_end(const pal_mincut_graph *g, int32_t *token) {
  bool side[PAL_MINCUT_IDS];
  pal_mincut_solve(g, side);
  return put(token, put_state(token, g, side), PAL_MINCUT_DONE);
}

int pal_mincut_write_left(const pal_mincut_graph *g, int32_t *token) {
  bool side[PAL_MINCUT_IDS];
  pal_mincut_solve(g, side);
  return put_edges(token, 0, g, side);
}

/* The edits of row i of a labelled state. */
static int put_edits(const pal_mincut_state *s, int i, int32_t *token, int at) {
  const bool mask = s->token[i] == PAL_MINCUT_MASK;
  const bool writes = mask && !s->remove[i] && !s->remask[i] && s->y[i] >= 0;
  const bool erases = !mask && s->remask[i];
  if (!writes && !erases && !s->remove[i] && !s->insert[i]) return at;
  at = put(token, at, PAL_MINCUT_ROW + i);
  if (s->remove[i]) at = put(token, at, PAL_MINCUT_DROP);
  if (erases) at = put(token, at, PAL_MINCUT_ERASE);
  if (writes) at = put(token, at, s->y[i]);
  if (s->insert[i]) at = put(token, at, PAL_MINCUT_ADD);
  return at;
}

int pal_mincut_write_flat(const pal_mincut_graph *g, pal_mincut_state *s, int32_t *token,
                          int room) {
  int at = 0;
  s->n = pal_mincut_write_prompt(g, s->token);
  while (pal_mincut_label(s)) {
    const int begin = at;
    at = put(token, at, PAL_MINCUT_STEP);
    for (int i = 0; i < s->n; i++) {
      at = put_edits(s, i, token, at);
      if (at + MOST_EDITS > room) return -1;
    }
    if (pal_mincut_advance(s)) continue;
    at = put(token, begin, PAL_MINCUT_RESULT);
    if (at + EDGE * g->m > room) return -1;
    return at + pal_mincut_write_left(g, token + at);
  }
  return -1;
}

/* ---- reading ----------------------------------------------------------------------------- */

static bool is_id(int32_t token) { return token >= 0 && token < PAL_MINCUT_IDS; }

/* Whether an edge stands at the beginning of n tokens. */
static bool get_edge(const int32_t *token, int n, uint8_t *edge) {
  if (n < EDGE || token[0] != PAL_MINCUT_LEFT || !is_id(token[1]) || !is_id(token[2]) ||
      token[3] != PAL_MINCUT_RIGHT)
    return false;
  edge[0] = (uint8_t)token[1];
  edge[1] = (uint8_t)token[2];
  return true;
}

int pal_mincut_read_edges(const int32_t *token, int n, uint8_t (*edge)[2]) {
  int m = 0;
  for (; EDGE * m < n; m++)
    if (m == PAL_MINCUT_EDGES || !get_edge(token + EDGE * m, n - EDGE * m, edge[m])) return -1;
  return m;
}

void pal_mincut_read_prompt(const int32_t *token, int n, pal_mincut_graph *g) {
  int at = HEADER;
  g->source = (uint8_t)token[2];
  g->target = (uint8_t)token[4];
  for (g->m = 0; get_edge(token + at, n - at, g->edge[g->m]); at += EDGE) g->m++;
  g->n = 0;
  for (at++; at + NODE < n; at += NODE) g->node[g->n++] = (uint8_t)token[at + 1];
}

bool pal_mincut_read_end(const pal_mincut_graph *g, const int32_t *token, int n, uint8_t (*edge)[2],
                         int *n_edges) {
  const int32_t header[HEADER] = {PAL_MINCUT_PROMPT, PAL_MINCUT_SRC, g->source,
                                  PAL_MINCUT_TGT,    g->target,      PAL_MINCUT_GRAPH};
  const int edges = n - pal_mincut_prompt_rows(g->n, 0) - 1; /* their rows */
  if (edges < 0 || memcmp(token, header, sizeof header) != 0) return false;
  *n_edges = pal_mincut_read_edges(token + HEADER, edges, edge);
  token += HEADER + edges;
  if (*n_edges < 0 || *token++ != PAL_MINCUT_NODES) return false;
  for (int i = 0; i < g->n; i++, token += NODE)
    if (token[0] != PAL_MINCUT_LEFT || token[1] != g->node[i] || token[2] != PAL_MINCUT_RIGHT)
      return false;
  return token[0] == PAL_MINCUT_END && token[1] == PAL_MINCUT_DONE;
}
