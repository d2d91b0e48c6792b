/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku with the decoder and the trainer: the restart policy, written as a decoding step of ops,
 * solves every test puzzle; a short training run learns its steps. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/sudoku_task.h"
#include "tests/lab.h"
#include "tests/run.h"

#include <palimpsest/train.h>

/* ---- the policy as a step -------------------------------------------------------------------- */

static pal_sudoku_shape shape; /* of the puzzles at hand */

typedef struct scene {
  pal_graph *g;
  const pal_decoding *d;
  pal_value at[3];     /* i32 [T]: a row of the same sequence that stands for the row's unit */
  pal_value candidate; /* f32 [T, n] */
  pal_value masked;    /* flags [T], as are these: */
  pal_value dead;      /* part of a conflict */
} scene;

static pal_value whole(const scene *s, int32_t x) {
  return pal_constant(s->g, pal_type_scalar(PAL_I32), &x);
}

static pal_value rows_of(const scene *s, const int32_t *table, int n, pal_value index) {
  return pal_gather_rows(s->g, pal_constant(s->g, PAL_TYPE(PAL_I32, PAL_STATIC, n), table), index);
}

static pal_value any(const scene *s, pal_value flag) {
  return pal_gather_rows(s->g, pal_segment_any(s->g, flag, s->d->begin, s->d->length),
                         s->d->sequence);
}

static pal_value is(const scene *s, pal_value x, double value, pal_relation relation) {
  return pal_compare(s->g, x, pal_scalar(s->g, value), relation);
}

static pal_value flag_if_any(const scene *s, pal_value flags) { /* over digits */
  return is(s, pal_sum(s->g, pal_cast(s->g, flags, PAL_F32), 1, false), 0, PAL_GT);
}

/* Sums over all rows of each unit: f32 [T, n], unit u of a sequence in its row u. */
static pal_value unit_sums(const scene *s, pal_value x) {
  pal_value sum = pal_affine(s->g, x, 0, 0);
  for (int k = 0; k < 3; k++) sum = pal_add(s->g, sum, pal_scatter_add_rows(s->g, x, s->at[k], x));
  return sum;
}

static void look(scene *s) {
  pal_graph *g = s->g;
  int32_t digit[3 * PAL_SUDOKU_MOST + 1], unit[PAL_SUDOKU_CELLS];
  const pal_value begin = pal_gather_rows(g, s->d->begin, s->d->sequence);
  for (int v = 0; v <= 3 * shape.n; v++) digit[v] = pal_sudoku_digit(&shape, v) - 1;
  for (int k = 0; k < 3; k++) {
    for (int c = 0; c < shape.cells; c++) unit[c] = shape.of[c][k];
    s->at[k] = pal_add(g, begin, rows_of(s, unit, shape.cells, s->d->position));
  }
  const pal_value shown = pal_one_hot(g, rows_of(s, digit, 3 * shape.n + 1, s->d->token), shape.n);
  const pal_value placed = unit_sums(s, shown);
  pal_value seen = pal_affine(g, shown, 0, 0);
  for (int k = 0; k < 3; k++) seen = pal_add(g, seen, pal_gather_rows(g, placed, s->at[k]));
  s->masked = pal_compare(g, s->d->token, whole(s, 0), PAL_EQ);
  const pal_value open = pal_sub(g, pal_scalar(g, 1), pal_sum(g, shown, 1, true)); /* [T, 1] */
  s->candidate = pal_mul(g, open, pal_cast(g, is(s, seen, 0, PAL_EQ), PAL_F32));
  const pal_value places = unit_sums(s, s->candidate);
  const pal_value broken =
      pal_or(g, is(s, placed, 1, PAL_GT), is(s, pal_add(g, placed, places), 0, PAL_EQ));
  const pal_value unit_row = pal_compare(g, s->d->position, whole(s, shape.units), PAL_LT);
  const pal_value none = is(s, pal_sum(g, s->candidate, 1, false), 0, PAL_EQ);
  s->dead = pal_or(g, pal_and(g, unit_row, flag_if_any(s, broken)), pal_and(g, s->masked, none));
}

/* f32 [T, n]: digits that are the only candidate, or without another place in a unit. */
static pal_value forced_digits(const scene *s) {
  pal_graph *g = s->g;
  const pal_value places = unit_sums(s, s->candidate);
  pal_value only = is(s, pal_sum(g, s->candidate, 1, true), 1, PAL_EQ);
  pal_value forced = pal_mul(g, s->candidate, pal_cast(g, only, PAL_F32));
  for (int k = 0; k < 3; k++) {
    const pal_value single = is(s, pal_gather_rows(g, places, s->at[k]), 1, PAL_EQ);
    forced = pal_maximum(g, forced, pal_mul(g, s->candidate, pal_cast(g, single, PAL_F32)));
  }
  return forced;
}

static void policy_step(const pal_model *model, pal_graph *g, pal_decoding *d) {
  scene s = {.g = g, .d = d};
  (void)model;
  look(&s);
  const pal_value digits = forced_digits(&s), cell = flag_if_any(&s, digits);
  const pal_value conflict = any(&s, s.dead), fills = any(&s, cell);
  const pal_value guessed = pal_compare(g, d->token, whole(&s, 2 * shape.n), PAL_GT);
  const pal_value speculative = any(&s, guessed);
  const pal_value given = pal_compare(g, d->token, whole(&s, shape.n), PAL_LE);
  const pal_value erased =
      pal_and(g, conflict, pal_where(g, speculative, guessed, pal_not(g, given)));
  const pal_value written = pal_and(g, pal_not(g, conflict), cell);

  /* Nothing forced: one of the cells with the fewest candidates, any of them. */
  const pal_value score =
      pal_add(g, pal_affine(g, pal_sum(g, s.candidate, 1, false), -1, 0),
              pal_affine(g, pal_sum(g, pal_gumbel(g, d->random, 1), 1, false), 0.01, 0));
  const pal_value idle =
      pal_not(g, pal_segment_any(g, pal_or(g, s.dead, cell), d->begin, d->length));
  const pal_value guess = pal_segment_top_k(
      g, pal_where(g, s.masked, score, pal_scalar(g, -INFINITY)), d->begin, d->length, idle);
  const pal_value logits =
      pal_where(g, is(&s, s.candidate, 0, PAL_GT), pal_scalar(g, 0), pal_scalar(g, -1e9));
  const pal_value drawn = pal_categorical(g, logits, pal_scalar(g, 1), 0, 1, d->random);
  const pal_value speculates = pal_or(g, speculative, guess);
  const pal_value first =
      pal_where(g, speculates, whole(&s, 2 * shape.n + 1), whole(&s, shape.n + 1));
  const pal_value y =
      pal_add(g, first, pal_where(g, fills, pal_argmax(g, digits, 1, false), drawn));
  const pal_value stays = pal_and(g, s.masked, pal_not(g, pal_or(g, written, guess)));
  const pal_value none = pal_affine(g, d->token, 0, 0);
  const pal_edited e =
      pal_edit(g, d->token, y, pal_or(g, erased, stays), none, none, d->begin, d->length, 0, 0);
  d->next_token = e.tokens;
  d->next_begin = e.begin;
  d->next_length = e.length;
  const pal_value left = pal_compare(g, e.tokens, whole(&s, 0), PAL_EQ);
  d->done = pal_not(g, pal_or(g, e.changed, pal_segment_any(g, left, e.begin, e.length)));
}

static pal_model_definition policy = {.abi_size = sizeof(pal_model_definition),
                                      .name = "policy",
                                      .form = PAL_FORM_TRANSITION,
                                      .step = policy_step};

/* ---- every test puzzle ----------------------------------------------------------------------- */

enum { MOST_TESTS = 200 };

typedef struct judged {
  pal_task *task;
  pal_example e[MOST_TESTS];
  int exact, passes;
} judged;

static void judge(int index, const pal_decoded *decoded, void *data) {
  judged *j = data;
  const pal_score score = pal_task_definition_of(j->task)->score(
      j->task, &j->e[index], PAL_FORM_TRANSITION, decoded->token, decoded->n);
  j->exact += score.exact && score.valid && decoded->halted;
  j->passes += decoded->forward_passes;
}

static pal_task *open_task(lab *l, const char *const *setting, int n) {
  ck_assert_msg(!pal_register_tasks(l->context, &l->error), "%s", l->error.text);
  pal_task *task = pal_task_new(l->context, "sudoku", setting, n, &l->error);
  ck_assert_msg(task != NULL, "%s", l->error.text);
  return task;
}

static const struct {
  int n, tests;
  const char *setting[3];
} set[] = {{9, MOST_TESTS, {"size=9", "puzzles=1", "test_puzzles=200"}},
           {4, MOST_TESTS, {"size=4", "puzzles=1", "test_puzzles=200"}},
           {16, 10, {"size=16", "puzzles=1", "test_puzzles=10"}}};

START_TEST(oracle_under_the_decoder) {
  lab l;
  static judged j;
  static int32_t token[2][MOST_TESTS][PAL_SUDOKU_CELLS];
  const pal_format any_format = {.vocabulary = 4, .mask = 0, .bos = -1, .eos = -1, .context = 9};
  lab_open(&l, 2, "arm", &any_format, NULL);
  pal_model_free(l.model);
  memset(&j, 0, sizeof j);
  j.task = open_task(&l, set[_i].setting, 3);
  ck_assert(pal_sudoku_shape_init(&shape, set[_i].n));
  lab_define(&l, &policy);
  l.model = pal_model_new(l.context, l.store, "policy", pal_task_format(j.task), NULL, 0, &l.error);
  ck_assert_msg(l.model != NULL, "%s", l.error.text);
  for (int i = 0; i < set[_i].tests; i++) {
    pal_example e;
    ck_assert(
        !pal_task_definition_of(j.task)->instance(j.task, 0, i, PAL_FORM_TRANSITION, &e, &l.error));
    for (int c = 0; c < e.n_prompt; c++) token[0][i][c] = e.prompt[c], token[1][i][c] = e.answer[c];
    j.e[i] = e;
    j.e[i].prompt = token[0][i];
    j.e[i].answer = token[1][i];
  }
  const pal_decode_options options = {
      .sequences = set[_i].tests, .max_length = shape.cells, .max_steps = 20000, .seed = 1};
  pal_decoder *decoder = pal_decoder_new(l.model, &options, &l.error);
  ck_assert_msg(decoder != NULL, "%s", l.error.text);
  ck_assert_msg(!pal_decode(decoder, j.e, set[_i].tests, judge, &j, &l.error), "%s", l.error.text);
  printf("oracle, size %d: %d of %d, %.1f passes\n", set[_i].n, j.exact, set[_i].tests,
         (double)j.passes / set[_i].tests);
  ck_assert_int_eq(j.exact, set[_i].tests);
  pal_decoder_free(decoder);
  pal_task_free(j.task);
  lab_close(&l);
}
END_TEST

/* ---- ten seconds of training ----------------------------------------------------------------- */

enum { STATES = 512 };

typedef struct probe {
  int32_t token[STATES][16];
  pal_example e[STATES];
  int right[2], n; /* whole steps taken as the policy would */
} probe;

/* What the policy, under the decoder without guesses, makes of a state: any of its equally good
 * digits will do. */
static bool as_the_policy(const int32_t *state, const int32_t *next) {
  uint8_t old[16];
  pal_sudoku_view view;
  for (int c = 0; c < 16; c++) old[c] = (uint8_t)state[c];
  pal_sudoku_look(&shape, old, &view);
  const int kind = view.speculative ? PAL_SUDOKU_SPECULATIVE : PAL_SUDOKU_ROOT;
  for (int c = 0; c < 16; c++) {
    int32_t want = state[c];
    if (view.conflict && state[c] && (int)pal_sudoku_kind_of(&shape, state[c]) == kind) want = 0;
    if (!view.conflict && view.forced[c]) {
      const int digit = next[c] ? pal_sudoku_digit(&shape, next[c]) : 0;
      if (!digit || !(view.forced[c] >> (digit - 1) & 1)) return false;
      want = pal_sudoku_token(&shape, (enum pal_sudoku_kind)kind, digit);
    }
    if (next[c] != want) return false;
  }
  return true;
}

static void mark_step(int index, const pal_decoded *decoded, void *data) {
  probe *p = data;
  p->right[p->n] += decoded->n == 16 && as_the_policy(p->token[index], decoded->token);
}

/* One decoding step from each of the states. */
static void measure(lab *l, probe *p, int when) {
  const pal_decode_options options = {.sequences = STATES, .max_length = 20, .max_steps = 1};
  pal_decoder *decoder = pal_decoder_new(l->model, &options, &l->error);
  ck_assert_msg(decoder != NULL, "%s", l->error.text);
  p->n = when;
  ck_assert_msg(!pal_decode(decoder, p->e, STATES, mark_step, p, &l->error), "%s", l->error.text);
  pal_decoder_free(decoder);
}

START_TEST(short_training_improves_held_out_steps) {
  lab l;
  static probe p;
  pal_stream training, held_out;
  static const char *const puzzles[] = {"size=4", "puzzles=10"}, *const others[] = {"size=4",
                                                                                    "puzzles=200",
                                                                                    "seed=2"};
  static const char *const model[] = {
      "layers=2",        "heads=4",        "width=32",       "hidden=64",
      "activation=relu", "positions=none", "tau_unmask=0.5", NULL};
  static const char *const train[] = {"steps=250",        "batch=32",  "shard=16",
                                      "rate=0.004",       "warmup=20", "matrix_optimizer=muon",
                                      "matrix_rate=0.02", "clip=0"};
  const pal_format any_format = {.vocabulary = 4, .mask = 0, .bos = -1, .eos = -1, .context = 9};
  lab_open(&l, 2, "arm", &any_format, NULL);
  pal_model_free(l.model);
  memset(&p, 0, sizeof p);
  ck_assert(pal_sudoku_shape_init(&shape, 4));
  pal_task *task = open_task(&l, puzzles, 2);
  pal_task *other = pal_task_new(l.context, "sudoku", others, 3, &l.error);
  ck_assert(other && !pal_task_definition_of(task)->stream(task, PAL_FORM_TRANSITION, 1, &training,
                                                           &l.error));
  ck_assert(
      !pal_task_definition_of(other)->stream(other, PAL_FORM_TRANSITION, 2, &held_out, &l.error));
  for (int i = 0; i < STATES; i++) {
    pal_example e;
    ck_assert(!held_out.next(held_out.self, &e, &l.error));
    memcpy(p.token[i], e.transition.state, sizeof p.token[i]);
    p.e[i] = (pal_example){.id = e.id, .prompt = p.token[i], .n_prompt = 16};
  }
  l.model = pal_model_new(l.context, l.store, "ap-mdm", pal_task_format(task), model, 7, &l.error);
  ck_assert_msg(l.model != NULL, "%s", l.error.text);
  pal_trainer *trainer = pal_trainer_new(l.model, &training, train, 8, &l.error);
  ck_assert_msg(trainer != NULL, "%s", l.error.text);
  measure(&l, &p, 0);
  while (pal_trainer_done(trainer) < pal_trainer_steps(trainer))
    ck_assert_msg(!pal_trainer_step(trainer, NULL, &l.error), "%s", l.error.text);
  measure(&l, &p, 1);
  printf("steps as the policy's on held-out states: %d of %d before, %d after training\n",
         p.right[0], STATES, p.right[1]);
  ck_assert_int_gt(p.right[1], p.right[0] + STATES / 4);
  pal_trainer_free(trainer);
  training.free(training.self);
  held_out.free(held_out.self);
  pal_task_free(task);
  pal_task_free(other);
  lab_close(&l);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("sudoku_oracle");
  TCase *tests = tcase_create("decoder");
  tcase_set_timeout(tests, 300);
  tcase_add_loop_test(tests, oracle_under_the_decoder, 0, sizeof set / sizeof *set);
  tcase_add_test(tests, short_training_improves_held_out_steps);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
