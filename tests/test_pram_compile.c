/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of a parallel machine compiled into an AP-MDM, against the interpreter: the whole state
 * after every pass, the number of passes and of rows, and weights that do not depend on n. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <palimpsest/palimpsest.h>

#include "tests/run.h"

static pal_context *context;

static void setup(void) {
  pal_error error = {0};
  context = pal_open(NULL, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
}

static void teardown(void) { pal_context_free(context); }

typedef struct machine {
  pal_pram *program; /* borrowed */
  pal_store *store;
  pal_model *model;
} machine;

static void open_machine(machine *m, pal_pram *program) {
  char setting[PAL_PRAM_SETTINGS][PAL_PRAM_SETTING];
  const char *list[PAL_PRAM_SETTINGS];
  pal_error error = {0};
  const int n = pal_pram_settings(program, setting), words = 1 << program->word;
  for (int i = 0; i < n; i++) list[i] = setting[i];
  const pal_format format = {.vocabulary = words + 1,
                             .mask = words,
                             .bos = -1,
                             .eos = -1,
                             .context = (int)pal_pram_rows(program)};
  m->program = program;
  m->store = pal_store_new(1);
  m->model = pal_model_new(context, m->store, "ap-mdm", &format, list, n, &error);
  ck_assert_msg(m->model && !pal_pram_compile(program, m->model, &error), "%s", error.text);
}

static void close_machine(machine *m) {
  pal_model_free(m->model);
  pal_store_free(m->store);
}

/* A decoding beside a run of the interpreter. */
typedef struct pair {
  pal_pram_run *run;
  int wrong; /* words that differed, or rows that showed the wrong side */
  int passes;
  bool halted;
} pair;

static int32_t word_of(const pal_pram_run *run, int64_t i) {
  const pal_pram *o = run->program;
  const int64_t later = i - o->cells, each = o->registers + 1;
  if (later < 0) return run->memory[i];
  const int64_t p = later / each, r = later % each;
  return r < o->registers ? run->registers[p * o->registers + r] : run->counter[p];
}

/* Compares the rows after `pass` passes, of which the last `full` has no masks. */
static void compare(pair *p, const int32_t *token, int n, int64_t pass, bool full) {
  const pal_pram *o = p->run->program;
  const int32_t mask = 1 << o->word;
  p->wrong += n != pal_pram_rows(o) || token[0] != 0;
  for (int64_t i = 0; 2 * i + 1 < n; i++) {
    const int32_t word = word_of(p->run, i), *row = token + 1 + 2 * i;
    p->wrong += row[pass % 2] != word || row[1 - pass % 2] != (full ? word : mask);
  }
}

static void watch(int index, const pal_decoded *state, void *data) {
  pair *p = data;
  pal_error error = {0};
  (void)index;
  if (state->forward_passes > p->run->time && !pal_pram_halted(p->run))
    p->wrong += pal_pram_step(p->run, &error) != PAL_OK;
  compare(p, state->token, state->n, state->forward_passes, state->forward_passes > p->run->time);
}

static void take(int index, const pal_decoded *decoded, void *data) {
  pair *p = data;
  (void)index;
  p->passes = decoded->forward_passes;
  p->halted = decoded->halted;
  if (decoded->halted) compare(p, decoded->token, decoded->n, decoded->forward_passes, true);
}

/* Runs the program on that memory in the network and in the interpreter, and counts what differs. A
 * program that has not halted after `limit` steps is stopped. */
static int differences(machine *m, const int32_t *memory, int64_t limit) {
  const pal_pram *o = m->program;
  const int rows = (int)pal_pram_rows(o);
  pal_error error = {0};
  int32_t *prompt = malloc(sizeof *prompt * (size_t)rows);
  ck_assert_ptr_nonnull(prompt);
  pair p = {.run = pal_pram_run_new(o, memory, &error)};
  ck_assert_msg(p.run != NULL, "%s", error.text);
  prompt[0] = 0;
  for (int i = 0; 2 * i + 1 < rows; i++) {
    prompt[2 * i + 1] = word_of(p.run, i);
    prompt[2 * i + 2] = 1 << o->word;
  }
  const pal_decode_options options = {
      .sequences = 1, .max_steps = (int)limit + 2, .watch = watch, .watch_data = &p};
  const pal_example example = {.prompt = prompt, .n_prompt = rows};
  pal_decoder *decoder = pal_decoder_new(m->model, &options, &error);
  ck_assert_msg(decoder && !pal_decode(decoder, &example, 1, take, &p, &error), "%s", error.text);
  const bool ends = pal_pram_halted(p.run);
  p.wrong += ends ? !p.halted || p.passes != p.run->time + 2 : p.halted;
  pal_decoder_free(decoder);
  pal_pram_run_free(p.run);
  free(prompt);
  return p.wrong;
}

/* ---- random programs ---------------------------------------------------------------------- */

static pal_rng rng;
static int below(int n) { return (int)pal_rng_below(&rng, (uint32_t)n); }

/* An operand y. */
static void put_operand(char *to, size_t size, int registers, int word) {
  if (below(3) && registers) snprintf(to, size, "r%d", below(registers));
  else snprintf(to, size, "%d", below(3) ? below(4) : below(1 << word));
}

/* The text of a random program, every address of which is a cell, and which does something else in
 * each of its processors. */
static void random_program(char *text, size_t size, int word, int instructions) {
  static const char *const three[] = {"add", "sub", "and", "or", "xor", "shl", "shr", "eq", "lt"};
  const int registers = 1 + below(5);
  size_t n = (size_t)snprintf(text, size, ".word %d\n.processors %d\n.cells %d\n.steps 1000\n",
                              word, 1 + below(4), 1 << word);
  for (int r = 0; r < registers; r++)
    n += (size_t)snprintf(text + n, size - n, ".register r%d = %d + p * %d\n", r,
                          below(1 << (word - 1)), below(1 << (word - 3)));
  for (int i = 0; i < instructions; i++) {
    char y[16];
    const int d = below(registers), x = below(registers), what = below(14),
              to = below(instructions);
    put_operand(y, sizeof y, registers, word);
    n += (size_t)snprintf(text + n, size - n, "i%d: ", i);
    if (what < 7)
      n += (size_t)snprintf(text + n, size - n, "%s r%d, r%d, %s\n", three[below(9)], d, x, y);
    else if (what < 9) n += (size_t)snprintf(text + n, size - n, "load r%d, [%s]\n", d, y);
    else if (what < 11) n += (size_t)snprintf(text + n, size - n, "store [%s], r%d\n", y, x);
    else if (what < 12) n += (size_t)snprintf(text + n, size - n, "move r%d, %s\n", d, y);
    else if (what < 13 || below(3))
      n += (size_t)snprintf(text + n, size - n, "%s r%d, i%d\n", below(2) ? "jz" : "jnz", x, to);
    else n += (size_t)snprintf(text + n, size - n, below(2) ? "jump i%d\n" : "halt\n", to);
  }
  snprintf(text + n, size - n, "halt\n");
}

START_TEST(random_programs) {
  const char *more = getenv("PRAM_PROGRAMS"); /* for long runs by hand */
  const int programs = more ? atoi(more) : WHOLE_OR_SHORT(60, 6);
  rng = pal_rng_new(3, "pram", 0, 0);
  for (int i = 0; i < programs; i++) {
    char text[8000];
    const int word = i % 20 == 19 ? 6 : 4 + below(2);
    int instructions = 5 + below(36);
    if (instructions > (1 << word) - 1) instructions = (1 << word) - 1;
    random_program(text, sizeof text, word, instructions);
    pal_error error = {0};
    pal_pram *program = pal_pram_parse(text, "random", 1, &error);
    ck_assert_msg(program != NULL, "%s\n%s", error.text, text);
    int32_t memory[64];
    for (int k = 0; k < 1 << word; k++) memory[k] = below(1 << word);
    machine m;
    open_machine(&m, program);
    const int wrong = differences(&m, memory, 40);
    ck_assert_msg(wrong == 0, "program %d: %d differences\n%s", i, wrong, text);
    close_machine(&m);
    pal_pram_free(program);
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

START_TEST(example_programs) {
  static const struct {
    const char *name;
    int n;
  } want[] = {{"prefix_sums", 9}, {"maximum", 12}, {"list_ranking", 7}, {"components", 6},
              {"brackets", 8},    {"sort", 6},     {"qbf", 2}};
  for (size_t i = 0; i < sizeof want / sizeof *want; i++)
    for (int n = 2; n <= WHOLE_OR_SHORT(want[i].n, 2); n += want[i].n > 2 ? want[i].n - 2 : 1) {
      pal_pram *program = example(want[i].name, n);
      int32_t memory[200];
      machine m;
      open_machine(&m, program);
      pal_pram_instance(program, 1, (uint64_t)n, memory);
      const int wrong = differences(&m, memory, 2000);
      ck_assert_msg(wrong == 0, "%s, n=%d: %d differences", want[i].name, n, wrong);
      close_machine(&m);
      pal_pram_free(program);
    }
}
END_TEST

/* All weights but the position table are the same bytes for every n, and for every compilation. */
START_TEST(weights_do_not_depend_on_n) {
  machine a, b, again;
  pal_pram *four = example("components", 4), *nine = example("components", 9);
  open_machine(&a, four);
  open_machine(&b, nine);
  open_machine(&again, four);
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
  ck_assert_int_eq(compared, 4 * 4 + 4); /* four blocks; embedding, output, edit weight and bias */
  close_machine(&a);
  close_machine(&b);
  close_machine(&again);
  pal_pram_free(four);
  pal_pram_free(nine);
}
END_TEST

/* A model with other settings is refused by name and not written to. */
START_TEST(another_model) {
  pal_pram *program = example("maximum", 4);
  pal_error error = {0};
  const pal_format format = {.vocabulary = 1025, .mask = 1024, .bos = -1, .eos = -1, .context = 99};
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
  machine m;
  pal_error error = {0};
  pal_stream stream;
  int settled = 0, last = 0, remasking = 0;
  open_machine(&m, example("maximum", 5));
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
  pal_pram_free(m.program);
  close_machine(&m);
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
  tcase_add_test(tests, random_programs);
  tcase_add_test(tests, example_programs);
  tcase_add_test(tests, weights_do_not_depend_on_n);
  tcase_add_test(tests, another_model);
  tcase_add_test(tests, training_examples);
  tcase_add_test(tests, scores_and_lines);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
