/* SPDX-License-Identifier: Apache-2.0 */
/* Star graphs: drawing, solving, reading and writing them (floor 5). See star.h. */
#include "tasks/star.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_edge(pal_star *star, int32_t from, int32_t to) {
  star->from[star->edges] = from;
  star->to[star->edges++] = to;
}

static void shuffle_edges(pal_star *star, pal_rng *rng) {
  for (int i = star->edges - 1; i > 0; i--) {
    const int k = (int)pal_rng_below(rng, (uint32_t)i + 1);
    const int32_t from = star->from[i], to = star->to[i];
    star->from[i] = star->from[k], star->to[i] = star->to[k];
    star->from[k] = from, star->to[k] = to;
  }
}

void pal_star_make(const pal_star_kind *kind, pal_rng *rng, pal_star *star) {
  int32_t id[PAL_STAR_IDS];
  int used = 1; /* id[0] is the junction */
  for (int i = 0; i < kind->ids; i++) id[i] = i;
  for (int i = 0; i < pal_star_most_nodes(kind); i++) { /* the first ones of a random order */
    const int k = i + (int)pal_rng_below(rng, (uint32_t)(kind->ids - i));
    const int32_t swap = id[i];
    id[i] = id[k], id[k] = swap;
  }
  star->edges = star->nodes = 0;
  for (int arm = 0; arm < kind->degree; arm++) {
    const int n =
        kind->shortest + (int)pal_rng_below(rng, (uint32_t)(kind->longest - kind->shortest) + 1);
    const int junction = kind->centre ? 0 : (int)pal_rng_below(rng, (uint32_t)n - 1);
    int32_t last = -1;
    for (int i = 0; i < n; i++) {
      const int32_t node = i == junction ? id[0] : id[used++];
      if (i > 0) add_edge(star, last, node);
      if (arm == 0) star->path[star->nodes++] = node;
      last = node;
    }
  }
  star->source = star->path[0];
  star->goal = star->path[star->nodes - 1];
  shuffle_edges(star, rng);
}

int pal_star_solve(pal_star *star) {
  int32_t queue[PAL_STAR_NODES],
      before[PAL_STAR_IDS]; /* before: id + 1 of the one reached from; 0: none */
  int head = 0, tail = 0;
  memset(before, 0, sizeof before);
  star->nodes = 0;
  queue[tail++] = star->source;
  before[star->source] = -1;
  while (head < tail && queue[head] != star->goal) {
    const int32_t at = queue[head++];
    for (int e = 0; e < star->edges; e++) {
      if (star->from[e] != at || before[star->to[e]]) continue;
      before[star->to[e]] = at + 1;
      queue[tail++] = star->to[e];
    }
  }
  if (head == tail) return 0;
  for (int32_t at = star->goal; at >= 0; at = before[at] - 1) {
    star->path[star->nodes++] = at;
    if (before[at] < 0) break;
  }
  for (int i = 0, k = star->nodes - 1; i < k; i++, k--) {
    const int32_t swap = star->path[i];
    star->path[i] = star->path[k], star->path[k] = swap;
  }
  return star->nodes;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static const char *blanks(const char *at) { return at + strspn(at, " \t"); }

/* Reads an id; NULL with an error if there is none. */
static const char *read_id(const char *at, int ids, int32_t *id, pal_error *error) {
  const size_t digits = strspn(at, "0123456789");
  const long value = digits > 0 && digits < 8 ? strtol(at, NULL, 10) : -1;
  if (value >= 0 && value < ids) {
    *id = (int32_t)value;
    return at + digits;
  }
  pal_fail(error, PAL_E_FORMAT, "a node is a number from 0 to %d, not \"%.20s\"", ids - 1, at);
  return NULL;
}

static pal_status check_edge(const pal_star *star, int32_t from, int32_t to, pal_error *error) {
  if (from == to)
    return pal_fail(error, PAL_E_FORMAT, "the edge %d>%d is a loop", (int)from, (int)to);
  for (int e = 0; e < star->edges; e++) {
    if (star->from[e] == from && star->to[e] == to)
      return pal_fail(error, PAL_E_FORMAT, "the edge %d>%d is there twice", (int)from, (int)to);
    if (star->from[e] == to && star->to[e] == from)
      return pal_fail(error, PAL_E_FORMAT, "there is an edge %d>%d and one back", (int)from,
                      (int)to);
  }
  return PAL_OK;
}

/* At most one node has several edges in one direction, so no two nodes are joined by several
 * paths. */
static pal_status check_star(const pal_star *star, pal_error *error) {
  int32_t junction = -1;
  for (int e = 0; e < star->edges; e++)
    for (int f = e + 1; f < star->edges; f++) {
      const bool leave = star->from[e] == star->from[f], enter = star->to[e] == star->to[f];
      if (!leave && !enter) continue;
      const int32_t node = leave ? star->from[e] : star->to[e];
      if (junction >= 0 && node != junction)
        return pal_fail(error, PAL_E_FORMAT, "arms meet at the nodes %d and %d: a star has one",
                        (int)junction, (int)node);
      junction = node;
    }
  return PAL_OK;
}

pal_status pal_star_read(const char *line, int ids, int edges, pal_star *star, pal_error *error) {
  const char *at = blanks(line);
  star->edges = 0;
  while (*at && *at != ':') {
    int32_t from, to;
    if (!(at = read_id(at, ids, &from, error))) return PAL_E_FORMAT;
    if (*at != '>')
      return pal_fail(error, PAL_E_FORMAT, "an edge is FROM>TO, not \"%d%.20s\"", (int)from, at);
    if (!(at = read_id(at + 1, ids, &to, error))) return PAL_E_FORMAT;
    if (star->edges == edges)
      return pal_fail(error, PAL_E_FORMAT, "there are more than %d edges, which is the context",
                      edges);
    const pal_status status = check_edge(star, from, to, error);
    if (status) return status;
    add_edge(star, from, to);
    at = blanks(at);
  }
  if (star->edges == 0 || *at != ':')
    return pal_fail(error, PAL_E_FORMAT, "a line is edges, then source and goal: 3>5 5>7 : 3 7");
  if (!(at = read_id(blanks(at + 1), ids, &star->source, error))) return PAL_E_FORMAT;
  if (!(at = read_id(blanks(at), ids, &star->goal, error))) return PAL_E_FORMAT;
  if (*(at = blanks(at)))
    return pal_fail(error, PAL_E_FORMAT, "behind source and goal stands \"%.20s\"", at);
  if (star->source == star->goal)
    return pal_fail(error, PAL_E_FORMAT, "source and goal are the same node %d", (int)star->goal);
  const pal_status status = check_star(star, error);
  if (status) return status;
  if (!pal_star_solve(star))
    return pal_fail(error, PAL_E_FORMAT, "no path leads from node %d to node %d", (int)star->source,
                    (int)star->goal);
  return PAL_OK;
}

size_t pal_star_write(const pal_star *star, char *text, size_t size) {
  size_t n = 0;
  for (int e = 0; e < star->edges; e++) {
    const int more = snprintf(n < size ? text + n : NULL, n < size ? size - n : 0, "%d>%d ",
                              (int)star->from[e], (int)star->to[e]);
    n += (size_t)more;
  }
  n += (size_t)snprintf(n < size ? text + n : NULL, n < size ? size - n : 0, ": %d %d",
                        (int)star->source, (int)star->goal);
  return n;
}
