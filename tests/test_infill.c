/* SPDX-License-Identifier: Apache-2.0 */
/* Prompts that contain masks to fill in: decoding, of one sequence and of several, is compared with
 * a loop written by hand; prompts that do not fit are refused. The ARM, which attends to the left
 * only, is compared with its forward pass over the result. Likelihoods of the masked models are in
 * test_likelihood.c. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/columns.h"
#include "tests/lab.h"
#include "tests/run.h"

enum { LETTERS = 6, MASK = LETTERS, PROMPTS = 12, MOST_ROWS = 16, LEVELS = 1000 };

static const pal_format letters = {
    .vocabulary = LETTERS + 1, .mask = MASK, .bos = -1, .eos = -1, .context = MOST_ROWS};
static const pal_format with_eos = {
    .vocabulary = LETTERS + 1, .mask = MASK, .bos = -1, .eos = 3, .context = MOST_ROWS};
static int32_t token[PROMPTS][MOST_ROWS];
static pal_example prompt[PROMPTS];

/* Letters and masks; the first is all masks. */
static void make_prompts(void) {
  for (int i = 0; i < PROMPTS; i++) {
    pal_rng rng = pal_rng_new(4, "holes", 0, (uint64_t)i);
    const int n = 3 + (int)pal_rng_below(&rng, MOST_ROWS - 3);
    for (int j = 0; j < n; j++)
      token[i][j] =
          i == 0 || pal_rng_below(&rng, 3) == 0 ? MASK : (int32_t)pal_rng_below(&rng, LETTERS);
    token[i][n / 2] = MASK;
    prompt[i] = (pal_example){.id = 50 + (uint64_t)i, .prompt = token[i], .n_prompt = n};
  }
}

static int masks_in(const int32_t *row, int n) {
  int masks = 0;
  for (int i = 0; i < n; i++) masks += row[i] == MASK;
  return masks;
}

typedef struct way {
  const char *definition, *setting[4];
  int k;
} way;

static const way ways[] = {
    {"masked-arm", {NULL}, 1},
    {"mdm", {"order=confidence"}, 1},
    {"mdm", {"order=confidence", "time=adaln"}, 1},
    {"mdm", {"order=margin"}, 1},
    {"mdm", {"order=margin", "k=3"}, 3},
    {"mdm", {"order=log_margin"}, 1},
    {"mdm", {"order=entropy", "k=2"}, 2},
    {"mdm", {"order=random"}, 1},
    {"mdm", {"order=random", "k=2", "temperature=1"}, 2},
};

static bool has(const way *w, const char *setting) {
  for (int i = 0; i < 4 && w->setting[i]; i++)
    if (strcmp(w->setting[i], setting) == 0) return true;
  return false;
}

static void open_way(lab *l, const way *w, const pal_format *format) {
  /* Positions are learned: under rotary ones all rows of masks alone are equally sure. */
  const char *setting[10] = {"layers=2", "width=16", "heads=2", "positions=learned"};
  for (int i = 0; i < 4 && w->setting[i]; i++) setting[4 + i] = w->setting[i];
  lab_open(l, 1, w->definition, format, setting);
  lab_build(l, false);
  lab_shake(l, 0.6);
}

static pal_exec *forward(lab *l, int rows, pal_plan **plan) {
  pal_graph *g = pal_graph_new(l->context, l->store);
  const pal_batch_values in =
      pal_batch_inputs(g, pal_model_definition_of(l->model), rows, 1, false);
  pal_network network = pal_network_of_batch(g, &in);
  network.causal = pal_model_definition_of(l->model)->cached;
  pal_output(g, "logits", pal_output_logits(g, l->model, pal_backbone(g, l->model, &network)));
  *plan = pal_compile(g, &l->error);
  pal_graph_free(g);
  ck_assert_msg(*plan != NULL, "%s", l->error.text);
  pal_exec *exec = pal_exec_new(*plan, &l->error);
  ck_assert_msg(exec != NULL, "%s", l->error.text);
  return exec;
}

/* The row's confidence under the order that is tested, and its most probable letter. */
static double surety(const way *w, const float *logits, int row, int32_t *best) {
  double p[LETTERS], sum = 0, entropy = 0, second = 0;
  *best = 0;
  for (int v = 1; v < LETTERS; v++)
    if (logits[v] > logits[*best]) *best = v;
  for (int v = 0; v < LETTERS; v++) sum += p[v] = exp((double)logits[v]);
  for (int v = 0; v < LETTERS; v++) {
    p[v] /= sum;
    entropy -= p[v] * log(p[v]);
    if (v != *best && p[v] > second) second = p[v];
  }
  if (strcmp(w->definition, "masked-arm") == 0) return -row;
  if (has(w, "order=margin")) return p[*best] - second;
  if (has(w, "order=log_margin")) return log(p[*best] / second);
  return has(w, "order=entropy") ? -entropy : p[*best];
}

/* One step by hand: writes the k most confident masks. */
static void write_surest(lab *l, pal_exec *exec, const way *w, int all, int32_t *row, int n) {
  const int masks = masks_in(row, n);
  pal_batch b = pal_batch_of(exec, pal_model_definition_of(l->model));
  b.row_room = MOST_ROWS;
  b.sequence_room = 1;
  ck_assert_int_eq(pal_batch_add(&b, row, n, 1, &l->error), 0);
  if (reals_of(&b, "time"))
    reals_of(&b, "time")[0] = (float)(floor((double)masks / all * LEVELS + 0.5) / LEVELS);
  ck_assert(!pal_exec_count(exec, "T", n, &l->error) && !pal_exec_count(exec, "S", 1, &l->error));
  ck_assert_msg(!pal_exec_run(exec, &l->error), "%s", l->error.text);
  const float *logits = pal_exec_output(exec, "logits", NULL);
  double sure[MOST_ROWS];
  int32_t y[MOST_ROWS];
  for (int i = 0; i < n; i++)
    sure[i] = row[i] == MASK ? surety(w, logits + i * (LETTERS + 1), i, &y[i]) : -INFINITY;
  for (int k = 0; k < w->k && k < masks; k++) {
    int at = 0;
    for (int i = 1; i < n; i++)
      if (sure[i] > sure[at]) at = i;
    row[at] = y[at];
    sure[at] = -INFINITY;
  }
}

/* Masks become letters, k a pass, and nothing else changes; in the order that was asked for. */
START_TEST(holes_are_filled) {
  const way *w = &ways[_i];
  static lab_decoded out[PROMPTS], one[1];
  lab l;
  pal_plan *plan;
  make_prompts();
  open_way(&l, w, &letters);
  pal_exec *exec = forward(&l, MOST_ROWS, &plan);
  pal_decode_options options = {
      .sequences = PROMPTS, .max_steps = 100, .answer_room = 3, .seed = 5};
  lab_decode(&l, &options, prompt, PROMPTS, out);
  for (int i = 0; i < PROMPTS; i++) {
    const int n = prompt[i].n_prompt, all = masks_in(token[i], n);
    int32_t row[MOST_ROWS];
    ck_assert(out[i].halted);
    ck_assert_int_eq(out[i].n, n);
    ck_assert_int_eq(out[i].passes, (all + w->k - 1) / w->k);
    ck_assert_int_eq(masks_in(out[i].token, n), 0);
    for (int j = 0; j < n; j++) ck_assert(token[i][j] == MASK || out[i].token[j] == token[i][j]);
    lab_decode(&l, &options, &prompt[i], 1, one);
    lab_assert_same(&out[i], one);
    if (has(w, "order=random")) continue;
    memcpy(row, token[i], sizeof *row * (size_t)n);
    while (masks_in(row, n)) write_surest(&l, exec, w, all, row, n);
    ck_assert_mem_eq(row, out[i].token, sizeof *row * (size_t)n);
  }
  pal_exec_free(exec);
  pal_plan_free(plan);
  lab_close(&l);
}
END_TEST

/* An end of sequence within the answer is a letter like any other, and nothing is appended. */
START_TEST(no_rows_are_added) {
  lab l;
  static lab_decoded out[PROMPTS];
  make_prompts();
  open_way(&l, &ways[1], &with_eos);
  const pal_decode_options options = {.sequences = PROMPTS, .max_steps = 100};
  lab_decode(&l, &options, prompt, PROMPTS, out);
  for (int i = 0; i < PROMPTS; i++) ck_assert_int_eq(out[i].n, prompt[i].n_prompt);
  const int32_t answer[] = {3, 4};
  const int32_t holes[] = {1, MASK, 2, MASK};
  const pal_example e = {
      .prompt = holes, .n_prompt = 4, .answer = answer, .n_answer = 2, .answer_room = 9};
  lab_add(&l, &e, 0, false);
  ck_assert_int_eq(l.batch.rows, 4);
  lab_close(&l);
}
END_TEST

START_TEST(what_does_not_fit_is_refused) {
  static const struct {
    const char *definition;
    int n_answer;
    pal_status code;
  } bad[] = {{"mdm", 1, PAL_E_ARGUMENT},
             {"mdm", 3, PAL_E_ARGUMENT},
             {"masked-arm", 1, PAL_E_ARGUMENT},
             {"arm", 2, PAL_E_UNSUPPORTED},
             {"arm", 1, PAL_E_ARGUMENT}};
  const int32_t holes[] = {1, MASK, 2, MASK}, answer[] = {3, 4, 5};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const bool told = strcmp(bad[i].definition, "arm") == 0 && bad[i].code == PAL_E_ARGUMENT;
    const char *const setting[] = {"layers=1", "width=8", "heads=1", told ? "infill=1" : NULL,
                                   NULL};
    lab l;
    lab_open(&l, 1, bad[i].definition, &letters, setting);
    lab_build(&l, false);
    const pal_example e = {
        .prompt = holes, .n_prompt = 4, .answer = answer, .n_answer = bad[i].n_answer};
    pal_rng rng = pal_rng_new(1, "refused", 0, 0);
    ck_assert_int_eq(
        pal_model_definition_of(l.model)->rows(l.model, &e, &rng, false, &l.batch, &l.error),
        bad[i].code);
    ck_assert_int_eq(l.batch.rows, 0);
    pal_error_clear(&l.error);
    lab_close(&l);
  }
}
END_TEST

/* ---- from left to right -------------------------------------------------------------------- */

enum { LONG_ROWS = 300, ARM_PROMPTS = PROMPTS + 2 };

static const struct {
  const pal_format *format;
  const char *setting[3];
} arms[] = {
    {&letters, {NULL}},
    {&with_eos, {NULL}},
    {&with_eos, {"attention_window=2", "positions=none"}},
    {&letters, {"attention_window=5"}},
    {&with_eos, {"temperature=1"}},
};

/* Those above, one that is longer than a tile of keys, and one that appends. */
static void make_arm_prompts(pal_example *all, int32_t *longest) {
  make_prompts();
  for (int i = 0; i < LONG_ROWS; i++) longest[i] = i % 3 == 1 ? MASK : i / 2 % LETTERS;
  memcpy(all, prompt, sizeof prompt);
  all[PROMPTS] = (pal_example){.id = 80, .prompt = longest, .n_prompt = LONG_ROWS};
  all[PROMPTS + 1] =
      (pal_example){.id = 81, .prompt = longest + 2, .n_prompt = 2, .answer_room = 9};
}

static void open_arm(lab *l, int which, const char *infill) {
  const char *setting[9] = {"layers=2", "width=16", "heads=2", infill};
  pal_format format = *arms[which].format;
  format.context = LONG_ROWS;
  for (int i = 0; i < 3 && arms[which].setting[i]; i++) setting[4 + i] = arms[which].setting[i];
  lab_open(l, 1, "arm", &format, setting);
  lab_build(l, false);
  lab_shake(l, 0.6);
}

/* What was decoded, given to the forward pass in one piece: each letter in place of a mask is the
 * best one after all before it. Returns the sum of their nats. */
static double read_back(lab *l, pal_exec *exec, const pal_example *e, const int32_t *decoded,
                        bool best) {
  const bool anchor = e->prompt[0] == MASK;
  const int n = e->n_prompt + anchor;
  int32_t row[LONG_ROWS + 1] = {MASK};
  memcpy(row + anchor, decoded, sizeof *row * (size_t)e->n_prompt);
  pal_batch b = pal_batch_of(exec, pal_model_definition_of(l->model));
  b.row_room = LONG_ROWS + 1;
  b.sequence_room = 1;
  ck_assert_int_eq(pal_batch_add(&b, row, n, 1, &l->error), 0);
  ck_assert(!pal_exec_count(exec, "T", n, &l->error) && !pal_exec_count(exec, "S", 1, &l->error));
  ck_assert_msg(!pal_exec_run(exec, &l->error), "%s", l->error.text);
  double nats = 0;
  for (int i = 0; i < e->n_prompt; i++) {
    const float *logits =
        (const float *)pal_exec_output(exec, "logits", NULL) + (i + anchor - 1) * (LETTERS + 1);
    double sum = 0;
    if (e->prompt[i] != MASK) continue;
    for (int v = 0; v < LETTERS; v++) {
      ck_assert(!best || v == decoded[i] || logits[v] < logits[decoded[i]]);
      sum += exp((double)logits[v]);
    }
    nats += log(sum) - (double)logits[decoded[i]];
  }
  return nats;
}

/* The loss of the example whose masks became what was decoded. */
static double loss_of(lab *l, const pal_example *e, const int32_t *decoded) {
  int32_t answer[LONG_ROWS];
  pal_example filled = *e;
  filled.answer = answer;
  for (int i = 0; i < e->n_prompt; i++)
    if (e->prompt[i] == MASK) answer[filled.n_answer++] = decoded[i];
  pal_batch_clear(&l->batch);
  lab_add(l, &filled, 0, true);
  ck_assert(l->batch.count[0] == (double)filled.n_answer);
  return lab_sum(l);
}

/* Steps go from the first mask to the last. */
static int steps_through(const pal_example *e) {
  int first = 0, last = e->n_prompt - 1;
  while (e->prompt[first] != MASK) first++;
  while (e->prompt[last] != MASK) last--;
  return last + 1 - first;
}

START_TEST(left_to_right) {
  static lab_decoded out[ARM_PROMPTS], some[ARM_PROMPTS], one[1];
  static int32_t longest[LONG_ROWS];
  pal_example all[ARM_PROMPTS];
  lab l;
  pal_plan *plan;
  const char *drawn = arms[_i].setting[0];
  const bool best = !drawn || strncmp(drawn, "temperature", 11) != 0;
  make_arm_prompts(all, longest);
  open_arm(&l, _i, "infill=1");
  pal_exec *exec = forward(&l, LONG_ROWS + 1, &plan);
  pal_decode_options options = {.sequences = ARM_PROMPTS, .max_steps = LONG_ROWS, .seed = 5};
  lab_decode(&l, &options, all, ARM_PROMPTS, out);
  options.sequences = 5;
  lab_decode(&l, &options, all, ARM_PROMPTS, some);
  for (int i = 0; i < ARM_PROMPTS; i++) {
    lab_assert_same(&out[i], &some[i]);
    options.max_length = all[i].n_prompt + all[i].answer_room;
    lab_decode(&l, &options, &all[i], 1, one);
    lab_assert_same(&out[i], one);
    ck_assert(out[i].halted);
    if (all[i].answer_room) continue;
    ck_assert_int_eq(out[i].n, all[i].n_prompt);
    ck_assert_int_eq(out[i].passes, steps_through(&all[i]));
    ck_assert_int_eq(masks_in(out[i].token, out[i].n), 0);
    for (int j = 0; j < out[i].n; j++)
      ck_assert(all[i].prompt[j] == MASK || out[i].token[j] == all[i].prompt[j]);
    const double nats = read_back(&l, exec, &all[i], out[i].token, best);
    ck_assert_double_eq_tol(loss_of(&l, &all[i], out[i].token), nats, 1e-4 * (1 + nats));
  }
  pal_exec_free(exec);
  pal_plan_free(plan);
  lab_close(&l);
}
END_TEST

/* A cap on steps leaves masks; a prompt without masks is decoded as by an ARM that takes no others,
 * and by that one prompts with masks are refused, as are those that are too long. */
START_TEST(left_to_right_or_not) {
  static lab_decoded whole[ARM_PROMPTS], cut[ARM_PROMPTS], one[1];
  static int32_t longest[LONG_ROWS];
  pal_example all[ARM_PROMPTS];
  lab l, plain;
  make_arm_prompts(all, longest);
  open_arm(&l, 4, "infill=1");
  open_arm(&plain, 4, "infill=0");
  pal_decode_options options = {.sequences = ARM_PROMPTS, .max_steps = LONG_ROWS, .seed = 5};
  lab_decode(&l, &options, all, ARM_PROMPTS, whole);
  lab_decode(&plain, &options, &all[PROMPTS + 1], 1, one);
  lab_assert_same(&whole[PROMPTS + 1], one);
  options.max_steps = 2;
  lab_decode(&l, &options, all, ARM_PROMPTS, cut);
  for (int i = 0; i <= PROMPTS; i++) {
    int first = 0;
    while (all[i].prompt[first] != MASK) first++;
    for (int j = 0; j < all[i].n_prompt; j++)
      ck_assert_int_eq(cut[i].token[j], j < first + 2 ? whole[i].token[j] : all[i].prompt[j]);
    ck_assert_int_eq(cut[i].n, all[i].n_prompt);
    ck_assert_int_eq(cut[i].halted, steps_through(&all[i]) <= 2);
  }
  options.max_length = MOST_ROWS;
  lab *const lab_of[] = {&plain, &l};
  for (int k = 0; k < 2; k++) {
    pal_decoder *decoder = pal_decoder_new(lab_of[k]->model, &options, &l.error);
    ck_assert_int_eq(pal_decode(decoder, &all[k ? PROMPTS : 0], 1, lab_keep, one, &l.error),
                     k ? PAL_E_CAPACITY : PAL_E_UNSUPPORTED);
    ck_assert_msg(strstr(l.error.text, k ? "300 rows" : "infill=1") != NULL, "%s", l.error.text);
    pal_error_clear(&l.error);
    pal_decoder_free(decoder);
  }
  lab_close(&plain);
  lab_close(&l);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("infill");
  TCase *tests = tcase_create("infill");
  tcase_add_loop_test(tests, holes_are_filled, 0, sizeof ways / sizeof *ways);
  tcase_add_test(tests, no_rows_are_added);
  tcase_add_test(tests, what_does_not_fit_is_refused);
  tcase_add_loop_test(tests, left_to_right, 0, sizeof arms / sizeof *arms);
  tcase_add_test(tests, left_to_right_or_not);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
