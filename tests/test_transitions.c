/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of a user's file: derived labels make the next state and are as few as trying all labels
 * finds; what no edit explains and lines that are wrong are refused with the reason; a task of a
 * file has its good lines, holds some out, and opens again without the file. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <palimpsest/palimpsest.h>

#include "tasks/transitions.h"
#include "tests/run.h"
#include "tests/scratch.h"

enum { MOST = 4, LETTERS = 2 };

static pal_step_line line; /* it is large */

/* ---- derived labels -------------------------------------------------------------------------- */

/* The fewest edits of all labels that lead from x to next, or -1. A row has one of a few labels: y
 * for masks, remask, remove, each with an insert or without. */
static int fewest(const pal_step_line *s) {
  enum { KINDS = 2 * (LETTERS + 3) };
  int best = -1, all = 1;
  for (int i = 0; i < s->n; i++) all *= KINDS;
  for (int code = 0; code < all; code++) {
    int32_t y[MOST], next[2 * MOST];
    uint8_t remask[MOST] = {0}, insert[MOST] = {0}, remove[MOST] = {0};
    int edits = 0;
    bool sound = true;
    for (int i = 0, rest = code; i < s->n; i++, rest /= KINDS) {
      const int kind = rest % KINDS / 2;
      const bool masked = s->x[i] == PAL_STEP_MASK;
      insert[i] = (uint8_t)(rest % 2);
      y[i] = kind < LETTERS ? kind : -1;
      remask[i] = kind == LETTERS;
      remove[i] = kind == LETTERS + 1;
      sound = sound && (masked ? kind != LETTERS + 2 : kind >= LETTERS && !remove[i]) &&
              !(remove[i] && insert[i]);
      edits += insert[i] + remove[i] + (masked ? y[i] >= 0 : remask[i]);
    }
    const pal_transition t = {s->x, y, NULL, remask, insert, remove, s->n};
    if (!sound || pal_transition_apply(&t, PAL_STEP_MASK, next, 2 * MOST) != s->n_next ||
        memcmp(next, s->next, sizeof *next * (size_t)s->n_next) != 0)
      continue;
    if (best < 0 || edits < best) best = edits;
  }
  return best;
}

static int edits_of(const pal_step_line *s) {
  int edits = 0;
  for (int i = 0; i < s->n; i++)
    edits += s->insert[i] + s->remove[i] + (s->x[i] == PAL_STEP_MASK ? s->y[i] >= 0 : s->remask[i]);
  return edits;
}

START_TEST(labels_are_the_fewest) {
  int explained = 0, refused = 0;
  for (uint64_t k = 0; k < 4000; k++) {
    pal_rng rng = pal_rng_new(1, "steps", 0, k);
    pal_error error = {0};
    line.n = 1 + (int)pal_rng_below(&rng, MOST - 1);
    line.n_next = (int)pal_rng_below(&rng, (uint32_t)(2 * line.n + 1));
    for (int i = 0; i < line.n; i++) line.x[i] = (int32_t)pal_rng_below(&rng, LETTERS + 1) - 1;
    for (int i = 0; i < line.n_next; i++)
      line.next[i] =
          (int32_t)pal_rng_below(&rng, LETTERS + 2) / 2 - (int32_t)pal_rng_below(&rng, 2);
    const int least = fewest(&line);
    const pal_status status = pal_step_derive(&line, &error);
    ck_assert_int_eq(status, least < 0 ? PAL_E_FORMAT : PAL_OK);
    if (status) {
      ck_assert_msg(strstr(error.text, "no edit explains the step") != NULL, "%s", error.text);
      refused++;
      continue;
    }
    int32_t next[2 * MOST];
    const pal_transition t = pal_step_transition(&line);
    ck_assert_int_eq(pal_transition_apply(&t, PAL_STEP_MASK, next, 2 * MOST), line.n_next);
    ck_assert_mem_eq(next, line.next, sizeof *next * (size_t)line.n_next);
    ck_assert_int_eq(edits_of(&line), least);
    explained++;
  }
  ck_assert(explained > 500 && refused > 500);
}
END_TEST

/* Of several explanations the one that edits later rows. */
START_TEST(ties_go_to_the_right) {
  static const int32_t x[] = {0, PAL_STEP_MASK, PAL_STEP_MASK, 1};
  pal_error error = {0};
  memcpy(line.x, x, sizeof x);
  memcpy(line.next, x, sizeof *x);
  line.next[1] = PAL_STEP_MASK, line.next[2] = 1;
  line.n = 4, line.n_next = 3;
  ck_assert(!pal_step_derive(&line, &error));
  ck_assert(line.remove[2] && !line.remove[1] && line.remask[1] && !line.remask[2]);
  memcpy(line.next, x, sizeof x);
  line.next[3] = PAL_STEP_MASK, line.next[4] = 1;
  line.n_next = 5;
  ck_assert(!pal_step_derive(&line, &error));
  ck_assert(line.insert[2] && !line.insert[0] && !line.insert[1] && line.remask[2]);
}
END_TEST

/* ---- lines ----------------------------------------------------------------------------------- */

static const struct {
  const char *line, *why; /* NULL: it is read */
} lines[] = {
    {"{\"x\":[\"ab\",null,7],\"next\":[\"ab\",\"c\",\"7\",\"_\"]}", NULL},
    {"{\"x\":\"a_\",\"y\":[null,\"b\"],\"insert\":[true,0]}", NULL},
    {"{\"x\":\"\\u00e9_\",\"y\":\"_b\",\"next\":\"\\u00e9b\"}", NULL},
    {"{\"x\":\"a_\",\"delete\":[0,1],\"next\":\"a\"}", NULL},
    {"{\"x\":\"ab\",\"next\":\"ba\"}", "next[0] comes from no row of x"},
    {"{\"x\":\"ab\",\"next\":\"a_c\"}", "next[2] comes from no row of x"},
    {"{\"x\":\"ab\",\"next\":\"a\"}", "rows of x are left over"},
    {"nonsense", "it is no JSON"},
    {"[1]", "it is no JSON object"},
    {"{\"x\":\"a\",\"x\":\"b\",\"next\":\"a\"}", "it is no JSON"},
    {"{\"next\":\"a\"}", "it has no x"},
    {"{\"x\":\"a\"}", "neither next nor labels"},
    {"{\"x\":\"\",\"next\":\"\"}", "x has no rows"},
    {"{\"x\":\"a\",\"next\":\"a\",\"foo\":1}", "it has \"foo\""},
    {"{\"x\":[1.5],\"next\":\"\"}", "x[0] is no token"},
    {"{\"x\":[\"\"],\"next\":\"\"}", "x[0] is no token"},
    {"{\"x\":3,\"next\":\"\"}", "x is a string of one-character tokens or an array"},
    {"{\"x\":\"a_\",\"delete\":[1,0],\"y\":\"_b\"}", "row 0 of x is deleted, but only masks are"},
    {"{\"x\":\"a_\",\"delete\":[0,1],\"insert\":[0,1]}", "row 1 of x is deleted and inserts"},
    {"{\"x\":\"a_\",\"insert\":[0,1]}", "row 1 of x is a mask that is neither written"},
    {"{\"x\":\"a_\",\"y\":\"b\"}", "y has 1 rows where x has 2"},
    {"{\"x\":\"a_\",\"y\":\"_b\",\"insert\":[1]}", "one for each of the 2 rows"},
    {"{\"x\":\"a_\",\"y\":\"_b\",\"insert\":[1,2]}", "insert[1] is neither 0 nor 1"},
    {"{\"x\":\"a_\",\"y\":\"_b\",\"next\":\"a_\"}", "its labels lead to another state"},
};
enum { LINES = sizeof lines / sizeof *lines };

START_TEST(lines_are_read_or_refused) {
  pal_step_names names;
  pal_error error = {0};
  ck_assert(!pal_step_names_open(&names, "", "_", &error));
  for (int i = 0; i < LINES; i++) {
    pal_error why = {0};
    const int before = names.n;
    const pal_status status = pal_step_read(&names, lines[i].line, &line, &why);
    ck_assert_msg((status == PAL_OK) == !lines[i].why, "%s: %s", lines[i].line, why.text);
    ck_assert_msg(!status || (status == PAL_E_FORMAT && strstr(why.text, lines[i].why)), "%s: %s",
                  lines[i].line, why.text);
    ck_assert(!status || names.n == before); /* a refused line adds no names */
  }
  char *text = pal_step_names_print(&names);
  ck_assert_str_eq(text, "[\"ab\",\"7\",\"c\",\"a\",\"b\",\"\\u00E9\"]");
  pal_free(text);
  names.open = false; /* as for the lines of another file */
  ck_assert_int_eq(pal_step_read(&names, "{\"x\":\"z\",\"next\":\"z\"}", &line, &error),
                   PAL_E_FORMAT);
  ck_assert_msg(strstr(error.text, "x[0] is \"z\", none of the 6 tokens") != NULL, "%s",
                error.text);
  pal_step_names_free(&names);
}
END_TEST

/* ---- the task -------------------------------------------------------------------------------- */

static pal_context *context;
static char path[256];

static void setup(void) {
  pal_error error = {0};
  context = pal_open(NULL, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
  snprintf(path, sizeof path, "%s", at("steps.jsonl"));
  FILE *file = fopen(path, "w");
  fprintf(file, "\xEF\xBB\xBF# a comment\n\n");
  for (int i = 0; i < 25; i++)
    fprintf(file, "{\"x\":\"%c_\",\"next\":\"%cb\"}\r\n", 'a' + i, 'a' + i);
  for (int i = 0; i < LINES; i++)
    if (lines[i].why) fprintf(file, "%s\n", lines[i].line);
  fprintf(file, "{\"x\":\"a\",\"next\":\"a%c\"}", 0);
  fclose(file);
}

static void teardown(void) {
  unlink(path);
  pal_context_free(context);
}

static pal_task *open_with(const char *a, const char *b, pal_error *error) {
  const char *const setting[] = {a, b};
  return pal_task_new(context, "transitions", setting, b ? 2 : 1, error);
}

static void find_tokens(const pal_setting *setting, void *data) {
  if (strcmp(setting->name, "tokens") == 0) snprintf(data, 256, "tokens=%s", setting->value);
}

START_TEST(a_file_is_a_task) {
  char setting[300], text[8192], tokens[256] = "";
  pal_error error = {0};
  int n = 0;
  snprintf(setting, sizeof setting, "data=%s", path);
  pal_task *task = open_with(setting, NULL, &error);
  ck_assert_msg(task != NULL, "%s", error.text);
  const pal_task_definition *d = pal_task_definition_of(task);
  ck_assert_int_eq(d->train_size(task), 23);
  ck_assert_str_eq(d->set_name(task, 0), "held-out");
  ck_assert(!pal_task_set_size(task, 0, &n, &error) && n == 2);
  ck_assert(pal_task_format(task)->vocabulary == 26 && pal_task_format(task)->context == 2);
  /* Ten refused lines are shown, then their number. */
  const size_t size = d->refused(task, text, sizeof text);
  ck_assert(size == strlen(text) && strstr(text, "steps.jsonl:28: no edit explains the step"));
  int shown = 0;
  for (const char *c = text; *c; c++) shown += *c == '\n';
  ck_assert_int_eq(shown, 11);
  ck_assert_msg(strstr(text, "\n11 more, 21 in all\n") != NULL, "%s", text);
  pal_stream stream;
  pal_example e;
  ck_assert_int_eq(pal_task_stream(task, PAL_FORM_ANSWER, 1, &stream, &error), PAL_E_UNSUPPORTED);
  ck_assert(!pal_task_stream(task, PAL_FORM_TRANSITION, 1, &stream, &(pal_error){0}));
  for (int i = 0; i < 100; i++) {
    ck_assert(!stream.next(stream.self, &e, &error));
    ck_assert(e.transition.n == 2 && e.transition.state[1] == 25 && e.transition.y[1] == 1);
    ck_assert(e.transition.state[0] != 9 && e.transition.state[0] != 19); /* held out */
  }
  stream.free(stream.self);
  /* A right step and a wrong one. */
  ck_assert(!pal_task_instance(task, 0, 0, PAL_FORM_TRANSITION, &e, &error));
  const int32_t right[] = {9, 1}, wrong[] = {9, 2};
  ck_assert(d->score(task, &e, PAL_FORM_TRANSITION, right, 2).exact);
  ck_assert(!d->score(task, &e, PAL_FORM_TRANSITION, wrong, 2).exact);
  ck_assert(!d->score(task, &e, PAL_FORM_TRANSITION, right, 1).exact);
  d->traits(task, &e, PAL_FORM_TRANSITION, text, sizeof text);
  ck_assert_str_eq(text, "write");
  d->write(task, &e, PAL_FORM_TRANSITION, text, sizeof text);
  ck_assert_str_eq(text, "{\"x\":[\"j\",null],\"next\":[\"j\",\"b\"]}");
  ck_assert(!pal_task_read(task, text, PAL_FORM_TRANSITION, 1, &e, &error) && e.prompt[1] == 25);
  pal_task_settings(task, find_tokens, tokens);
  pal_task_free(task);
  task = open_with(tokens, NULL, &error); /* a run without its file */
  ck_assert_msg(task != NULL && pal_task_format(task)->vocabulary == 26, "%s", error.text);
  pal_task_free(task);
}
END_TEST

START_TEST(what_is_no_task_is_refused) {
  static const struct {
    const char *setting[2], *says;
  } bad[] = {{{"mask=_", NULL}, "steps of which file?"},
             {{"mask=", NULL}, "mask is a name"},
             {{"tokens=[\"a\",\"a\"]", NULL}, "an array of different names"},
             {{"tokens=a b", NULL}, "an array of different names"},
             {{"data=/nowhere", NULL}, "/nowhere"},
             {{"tokens=[\"Z\"]", "data"}, "every line of a file is refused; the first is"},
             {{"rows=1", "data"}, "longer than rows=1"}};
  char setting[300];
  snprintf(setting, sizeof setting, "data=%s", path);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    pal_error error = {0};
    ck_assert_ptr_null(open_with(bad[i].setting[0], bad[i].setting[1] ? setting : NULL, &error));
    ck_assert_msg(strstr(error.text, bad[i].says) != NULL, "%s", error.text);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("transitions");
  TCase *steps = tcase_create("steps"), *tasks = tcase_create("task");
  tcase_set_timeout(steps, 60);
  tcase_add_test(steps, labels_are_the_fewest);
  tcase_add_test(steps, ties_go_to_the_right);
  tcase_add_test(steps, lines_are_read_or_refused);
  tcase_add_checked_fixture(tasks, setup, teardown);
  tcase_add_test(tasks, a_file_is_a_task);
  tcase_add_test(tasks, what_is_no_task_is_refused);
  suite_add_tcase(suite, steps);
  suite_add_tcase(suite, tasks);
  return run_in_scratch(suite);
}
