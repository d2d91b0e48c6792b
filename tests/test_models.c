/* The model definitions: they train, to the same bits on any number of threads; their likelihoods are
 * likelihoods, by enumeration; the corruption's labels repair what it damaged; settings are checked. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/corrupt.h"
#include "models/masked.h"
#include "tests/lab.h"

/* ---- training -------------------------------------------------------------------------------- */

enum { LENGTH = 10, EXAMPLES = 40, STEPS = 20 };

static int32_t group[64 * 3];

static pal_format letters(void) {
  for (int p = 0; p < 64; p++)
    for (int j = 0; j < 3; j++) group[p * 3 + j] = p / (j + 1) % 4;
  return (pal_format){.vocabulary = 8, .mask = 7, .bos = 6, .eos = -1, .context = 64,
                      .groups = 3, .group = group};
}

/* A rising run of letters after its first one: the answer follows from the prompt. */
static pal_example rising(uint64_t id, int32_t *token) {
  pal_rng rng = pal_rng_new(1, "rising", 0, id);
  const int32_t first = (int32_t)pal_rng_below(&rng, 6);
  for (int i = 0; i < LENGTH; i++) token[i] = (first + i) % 6;
  return (pal_example){.id = id, .prompt = token, .n_prompt = 1, .answer = token + 1,
                       .n_answer = LENGTH - 1};
}

/* Trains for STEPS steps on the same batch; returns a copy of all parameters. */
static float *train(const char *definition, const char *const *setting, int threads, double *before,
                    double *after, size_t *n) {
  lab l;
  int32_t token[LENGTH];
  const pal_format format = letters();
  lab_open(&l, threads, definition, &format, setting);
  lab_build(&l, true);
  for (uint64_t i = 0; i < EXAMPLES; i++) {
    const pal_example e = rising(i, token);
    lab_add(&l, &e, 0, false);
  }
  for (int step = 1; step <= STEPS; step++) {
    const double loss = lab_run(&l, step, 3e-3);
    if (step == 1) *before = loss;
    *after = loss;
  }
  const pal_variable *v;
  size_t bytes = 0;
  for (size_t i = 0; (v = pal_store_at(l.store, i)) != NULL; i++) bytes += pal_variable_bytes(v);
  char *all = malloc(bytes);
  *n = 0;
  for (size_t i = 0; (v = pal_store_at(l.store, i)) != NULL; i++) {
    memcpy(all + *n, pal_variable_data((pal_variable *)(uintptr_t)v), pal_variable_bytes(v));
    *n += pal_variable_bytes(v);
  }
  ck_assert_int_gt(pal_model_parameters(l.model), 1000);
  lab_close(&l);
  return (float *)(void *)all;
}

typedef struct trained {
  const char *definition, *setting[12];
} trained;

static const trained all_models[] = {
    {"arm", {"layers=2", "width=32", "heads=2", "norm=rms", "dropout=0.1", NULL}},
    {"arm", {"layers=2", "width=32", "positions=learned", "tied=1", "activation=relu", "bias=1", NULL}},
    {"masked-arm", {"layers=2", "width=32", "heads=4", "structure=none", NULL}},
    {"mdm", {"layers=2", "width=32", "heads=2", "time=adaln", "schedule=cosine", NULL}},
    {"mdm", {"layers=2", "width=32", "heads=4", "activation=silu", "positions=none", NULL}},
    {"ap-mdm", {"layers=2", "width=32", "heads=4", "noise=0.3", "dropout=0.05", NULL}},
};

START_TEST(training) {
  const trained *t = &all_models[_i];
  double before = 0, after = 0, unused;
  size_t n, m;
  float *one = train(t->definition, t->setting, 1, &before, &after, &n);
  ck_assert_msg(after < 0.95 * before, "%s: from %g to %g", t->definition, before, after);
  for (int threads = 2; threads <= 3; threads++) {
    float *more = train(t->definition, t->setting, threads, &unused, &unused, &m);
    ck_assert_uint_eq(m, n);
    ck_assert_msg(memcmp(one, more, n) == 0, "%s: other bits at %d threads", t->definition, threads);
    free(more);
  }
  free(one);
}
END_TEST

/* ---- likelihoods by enumeration ----------------------------------------------------------------- */

/* Strings of L letters of A after a prompt of one; M is the mask. */
enum { A = 3, L = 3, M = A, STRINGS = 27, STATES = 64 };

static const pal_format tiny = {.vocabulary = A + 1, .mask = M, .bos = -1, .eos = -1, .context = 8};
static const char *const tiny_setting[] = {"layers=2", "width=16", "heads=2", NULL};

static pal_example string(int number, int32_t *token) {
  token[0] = 1;
  for (int i = 0; i < L; i++, number /= A) token[1 + i] = number % A;
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
    const pal_example e = string(s, token);
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
    pal_example e = string(s, token);
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
static void fill_table(lab *l) {
  for (int state = 0; state < STATES; state++)
    for (int i = 0; i < L; i++)
      for (int a = 0; a < A; a++) {
        int32_t token[L + 1] = {1};
        for (int j = 0, n = state; j < L; j++, n /= A + 1) token[1 + j] = n % (A + 1);
        table[state][i][a] = 0;
        if (token[1 + i] != M) continue;
        pal_batch_clear(&l->batch);
        pal_batch_add(&l->batch, token, L + 1, 9, &l->error);
        l->batch.target[1 + i] = a;
        l->batch.weight[1 + i] = 1;
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
  fill_table(&l);
  for (int s = 0; s < STRINGS; s++) {
    int32_t token[L + 1];
    const pal_example e = string(s, token);
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
  fill_table(&l);
  for (int s = 0; s < STRINGS; s++) {
    int32_t token[L + 1];
    const pal_example e = string(s, token);
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

/* Training rows: masked answers only, weights of the schedule, and as many as it says on average. */
START_TEST(mdm_training_rows) {
  lab l;
  const char *const cosine[] = {"layers=1", "width=8", "heads=1", "schedule=cosine", NULL};
  const char *const linear[] = {"layers=1", "width=8", "heads=1", NULL};
  lab_open(&l, 1, "mdm", &tiny, _i ? cosine : linear);
  lab_build(&l, true);
  double masks = 0, weighted = 0;
  enum { DRAWS = 4000 };
  for (uint64_t draw = 0; draw < DRAWS; draw++) {
    int32_t token[L + 1];
    const pal_example e = string(5, token);
    pal_batch_clear(&l.batch);
    lab_add(&l, &e, draw, false);
    ck_assert_int_eq(l.batch.token[0], 1);
    for (int i = 1; i <= L; i++) {
      if (l.batch.token[i] == M) {
        ck_assert_int_eq(l.batch.target[i], token[i]);
        masks += 1.0 / (DRAWS * L);
        weighted += (double)l.batch.weight[i] / (DRAWS * L);
      } else {
        ck_assert_int_eq(l.batch.target[i], -1);
        ck_assert_int_eq(l.batch.token[i], token[i]);
      }
    }
  }
  /* E[m] and E[m'] over t: 1/2 or 2/pi, and m(1) - m(0.001), by the definition of the weight. */
  ck_assert_double_eq_tol(masks, _i ? 0.6366 : 0.5, 0.02);
  ck_assert_double_eq_tol(weighted, 1, 0.1);
  lab_close(&l);
}
END_TEST

/* ---- the mixed corruption ------------------------------------------------------------------------- */

/* g as FACTS states it, on one sequence; returns the new length. */
static int transition(const pal_batch *b, int n, int32_t mask, int32_t *out) {
  int m = 0;
  for (int i = 0; i < n; i++) {
    const int32_t x = b->token[i];
    if (b->remove[i] > 0 && x == mask) continue;
    out[m++] = b->remask[i] > 0 ? mask : x == mask ? b->target[i] : x;
    if (b->insert[i] > 0) out[m++] = mask;
  }
  return m;
}

START_TEST(corruption_is_repaired) {
  lab l;
  const pal_format format = letters();
  const char *const setting[] = {"layers=1", "width=8", "heads=1", "noise=0.6", NULL};
  int seen[4] = {0}, whole = 0;
  lab_open(&l, 1, "ap-mdm", &format, setting);
  lab_build(&l, false);
  for (uint64_t draw = 0; draw < 3000; draw++) {
    int32_t token[LENGTH], out[4 * LENGTH];
    pal_example e = rising(draw, token);
    if (draw % 3 == 0) { /* no prompt: the first token cannot be left out */
      e.answer = token;
      e.n_answer = LENGTH;
      e.n_prompt = 0;
    }
    pal_batch_clear(&l.batch);
    lab_add(&l, &e, draw, false);
    const int n = (int)l.batch.rows;
    ck_assert_double_eq(l.batch.count[1], n);
    ck_assert_int_eq(transition(&l.batch, n, format.mask, out), LENGTH);
    int todo = 0, masks = 0, edits = 0;
    for (int i = 0; i < LENGTH; i++) {
      ck_assert(out[i] == token[i] || (out[i] == format.mask && i >= e.n_prompt));
      todo += out[i] == format.mask;
    }
    for (int i = 0; i < n; i++) {
      const bool wrong = l.batch.remask[i] > 0, surplus = l.batch.remove[i] > 0;
      ck_assert(!wrong || l.batch.token[i] != format.mask);
      ck_assert(!surplus || l.batch.token[i] == format.mask);
      ck_assert((l.batch.target[i] >= 0) == (l.batch.token[i] == format.mask && !surplus));
      masks += l.batch.target[i] >= 0;
      seen[0] += l.batch.target[i] >= 0;
      seen[1] += wrong;
      seen[2] += l.batch.insert[i] > 0;
      seen[3] += surplus;
      edits += wrong + (l.batch.insert[i] > 0);
    }
    ck_assert_int_eq(todo, edits);
    ck_assert_double_eq(l.batch.count[0], masks);
    whole += n == LENGTH && masks == 0 && edits == 0;
  }
  for (int k = 0; k < 4; k++) ck_assert_int_gt(seen[k], 1000);
  ck_assert_int_gt(whole, 100);
  lab_close(&l);
}
END_TEST

/* ---- settings and sizes ------------------------------------------------------------------------------ */

START_TEST(parity_size) {
  lab l;
  const pal_format parity = {.vocabulary = 5, .mask = 4, .bos = 2, .eos = 3, .context = 3};
  const char *const setting[] = {"layers=1", "width=4", "heads=1", "hidden=4", NULL};
  lab_open(&l, 1, "ap-mdm", &parity, setting);
  lab_build(&l, false);
  ck_assert_int_eq(pal_model_parameters(l.model), 20 + 48 + 16 + 32 + 12 + 20 + 15);
  lab_close(&l);
}
END_TEST

START_TEST(bad_settings) {
  static const struct {
    const char *definition, *setting, *says;
  } bad[] = {
      {"arm", "speed=3", "temperature"}, {"arm", "width", "key=value"},
      {"mdm", "order=upwards", "confidence"}, {"mdm", "k=0", "k lies in"},
      {"ap-mdm", "tau_insert=2", "tau_insert"}, {"arm", "heads=5", "divide"},
      {"arm", "heads=128", "even"}, {"mdm", "layers=few", "number"}, {"gpt", "layers=1", "gpt"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    lab l;
    lab_open(&l, 1, "arm", &tiny, NULL);
    pal_error error = {0};
    ck_assert_ptr_null(pal_model_new(l.context, l.store, bad[i].definition, &tiny, &bad[i].setting,
                                     1, &error));
    ck_assert_msg(error.code && strstr(error.text, bad[i].says), "%s: %s", bad[i].setting,
                  error.text);
    lab_close(&l);
  }
}
END_TEST

START_TEST(batch_room) {
  lab l;
  pal_error error = {0};
  int32_t token[LAB_ROWS] = {0};
  lab_open(&l, 1, "arm", &tiny, tiny_setting);
  lab_build(&l, false);
  ck_assert_int_eq(pal_batch_add(&l.batch, token, LAB_ROWS - 1, 1, &error), 0);
  ck_assert_int_eq(pal_batch_add(&l.batch, token, 1, 1, &error), LAB_ROWS - 1);
  ck_assert_int_eq(pal_batch_add(&l.batch, token, 1, 1, &error), -1);
  ck_assert_int_eq(error.code, PAL_E_CAPACITY);
  ck_assert_int_eq(error.needed, LAB_ROWS + 1);
  pal_batch_clear(&l.batch);
  ck_assert_int_eq(pal_batch_add(&l.batch, token, 2, 1, &l.error), 0);
  lab_close(&l);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("models");
  TCase *training_case = tcase_create("training"), *numbers = tcase_create("numbers");
  tcase_add_loop_test(training_case, training, 0, sizeof all_models / sizeof *all_models);
  tcase_add_test(numbers, arm_sums_to_one);
  tcase_add_test(numbers, arm_without_prompt);
  tcase_add_test(numbers, mdm_is_a_likelihood);
  tcase_add_test(numbers, masked_arm_is_a_likelihood);
  tcase_add_loop_test(numbers, mdm_training_rows, 0, 2);
  tcase_add_test(numbers, corruption_is_repaired);
  tcase_add_test(numbers, parity_size);
  tcase_add_test(numbers, bad_settings);
  tcase_add_test(numbers, batch_room);
  suite_add_tcase(suite, training_case);
  suite_add_tcase(suite, numbers);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
