/* SPDX-License-Identifier: Apache-2.0 */
/* One step of training: which parameters it changes how; and failures, which leave everything
 * unchanged. */
#include <check.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/alloc.h"
#include "tests/gym.h"
#include "tests/run.h"
#include "train/trainer.h"

/* ---- what is updated how --------------------------------------------------------------------- */

static double distance(const memory *a, const memory *b) {
  double sum = 0;
  for (size_t i = 0; i < a->n / sizeof(float); i++) {
    float x, y;
    memcpy(&x, a->bytes + i * sizeof x, sizeof x);
    memcpy(&y, b->bytes + i * sizeof y, sizeof y);
    sum += ((double)x - (double)y) * ((double)x - (double)y);
  }
  return sqrt(sum);
}

START_TEST(clipping) {
  static const recipe plain = {"arm",
                               {"layers=1", "width=16", NULL},
                               {"batch=8", "optimizer=sgd", "momentum=0", "rate=0.5",
                                "schedule=constant", "warmup=0", "weight_decay=0", NULL}};
  const char *const clip[] = {"clip=0", "clip=0.125", "clip=1000"};
  double norm[3], moved[3];
  for (int k = 0; k < 3; k++) {
    gym b;
    gym_open(&b, &plain, 1, NULL, clip[k]);
    const memory before = gym_remember(&b);
    norm[k] = gym_step(&b).gradient_norm;
    const memory after = gym_remember(&b);
    const pal_variable *momentum = pal_store_find(b.store, "sgd.velocity.model.norm.gain");
    ck_assert_msg(momentum == NULL, "momentum=0 keeps a velocity");
    moved[k] = distance(&before, &after);
    free(before.bytes);
    free(after.bytes);
    gym_close(&b);
  }
  ck_assert_double_gt(norm[0], 0.25);
  ck_assert_double_eq(norm[0], norm[1]);
  ck_assert_double_eq_tol(moved[0], 0.5 * norm[0], 1e-5);
  ck_assert_double_eq_tol(moved[1], 0.5 * 0.125, 1e-6);
  ck_assert_double_eq(moved[2], moved[0]);
}
END_TEST

START_TEST(groups_and_decay) {
  static const recipe r = {
      "ap-mdm",
      {"layers=1", "width=16", "positions=learned", "time=adaln", "bias=1", NULL},
      {"batch=8", "rate=0.1", "warmup=0", NULL}};
  gym plain, decayed, muon;
  gym_open(&plain, &r, 1, NULL, "weight_decay=0");
  gym_open(&decayed, &r, 1, NULL, "weight_decay=0.5");
  gym_open(&muon, &r, 1, NULL, "matrix_optimizer=muon");
  gym_step(&plain);
  gym_step(&decayed);
  int decays = 0, matrices = 0;
  pal_variable *v;
  for (size_t i = 0; (v = pal_store_at(plain.store, i)) != NULL; i++) {
    if (pal_variable_role(v) != PAL_PARAMETER) continue;
    const char *name = pal_variable_name(v);
    char state[200];
    const bool weight =
        strstr(name, ".weight") && !strstr(name, "embedding") && !strstr(name, "position");
    const bool block = strncmp(name, "model.block.", 12) == 0 && strstr(name, ".weight");
    pal_variable *other = pal_store_find(decayed.store, name);
    const bool differs =
        memcmp(pal_variable_data(v), pal_variable_data(other), pal_variable_bytes(v)) != 0;
    ck_assert_msg(!differs || weight, "%s decays", name);
    decays += differs;
    snprintf(state, sizeof state, "muon.velocity.%s", name);
    ck_assert_msg((pal_store_find(muon.store, state) != NULL) == block, "%s and muon", name);
    snprintf(state, sizeof state, "adamw.first.%s", name);
    ck_assert_msg((pal_store_find(muon.store, state) == NULL) == block, "%s and adamw", name);
    matrices += block;
  }
  ck_assert_int_ge(decays, 4);
  ck_assert_int_ge(matrices, 4);
  gym_step(&muon);
  gym_close(&plain);
  gym_close(&decayed);
  gym_close(&muon);
}
END_TEST

START_TEST(averages) {
  gym b;
  gym_open(&b, &recipes[1], 1, NULL, NULL);
  pal_variable *p = pal_store_find(b.store, "model.norm.gain");
  pal_variable *mean = pal_store_find(b.store, "ema.model.norm.gain");
  double want = (double)*(float *)pal_variable_data(p);
  for (int t = 1; t <= 12; t++) {
    gym_step(&b);
    const double d = fmin(0.9, (1.0 + t) / (10.0 + t));
    want = d * want + (1 - d) * (double)*(float *)pal_variable_data(p);
  }
  const float raw = *(float *)pal_variable_data(p), average = *(float *)pal_variable_data(mean);
  ck_assert_double_eq_tol((double)average, want, 1e-6);
  ck_assert(raw < average || raw > average);
  const memory before = gym_remember(&b);
  pal_trainer_use_average(b.trainer, true);
  pal_trainer_use_average(b.trainer, true);
  ck_assert_mem_eq(pal_variable_data(p), &average, sizeof average);
  pal_trainer_use_average(b.trainer, false);
  ck_assert(gym_is_as(&b, &before));
  free(before.bytes);
  gym_close(&b);
}
END_TEST

/* A frozen parameter has no gradient, moments or decay, and is kept with the others. */
START_TEST(frozen_stays) {
  const pal_type type = PAL_TYPE(PAL_F32, PAL_STATIC, 3, 3);
  float ones[9];
  for (int i = 0; i < 9; i++) ones[i] = 1;
  for (int frozen = 0; frozen < 2; frozen++) {
    gym b;
    pal_variable *v = NULL;
    gym_open_model(&b, &recipes[MDM], 1, NULL, 16);
    const pal_traits traits = {.decays = true, .frozen = frozen != 0};
    ck_assert(!pal_store_parameter(b.store, "own", type, PAL_ONES, traits, &v, &b.error));
    gym_open_trainer(&b, &recipes[MDM], "weight_decay=0.5");
    for (int i = 0; i < 3; i++) gym_step(&b);
    ck_assert((memcmp(pal_variable_data(v), ones, sizeof ones) == 0) == (frozen != 0));
    gym_close(&b);
  }
}
END_TEST

START_TEST(weights_of_parts) {
  gym a, b;
  gym_open(&a, &recipes[AP_MDM], 1, NULL, NULL);
  gym_open(&b, &recipes[AP_MDM], 1, NULL, "weights=1,0.5,0");
  const pal_step_report even = gym_step(&a), uneven = gym_step(&b);
  for (int k = 0; k < PAL_MAX_PARTS; k++) ck_assert(even.part[k] == uneven.part[k]);
  ck_assert_double_eq_tol(uneven.loss, even.part[0] + 0.5 * even.part[1], 1e-12);
  ck_assert_double_eq_tol(even.loss, even.part[0] + even.part[1] + even.part[2] + even.part[3],
                          1e-12);
  ck_assert(even.gradient_norm != uneven.gradient_norm);
  gym_close(&a);
  gym_close(&b);
}
END_TEST

/* ---- failures -------------------------------------------------------------------------------- */

/* Rows are never asked to read an array that is not there. */
START_TEST(unsound_examples) {
  static const int32_t token[1] = {0}, outside[2] = {-1, 1000000};
  static const uint8_t no[2] = {0};
  const struct {
    pal_example e;
    const char *member;
  } bad[] = {
      {{.n_prompt = -1}, "n_prompt"},
      {{.n_prompt = 1}, "prompt is NULL"},
      {{.prompt = token, .n_prompt = 1, .n_answer = -1}, "n_answer"},
      {{.prompt = token, .n_prompt = 1, .n_answer = 1}, "answer is NULL"},
      {{.prompt = token, .n_prompt = 1, .answer_room = -1}, "answer_room"},
      {{.prompt = &outside[0], .n_prompt = 1}, "prompt[0] is -1"},
      {{.prompt = &outside[1], .n_prompt = 1}, "prompt[0] is 1000000"},
      {{.prompt = token, .n_prompt = 1, .answer = outside, .n_answer = 2}, "answer[0] is -1"},
      {{.n_prompt = INT_MAX}, "n_prompt is too large"},
      {{.transition = {outside, outside, NULL, no, no, no, 2}}, "transition.state[0] is -1"},
      {{.transition = {token, &outside[1], NULL, no, no, no, 1}}, "transition.y[0] is 1000000"},
      {{.transition = {.n = -1}}, "transition.n"},
      {{.transition = {.n = 1}}, "transition.state"},
      {{.transition = {.state = token, .n = 1}}, "label of transition"}};
  const pal_rng rng = {.key = 1};
  pal_staging staging;
  gym b;
  gym_open_model(&b, &recipes[_i], 1, NULL, 2);
  ck_assert(!pal_staging_init(&staging, b.model, 1, 4, &b.error));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    pal_error error = {0};
    ck_assert_int_eq(pal_staging_add(&staging, 0, &bad[i].e, rng, true, NULL, &error),
                     PAL_E_ARGUMENT);
    ck_assert_msg(strstr(error.text, "an example for model") && strstr(error.text, bad[i].member),
                  "%zu: %s", i, error.text);
  }
  pal_staging_free(&staging);
  gym_close(&b);
}
END_TEST

START_TEST(not_finite) {
  gym b, untouched;
  gym_open(&b, &recipes[_i], 2, NULL, NULL);
  gym_open(&untouched, &recipes[_i], 2, NULL, NULL);
  for (int i = 0; i < 2; i++) gym_step(&b), gym_step(&untouched);
  float *gain = pal_variable_data(pal_store_find(b.store, "model.norm.gain"));
  const float good = gain[1];
  gain[1] = NAN;
  const memory before = gym_remember(&b);
  for (int i = 0; i < 2; i++) {
    pal_error error = {0};
    pal_step_report report;
    ck_assert_int_eq(pal_trainer_step(b.trainer, &report, &error), PAL_E_NONFINITE);
    ck_assert_msg(strstr(error.text, "step 3: ") && strstr(error.text, "the loss"), "%s",
                  error.text);
    ck_assert(gym_is_as(&b, &before));
  }
  free(before.bytes);
  gain[1] = good;
  gym_step(&b), gym_step(&untouched);
  const memory end = gym_remember(&untouched);
  ck_assert(gym_is_as(&b, &end));
  free(end.bytes);
  gym_close(&b);
  gym_close(&untouched);
}
END_TEST

/* The stream, or the model's rows, fail in the rows of step 2 while they are drawn beside step 1,
 * or (7 threads: no worker is without shards) when it comes. */
START_TEST(a_draw_that_fails) {
  static const char *const says[] = {"step 2: the toy ran dry", "step 2: arm appends its answer"};
  const bool masks = _i % 2;
  gym b, untouched;
  gym_open(&b, &recipes[ARM], _i / 2 ? 7 : 2, NULL, NULL);
  gym_open(&untouched, &recipes[ARM], 1, NULL, NULL);
  *(masks ? &b.toy.mask_at : &b.toy.fail_at) = 40; /* 23 .. 45 are those of step 2 */
  const pal_step_report got = gym_step(&b), want = gym_step(&untouched);
  ck_assert_mem_eq(&got, &want, sizeof want);
  const memory before = gym_remember(&untouched);
  for (int i = 0; i < 3; i++) {
    pal_error error = {0};
    ck_assert(gym_is_as(&b, &before));
    ck_assert_uint_eq(b.toy.next, 23);
    if (i == 2) break;
    ck_assert_int_eq(pal_trainer_step(b.trainer, NULL, &error),
                     masks ? PAL_E_UNSUPPORTED : PAL_E_IO);
    ck_assert_msg(strstr(error.text, says[masks]), "%s", error.text);
  }
  free(before.bytes);
  b.toy.fail_at = b.toy.mask_at = 0;
  for (int i = 0; i < 2; i++) gym_step(&b), gym_step(&untouched);
  const memory end = gym_remember(&untouched);
  ck_assert(gym_is_as(&b, &end));
  free(end.bytes);
  gym_close(&b);
  gym_close(&untouched);
}
END_TEST

START_TEST(out_of_memory) {
  for (int n = 1, made = 0; made < 3; n += 1 + n / 20) {
    gym b;
    gym_open_model(&b, &recipes[2], 2, NULL, 2); /* it will have to grow */
    pal_error error = {0};
    const char *const setting[] = {"batch=24", "shard=4", "ema=0.9"};
    pal_alloc_fail_after(n);
    b.trainer = pal_trainer_new(b.model, &b.stream, setting, 3, &error);
    pal_alloc_fail_after(0);
    ck_assert_msg(b.trainer || error.code == PAL_E_MEMORY, "%d: %s", n, error.text);
    if (b.trainer) {
      made++;
      for (int k = 1; k < 300; k += 1 + k / 10) {
        const memory before = gym_remember(&b);
        pal_error own = {0};
        pal_alloc_fail_after(k);
        const pal_status status = pal_trainer_step(b.trainer, NULL, &own);
        pal_alloc_fail_after(0);
        ck_assert_msg(!status || status == PAL_E_MEMORY, "%d: %s", k, own.text);
        ck_assert(!status || gym_is_as(&b, &before));
        free(before.bytes);
      }
    }
    gym_close(&b);
  }
}
END_TEST

START_TEST(bad_settings) {
  static const struct {
    const char *setting, *says;
  } bad[] = {
      {"speed=3", "matrix_optimizer"},
      {"batch=0", "batch"},
      {"batch=1.5", "whole"},
      {"rate=fast", "number"},
      {"rate=nan", "rate"},
      {"optimizer=adagrad", "adagrad"},
      {"matrix_optimizer=adagrad", "adagrad"},
      {"schedule=steep", "cosine"},
      {"seed=-1", "seed"},
      {"beta1=1", "beta1"},
      {"optimizer=muon", "muon updates matrices"},
      {"ema=1", "ema"},
      {"weights=1,-1", "weights"},
      {"weights=1,2,3,4,5", "weights"},
      {"weights=1;2", "weights"},
      {"micro=0", "micro"},
      {"shard=1e9", "shard"},
      {"rate", "key=value"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    gym b;
    pal_error error = {0};
    gym_open_model(&b, &recipes[0], 1, NULL, LONGEST);
    ck_assert_ptr_null(pal_trainer_new(b.model, &b.stream, &bad[i].setting, 1, &error));
    ck_assert_msg(error.code && strstr(error.text, bad[i].says), "%s: %s", bad[i].setting,
                  error.text);
    gym_close(&b);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("train_step");
  TCase *updates = tcase_create("updates"), *failures = tcase_create("failures");
  tcase_add_test(updates, clipping);
  tcase_add_test(updates, groups_and_decay);
  tcase_add_test(updates, averages);
  tcase_add_test(updates, frozen_stays);
  tcase_add_test(updates, weights_of_parts);
  tcase_add_loop_test(failures, unsound_examples, 0, RECIPES);
  tcase_add_loop_test(failures, not_finite, 0, RECIPES);
  tcase_add_loop_test(failures, a_draw_that_fails, 0, 4);
  tcase_add_test(failures, out_of_memory);
  tcase_add_test(failures, bad_settings);
  suite_add_tcase(suite, updates);
  suite_add_tcase(suite, failures);
  return run_suite(suite);
}
