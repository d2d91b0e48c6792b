/* SPDX-License-Identifier: Apache-2.0 */
/* The network with rows of several kinds. In block diffusion, training on a noisy copy beside a
 * clean one gives the logits that decoding gives; a row's output does not depend on its own kind;
 * and settings that would let rows see hidden ones are refused. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab.h"
#include "tests/run.h"

enum { N = 90, BLOCK = 8, WIDTH = 32, MASK = 11, CLEAN = 0, NOISY = 1 };
static const int32_t visible[4] = {PAL_SEES_EARLIER_AND_SAME, PAL_SEES_NOTHING, PAL_SEES_EARLIER,
                                   PAL_SEES_SAME};

/* Rows of one sequence. */
typedef struct rows {
  int n;
  int32_t token[2 * N], position[2 * N], kind[2 * N], block[2 * N];
} rows;

static void add(rows *r, int32_t token, int position, int32_t kind) {
  r->token[r->n] = token;
  r->position[r->n] = position;
  r->kind[r->n] = kind;
  r->block[r->n++] = position / BLOCK;
}

static pal_network network_of(pal_graph *g, int64_t most) {
  const pal_symbol t = pal_symbol_new(g, "T", most), s = pal_symbol_new(g, "S", 1);
  const pal_type ints = PAL_TYPE(PAL_I32, t, 1), one = PAL_TYPE(PAL_I32, s, 1);
  return (pal_network){.token = pal_input(g, "token", ints),
                       .position = pal_input(g, "position", ints),
                       .sequence = pal_input(g, "sequence", ints),
                       .begin = pal_input(g, "begin", one),
                       .length = pal_input(g, "length", one),
                       .visible = pal_constant(g, PAL_TYPE(PAL_I32, PAL_STATIC, 2, 2), visible),
                       .kind = pal_input(g, "kind", ints),
                       .block = pal_input(g, "block", ints)};
}

/* Hidden states of the rows into to[n * WIDTH]. */
static void run(lab *l, const rows *r, float *to) {
  pal_graph *g = pal_graph_new(l->context, l->store);
  const pal_network network = network_of(g, 2 * N);
  pal_output(g, "hidden", pal_backbone(g, l->model, &network));
  pal_plan *plan = pal_compile(g, &l->error);
  ck_assert_msg(plan != NULL, "%s", l->error.text);
  pal_exec *exec = pal_exec_new(plan, &l->error);
  ck_assert_msg(exec != NULL, "%s", l->error.text);
  const size_t bytes = sizeof *r->token * (size_t)r->n;
  memcpy(pal_exec_input(exec, "token"), r->token, bytes);
  memcpy(pal_exec_input(exec, "position"), r->position, bytes);
  memcpy(pal_exec_input(exec, "kind"), r->kind, bytes);
  memcpy(pal_exec_input(exec, "block"), r->block, bytes);
  *(int32_t *)pal_exec_input(exec, "length") = r->n;
  ck_assert_msg(!pal_exec_count(exec, "T", r->n, &l->error), "%s", l->error.text);
  ck_assert_msg(!pal_exec_run(exec, &l->error), "%s", l->error.text);
  memcpy(to, pal_exec_output(exec, "hidden", NULL), sizeof *to * (size_t)r->n * WIDTH);
  pal_exec_free(exec);
  pal_plan_free(plan);
  pal_graph_free(g);
}

static const pal_format format = {
    .vocabulary = 12, .mask = MASK, .bos = -1, .eos = -1, .context = N};

/* Clean rows first, then noisy ones in which every third token is a mask. Decoding of a block has
 * clean rows only: true tokens before it, its own noisy ones, and masks behind it. */
START_TEST(noisy_rows_are_as_in_decoding) {
  static const char *const setting[] = {"layers=2", "width=32", "heads=2", NULL};
  static float both[2 * N * WIDTH], decoded[N * WIDTH];
  lab l;
  lab_open(&l, 1, "mdm", &format, setting);
  lab_shake(&l, 0.3);
  rows all = {0};
  int32_t token[N];
  for (int i = 0; i < N; i++) token[i] = (i * i + 3) % MASK;
  for (int i = 0; i < N; i++) add(&all, token[i], i, CLEAN);
  for (int i = 0; i < N; i++) add(&all, i % 3 ? token[i] : MASK, i, NOISY);
  run(&l, &all, both);
  double size = 0, change = 0;
  for (int b = 0; b * BLOCK < N; b++) {
    const int to = (b + 1) * BLOCK < N ? (b + 1) * BLOCK : N;
    rows step = {0};
    for (int i = 0; i < N; i++)
      add(&step, i < b * BLOCK ? token[i] : i < to ? all.token[N + i] : MASK, i, CLEAN);
    run(&l, &step, decoded);
    for (int e = b * BLOCK * WIDTH; e < to * WIDTH; e++) {
      const double trained = (double)both[N * WIDTH + e];
      ck_assert_msg(fabs(trained - (double)decoded[e]) < 1e-4, "row %d: %g and %g", e / WIDTH,
                    trained, (double)decoded[e]);
      size += fabs(trained);
      change += fabs(trained - (double)both[e]);
    }
  }
  ck_assert_msg(change > 0.01 * size, "noise changes nothing: %g of %g", change, size);
  lab_close(&l);
}
END_TEST

START_TEST(what_would_show_hidden_rows_is_refused) {
  static const int32_t group[N] = {0};
  static const char *const setting[2][4] = {{"layers=1", "width=32", "heads=2", NULL},
                                            {"layers=1", "width=32", "structure=heads", NULL}};
  static const char *const says[2] = {"keeps no keys in caches", "structure=heads averages over"};
  pal_format grouped = format;
  grouped.groups = 1;
  grouped.group = group;
  lab l;
  lab_open(&l, 1, "mdm", _i ? &grouped : &format, setting[_i]);
  pal_graph *g = pal_graph_new(l.context, l.store);
  pal_network network = network_of(g, N);
  if (_i == 0) {
    network.cache_rows = network.cache_stride = N;
    network.cache_index = network.position;
    network.cache_begin = network.begin;
    network.cache_length = network.length;
  }
  pal_backbone(g, l.model, &network);
  ck_assert_int_eq(pal_graph_error(g)->code, PAL_E_ARGUMENT);
  ck_assert_msg(strstr(pal_graph_error(g)->text, says[_i]) != NULL, "%s", pal_graph_error(g)->text);
  pal_graph_free(g);
  lab_close(&l);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("kinds");
  TCase *c = tcase_create("kinds");
  tcase_add_test(c, noisy_rows_are_as_in_decoding);
  tcase_add_loop_test(c, what_would_show_hidden_rows_is_refused, 0, 2);
  suite_add_tcase(suite, c);
  return run_suite(suite);
}
