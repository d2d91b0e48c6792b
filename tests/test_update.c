/* SPDX-License-Identifier: Apache-2.0 */
/* The trainer's update, which joins tensors and fuses the moving average, gives the same bits as
 * optimizers applied to each tensor with the average as a separate op. */
#include <check.h>
#include <palimpsest/ops.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/run.h"
#include "train/update.h"

enum { PARAMETERS = 8, STEPS = 5 };

/* Block matrices, other weights, tables, gains; one long enough that a team shares it. */
static const struct shape {
  const char *name;
  int rows, columns; /* rows 0: a vector */
} shapes[PARAMETERS] = {{"model.embedding.weight", 7, 12},    {"model.block.0.norm.gain", 0, 12},
                        {"model.block.0.qkv.weight", 36, 12}, {"model.block.0.qkv.bias", 0, 36},
                        {"model.block.1.mlp.weight", 9, 5},   {"model.time.scale", 0, 1},
                        {"model.head.weight", 700, 1001},     {"model.head.bias", 0, 33}};

typedef struct variant {
  const char *optimizer, *matrix_optimizer;
  double momentum, weight_decay, clip;
  bool average;
  int blocks;   /* adamw_update or sgd_update ops */
  int averages; /* ema_update ops: adamw has it inside */
} variant;

static const variant variants[] = {
    {"adamw", NULL, 0.9, 0.1, 0, false, 2, 0},   {"adamw", NULL, 0.9, 0.1, 0.5, true, 2, 0},
    {"adamw", NULL, 0.9, 0, 0.5, true, 1, 0},    {"sgd", NULL, 0.9, 0.01, 0.5, true, 2, 2},
    {"sgd", NULL, 0, 0, 0, false, 1, 0},         {"adamw", "muon", 0.9, 0.1, 0.5, true, 2, 2},
    {"adamw", "adamw", 0.9, 0.1, 0, true, 3, 0},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

/* A store with the parameters. */
typedef struct side {
  pal_context *context;
  pal_store *store;
  pal_variable *parameter[PARAMETERS];
  pal_error error;
} side;

static void open_side(side *s, int threads) {
  memset(s, 0, sizeof *s);
  const pal_options options = {.threads = threads};
  s->context = pal_context_new(&options, &s->error);
  ck_assert(s->context && !pal_register_ops(s->context, &s->error) &&
            !pal_register_optimizers(s->context, &s->error));
  s->store = pal_store_new(3);
  for (int i = 0; i < PARAMETERS; i++) {
    const struct shape *h = &shapes[i];
    const pal_type type = h->rows ? PAL_TYPE(PAL_F32, PAL_STATIC, h->rows, h->columns)
                                  : PAL_TYPE(PAL_F32, PAL_STATIC, h->columns);
    const bool block = strstr(h->name, ".block.") != NULL, table = strstr(h->name, "embedding");
    const pal_traits traits = !h->rows || table ? PAL_PLAIN
                              : block           ? PAL_WEIGHT
                                                : PAL_OUTPUT_WEIGHT;
    ck_assert(!pal_store_parameter(s->store, h->name, type, PAL_NORMAL(0.5), traits,
                                   &s->parameter[i], &s->error));
  }
}

static void close_side(side *s) {
  pal_store_free(s->store);
  pal_context_free(s->context);
}

static pal_update_options options_of(const side *s, const variant *v) {
  return (pal_update_options){
      .optimizer = pal_lookup(s->context, "optimizer", v->optimizer),
      .matrix_optimizer =
          v->matrix_optimizer ? pal_lookup(s->context, "optimizer", v->matrix_optimizer) : NULL,
      .beta1 = 0.9,
      .beta2 = 0.95,
      .epsilon = 1e-8,
      .momentum = v->momentum,
      .weight_decay = v->weight_decay,
      .clip = v->clip,
      .average = v->average};
}

static void open_update(pal_update *u, side *s, const variant *v) {
  const pal_update_options o = options_of(s, v);
  ck_assert_msg(!pal_update_init(u, s->context, s->store, s->parameter, PARAMETERS, &o, &s->error),
                "%s", s->error.text);
}

/* ---- one by one ---------------------------------------------------------------------------- */

typedef struct plain {
  pal_plan *plan;
  pal_exec *exec;
} plain;

static const char *input_name(int i) {
  static char name[80];
  snprintf(name, sizeof name, "gradient.%s", shapes[i].name);
  return name;
}

/* Which weights are matrices of blocks, and which decay, by their place in the list above. */
static const bool is_block_matrix[PARAMETERS] = {[2] = true, [4] = true};
static const bool decays[PARAMETERS] = {[2] = true, [4] = true, [6] = true};

static plain open_plain(side *s, const variant *v) {
  const pal_update_options o = options_of(s, v);
  pal_graph *g = pal_graph_new(s->context, s->store);
  const pal_type one = pal_type_scalar(PAL_F32);
  const pal_value rate = pal_input(g, "rate", one), matrix_rate = pal_input(g, "matrix_rate", one);
  const pal_value step = pal_input(g, "step", one), decay = pal_input(g, "decay", one);
  const pal_value norm =
      pal_input(g, "norm", one); /* the update's: its order of summation is its own */
  for (int i = 0; i < PARAMETERS; i++) {
    const bool matrix = o.matrix_optimizer && is_block_matrix[i];
    const pal_optimizer *optimizer = matrix ? o.matrix_optimizer : o.optimizer;
    pal_optim_options options = optimizer->defaults;
    options.beta1 = strcmp(optimizer->name, "adamw") == 0 ? o.beta1 : o.momentum;
    options.beta2 = o.beta2;
    options.weight_decay = decays[i] ? o.weight_decay : 0;
    pal_optim_call call = {.options = &options,
                           .parameter = pal_variable_old(g, shapes[i].name),
                           .rate = matrix ? matrix_rate : rate,
                           .step = step};
    call.gradient = pal_input(g, input_name(i), pal_type_of(g, call.parameter));
    if (o.clip > 0) call.gradient = pal_mul(g, call.gradient, pal_clip_factor(g, norm, o.clip));
    const pal_value next = optimizer->update(g, &call);
    pal_assign(g, call.parameter, next);
    if (o.average) pal_ema(g, call.parameter, next, decay);
  }
  plain p = {.plan = pal_compile(g, &s->error)};
  p.exec = p.plan ? pal_exec_new(p.plan, &s->error) : NULL;
  ck_assert_msg(p.exec != NULL, "%s", s->error.text);
  pal_graph_free(g);
  return p;
}

static void close_plain(plain *p) {
  pal_exec_free(p->exec);
  pal_plan_free(p->plan);
}

/* ---- both ---------------------------------------------------------------------------------- */

static void set(plain *p, const char *name, double x) {
  *(float *)pal_exec_input(p->exec, name) = (float)x;
}

static void step_both(pal_update *u, side *a, plain *p, side *b, int step) {
  const double rate = 0.02, matrix_rate = 0.01, decay = 0.9;
  for (int i = 0; i < PARAMETERS; i++) {
    uint32_t x = (uint32_t)(1000 * step + i);
    for (size_t e = 0; e < u->size[i]; e++) {
      x = x * 1664525u + 1013904223u;
      u->gradient[i][e] = (float)(int32_t)x * 0x1p-31f;
    }
    memcpy(pal_exec_input(p->exec, input_name(i)), u->gradient[i], u->size[i] * sizeof(float));
  }
  ck_assert_msg(!pal_update_run(u, rate, matrix_rate, step, decay, &a->error), "%s", a->error.text);
  set(p, "rate", rate);
  set(p, "matrix_rate", matrix_rate);
  set(p, "step", step);
  set(p, "decay", decay);
  set(p, "norm", *u->norm);
  ck_assert_msg(!pal_exec_run(p->exec, &b->error), "%s", b->error.text);
}

/* Parameters, moments and averages by name; blocks apart, which hold the same. */
static void expect_same(const side *a, const side *b) {
  size_t n[2] = {0, 0};
  pal_variable *v;
  for (size_t i = 0; (v = pal_store_at(b->store, i)) != NULL; i++) {
    pal_variable *other = pal_store_find(a->store, pal_variable_name(v));
    ck_assert_msg(other && pal_variable_role(other) == pal_variable_role(v), "%s",
                  pal_variable_name(v));
    ck_assert_msg(memcmp(pal_variable_data(v), pal_variable_data(other), pal_variable_bytes(v)) ==
                      0,
                  "%s differs", pal_variable_name(v));
    n[1]++;
  }
  for (size_t i = 0; (v = pal_store_at(a->store, i)) != NULL; i++)
    n[0] += pal_variable_role(v) != PAL_SCRATCH;
  ck_assert_uint_eq(n[0], n[1]);
}

static int count(const char *text, const char *word) {
  int n = 0;
  for (; (text = strstr(text, word)) != NULL; text++) n++;
  return n;
}

START_TEST(same_bits_as_one_by_one) {
  const variant *v = &variants[_i];
  side a, b;
  pal_update u;
  open_side(&a, 2);
  open_side(&b, 1);
  open_update(&u, &a, v);
  plain p = open_plain(&b, v);
  for (int step = 1; step <= STEPS; step++) {
    step_both(&u, &a, &p, &b, step);
    expect_same(&a, &b);
  }
  char *text = pal_plan_dump(u.plan);
  ck_assert_int_eq(count(text, "adamw_update") + count(text, "sgd_update"), v->blocks);
  ck_assert_int_eq(count(text, "ema_update"), v->averages);
  free(text);
  pal_update_free(&u);
  close_plain(&p);
  close_side(&a);
  close_side(&b);
}
END_TEST

/* Two trainers of one model, which group its parameters differently, take turns. */
START_TEST(taking_turns) {
  side a, b;
  pal_update u[2];
  plain p[2];
  const variant *v[] = {&variants[1], &variants[5]};
  open_side(&a, 2);
  open_side(&b, 1);
  for (int k = 0; k < 2; k++) {
    open_update(&u[k], &a, v[k]);
    p[k] = open_plain(&b, v[k]);
  }
  for (int step = 1; step <= 6; step++) {
    const int k = step % 3 == 0;
    step_both(&u[k], &a, &p[k], &b, step);
    expect_same(&a, &b);
  }
  for (int k = 0; k < 2; k++) {
    pal_update_free(&u[k]);
    close_plain(&p[k]);
  }
  close_side(&a);
  close_side(&b);
}
END_TEST

/* An average, or a moment, that is there before the update is what it goes on from. */
START_TEST(state_is_kept) {
  side a;
  pal_update u;
  pal_variable *moment, *average;
  const pal_type type = PAL_TYPE(PAL_F32, PAL_STATIC, 36);
  open_side(&a, 1);
  ck_assert(!pal_store_variable(a.store, "adamw.second.model.block.0.qkv.bias", type, PAL_STATE,
                                PAL_UNIFORM(1), &moment, &a.error));
  ck_assert(!pal_store_variable(a.store, "ema.model.block.0.qkv.bias", type, PAL_STATE,
                                PAL_UNIFORM(1), &average, &a.error));
  float before[2][36];
  memcpy(before[0], pal_variable_data(moment), sizeof before[0]);
  memcpy(before[1], pal_variable_data(average), sizeof before[1]);
  open_update(&u, &a, &variants[1]);
  ck_assert_mem_eq(pal_variable_data(moment), before[0], sizeof before[0]);
  ck_assert_mem_eq(pal_variable_data(average), before[1], sizeof before[1]);
  for (int i = 0; i < PARAMETERS; i++) {
    char name[80];
    snprintf(name, sizeof name, "ema.%s", shapes[i].name);
    if (i != 3) /* a new one begins as the parameter is */
      ck_assert_mem_eq(pal_variable_data(pal_store_find(a.store, name)),
                       pal_variable_data(a.parameter[i]), pal_variable_bytes(a.parameter[i]));
  }
  pal_update_free(&u);
  close_side(&a);
}
END_TEST

/* ---- traits ------------------------------------------------------------------------------ */

enum { SIDE = 3, CELLS = SIDE * SIDE };

/* What one update with gradients 1 makes of a parameter of ones. */
static void update_once(const pal_traits *traits, const pal_update_options *o, float *after) {
  side s;
  pal_variable *v;
  open_side(&s, 1);
  const pal_type type = PAL_TYPE(PAL_F32, PAL_STATIC, SIDE, SIDE);
  pal_store *store = pal_store_new(1);
  if (traits) ck_assert(!pal_store_parameter(store, "own", type, PAL_ONES, *traits, &v, &s.error));
  else ck_assert(!pal_store_variable(store, "own", type, PAL_PARAMETER, PAL_ONES, &v, &s.error));
  pal_update u;
  pal_update_options own = *o;
  own.optimizer = pal_lookup(s.context, "optimizer", "sgd");
  if (o->matrix_optimizer) own.matrix_optimizer = pal_lookup(s.context, "optimizer", "muon");
  ck_assert_msg(!pal_update_init(&u, s.context, store, &v, 1, &own, &s.error), "%s", s.error.text);
  for (int i = 0; i < CELLS; i++) u.gradient[0][i] = i % 2 ? 1 : 2;
  ck_assert(!pal_update_run(&u, 0.25, 0.5, 1, 0, &s.error));
  memcpy(after, pal_variable_data(v), CELLS * sizeof *after);
  pal_update_free(&u);
  pal_store_free(store);
  close_side(&s);
}

/* Weights of a plug-in decay and are Muon's like the library's own; traits say otherwise. */
START_TEST(traits_decide) {
  float bare[CELLS], decayed[CELLS], other[CELLS], muon[CELLS];
  const pal_update_options none = {.optimizer = NULL}, decay = {.weight_decay = 0.5};
  const pal_update_options matrix = {.matrix_optimizer = (const pal_optimizer *)1, .momentum = 0.9};
  const pal_traits half = {.decays = true, .rate = 0.5};
  update_once(NULL, &none, bare);
  update_once(NULL, &decay, decayed);
  update_once(&(pal_traits){0}, &decay, other);
  ck_assert_double_eq((double)bare[1], 0.75);
  ck_assert_double_eq_tol((double)decayed[1], 0.75 - 0.125, 1e-6);
  ck_assert(memcmp(bare, other, sizeof bare) == 0);
  update_once(&half, &decay, other);
  ck_assert_double_eq_tol((double)other[1], 1 - 0.125 - 0.0625, 1e-6);
  update_once(NULL, &matrix, muon);
  ck_assert(memcmp(bare, muon, sizeof bare) != 0);
  update_once(&(pal_traits){.decays = true}, &matrix, other);
  ck_assert(memcmp(bare, other, sizeof bare) == 0);
}
END_TEST

START_TEST(traits_are_one) {
  side s;
  open_side(&s, 1);
  const pal_type type = PAL_TYPE(PAL_F32, PAL_STATIC, SIDE, SIDE);
  const pal_type flat = PAL_TYPE(PAL_F32, PAL_STATIC, SIDE);
  ck_assert(!pal_store_parameter(s.store, "a", type, PAL_ONES, PAL_PLAIN, NULL, &s.error));
  ck_assert(!pal_store_variable(s.store, "a", type, PAL_PARAMETER, PAL_ONES, NULL, &s.error));
  ck_assert_int_eq(pal_store_parameter(s.store, "a", type, PAL_ONES, PAL_WEIGHT, NULL, &s.error),
                   PAL_E_ARGUMENT);
  ck_assert(strstr(s.error.text, "\"a\"") != NULL);
  ck_assert_int_eq(pal_store_parameter(s.store, "b", flat, PAL_ONES, PAL_WEIGHT, NULL, NULL),
                   PAL_E_ARGUMENT);
  const pal_traits wild = {.rate = -1};
  ck_assert_int_eq(pal_store_parameter(s.store, "c", flat, PAL_ONES, wild, NULL, NULL),
                   PAL_E_ARGUMENT);
  close_side(&s);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("update");
  TCase *tests = tcase_create("update");
  tcase_add_loop_test(tests, same_bits_as_one_by_one, 0, VARIANTS);
  tcase_add_test(tests, taking_turns);
  tcase_add_test(tests, traits_decide);
  tcase_add_test(tests, traits_are_one);
  tcase_add_test(tests, state_is_kept);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
