/* SPDX-License-Identifier: Apache-2.0 */
/* An any-order MDM as a Masked-ARM: the same choices by both decoders on boards of sudoku, the same
 * bits in the columns of the simulated network, and what cannot be simulated. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <palimpsest/palimpsest.h>

#include "tests/run.h"

enum { MOST = 24, BOARDS = 12, CELLS = 81 };

static pal_context *context;

static void setup(void) {
  const pal_options options = {.threads = 1};
  pal_error error = {0};
  context = pal_open(&options, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
}

static void teardown(void) { pal_context_free(context); }

/* A task with a model of it, with random weights. */
typedef struct side {
  pal_task *task;
  pal_store *store;
  pal_model *model;
  int32_t token[BOARDS][2][CELLS]; /* prompts and answers */
  pal_example example[BOARDS];
} side;

static void open_side(side *s, const char *model, const char *const *of_task, int n_task,
                      const char *const *of_model, int n_model) {
  pal_error error = {0};
  s->task = pal_task_new(context, "sudoku", of_task, n_task, &error);
  ck_assert_msg(s->task != NULL, "%s", error.text);
  s->store = pal_store_new(3);
  s->model =
      pal_model_new(context, s->store, model, pal_task_format(s->task), of_model, n_model, &error);
  ck_assert_msg(s->model != NULL, "%s", error.text);
  for (int i = 0; i < BOARDS; i++) {
    pal_example *e = &s->example[i];
    ck_assert(!pal_task_instance(s->task, 0, i, PAL_FORM_ANSWER, e, &error));
    e->prompt = memcpy(s->token[i][0], e->prompt, sizeof *e->prompt * (size_t)e->n_prompt);
    e->answer = memcpy(s->token[i][1], e->answer, sizeof *e->answer * (size_t)e->n_answer);
  }
}

static void close_side(side *s) {
  pal_model_free(s->model);
  pal_store_free(s->store);
  pal_task_free(s->task);
}

static const char *const sizes[] = {"size=4", "size=9"};
/* Opens an MDM; `more` are settings of it with blanks between. */
static void open_any_order(side *s, const char *size, const char *more) {
  static char text[256];
  const char *const of_task[] = {size, "puzzles=2", "test_puzzles=12"};
  const char *of_model[MOST] = {"layers=2", "width=24", "head_width=10", "order=log_margin",
                                "group_width=6"};
  int n = 5;
  snprintf(text, sizeof text, "%s", more);
  for (char *rest, *one = strtok_r(text, " ", &rest); one; one = strtok_r(NULL, " ", &rest))
    of_model[n++] = one;
  open_side(s, "mdm", of_task, 3, of_model, n);
  const pal_decode_options options = {.sequences = 1, .max_steps = 1};
  pal_decoder_free(pal_decoder_new(s->model, &options, NULL)); /* creates the parameters */
  pal_variable *v;
  for (int i = 0; (v = pal_store_parameter_at(s->store, i)) != NULL; i++) {
    pal_rng rng = pal_rng_new(11, pal_variable_name(v), 0, 0);
    float *x = pal_variable_data(v);
    for (size_t k = 0; k < pal_variable_bytes(v) / sizeof *x; k++)
      x[k] = (float)((strstr(pal_variable_name(v), "gain") ? 1 : 0) + 0.4 * pal_rng_normal(&rng));
  }
}

/* Opens the simulation of `from`, with weights; returns the bound. */
static double open_simulation(side *to, const side *from, const char *size) {
  char text[PAL_SIMULATE_SETTINGS][PAL_SIMULATE_SETTING];
  const char *of_task[4] = {size, "puzzles=2", "test_puzzles=12"}, *of_model[MOST];
  pal_error error = {0};
  int n = 0, models = 0;
  double bound = 0;
  ck_assert_msg(!pal_simulate_settings(from->model, text, &n, &error), "%s", error.text);
  for (int i = 0; i < n; i++)
    if (strncmp(text[i], "task.", 5) == 0) of_task[3] = text[i] + 5;
    else of_model[models++] = text[i] + strlen("model.");
  open_side(to, PAL_SIMULATE_MODEL, of_task, 4, of_model, models);
  ck_assert_msg(!pal_simulate(from->model, to->model, &bound, &error), "%s", error.text);
  return bound;
}

static const char *const kinds[] = {
    "heads=1 structure=heads positions=none activation=relu",
    "heads=2 structure=bias positions=learned activation=gelu",
    "heads=2 structure=none positions=factored activation=silu bias=1",
    "heads=3 structure=heads positions=none activation=gelu_erf norm=rms tied=1",
};

/* Hidden states of rows of tokens: a new array [n][width]. */
static float *hidden(const side *s, const int32_t *token, int n) {
  pal_error error = {0};
  pal_graph *g = pal_graph_new(context, s->store);
  const pal_model_definition *definition = pal_model_definition_of(s->model);
  const pal_batch_values in = pal_batch_inputs(g, definition, n, 1, false);
  const pal_network network = pal_network_of_batch(g, &in);
  pal_output(g, "hidden", pal_backbone(g, s->model, &network));
  pal_plan *plan = pal_compile(g, &error);
  pal_exec *exec = plan ? pal_exec_new(plan, &error) : NULL;
  ck_assert_msg(exec != NULL, "%s", error.text);
  pal_batch batch = pal_batch_of(exec, definition);
  ck_assert(pal_batch_add(&batch, token, n, 1, &error) == 0 && !pal_exec_run(exec, &error));
  const size_t bytes = sizeof(float) * (size_t)n * (size_t)pal_model_network(s->model)->width;
  float *copy = malloc(bytes);
  ck_assert_ptr_nonnull(copy);
  memcpy(copy, pal_exec_output(exec, "hidden", NULL), bytes);
  pal_exec_free(exec);
  pal_plan_free(plan);
  pal_graph_free(g);
  return copy;
}

/* The first columns of the simulation are those of the simulated model, on every board as given. */
static void check_columns(const side *from, const side *to) {
  const int w = (int)pal_model_network(from->model)->width;
  const int all = (int)pal_model_network(to->model)->width;
  for (int i = 0; i < BOARDS; i++) {
    const int n = from->example[i].n_prompt, given = to->example[i].n_prompt;
    int32_t move[CELLS] = {0};
    memcpy(move, to->example[i].prompt, sizeof *move * (size_t)given);
    float *a = hidden(from, from->example[i].prompt, n), *b = hidden(to, move, n);
    for (int r = 0; r < n; r++) ck_assert_mem_eq(a + r * w, b + r * all, sizeof *a * (size_t)w);
    free(a);
    free(b);
  }
}

START_TEST(the_same_choices) {
  for (int size = 0; size < 2; size++) {
    if (size == 1 && _i > (WHOLE_BUILD ? 1 : 0)) continue;
    side from, to;
    pal_simulation counts = {0};
    pal_error error = {0};
    open_any_order(&from, sizes[size], kinds[_i]);
    const double bound = open_simulation(&to, &from, sizes[size]);
    ck_assert(bound > 0 && bound < 1e-3);
    ck_assert_int_eq(pal_model_network(to.model)->layers, 2 + PAL_SIMULATE_LAYERS);
    check_columns(&from, &to);
    const int boards = size == 0 ? BOARDS : 2;
    ck_assert_msg(!pal_simulate_compare(from.model, to.model, bound, from.example, to.example,
                                        boards, &counts, &error),
                  "%s", error.text);
    ck_assert_int_eq(counts.wrong, 0);
    ck_assert_int_eq(counts.same + counts.parted, boards);
    ck_assert_int_ge(counts.decisions, 8 * boards);
    ck_assert_int_le(counts.close, counts.decisions / 20); /* the bound is no excuse */
    ck_assert_int_ge(counts.alike, counts.same);
    close_side(&from);
    close_side(&to);
  }
}
END_TEST

/* Without output weights all scores are 0: the lowest place is next, and its first token. */
START_TEST(ties_go_to_the_lowest_place) {
  side from, to;
  pal_simulation counts = {0};
  open_any_order(&from, "size=4", kinds[1]);
  pal_variable *v = pal_store_find(from.store, "model.output.weight");
  memset(pal_variable_data(v), 0, pal_variable_bytes(v));
  const double bound = open_simulation(&to, &from, "size=4");
  ck_assert(!pal_simulate_compare(from.model, to.model, bound, from.example, to.example, BOARDS,
                                  &counts, NULL));
  ck_assert_int_eq(counts.same, BOARDS);
  ck_assert_int_eq(counts.alike, BOARDS);
  ck_assert_int_eq(counts.close, counts.decisions);
  close_side(&from);
  close_side(&to);
}
END_TEST

/* A simulation of another model makes other choices, which are counted as wrong. */
START_TEST(other_choices_are_found) {
  side from, to;
  pal_simulation counts = {0};
  open_any_order(&from, "size=4", kinds[1]);
  const double bound = open_simulation(&to, &from, "size=4");
  float *table = pal_variable_data(pal_store_find(from.store, "model.output.weight"));
  for (int i = 0; i < 4 * 24; i++) table[i] += (float)(i % 5) / 50;
  ck_assert(!pal_simulate_compare(from.model, to.model, bound, from.example, to.example, BOARDS,
                                  &counts, NULL));
  ck_assert_int_gt(counts.wrong, 0);
  ck_assert_int_lt(counts.same, BOARDS);
  close_side(&from);
  close_side(&to);
}
END_TEST

START_TEST(what_cannot_be_simulated) {
  static const struct {
    const char *model, *task, *setting, *says;
  } bad[] = {
      {"masked-arm", "answer=infill", "positions=none", "takes a run of mdm"},
      {"mdm", "answer=infill", "order=confidence", "order=log_margin, and this run with"},
      {"mdm", "answer=infill", "order=margin", "--set model.order=log_margin"},
      {"mdm", "answer=infill", "k=2", "with k=1"},
      {"mdm", "answer=infill", "temperature=1", "with temperature=0"},
      {"mdm", "answer=infill", "positions=rotary", "positions=rotary"},
      {"mdm", "answer=infill", "time=adaln", "time=adaln"},
      {"mdm", "answer=infill", "norm=none", "no bound"},
      {"mdm", "answer=infill", "norm_width=8", "norm_width"},
      {"mdm", "answer=infill", "attention_window=4", "attention_window"},
      {"mdm", "answer=infill", "head_width=5", "heads of 6 columns"},
      {"mdm", "answer=infill", "decode_precision=bf16", "f32"},
      {"mdm", "answer=append", "positions=none", "answer=infill"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    side from, to;
    const char *const of_task[] = {"size=4", "test_puzzles=12", bad[i].task};
    const char *const of_model[] = {"layers=1",        "width=16",       "heads=2",
                                    "head_width=8",    "positions=none", bad[i].setting,
                                    "order=log_margin"};
    const bool other = strcmp(bad[i].model, "mdm") != 0 || strncmp(bad[i].setting, "order", 5) == 0;
    char text[PAL_SIMULATE_SETTINGS][PAL_SIMULATE_SETTING];
    pal_error error = {0};
    double bound;
    int n;
    open_side(&from, bad[i].model, of_task, 3, of_model, other ? 6 : 7);
    const pal_status status = pal_simulate_settings(from.model, text, &n, &error);
    if (!status) { /* then no task fits */
      const char *const moves[] = {"size=4", "test_puzzles=12", "answer=moves"};
      open_side(&to, PAL_SIMULATE_MODEL, moves, 3, of_model, 5);
      ck_assert(pal_simulate(from.model, to.model, &bound, &error));
      close_side(&to);
    }
    ck_assert_msg(error.code == PAL_E_UNSUPPORTED && strstr(error.text, bad[i].says), "%s: %s",
                  bad[i].setting, error.text);
    close_side(&from);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("simulate");
  TCase *tests = tcase_create("any order");
  tcase_set_timeout(tests, 120);
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_loop_test(tests, the_same_choices, 0, sizeof kinds / sizeof *kinds);
  tcase_add_test(tests, ties_go_to_the_lowest_place);
  tcase_add_test(tests, other_choices_are_found);
  tcase_add_test(tests, what_cannot_be_simulated);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
