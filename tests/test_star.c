/* SPDX-License-Identifier: Apache-2.0 */
/* Star graphs: the generator is the written construction, a search over the edges alone finds the
 * same path, every label leads towards the whole path and no further, and wrong answers and lines
 * are refused. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <palimpsest/palimpsest.h>

#include "tasks/star.h"
#include "tests/run.h"

static const pal_star_kind easy = {3, 5, 5, 20, true}, medium = {3, 3, 6, 20, false},
                           hard = {5, 6, 12, 56, false};
static const pal_star_kind *const kinds[] = {&easy, &medium, &hard};
static const char *const levels[] = {"level=easy", "level=medium", "level=hard"};

/* ---- the construction ------------------------------------------------------------------------ */

/* Edges out of and into a node. */
static void degrees(const pal_star *star, int32_t node, int *out, int *in) {
  *out = *in = 0;
  for (int e = 0; e < star->edges; e++) {
    *out += star->from[e] == node;
    *in += star->to[e] == node;
  }
}

START_TEST(graphs_are_as_written) {
  enum { GRAPHS = 4000 };
  const pal_star_kind *kind = kinds[_i];
  int length[16] = {0}, place[16] = {0};
  for (int g = 0; g < GRAPHS; g++) {
    pal_star star;
    pal_rng rng = pal_rng_new(1, "star", 0, (uint64_t)g);
    pal_star_make(kind, &rng, &star);
    int32_t junction = -1;
    int nodes = 0, starts = 0, ends = 0;
    for (int32_t node = 0; node < kind->ids; node++) {
      int out, in;
      degrees(&star, node, &out, &in);
      nodes += out + in > 0;
      starts += out && !in;
      ends += in && !out;
      if (out <= 1 && in <= 1) continue;
      ck_assert_msg(junction < 0, "arms meet at %d and %d", junction, node);
      junction = node;
      ck_assert_int_eq(out, kind->degree); /* it never ends an arm */
      ck_assert_int_le(in, kind->degree);
    }
    ck_assert_int_ge(junction, 0);
    ck_assert_int_eq(nodes, star.edges + 1); /* no id stands for two nodes */
    ck_assert_int_eq(ends, kind->degree);
    int out, in;
    degrees(&star, junction, &out, &in);
    ck_assert_int_eq(starts, in ? in : 1);
    pal_star found = star;
    ck_assert_int_eq(pal_star_solve(&found), star.nodes);
    ck_assert_mem_eq(found.path, star.path, sizeof *star.path * (size_t)star.nodes);
    ck_assert(star.nodes >= kind->shortest && star.nodes <= kind->longest);
    length[star.nodes]++;
    for (int i = 0; i < star.nodes; i++)
      if (star.path[i] == junction && star.nodes == kind->longest) place[i]++;
  }
  /* Lengths and the junction's place are uniform: within five standard errors. */
  const double share = 1.0 / (kind->longest - kind->shortest + 1);
  for (int n = kind->shortest; n <= kind->longest; n++)
    ck_assert_msg((length[n] - GRAPHS * share) * (length[n] - GRAPHS * share) <=
                      25 * GRAPHS * share * (1 - share) + 1e-9,
                  "%d of %d paths have %d nodes", length[n], GRAPHS, n);
  const int places = kind->centre ? 1 : kind->longest - 1, all = length[kind->longest];
  for (int i = 0; i < kind->longest; i++) {
    const double expected = i < places ? (double)all / places : 0;
    ck_assert_msg((place[i] - expected) * (place[i] - expected) <= 25 * expected + 1e-9,
                  "the junction is node %d of %d in %d of %d paths", i, kind->longest, place[i],
                  all);
  }
}
END_TEST

/* ---- the task ---------------------------------------------------------------------------- */

static pal_context *context;
static pal_error error;

static pal_task *open_task(const char *level) {
  if (!context) context = pal_open(NULL, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
  pal_task *task = pal_task_new(context, "star", &level, 1, &error);
  ck_assert_msg(task != NULL, "%s", error.text);
  return task;
}

enum { MOST = 1024 };

/* Rows behind PATH of a state. */
static int tail_of(const pal_format *f, const int32_t *row, int n) {
  for (int i = 0; i < n; i++)
    if (row[i] == f->mask - 2) return i + 1; /* PATH, EOS, MASK are the last tokens */
  ck_abort_msg("a state without PATH");
  return n;
}

/* Whether a .. b are nodes of the path in their order, masks apart. */
static bool in_order(const pal_star *star, const int32_t *row, int n, int32_t mask) {
  int at = 0;
  for (int i = 0; i < n; i++) {
    if (row[i] == mask) continue;
    while (at < star->nodes && star->path[at] != row[i]) at++;
    if (at == star->nodes) return false;
    at++;
  }
  return true;
}

/* Where nothing is missing nothing changes; else a step inserts one mask into every gap, or writes
 * a missing node in place of every mask. */
START_TEST(labels_lead_to_the_path) {
  pal_task *task = open_task(levels[_i]);
  const pal_format *f = pal_task_format(task);
  pal_stream stream;
  ck_assert_msg(
      !pal_task_definition_of(task)->stream(task, PAL_FORM_TRANSITION, 3, &stream, &error), "%s",
      error.text);
  int whole = 0, inserted = 0, written = 0;
  for (int k = 0; k < 3000; k++) {
    pal_example e;
    int32_t next[MOST];
    ck_assert_msg(!stream.next(stream.self, &e, &error), "%s", error.text);
    const pal_transition *t = &e.transition;
    const int n = pal_transition_apply(t, f->mask, next, MOST), first = tail_of(f, t->state, t->n);
    pal_star star = {.edges = 0};
    for (int i = 0; t->state[i] < f->mask - 4; i += 2) {
      star.from[star.edges] = t->state[i];
      star.to[star.edges++] = t->state[i + 1];
    }
    star.source = t->state[first];
    star.goal = t->state[t->n - 1];
    ck_assert_int_gt(pal_star_solve(&star), 1);
    ck_assert_mem_eq(next, t->state, sizeof *next * (size_t)first);
    ck_assert(in_order(&star, t->state + first, t->n - first, f->mask));
    ck_assert(in_order(&star, next + first, n - first, f->mask));
    int before = 0, after = 0;
    for (int i = first; i < t->n; i++) before += t->state[i] == f->mask;
    for (int i = first; i < n; i++) after += next[i] == f->mask;
    ck_assert_msg(before == 0 || after == 0, "masks stay");
    inserted += after, written += before;
    if (n == t->n && before == 0) { /* a fixed point is the whole path */
      whole++;
      ck_assert_int_eq(n - first, star.nodes);
    }
    if (before) ck_assert_int_eq(n, t->n);
    for (int i = first; i + 1 < n && after; i++) /* one mask for every gap */
      if (next[i] != f->mask) {
        const bool gap = next[i + 1] == f->mask;
        const int32_t other = next[i + 1 + gap];
        bool neighbours = false;
        for (int at = 0; at + 1 < star.nodes; at++)
          neighbours |= star.path[at] == next[i] && star.path[at + 1] == other;
        ck_assert_msg(gap != neighbours, "a mask between neighbours, or none in a gap");
      }
  }
  ck_assert_msg(whole > 100 && inserted > 1000 && written > 1000, "%d, %d, %d", whole, inserted,
                written);
  stream.free(stream.self);
  pal_task_free(task);
}
END_TEST

static pal_score judge(pal_task *task, const char *line, pal_form form, const int32_t *path,
                       int n) {
  const pal_task_definition *d = pal_task_definition_of(task);
  pal_example e;
  int32_t token[MOST];
  ck_assert_msg(!d->read(task, line, form, 0, &e, &error), "%s", error.text);
  const int prompt = tail_of(pal_task_format(task), e.prompt, e.n_prompt);
  memcpy(token, e.prompt, sizeof *token * (size_t)prompt);
  memcpy(token + prompt, path, sizeof *path * (size_t)n);
  return d->score(task, &e, form, token, prompt + n);
}

START_TEST(wrong_answers_are_told) {
  static const char line[] = "3>5 5>7 5>1 1>9 8>5 : 3 9";
  static const struct {
    int n;
    int32_t path[6];
    bool valid, exact;
  } answer[] = {{4, {3, 5, 1, 9}, true, true},      {3, {3, 5, 7}, false, false}, /* another arm */
                {3, {3, 5, 1}, false, false},       {2, {3, 9}, false, false},    /* no edge */
                {5, {3, 5, 1, 9, 9}, false, false}, {4, {8, 5, 1, 9}, false, false},
                {4, {3, 1, 5, 9}, false, false},    {0, {0}, false, false}};
  pal_task *task = open_task("level=easy");
  for (size_t i = 0; i < sizeof answer / sizeof *answer; i++)
    for (int form = 0; form < 2; form++) {
      const pal_score s = judge(task, line, form ? PAL_FORM_TRANSITION : PAL_FORM_ANSWER,
                                answer[i].path, answer[i].n);
      ck_assert_msg(s.kept && s.valid == answer[i].valid && s.exact == answer[i].exact,
                    "answer %zu is kept %d, valid %d, exact %d", i, s.kept, s.valid, s.exact);
    }
  pal_task_free(task);
}
END_TEST

START_TEST(wrong_lines_are_refused) {
  static const struct {
    const char *line, *says;
  } bad[] = {
      {"3>5 5>3 : 3 5", "an edge 5>3 and one back"},
      {"3>5 : 3 3", "the same node 3"},
      {"3>5 5>7 : 7 3", "no path leads from node 7 to node 3"},
      {"3>20 : 3 20", "a number from 0 to 19, not \"20"},
      {"-1>2 : 1 2", "not \"-1>2"},
      {"3>5 3>5 : 3 5", "there twice"},
      {"3>3 : 3 4", "a loop"},
      {"3-5 : 3 5", "FROM>TO"},
      {"3>5 5>7", "source and goal"},
      {": 3 7", "source and goal"},
      {"3>5 : 3 5 7", "behind source and goal"},
      {"1>2 1>3 2>4 2>5 : 1 4", "arms meet at the nodes 1 and 2"},
      {"0>1 1>2 2>3 3>4 4>5 5>6 6>7 7>8 8>9 9>10 10>11 11>12 12>13 : 0 13", "more than 12 edges"}};
  pal_task *task = open_task("level=easy");
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    pal_example e;
    pal_error_clear(&error);
    ck_assert_int_eq(
        pal_task_definition_of(task)->read(task, bad[i].line, PAL_FORM_ANSWER, 0, &e, &error),
        PAL_E_FORMAT);
    ck_assert_msg(strstr(error.text, bad[i].says) != NULL, "\"%s\": %s", bad[i].line, error.text);
  }
  pal_error_clear(&error);
  pal_task_free(task);
}
END_TEST

/* What instances write is read back, and printed in full. */
START_TEST(lines_go_both_ways) {
  pal_task *task = open_task(levels[_i]);
  const pal_task_definition *d = pal_task_definition_of(task);
  for (int i = 0; i < 50; i++) {
    pal_example e;
    char line[4096], again[4096], text[4096];
    ck_assert_msg(!d->instance(task, 0, i, PAL_FORM_ANSWER, &e, &error), "%s", error.text);
    const size_t n = d->write(task, &e, PAL_FORM_ANSWER, line, sizeof line);
    ck_assert_uint_eq(n, strlen(line));
    ck_assert_uint_eq(d->print(task, e.prompt, e.n_prompt, text, sizeof text), strlen(text));
    ck_assert_msg(!d->read(task, line, PAL_FORM_ANSWER, 0, &e, &error), "%s", error.text);
    d->write(task, &e, PAL_FORM_ANSWER, again, sizeof again);
    ck_assert_str_eq(line, again);
    char few[8];
    ck_assert_uint_eq(d->write(task, &e, PAL_FORM_ANSWER, few, sizeof few), n);
    ck_assert_uint_lt(strlen(few), sizeof few);
  }
  pal_task_free(task);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("star");
  TCase *c = tcase_create("star");
  tcase_add_loop_test(c, graphs_are_as_written, 0, 3);
  tcase_add_loop_test(c, labels_lead_to_the_path, 0, 3);
  tcase_add_test(c, wrong_answers_are_told);
  tcase_add_test(c, wrong_lines_are_refused);
  tcase_add_loop_test(c, lines_go_both_ways, 0, 3);
  suite_add_tcase(suite, c);
  const int failed = run_suite(suite);
  pal_context_free(context);
  return failed;
}
