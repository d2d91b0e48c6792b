/* SPDX-License-Identifier: Apache-2.0 */
/* How many evaluated graphs of the task mincut are isomorphic to a training graph: the same but for
 * ids and order, with source and target in the same places.
 *
 *   cc mincut_classes.c $(pkg-config --cflags --libs palimpsest) -o mincut_classes
 *   ./mincut_classes 4-6 192000 1000
 *
 * Without arguments it looks at some graphs of 4 nodes. The arguments are the setting `nodes`, the
 * number of training examples (steps x batch) and the number of evaluated graphs of each size; a
 * fourth one is train.seed, 1 if it is missing. */
#include <palimpsest/palimpsest.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 11, TABLE = 1 << 24 }; /* nodes; slots of the table, a power of two */

/* The edges of a graph whose nodes have an order: bit MOST u + v is set for an edge from u to v. */
typedef struct code {
  uint64_t bits[2];
} code;

typedef struct graph {
  int n;
  unsigned out[MOST];  /* bit v of out[u]: an edge from u to v. 0 is the source, 1 the target */
  uint64_t kind[MOST]; /* equal for nodes that may correspond; from the neighbours of neighbours */
  int order[MOST];
  code least;
} graph;

/* ---- reading -------------------------------------------------------------------------------- */

/* The number of the node with that id, a new one if there is none yet. */
static int node_of(graph *g, int32_t *id, int32_t token) {
  for (int i = 0; i < g->n; i++)
    if (id[i] == token) return i;
  if (g->n == MOST) return -1;
  id[g->n] = token;
  return g->n++;
}

/* A prompt is PROMPT SRC s TGT t GRAPH ( u v ) ... NODES ( id ) ... END. */
static int read_graph(graph *g, const pal_format *f, const pal_example *e) {
  int32_t id[MOST];
  *g = (graph){.n = 0};
  node_of(g, id, e->prompt[2]);
  node_of(g, id, e->prompt[4]);
  for (int i = 0; i + 2 < e->n_prompt; i++) {
    if (e->prompt[i] != f->record[0]) continue;
    const int u = node_of(g, id, e->prompt[i + 1]);
    if (u < 0) return 1;
    if (e->prompt[i + 2] == f->record[1]) continue; /* a node */
    const int v = node_of(g, id, e->prompt[i + 2]);
    if (v < 0) return 1;
    g->out[u] |= 1u << v;
  }
  return 0;
}

/* ---- a code that isomorphic graphs share ---------------------------------------------------- */

static uint64_t mix(uint64_t x) {
  x ^= x >> 31;
  x *= 0x9e3779b97f4a7c15u;
  return x ^ x >> 29;
}

/* Kinds that do not depend on the order of the nodes: in each round a node's own kind and the sums
 * over its successors and predecessors. */
static void find_kinds(graph *g) {
  for (int i = 0; i < g->n; i++) g->kind[i] = i < 2 ? (uint64_t)i + 1 : 3;
  for (int round = 0; round < g->n; round++) {
    uint64_t next[MOST];
    for (int i = 0; i < g->n; i++) {
      uint64_t to = 0, from = 0;
      for (int j = 0; j < g->n; j++) {
        if (g->out[i] >> j & 1) to += mix(g->kind[j]);
        if (g->out[j] >> i & 1) from += mix(g->kind[j] + 5);
      }
      next[i] = mix(g->kind[i] + mix(to + 3 * mix(from)));
    }
    memcpy(g->kind, next, sizeof next);
  }
}

static code code_of(const graph *g) {
  code c = {{0, 0}};
  for (int i = 0; i < g->n; i++)
    for (int j = 0; j < g->n; j++)
      if (g->out[g->order[i]] >> g->order[j] & 1) {
        const int bit = MOST * i + j;
        c.bits[bit >> 6] |= (uint64_t)1 << (bit & 63);
      }
  return c;
}

static int compare(code a, code b) {
  for (int k = 0; k < 2; k++)
    if (a.bits[k] != b.bits[k]) return a.bits[k] < b.bits[k] ? -1 : 1;
  return 0;
}

static void swap(graph *g, int i, int j) {
  const int kept = g->order[i];
  g->order[i] = g->order[j];
  g->order[j] = kept;
}

/* The least code over all orders that permute nodes of the same kind only, from place `at` on. */
static void try_orders(graph *g, int at) {
  if (at == g->n) {
    const code c = code_of(g);
    if (compare(c, g->least) < 0) g->least = c;
    return;
  }
  const uint64_t kind = g->kind[g->order[at]];
  for (int i = at; i < g->n && g->kind[g->order[i]] == kind; i++) {
    swap(g, at, i);
    try_orders(g, at + 1);
    swap(g, at, i);
  }
}

static code canonical(graph *g) {
  find_kinds(g);
  for (int i = 0; i < g->n; i++) {
    int at = i;
    for (; at > 0 && g->kind[g->order[at - 1]] > g->kind[i]; at--) g->order[at] = g->order[at - 1];
    g->order[at] = i;
  }
  g->least = (code){{UINT64_MAX, UINT64_MAX}};
  try_orders(g, 0);
  g->least.bits[1] |= (uint64_t)g->n << 58; /* above the 121 bits of the edges */
  return g->least;
}

/* ---- the table of training graphs ----------------------------------------------------------- */

static code table[TABLE]; /* zeros: empty, as no code is */

static int look_up(code c, int add) {
  uint64_t at = mix(c.bits[0] + mix(c.bits[1])) & (TABLE - 1);
  while ((table[at].bits[0] | table[at].bits[1]) && compare(table[at], c) != 0)
    at = (at + 1) & (TABLE - 1);
  const int found = (table[at].bits[0] | table[at].bits[1]) != 0;
  if (!found && add) table[at] = c;
  return found;
}

static pal_status train(pal_task *task, long examples, uint64_t seed, pal_error *error) {
  pal_stream stream;
  pal_status status = pal_task_stream(task, PAL_FORM_ANSWER, seed, &stream, error);
  long classes = 0;
  for (long i = 0; i < examples && !status; i++) {
    pal_example e;
    graph g;
    status = stream.next(stream.self, &e, error);
    if (!status && !read_graph(&g, pal_task_format(task), &e))
      classes += !look_up(canonical(&g), 1);
  }
  if (status) return status;
  printf("%ld training graphs are of %ld classes\n", examples, classes);
  stream.free(stream.self);
  return PAL_OK;
}

static pal_status test(pal_task *task, pal_error *error) {
  int sets, size;
  pal_status status = pal_task_sets(task, &sets, error);
  for (int s = 0; s < sets && !status; s++) {
    int known = 0, nodes = 0;
    status = pal_task_set_size(task, s, &size, error);
    for (int i = 0; i < size && !status; i++) {
      pal_example e;
      graph g = {.n = 0};
      status = pal_task_instance(task, s, i, PAL_FORM_ANSWER, &e, error);
      if (!status && !read_graph(&g, pal_task_format(task), &e)) known += look_up(canonical(&g), 0);
      nodes = g.n;
    }
    if (!status)
      printf("%d nodes: %d of %d evaluated graphs (%.1f %%) are isomorphic to a training graph\n",
             nodes, known, size, size ? 100.0 * known / size : 0);
  }
  return status;
}

int main(int argc, char **argv) {
  static char *few[] = {"mincut_classes", "4", "2000", "200", NULL};
  if (argc == 1) argc = 4, argv = few;
  char nodes[64], per_size[64];
  pal_error error = {0};
  if (argc < 4 || argc > 5 || atol(argv[2]) < 1 || atol(argv[2]) > TABLE / 2) {
    fprintf(stderr, "usage: mincut_classes NODES EXAMPLES PER_SIZE [SEED], to %d examples\n",
            TABLE / 2);
    return 2;
  }
  snprintf(nodes, sizeof nodes, "nodes=%s", argv[1]);
  snprintf(per_size, sizeof per_size, "per_size=%s", argv[3]);
  const char *const setting[] = {nodes, per_size};
  pal_context *context = pal_context_new(NULL, &error);
  pal_task *task = NULL;
  if (context && !pal_register_tasks(context, &error))
    task = pal_task_new(context, "mincut", setting, 2, &error);
  if (task && !train(task, atol(argv[2]), argc > 4 ? strtoull(argv[4], NULL, 10) : 1, &error))
    test(task, &error);
  if (error.code) fprintf(stderr, "mincut_classes: %s\n", error.text);
  pal_task_free(task);
  pal_context_free(context);
  return error.code != 0;
}
