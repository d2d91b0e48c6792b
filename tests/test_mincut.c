/* SPDX-License-Identifier: Apache-2.0 */
/* The task mincut: traces are replayed by the transition of edit models and end in the graph
 * without its minimum cut, which is checked by another algorithm and by trying all cuts; and flat
 * traces. The rest of the task is in test_mincut_task. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/mincut.h"
#include "tests/holds.h"
#include "tests/run.h"

enum { ROWS = 2000, FLAT = 60000, MASK = PAL_MINCUT_MASK };
static const pal_mincut_range any = {.most = 0};
static pal_mincut_graph graph;
static pal_mincut_state state;
static pal_rng rng;

static void setup(void) {
  rng = pal_rng_new(7, "test.mincut", 0, 0);
  HOLDS(!pal_mincut_state_init(&state, ROWS, NULL));
}

static void teardown(void) { pal_mincut_state_free(&state); }

static void draw(int n, pal_mincut_range edges) {
  pal_mincut_draw(&rng, n, PAL_MINCUT_IDS, edges, &graph);
}

static int below(int n) { return (int)pal_rng_below(&rng, (uint32_t)n); }

/* ---- graphs ------------------------------------------------------------------------------ */

static bool is_node(uint8_t id) {
  for (int i = 0; i < graph.n; i++)
    if (graph.node[i] == id) return true;
  return false;
}

START_TEST(graphs_are_sound) {
  bool used[PAL_MINCUT_IDS] = {false};
  int edges[2] = {1000, 0};
  for (int i = 0; i < 2000; i++) {
    const int n = 2 + below(9);
    draw(n, any);
    HOLDS(graph.n == n && graph.m >= n - 1 && graph.m <= n * (n - 1) / 2);
    HOLDS(graph.source != graph.target && is_node(graph.source) && is_node(graph.target));
    for (int a = 0; a < n; a++) used[graph.node[a]] = true;
    for (int a = 0; a < n; a++)
      for (int b = 0; b < a; b++) HOLDS(graph.node[a] != graph.node[b]);
    for (int e = 0; e < graph.m; e++) {
      const uint8_t *x = graph.edge[e];
      HOLDS(x[0] != x[1] && is_node(x[0]) && is_node(x[1]));
      for (int f = 0; f < e; f++) {
        const uint8_t *y = graph.edge[f];
        HOLDS(!(x[0] == y[0] && x[1] == y[1]) && !(x[0] == y[1] && x[1] == y[0]));
      }
    }
    if (n == 6) {
      edges[0] = graph.m < edges[0] ? graph.m : edges[0];
      edges[1] = graph.m > edges[1] ? graph.m : edges[1];
    }
  }
  for (int id = 0; id < PAL_MINCUT_IDS; id++) HOLDS(used[id]);
  pal_mincut_draw(&rng, 9, 9, any, &graph);
  for (int id = 0; id < 9; id++) HOLDS(is_node((uint8_t)id));
  HOLDS(edges[0] == 5 && edges[1] == 15);
}
END_TEST

/* Hardly any graph with so few edges has a path, yet there is one at the end of the attempts. */
START_TEST(sparse_graphs_have_a_path) {
  bool side[PAL_MINCUT_IDS];
  for (int i = 0; i < 5; i++) {
    draw(60, (pal_mincut_range){.least = 1, .most = 1});
    HOLDS(graph.m == 1 && pal_mincut_solve(&graph, side) == 1);
  }
}
END_TEST

static bool in_set(unsigned set, uint8_t id) {
  for (int i = 0; i < graph.n; i++)
    if (graph.node[i] == id) return set >> i & 1;
  return false;
}

/* The least number of edges that lead out of a set with the source and without the target, over all
 * such sets; and the intersection of the sets with so few. */
static int try_all_cuts(unsigned *closest) {
  int least = 1000;
  for (unsigned set = 0; set < 1u << graph.n; set++) {
    int cut = 0;
    if (!in_set(set, graph.source) || in_set(set, graph.target)) continue;
    for (int e = 0; e < graph.m; e++)
      cut += in_set(set, graph.edge[e][0]) && !in_set(set, graph.edge[e][1]);
    if (cut < least) least = cut, *closest = ~0u;
    if (cut == least) *closest &= set;
  }
  return least;
}

START_TEST(flows_are_minimum_cuts) {
  for (int i = 0; i < 600; i++) {
    bool side[PAL_MINCUT_IDS];
    unsigned closest = 0;
    draw(2 + below(8), any);
    SAME(pal_mincut_solve(&graph, side), try_all_cuts(&closest));
    HOLDS(pal_mincut_flow_bound(&graph) >= pal_mincut_solve(&graph, side));
    for (int k = 0; k < graph.n; k++) HOLDS(side[graph.node[k]] == (closest >> k & 1));
  }
}
END_TEST

/* ---- traces ------------------------------------------------------------------------------ */

/* Labels the state, in arrays that held something else, and checks that a step can execute each
 * label. */
static void label(void) {
  memset(state.y, 0x55, sizeof *state.y * ROWS);
  memset(state.remask, 1, ROWS);
  memset(state.insert, 1, ROWS);
  memset(state.remove, 1, ROWS);
  HOLDS(pal_mincut_label(&state));
  for (int i = 0; i < state.n; i++) {
    const bool mask = state.token[i] == MASK;
    HOLDS(state.remask[i] < 2 && state.insert[i] < 2 && state.remove[i] < 2);
    HOLDS(mask ? (state.y[i] >= 0) + state.remask[i] + state.remove[i] == 1
               : state.y[i] < 0 && !state.remove[i]);
    HOLDS(state.y[i] != MASK && state.y[i] < PAL_MINCUT_VOCABULARY);
    HOLDS(!(state.remove[i] && state.insert[i]));
  }
}

/* Follows the trace of the graph with the transition of edit models; returns the passes that change
 * something. */
static int follow(int *longest) {
  int passes = 0;
  int32_t next[2 * ROWS];
  state.n = pal_mincut_write_prompt(&graph, state.token);
  SAME(state.n, pal_mincut_prompt_rows(graph.n, graph.m));
  for (*longest = state.n;; passes++) {
    label();
    const pal_transition t = pal_mincut_transition(&state);
    const int n = pal_transition_apply(&t, MASK, next, 2 * ROWS);
    const size_t size = sizeof *next * (size_t)n;
    if (n == state.n && memcmp(next, state.token, size) == 0) return passes;
    HOLDS(n <= ROWS && passes < 5000);
    memcpy(state.token, next, size);
    state.n = n;
    if (n > *longest) *longest = n;
  }
}

static void check_trace(void) {
  int32_t end[ROWS];
  int longest;
  const int passes = follow(&longest), n = pal_mincut_write_end(&graph, end);
  SAME(state.n, n);
  HOLDS(memcmp(state.token, end, sizeof *end * (size_t)n) == 0);
  for (int i = 0; i < n; i++) HOLDS(end[i] != MASK);
  HOLDS(passes <= pal_mincut_most_passes(graph.n, pal_mincut_flow_bound(&graph)));
  HOLDS(longest <= pal_mincut_state_rows(graph.n, graph.m));
}

START_TEST(traces_end_without_the_cut) {
  for (int i = 0; i < WHOLE_OR_SHORT(1500, 200); i++) {
    draw(2 + below(9), any);
    state.choice = i % 2 ? &rng : NULL;
    check_trace();
  }
  const pal_mincut_range thrice = {.least = 1, .most = 3, .times_nodes = {1, 1}};
  for (int i = 0; i < WHOLE_OR_SHORT(60, 5); i++) {
    draw(i % 2 ? 20 : 40, thrice);
    HOLDS(graph.m >= graph.n && graph.m <= 3 * graph.n);
    check_trace();
  }
}
END_TEST

/* A path graph 1>2>3 by hand: each state of the trace, as text. */
START_TEST(one_trace_in_full) {
  static const char *const expected[] = {
      "(1 2) (2 3) NODES (1) (2) (3) END",
      "(1 2 _) (2 3 _) NODES (1 _) (2 _) (3 _) END",
      "(1 2 open _) (2 3 open _) NODES (1 front _) (2 new _) (3 new _) END",
      "(1 2 open closed) (2 3 open closed) NODES (1 front 1) (2 new 2) (3 new 3) END",
      "(1 2 _ closed) (2 3 open closed) NODES (1 _ 1) (2 new 2) (3 new 3) END",
      "(1 2 lit closed) (2 3 open closed) NODES (1 _ 1) (2 new 2) (3 new 3) END",
      "(1 2 lit closed) (2 3 open closed) NODES (1 old 1) (2 _ _) (3 new 3) END",
      "(1 2 lit closed) (2 3 open closed) NODES (1 old 1) (2 front 1) (3 new 3) END",
      "(1 2 lit closed) (2 3 _ closed) NODES (1 old 1) (2 _ 1) (3 new 3) END",
      "(1 2 lit closed) (2 3 lit closed) NODES (1 old 1) (2 _ 1) (3 new 3) END",
      "(1 2 lit closed) (2 3 lit closed) NODES (1 old 1) (2 old 1) (3 _ _) END",
      "(1 2 lit closed) (2 3 lit closed) NODES (1 old 1) (2 old 1) (3 path 2) END",
      "(1 2 lit closed) (2 3 _ closed) NODES (1 old 1) (2 _ 1) (3 path 2) END",
      "(1 2 lit closed) (2 3 closed _) NODES (1 old 1) (2 path 1) (3 path 2) END",
      "(1 2 _ closed) (2 3 closed open) NODES (1 _ 1) (2 path 1) (3 path 2) END",
      "(1 2 closed _) (2 3 closed open) NODES (1 path 1) (2 path 1) (3 path 2) END",
      "(1 2 closed open) (2 3 closed open) NODES (1 _ _) (2 _ _) (3 _ _) END",
      "(1 2 closed open) (2 3 closed open) NODES (1 front 1) (2 new 2) (3 new 3) END",
      "(1 2 closed open) (2 3 closed open) NODES (1 _ 1) (2 new 2) (3 new 3) END",
      "(1 2 closed open) (2 3 closed open) NODES (1 old 1) (2 new 2) (3 new 3) END",
      "(1 2 closed open) (2 3 closed open) NODES (1 old 1) (2 new 2) (3 new 3) END _",
      "(1 2 closed open) (2 3 closed open) NODES (1 old 1) (2 new 2) (3 new 3) END DONE",
      "_ _ _ _ _ _ (2 3 _ _) NODES (1 _ _) (2 _ _) (3 _ _) END DONE",
      "(2 3) NODES (1) (2) (3) END DONE"};
  enum { STATES = sizeof expected / sizeof *expected };
  char text[400], whole[400];
  HOLDS(!pal_mincut_read_line("1 3 1>2 2>3", &graph, NULL));
  graph.node[1] = 2, graph.node[2] = 3;
  state.n = pal_mincut_write_prompt(&graph, state.token);
  for (int i = 0; i < STATES; i++) {
    snprintf(whole, sizeof whole, "PROMPT SRC 1 TGT 3 GRAPH %s", expected[i]);
    pal_mincut_print(state.token, state.n, text, sizeof text);
    ck_assert_str_eq(text, whole);
    label();
    HOLDS(pal_mincut_advance(&state) == (i + 1 < STATES));
  }
}
END_TEST

/* Whether node 3 of a graph in which it is reached from 2 and 4 gets 2 as parent, not 4. */
static bool parent_is_2(const char *line) {
  char text[400];
  HOLDS(!pal_mincut_read_line(line, &graph, NULL));
  state.n = pal_mincut_write_prompt(&graph, state.token);
  do {
    HOLDS(pal_mincut_label(&state) && pal_mincut_advance(&state));
    pal_mincut_print(state.token, state.n, text, sizeof text);
  } while (!strstr(text, "(3 path"));
  HOLDS(strstr(text, "(3 path 2)") || strstr(text, "(3 path 4)"));
  return strstr(text, "(3 path 2)") != NULL;
}

/* Of two parents that a node could have, the search takes the smaller id, wherever it stands, or
 * either with the same chance. */
START_TEST(parents_are_the_smallest_or_any) {
  static const char *const line[] = {"1 3 4>3 2>3 1>4 1>2", "1 3 2>3 4>3 1>2 1>4"};
  for (int i = 0; i < 2; i++) {
    int twos = 0;
    state.choice = NULL;
    HOLDS(parent_is_2(line[i]));
    state.choice = &rng;
    for (int k = 0; k < 100; k++) twos += parent_is_2(line[i]);
    HOLDS(twos > 25 && twos < 75);
  }
}
END_TEST

/* Any result of the labels is right whichever parents were drawn, and none with another token. */
START_TEST(steps_with_any_parent_are_right) {
  int32_t next[ROWS];
  for (int i = 0; i < WHOLE_OR_SHORT(300, 30); i++) {
    draw(4 + below(5), any);
    state.n = pal_mincut_write_prompt(&graph, state.token);
    for (bool moves = true; moves;) {
      state.choice = &rng;
      HOLDS(pal_mincut_label(&state));
      const pal_transition t = pal_mincut_transition(&state);
      const int n = pal_transition_apply(&t, MASK, next, ROWS), at = below(n);
      state.choice = NULL;
      HOLDS(pal_mincut_step_right(&state, next, n));
      HOLDS(!pal_mincut_step_right(&state, next, n - 1));
      const int32_t kept = next[at];
      do next[at] = below(PAL_MINCUT_VOCABULARY);
      while (next[at] == kept || is_node((uint8_t)next[at]));
      HOLDS(!pal_mincut_step_right(&state, next, n));
      HOLDS(pal_mincut_label(&state));
      moves = pal_mincut_advance(&state);
    }
  }
}
END_TEST

/* In pictures along the trace of 1>2>3 the sorts of both edges and of all nodes are those of the
 * trace in doc/mincut.md. */
START_TEST(pictures_show_the_trace) {
  static const char *const want[24] = {
      [3] = "11 211",  [4] = "01 011",  [5] = "21 011",  [6] = "21 301",  [7] = "21 321",
      [11] = "22 334", [12] = "20 304", [13] = "20 344", [16] = "33 000", [19] = "33 311",
      [21] = "33 311", [22] = "40 000", [23] = "41 111"};
  pal_diagram *d = malloc(sizeof *d);
  HOLDS(!pal_mincut_read_line("1 3 1>2 2>3", &graph, NULL) && d);
  state.n = pal_mincut_write_prompt(&graph, state.token);
  for (int k = 0; k < 24; k++) {
    char sorts[7] = "   ";
    pal_mincut_diagram(&graph, state.token, state.n, 0, d);
    HOLDS(d->nodes == 3 && d->edges == 2);
    for (int i = 0; i < 3; i++)
      sorts[3 + d->node[i].label[0] - '1'] = (char)('0' + d->node[i].sort);
    for (int e = 0; e < 2; e++) sorts[e] = (char)('0' + d->edge[e].sort);
    if (want[k]) ck_assert_str_eq(sorts, want[k]);
    HOLDS(pal_mincut_label(&state) && pal_mincut_advance(&state) == (k < 23));
  }
  state.token[state.n] = PAL_MINCUT_LEFT; /* an edge that the graph does not have */
  state.token[state.n + 1] = 3, state.token[state.n + 2] = 1;
  pal_mincut_diagram(&graph, state.token + state.n, 3, 0, d);
  HOLDS(d->edges == 3 && d->edge[2].sort == 5 && d->edge[0].sort == 4);
  free(d);
}
END_TEST

/* States that occur in no trace are refused or labelled, without reading past their ends. */
START_TEST(damaged_states_do_no_harm) {
  pal_mincut_state exact;
  for (int i = 0; i < WHOLE_OR_SHORT(20000, 2000); i++) {
    draw(2 + below(4), any);
    state.n = pal_mincut_write_prompt(&graph, state.token);
    for (int k = below(20); k > 0; k--)
      HOLDS(pal_mincut_label(&state) && (pal_mincut_advance(&state), true));
    const int n = 1 + below(state.n), changes = below(6);
    HOLDS(!pal_mincut_state_init(&exact, n, NULL));
    memcpy(exact.token, state.token, sizeof *state.token * (size_t)n);
    exact.n = n;
    for (int k = 0; k < changes; k++) exact.token[below(n)] = below(PAL_MINCUT_VOCABULARY);
    static pal_diagram picture;
    pal_mincut_diagram(&graph, exact.token, exact.n, 0, &picture);
    if (pal_mincut_label(&exact)) pal_mincut_advance(&exact);
    HOLDS(exact.n <= exact.room);
    pal_mincut_state_free(&exact);
  }
}
END_TEST

/* ---- flat traces ------------------------------------------------------------------------- */

/* Executes the edits of one pass, which begin at `at`, on n tokens; returns where they end. */
static int replay(const int32_t *flat, int length, int at, int32_t *token, int *n) {
  int32_t old[ROWS];
  int from = 0, to = 0;
  memcpy(old, token, sizeof *old * (size_t)*n);
  while (at < length && flat[at] >= PAL_MINCUT_ROW) {
    const int row = flat[at++] - PAL_MINCUT_ROW;
    HOLDS(row >= from && row < *n);
    while (from < row) token[to++] = old[from++];
    int32_t now = old[from++];
    bool gone = false, more = false;
    for (; at < length && flat[at] < PAL_MINCUT_ROW && flat[at] != PAL_MINCUT_STEP &&
           flat[at] != PAL_MINCUT_RESULT;
         at++) {
      if (flat[at] == PAL_MINCUT_DROP) gone = true;
      else if (flat[at] == PAL_MINCUT_ADD) more = true;
      else {
        HOLDS((flat[at] == PAL_MINCUT_ERASE) == (now != MASK));
        now = flat[at] == PAL_MINCUT_ERASE ? MASK : flat[at];
      }
    }
    if (!gone) token[to++] = now;
    if (more) token[to++] = MASK;
  }
  while (from < *n) token[to++] = old[from++];
  *n = to;
  return at;
}

START_TEST(flat_traces_replay_the_edits) {
  static int32_t flat[FLAT];
  int32_t token[ROWS], end[ROWS];
  uint8_t edge[PAL_MINCUT_EDGES][2];
  for (int i = 0; i < 300; i++) {
    draw(2 + below(7), any);
    const int flow = pal_mincut_flow_bound(&graph);
    const int length = pal_mincut_write_flat(&graph, &state, flat, FLAT);
    HOLDS(length > 0 && length < pal_mincut_flat_rows(graph.n, graph.m, flow));
    SAME(pal_mincut_write_flat(&graph, &state, flat, length / 2), -1);
    SAME(pal_mincut_write_flat(&graph, &state, flat, FLAT), length);
    int n = pal_mincut_write_prompt(&graph, token), at = 0;
    while (at < length && flat[at] == PAL_MINCUT_STEP) at = replay(flat, length, at + 1, token, &n);
    SAME(n, pal_mincut_write_end(&graph, end));
    HOLDS(memcmp(token, end, sizeof *end * (size_t)n) == 0);
    SAME(flat[at], PAL_MINCUT_RESULT);
    const int left = pal_mincut_read_edges(flat + at + 1, length - at - 1, edge);
    HOLDS(left >= 0 && pal_mincut_verify(&graph, (const uint8_t(*)[2])edge, left).exact);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("mincut");
  TCase *all = tcase_create("all");
  tcase_add_checked_fixture(all, setup, teardown);
  tcase_set_timeout(all, 120);
  tcase_add_test(all, graphs_are_sound);
  tcase_add_test(all, sparse_graphs_have_a_path);
  tcase_add_test(all, flows_are_minimum_cuts);
  tcase_add_test(all, traces_end_without_the_cut);
  tcase_add_test(all, one_trace_in_full);
  tcase_add_test(all, parents_are_the_smallest_or_any);
  tcase_add_test(all, steps_with_any_parent_are_right);
  tcase_add_test(all, pictures_show_the_trace);
  tcase_add_test(all, damaged_states_do_no_harm);
  tcase_add_test(all, flat_traces_replay_the_edits);
  suite_add_tcase(suite, all);
  return run_suite(suite);
}
