/* SPDX-License-Identifier: Apache-2.0 */
/* Training: equal bits for any number of threads and of groups, any instruction set and any
 * capacity; the reduction tree of gradients and the schedules; which parameters are updated how;
 * failures leave everything unchanged. */
#include <check.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/alloc.h"
#include "src/team.h"
#include "tests/gym.h"
#include "tests/run.h"
#include "train/schedule.h"
#include "train/trainer.h"

/* ---- the same bits ------------------------------------------------------------------------------
 */

static void expect_same(const course *want, course got, const char *what, int threads,
                        const char *isa) {
  ck_assert_msg(memcmp(want->report, got.report, sizeof got.report) == 0 &&
                    memory_same(&want->end, &got.end),
                "%s: other bits at %d threads, %s", what, threads, isa ? isa : "best");
  free(got.end.bytes);
}

START_TEST(same_bits) {
  const recipe *r = &recipes[_i];
  const int threads[] = {1, 2, 3, 4, 7};
  const course one = gym_course(r, 1, NULL, NULL);
  for (int t = 0; t < WHOLE_OR_SHORT(5, 2); t++)
    for (int micro = WHOLE_OR_SHORT(1, 4); micro <= 4; micro += 3)
      expect_same(&one, gym_course(r, threads[t], NULL, micro > 1 ? "micro=4" : NULL),
                  r->definition, threads[t], NULL);
  for (int isa = 0; isa < PAL_ISA_COUNT; isa++)
    if (pal_isa_available((pal_isa)isa) && (WHOLE_BUILD || isa != PAL_ISA_GENERIC))
      expect_same(&one, gym_course(r, 2, pal_isa_name((pal_isa)isa), NULL), r->definition, 2,
                  pal_isa_name((pal_isa)isa));
  free(one.end.bytes);
}
END_TEST

/* A plan that grows while it runs computes what one with room from the start does. */
START_TEST(room_is_no_number) {
  const recipe *r = &recipes[_i];
  memory end[2];
  for (int k = 0; k < 2; k++) {
    gym b;
    gym_open_model(&b, r, 2, NULL, k ? 2 : 64);
    gym_open_trainer(&b, r, NULL);
    for (int i = 0; i < 6; i++) gym_step(&b);
    end[k] = gym_remember(&b);
    gym_close(&b);
  }
  ck_assert(memory_same(&end[0], &end[1]));
  for (int k = 0; k < 2; k++) free(end[k].bytes);
}
END_TEST

/* Blocks that are computed again for their gradients give the same bits, dropout's draws included,
 * in less memory. */
START_TEST(recomputed_blocks) {
  recipe deep = recipes[_i];
  deep.model[0] = "layers=6";
  course of[2];
  size_t bytes[2];
  for (int k = 0; k < 2; k++) {
    gym b;
    of[k] = gym_course(&deep, 2, NULL, k ? "recompute=1" : NULL);
    gym_open(&b, &deep, 1, NULL, k ? "recompute=1" : NULL);
    bytes[k] = pal_plan_statistics(b.trainer->shards.plan).arena_bytes;
    gym_close(&b);
  }
  ck_assert(memcmp(of[0].report, of[1].report, sizeof of[0].report) == 0);
  ck_assert(memory_same(&of[0].end, &of[1].end));
  ck_assert_msg(bytes[1] * 4 < bytes[0] * 3, "%zu of %zu bytes", bytes[1], bytes[0]);
  for (int k = 0; k < 2; k++) free(of[k].end.bytes);
}
END_TEST

/* Shards that are cut differently are other numbers, but the same gradient. */
START_TEST(accumulation_adds_up) {
  pal_step_report report[2];
  const char *const shard[] = {"shard=1", "shard=100"};
  for (int k = 0; k < 2; k++) {
    gym b;
    gym_open(&b, &recipes[_i], 2, NULL, shard[k]);
    report[k] = gym_step(&b);
    gym_close(&b);
  }
  ck_assert_double_eq_tol(report[0].loss, report[1].loss, 1e-5 * report[1].loss);
  ck_assert_double_eq_tol(report[0].gradient_norm, report[1].gradient_norm,
                          1e-4 * report[1].gradient_norm);
  ck_assert_int_eq(report[0].tokens, report[1].tokens);
}
END_TEST

/* While a worker has shards of its own to itself the next step's rows are drawn beside them: one
 * step ahead, but not past the last. A checkpoint has the stream as if they were not. */
START_TEST(drawn_ahead) {
  const int threads[] = {1, 2, 7}; /* of 5 shards */
  gym b;
  gym_open(&b, &recipes[ARM], threads[_i], NULL, NULL);
  for (int step = 1; step <= STEPS + 2; step++) {
    gym_step(&b);
    const int ahead = threads[_i] <= 5 && step < STEPS ? 1 : 0;
    ck_assert_uint_eq(b.toy.next, 23 * (uint64_t)(step + ahead));
    const memory now = gym_remember(&b);
    ck_assert_uint_eq(now.next, 23 * (uint64_t)step);
    free(now.bytes);
  }
  gym_close(&b);
}
END_TEST

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

/* Rows with more room in one way and others with more in the other way share one plan. */
START_TEST(room_of_both) {
  static const float scale[PAL_MAX_PARTS] = {1};
  static const int32_t seed[3] = {0};
  static const int32_t token[LONGEST] = {0};
  const pal_example wide = {.prompt = token, .n_prompt = 1, .answer = token, .n_answer = LONGEST};
  const pal_example many = {.prompt = token, .n_prompt = 1, .answer = token, .n_answer = 4};
  const pal_rng rng = {.key = 1};
  pal_staging staging[2];
  pal_shards shards;
  gym b;
  gym_open_model(&b, &recipes[ARM], 1, NULL, 2);
  for (int k = 0; k < 2; k++) {
    ck_assert(!pal_staging_init(&staging[k], b.model, 1, 4, &b.error));
    for (int i = 0; i < 4 + k; i++)
      ck_assert(!pal_staging_add(&staging[k], 0, k ? &many : &wide, rng, true, NULL, &b.error));
  }
  ck_assert_int_gt(staging[0].row_room, staging[1].row_room);
  ck_assert_int_lt(staging[0].sequence_room, staging[1].sequence_room);
  ck_assert(
      !pal_shards_init(&shards, b.model, &staging[0], true, PAL_PRECISION_F32, false, &b.error));
  const pal_plan *plan = NULL;
  for (int i = 1; i < 5; i++) {
    shards.staging = &staging[i % 2];
    ck_assert_msg(!pal_shards_run(&shards, 0, 1, scale, seed, NULL, NULL, &b.error), "%s",
                  b.error.text);
    if (!plan) plan = shards.plan;
    ck_assert_ptr_eq(plan, shards.plan);
  }
  pal_shards_free(&shards);
  for (int k = 0; k < 2; k++) pal_staging_free(&staging[k]);
  gym_close(&b);
}
END_TEST

/* ---- schedules and the tree
 * ------------------------------------------------------------------------ */

START_TEST(schedules) {
  pal_schedule s = {.warmup = 4, .steps = 12, .final = 0.25};
  const double middle[] = {1, 0.625, 0.625}, end[] = {1, 0.25, 0.25};
  for (int k = 0; k < 3; k++) {
    s.kind = (pal_schedule_kind)k;
    ck_assert_double_eq(pal_schedule_factor(&s, 1), 0.25);
    ck_assert_double_eq(pal_schedule_factor(&s, 3), 0.75);
    ck_assert_double_eq(pal_schedule_factor(&s, 4), 1);
    ck_assert_double_eq(pal_schedule_factor(&s, 8), middle[k]);
    ck_assert_double_eq(pal_schedule_factor(&s, 12), end[k]);
    ck_assert_double_eq(pal_schedule_factor(&s, 999), end[k]);
  }
  ck_assert_double_eq_tol(pal_schedule_factor(&s, 6), 0.25 + 0.375 * (1 + sqrt(0.5)), 1e-15);
  s.warmup = 0;
  s.kind = PAL_SCHEDULE_LINEAR;
  ck_assert_double_eq(pal_schedule_factor(&s, 6), 0.625);
  s.warmup = 12;
  ck_assert_double_eq(pal_schedule_factor(&s, 12), 1);
}
END_TEST

enum { PIECE = 3, MOST_LEAVES = 19 };
static float leaf_of[MOST_LEAVES][2 * PIECE];

static float tree_sum(int level, int node, int leaves, int element) {
  if (level == 0) return node < MOST_LEAVES ? leaf_of[node][element] : 0;
  const int width = 1 << (level - 1), left = 2 * node, right = 2 * node + 1;
  const float a = tree_sum(level - 1, left, leaves, element);
  return right * width < leaves ? a + tree_sum(level - 1, right, leaves, element) : a;
}

typedef struct adding {
  pal_tree *tree;
  const int *order;
  int leaves;
  atomic_int next;
} adding;

static void add_leaves(void *data, int rank, int size) {
  adding *a = data;
  pal_error error = {0};
  (void)rank;
  (void)size;
  for (int i = atomic_fetch_add(&a->next, 1); i < a->leaves; i = atomic_fetch_add(&a->next, 1)) {
    const float *const gradient[] = {leaf_of[a->order[i]], leaf_of[a->order[i]] + PIECE};
    if (pal_tree_add(a->tree, a->order[i], gradient, &error)) abort();
  }
}

START_TEST(the_tree_is_fixed) {
  const size_t piece[] = {PIECE, PIECE};
  float sum[2 * PIECE], *const root[] = {sum, sum + PIECE};
  pal_rng rng = pal_rng_new(1, "tree", 0, 0);
  pal_error error = {0};
  for (int leaves = 1; leaves <= MOST_LEAVES; leaves++) {
    pal_tree tree;
    int order[MOST_LEAVES], levels = 0;
    ck_assert(!pal_tree_init(&tree, leaves, piece, 2, root, &error));
    while (1 << levels < leaves) levels++;
    for (int trial = 0; trial < 40; trial++) {
      for (int i = 0; i < leaves; i++) {
        const int k = (int)pal_rng_below(&rng, (uint32_t)i + 1);
        order[i] = order[k];
        order[k] = i;
        for (int e = 0; e < 2 * PIECE; e++) leaf_of[i][e] = (float)pal_rng_normal(&rng);
      }
      pal_tree_begin(&tree);
      adding a = {.tree = &tree, .order = order, .leaves = leaves};
      pal_team_run(1 + trial % 4, add_leaves, &a);
      for (int e = 0; e < 2 * PIECE; e++) {
        const float want = tree_sum(levels, 0, leaves, e);
        ck_assert_msg(memcmp(&want, &sum[e], sizeof want) == 0, "%d leaves", leaves);
      }
    }
    pal_tree_free(&tree);
  }
}
END_TEST

/* ---- what is updated how
 * ----------------------------------------------------------------------------- */

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

/* ---- failures
 * ------------------------------------------------------------------------------------------- */

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
  Suite *suite = suite_create("train");
  TCase *numbers = tcase_create("numbers"), *updates = tcase_create("updates");
  TCase *failures = tcase_create("failures");
  tcase_add_loop_test(numbers, same_bits, 0, RECIPES);
  tcase_add_loop_test(numbers, room_is_no_number, 0, RECIPES);
  tcase_add_loop_test(numbers, recomputed_blocks, 0, RECIPES);
  tcase_add_loop_test(numbers, drawn_ahead, 0, 3);
  tcase_add_test(numbers, room_of_both);
  tcase_add_loop_test(numbers, unsound_examples, 0, RECIPES);
  tcase_add_loop_test(numbers, accumulation_adds_up, 0, RECIPES);
  tcase_add_test(numbers, the_tree_is_fixed);
  tcase_add_test(updates, schedules);
  tcase_add_test(updates, clipping);
  tcase_add_test(updates, groups_and_decay);
  tcase_add_test(updates, averages);
  tcase_add_loop_test(failures, not_finite, 0, RECIPES);
  tcase_add_loop_test(failures, a_draw_that_fails, 0, 4);
  tcase_add_test(failures, out_of_memory);
  tcase_add_test(failures, bad_settings);
  tcase_add_test(failures, frozen_stays);
  tcase_add_test(failures, weights_of_parts);
  suite_add_tcase(suite, numbers);
  suite_add_tcase(suite, updates);
  suite_add_tcase(suite, failures);
  return run_suite(suite);
}
