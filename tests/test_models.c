/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in models: training gives the same bits with any number of threads and any instruction
 * set; the labels of a corrupted state repair it; an AP-MDM learns parity from eleven states;
 * settings are checked. */
#include <check.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "tests/columns.h"
#include "tests/lab.h"
#include "tests/run.h"

/* ---- training --------------------------------------------------------------------------- */

enum { LENGTH = 10, EXAMPLES = 40, STEPS = WHOLE_OR_SHORT(20, 2) };

static int32_t group[64 * 3];
/* A token is a column and a kind; the mask has none but a factor of its own. */
static const int32_t factor[8 * 2] = {0, 4, 1, 4, 2, 4, 3, 5, 0, 5, 1, 5, 2, 6, 7, -1};

static pal_format letters(void) {
  for (int p = 0; p < 64; p++)
    for (int j = 0; j < 3; j++) group[p * 3 + j] = p / (j + 1) % 4;
  return (pal_format){
      .vocabulary = 8, .mask = 7, .bos = 6, .eos = -1, .context = 64, .groups = 3, .group = group};
}

/* A rising run of letters after its first one: the answer follows from the prompt. */
static pal_example rising(uint64_t id, int32_t *token) {
  pal_rng rng = pal_rng_new(1, "rising", 0, id);
  const int32_t first = (int32_t)pal_rng_below(&rng, 6);
  for (int i = 0; i < LENGTH; i++) token[i] = (first + i) % 6;
  return (pal_example){
      .id = id, .prompt = token, .n_prompt = 1, .answer = token + 1, .n_answer = LENGTH - 1};
}

typedef struct trained {
  const char *definition, *setting[10];
  bool factored;
} trained;

static const trained all_models[] = {
    {"arm", {"layers=2", "width=32", "heads=2", "norm=rms", "dropout=0.1"}, false},
    {"arm",
     {"layers=2", "width=32", "positions=learned", "tied=1", "activation=relu", "bias=1"},
     false},
    {"arm", {"layers=1", "width=32", "tied=1"}, true},
    {"masked-arm", {"layers=2", "width=32", "heads=4", "structure=none"}, true},
    {"mdm", {"layers=2", "width=32", "heads=2", "time=adaln", "schedule=cosine"}, false},
    {"mdm", {"layers=2", "width=32", "heads=4", "activation=silu", "positions=none"}, false},
    {"mdm",
     {"layers=2", "width=32", "heads=1", "head_width=12", "structure=heads", "group_width=8"},
     false},
    {"ap-mdm", {"layers=2", "width=32", "heads=4", "noise=0.3", "dropout=0.05"}, true},
    {"ap-mdm",
     {"layers=1", "width=32", "heads=2", "positions=factored", "structure=none", "norm_width=24"},
     true},
};

/* Trains for STEPS steps on the same batch; returns a copy of all variables. */
static char *train(const trained *t, int threads, double *before, double *after, size_t *n) {
  lab l;
  int32_t token[LENGTH];
  pal_format format = letters();
  if (t->factored) {
    format.factor = factor;
    format.factors = 2;
    format.factor_rows = 8;
  }
  lab_open(&l, threads, t->definition, &format, t->setting);
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
  return all;
}

START_TEST(training) {
  static const struct {
    int threads;
    const char *isa;
  } others[] = {{2, NULL}, {3, NULL}, {2, "avx2"}, {2, "generic"}};
  const trained *t = &all_models[_i];
  double before = 0, after = 0, unused;
  size_t n, m;
  char *one = train(t, 1, &before, &after, &n);
  ck_assert_msg(!WHOLE_BUILD || after < 0.95 * before, "%s: from %g to %g", t->definition, before,
                after);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    lab_isa = others[i].isa;
    char *more = train(t, others[i].threads, &unused, &unused, &m);
    lab_isa = NULL;
    ck_assert_uint_eq(m, n);
    ck_assert_msg(memcmp(one, more, n) == 0, "%s: other bits with %d threads on %s", t->definition,
                  others[i].threads, others[i].isa ? others[i].isa : "the best set");
    free(more);
  }
  free(one);
}
END_TEST

/* ---- the mixed corruption --------------------------------------------------------------- */

/* g (arXiv 2510.06190), on one sequence; returns the new length. */
static int transition(const pal_batch *b, int n, int32_t mask, int32_t *out) {
  int m = 0;
  for (int i = 0; i < n; i++) {
    const int32_t x = b->token[i];
    if (reals_of(b, "remove")[i] > 0 && x == mask) continue;
    out[m++] = reals_of(b, "remask")[i] > 0 ? mask : x == mask ? integers_of(b, "target")[i] : x;
    if (reals_of(b, "insert")[i] > 0) out[m++] = mask;
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
      const bool wrong = reals_of(&l.batch, "remask")[i] > 0,
                 surplus = reals_of(&l.batch, "remove")[i] > 0;
      ck_assert(!wrong || l.batch.token[i] != format.mask);
      ck_assert(!surplus || l.batch.token[i] == format.mask);
      ck_assert((integers_of(&l.batch, "target")[i] >= 0) ==
                (l.batch.token[i] == format.mask && !surplus));
      masks += integers_of(&l.batch, "target")[i] >= 0;
      seen[0] += integers_of(&l.batch, "target")[i] >= 0;
      seen[1] += wrong;
      seen[2] += reals_of(&l.batch, "insert")[i] > 0;
      seen[3] += surplus;
      edits += wrong + (reals_of(&l.batch, "insert")[i] > 0);
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

/* ---- states with labels: parity --------------------------------------------------------- */

enum { ZERO, ONE, BOS, EOS, MASK, RULES = 11 };

/* The paper's seven transitions of two bits, and what closes their gap; no inserts, nothing
 * unmasked. */
static const struct {
  int n;
  int32_t state[3];
  uint8_t remask[3], remove[3];
} rules[RULES] = {
    {3, {BOS, ZERO, ONE}, {0, 1, 0}, {0, 0, 0}},
    {3, {BOS, MASK, ONE}, {0, 0, 0}, {0, 1, 0}},
    {3, {BOS, ONE, ZERO}, {0, 0, 1}, {0, 0, 0}},
    {3, {BOS, ONE, MASK}, {0, 0, 0}, {0, 0, 1}},
    {3, {BOS, ZERO, ZERO}, {0, 1, 1}, {0, 0, 0}},
    {3, {BOS, ONE, ONE}, {0, 1, 1}, {0, 0, 0}},
    {3, {BOS, MASK, MASK}, {0, 0, 0}, {0, 1, 1}},
    {2, {BOS, ZERO}, {0, 1}, {0, 0}},
    {2, {BOS, MASK}, {0, 0}, {0, 1}},
    {1, {BOS}, {0}, {0}},
    {2, {BOS, ONE}, {0, 0}, {0, 0}},
};

static void add_rules(lab *l) {
  static const int32_t y[3] = {ZERO, ZERO, -1};
  static const uint8_t insert[3];
  for (int i = 0; i < RULES; i++) {
    const pal_example e = {.id = (uint64_t)i,
                           .transition = {.state = rules[i].state,
                                          .y = y,
                                          .insert = insert,
                                          .remask = rules[i].remask,
                                          .remove = rules[i].remove,
                                          .n = rules[i].n}};
    lab_add(l, &e, 0, false);
  }
}

static const pal_format parity = {
    .vocabulary = 5, .mask = MASK, .bos = BOS, .eos = EOS, .context = 3};

START_TEST(transition_rows) {
  lab l;
  const char *const setting[] = {"layers=1", "width=4", "heads=1", "hidden=4", NULL};
  lab_open(&l, 1, "ap-mdm", &parity, setting);
  lab_build(&l, false);
  add_rules(&l);
  ck_assert_int_eq(pal_model_parameters(l.model), 20 + 48 + 16 + 32 + 12 + 20 + 15);
  ck_assert_int_eq(l.batch.sequences, RULES);
  ck_assert_double_eq(l.batch.count[0], 3); /* masks in the second place, of rules 1, 6 and 8 */
  ck_assert_double_eq(l.batch.count[3], 28);
  for (int64_t s = 0; s < RULES; s++)
    for (int i = 0; i < rules[s].n; i++) {
      const int64_t row = l.batch.begin[s] + i;
      ck_assert_int_eq(l.batch.token[row], rules[s].state[i]);
      ck_assert_int_eq(integers_of(&l.batch, "target")[row],
                       i < 2 && rules[s].state[i] == MASK ? ZERO : -1);
      ck_assert_double_eq((double)reals_of(&l.batch, "remask")[row], rules[s].remask[i]);
      ck_assert_double_eq((double)reals_of(&l.batch, "remove")[row], rules[s].remove[i]);
    }
  lab_close(&l);
}
END_TEST

/* Labels that g cannot carry out are not learned. */
START_TEST(labels_that_g_cannot_carry_out) {
  static const struct {
    int32_t state, y;
    uint8_t remask, insert, remove;
    const char *says;
  } wrong[] = {
      {MASK, -1, 0, 0, 0, "neither kept, written nor removed"},
      {MASK, MASK, 0, 0, 0, "nothing that could be written"},
      {MASK, 5, 0, 0, 0, "nothing that could be written"},
      {MASK, -2, 1, 0, 0, "nothing that could be written"},
      {ONE, -1, 0, 0, 1, "only masks are removed"},
      {MASK, ONE, 0, 1, 1, "behind a mask that is removed"},
      {ONE, -1, 2, 0, 0, "neither 0 nor 1"},
      {ONE, -1, 0, 2, 0, "neither 0 nor 1"},
      {5, -1, 0, 0, 0, "no token"},
      {-1, -1, 0, 0, 0, "no token"},
  };
  lab l;
  const char *const setting[] = {"layers=1", "width=4", "heads=1", "hidden=4", NULL};
  lab_open(&l, 1, "ap-mdm", &parity, setting);
  lab_build(&l, false);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const int32_t state[2] = {BOS, wrong[i].state}, y[2] = {-1, wrong[i].y};
    const uint8_t remask[2] = {0, wrong[i].remask}, insert[2] = {0, wrong[i].insert};
    const uint8_t remove[2] = {0, wrong[i].remove};
    const pal_example e = {
        .id = 40 + i,
        .transition = {
            .state = state, .y = y, .remask = remask, .insert = insert, .remove = remove, .n = 2}};
    pal_rng rng = pal_rng_new(1, "test", 0, 0);
    pal_error error = {0};
    ck_assert_int_eq(
        pal_model_definition_of(l.model)->rows(l.model, &e, &rng, false, &l.batch, &error),
        PAL_E_ARGUMENT);
    ck_assert_msg(strstr(error.text, "row 1") && strstr(error.text, wrong[i].says), "%s",
                  error.text);
    ck_assert_int_eq(l.batch.rows, 0);
  }
  lab_close(&l);
}
END_TEST

/* A vector for each of 64 positions, or for each of 3 x 4 groups. */
START_TEST(positions_have_their_vectors) {
  static const struct {
    const char *setting;
    int vectors;
  } kind[] = {{"positions=none", 0},
              {"positions=rotary", 0},
              {"positions=learned", 64},
              {"positions=factored", 12}};
  const pal_format format = letters();
  int64_t without = 0;
  for (size_t i = 0; i < sizeof kind / sizeof *kind; i++) {
    lab l;
    const char *const setting[] = {"layers=1",       "width=8",       "heads=2",
                                   "structure=none", kind[i].setting, NULL};
    lab_open(&l, 1, "mdm", &format, setting);
    lab_build(&l, false);
    const int64_t all = pal_model_parameters(l.model);
    if (i == 0) without = all;
    ck_assert_int_eq(all - without, kind[i].vectors * 8);
    lab_close(&l);
  }
}
END_TEST

/* With norm_width the first columns are normed as if there were no others, which stay. */
START_TEST(norms_of_some_columns) {
  enum { ROWS = 3, ALL = 20, FIRST = 12 };
  static const char *const norm[] = {"norm=layer", "norm=rms", "norm=none"};
  const pal_format format = letters();
  float x[ROWS][ALL];
  for (int i = 0; i < ROWS * ALL; i++) x[i / ALL][i % ALL] = (float)(i * i % 17) - 5;
  for (size_t i = 0; i < sizeof norm / sizeof *norm; i++) {
    lab l;
    const char *const setting[] = {"width=20", "heads=2", "norm_width=12", "bias=1", norm[i], NULL};
    lab_open(&l, 1, "mdm", &format, setting);
    pal_graph *g = pal_graph_new(l.context, l.store);
    const pal_value some = pal_constant(g, PAL_TYPE(PAL_F32, PAL_STATIC, ROWS, ALL), x);
    const pal_value first = pal_slice(g, some, 1, 0, FIRST);
    pal_output(g, "some", pal_layer_norm_named(g, l.model, "a", some));
    pal_output(g, "first", pal_layer_norm_named(g, l.model, "b", first));
    pal_plan *plan = pal_compile(g, &l.error);
    pal_exec *exec = plan ? pal_exec_new(plan, &l.error) : NULL;
    ck_assert_msg(exec && !pal_exec_run(exec, &l.error), "%s", l.error.text);
    const float *a = pal_exec_output(exec, "some", NULL), *b = pal_exec_output(exec, "first", NULL);
    for (int r = 0; r < ROWS; r++) {
      ck_assert_mem_eq(a + r * ALL, b + r * FIRST, sizeof *a * FIRST);
      ck_assert_mem_eq(a + r * ALL + FIRST, x[r] + FIRST, sizeof *a * (ALL - FIRST));
      ck_assert_int_eq(a[r * ALL] == x[r][0], i == 2);
    }
    if (i < 2) ck_assert_uint_eq(pal_variable_bytes(pal_store_find(l.store, "a.gain")), 4 * FIRST);
    pal_exec_free(exec);
    pal_plan_free(plan);
    pal_graph_free(g);
    lab_close(&l);
  }
}
END_TEST

/* What stands where can be learned only by a model that is told where: token p % 4 at position p,
 * which is the first of its groups. */
static double learn_places(const char *positions) {
  const pal_format format = letters();
  const char *const setting[] = {"layers=1",       "width=16", "heads=2",
                                 "structure=none", positions,  NULL};
  int32_t token[LENGTH];
  double loss = 0;
  lab l;
  for (int i = 0; i < LENGTH; i++) token[i] = i % 4;
  lab_open(&l, 1, "mdm", &format, setting);
  lab_build(&l, true);
  for (uint64_t i = 0; i < EXAMPLES; i++) {
    const pal_example e = {
        .id = i, .prompt = token, .n_prompt = 1, .answer = token + 1, .n_answer = LENGTH - 1};
    lab_add(&l, &e, 0, false);
  }
  for (int step = 1; step <= WHOLE_OR_SHORT(150, 2); step++) loss = lab_run(&l, step, 1e-2);
  lab_close(&l);
  return loss;
}

START_TEST(factored_positions_tell_places) {
  const double without = learn_places("positions=none"), with = learn_places("positions=factored");
  ck_assert_msg(!WHOLE_BUILD || with < 0.2 * without, "loss %g with, %g without", with, without);
}
END_TEST

static int32_t odd[32];
static int right;

static void take(int index, const pal_decoded *d, void *data) {
  (void)data;
  right += d->halted && d->n == 1 + odd[index] && d->token[0] == BOS &&
           (d->n == 1 || d->token[1] == ONE);
}

/* Trained on two bits, the model finds the parity of any string through its window, and stops. */
START_TEST(parity_learned) {
  enum {
    STRINGS_EACH = 32,
    LONGEST = WHOLE_OR_SHORT(300, 50),
    LEARNING = WHOLE_OR_SHORT(3000, 20)
  };
  static const int length[] = {2, 3, 7, 40, LONGEST};
  static int32_t token[STRINGS_EACH][LONGEST + 1];
  pal_example prompt[STRINGS_EACH];
  const char *const setting[] = {"layers=1", "width=4", "heads=1", "hidden=4", "window=3", NULL};
  lab l;
  lab_open(&l, 1, "ap-mdm", &parity, setting);
  lab_build(&l, true);
  add_rules(&l);
  for (int step = 1; step <= LEARNING; step++) lab_run(&l, step, 0.01);
  for (size_t k = 0; k < sizeof length / sizeof *length; k++) {
    for (int i = 0; i < STRINGS_EACH; i++) {
      pal_rng rng = pal_rng_new(1, "bits", (uint64_t)k, (uint64_t)i);
      token[i][0] = BOS;
      odd[i] = 0;
      for (int j = 1; j <= length[k]; j++)
        odd[i] ^= token[i][j] = (int32_t)(pal_rng_next(&rng) & 1);
      prompt[i] = (pal_example){.id = (uint64_t)i, .prompt = token[i], .n_prompt = length[k] + 1};
    }
    const pal_decode_options options = {
        .sequences = STRINGS_EACH, .max_length = length[k] + 1, .max_steps = 2 * length[k] + 4};
    pal_decoder *decoder = pal_decoder_new(l.model, &options, &l.error);
    right = 0;
    ck_assert_msg(decoder && !pal_decode(decoder, prompt, STRINGS_EACH, take, NULL, &l.error), "%s",
                  l.error.text);
    ck_assert(!WHOLE_BUILD || right == STRINGS_EACH);
    pal_decoder_free(decoder);
  }
  lab_close(&l);
}
END_TEST

/* ---- settings and sizes ----------------------------------------------------------------- */

START_TEST(bad_settings) {
  static const struct {
    const char *definition, *setting, *says;
  } bad[] = {
      {"arm", "speed=3", "temperature"},
      {"arm", "width", "key=value"},
      {"mdm", "order=upwards", "confidence"},
      {"mdm", "k=0", "k takes a whole number"},
      {"ap-mdm", "tau_insert=2", "tau_insert"},
      {"arm", "heads=5", "divide"},
      {"arm", "heads=128", "even"},
      {"mdm", "layers=few", "number"},
      {"mdm", "structure=tree", "heads"},
      {"arm", "structure=heads", "causal"},
      {"mdm", "positions=factored", "in groups"},
      {"arm", "attention_window=-1", "attention_window"},
      {"arm", "norm_width=129", "more than the width (128)"},
      {"gpt", "layers=1", "gpt"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    lab l;
    lab_open(&l, 1, "arm", &parity, NULL);
    pal_error error = {0};
    ck_assert_ptr_null(
        pal_model_new(l.context, l.store, bad[i].definition, &parity, &bad[i].setting, 1, &error));
    ck_assert_msg(error.code && strstr(error.text, bad[i].says), "%s: %s", bad[i].setting,
                  error.text);
    lab_close(&l);
  }
}
END_TEST

/* A task may give a format with anything in it. */
START_TEST(bad_formats) {
  static const int32_t four[] = {0, 1, 2, 1 << 20}, negative[] = {0, -1, 0, 0};
  const pal_format good = {.vocabulary = 4, .mask = 3, .bos = -1, .eos = -1, .context = 4};
  struct {
    pal_format format;
    const char *says;
  } bad[7];
  const int n = (int)(sizeof bad / sizeof *bad);
  for (int i = 0; i < n; i++) bad[i].format = good;
  bad[0].format.vocabulary = 1, bad[0].says = "2 or more tokens";
  bad[1].format.mask = 4, bad[1].says = "mask 4";
  bad[2].format.context = INT_MAX, bad[2].says = "context of 1 to 33554432 rows, not 2147483647";
  bad[3].format.groups = 1, bad[3].format.group = four, bad[3].says = "group[3] is 1048576";
  bad[4].format.factors = 1, bad[4].format.factor_rows = 2, bad[4].format.factor = four;
  bad[4].says = "factor[2] is 2; it is from -1 to 1";
  bad[5].format.token_class = negative, bad[5].says = "token_class[1] is -1";
  bad[6].format.token_class = four, bad[6].says = "token_class[3] is 1048576";
  lab l;
  lab_open(&l, 1, "arm", &parity, NULL);
  for (int i = 0; i < n; i++) {
    pal_error error = {0};
    ck_assert_ptr_null(
        pal_model_new(l.context, l.store, "ap-mdm", &bad[i].format, NULL, 0, &error));
    ck_assert_msg(error.code == PAL_E_ARGUMENT && strstr(error.text, bad[i].says), "%d: %s", i,
                  error.text);
  }
  lab_close(&l);
}
END_TEST

START_TEST(batch_room) {
  lab l;
  pal_error error = {0};
  int32_t token[LAB_ROWS] = {0};
  lab_open(&l, 1, "arm", &parity, NULL);
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
  TCase *tests = tcase_create("models");
  tcase_add_loop_test(tests, training, 0, sizeof all_models / sizeof *all_models);
  tcase_add_test(tests, corruption_is_repaired);
  tcase_add_test(tests, transition_rows);
  tcase_add_test(tests, labels_that_g_cannot_carry_out);
  tcase_add_test(tests, positions_have_their_vectors);
  tcase_add_test(tests, norms_of_some_columns);
  tcase_add_test(tests, factored_positions_tell_places);
  tcase_add_test(tests, parity_learned);
  tcase_add_test(tests, bad_settings);
  tcase_add_test(tests, bad_formats);
  tcase_add_test(tests, batch_room);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
