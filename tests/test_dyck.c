/* SPDX-License-Identifier: Apache-2.0 */
/* The task dyck: checker, exact counts, uniform words, growth by edits, lines, judging. */
#include <check.h>
#include <math.h>
#include <string.h>

#include <palimpsest/task.h>

#include "tasks/dyck.h"
#include "tests/run.h"

enum { K = 2, BOS = 2 * K, EOS, MASK, MOST = 600 };
static const pal_dyck_growth growth = {.kinds = K, .longest = 8, .bos = 0.8, .letter = 0.1};

/* Whether a string cancels, by the definition: deletes one pair of neighbours after the other. */
static bool cancels(const int32_t *token, int n) {
  int32_t rest[MOST];
  memcpy(rest, token, sizeof *token * (size_t)n);
  for (int i = 0; i + 1 < n;) {
    if (rest[i] != (rest[i + 1] ^ 1)) {
      i++;
      continue;
    }
    memmove(rest + i, rest + i + 2, sizeof *rest * (size_t)(n - i - 2));
    n -= 2;
    i = 0;
  }
  return n == 0;
}

/* String number `at` of n letters. */
static void string_at(int kinds, int n, int at, int32_t *token) {
  for (int i = 0; i < n; i++, at /= 2 * kinds) token[i] = at % (2 * kinds);
}

static int strings(int kinds, int n) {
  int all = 1;
  for (int i = 0; i < n; i++) all *= 2 * kinds;
  return all;
}

START_TEST(counts_are_those_of_enumeration) {
  static const int longest[DYCK_MOST_KINDS] = {8, 8, 6, 5};
  static pal_dyck_table table;
  int32_t token[8], stack[8];
  for (int kinds = 1; kinds <= DYCK_MOST_KINDS; kinds++) {
    pal_dyck_table_fill(&table, kinds);
    for (int n = 0; n <= longest[kinds - 1]; n++) {
      uint64_t words = 0;
      for (int at = 0; at < strings(kinds, n); at++) {
        string_at(kinds, n, at, token);
        const bool word = cancels(token, n);
        ck_assert_int_eq(pal_dyck_reduce(kinds, token, n, stack) == 0, word);
        words += word;
      }
      ck_assert_uint_eq((uint64_t)table.count[n][0], words);
    }
  }
  pal_dyck_table_fill(&table, K);
  const uint64_t known[] = {1, 4, 28, 232, 2092};
  for (int i = 0; i < 5; i++) ck_assert_uint_eq((uint64_t)table.count[2 * i][0], known[i]);
}
END_TEST

START_TEST(every_string_of_letters_is_counted_once) {
  static pal_dyck_table table;
  for (int kinds = 1; kinds <= DYCK_MOST_KINDS; kinds++) {
    pal_dyck_table_fill(&table, kinds);
    pal_dyck_count reduced = 1, all = 1, sum; /* words of d letters that do not cancel */
    for (int n = 0; n <= DYCK_MOST_LENGTH; n++, all *= 2 * (unsigned)kinds) {
      sum = table.count[n][0];
      reduced = 2 * (unsigned)kinds;
      for (int d = 1; d <= n; d++, reduced *= 2 * (unsigned)kinds - 1)
        sum += reduced * table.count[n][d];
      ck_assert(sum == all);
    }
  }
}
END_TEST

START_TEST(what_is_no_letter_is_no_word) {
  int32_t stack[4];
  ck_assert_int_eq(pal_dyck_reduce(K, (const int32_t[]){0, MASK, 1}, 3, stack), -1);
  ck_assert_int_eq(pal_dyck_reduce(K, (const int32_t[]){-1, 0}, 2, stack), -1);
  ck_assert_int_eq(pal_dyck_reduce(1, (const int32_t[]){2, 3}, 2, stack), -1);
  ck_assert_int_eq(pal_dyck_reduce(K, (const int32_t[]){0, 3, 2}, 3, stack), 1);
}
END_TEST

/* Chi-square over all 232 words of 6 letters: 231 degrees of freedom, mean 231, deviation 21.5. */
START_TEST(words_are_drawn_uniformly) {
  static pal_dyck_table table;
  static int seen[4096];
  enum { WORDS = 232, EACH = 100 };
  pal_rng rng = pal_rng_new(5, "test", 0, 0);
  pal_dyck_table_fill(&table, K);
  int32_t token[DYCK_MOST_LENGTH], stack[DYCK_MOST_LENGTH];
  for (int i = 0; i < WORDS * EACH; i++) {
    int at = 0;
    pal_dyck_draw(&table, 6, &rng, token);
    ck_assert(cancels(token, 6));
    for (int j = 5; j >= 0; j--) at = at * 2 * K + token[j];
    seen[at]++;
  }
  double chi = 0;
  for (int at = 0; at < 4096; at++) {
    string_at(K, 6, at, token);
    if (cancels(token, 6)) chi += (double)(seen[at] - EACH) * (seen[at] - EACH) / EACH;
  }
  ck_assert_msg(chi > 231 - 4 * 21.5 && chi < 231 + 4 * 21.5, "chi-square %g", chi);
  for (int kinds = 1; kinds <= DYCK_MOST_KINDS; kinds++) {
    pal_dyck_table_fill(&table, kinds);
    pal_dyck_draw(&table, DYCK_MOST_LENGTH, &rng, token);
    ck_assert_int_eq(pal_dyck_reduce(kinds, token, DYCK_MOST_LENGTH, stack), 0);
  }
}
END_TEST

/* ---- growth by edits ----------------------------------------------------------------------- */

/* Goes on with labels from pal_dyck_label until nothing changes, through pal_transition_apply.
 * Returns the letters of the word, or -1 if it became longer than `most` rows. */
static int grow(const pal_dyck_growth *g, pal_dyck_step *s, pal_rng *rng, int most) {
  for (;;) {
    int32_t next[2 * DYCK_MOST_STATE], stack[DYCK_MOST_STATE];
    const pal_transition t = pal_dyck_transition(s);
    const int n = pal_transition_apply(&t, pal_dyck_mask(g->kinds), next, 2 * DYCK_MOST_STATE);
    if (n == s->n && memcmp(next, s->state, sizeof *next * (size_t)n) == 0) {
      ck_assert_int_eq(next[0], pal_dyck_bos(g->kinds));
      ck_assert_int_eq(next[n - 1], pal_dyck_eos(g->kinds));
      ck_assert_int_eq(pal_dyck_reduce(g->kinds, next + 1, n - 2, stack), 0);
      return n - 2;
    }
    if (n > most) return -1;
    memcpy(s->state, next, sizeof *next * (size_t)n);
    s->n = n;
    pal_dyck_label(g, s, rng);
  }
}

START_TEST(traces_end_in_words) {
  static pal_dyck_step step;
  int seen[5] = {0}, finished = 0;
  for (uint64_t id = 0; id < 4000; id++) {
    const pal_dyck_growth g = {1 + (int)id % 4, 8, 0.5, 0.05};
    pal_rng rng = pal_rng_new(1, "test", 0, id);
    pal_dyck_example(&g, &step, &rng);
    int letters = 0;
    for (int i = 0; i < step.n; i++) letters += step.state[i] < 2 * g.kinds;
    ck_assert_int_le(letters, 8);
    seen[letters / 2] += letters == step.n - 2;
    finished += grow(&g, &step, &rng, 120) >= 0;
  }
  for (int i = 0; i < 5; i++) ck_assert_int_gt(seen[i], 20); /* words of 0, 2 .. 8 letters */
  ck_assert_int_gt(finished, 3500);
}
END_TEST

/* Every one of the 265 words of at most 6 letters comes about, and no other. */
START_TEST(all_words_of_six_letters_grow) {
  static pal_dyck_step step;
  static bool seen[4][4096];
  const pal_dyck_growth even = {K, 8, 0.4, 0.2};
  int found = 0;
  for (uint64_t id = 0; id < 400000 && found < 265; id++) {
    pal_rng rng = pal_rng_new(2, "test", 0, id);
    int at = 0;
    step.n = 2;
    step.state[0] = BOS;
    step.state[1] = EOS;
    pal_dyck_label(&even, &step, &rng);
    const int n = grow(&even, &step, &rng, 12);
    if (n < 0 || n > 6) continue;
    for (int j = n; j > 0; j--) at = at * 2 * K + step.state[j];
    found += !seen[n / 2][at];
    seen[n / 2][at] = true;
  }
  ck_assert_int_ge(found, WHOLE_OR_SHORT(255, 1));
}
END_TEST

/* Labels say the chances of the settings in every state, also in that of the empty word, from which
 * a trace ends early if nothing is inserted. */
START_TEST(labels_have_the_chances_of_the_settings) {
  static pal_dyck_step step;
  int empty = 0, begun = 0, letters = 0, inserted = 0, y[2 * K] = {0};
  for (uint64_t id = 0; id < 40000; id++) {
    pal_rng rng = pal_rng_new(3, "test", 0, id);
    pal_dyck_example(&growth, &step, &rng);
    bool grown = true;
    for (int i = 0; i < step.n; i++) grown = grown && step.state[i] != MASK;
    for (int i = 0; i < step.n; i++)
      if (step.y[i] >= 0 && step.insert[i]) y[step.y[i]]++;
    if (step.n == 2) empty++, begun += step.insert[0];
    for (int i = 1; i < step.n - 1 && grown; i++) letters++, inserted += step.insert[i];
  }
  ck_assert_int_gt(empty, 4000);
  ck_assert(fabs((double)begun / empty - 0.8) < 0.03);
  ck_assert(fabs((double)inserted / letters - 0.1) < 0.01);
  for (int v = 0; v < 2 * K; v++)
    ck_assert(fabs(2.0 * K * y[v] / (y[0] + y[1] + y[2] + y[3]) - 1) < 0.1);
}
END_TEST

/* ---- the task ------------------------------------------------------------------------------- */

static pal_context *context;
static pal_task *task;

static void setup(void) {
  pal_error error = {0};
  context = pal_context_new(NULL, &error);
  ck_assert_msg(context && !pal_register_tasks(context, &error), "%s", error.text);
  task = pal_task_new(context, "dyck", NULL, 0, &error);
  ck_assert_msg(task != NULL, "%s", error.text);
}

static void teardown(void) {
  pal_task_free(task);
  pal_context_free(context);
}

START_TEST(streams_give_words_and_steps) {
  for (int form = PAL_FORM_ANSWER; form <= PAL_FORM_TRANSITION; form++) {
    pal_stream s, again;
    pal_error error = {0};
    pal_example e;
    char state[64];
    int lengths[17] = {0};
    ck_assert_msg(!pal_task_stream(task, (pal_form)form, 7, &s, &error), "%s", error.text);
    for (int i = 0; i < 1000; i++) {
      ck_assert_msg(!s.next(s.self, &e, &error), "%s", error.text);
      if (form == PAL_FORM_TRANSITION) continue;
      ck_assert(e.n_prompt == 1 && e.prompt[0] == BOS && e.answer_room == 33);
      ck_assert(e.n_answer % 2 == 0 && e.n_answer <= 32 && cancels(e.answer, e.n_answer));
      lengths[e.n_answer / 2]++;
    }
    for (int i = 0; i < 17 && form != PAL_FORM_TRANSITION; i++) ck_assert_int_gt(lengths[i], 25);
    const size_t bytes = s.save(s.self, state, sizeof state);
    ck_assert(!pal_task_stream(task, (pal_form)form, 7, &again, &error));
    ck_assert(!again.load(again.self, state, bytes, &error));
    ck_assert(!s.next(s.self, &e, &error));
    const uint64_t id = e.id;
    ck_assert(!again.next(again.self, &e, &error));
    ck_assert_uint_eq(e.id, id);
    s.free(s.self);
    again.free(again.self);
  }
}
END_TEST

START_TEST(answers_have_the_lengths_of_the_settings) {
  static const char *const some[] = {"answer_min=3", "answer_max=9"};
  static const char *const none[] = {"answer_min=9", "answer_max=9"};
  pal_error error = {0};
  pal_stream s;
  pal_example e;
  int lengths[5] = {0};
  ck_assert_ptr_null(pal_task_new(context, "dyck", none, 2, &error));
  ck_assert_msg(strstr(error.text, "from answer_min=9 to answer_max=9") != NULL, "%s", error.text);
  pal_task *bounded = pal_task_new(context, "dyck", some, 2, &(pal_error){0});
  ck_assert(!pal_task_stream(bounded, PAL_FORM_ANSWER, 7, &s, &(pal_error){0}));
  for (int i = 0; i < 300; i++) {
    ck_assert(!s.next(s.self, &e, &(pal_error){0}));
    ck_assert(e.n_answer >= 4 && e.n_answer <= 8);
    lengths[e.n_answer / 2]++;
  }
  for (int k = 2; k <= 4; k++) ck_assert_int_gt(lengths[k], 50);
  s.free(s.self);
  pal_task_free(bounded);
}
END_TEST

START_TEST(lines_are_words) {
  static const struct {
    const char *line, *text, *why;
  } all[] = {{"^", "^", NULL},
             {"abBA", "^abBA", NULL},
             {"^aABb", "^aABb", NULL},
             {"aAc", NULL, "character 3 is 'c'"},
             {"a A", NULL, "character 2 is ' '"},
             {"aAb", NULL, "even number"},
             {"abAB", NULL, "4 of its 4 letters are left"},
             {"aa", NULL, "2 of its 2 letters are left"},
             {"aAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaAaA", NULL, "at most 32 letters"}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    pal_error error = {0};
    pal_example e;
    char text[64];
    const pal_status status = pal_task_read(task, all[i].line, PAL_FORM_ANSWER, 1, &e, &error);
    ck_assert_int_eq(status, all[i].why ? PAL_E_FORMAT : PAL_OK);
    if (all[i].why) ck_assert_msg(strstr(error.text, all[i].why) != NULL, "%s", error.text);
    if (all[i].why) continue;
    pal_task_definition_of(task)->write(task, &e, PAL_FORM_ANSWER, text, sizeof text);
    ck_assert_str_eq(text, all[i].text);
    ck_assert(!pal_task_read(task, all[i].line, PAL_FORM_TRANSITION, 1, &e, &error));
    ck_assert_int_eq(e.prompt[e.n_prompt - 1], EOS);
    pal_task_definition_of(task)->write(task, &e, PAL_FORM_TRANSITION, text, sizeof text);
    ck_assert_str_eq(text, all[i].text);
  }
  pal_example e;
  ck_assert(!pal_task_read(task, "", PAL_FORM_ANSWER, 1, &e, NULL) && e.n_prompt == 0);
}
END_TEST

START_TEST(wrong_words_are_rejected) {
  static const struct {
    int n;
    int32_t token[7];
    bool valid;
    const char *outcome;
  } all[] = {{2, {BOS, EOS}, true, "   0 letters"},
             {6, {BOS, 0, 2, 3, 1, EOS}, true, "   4 letters"},
             {6, {BOS, 1, 0, 3, 2, EOS}, true, "   4 letters"},
             {6, {BOS, 0, 2, 1, 3, EOS}, false, "   4 letters"}, /* brackets that cross */
             {5, {BOS, 0, 1, 2, EOS}, false, "   3 letters"},
             {5, {BOS, 0, MASK, 1, EOS}, false, "   2 letters"},
             {3, {BOS, 0, 1}, false, "   2 letters"},
             {5, {BOS, 0, 1, EOS, EOS}, false, "   2 letters"},
             {4, {0, 1, BOS, EOS}, false, "   1 letters"},
             {1, {BOS}, false, "   0 letters"},
             {0, {0}, false, "   0 letters"}};
  pal_example e;
  ck_assert(!pal_task_instance(task, 0, 0, PAL_FORM_TRANSITION, &e, NULL));
  const pal_task_definition *d = pal_task_definition_of(task);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    const pal_score s = d->score(task, &e, PAL_FORM_TRANSITION, all[i].token, all[i].n);
    const pal_decoded decoded = {.token = all[i].token, .n = all[i].n, .halted = true};
    const pal_judged judged = {&e, PAL_FORM_TRANSITION, &decoded, s};
    char text[64];
    ck_assert_int_eq(s.exact, all[i].valid);
    ck_assert_int_eq(s.valid, all[i].valid);
    d->outcome(task, &judged, text, sizeof text);
    ck_assert_str_eq(text, all[i].outcome);
  }
}
END_TEST

int main(void) {
  Suite *s = suite_create("dyck");
  TCase *words = tcase_create("words");
  tcase_add_test(words, counts_are_those_of_enumeration);
  tcase_add_test(words, every_string_of_letters_is_counted_once);
  tcase_add_test(words, what_is_no_letter_is_no_word);
  tcase_add_test(words, words_are_drawn_uniformly);
  suite_add_tcase(s, words);
  TCase *edits = tcase_create("growth");
  tcase_add_test(edits, traces_end_in_words);
  tcase_add_test(edits, all_words_of_six_letters_grow);
  tcase_add_test(edits, labels_have_the_chances_of_the_settings);
  suite_add_tcase(s, edits);
  TCase *whole = tcase_create("task");
  tcase_add_checked_fixture(whole, setup, teardown);
  tcase_add_test(whole, streams_give_words_and_steps);
  tcase_add_test(whole, answers_have_the_lengths_of_the_settings);
  tcase_add_test(whole, lines_are_words);
  tcase_add_test(whole, wrong_words_are_rejected);
  suite_add_tcase(s, whole);
  return run_suite(s);
}
