/* SPDX-License-Identifier: Apache-2.0 */
/* Training: equal bits for any number of threads and of groups, any instruction set and any
 * capacity; the reduction tree of gradients and the schedules. */
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

/* ---- the same bits --------------------------------------------------------------------------- */

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

/* ---- schedules and the tree ------------------------------------------------------------------ */

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

int main(void) {
  Suite *suite = suite_create("train");
  TCase *numbers = tcase_create("numbers");
  tcase_add_loop_test(numbers, same_bits, 0, RECIPES);
  tcase_add_loop_test(numbers, room_is_no_number, 0, RECIPES);
  tcase_add_loop_test(numbers, recomputed_blocks, 0, RECIPES);
  tcase_add_loop_test(numbers, drawn_ahead, 0, 3);
  tcase_add_test(numbers, room_of_both);
  tcase_add_loop_test(numbers, accumulation_adds_up, 0, RECIPES);
  tcase_add_test(numbers, the_tree_is_fixed);
  tcase_add_test(numbers, schedules);
  suite_add_tcase(suite, numbers);
  return run_suite(suite);
}
