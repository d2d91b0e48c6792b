/* SPDX-License-Identifier: Apache-2.0 */
/* The task sudoku: settings, formats, scoring of answers, files, held-out puzzles. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* mkstemp */
#endif
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/boards.h"
#include "tests/run.h"

static void next(pal_stream *s, pal_example *e) { HOLDS(!s->next(s->self, e, NULL)); }

/* ---- the task -------------------------------------------------------------------------------- */

static pal_context *context;
static const char good[] =
    "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79";
static const char solved[] =
    "534678912672195348198342567859761423426853791713924856961537284287419635345286179";

static pal_task *open_task(const char *const *setting, int n, pal_error *error) {
  return pal_task_new(context, "sudoku", setting, n, error);
}

static pal_task *open_well(const char *const *setting, int n) {
  pal_error error = {0};
  pal_task *task = open_task(setting, n, &error);
  ck_assert_msg(task != NULL, "%s", error.text);
  return task;
}

static void setup(void) {
  pal_error error = {0};
  boards_set_up();
  context = pal_context_new(NULL, &error);
  ck_assert_msg(context && !pal_register_tasks(context, &error), "%s", error.text);
}

static void teardown(void) { pal_context_free(context); }

START_TEST(settings_are_checked) {
  static const char *const bad[] = {"size=8",    "puzzles=0",  "puzzles=1.5", "givens=30-20",
                                    "givens=x",  "givens=0",   "givens=81",   "test_puzzles=0",
                                    "augment=2", "trace=long", "order=up",    "answer=none",
                                    "cap=0",     "seed=-1",    "lines=text"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    pal_error error = {0};
    ck_assert_msg(!open_task(&bad[i], 1, &error), "%s", bad[i]);
    HOLDS(error.code == PAL_E_ARGUMENT);
  }
  static const char *const both[] = {"trace=released", "size=4"};
  pal_error error = {0};
  HOLDS(!open_task(both, 2, &error) && error.code == PAL_E_UNSUPPORTED);
}
END_TEST

/* Boards of a user are read without the training puzzles; whatever needs these fails. */
START_TEST(puzzles_may_be_absent) {
  static const char *const setting[] = {"data=/nowhere"};
  static const char board[] =
      "6.7.952..38..7.1.....3...6..7...9..114.5........7..94..2....8.....2.46.97.8.5....";
  pal_task *task = open_well(setting, 1);
  pal_example e;
  pal_stream stream;
  int64_t n;
  HOLDS(!pal_task_read(task, board, PAL_FORM_TRANSITION, 0, &e, NULL) && e.n_prompt == 81);
  HOLDS(pal_task_stream(task, PAL_FORM_ANSWER, 1, &stream, NULL) == PAL_E_NOT_FOUND);
  HOLDS(pal_task_validation(task, PAL_FORM_ANSWER, 1, &stream, NULL) == PAL_E_NOT_FOUND);
  HOLDS(pal_task_instance(task, 0, 0, PAL_FORM_ANSWER, &e, NULL) == PAL_E_NOT_FOUND);
  HOLDS(!pal_task_train_size(task, &n, NULL) && n == 1);
  HOLDS(pal_task_train_instance(task, 0, PAL_FORM_ANSWER, &e, NULL) == PAL_E_NOT_FOUND);
  pal_task_free(task);
}
END_TEST

START_TEST(formats_describe_tokens_and_places) {
  static const char *const setting[] = {"answer=infill", "answer=append", "answer=pairs",
                                        "answer=moves"};
  static const int vocabulary[] = {28, 29, 28 + 81, 1 + 27 * 81}, rows[] = {81, 162, 162, 81};
  for (int i = 0; i < 4; i++) {
    const char *given[] = {setting[i], "puzzles=2"};
    pal_task *task = open_well(given, 2);
    const pal_format *f = pal_task_format(task);
    HOLDS(f->vocabulary == vocabulary[i] && f->context == rows[i] && f->mask == 0);
    HOLDS(f->groups == (i != 2 ? 3 : 0) && f->factors == 4);
    for (int p = 0; p < f->context * f->groups; p++) HOLDS(f->group[p] >= 0 && f->group[p] < 9);
    bool used[256] = {false};
    for (int v = 0; v < f->vocabulary; v++) {
      for (int w = 0; w < v; w++)
        HOLDS(memcmp(f->factor + 4 * v, f->factor + 4 * w, 4 * sizeof *f->factor) != 0);
      for (int k = 0; k < 4; k++) {
        ck_assert_int_lt(f->factor[4 * v + k], f->factor_rows);
        if (f->factor[4 * v + k] >= 0) used[f->factor[4 * v + k]] = true;
      }
    }
    for (int k = 0; k < f->factor_rows; k++) HOLDS(used[k] || (i == 2 && k == 13));
    pal_task_free(task);
  }
}
END_TEST

/* Gives each blank its answer: what a perfect model would leave. */
static int perfect(const pal_task *task, const pal_example *e, pal_form form, bool released,
                   const char *layout, int32_t *token) {
  (void)task;
  memcpy(token, e->prompt, sizeof *token * (size_t)e->n_prompt);
  if (form == PAL_FORM_TRANSITION) {
    for (int c = 0; c < e->n_answer; c++)
      if (released) token[4 * c] = e->answer[c];
      else if (!token[c]) token[c] = e->answer[c] + (c % 2 ? 9 : 0);
    return e->n_prompt;
  }
  if (strcmp(layout, "infill") == 0) {
    for (int i = 0, at = 0; i < e->n_prompt; i++)
      if (!token[i]) token[i] = e->answer[at++];
    return e->n_prompt;
  }
  memcpy(token + e->n_prompt, e->answer, sizeof *token * (size_t)e->n_answer);
  return e->n_prompt + e->n_answer;
}

/* A cell is given, deduced or speculative as its token says, and a mask where there is none. */
static void check_pictures(const pal_task *task, const pal_example *e, pal_form form,
                           const int32_t *token, int n) {
  enum { MASK, GIVEN, DEDUCED, SPECULATIVE };
  pal_picture start, end;
  char text[2048];
  pal_task_definition_of(task)->picture(task, e, form, e->prompt, e->n_prompt, &start);
  pal_task_definition_of(task)->picture(task, e, form, token, n, &end);
  HOLDS(start.rows == 9 && start.columns == 9 && start.block == 3 && start.sorts == 4);
  ck_assert_str_eq(start.sort_name[SPECULATIVE], "speculative");
  int given = 0, guessed = 0;
  for (int c = 0; c < 81; c++) {
    HOLDS(start.sort[c] == MASK ? start.glyph[c] == '.' : start.sort[c] == GIVEN);
    HOLDS(end.glyph[c] >= '1' && end.glyph[c] <= '9');
    HOLDS(start.sort[c] == GIVEN ? end.sort[c] == GIVEN && end.glyph[c] == start.glyph[c]
                                 : end.sort[c] == DEDUCED || end.sort[c] == SPECULATIVE);
    given += start.sort[c] == GIVEN;
    guessed += end.sort[c] == SPECULATIVE;
  }
  HOLDS(given >= 20 && given <= 28);
  const bool plain = form == PAL_FORM_TRANSITION && n == 81; /* here every other blank is guessed */
  HOLDS((guessed > 0) == plain);
  if (!plain) return;
  pal_task_definition_of(task)->print(task, token, n, text, sizeof text);
  HOLDS(memcmp(text, end.glyph, 81) == 0);
}

START_TEST(answers_are_judged) {
  static const struct {
    const char *trace, *layout, *order;
    pal_form form;
  } run[] = {
      {"restart", "infill", "reading", PAL_FORM_TRANSITION},
      {"released", "infill", "reading", PAL_FORM_TRANSITION},
      {"restart", "infill", "reading", PAL_FORM_ANSWER},
      {"restart", "append", "reading", PAL_FORM_ANSWER},
      {"restart", "pairs", "reading", PAL_FORM_ANSWER},
      {"restart", "pairs", "solver", PAL_FORM_ANSWER},
      {"restart", "moves", "reading", PAL_FORM_ANSWER},
      {"restart", "moves", "solver", PAL_FORM_ANSWER},
  };
  int full_and_wrong = 0;
  for (size_t r = 0; r < sizeof run / sizeof *run; r++) {
    char trace[32], layout[32], order[32], text[2048];
    snprintf(trace, sizeof trace, "trace=%s", run[r].trace);
    snprintf(layout, sizeof layout, "answer=%s", run[r].layout);
    snprintf(order, sizeof order, "order=%s", run[r].order);
    const char *setting[] = {trace, layout, order, "puzzles=3", "test_puzzles=5"};
    pal_task *task = open_well(setting, 5);
    const pal_task_definition *d = pal_task_definition_of(task);
    ck_assert_str_eq(d->set_name(task, 0), "held-out");
    HOLDS(d->set_name(task, 1) == NULL && d->set_size(task, 0) == 5);
    for (int i = 0; i < 5; i++) {
      pal_example e;
      int32_t token[400];
      HOLDS(!d->instance(task, 0, i, run[r].form, &e, NULL));
      const int n = perfect(task, &e, run[r].form, r == 1, run[r].layout, token);
      for (int k = 0; k < n; k++)
        HOLDS(token[k] >= 0 && token[k] < pal_task_format(task)->vocabulary);
      ck_assert_int_le(n, pal_task_format(task)->context);
      SAME(d->answer_room(task, &e, run[r].form), n - e.n_prompt);
      pal_score score = d->score(task, &e, run[r].form, token, n);
      HOLDS(score.exact && score.valid && score.kept);
      check_pictures(task, &e, run[r].form, token, n);
      d->print(task, token, n, text, sizeof text);
      HOLDS(strlen(text) >= 81);
      d->print(task, token, n, text, 5);
      HOLDS(strlen(text) < 5);
      score = d->score(task, &e, run[r].form, token, n - 1);
      HOLDS(!score.exact && !score.valid);
      HOLDS(score.kept == (strcmp(run[r].layout, "moves") == 0)); /* an answer with a blank */
      int32_t *last = &token[r == 1 ? 4 * 80 : n - 1]; /* another digit in the last place */
      *last = r == 1 ? *last % 9 + 1 : (*last - 1) / 9 * 9 + (*last % 9) + 1;
      score = d->score(task, &e, run[r].form, token, n);
      HOLDS(!score.exact && !score.valid);
      full_and_wrong += score.kept;
    }
    pal_task_free(task);
  }
  HOLDS(full_and_wrong > 6 * 5 / 2); /* the last cell is a given now and then */
}
END_TEST

/* Another solved board, its ones and twos exchanged: by the rules, but of another puzzle. */
START_TEST(boards_of_other_puzzles_are_valid) {
  static const char *const setting[] = {"answer=append", "puzzles=3", "test_puzzles=5"};
  pal_task *task = open_well(setting, 3);
  const pal_task_definition *d = pal_task_definition_of(task);
  for (int i = 0; i < 5; i++) {
    pal_example e;
    int32_t token[400];
    HOLDS(!d->instance(task, 0, i, PAL_FORM_ANSWER, &e, NULL));
    const int n = perfect(task, &e, PAL_FORM_ANSWER, false, "append", token);
    for (int k = e.n_prompt; k < n; k++) {
      const int digit = (token[k] - 1) % 9 + 1;
      if (digit <= 2) token[k] += digit == 1 ? 1 : -1;
    }
    const pal_score score = d->score(task, &e, PAL_FORM_ANSWER, token, n);
    HOLDS(!score.exact && score.valid && !score.kept);
  }
  pal_task_free(task);
}
END_TEST

START_TEST(streams_of_answers) {
  static const char *const setting[] = {"puzzles=4", "answer=append"};
  pal_task *task = open_well(setting, 2);
  pal_stream a, b;
  pal_example x, y;
  uint64_t state[2];
  HOLDS(!pal_task_definition_of(task)->stream(task, PAL_FORM_ANSWER, 1, &a, NULL));
  HOLDS(!pal_task_definition_of(task)->stream(task, PAL_FORM_ANSWER, 1, &b, NULL));
  for (int i = 0; i < 10; i++) next(&a, &x);
  SAME(a.save(a.self, state, sizeof state), sizeof state);
  HOLDS(!b.load(b.self, state, sizeof state, NULL));
  SAME(b.load(b.self, state, 3, NULL), PAL_E_FORMAT);
  state[1] ^= 1; /* other puzzles, or told in another form */
  SAME(b.load(b.self, state, sizeof state, NULL), PAL_E_ARGUMENT);
  next(&a, &x);
  next(&b, &y);
  HOLDS(x.id == 10 && y.id == 10 && x.n_prompt == 81 && x.n_answer == 81);
  ck_assert_mem_eq(x.prompt, y.prompt, 81 * sizeof *x.prompt);
  ck_assert_mem_eq(x.answer, y.answer, 81 * sizeof *x.answer);
  a.free(a.self);
  b.free(b.self);
  SAME(pal_task_definition_of(task)->stream(task, PAL_FORM_REASONED, 1, &a, NULL),
       PAL_E_UNSUPPORTED);
  pal_task_free(task);
}
END_TEST

static void write_bytes(char *path, const char *text, size_t n) {
  const int fd = mkstemp(path);
  HOLDS(fd >= 0 && write(fd, text, n) == (ssize_t)n && close(fd) == 0);
}

static void write_file(char *path, const char *text) { write_bytes(path, text, strlen(text)); }

START_TEST(training_puzzles_from_a_file) {
  char path[] = "/tmp/pal-sudoku-XXXXXX", wrong[] = "/tmp/pal-sudoku-XXXXXX";
  char setting[64], text[512];
  snprintf(text, sizeof text, "quizzes,solutions\r\n# a comment\n\n%s,%s\r\n%s", good, solved,
           good);
  write_file(path, text);
  snprintf(setting, sizeof setting, "data=%s", path);
  const char *all[] = {setting, "puzzles=0", "augment=0"};
  pal_task *task = open_well(all, 3);
  pal_stream stream;
  pal_example e;
  char line[200];
  HOLDS(!pal_task_definition_of(task)->stream(task, PAL_FORM_ANSWER, 1, &stream, NULL));
  for (int i = 0; i < 4; i++) {
    next(&stream, &e);
    pal_task_definition_of(task)->print(task, e.prompt, e.n_prompt, line, sizeof line);
    ck_assert_str_eq(line, good);
  }
  stream.free(stream.self);
  pal_task_free(task);
  snprintf(text, sizeof text, "%s\n%s\n%.80sx\n", good, good, good);
  write_file(wrong, text);
  snprintf(setting, sizeof setting, "data=%s", wrong);
  pal_error error = {0};
  HOLDS(!open_task(all, 1, &error) && error.code == PAL_E_FORMAT);
  ck_assert_msg(strstr(error.text, ":3: place 81 holds \"x\""), "%s", error.text);
  unlink(path);
  unlink(wrong);
}
END_TEST

START_TEST(zero_bytes_in_a_file) {
  char board[200], before[200], comment[200];
  const int n[] = {snprintf(board, sizeof board, "%s\n%s%crubbish\n", good, good, 0),
                   snprintf(before, sizeof before, "%s\n%crubbish\n", good, 0),
                   snprintf(comment, sizeof comment, "%s\n# so%cso\n", good, 0)};
  const char *const text[] = {board, before, comment};
  for (int i = 0; i < 3; i++) {
    char path[] = "/tmp/pal-sudoku-XXXXXX", setting[64];
    write_bytes(path, text[i], (size_t)n[i]);
    snprintf(setting, sizeof setting, "data=%s", path);
    const char *all[] = {setting, "puzzles=0"};
    pal_error error = {0};
    HOLDS(!open_task(all, 2, &error) && error.code == PAL_E_FORMAT);
    ck_assert_msg(strstr(error.text, ":2: the line holds a zero byte"), "%s", error.text);
    unlink(path);
  }
}
END_TEST

/* Ranges that have no puzzle are refused before one is looked for, by the setting's name. */
START_TEST(ranges_without_puzzles_are_refused) {
  static const struct {
    const char *size, *givens, *says;
  } run[] = {{"size=9", "givens=16", "givens is"},
             {"size=9", "givens=10-30", "givens is"},
             {"size=9", "test_givens=16-20", "test_givens is"},
             {"size=4", "givens=3", "givens is"},
             {"size=4", "test_givens=3-5", "test_givens is"}};
  for (size_t i = 0; i < sizeof run / sizeof *run; i++) {
    const char *setting[] = {run[i].size, run[i].givens, "puzzles=1"};
    pal_error error = {0};
    HOLDS(!open_task(setting, 3, &error) && error.code == PAL_E_ARGUMENT);
    ck_assert_msg(strstr(error.text, run[i].says) &&
                      strstr(error.text, i < 3 ? "from 17 to 80" : "from 4 to 15"),
                  "%s", error.text);
  }
  static const char *const good_one[] = {"size=4", "givens=4", "puzzles=2"};
  pal_task_free(open_well(good_one, 3));
}
END_TEST

/* Every puzzle of size 4 with 4 givens is equivalent to one of a thousand. */
START_TEST(failed_searches_name_the_setting) {
  static const char *const setting[] = {"size=4", "givens=4", "puzzles=1000", "test_givens=4"};
  for (int n = 3; n <= 4; n++) {
    pal_task *task = open_well(setting, n);
    pal_error error = {0};
    pal_example e;
    HOLDS(pal_task_definition_of(task)->instance(task, 0, 0, PAL_FORM_TRANSITION, &e, &error) ==
          PAL_E_ARGUMENT);
    ck_assert_msg(strstr(error.text, n == 3 ? "(setting givens)" : "(setting test_givens)"), "%s",
                  error.text);
    pal_task_free(task);
  }
  pal_sudoku_puzzles none = {.shape = &shape4};
  pal_error error = {0};
  HOLDS(pal_sudoku_puzzles_make(&none, (pal_sudoku_range){2, 3}, 1, 1, 1, &error) ==
        PAL_E_ARGUMENT);
  ck_assert_msg(strstr(error.text, "(setting givens)"), "%s", error.text);
  pal_sudoku_puzzles_free(&none);
}
END_TEST

START_TEST(held_out_puzzles_are_not_training_puzzles) {
  static const char *const without[] = {"puzzles=1", "test_puzzles=4", "size=4"};
  char path[] = "/tmp/pal-sudoku-XXXXXX", setting[64], text[200], before[64], after[64];
  pal_task *task = open_well(without, 3);
  pal_example e;
  uint8_t board[16], image[16];
  pal_sudoku_symmetry symmetry;
  HOLDS(!pal_task_definition_of(task)->instance(task, 0, 2, PAL_FORM_TRANSITION, &e, NULL));
  pal_task_definition_of(task)->print(task, e.prompt, e.n_prompt, before, sizeof before);
  for (int c = 0; c < 16; c++) board[c] = (uint8_t)e.prompt[c];
  pal_sudoku_symmetry_draw(&shape4, &rng, &symmetry);
  pal_sudoku_symmetry_apply(&shape4, &symmetry, board, image);
  pal_sudoku_write_line(&shape4, image, text);
  write_file(path, text);
  pal_task_free(task);
  snprintf(setting, sizeof setting, "data=%s", path);
  const char *with[] = {"puzzles=1", "test_puzzles=4", "size=4", setting};
  task = open_well(with, 4);
  HOLDS(!pal_task_definition_of(task)->instance(task, 0, 2, PAL_FORM_TRANSITION, &e, NULL));
  pal_task_definition_of(task)->print(task, e.prompt, e.n_prompt, after, sizeof after);
  ck_assert_str_ne(before, after);
  pal_task_free(task);
  unlink(path);
}
END_TEST

START_TEST(lines_are_read) {
  static const char *const setting[] = {"puzzles=1"};
  pal_task *task = open_well(setting, 1);
  pal_example e;
  pal_error error = {0};
  char text[100];
  HOLDS(!pal_task_definition_of(task)->read(task, good, PAL_FORM_TRANSITION, 7, &e, &error));
  pal_task_definition_of(task)->print(task, e.prompt, e.n_prompt, text, sizeof text);
  ck_assert_str_eq(text, good);
  HOLDS(e.id == 7 && pal_task_definition_of(task)->step_cap(task, &e, PAL_FORM_TRANSITION) == 2000);
  HOLDS(!pal_task_definition_of(task)->read(task, "quizzes,solutions", PAL_FORM_TRANSITION, 7, &e,
                                            &error));
  SAME(e.n_prompt, 0);
  HOLDS(pal_task_definition_of(task)->read(task, "12", PAL_FORM_TRANSITION, 7, &e, &error));
  pal_task_free(task);
}
END_TEST

/* In every form, and in all sizes: what is written is read back as the same instance. */
START_TEST(written_lines_are_read_back) {
  static const char *const form[] = {"lines=csv", "lines=board", "lines=row"};
  static const char *const size[] = {"size=4", "size=9", "size=16"};
  static const size_t cells[] = {16, 81, 256};
  for (int k = 0; k < 9; k++) {
    const char *setting[] = {form[k % 3], size[k / 3], "puzzles=1", "test_puzzles=2"};
    pal_task *task = open_well(setting, 4);
    const pal_task_definition *d = pal_task_definition_of(task);
    pal_example e;
    char line[PAL_SUDOKU_TEXT], start[300], again[300];
    int32_t answer[PAL_SUDOKU_CELLS];
    const char *heading = d->heading(task);
    HOLDS(k % 3 == 0 ? strcmp(heading, "quizzes,solutions") == 0 : heading == NULL);
    HOLDS(!heading ||
          (!d->read(task, heading, PAL_FORM_TRANSITION, 1, &e, NULL) && e.n_prompt == 0));
    HOLDS(!d->instance(task, 0, 1, PAL_FORM_TRANSITION, &e, NULL));
    d->print(task, e.prompt, e.n_prompt, start, sizeof start);
    memcpy(answer, e.answer, sizeof *answer * cells[k / 3]);
    const size_t length = d->write(task, &e, PAL_FORM_TRANSITION, line, sizeof line);
    HOLDS(length == strlen(line) && (strchr(line, ' ') != NULL) == (k % 3 == 2));
    HOLDS(k % 3 == 2 || length == (k % 3 ? cells[k / 3] : 2 * cells[k / 3] + 1));
    HOLDS(!d->read(task, line, PAL_FORM_TRANSITION, 1, &e, NULL));
    d->print(task, e.prompt, e.n_prompt, again, sizeof again);
    ck_assert_str_eq(start, again);
    ck_assert_mem_eq(answer, e.answer, sizeof *answer * cells[k / 3]);
    pal_task_free(task);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("sudoku_task");
  TCase *task = tcase_create("task");
  tcase_add_checked_fixture(task, setup, teardown);
  tcase_set_timeout(task, 60);
  tcase_add_test(task, settings_are_checked);
  tcase_add_test(task, puzzles_may_be_absent);
  tcase_add_test(task, formats_describe_tokens_and_places);
  tcase_add_test(task, answers_are_judged);
  tcase_add_test(task, boards_of_other_puzzles_are_valid);
  tcase_add_test(task, streams_of_answers);
  tcase_add_test(task, training_puzzles_from_a_file);
  tcase_add_test(task, zero_bytes_in_a_file);
  tcase_add_test(task, ranges_without_puzzles_are_refused);
  tcase_add_test(task, failed_searches_name_the_setting);
  tcase_add_test(task, held_out_puzzles_are_not_training_puzzles);
  tcase_add_test(task, lines_are_read);
  tcase_add_test(task, written_lines_are_read_back);
  suite_add_tcase(suite, task);
  return run_suite(suite);
}
