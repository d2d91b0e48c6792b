/* SPDX-License-Identifier: Apache-2.0 */
/* The task mincut: lines of data files, and sequences as text for people (floor 5).
 *
 * A line has the source, the target and the edges, and after the word "nodes" all nodes in their
 * order, which may be left out:
 *
 *   5 9 5>12 12>9 5>9 nodes 12 9 5 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/mincut.h"

/* ---- reading ----------------------------------------------------------------------------- */

/* The next word of a line, without the blanks before it; false at its end. */
static bool next_word(const char **at, char *word, size_t size) {
  *at += strspn(*at, " \t\r");
  const size_t n = strcspn(*at, " \t\r");
  snprintf(word, size, "%.*s", (int)(n < size ? n : size - 1), *at);
  *at += n;
  return n > 0;
}

/* A word of digits as an id; NULL, or what follows it. */
static const char *read_id(const char *text, uint8_t *id) {
  const size_t digits = strspn(text, "0123456789");
  const long value = digits > 0 && digits < 4 ? strtol(text, NULL, 10) : PAL_MINCUT_IDS;
  if (value >= PAL_MINCUT_IDS) return NULL;
  *id = (uint8_t)value;
  return text + digits;
}

static pal_status wrong(const char *word, const char *what, pal_error *error) {
  return pal_fail(error, PAL_E_FORMAT,
                  "\"%.20s\" is not %s; a line is \"5 9 5>12 12>9\": source, target and edges "
                  "between ids from 0 to %d",
                  word, what, PAL_MINCUT_IDS - 1);
}

static pal_status read_one(const char *word, const char *what, uint8_t *id, pal_error *error) {
  const char *end = read_id(word, id);
  return end && !*end ? PAL_OK : wrong(word, what, error);
}

/* Numbers of the edges by their ends; 0: there is none. */
typedef uint16_t edge_table[PAL_MINCUT_IDS][PAL_MINCUT_IDS];

static pal_status read_edge(const char *word, pal_mincut_graph *g, edge_table seen,
                            pal_error *error) {
  uint8_t a, b;
  const char *end = read_id(word, &a);
  if (!end || *end != '>' || !(end = read_id(end + 1, &b)) || *end)
    return wrong(word, "an edge", error);
  if (a == b) return pal_fail(error, PAL_E_FORMAT, "edge %d>%d leads from a node to itself", a, b);
  if (seen[a][b]) return pal_fail(error, PAL_E_FORMAT, "edge %d>%d is there twice", a, b);
  if (seen[b][a])
    return pal_fail(error, PAL_E_FORMAT,
                    "edges %d>%d and %d>%d are antiparallel; one of them has to go", b, a, a, b);
  g->edge[g->m][0] = a;
  g->edge[g->m][1] = b;
  seen[a][b] = (uint16_t)++g->m;
  return PAL_OK;
}

static void add_node(pal_mincut_graph *g, bool *listed, uint8_t id) {
  if (!listed[id]) g->node[g->n++] = id;
  listed[id] = true;
}

/* The nodes behind the word "nodes" in their order, or else source, target and the ends of
 * edges. */
static pal_status read_nodes(const char *at, bool given, pal_mincut_graph *g, pal_error *error) {
  bool listed[PAL_MINCUT_IDS] = {false};
  char word[24];
  while (given && next_word(&at, word, sizeof word)) {
    uint8_t id = 0;
    const pal_status status = read_one(word, "a node", &id, error);
    if (status) return status;
    if (listed[id]) return pal_fail(error, PAL_E_FORMAT, "node %d is listed twice", id);
    add_node(g, listed, id);
  }
  const int n = g->n;
  add_node(g, listed, g->source);
  add_node(g, listed, g->target);
  for (int e = 0; e < g->m; e++) {
    add_node(g, listed, g->edge[e][0]);
    add_node(g, listed, g->edge[e][1]);
  }
  if (given && g->n > n)
    return pal_fail(error, PAL_E_FORMAT, "node %d is not among the nodes that are listed",
                    g->node[n]);
  return PAL_OK;
}

pal_status pal_mincut_read_line(const char *line, pal_mincut_graph *g, pal_error *error) {
  edge_table seen = {{0}};
  bool side[PAL_MINCUT_IDS], nodes = false;
  char word[24];
  g->n = g->m = 0;
  if (!next_word(&line, word, sizeof word) || *word == '#') return PAL_OK;
  pal_status status = read_one(word, "a source", &g->source, error);
  if (!status) {
    next_word(&line, word, sizeof word);
    status = read_one(word, "a target", &g->target, error);
  }
  while (!status && !nodes && next_word(&line, word, sizeof word)) {
    nodes = strcmp(word, "nodes") == 0;
    if (!nodes) status = read_edge(word, g, seen, error);
  }
  if (!status && g->source == g->target)
    status = pal_fail(error, PAL_E_FORMAT, "node %d is both source and target", g->source);
  if (!status) status = read_nodes(line, nodes, g, error);
  if (!status && pal_mincut_solve(g, side) == 0)
    status = pal_fail(error, PAL_E_FORMAT, "no path leads from source %d to target %d", g->source,
                      g->target);
  if (status) g->n = 0;
  return status;
}

/* ---- writing ----------------------------------------------------------------------------- */

/* A text that may be longer than its buffer, which then gets its beginning. */
typedef struct writer {
  char *text;
  size_t size, length;
} writer;

static void put(writer *w, const char *one) {
  const size_t n = strlen(one);
  if (w->length < w->size) snprintf(w->text + w->length, w->size - w->length, "%s", one);
  w->length += n;
}

static void put_number(writer *w, const char *before, int number, const char *behind) {
  char one[48];
  snprintf(one, sizeof one, "%s%d%s", before, number, behind);
  put(w, one);
}

size_t pal_mincut_write_line(const pal_mincut_graph *g, char *text, size_t size) {
  writer w = {text, size, 0};
  put_number(&w, "", g->source, "");
  put_number(&w, " ", g->target, "");
  for (int e = 0; e < g->m; e++) {
    put_number(&w, " ", g->edge[e][0], ">");
    put_number(&w, "", g->edge[e][1], "");
  }
  put(&w, " nodes");
  for (int i = 0; i < g->n; i++) put_number(&w, " ", g->node[i], "");
  return w.length;
}

size_t pal_mincut_print(const int32_t *token, int n, char *text, size_t size) {
  static const char *const word[] = {"_",      "EOS",   "PROMPT", "SRC",   "TGT",   "GRAPH",
                                     "(",      ")",     "NODES",  "END",   "DONE",  "open",
                                     "closed", "lit",   "new",    "front", "old",   "path",
                                     "STEP",   "erase", "add",    "drop",  "RESULT"};
  writer w = {text, size, 0};
  if (size) *text = 0;
  for (int i = 0; i < n; i++) {
    const int32_t t = token[i];
    const bool tight = i == 0 || t == PAL_MINCUT_RIGHT || token[i - 1] == PAL_MINCUT_LEFT;
    const char *blank = tight ? "" : " ";
    if (t >= PAL_MINCUT_ROW) put_number(&w, i ? " #" : "#", t - PAL_MINCUT_ROW, "");
    else if (t < PAL_MINCUT_MASK) put_number(&w, blank, t, "");
    else {
      put(&w, blank);
      put(&w, word[t - PAL_MINCUT_MASK]);
    }
  }
  return w.length;
}
