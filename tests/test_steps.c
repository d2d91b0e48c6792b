/* SPDX-License-Identifier: Apache-2.0 */
/* A decoding step is one run of one plan, and between steps the host does not read token rows.
 *
 * The linker redirects to this file every call by which the decoder runs a plan or accesses its
 * data (--wrap, in local.mk). The functions here count the calls. They also scramble all token rows
 * after a run and restore them before the next one: if the decoder read them in between, in any
 * way, its result would change. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "graph/exec.h"
#include "tests/lab.h"
#include "tests/run.h"

enum { PROMPTS = 12, GROUP = 5, MOST_PLACES = 8 };

static struct {
  bool on, between; /* between: after a run that left sequences, before the next */
  int runs, grown;  /* that succeeded; that lacked room, after which a larger plan takes over */
  int reads;        /* of token rows, outputs, state or variables between steps */
  int networks;     /* most attention steps in the plan of a run */
  int places;
  int32_t *place[MOST_PLACES]; /* scrambled now */
  size_t size[MOST_PLACES];
} seen;

pal_status __real_pal_exec_run(pal_exec *exec, pal_error *error);
pal_status __real_pal_exec_run_serial(pal_exec *exec, pal_error *error);
void *__real_pal_exec_input(pal_exec *exec, const char *name);
const void *__real_pal_exec_output(const pal_exec *exec, const char *name, int64_t *rows);
void *__real_pal_variable_data(pal_variable *variable);
pal_status __wrap_pal_exec_run(pal_exec *exec, pal_error *error);
pal_status __wrap_pal_exec_run_serial(pal_exec *exec, pal_error *error);
void *__wrap_pal_exec_input(pal_exec *exec, const char *name);
const void *__wrap_pal_exec_output(const pal_exec *exec, const char *name, int64_t *rows);
void *__wrap_pal_variable_data(pal_variable *variable);

static void flip(int32_t *place, size_t n) {
  for (size_t i = 0; i < n; i++) place[i] ^= 0x5a5a5a5a;
}

static void unscramble(void) {
  while (seen.places > 0) {
    seen.places--;
    flip(seen.place[seen.places], seen.size[seen.places]);
  }
}

static void scramble(int32_t *place, size_t n) {
  ck_assert_int_lt(seen.places, MOST_PLACES);
  seen.place[seen.places] = place;
  seen.size[seen.places++] = n;
  flip(place, n);
}

/* The rows of the next step, those of finished sequences, and those that wait beyond a window. */
static void scramble_rows(pal_exec *exec) {
  scramble(__real_pal_exec_input(exec, "token"), (size_t)pal_exec_count_of(exec, "T"));
  for (size_t i = 0; i < exec->plan->variable.n; i++) {
    pal_variable *v = exec->plan->variable.at[i].variable;
    if (!strncmp(pal_variable_name(v), "decode.result", 13) ||
        !strncmp(pal_variable_name(v), "decode.tail", 11))
      scramble(__real_pal_variable_data(v), pal_variable_bytes(v) / sizeof(int32_t));
  }
}

static int attentions(const pal_exec *exec) {
  int n = 0;
  for (size_t s = 0; s < exec->plan->step.n; s++)
    n += !strcmp(exec->plan->graph->node.at[exec->plan->step.at[s].node].op->name,
                 "scaled_dot_product_attention");
  return n;
}

static pal_status note(pal_status run(pal_exec *, pal_error *), pal_exec *exec, pal_error *error) {
  if (!seen.on) return run(exec, error);
  unscramble();
  seen.between = false;
  const pal_status status = run(exec, error);
  seen.runs += status == PAL_OK;
  seen.grown += status == PAL_E_CAPACITY;
  if (attentions(exec) > seen.networks) seen.networks = attentions(exec);
  seen.between = !status && pal_exec_count_of(exec, "S") > 0;
  if (seen.between) scramble_rows(exec);
  return status;
}

pal_status __wrap_pal_exec_run(pal_exec *exec, pal_error *error) {
  return note(__real_pal_exec_run, exec, error);
}

pal_status __wrap_pal_exec_run_serial(pal_exec *exec, pal_error *error) {
  return note(__real_pal_exec_run_serial, exec, error);
}

void *__wrap_pal_exec_input(pal_exec *exec, const char *name) {
  seen.reads += seen.between && strcmp(name, "seed") != 0; /* the step's number is written there */
  return __real_pal_exec_input(exec, name);
}

const void *__wrap_pal_exec_output(const pal_exec *exec, const char *name, int64_t *rows) {
  seen.reads += seen.between;
  return __real_pal_exec_output(exec, name, rows);
}

void *__wrap_pal_variable_data(pal_variable *variable) {
  seen.reads += seen.between;
  return __real_pal_variable_data(variable);
}

/* `steps`: how many a sequence takes, where its definition fixes that; `grows`: the first plan has
 * too little room. */
static const struct {
  const char *definition, *setting[5];
  int steps;
  bool grows;
} decoders[] = {
    {"arm", {NULL}, 12, false},
    {"arm", {"temperature=1", "top_k=3"}, 12, false},
    {"masked-arm", {NULL}, 12, false},
    {"mdm", {"order=margin", "k=1"}, 12, false},
    {"mdm", {"order=random", "k=5", "temperature=1"}, 3, false},
    {"mdm", {"order=ancestral", "steps=6"}, 0, false},
    {"ap-mdm", {"tau_insert=0.2"}, 0, true},
    {"ap-mdm", {"bits=sample", "window=6"}, 0, false},
};

START_TEST(a_step_is_one_run) {
  lab l;
  static lab_decoded out[PROMPTS], undisturbed[PROMPTS];
  static int32_t token[PROMPTS][16];
  pal_example prompt[PROMPTS];
  const pal_format format = {.vocabulary = 9, .mask = 8, .bos = 7, .eos = -1, .context = 60};
  const char *setting[10] = {"layers=2", "width=16", "heads=2"};
  for (int k = 0; decoders[_i].setting[k]; k++) setting[3 + k] = decoders[_i].setting[k];
  for (int i = 0; i < PROMPTS; i++) {
    prompt[i] = (pal_example){.id = 40 + (uint64_t)i, .prompt = token[i], .n_prompt = 4 + i % 7};
    for (int j = 0; j < prompt[i].n_prompt; j++) token[i][j] = (i + j * j) % 6;
  }
  lab_open(&l, 2, decoders[_i].definition, &format, setting);
  lab_build(&l, false);
  lab_shake(&l, 0.5);
  const pal_decode_options options = {
      .sequences = GROUP, .max_length = 60, .max_steps = 20, .answer_room = 12, .seed = 5};
  lab_decode(&l, &options, prompt, PROMPTS, undisturbed);
  memset(&seen, 0, sizeof seen);
  seen.on = true;
  lab_decode(&l, &options, prompt, PROMPTS, out);
  seen.on = false;

  int steps = 0;
  for (int first = 0; first < PROMPTS; first += GROUP) {
    int longest = 0;
    for (int i = first; i < PROMPTS && i < first + GROUP; i++) {
      if (out[i].passes > longest) longest = out[i].passes;
      if (decoders[_i].steps) ck_assert_int_eq(out[i].passes, decoders[_i].steps);
    }
    ck_assert_int_gt(longest, 1);
    steps += longest;
  }
  ck_assert_int_eq(seen.runs, steps);
  ck_assert_int_eq(seen.networks, 2); /* layers: the network is in that one run once */
  ck_assert_int_eq(seen.reads, 0);
  ck_assert_int_eq(seen.grown > 0, decoders[_i].grows);
  for (int i = 0; i < PROMPTS; i++) lab_assert_same(&out[i], &undisturbed[i]);
  lab_close(&l);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("steps");
  TCase *tests = tcase_create("steps");
  tcase_add_loop_test(tests, a_step_is_one_run, 0, sizeof decoders / sizeof *decoders);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
