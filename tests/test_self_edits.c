/* SPDX-License-Identifier: Apache-2.0 */
/* States of AP-MDM that are made from answers alone: a step of pal_edit by their labels leads to
 * the final sequence or nearer to it, whichever edits are taught; everything from nothing to the
 * whole occurs; no gap has rows to insert and rows to remove; a small model learns to write, to
 * remask, to delete and to grow from nothing; what contradicts itself is refused. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "models/self_edits.h"
#include "tests/columns.h"
#include "tests/lab.h"
#include "tests/run.h"

enum { LETTERS = 12, EOS = LETTERS, MASK, VOCABULARY, LONGEST = 12, CONTEXT = 64, DRAWS = 4000 };

static pal_format format_with(bool eos) {
  return (pal_format){
      .vocabulary = VOCABULARY, .mask = MASK, .bos = -1, .eos = eos ? EOS : -1, .context = CONTEXT};
}

/* Different letters, so that each can only stand for itself. */
typedef struct sequence {
  int32_t prompt[LONGEST], answer_token[LONGEST], whole[LONGEST + 8];
  int n, given, answer; /* of the final sequence; of the prompt; rows that may be damaged */
  pal_example example;
} sequence;

/* A prompt of 0 to 3 letters and the others as its answer; or, `within`, all of them as the prompt,
 * with masks instead of those in odd places. */
static sequence draw(const pal_format *f, const pal_self_edits *edits, bool within, uint64_t id) {
  pal_rng rng = pal_rng_new(1, "letters", 0, id);
  sequence s = {.n = (int)pal_rng_below(&rng, LONGEST + 1)};
  for (int i = 0; i < s.n; i++) s.whole[i] = i;
  for (int i = s.n - 1; i > 0; i--) {
    const int k = (int)pal_rng_below(&rng, (uint32_t)i + 1);
    const int32_t letter = s.whole[i];
    s.whole[i] = s.whole[k];
    s.whole[k] = letter;
  }
  s.given = within ? s.n : (int)pal_rng_below(&rng, s.n < 3 ? (uint32_t)s.n + 1 : 4);
  int n = 0;
  for (int i = 0; i < s.n; i++) {
    s.prompt[i] = within && i % 2 ? MASK : s.whole[i];
    if (within ? i % 2 == 1 : i >= s.given) s.answer_token[n++] = s.whole[i];
  }
  s.answer = n;
  int ends = f->eos < 0 || (within && n > 0) ? 0 : edits->insert || edits->remove ? 1 : 3;
  if (ends == 3 && within) ends = 1; /* it has no answer_room */
  if (!edits->insert && !edits->remove) s.answer += ends;
  for (int i = 0; i < ends; i++) s.whole[s.n++] = f->eos;
  s.example = (pal_example){
      .id = id, .n_prompt = s.given, .n_answer = n, .answer_room = within ? 0 : n + 3};
  return s;
}

/* How far a state is from the final sequence: rows that its gaps lack and rows that they have too
 * much, and wrong tokens. A gap is between two letters that are in their place; masks that stay and
 * wrong tokens are its rows. */
typedef struct distance {
  int lacks, surplus, wrong;
  bool order; /* the visible tokens that are not wrong stand in the order of the final sequence */
} distance;

static distance distance_of(const sequence *s, const int32_t *token, const uint8_t *wrong,
                            const uint8_t *removed, int n) {
  distance d = {.order = true};
  for (int i = 0, at = 0, rows = 0; i <= n; i++) {
    if (i < n && (token[i] == MASK || (wrong && wrong[i]))) {
      rows += !(removed && removed[i]);
      d.wrong += token[i] != MASK;
      continue;
    }
    const int first = at;
    while (at < s->n && (i == n || s->whole[at] != token[i])) at++;
    d.lacks += at - first > rows ? at - first - rows : 0;
    d.surplus += rows > at - first ? rows - (at - first) : 0;
    d.order &= i == n || at < s->n;
    at++;
    rows = 0;
  }
  return d;
}

typedef struct seen {
  int target, remask, insert, remove, runs, nothing, whole, surplus_token;
} seen;

/* Labels as bytes. */
typedef struct labels {
  uint8_t remask[256], insert[256], remove[256];
} labels;

/* Checks what each label stands at, and that between two visible rows there are labels to insert or
 * to remove, never both. */
static labels check_labels(const pal_self_edits *edits, const pal_batch *b, seen *all) {
  const int32_t *y = integers_of(b, "target");
  labels l = {{0}, {0}, {0}};
  int here = 0;
  ck_assert_int_lt(b->rows, 256);
  for (int i = 0; i < b->rows; i++) {
    const bool masked = b->token[i] == MASK;
    l.remask[i] = reals_of(b, "remask")[i] > 0;
    l.insert[i] = reals_of(b, "insert")[i] > 0;
    l.remove[i] = reals_of(b, "remove")[i] > 0;
    ck_assert(!l.remask[i] || (edits->remask && !masked));
    ck_assert(!l.insert[i] || (edits->insert && !masked));
    ck_assert(!l.remove[i] || (edits->remove && masked && !l.insert[i]));
    ck_assert((y[i] >= 0) == (masked && !l.remove[i]));
    if (!masked) here = 0;
    here |= l.insert[i] | l.remove[i] << 1;
    ck_assert_int_ne(here, 3);
    all->target += y[i] >= 0;
    all->remask += l.remask[i], all->insert += l.insert[i], all->remove += l.remove[i];
  }
  return l;
}

/* What the prompt gives stands, without a label that it is wrong. */
static void check_given(const sequence *s, const pal_batch *b, const labels *l) {
  for (int k = 0; k < s->given; k++) {
    bool there = s->prompt[k] == MASK;
    for (int i = 0; i < b->rows; i++) there |= b->token[i] == s->prompt[k] && !l->remask[i];
    ck_assert(there);
  }
}

/* Checks one state with labels, by the batch in which it stands, and counts what it shows. */
static void check_state(const sequence *s, const pal_self_edits *edits, const pal_batch *b,
                        seen *all) {
  const int n = (int)b->rows;
  const labels l = check_labels(edits, b, all);
  check_given(s, b, &l);
  int32_t next[512];
  const pal_transition t = {.state = b->token,
                            .y = integers_of(b, "target"),
                            .remask = l.remask,
                            .insert = l.insert,
                            .remove = l.remove,
                            .n = n};
  const int m = pal_transition_apply(&t, MASK, next, 512);
  const bool same = n == s->n && !memcmp(b->token, s->whole, sizeof *next * (size_t)n);
  const bool done = m == s->n && !memcmp(next, s->whole, sizeof *next * (size_t)m);
  all->whole += same;
  if (!edits->insert && !edits->remove) { /* rows stay where they are */
    ck_assert(m == n && n == s->n);
    for (int i = 0; i < n; i++) ck_assert_int_eq(next[i], l.remask[i] ? MASK : s->whole[i]);
    return;
  }
  int inserts = 0;
  for (int i = 0; i < n; i++) inserts += l.insert[i];
  const distance before = distance_of(s, b->token, l.remask, l.remove, n),
                 after = distance_of(s, next, NULL, NULL, m);
  ck_assert_msg(before.order && after.order, "a token is wrong and not labelled");
  const int far = before.lacks + before.surplus + 2 * before.wrong;
  ck_assert(far ? after.lacks + after.surplus < far : done);
  if (before.wrong == 0) {
    ck_assert_int_eq(before.surplus, 0);
    ck_assert_int_eq(after.lacks, before.lacks - inserts);
    ck_assert_int_eq(after.surplus, 0);
  }
  all->runs += after.lacks > 0;
  all->surplus_token += after.surplus > 0;
  all->nothing += s->answer > 3 && before.lacks == s->answer;
}

/* The final sequences of all kinds of examples, with each edit switched on and off. */
START_TEST(labels_lead_to_the_whole) {
  const pal_self_edits edits = {_i & 1, _i & 2, _i & 4, 0.5};
  const bool eos = _i & 8;
  const pal_format format = format_with(eos);
  char flag[4][32];
  snprintf(flag[0], sizeof flag[0], "may_remask=%d", edits.remask);
  snprintf(flag[1], sizeof flag[1], "may_insert=%d", edits.insert);
  snprintf(flag[2], sizeof flag[2], "may_delete=%d", edits.remove);
  const char *const setting[] = {
      "layers=1", "width=8", "heads=1", "noise=0.5", "learn_from=answers",
      flag[0],    flag[1],   flag[2],   NULL};
  seen all = {0};
  lab l;
  lab_open(&l, 1, "ap-mdm", &format, setting);
  ck_assert_int_eq(pal_model_form(l.model), PAL_FORM_ANSWER);
  lab_build(&l, false);
  for (uint64_t id = 0; id < DRAWS; id++) {
    sequence s = draw(&format, &edits, id % 4 == 3, id);
    s.example.prompt = s.prompt;
    s.example.answer = s.answer_token;
    pal_batch_clear(&l.batch);
    lab_add(&l, &s.example, id, false);
    ck_assert_int_eq(l.batch.sequences, 1);
    check_state(&s, &edits, &l.batch, &all);
  }
  ck_assert_int_gt(all.target, DRAWS);
  ck_assert_int_gt(all.whole, DRAWS / 20);
  ck_assert((all.remask > DRAWS / 4) == edits.remask);
  ck_assert((all.insert > DRAWS / 4) == edits.insert);
  ck_assert((all.runs > DRAWS / 16) == edits.insert);
  ck_assert((all.nothing > DRAWS / 80) == edits.insert);
  ck_assert((all.remove > DRAWS / 4) == edits.remove);
  ck_assert((all.surplus_token > DRAWS / 80) == (edits.remove && edits.remask));
  lab_close(&l);
}
END_TEST

/* ---- learning to grow ------------------------------------------------------------------------ */

enum { WORD = 5, STEPS = WHOLE_OR_SHORT(800, 2) };

/* After a letter from 0 to 3 come the next ones, modulo 8, as many as WORD. */
static pal_example word_after(int32_t first, int32_t *token) {
  for (int i = 0; i <= WORD; i++) token[i] = (first + i) % 8;
  return (pal_example){.id = (uint64_t)first,
                       .prompt = token,
                       .n_prompt = 1,
                       .answer = token + 1,
                       .n_answer = WORD,
                       .answer_room = WORD + 3};
}

static const struct {
  const char *setting[3];
  int first; /* rows before the first step */
} kinds[] = {{{NULL}, 2},
             {{"may_remask=0"}, 2},
             {{"may_delete=0", "may_remask=0"}, 2},
             {{"may_insert=0"}, 1 + WORD + 3},
             {{"may_insert=0", "may_delete=0"}, 1 + WORD + 3}};

/* The state before the first step, in the first of `data`'s elements; the whole, in the others. */
static void note_first(int index, const pal_decoded *state, void *data) {
  if (state->forward_passes == 0) ((int *)data)[index] = state->n;
}

START_TEST(a_word_grows) {
  const pal_format format = format_with(true);
  const char *setting[12] = {"layers=2",  "width=32",      "heads=2", "learn_from=answers",
                             "noise=0.3", "tau_write=0.5", "guess=1"};
  int n = 7, first[4] = {0};
  for (int i = 0; i < 3 && kinds[_i].setting[i]; i++) setting[n++] = kinds[_i].setting[i];
  lab l;
  int32_t token[4][WORD + 1];
  pal_example word[4];
  static lab_decoded out[4];
  lab_open(&l, 1, "ap-mdm", &format, setting);
  lab_build(&l, true);
  for (int32_t k = 0; k < 4; k++) word[k] = word_after(k, token[k]);
  for (int step = 1; step <= STEPS; step++) {
    pal_batch_clear(&l.batch);
    for (int i = 0; i < 64; i++) {
      word[i % 4].id = (uint64_t)i;
      lab_add(&l, &word[i % 4], (uint64_t)step, false);
    }
    lab_run(&l, step, 4e-3);
  }
  const pal_decode_options options = {
      .sequences = 4, .max_length = 40, .max_steps = 60, .watch = note_first, .watch_data = first};
  lab_decode(&l, &options, word, 4, out);
  for (int k = 0; k < 4; k++) {
    ck_assert_int_eq(first[k], kinds[_i].first);
    ck_assert_msg(!WHOLE_BUILD || (out[k].halted && out[k].n == WORD + 1 &&
                                   !memcmp(out[k].token, token[k], sizeof token[k])),
                  "word %d: %d rows", k, out[k].n);
  }
  lab_close(&l);
}
END_TEST

/* Heads that are switched off do nothing, whatever the weights. */
START_TEST(edits_that_are_off_never_happen) {
  const pal_format format = format_with(true);
  const char *const setting[] = {"layers=1",
                                 "width=16",
                                 "heads=1",
                                 "learn_from=answers",
                                 "may_remask=0",
                                 "may_insert=0",
                                 "may_delete=0",
                                 "tau_insert=0",
                                 "tau_remove=0",
                                 "tau_remask=0",
                                 NULL};
  int32_t token[WORD + 1];
  static lab_decoded out[1];
  lab l;
  lab_open(&l, 1, "ap-mdm", &format, setting);
  lab_build(&l, false);
  lab_shake(&l, 1);
  const pal_example word = word_after(1, token);
  const pal_decode_options options = {.sequences = 1, .max_length = 40, .max_steps = 3};
  lab_decode(&l, &options, &word, 1, out);
  ck_assert(out[0].halted && out[0].passes <= 2 && out[0].n <= 1 + WORD + 3);
  ck_assert_int_eq(out[0].token[0], 1);
  lab_close(&l);
}
END_TEST

/* ---- refusals -------------------------------------------------------------------------------- */

START_TEST(what_contradicts_itself_is_refused) {
  static const struct {
    const char *setting[3], *says;
  } bad[] = {{{"may_insert=0"}, "may_insert=0 needs learn_from=answers"},
             {{"may_delete=0"}, "may_delete=0 needs learn_from=answers"},
             {{"may_remask=0", "learn_from=traces"}, "may_remask=0 needs learn_from=answers"},
             {{"learn_from=answers", "noise=0"}, "remasking could not be learned"},
             {{"learn_from=answers", "noise=0", "may_remask=0"}, "deleting could not be learned"},
             {{"learn_from=answers", "window=4"}, "window=4 is for learn_from=traces"}};
  const pal_format format = format_with(true);
  lab l;
  lab_open(&l, 1, "arm", &format, NULL);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    pal_error error = {0};
    int n = 0;
    while (n < 3 && bad[i].setting[n]) n++;
    ck_assert_ptr_null(
        pal_model_new(l.context, l.store, "ap-mdm", &format, bad[i].setting, n, &error));
    ck_assert_msg(error.code == PAL_E_ARGUMENT && strstr(error.text, bad[i].says), "%s",
                  error.text);
  }
  lab_close(&l);
}
END_TEST

START_TEST(unsuitable_examples_are_refused) {
  static const int32_t state[] = {MASK, 0, MASK}, y[] = {1, -1, 1};
  static const uint8_t none[3];
  const pal_example bad[] = {
      {.id = 7, .prompt = state, .n_prompt = 3, .answer = state + 1, .n_answer = 1},
      {.id = 7, .transition = {state, y, NULL, none, none, none, 3}}};
  static const char *const says[] = {"1 tokens does not fill a prompt of 2 masks",
                                     "example 7 is a labelled state"};
  const char *const setting[] = {"layers=1", "width=8", "heads=1", "learn_from=answers", NULL};
  const pal_format format = format_with(true);
  lab l;
  lab_open(&l, 1, "ap-mdm", &format, setting);
  lab_build(&l, false);
  for (int i = 0; i < 2; i++) {
    pal_error error = {0};
    pal_rng rng = pal_rng_new(1, "rows", 0, 0);
    ck_assert_int_eq(
        pal_model_definition_of(l.model)->rows(l.model, &bad[i], &rng, false, &l.batch, &error),
        PAL_E_ARGUMENT);
    ck_assert_msg(strstr(error.text, says[i]) != NULL, "%s", error.text);
  }
  lab_close(&l);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("self_edits");
  TCase *tests = tcase_create("self_edits");
  tcase_set_timeout(tests, 120);
  tcase_add_loop_test(tests, labels_lead_to_the_whole, 0, 16);
  tcase_add_loop_test(tests, a_word_grows, 0, sizeof kinds / sizeof *kinds);
  tcase_add_test(tests, edits_that_are_off_never_happen);
  tcase_add_test(tests, what_contradicts_itself_is_refused);
  tcase_add_test(tests, unsuitable_examples_are_refused);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
