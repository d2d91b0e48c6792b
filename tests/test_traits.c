/* SPDX-License-Identifier: Apache-2.0 */
/* Traits of the weights that a plug-in's model creates: weight decay, matrix optimizer, frozen,
 * learning-rate factor. */
#include <check.h>
#include <palimpsest/layers.h>
#include <palimpsest/ops.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/gym.h"
#include "tests/run.h"

enum { WIDTH = 16 };

/* What the next loss declares for its weights; NULL: nothing. */
static pal_traits of_bias;
static const pal_traits *of_matrix;

/* An ARM with a layer of its own after the backbone, outside of the scope "model": a matrix, a bias
 * and a frozen matrix. */
static void own_loss(const pal_model *model, pal_graph *g, const pal_batch_values *in,
                     pal_value *part) {
  const int64_t mask = MASK;
  const pal_type square = PAL_TYPE(PAL_F32, PAL_STATIC, WIDTH, WIDTH);
  pal_network network = pal_network_of_batch(g, in);
  network.causal = true;
  pal_value x = pal_backbone(g, model, &network);
  pal_scope_push(g, "own");
  const pal_value fixed =
      pal_parameter_new(g, "fixed", square, PAL_NORMAL(0.2), (pal_traits){.frozen = true});
  x = pal_add(g, x, pal_linear(g, x, fixed, PAL_NIL));
  const pal_value mix = of_matrix
                            ? pal_parameter_new(g, "mix", square, PAL_NORMAL(0.2), *of_matrix)
                            : pal_variable_new(g, "mix", square, PAL_PARAMETER, PAL_NORMAL(0.2));
  const pal_value bias =
      pal_parameter_new(g, "bias", PAL_TYPE(PAL_F32, PAL_STATIC, WIDTH), PAL_ZEROS, of_bias);
  x = pal_linear(g, x, mix, bias);
  pal_scope_pop(g);
  const pal_value logits = pal_output_logits(g, model, x);
  part[0] = pal_sum_all(g, pal_cross_entropy(g, logits, in->column[PAL_COLUMN_TARGET],
                                             in->column[PAL_COLUMN_WEIGHT], (pal_ints){&mask, 1}));
}

/* Nothing but a frozen table. */
static void ice_loss(const pal_model *model, pal_graph *g, const pal_batch_values *in,
                     pal_value *part) {
  const int64_t mask = MASK;
  (void)model;
  const pal_value table =
      pal_parameter_new(g, "table", PAL_TYPE(PAL_F32, PAL_STATIC, VOCABULARY, VOCABULARY),
                        PAL_NORMAL(1), (pal_traits){.frozen = true});
  part[0] = pal_sum_all(g, pal_cross_entropy(g, pal_embedding(g, table, in->token),
                                             in->column[PAL_COLUMN_TARGET],
                                             in->column[PAL_COLUMN_WEIGHT], (pal_ints){&mask, 1}));
}

/* The model "arm" with another loss; the output is tied, so that gradients reach the layer at
 * once. */
static void open_model(gym *b, void (*loss)(const pal_model *, pal_graph *,
                                            const pal_batch_values *, pal_value *)) {
  static const recipe arm = {"arm", {NULL}, {NULL}};
  static const char *const settings[] = {"layers=1", "width=16", "heads=2", "tied=1"};
  static pal_model_definition own;
  const pal_format format = {
      .vocabulary = VOCABULARY, .mask = MASK, .bos = -1, .eos = -1, .context = LONGEST};
  gym_open_model(b, &arm, 1, NULL, LONGEST);
  own = *pal_model_definition_of(b->model);
  pal_model_free(b->model);
  own.name = "own";
  own.loss = loss;
  ck_assert(!pal_define_model(b->context, &own, &b->error));
  b->model = pal_model_new(b->context, b->store, "own", &format, settings, 4, &b->error);
  ck_assert_msg(b->model != NULL, "%s", b->error.text);
}

static const char *const usual[] = {"rate=0.05", "warmup=0", "schedule=constant", "clip=0",
                                    "batch=8"};
enum { USUAL = sizeof usual / sizeof *usual };

static void open_own(gym *b, const char *one, const char *two) {
  const char *list[USUAL + 2];
  memcpy(list, usual, sizeof usual);
  list[USUAL] = one;
  list[USUAL + 1] = two;
  open_model(b, own_loss);
  b->trainer = pal_trainer_new(b->model, &b->stream, list, USUAL + 2, &b->error);
  ck_assert_msg(b->trainer != NULL, "%s", b->error.text);
}

static const float *own(const gym *b, const char *name) {
  pal_variable *v = pal_store_find(b->store, name);
  ck_assert_msg(v != NULL, "no %s", name);
  return pal_variable_data(v);
}

static bool same(const gym *a, const gym *b, const char *name) {
  return memcmp(own(a, name), own(b, name), pal_variable_bytes(pal_store_find(a->store, name))) ==
         0;
}

/* A matrix decays unless it is declared not to; a vector does when it is declared to. Both runs
 * take the same step, but for the decay. */
START_TEST(decay) {
  static const pal_traits plain = {0};
  gym b[2];
  of_matrix = _i ? &plain : NULL;
  of_bias = (pal_traits){.decays = _i != 0};
  for (int k = 0; k < 2; k++) {
    open_own(&b[k], k ? "weight_decay=5" : "weight_decay=0", "optimizer=sgd");
    float *bias = pal_variable_data(pal_store_find(b[k].store, "own.bias"));
    for (int i = 0; i < WIDTH; i++) bias[i] = 1;
    gym_step(&b[k]);
  }
  ck_assert_int_eq(same(&b[0], &b[1], "own.mix"), _i);
  ck_assert_int_eq(same(&b[0], &b[1], "own.bias"), !_i);
  ck_assert(same(&b[0], &b[1], "own.fixed"));
  for (int k = 0; k < 2; k++) gym_close(&b[k]);
}
END_TEST

/* Muon has the state of matrices, the other optimizer of what is declared to be none. */
START_TEST(matrix) {
  gym b, plain;
  static const pal_traits output = {.decays = true};
  of_bias = (pal_traits){0};
  of_matrix = _i ? &output : NULL;
  open_own(&b, "matrix_optimizer=muon", "ema=0.9");
  open_own(&plain, "matrix_optimizer=none", "ema=0.9");
  ck_assert(same(&b, &plain, "own.mix"));
  gym_step(&b);
  gym_step(&plain);
  ck_assert_int_eq(same(&b, &plain, "own.mix"), _i);
  ck_assert_int_eq(pal_store_find(b.store, "muon.velocity.own.mix") != NULL, !_i);
  ck_assert_int_eq(pal_store_find(b.store, "adamw.first.own.mix") != NULL, _i);
  ck_assert_ptr_null(pal_store_find(b.store, "muon.velocity.own.bias"));
  gym_close(&b);
  gym_close(&plain);
}
END_TEST

/* Neither updated nor given state; counted, saved and loaded. */
START_TEST(frozen) {
  static const char *const state[] = {"adamw.first.own.fixed", "muon.velocity.own.fixed",
                                      "ema.own.fixed"};
  char path[] = "traits-XXXXXX";
  float before[WIDTH * WIDTH];
  gym b, other;
  of_bias = (pal_traits){0};
  of_matrix = NULL;
  open_own(&b, "weight_decay=5", "ema=0.9");
  memcpy(before, own(&b, "own.fixed"), sizeof before);
  const int64_t layer = 2 * WIDTH * WIDTH + WIDTH;
  ck_assert_int_eq(pal_model_parameters(b.model) - layer,
                   VOCABULARY * WIDTH + 12 * WIDTH * WIDTH + 3 * WIDTH);
  for (int i = 0; i < 3; i++) {
    gym_step(&b);
    ck_assert_ptr_null(pal_store_find(b.store, state[i]));
  }
  ck_assert_mem_eq(own(&b, "own.fixed"), before, sizeof before);

  const int file = mkstemp(path);
  ck_assert_int_ge(file, 0);
  close(file);
  ck_assert_msg(!pal_trainer_save(b.trainer, path, &b.error), "%s", b.error.text);
  open_own(&other, "weight_decay=5", "ema=0.9");
  memset(pal_variable_data(pal_store_find(other.store, "own.fixed")), 0, sizeof before);
  ck_assert_msg(!pal_trainer_load(other.trainer, path, &other.error), "%s", other.error.text);
  gym_step(&b);
  gym_step(&other);
  const memory end = gym_remember(&b);
  ck_assert(gym_is_as(&other, &end));
  free(end.bytes);
  ck_assert_msg(!pal_weights_save(b.model, path, true, NULL, 0, &b.error), "%s", b.error.text);
  memset(pal_variable_data(pal_store_find(other.store, "own.fixed")), 0, sizeof before);
  ck_assert_msg(!pal_weights_load(other.model, path, true, NULL, &other.error), "%s",
                other.error.text);
  ck_assert_mem_eq(own(&other, "own.fixed"), before, sizeof before);
  unlink(path);
  gym_close(&b);
  gym_close(&other);
}
END_TEST

/* From zeros, half the rate is half the step, to the bit. */
START_TEST(rate) {
  gym b[2];
  of_matrix = NULL;
  for (int k = 0; k < 2; k++) {
    of_bias = (pal_traits){.rate = k ? 0.5 : 0};
    open_own(&b[k], "optimizer=sgd", "momentum=0");
    gym_step(&b[k]);
  }
  int moved = 0;
  for (int i = 0; i < WIDTH; i++) {
    const float one = own(&b[0], "own.bias")[i], half = own(&b[1], "own.bias")[i];
    ck_assert(half == 0.5F * one);
    moved += one != 0;
  }
  ck_assert_int_gt(moved, WIDTH / 2);
  ck_assert(same(&b[0], &b[1], "own.mix"));
  for (int k = 0; k < 2; k++) gym_close(&b[k]);
}
END_TEST

/* A model whose parameters are all frozen cannot be trained, but it can be evaluated. */
START_TEST(nothing_to_train) {
  pal_likelihood result;
  gym b;
  open_model(&b, ice_loss);
  ck_assert_ptr_null(pal_trainer_new(b.model, &b.stream, usual, USUAL, &b.error));
  ck_assert_int_eq(b.error.code, PAL_E_UNSUPPORTED);
  ck_assert_msg(strstr(b.error.text, "frozen") != NULL, "%s", b.error.text);
  pal_error_clear(&b.error);
  ck_assert_msg(!pal_evaluate_loss(b.model, toy_instance, &b.toy, 9, 1, 1, &result, &b.error), "%s",
                b.error.text);
  ck_assert(result.nats > 0);
  gym_close(&b);
}
END_TEST

/* Graphs that declare one variable differently are refused, and told what the difference is. A
 * factor of 0 is the factor 1. */
START_TEST(another_graph) {
  static const pal_traits first = {.decays = true, .rate = 0.25};
  static const pal_traits other[] = {{.decays = true, .rate = 1},
                                     {.rate = 0.25},
                                     {.decays = true, .matrix = true, .rate = 0.25},
                                     {.decays = true, .frozen = true, .rate = 0.25}};
  static const char *const says[] = {"rate 1)", "not (decays no", "matrix yes", "frozen yes"};
  const pal_type square = PAL_TYPE(PAL_F32, PAL_STATIC, WIDTH, WIDTH);
  pal_store *store = pal_store_new(1);
  pal_error error = {0};
  ck_assert(!pal_store_parameter(store, "p", square, PAL_ZEROS, first, NULL, &error));
  for (int i = 0; i < 4; i++) {
    pal_error_clear(&error);
    ck_assert_int_eq(pal_store_parameter(store, "p", square, PAL_ZEROS, other[i], NULL, &error),
                     PAL_E_ARGUMENT);
    ck_assert_msg(strstr(error.text, "\"p\"") && strstr(error.text, "rate 0.25") &&
                      strstr(error.text, says[i]),
                  "%s", error.text);
  }
  const pal_traits zero = {.decays = true}, one = {.decays = true, .rate = 1};
  ck_assert(!pal_store_parameter(store, "q", square, PAL_ZEROS, zero, NULL, NULL));
  ck_assert(!pal_store_parameter(store, "q", square, PAL_ZEROS, one, NULL, NULL));
  pal_store_free(store);
}
END_TEST

/* A layer that is frozen, or slow, is so as a whole. */
START_TEST(layer_shares) {
  gym b;
  gym_open_model(&b, &recipes[ARM], 1, NULL, LONGEST);
  pal_graph *g = pal_graph_new(b.context, b.store);
  const pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, PAL_STATIC, 2, 3));
  pal_layer_linear_with(g, "own", x, 4, true, 1,
                        (pal_traits){.decays = true, .matrix = true, .frozen = true, .rate = 0.5});
  ck_assert_msg(!pal_graph_error(g)->code, "%s", pal_graph_error(g)->text);
  const pal_traits bias = pal_variable_traits(pal_store_find(b.store, "own.bias"));
  ck_assert(bias.frozen && bias.rate == 0.5 && !bias.decays && !bias.matrix);
  pal_graph_free(g);
  gym_close(&b);
}
END_TEST

/* The text of a graph has the traits: in a fresh store the parameters are what they were. */
START_TEST(text_has_traits) {
  static const pal_traits all[] = {
      {0}, {.decays = true}, {.decays = true, .matrix = true, .frozen = true, .rate = 0.3}};
  const pal_type square = PAL_TYPE(PAL_F32, PAL_STATIC, 3, 3);
  pal_store *store[2] = {pal_store_new(1), pal_store_new(1)};
  pal_error error = {0};
  pal_context *context = pal_context_new(NULL, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
  pal_graph *g = pal_graph_new(context, store[0]);
  char name[] = "a";
  for (size_t i = 0; i < sizeof all / sizeof *all; i++, name[0]++)
    pal_parameter_new(g, name, square, PAL_ZEROS, all[i]);
  pal_variable_new(g, name, square, PAL_PARAMETER, PAL_ZEROS);
  char *text = pal_graph_dump(g);
  pal_graph *h = pal_graph_parse(context, store[1], text, &error);
  ck_assert_msg(h != NULL, "%s", error.text);
  char *again = pal_graph_dump(h);
  ck_assert_str_eq(text, again);
  const pal_variable *v;
  for (int i = 0; (v = pal_store_parameter_at(store[0], i)) != NULL; i++) {
    const pal_traits a = pal_variable_traits(v);
    const pal_traits c = pal_variable_traits(pal_store_parameter_at(store[1], i));
    ck_assert_msg(a.decays == c.decays && a.matrix == c.matrix && a.frozen == c.frozen &&
                      memcmp(&a.rate, &c.rate, sizeof a.rate) == 0,
                  "%s", pal_variable_name(v));
  }
  free(text);
  free(again);
  pal_graph_free(g);
  pal_graph_free(h);
  for (int k = 0; k < 2; k++) pal_store_free(store[k]);
  pal_context_free(context);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("traits");
  TCase *tests = tcase_create("traits");
  tcase_add_loop_test(tests, decay, 0, 2);
  tcase_add_loop_test(tests, matrix, 0, 2);
  tcase_add_test(tests, frozen);
  tcase_add_test(tests, rate);
  tcase_add_test(tests, nothing_to_train);
  tcase_add_test(tests, another_graph);
  tcase_add_test(tests, layer_shares);
  tcase_add_test(tests, text_has_traits);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
