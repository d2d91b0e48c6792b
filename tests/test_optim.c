/* SPDX-License-Identifier: Apache-2.0 */
/* Optimizers against simple loops in double over several steps; gradient norm, clipping and EMA;
 * and a run that fails, which must leave the store unchanged. */
#include <check.h>
#include <math.h>
#include <palimpsest/layers.h>
#include <palimpsest/ops.h>
#include <palimpsest/optim.h>
#include <palimpsest/plan.h>
#include <stdlib.h>
#include <string.h>

#include "tests/run.h"

enum { MOST = 40 * 24, STEPS = 6 };

static pal_context *context;
static pal_store *store;
static pal_graph *g;
static pal_plan *plan;
static pal_exec *exec;
static pal_error error;

static void set_up(void) {
  memset(&error, 0, sizeof error);
  context = pal_context_new(NULL, &error);
  ck_assert_msg(context && !pal_register_ops(context, &error) &&
                    !pal_register_optimizers(context, &error),
                "%s", error.text);
  store = pal_store_new(5);
  g = pal_graph_new(context, store);
  plan = NULL;
  exec = NULL;
}

static void tear_down(void) {
  pal_exec_free(exec);
  pal_plan_free(plan);
  pal_graph_free(g);
  pal_store_free(store);
  pal_context_free(context);
}

static void compile(void) {
  plan = pal_compile(g, &error);
  ck_assert_msg(plan != NULL, "%s", error.text);
  exec = pal_exec_new(plan, &error);
  ck_assert_msg(exec != NULL, "%s", error.text);
}

static pal_value scalar(const char *name) { return pal_input(g, name, pal_type_scalar(PAL_F32)); }

static void set(const char *name, double value) {
  *(float *)pal_exec_input(exec, name) = (float)value;
}

static const float *contents(const char *name) {
  pal_variable *variable = pal_store_find(store, name);
  ck_assert_msg(variable != NULL, "no variable %s", name);
  return pal_variable_data(variable);
}

/* ---- one parameter under one optimizer ----------------------------------------------- */

typedef struct setting {
  pal_optim_options o;
  int outputs, inputs;
} setting;

static const pal_optimizer *start(const char *name, setting *s) {
  const pal_optimizer *optimizer = pal_lookup(context, "optimizer", name);
  ck_assert_ptr_nonnull(optimizer);
  pal_type type = PAL_TYPE(PAL_F32, PAL_STATIC, s->outputs, s->inputs);
  pal_scope_push(g, "block");
  pal_value p = pal_variable_new(g, "weight", type, PAL_PARAMETER, PAL_NORMAL(0.3));
  pal_scope_pop(g);
  pal_scope_push(g, "update"); /* must not get into the names of the state */
  pal_value gradient = pal_input(g, "gradient", type);
  pal_optimize(g, optimizer,
               (pal_optim_call){.options = &s->o,
                                .parameter = p,
                                .gradient = gradient,
                                .rate = scalar("rate"),
                                .step = scalar("step")});
  pal_scope_pop(g);
  compile();
  return optimizer;
}

static double gradient_at(int step, int i) {
  return sin(1.7 * i + 0.9 * step * (i % 5)) / (1 + step);
}

/* The state of the plain loops. */
typedef struct plain {
  double p[MOST], first[MOST], second[MOST], gradient[MOST];
} plain;

typedef void step_of(plain *x, const setting *s, double rate, int step);

static void follow(const char *name, setting s, step_of *one_step, double tolerance) {
  static plain x;
  int n = s.outputs * s.inputs;
  start(name, &s);
  memset(&x, 0, sizeof x);
  for (int i = 0; i < n; i++) x.p[i] = contents("block.weight")[i];
  for (int step = 1; step <= STEPS; step++) {
    float *gradient = pal_exec_input(exec, "gradient");
    for (int i = 0; i < n; i++) {
      gradient[i] = (float)gradient_at(step, i);
      x.gradient[i] = gradient[i];
    }
    double rate = 0.1 / step;
    set("rate", rate);
    set("step", step);
    ck_assert_msg(!pal_exec_run(exec, &error), "%s", error.text);
    one_step(&x, &s, (float)rate, step);
    for (int i = 0; i < n; i++)
      ck_assert_msg(fabs(contents("block.weight")[i] - x.p[i]) <= tolerance,
                    "step %d, element %d: %.9g, not %.9g", step, i, contents("block.weight")[i],
                    x.p[i]);
  }
}

static void plain_adamw(plain *x, const setting *s, double rate, int step) {
  for (int i = 0; i < s->outputs * s->inputs; i++) {
    double d = x->gradient[i];
    x->first[i] = s->o.beta1 * x->first[i] + (1 - s->o.beta1) * d;
    x->second[i] = s->o.beta2 * x->second[i] + (1 - s->o.beta2) * d * d;
    double m = x->first[i] / (1 - pow(s->o.beta1, step));
    double v = x->second[i] / (1 - pow(s->o.beta2, step));
    x->p[i] -= rate * s->o.weight_decay * x->p[i] + rate * m / (sqrt(v) + s->o.epsilon);
  }
}

START_TEST(adamw) {
  setting s = {.o = {.beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-8, .weight_decay = 0.1},
               .outputs = 5,
               .inputs = 7};
  follow("adamw", s, plain_adamw, 1e-6);
  ck_assert_ptr_nonnull(pal_store_find(store, "adamw.first.block.weight"));
  ck_assert_ptr_nonnull(pal_store_find(store, "adamw.second.block.weight"));
  ck_assert_uint_eq(pal_store_count(store), 3);
  ck_assert_int_eq(pal_variable_role(pal_store_at(store, 1)), PAL_STATE);
}
END_TEST

static void plain_sgd(plain *x, const setting *s, double rate, int step) {
  (void)step;
  for (int i = 0; i < s->outputs * s->inputs; i++) {
    x->first[i] = s->o.beta1 * x->first[i] + x->gradient[i];
    double d = s->o.nesterov ? x->gradient[i] + s->o.beta1 * x->first[i] : x->first[i];
    x->p[i] -= rate * s->o.weight_decay * x->p[i] + rate * d;
  }
}

START_TEST(sgd) {
  static const double momentum[] = {0, 0.9, 0.9};
  setting s = {.o = {.beta1 = momentum[_i], .weight_decay = 0.05, .nesterov = _i == 2},
               .outputs = 3,
               .inputs = 11};
  follow("sgd", s, plain_sgd, 1e-6);
  ck_assert_uint_eq(pal_store_count(store), _i ? 2 : 1);
}
END_TEST

/* c[n][n] = a[n][k] a' */
static void gram_of(const double *a, int n, int k, double *c) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      double sum = 0;
      for (int l = 0; l < k; l++) sum += a[i * k + l] * a[j * k + l];
      c[i * n + j] = sum;
    }
}

static void product(const double *a, const double *b, int n, int k, double *c) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < k; j++) {
      double sum = 0;
      for (int l = 0; l < n; l++) sum += a[i * n + l] * b[l * k + j];
      c[i * k + j] = sum;
    }
}

/* The recipe as it is usually written: transpose first, then X <- aX + b(XX')X + c(XX')^2 X. */
static void newton_schulz(double *d, int outputs, int inputs, int iterations) {
  static double x[MOST], gram[MOST], once[MOST], twice[MOST];
  bool turn = outputs > inputs;
  int n = turn ? inputs : outputs, k = turn ? outputs : inputs;
  double norm = 0;
  for (int i = 0; i < n * k; i++) norm += d[i] * d[i];
  for (int i = 0; i < n; i++)
    for (int j = 0; j < k; j++)
      x[i * k + j] = d[turn ? j * n + i : i * k + j] / (sqrt(norm) + 1e-7);
  for (int t = 0; t < iterations; t++) {
    gram_of(x, n, k, gram);
    product(gram, x, n, k, once);
    product(gram, once, n, k, twice);
    for (int i = 0; i < n * k; i++) x[i] = 3.4445 * x[i] - 4.7750 * once[i] + 2.0315 * twice[i];
  }
  for (int i = 0; i < n; i++)
    for (int j = 0; j < k; j++) d[turn ? j * n + i : i * k + j] = x[i * k + j];
}

static void plain_muon(plain *x, const setting *s, double rate, int step) {
  (void)step;
  static double d[MOST];
  int n = s->outputs * s->inputs;
  for (int i = 0; i < n; i++) {
    x->first[i] = s->o.beta1 * x->first[i] + x->gradient[i];
    d[i] = s->o.nesterov ? x->gradient[i] + s->o.beta1 * x->first[i] : x->first[i];
  }
  newton_schulz(d, s->outputs, s->inputs, s->o.iterations);
  double scale = sqrt(fmax(1, (double)s->outputs / s->inputs));
  for (int i = 0; i < n; i++) x->p[i] -= rate * s->o.weight_decay * x->p[i] + rate * scale * d[i];
}

START_TEST(muon) {
  static const int shape[][2] = {{8, 20}, {24, 9}, {12, 12}};
  setting s = {.outputs = shape[_i][0], .inputs = shape[_i][1]};
  s.o = ((const pal_optimizer *)pal_lookup(context, "optimizer", "muon"))->defaults;
  ck_assert(s.o.nesterov && s.o.iterations == 5);
  follow("muon", s, plain_muon, 2e-5);
  ck_assert_ptr_nonnull(pal_store_find(store, "muon.velocity.block.weight"));
}
END_TEST

START_TEST(muon_wants_a_matrix) {
  const pal_optimizer *optimizer = pal_lookup(context, "optimizer", "muon");
  pal_type type = PAL_TYPE(PAL_F32, PAL_STATIC, 4);
  pal_value p = pal_variable_new(g, "gain", type, PAL_PARAMETER, PAL_ONES);
  pal_optimize(g, optimizer,
               (pal_optim_call){.options = &optimizer->defaults,
                                .parameter = p,
                                .gradient = pal_input(g, "gradient", type),
                                .rate = scalar("rate"),
                                .step = scalar("step")});
  ck_assert_int_eq(pal_graph_error(g)->code, PAL_E_SHAPE);
}
END_TEST

START_TEST(only_variables_have_state) {
  const pal_optimizer *optimizer = pal_lookup(context, "optimizer", "adamw");
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, PAL_STATIC, 4));
  pal_optimize(g, optimizer,
               (pal_optim_call){.options = &optimizer->defaults,
                                .parameter = x,
                                .gradient = x,
                                .rate = scalar("rate"),
                                .step = scalar("step")});
  ck_assert_int_eq(pal_graph_error(g)->code, PAL_E_ARGUMENT);
}
END_TEST

/* A name that is too long is refused where it is given; none is cut, which could make two names
 * one.
 */
START_TEST(names_are_whole) {
  enum { LONG = PAL_MOST_PARAMETER_NAME };
  static const char weight[] = ".weight";
  char name[LONG + 2];
  const pal_type type = PAL_TYPE(PAL_F32, PAL_STATIC, 4);
  memset(name, 'n', sizeof name);
  name[LONG] = 0;
  const pal_value a = pal_parameter_new(g, name, type, PAL_ZEROS, PAL_PLAIN);
  name[LONG - 1] = 'm'; /* another one, by its last byte */
  const pal_value b = pal_parameter_new(g, name, type, PAL_ZEROS, PAL_PLAIN);
  ck_assert_ptr_ne(pal_variable_of(g, a), pal_variable_of(g, b));
  /* States of one optimizer whose own name is long. */
  const pal_value m = pal_optimizer_state(g, name, "m", a),
                  v = pal_optimizer_state(g, name, "v", a);
  ck_assert_ptr_nonnull(pal_variable_of(g, m));
  ck_assert_ptr_ne(pal_variable_of(g, m), pal_variable_of(g, v));
  name[LONG - strlen(weight)] = 0;
  const pal_value x = pal_constant(g, PAL_TYPE(PAL_F32, PAL_STATIC, 1, 1), &(float){1});
  pal_layer_linear(g, name, x, 1, false, 1);
  name[LONG - 1] = 0;
  pal_scope_push(g, "%s", name);
  pal_scope_pop(g);
  ck_assert_msg(!pal_graph_error(g)->code, "%s", pal_graph_error(g)->text);
  ck_assert_uint_eq(pal_store_count(store), 5);
  for (int i = 0; i < 3; i++) {
    pal_graph *bad = pal_graph_new(context, store);
    memset(name, 'n', sizeof name);
    name[LONG + 1] = 0;
    if (i == 0) pal_parameter_new(bad, name, type, PAL_ZEROS, PAL_PLAIN);
    name[LONG - strlen(weight) + 1] = 0;
    if (i == 1)
      pal_layer_linear(bad, name, pal_input(bad, "x", PAL_TYPE(PAL_F32, PAL_STATIC, 1, 1)), 1,
                       false, 1);
    if (i == 2) pal_scope_push(bad, "%s%s", name, weight);
    ck_assert_int_eq(pal_graph_error(bad)->code, PAL_E_ARGUMENT);
    ck_assert_msg(strstr(pal_graph_error(bad)->text,
                         i < 2 ? "is longer than 200 bytes" : "is longer than 199 bytes"),
                  "%s", pal_graph_error(bad)->text);
    pal_graph_free(bad);
  }
  ck_assert_uint_eq(pal_store_count(store), 5);
}
END_TEST

/* ---- norm and clipping --------------------------------------------------------------- */

START_TEST(norm_and_clipping) {
  static const double sizes[] = {0, 0.01, 3};
  double size = sizes[_i], limit = 0.5, sum = 0;
  pal_value gradient[30];
  for (int k = 0; k < 30; k++) {
    char name[16] = {'a', (char)('a' + k % 26), (char)('a' + k / 26)};
    gradient[k] = pal_input(g, name, PAL_TYPE(PAL_F32, PAL_STATIC, k + 1));
  }
  pal_value norm = pal_global_norm(g, gradient, 30);
  pal_output(g, "norm", norm);
  pal_output(g, "factor", pal_clip_factor(g, norm, limit));
  compile();
  for (int k = 0; k < 30; k++) {
    char name[16] = {'a', (char)('a' + k % 26), (char)('a' + k / 26)};
    float *data = pal_exec_input(exec, name);
    for (int i = 0; i <= k; i++) {
      data[i] = (float)(size * sin(i + 3.0 * k));
      sum += (double)data[i] * data[i];
    }
  }
  ck_assert_msg(!pal_exec_run(exec, &error), "%s", error.text);
  double want = sqrt(sum), factor = want > limit ? limit / want : 1;
  const float *have = pal_exec_output(exec, "norm", NULL);
  ck_assert_double_eq_tol(*have, want, 1e-6 * want + 1e-12);
  have = pal_exec_output(exec, "factor", NULL);
  ck_assert_double_eq_tol(*have, factor, 1e-6);
}
END_TEST

/* ---- ema, and a run that fails ------------------------------------------------------- */

START_TEST(ema_follows_the_parameter) {
  pal_type type = PAL_TYPE(PAL_F32, PAL_STATIC, 3, 5);
  pal_value p = pal_variable_new(g, "w", type, PAL_PARAMETER, PAL_NORMAL(1));
  pal_value next = pal_add(g, p, pal_scalar(g, 1));
  pal_assign(g, p, next);
  pal_output(g, "ema", pal_ema(g, p, next, scalar("decay")));
  ck_assert_mem_eq(contents("ema.w"), contents("w"), 15 * sizeof(float));
  compile();
  double want[15];
  for (int i = 0; i < 15; i++) want[i] = contents("w")[i];
  for (int step = 0; step < 4; step++) {
    set("decay", 0.9);
    ck_assert_msg(!pal_exec_run(exec, &error), "%s", error.text);
    for (int i = 0; i < 15; i++) {
      want[i] = 0.9 * want[i] + 0.1 * contents("w")[i];
      ck_assert_double_eq_tol(contents("ema.w")[i], want[i], 1e-5);
    }
  }
  /* Another graph of the same store goes on with it. */
  float kept[15];
  memcpy(kept, contents("ema.w"), sizeof kept);
  pal_graph *other = pal_graph_new(context, store);
  pal_value again = pal_variable_old(other, "w");
  pal_ema(other, again, again, pal_scalar(other, 0.5));
  ck_assert_int_eq(pal_graph_error(other)->code, PAL_OK);
  ck_assert_mem_eq(contents("ema.w"), kept, sizeof kept);
  pal_graph_free(other);
}
END_TEST

START_TEST(a_failed_run_leaves_the_store) {
  static const char *const optimizers[] = {"adamw", "sgd", "muon"};
  const pal_optimizer *optimizer = pal_lookup(context, "optimizer", optimizers[_i]);
  pal_type type = PAL_TYPE(PAL_F32, PAL_STATIC, 6, 5);
  pal_value p = pal_variable_new(g, "w", type, PAL_PARAMETER, PAL_NORMAL(1));
  pal_value gradient = pal_input(g, "gradient", type);
  pal_value norm = pal_global_norm(g, &gradient, 1);
  pal_check_finite(g, norm, "the gradient");
  pal_optimize(g, optimizer,
               (pal_optim_call){.options = &optimizer->defaults,
                                .parameter = p,
                                .gradient = gradient,
                                .scale = pal_clip_factor(g, norm, 1),
                                .rate = scalar("rate"),
                                .step = scalar("step"),
                                .decay = pal_scalar(g, 0.99)});
  compile();
  set("rate", 0.1);
  for (int step = 1; step <= 4; step++) {
    char before[8][6 * 5 * sizeof(float)];
    float *data = pal_exec_input(exec, "gradient");
    bool bad = step == 3;
    for (int i = 0; i < 30; i++) data[i] = (float)gradient_at(step, i);
    if (bad) data[17] = INFINITY;
    set("step", step);
    size_t n = pal_store_count(store);
    for (size_t v = 0; v < n; v++)
      memcpy(before[v], pal_variable_data(pal_store_at(store, v)), sizeof before[v]);
    ck_assert_int_eq(pal_exec_run(exec, &error), bad ? PAL_E_NONFINITE : PAL_OK);
    for (size_t v = 0; v < n; v++) {
      const void *now = pal_variable_data(pal_store_at(store, v));
      ck_assert_msg((memcmp(before[v], now, sizeof before[v]) == 0) == bad, "step %d, %s", step,
                    pal_variable_name(pal_store_at(store, v)));
    }
    if (bad) ck_assert_msg(strstr(error.text, "the gradient") != NULL, "%s", error.text);
    pal_error_clear(&error);
  }
}
END_TEST

START_TEST(an_optimizer_and_its_options_are_needed) {
  const pal_optimizer *usual = pal_lookup(context, "optimizer", "adamw"), empty = {.name = "empty"};
  const struct {
    const pal_optimizer *optimizer;
    const pal_optim_options *options;
    const char *missing;
  } all[] = {{NULL, &usual->defaults, "an optimizer"},
             {&empty, &usual->defaults, "update"},
             {usual, NULL, "options"}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    pal_graph *bad = pal_graph_new(context, store);
    pal_optimize(bad, all[i].optimizer, (pal_optim_call){.options = all[i].options});
    ck_assert_ptr_null(pal_compile(bad, &error));
    ck_assert_int_eq(error.code, PAL_E_ARGUMENT);
    ck_assert_msg(strstr(error.text, all[i].missing) != NULL, "%s", error.text);
    pal_error_clear(&error);
    pal_graph_free(bad);
  }
}
END_TEST

START_TEST(incomplete_optimizers_are_refused) {
  const pal_optimizer usual = *(const pal_optimizer *)pal_lookup(context, "optimizer", "adamw");
  pal_optimizer own[6];
  for (int i = 0; i < 6; i++) own[i] = usual;
  own[0].abi_size = 0;
  own[1].name = NULL;
  for (int i = 2; i < 6; i++) own[i].name = "own";
  own[2].doc = NULL;
  own[3].update = NULL;
  own[4].name = "sgd";
  static const struct {
    pal_status code;
    const char *says;
  } all[] = {{PAL_E_ABI, "optimizer definition was built against other headers"},
             {PAL_E_ARGUMENT, "the optimizer definition has no name"},
             {PAL_E_ARGUMENT, "optimizer \"own\": doc is missing"},
             {PAL_E_ARGUMENT, "optimizer \"own\": update is missing"},
             {PAL_E_DUPLICATE, "optimizer \"sgd\""},
             {PAL_OK, ""}};
  for (int i = 0; i < 6; i++) {
    ck_assert_int_eq(pal_define_optimizer(context, &own[i], &error), all[i].code);
    ck_assert_msg(strstr(error.text, all[i].says) != NULL, "%s", error.text);
    pal_error_clear(&error);
  }
  ck_assert_int_eq(pal_define_optimizer(context, NULL, &error), PAL_E_ARGUMENT);
  ck_assert_ptr_eq(pal_lookup(context, "optimizer", "own"), &own[5]);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("optim");
  TCase *tests = tcase_create("optim");
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_test(tests, adamw);
  tcase_add_loop_test(tests, sgd, 0, 3);
  tcase_add_loop_test(tests, muon, 0, 3);
  tcase_add_test(tests, muon_wants_a_matrix);
  tcase_add_test(tests, an_optimizer_and_its_options_are_needed);
  tcase_add_test(tests, incomplete_optimizers_are_refused);
  tcase_add_test(tests, only_variables_have_state);
  tcase_add_test(tests, names_are_whole);
  tcase_add_loop_test(tests, norm_and_clipping, 0, 3);
  tcase_add_test(tests, ema_follows_the_parameter);
  tcase_add_loop_test(tests, a_failed_run_leaves_the_store, 0, 3);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
