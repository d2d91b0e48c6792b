/* SPDX-License-Identifier: Apache-2.0 */
/* Star graphs: directed arms that meet in one node (floor 5).
 *
 * The construction is that of Bachmann and Nagarajan (arXiv 2403.06963) and of Patel et al.
 * (Insertion Language Models, arXiv 2505.05755). Each of `degree` arms is a directed path; all arms
 * share one node, the junction. The question is the path from the first node of one arm to its
 * last. */
#ifndef PAL_TASKS_STAR_H
#define PAL_TASKS_STAR_H

#include <stdbool.h>

#include <palimpsest/rng.h>
#include <palimpsest/status.h>

enum { PAL_STAR_EDGES = 256, PAL_STAR_NODES = 257, PAL_STAR_IDS = 1024 };

typedef struct pal_star_kind {
  int degree;            /* arms */
  int shortest, longest; /* nodes of an arm, the junction included: uniform between these */
  int ids;               /* node ids are 0 .. ids - 1, of which a graph uses some */
  bool centre;           /* every arm begins at the junction; else it lies at a random place of each
                            arm, but never at its end */
} pal_star_kind;

typedef struct pal_star {
  int edges;
  int32_t from[PAL_STAR_EDGES], to[PAL_STAR_EDGES];
  int32_t source, goal;
  int nodes; /* of the path from source to goal, these included */
  int32_t path[PAL_STAR_NODES];
} pal_star;

/* Nodes and edges of the largest graph of a kind. */
static inline int pal_star_most_edges(const pal_star_kind *kind) {
  return kind->degree * (kind->longest - 1);
}
static inline int pal_star_most_nodes(const pal_star_kind *kind) {
  return pal_star_most_edges(kind) + 1;
}

/* Draws a graph, with its edges in random order. */
void pal_star_make(const pal_star_kind *kind, pal_rng *rng, pal_star *star);
/* Finds the path from source to goal by breadth-first search over the edges alone. Returns its
 * number of nodes; 0: there is none. */
int pal_star_solve(pal_star *star);

/* A graph as a line: its edges, then source and goal, "3>5 5>7 5>1 : 3 7". Reading refuses
 * (PAL_E_FORMAT) ids outside 0 .. ids - 1, more than `edges` edges, loops, edges there twice or in
 * both directions, more than one node where arms meet, source = goal, and a goal that is not
 * reached. */
pal_status pal_star_read(const char *line, int ids, int edges, pal_star *star, pal_error *error);
/* At most size - 1 characters are written; the length of the whole line is returned. */
size_t pal_star_write(const pal_star *star, char *text, size_t size);
#endif
