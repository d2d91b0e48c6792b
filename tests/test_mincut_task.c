/* SPDX-License-Identifier: Apache-2.0 */
/* The task mincut: its settings and streams, scores of right and wrong answers, lines of data
 * files. Graphs and traces are in test_mincut. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/mincut.h"
#include "tests/holds.h"
#include "tests/run.h"

enum { ROWS = 2000, FLAT = 60000, MASK = PAL_MINCUT_MASK };
static pal_mincut_graph graph;
static pal_mincut_state state;
static pal_context *context;

static void setup(void) {
  pal_error error = {0};
  HOLDS(!pal_mincut_state_init(&state, ROWS, NULL));
  context = pal_context_new(NULL, &error);
  ck_assert_msg(context && !pal_register_tasks(context, &error), "%s", error.text);
}

static void teardown(void) {
  pal_mincut_state_free(&state);
  pal_context_free(context);
}

/* ---- the task ---------------------------------------------------------------------------- */

static pal_task *open_well(const char *const *setting, int n) {
  pal_error error = {0};
  pal_task *task = pal_task_new(context, "mincut", setting, n, &error);
  ck_assert_msg(task != NULL, "%s", error.text);
  return task;
}

START_TEST(settings_are_checked) {
  static const char *const bad[] = {
      "nodes=",      "nodes=1",         "nodes=6-4",  "nodes=4-65", "nodes=4,",      "nodes=4-6-8",
      "nodes=4 5",   "nodes=2-64,5-64", "edges=0",    "edges=9-5",  "edges=3x",      "edges=2n-1n",
      "edges=1-2-3", "test_nodes=x",    "per_size=0", "answer=cut", "test_edges=-1", "ids=1",
      "ids=65",      "ids=5",           "edges=5-"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    pal_error error = {0};
    ck_assert_msg(!pal_task_new(context, "mincut", &bad[i], 1, &error), "%s", bad[i]);
    ck_assert_msg(error.code == PAL_E_ARGUMENT, "%s: %s", bad[i], error.text);
  }
  static const char *const larger[] = {"answer=trace", "nodes=4", "test_nodes=5"};
  pal_error error = {0};
  HOLDS(!pal_task_new(context, "mincut", larger, 3, &error) && error.code == PAL_E_ARGUMENT);
  static const char *const good[] = {"nodes=4,6-7", "edges=5-2n", "test_edges=1n", "test_nodes=9"};
  pal_task_free(open_well(good, 4));
}
END_TEST

static void check_stream(pal_task *task, pal_form form, int n) {
  pal_stream a, b, c;
  pal_example x, y, z;
  pal_error error = {0};
  unsigned char saved[64];
  bool differs = false;
  HOLDS(!pal_task_stream(task, form, 3, &a, NULL) && !pal_task_stream(task, form, 3, &b, NULL));
  HOLDS(!pal_task_stream(task, form, 4, &c, NULL));
  for (int i = 0; i < n; i++) HOLDS(!a.next(a.self, &x, NULL) && !c.next(c.self, &z, NULL));
  const size_t bytes = a.save(a.self, saved, sizeof saved);
  HOLDS(bytes <= sizeof saved && !b.load(b.self, saved, bytes, NULL));
  for (int i = 0; i < n; i++) {
    HOLDS(!a.next(a.self, &x, NULL) && !b.next(b.self, &y, NULL) && !c.next(c.self, &z, NULL));
    const pal_transition *s = &x.transition, *t = &y.transition;
    HOLDS(x.id == y.id && x.n_prompt == y.n_prompt && x.n_answer == y.n_answer && s->n == t->n);
    differs = differs || x.n_prompt != z.n_prompt || s->n != z.transition.n;
    if (s->n > 0) {
      HOLDS(memcmp(s->state, t->state, sizeof *s->state * (size_t)s->n) == 0);
      HOLDS(memcmp(s->y, t->y, sizeof *s->y * (size_t)s->n) == 0);
      HOLDS(memcmp(s->remask, t->remask, (size_t)s->n) == 0);
      continue;
    }
    HOLDS(memcmp(x.prompt, y.prompt, sizeof *x.prompt * (size_t)x.n_prompt) == 0);
    HOLDS(memcmp(x.answer, y.answer, sizeof *x.answer * (size_t)x.n_answer) == 0);
    HOLDS(x.n_answer < x.answer_room);
    HOLDS(x.n_prompt + x.answer_room <= pal_task_format(task)->context);
  }
  HOLDS(differs);
  saved[bytes - 1] ^= 1;
  SAME(b.load(b.self, saved, bytes, &error), PAL_E_ARGUMENT);
  a.free(a.self);
  b.free(b.self);
  c.free(c.self);
}

START_TEST(streams_are_functions_of_the_seed) {
  static const char *const setting[][2] = {{"answer=edges", "nodes=4-8"},
                                           {"answer=trace", "nodes=4-5"}};
  for (int i = 0; i < 2; i++) {
    pal_task *task = open_well(setting[i], 2);
    pal_stream none;
    pal_error error = {0};
    check_stream(task, PAL_FORM_ANSWER, 50);
    check_stream(task, PAL_FORM_TRANSITION, 50);
    SAME(pal_task_stream(task, PAL_FORM_REASONED, 1, &none, &error), PAL_E_UNSUPPORTED);
    pal_task_free(task);
  }
}
END_TEST

/* Every place of a trace occurs in the stream, the first and the last one too. */
START_TEST(streams_show_whole_traces) {
  static const char *const setting[] = {"nodes=4-5"};
  pal_task *task = open_well(setting, 1);
  pal_stream stream;
  pal_example x;
  int first = 0, last = 0, cut = 0, path = 0;
  HOLDS(!pal_task_stream(task, PAL_FORM_TRANSITION, 1, &stream, NULL));
  for (int i = 0; i < 3000; i++) {
    HOLDS(!stream.next(stream.self, &x, NULL));
    const pal_transition *t = &x.transition;
    int masks = 0, done = 0, slots = 0, on_path = 0;
    for (int k = 0; k < t->n; k++) {
      masks += t->state[k] == MASK;
      done += t->state[k] == PAL_MINCUT_DONE;
      slots += t->state[k] == PAL_MINCUT_OPEN;
      on_path += t->state[k] == PAL_MINCUT_PATH;
    }
    first += !masks && !done && !slots;
    last += !masks && done && !slots;
    cut += masks && done;
    path += on_path > 0;
  }
  HOLDS(first > 50 && last > 50 && cut > 50 && path > 300);
  stream.free(stream.self);
  pal_task_free(task);
}
END_TEST

/* ---- scores ------------------------------------------------------------------------------ */

static pal_task *task;
static pal_example instance;
static pal_form form;

static void judged(const int32_t *token, int n, bool exact, bool minimum, bool valid, bool kept) {
  const pal_task_definition *d = pal_task_definition_of(task);
  const pal_decoded decoded = {.token = token, .n = n};
  const pal_score s = d->score(task, &instance, form, token, n);
  const pal_judged j = {&instance, form, &decoded, s};
  ck_assert_str_eq(d->report[0].name, "minimum");
  char text[400];
  pal_mincut_print(token, n, text, sizeof text);
  ck_assert_msg(s.exact == exact && s.valid == valid && s.kept == kept, "%s: %d %d %d", text,
                s.exact, s.valid, s.kept);
  ck_assert_msg((d->report[0].value(task, &j) != 0) == minimum, "%s", text);
}

static void begin(const char *setting, pal_form of, const char *line) {
  pal_error error = {0};
  task = open_well(&setting, 1);
  form = of;
  ck_assert_msg(!pal_task_read(task, line, form, 1, &instance, &error), "%s", error.text);
  pal_mincut_read_prompt(instance.prompt, instance.n_prompt, &graph);
}

/* Of the path 1>2>3 either edge is a minimum cut; the first is the one closest to the source. */
START_TEST(last_states_are_judged) {
  int32_t end[200], token[200];
  begin("nodes=4", PAL_FORM_TRANSITION, "1 3 1>2 2>3 nodes 1 2 3");
  const int n = pal_mincut_write_end(&graph, end);
  SAME(n, instance.n_answer);
  judged(end, n, true, true, true, true);
  judged(end, n - 1, false, false, false, false); /* without DONE */
  judged(instance.prompt, instance.n_prompt, false, false, false, false);
  for (int i = 0; i < n; i++) { /* any token changed to a mask, or to another id */
    memcpy(token, end, sizeof end);
    token[i] = MASK;
    judged(token, n, false, false, false, false);
    token[i] = 9;
    const bool edge = i == 7 || i == 8;
    judged(token, n, false, false, false, edge);
  }
  memcpy(token, end, sizeof end);
  token[n] = MASK;
  judged(token, n + 1, false, false, false, false);
  memcpy(token, end, sizeof end);
  token[7] = 1, token[8] = 2; /* the other minimum cut */
  judged(token, n, false, true, true, true);
  memcpy(token + 6, end + 10, sizeof *end * (size_t)(n - 10)); /* no edge left: no minimum cut */
  judged(token, n - 4, false, false, true, true);
  memcpy(token, instance.prompt, sizeof *token * (size_t)instance.n_prompt);
  token[instance.n_prompt] = PAL_MINCUT_DONE; /* nothing cut */
  judged(token, instance.n_prompt + 1, false, false, true, true);
  memcpy(token + 6, instance.prompt + 10, sizeof *token * 4);
  memcpy(token + 10, instance.prompt + 6, sizeof *token * 4); /* edges in another order */
  judged(token, instance.n_prompt + 1, false, false, false, true);
  pal_task_free(task);
}
END_TEST

/* 1>2 and 1>4 are a minimum cut, and so are 2>3 and 4>3; 1>2 and 4>3 are one, too. */
START_TEST(answers_are_judged) {
  int32_t token[400];
  begin("answer=edges", PAL_FORM_ANSWER, "1 3 1>2 2>3 1>4 4>3");
  const int p = instance.n_prompt, n = p + 8;
  memcpy(token, instance.prompt, sizeof *token * (size_t)p);
  memcpy(token + p, instance.answer, sizeof *token * 8);
  SAME(instance.n_answer, 8);
  judged(token, n, true, true, true, true);
  judged(token, n - 1, false, false, false, true);
  judged(token, n - 4, false, false, true, true); /* one edge too few */
  judged(token, p, false, false, true, true);
  judged(token, p - 1, false, false, false, false);
  token[p + 1] = 1, token[p + 2] = 2; /* 1>2 and 4>3 are left */
  judged(token, n, false, true, true, true);
  token[p + 5] = 1, token[p + 6] = 4; /* 1>2 and 1>4 are left */
  judged(token, n, false, true, true, true);
  token[p + 1] = 2, token[p + 2] = 1; /* 2>1 is no edge */
  judged(token, n, false, false, false, true);
  token[p + 1] = 1, token[p + 2] = 4; /* twice the same */
  judged(token, n, false, false, false, true);
  token[p + 1] = 2, token[p + 2] = 3; /* a path is left of too few edges */
  token[p + 5] = 1, token[p + 6] = 2;
  judged(token, n, false, false, false, true);
  token[p + 1] = 1, token[p + 2] = 2;
  token[p + 5] = 2, token[p + 6] = 3; /* a path is left */
  judged(token, n, false, false, true, true);
  token[2] = 4;
  judged(token, n, false, false, false, false);
  pal_task_free(task);
}
END_TEST

START_TEST(flat_answers_are_judged) {
  static int32_t token[FLAT];
  begin("answer=trace", PAL_FORM_ANSWER, "1 3 1>2 2>3");
  const int p = instance.n_prompt, n = p + instance.n_answer;
  memcpy(token, instance.prompt, sizeof *token * (size_t)p);
  memcpy(token + p, instance.answer, sizeof *token * (size_t)instance.n_answer);
  judged(token, n, true, true, true, true);
  SAME(token[n - 5], PAL_MINCUT_RESULT);
  token[n - 3] = 1, token[n - 2] = 2;
  judged(token, n, false, true, true, true);
  judged(token, n - 4, false, false, true, true);
  judged(token, n - 5, false, false, false, true); /* no RESULT */
  pal_task_free(task);
}
END_TEST

/* ---- lines ------------------------------------------------------------------------------- */

START_TEST(lines_are_refused) {
  static const struct {
    const char *line, *says;
  } bad[] = {{"1 3 1>2 2>1 2>3", "2>1 are antiparallel"},
             {"1 1 1>2", "node 1 is both source and target"},
             {"1 3 2>3 2>1", "no path leads from source 1 to target 3"},
             {"1 3", "no path"},
             {"1", "\"\" is not a target"},
             {"1 64 1>2", "\"64\" is not a target"},
             {"-1 3 1>3", "\"-1\" is not a source"},
             {"1 3 1>64", "\"1>64\" is not an edge"},
             {"1 3 1>999999999999", "is not an edge"},
             {"1 3 1>3 2>2", "from a node to itself"},
             {"1 3 1>3 1>3", "1>3 is there twice"},
             {"1 3 1>3 3", "\"3\" is not an edge"},
             {"1 3 1-3", "\"1-3\" is not an edge"},
             {"1 3 1>3x", "is not an edge"},
             {"1 3 1>3 Nodes 1 3", "\"Nodes\" is not an edge"},
             {"a graph", "\"a\" is not a source"},
             {"1 3 1>3 nodes 1", "node 3 is not among the nodes"},
             {"1 3 1>3 nodes 1 3 1", "node 1 is listed twice"},
             {"1 3 1>3 nodes 1 3 x", "\"x\" is not a node"},
             {"1 3 1>3 nodes 1 3 1>3", "\"1>3\" is not a node"},
             {"1 3 1>3 nodes 0 1 2 3 4 5 6 7 8 9 10", "more than"},
             {"1 3 1>3 1>2 1>4 1>5 2>3 2>4 2>5 3>4", "more than"}};
  static const char *const setting[] = {"nodes=4"};
  pal_task *four = open_well(setting, 1);
  pal_example e;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    pal_error error = {0};
    ck_assert_msg(pal_task_read(four, bad[i].line, PAL_FORM_TRANSITION, 1, &e, &error) ==
                      PAL_E_FORMAT,
                  "%s", bad[i].line);
    ck_assert_msg(strstr(error.text, bad[i].says) != NULL, "%s: %s", bad[i].line, error.text);
  }
  static const char *const empty[] = {"", "  \r", "# 1 3 1>3"};
  for (int i = 0; i < 3; i++)
    HOLDS(!pal_task_read(four, empty[i], PAL_FORM_TRANSITION, 1, &e, NULL) && e.n_prompt == 0);
  HOLDS(!pal_task_read(four, " 01\t3 1>3\r", PAL_FORM_TRANSITION, 5, &e, NULL) && e.id == 5);
  SAME(e.n_prompt, pal_mincut_prompt_rows(2, 1));
  pal_task_free(four);
}
END_TEST

START_TEST(written_lines_are_read_back) {
  static const char *const setting[] = {"nodes=2-10,64", "per_size=5"};
  pal_task *all = open_well(setting, 2);
  const pal_task_definition *d = pal_task_definition_of(all);
  static char line[PAL_MINCUT_LINE], again[PAL_MINCUT_LINE];
  for (int set = 0; set < 10; set++)
    for (int i = 0; i < 5; i++) {
      pal_example e;
      HOLDS(!pal_task_instance(all, set, i, PAL_FORM_TRANSITION, &e, NULL));
      const size_t n = d->write(all, &e, PAL_FORM_TRANSITION, line, sizeof line);
      HOLDS(n == strlen(line) && d->write(all, &e, PAL_FORM_TRANSITION, again, 9) == n);
      HOLDS(strlen(again) == 8 && strncmp(line, again, 8) == 0);
      HOLDS(!pal_task_read(all, line, PAL_FORM_TRANSITION, 1, &e, NULL));
      d->write(all, &e, PAL_FORM_TRANSITION, again, sizeof again);
      ck_assert_str_eq(line, again);
    }
  pal_task_free(all);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("mincut_task");
  TCase *all = tcase_create("all");
  tcase_add_checked_fixture(all, setup, teardown);
  tcase_set_timeout(all, 120);
  tcase_add_test(all, settings_are_checked);
  tcase_add_test(all, streams_are_functions_of_the_seed);
  tcase_add_test(all, streams_show_whole_traces);
  tcase_add_test(all, last_states_are_judged);
  tcase_add_test(all, answers_are_judged);
  tcase_add_test(all, flat_answers_are_judged);
  tcase_add_test(all, lines_are_refused);
  tcase_add_test(all, written_lines_are_read_back);
  suite_add_tcase(suite, all);
  return run_suite(suite);
}
