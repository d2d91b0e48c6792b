/* SPDX-License-Identifier: Apache-2.0 */
/* The forward pass that decoding takes: steps with a key-value cache give the bits of the pass
 * without one, and rows see what they should. */
#include <check.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/letters.h"
#include "tests/run.h"

/* ---- caches ----------------------------------------------------------------------------- */

enum { CACHE_LENGTH = 23, CACHE_SEQUENCES = 3, STRIDE = 40 };

static pal_exec *compile(lab *l, pal_graph *g, pal_plan **plan) {
  *plan = pal_compile(g, &l->error);
  pal_graph_free(g);
  ck_assert_msg(*plan != NULL, "%s", l->error.text);
  pal_exec *exec = pal_exec_new(*plan, &l->error);
  ck_assert_msg(exec != NULL, "%s", l->error.text);
  return exec;
}

static pal_exec *whole_forward(lab *l, pal_plan **plan) {
  pal_graph *g = pal_graph_new(l->context, l->store);
  const pal_batch_values in =
      pal_batch_inputs(g, pal_model_definition_of(l->model), 512, 32, false);
  pal_network network = pal_network_of_batch(g, &in);
  network.causal = pal_model_definition_of(l->model)->cached;
  pal_output(g, "logits", pal_output_logits(g, l->model, pal_backbone(g, l->model, &network)));
  return compile(l, g, plan);
}

static pal_exec *cached_forward(lab *l, pal_plan **plan) {
  pal_graph *g = pal_graph_new(l->context, l->store);
  const pal_batch_values in =
      pal_batch_inputs(g, pal_model_definition_of(l->model), 512, 32, false);
  const pal_type rows = PAL_TYPE(PAL_I32, in.T, 1), each = PAL_TYPE(PAL_I32, in.S, 1);
  pal_network network = pal_network_of_batch(g, &in);
  network.causal = true;
  network.cache_rows = CACHE_SEQUENCES * STRIDE;
  network.cache_stride = STRIDE;
  network.cache_index = pal_input(g, "cache_index", rows);
  network.cache_begin = pal_input(g, "cache_begin", each);
  network.cache_length = pal_input(g, "cache_length", each);
  pal_output(g, "logits", pal_output_logits(g, l->model, pal_backbone(g, l->model, &network)));
  return compile(l, g, plan);
}

static void run(lab *l, pal_exec *exec, const pal_batch *b) {
  ck_assert(!pal_exec_count(exec, "T", b->rows, &l->error));
  ck_assert(!pal_exec_count(exec, "S", b->sequences, &l->error));
  ck_assert_msg(!pal_exec_run(exec, &l->error), "%s", l->error.text);
}

/* Sets the inputs to rows first to first + n - 1 of every sequence. */
static const float *feed(lab *l, pal_exec *exec, int32_t (*token)[CACHE_LENGTH], int first, int n) {
  pal_batch b = pal_batch_of(exec, pal_model_definition_of(l->model));
  b.row_room = 512;
  b.sequence_room = 32;
  for (int s = 0; s < CACHE_SEQUENCES; s++) {
    const int64_t row = pal_batch_add(&b, token[s] + first, n, 1, &l->error);
    for (int i = 0; i < n; i++) {
      b.position[row + i] = first + i;
      ((int32_t *)pal_exec_input(exec, "cache_index"))[row + i] = s * STRIDE + first + i;
    }
    ((int32_t *)pal_exec_input(exec, "cache_begin"))[s] = s * STRIDE;
    ((int32_t *)pal_exec_input(exec, "cache_length"))[s] = first + n;
  }
  run(l, exec, &b);
  return pal_exec_output(exec, "logits", NULL);
}

static const char *const cached_setting[][8] = {
    {"layers=2", "width=32", "heads=2", NULL},
    {"layers=1", "width=24", "heads=3", "positions=learned", "structure=none", "norm=rms", NULL},
    {"layers=2", "width=32", "heads=2", "structure_at=next", NULL},
    {"layers=2", "width=32", "heads=2", "attention_window=3", NULL},
};

START_TEST(cached_bits) {
  lab l;
  const pal_format format = letters(-1);
  int32_t token[CACHE_SEQUENCES][CACHE_LENGTH];
  pal_plan *plan[2];
  letters_open(&l, "arm", &format, cached_setting[_i]);
  pal_exec *whole = whole_forward(&l, &plan[0]), *cached = cached_forward(&l, &plan[1]);
  pal_batch b = pal_batch_of(whole, pal_model_definition_of(l.model));
  for (int s = 0; s < CACHE_SEQUENCES; s++) {
    for (int i = 0; i < CACHE_LENGTH; i++) token[s][i] = (i * i + 3 * s) % 7;
    pal_batch_add(&b, token[s], CACHE_LENGTH, 1, &l.error);
  }
  run(&l, whole, &b);
  const float *want = pal_exec_output(whole, "logits", NULL);
  const size_t row = (size_t)format.vocabulary;
  for (int first = 0, n = 7; first < CACHE_LENGTH; first += n, n = 1) {
    const float *got = feed(&l, cached, token, first, n);
    for (int s = 0; s < CACHE_SEQUENCES; s++)
      ck_assert_msg(memcmp(got + (size_t)(s * n) * row,
                           want + (size_t)(s * CACHE_LENGTH + first) * row,
                           sizeof *got * row * (size_t)n) == 0,
                    "sequence %d, rows from %d", s, first);
  }
  pal_exec_free(whole);
  pal_exec_free(cached);
  pal_plan_free(plan[0]);
  pal_plan_free(plan[1]);
  lab_close(&l);
}
END_TEST

/* With structure_at=next the groups of row 5 matter to row 4, which predicts it, and not
 * otherwise. */
START_TEST(bias_of_the_row_predicted) {
  enum { ROWS = 6, V = 9 };
  const char *const setting[] = {"layers=1", "width=32", "heads=2", _i ? "structure_at=next" : NULL,
                                 NULL};
  int32_t token[ROWS] = {0, 1, 2, 3, 4, 5};
  float row[2][V];
  for (int changed = 0; changed < 2; changed++) {
    lab l;
    pal_plan *plan;
    const pal_format format = letters(-1);
    if (changed) letters_group[5 * 2] = (letters_group[5 * 2] + 1) % 3;
    letters_open(&l, "arm", &format, setting);
    pal_exec *whole = whole_forward(&l, &plan);
    pal_batch b = pal_batch_of(whole, pal_model_definition_of(l.model));
    pal_batch_add(&b, token, ROWS, 1, &l.error);
    run(&l, whole, &b);
    memcpy(row[changed], (const float *)pal_exec_output(whole, "logits", NULL) + 4 * V,
           sizeof row[changed]);
    pal_exec_free(whole);
    pal_plan_free(plan);
    lab_close(&l);
  }
  ck_assert_int_eq(memcmp(row[0], row[1], sizeof row[0]) != 0, _i == 1);
}
END_TEST

/* Row 5 of one layer within a window of three rows reads the tokens 3, 4 and 5, in a model that is
 * not causal also 6 and 7, and no others. */
START_TEST(window_of_attention) {
  enum { ROWS = 9, V = 9 };
  const char *const setting[] = {"layers=1",           "width=32",       "heads=2",
                                 "attention_window=3", "structure=none", NULL};
  const pal_format format = letters(-1);
  float before[V];
  lab l;
  pal_plan *plan;
  letters_open(&l, _i ? "mdm" : "arm", &format, setting);
  pal_exec *whole = whole_forward(&l, &plan);
  for (int changed = -1; changed < ROWS; changed++) {
    int32_t token[ROWS] = {0, 1, 2, 3, 4, 5, 0, 1, 2};
    if (changed >= 0) token[changed] = 6;
    pal_batch b = pal_batch_of(whole, pal_model_definition_of(l.model));
    pal_batch_add(&b, token, ROWS, 1, &l.error);
    run(&l, whole, &b);
    const float *row = (const float *)pal_exec_output(whole, "logits", NULL) + 5 * V;
    if (changed < 0) memcpy(before, row, sizeof before);
    else
      ck_assert_int_eq(memcmp(before, row, sizeof before) != 0,
                       changed >= 3 && changed <= (_i ? 7 : 5));
  }
  pal_exec_free(whole);
  pal_plan_free(plan);
  lab_close(&l);
}
END_TEST

/* The decoder's greedy answers against a loop of argmax over complete forward passes. */
START_TEST(greedy) {
  lab l;
  const pal_format format = letters(_i ? 3 : -1);
  pal_example prompt[MOST_PROMPTS];
  int32_t token[MOST_PROMPTS][16];
  static lab_decoded out[MOST_PROMPTS];
  pal_plan *plan;
  int ended = 0;
  letters_open(&l, "arm", &format, cached_setting[0]);
  pal_exec *whole = whole_forward(&l, &plan);
  const int n = letters_prompts(prompt, token, 12), room = 15;
  prompt[0].n_prompt = 0;
  const pal_decode_options options = {
      .sequences = 5, .max_length = 26, .max_steps = 100, .answer_room = room};
  lab_decode(&l, &options, prompt, n, out);
  for (int i = 0; i < n; i++) {
    int32_t sequence[64] = {format.bos};
    int have = prompt[i].n_prompt, steps = 0;
    const int anchor = have == 0;
    if (have) memcpy(sequence, prompt[i].prompt, sizeof *sequence * (size_t)have);
    bool eos = false;
    have += anchor;
    for (; steps < room && !eos; steps++) {
      pal_batch b = pal_batch_of(whole, pal_model_definition_of(l.model));
      b.row_room = 512;
      b.sequence_room = 32;
      pal_batch_add(&b, sequence, have, 1, &l.error);
      run(&l, whole, &b);
      const float *x = pal_exec_output(whole, "logits", NULL);
      x += (have - 1) * format.vocabulary;
      int best = 0;
      for (int v = 1; v < format.vocabulary; v++)
        if (v != format.mask && x[v] > x[best]) best = v;
      sequence[have++] = best;
      eos = best == format.eos;
    }
    ended += eos;
    ck_assert_int_eq(out[i].passes, steps);
    ck_assert(out[i].halted);
    ck_assert_int_eq(out[i].n, have - anchor - eos);
    ck_assert_mem_eq(out[i].token, sequence + anchor, sizeof *sequence * (size_t)out[i].n);
  }
  ck_assert_int_eq(ended > 0, _i);
  pal_exec_free(whole);
  pal_plan_free(plan);
  lab_close(&l);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("cache");
  TCase *tests = tcase_create("cache");
  tcase_add_loop_test(tests, cached_bits, 0, sizeof cached_setting / sizeof *cached_setting);
  tcase_add_loop_test(tests, bias_of_the_row_predicted, 0, 2);
  tcase_add_loop_test(tests, window_of_attention, 0, 2);
  tcase_add_loop_test(tests, greedy, 0, 2);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
