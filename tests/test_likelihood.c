/* SPDX-License-Identifier: Apache-2.0 */
/* Likelihoods, by enumerating all strings of three letters: those of the ARM and of the Masked-ARM
 * sum to 1, and so does the MDM's any-order likelihood; the MDM's exact ELBO is at most its
 * logarithm; and the estimates agree with the exact values. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "tests/columns.h"
#include "tests/lab.h"
#include "tests/run.h"

/* Strings of L letters of A after a prompt of one, or within a prompt whose second row is given;
 * M is the mask. */
enum { A = 3, L = 3, M = A, STRINGS = 27, STATES = 64 };

static const pal_format tiny = {.vocabulary = A + 1, .mask = M, .bos = -1, .eos = -1, .context = 8};
static const char *const tiny_setting[] = {"layers=2", "width=16", "heads=2", NULL};

static const int row_of[2][L] = {{1, 2, 3}, {0, 2, 3}}; /* of answers after and within */
static const int given_row[2] = {0, 1};
static const int32_t masked_prompt[L + 1] = {M, 1, M, M};

/* token[0] is the prompt of one, the answer follows. */
static pal_example string(int number, int within, int32_t *token) {
  token[0] = 1;
  for (int i = 0; i < L; i++, number /= A) token[1 + i] = number % A;
  if (within)
    return (pal_example){
        .id = 9, .prompt = masked_prompt, .n_prompt = L + 1, .answer = token + 1, .n_answer = L};
  return (pal_example){.id = 9, .prompt = token, .n_prompt = 1, .answer = token + 1, .n_answer = L};
}

static void open_tiny(lab *l, const char *definition) {
  lab_open(l, 1, definition, &tiny, tiny_setting);
  lab_build(l, false);
  lab_shake(l, 0.7);
}

START_TEST(arm_sums_to_one) {
  lab l;
  double sum = 0;
  open_tiny(&l, "arm");
  for (int s = 0; s < STRINGS; s++) {
    int32_t token[L + 1];
    const pal_example e = string(s, 0, token);
    pal_batch_clear(&l.batch);
    lab_add(&l, &e, 0, true);
    ck_assert_double_eq(l.batch.count[0], L);
    sum += exp(-lab_sum(&l));
  }
  ck_assert_double_eq_tol(sum, 1, 1e-5);
  lab_close(&l);
}
END_TEST

/* An empty prompt scores every token, and that is a distribution too. */
START_TEST(arm_without_prompt) {
  lab l;
  double sum = 0;
  open_tiny(&l, "arm");
  for (int s = 0; s < STRINGS; s++) {
    int32_t token[L + 1];
    pal_example e = string(s, 0, token);
    e.n_prompt = 0;
    pal_batch_clear(&l.batch);
    lab_add(&l, &e, 0, true);
    sum += exp(-lab_sum(&l));
  }
  ck_assert_double_eq_tol(sum, 1, 1e-5);
  lab_close(&l);
}
END_TEST

/* log p of each letter at each masked place, for all states of the answer: letters or masks. */
static double table[STATES][L][A];

static int state_number(const int32_t *answer) {
  int n = 0;
  for (int i = L; i-- > 0;) n = n * (A + 1) + answer[i];
  return n;
}

/* The loss of one target at a time, which is a probability the test did not compute itself. */
static void fill_table(lab *l, int within) {
  const int *row = row_of[within];
  for (int state = 0; state < STATES; state++)
    for (int i = 0; i < L; i++)
      for (int a = 0; a < A; a++) {
        int32_t token[L + 1];
        token[given_row[within]] = 1;
        for (int j = 0, n = state; j < L; j++, n /= A + 1) token[row[j]] = n % (A + 1);
        table[state][i][a] = 0;
        if (token[row[i]] != M) continue;
        pal_batch_clear(&l->batch);
        pal_batch_add(&l->batch, token, L + 1, 9, &l->error);
        integers_of(&l->batch, "target")[row[i]] = a;
        reals_of(&l->batch, "weight")[row[i]] = 1;
        table[state][i][a] = -lab_sum(l);
      }
}

static const int order[6][L] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

/* log of the product along one order. */
static double along(const int32_t *answer, const int *place) {
  int32_t state[L] = {M, M, M};
  double sum = 0;
  for (int i = 0; i < L; i++) {
    sum += table[state_number(state)][place[i]][answer[place[i]]];
    state[place[i]] = answer[place[i]];
  }
  return sum;
}

/* The exact ELBO: n uniform in 1..L, the masked set uniform among those of n, weight L / n. */
static double elbo(const int32_t *answer) {
  static const double sets_of[L + 1] = {1, 3, 3, 1};
  double sum = 0;
  for (int set = 1; set < 1 << L; set++) {
    int32_t state[L];
    double nats = 0;
    int n = 0;
    for (int i = 0; i < L; i++) {
      state[i] = set >> i & 1 ? M : answer[i];
      n += set >> i & 1;
    }
    for (int i = 0; i < L; i++)
      if (set >> i & 1) nats += table[state_number(state)][i][answer[i]];
    sum += nats * L / n / sets_of[n] / L;
  }
  return sum;
}

/* Mean and standard error of the model's own estimate. */
static void estimate(lab *l, const pal_example *e, double *mean, double *error) {
  enum { DRAWS = 1500 };
  double sum = 0, squares = 0;
  for (uint64_t draw = 0; draw < DRAWS; draw++) {
    pal_batch_clear(&l->batch);
    lab_add(l, e, draw, true);
    const double nats = lab_sum(l);
    sum += nats;
    squares += nats * nats;
  }
  *mean = sum / DRAWS;
  *error = sqrt((squares / DRAWS - *mean * *mean) / DRAWS);
}

START_TEST(mdm_is_a_likelihood) {
  lab l;
  double any_order = 0;
  open_tiny(&l, "mdm");
  fill_table(&l, _i);
  for (int s = 0; s < STRINGS; s++) {
    int32_t token[L + 1];
    const pal_example e = string(s, _i, token);
    double p = 0;
    for (int o = 0; o < 6; o++) p += exp(along(token + 1, order[o])) / 6;
    any_order += p;
    const double bound = elbo(token + 1);
    ck_assert_double_le(bound, log(p) + 1e-6);
    if (s % 5) continue;
    double mean, error;
    estimate(&l, &e, &mean, &error);
    ck_assert_msg(fabs(mean + bound) <= 4 * error, "ELBO %g, estimated %g +- %g", bound, -mean,
                  error);
  }
  ck_assert_double_eq_tol(any_order, 1, 1e-5);
  lab_close(&l);
}
END_TEST

START_TEST(masked_arm_is_a_likelihood) {
  lab l;
  double sum = 0;
  open_tiny(&l, "masked-arm");
  fill_table(&l, _i);
  for (int s = 0; s < STRINGS; s++) {
    int32_t token[L + 1];
    const pal_example e = string(s, _i, token);
    const double exact = along(token + 1, order[0]);
    sum += exp(exact);
    if (s % 9) continue;
    double mean, error;
    estimate(&l, &e, &mean, &error);
    ck_assert_msg(fabs(mean + exact) <= 4 * error, "log p %g, estimated %g +- %g", exact, -mean,
                  error);
  }
  ck_assert_double_eq_tol(sum, 1, 1e-5);
  lab_close(&l);
}
END_TEST

/* Training rows: masked answers only, weights of the schedule, and as many as it says on
 * average. */
START_TEST(mdm_training_rows) {
  lab l;
  const int within = _i / 2, *row = row_of[within];
  const char *const cosine[] = {"layers=1", "width=8", "heads=1", "schedule=cosine", NULL};
  const char *const linear[] = {"layers=1", "width=8", "heads=1", NULL};
  lab_open(&l, 1, "mdm", &tiny, _i % 2 ? cosine : linear);
  lab_build(&l, true);
  double masks = 0, weighted = 0;
  enum { DRAWS = 4000 };
  for (uint64_t draw = 0; draw < DRAWS; draw++) {
    int32_t token[L + 1];
    const pal_example e = string(5, within, token);
    pal_batch_clear(&l.batch);
    lab_add(&l, &e, draw, false);
    ck_assert_int_eq(l.batch.rows, L + 1);
    ck_assert_int_eq(l.batch.token[given_row[within]], 1);
    ck_assert_int_eq(integers_of(&l.batch, "target")[given_row[within]], -1);
    for (int i = 0; i < L; i++) {
      if (l.batch.token[row[i]] == M) {
        ck_assert_int_eq(integers_of(&l.batch, "target")[row[i]], token[1 + i]);
        masks += 1.0 / (DRAWS * L);
        weighted += (double)reals_of(&l.batch, "weight")[row[i]] / (DRAWS * L);
      } else {
        ck_assert_int_eq(integers_of(&l.batch, "target")[row[i]], -1);
        ck_assert_int_eq(l.batch.token[row[i]], token[1 + i]);
      }
    }
  }
  /* E[m] and E[m'] over t: 1/2 or 2/pi, and m(1) - m(0.001), by the definition of the weight. */
  ck_assert_double_eq_tol(masks, _i % 2 ? 0.6366 : 0.5, 0.02);
  ck_assert_double_eq_tol(weighted, 1, 0.1);
  lab_close(&l);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("likelihood");
  TCase *tests = tcase_create("likelihood");
  tcase_add_test(tests, arm_sums_to_one);
  tcase_add_test(tests, arm_without_prompt);
  tcase_add_loop_test(tests, mdm_is_a_likelihood, 0, 2);
  tcase_add_loop_test(tests, masked_arm_is_a_likelihood, 0, 2);
  tcase_add_loop_test(tests, mdm_training_rows, 0, 4);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
