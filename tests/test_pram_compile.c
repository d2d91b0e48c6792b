/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of a parallel machine compiled into an AP-MDM, MDM and ARM, against the interpreter: the
 * whole state after every step, the number of passes and of rows, and weights that do not depend on
 * n. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/machine.h"
#include "tests/run.h"

static pal_context *context;

static void setup(void) {
  pal_error error = {0};
  context = pal_open(NULL, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
}

static void teardown(void) { pal_context_free(context); }

static const char *const models[] = {"ap-mdm", "mdm", "arm"};

/* Compiles a program, which must be possible. */
static void open_machine(machine *m, const char *model, const pal_pram *program) {
  pal_error error = {0};
  ck_assert_msg(!machine_open(m, context, model, program, &error), "%s", error.text);
}

/* ---- random programs ---------------------------------------------------------------------- */

START_TEST(random_programs) {              /* tests/fuzz_pram runs thousands */
  static const int limit[] = {40, 16, 12}; /* the rows of an mdm and arm grow with the steps */
  const int programs[] = {WHOLE_OR_SHORT(60, 6), WHOLE_OR_SHORT(24, 2), WHOLE_OR_SHORT(24, 2)};
  for (int i = 0; i < programs[_i]; i++) {
    char text[MACHINE_TEXT] = "";
    pal_error error = {0};
    int wrong = 0;
    const pal_status status = machine_compare_random(context, models[_i], 3, (uint64_t)i, limit[_i],
                                                     text, &wrong, NULL, &error);
    ck_assert_msg(!status && wrong == 0, "%s, program %d: %d differences %s\n%s", models[_i], i,
                  wrong, error.text, text);
  }
}
END_TEST

/* ---- the programs of examples/pram -------------------------------------------------------- */

static pal_pram *example(const char *name, int n) {
  const char *folder = getenv("srcdir");
  char path[600];
  pal_error error = {0};
  snprintf(path, sizeof path, "%s/examples/pram/%s.pram", folder ? folder : ".", name);
  pal_pram *program = pal_pram_read(path, n, &error);
  ck_assert_msg(program != NULL, "%s", error.text);
  return program;
}

static void compare_example(const char *model, const char *name, int n) {
  pal_pram *program = example(name, n);
  int32_t memory[200];
  machine m;
  pal_error error = {0};
  int wrong = 0;
  open_machine(&m, model, program);
  pal_pram_instance(program, 1, (uint64_t)n, memory);
  ck_assert_msg(!machine_compare(&m, memory, 2000, &wrong, NULL, &error), "%s", error.text);
  ck_assert_msg(wrong == 0, "%s in %s, n=%d: %d differences", name, model, n, wrong);
  machine_close(&m);
  pal_pram_free(program);
}

START_TEST(example_programs) {
  static const struct {
    const char *name;
    int n;
  } want[] = {{"prefix_sums", 9}, {"maximum", 12}, {"list_ranking", 7}, {"components", 6},
              {"brackets", 8},    {"sort", 6},     {"qbf", 2},          {"walk", 4}};
  for (size_t i = 0; i < sizeof want / sizeof *want; i++)
    for (int n = 2; n <= WHOLE_OR_SHORT(want[i].n, 2); n += want[i].n > 2 ? want[i].n - 2 : 1)
      compare_example("ap-mdm", want[i].name, n);
}
END_TEST

START_TEST(example_programs_with_all_steps) {
  static const char *const name[] = {"prefix_sums", "maximum", "list_ranking", "brackets", "sort"};
  for (size_t i = 0; i < sizeof name / sizeof *name; i++)
    for (int n = 2; n <= WHOLE_OR_SHORT(3, 0) && (n == 2 || i < 3); n++)
      for (int k = 1; k <= 2; k++) compare_example(models[k], name[i], n);
}
END_TEST

/* All weights but the position table are the same bytes for every n, and for every compilation. */
START_TEST(weights_do_not_depend_on_n) {
  machine a, b, again;
  pal_pram *four = example("list_ranking", 4), *nine = example("list_ranking", 9);
  open_machine(&a, models[_i], four);
  open_machine(&b, models[_i], nine);
  open_machine(&again, models[_i], four);
  int compared = 0;
  for (int i = 0; pal_store_parameter_at(a.store, i); i++) {
    pal_variable *v = pal_store_parameter_at(a.store, i);
    pal_variable *w = pal_store_find(b.store, pal_variable_name(v));
    pal_variable *x = pal_store_find(again.store, pal_variable_name(v));
    ck_assert(w && x);
    ck_assert_mem_eq(pal_variable_data(v), pal_variable_data(x), pal_variable_bytes(v));
    if (strcmp(pal_variable_name(v), "model.position.weight") == 0) continue;
    ck_assert_uint_eq(pal_variable_bytes(v), pal_variable_bytes(w));
    ck_assert_mem_eq(pal_variable_data(v), pal_variable_data(w), pal_variable_bytes(v));
    compared++;
  }
  /* four blocks; embedding and output; in an ap-mdm the edit weight and bias */
  ck_assert_int_eq(compared, 4 * 4 + 2 + (_i == 0 ? 2 : 0));
  machine_close(&a);
  machine_close(&b);
  machine_close(&again);
  pal_pram_free(four);
  pal_pram_free(nine);
}
END_TEST

/* A model with other settings is refused by name and not written to. */
START_TEST(another_model) {
  pal_pram *program = example("maximum", 4);
  pal_error error = {0};
  const pal_format format = {
      .vocabulary = 1026, .mask = 1024, .bos = -1, .eos = 1025, .context = 99};
  pal_store *store = pal_store_new(1);
  pal_model *model = pal_model_new(context, store, "ap-mdm", &format, NULL, 0, &error);
  ck_assert_int_eq(pal_pram_compile(program, model, &error), PAL_E_ARGUMENT);
  ck_assert_msg(strstr(error.text, "the model is not made for this program") != NULL, "%s",
                error.text);
  pal_model_free(model);
  pal_store_free(store);
  pal_pram_free(program);
}
END_TEST

/* ---- the task ----------------------------------------------------------------------------- */

static pal_task *open_task(const char *name, int n) {
  const char *folder = getenv("srcdir");
  char program[600], size[32];
  const char *list[] = {program, size};
  pal_error error = {0};
  snprintf(program, sizeof program, "program=%s/examples/pram/%s.pram", folder ? folder : ".",
           name);
  snprintf(size, sizeof size, "n=%d", n);
  pal_task *task = pal_task_new(context, PAL_PRAM_TASK, list, 2, &error);
  ck_assert_msg(task != NULL, "%s", error.text);
  return task;
}

typedef struct sequence {
  int n;
  int32_t token[600];
} sequence;

static void keep(int index, const pal_decoded *decoded, void *data) {
  sequence *to = data;
  (void)index;
  to->n = decoded->n;
  memcpy(to->token, decoded->token, sizeof *to->token * (size_t)decoded->n);
}

/* The labels of training states are what the compiled network does in these states. */
START_TEST(training_examples) {
  pal_task *task = open_task("maximum", 5);
  pal_pram *program = example("maximum", 5);
  machine m;
  pal_error error = {0};
  pal_stream stream;
  int settled = 0, last = 0, remasking = 0;
  open_machine(&m, "ap-mdm", program);
  const pal_decode_options options = {.sequences = 1, .max_steps = 1};
  pal_decoder *decoder = pal_decoder_new(m.model, &options, &error);
  ck_assert_msg(decoder && !pal_task_stream(task, PAL_FORM_TRANSITION, 4, &stream, &error), "%s",
                error.text);
  for (int i = 0; i < WHOLE_OR_SHORT(200, 20); i++) {
    pal_example e;
    sequence want, got;
    ck_assert_msg(!stream.next(stream.self, &e, &error), "%s", error.text);
    const pal_transition *t = &e.transition;
    want.n = pal_transition_apply(t, 1024, want.token, 600);
    const pal_example prompt = {.prompt = t->state, .n_prompt = t->n};
    ck_assert_msg(!pal_decode(decoder, &prompt, 1, keep, &got, &error), "%s", error.text);
    ck_assert_int_eq(got.n, want.n);
    ck_assert_mem_eq(got.token, want.token, sizeof *got.token * (size_t)got.n);
    const bool masks = t->state[1] == 1024 || t->state[2] == 1024;
    remasking += t->remask[1] || t->remask[2];
    last += masks && !t->remask[1] && !t->remask[2];
    settled += !masks;
  }
  ck_assert(!WHOLE_BUILD || (settled && last && remasking > 100));
  stream.free(stream.self);
  pal_decoder_free(decoder);
  machine_close(&m);
  pal_pram_free(program);
  pal_task_free(task);
}
END_TEST

/* The memories of training are not those that are evaluated, whose seed is the same number. This
 * program does not write the last cell. */
START_TEST(training_memories) {
  enum { N = 5, FEW = 20 };
  pal_task *task = open_task("maximum", N);
  pal_error error = {0};
  pal_stream stream;
  int same = 0;
  ck_assert_msg(!pal_task_stream(task, PAL_FORM_TRANSITION, 1, &stream, &error), "%s", error.text);
  for (int i = 0; i < FEW; i++) {
    pal_example trained, evaluated;
    ck_assert(!stream.next(stream.self, &trained, &error));
    ck_assert(!pal_task_instance(task, 0, i, PAL_FORM_TRANSITION, &evaluated, &error));
    const int32_t *state = trained.transition.state + 2 * N - 1;
    same += (state[0] < 1024 ? state[0] : state[1]) == evaluated.prompt[2 * N - 1];
  }
  ck_assert_int_lt(same, 3);
  stream.free(stream.self);
  pal_task_free(task);
}
END_TEST

/* The score accepts the interpreter's final state and nothing else; lines are read as written. */
START_TEST(scores_and_lines) {
  pal_task *task = open_task("prefix_sums", 4);
  const pal_task_definition *d = pal_task_definition_of(task);
  pal_error error = {0};
  pal_example e;
  char line[80];
  int32_t token[100];
  ck_assert(!pal_task_read(task, "3 1 4 1", PAL_FORM_TRANSITION, 1, &e, &error));
  ck_assert(d->write(task, &e, PAL_FORM_TRANSITION, line, sizeof line) == 7);
  ck_assert_str_eq(line, "3 1 4 1");
  ck_assert_int_eq(e.n_prompt, 2 * 32 + 1);
  token[0] = 0;
  for (int i = 0; i < 32; i++) token[1 + 2 * i] = token[2 + 2 * i] = e.answer[i];
  static const int sum[] = {3, 4, 8, 9};
  for (int i = 0; i < 4; i++) ck_assert_int_eq(e.answer[i], sum[i]);
  ck_assert(d->score(task, &e, PAL_FORM_TRANSITION, token, 65).exact);
  for (int i = 1; i < 65; i += 2) {
    token[i] ^= 1;
    ck_assert(!d->score(task, &e, PAL_FORM_TRANSITION, token, 65).valid);
    token[i + 1] ^= 1;
    const pal_score score = d->score(task, &e, PAL_FORM_TRANSITION, token, 65);
    ck_assert(score.valid && !score.exact);
    token[i] ^= 1, token[i + 1] ^= 1;
  }
  ck_assert_int_eq(pal_task_read(task, "3 1 4 1 5", PAL_FORM_TRANSITION, 1, &e, &error),
                   PAL_E_FORMAT);
  ck_assert(strstr(error.text, "more than 4 numbers") != NULL);
  error = (pal_error){0};
  ck_assert_int_eq(pal_task_read(task, "3 1024", PAL_FORM_TRANSITION, 1, &e, &error), PAL_E_FORMAT);
  ck_assert(strstr(error.text, "column 3: \"1024\"") != NULL);
  pal_task_free(task);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("pram_compile");
  TCase *tests = tcase_create("ap-mdm");
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_loop_test(tests, random_programs, 0, 3);
  tcase_add_test(tests, example_programs);
  tcase_add_test(tests, example_programs_with_all_steps);
  tcase_add_loop_test(tests, weights_do_not_depend_on_n, 0, 3);
  tcase_add_test(tests, another_model);
  tcase_add_test(tests, training_examples);
  tcase_add_test(tests, training_memories);
  tcase_add_test(tests, scores_and_lines);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
