/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding with scripted edits instead of a network: windows, growth, caps and halting are those of
 * a simulation on the host. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab.h"
#include "tests/run.h"

enum { MOST_PROMPTS = 24 };
enum { ZERO, ONE, BOS, EOS, MASK };
static const pal_format parity = {
    .vocabulary = 5, .mask = MASK, .bos = BOS, .eos = -1, .context = 64};

static pal_value number(pal_graph *g, int32_t x) {
  return pal_constant(g, pal_type_scalar(PAL_I32), &x);
}

static pal_value is(pal_graph *g, pal_value token, int32_t x) {
  return pal_compare(g, token, number(g, x), PAL_EQ);
}

static void finish(pal_graph *g, pal_decoding *d, pal_value y, pal_value remask, pal_value insert) {
  const pal_edited e =
      pal_edit(g, d->token, y, remask, insert, is(g, d->token, MASK), d->begin, d->length, MASK, 0);
  d->next_token = e.tokens;
  d->next_begin = e.begin;
  d->next_length = e.length;
  d->done = pal_not(g, e.changed);
}

typedef struct scripted_settings {
  int64_t window, turns;
} scripted_settings;

/* The eleven rules of the parity task: masks go, zeros become masks, and so do two ones. */
static void parity_step(const pal_model *model, pal_graph *g, pal_decoding *d) {
  (void)model;
  const pal_value length = pal_gather_rows(g, d->length, d->sequence);
  const pal_value begin = pal_gather_rows(g, d->begin, d->sequence);
  const pal_value partner = pal_affine(g, d->position, -1, 3);
  const pal_value has = pal_and(g, pal_compare(g, partner, length, PAL_LT),
                                pal_compare(g, d->position, number(g, 0), PAL_GT));
  const pal_value at = pal_where(g, has, pal_add(g, begin, partner), number(g, -1));
  const pal_value other = pal_gather_rows(g, pal_affine(g, d->token, 1, 1), at); /* 0: none */
  const pal_value both = pal_and(g, is(g, d->token, ONE), is(g, other, ONE + 1));
  const pal_value zero = is(g, d->token, ZERO), none = pal_affine(g, d->token, 0, 0);
  finish(g, d, none, pal_or(g, zero, both), none);
}

/* Everything but masks inserts a mask, which then becomes a one, in turn; `turns` steps. */
static void grow_step(const pal_model *model, pal_graph *g, pal_decoding *d) {
  const pal_value age = pal_gather_rows(g, d->age, d->sequence);
  const pal_value turns =
      number(g, (int32_t)((const scripted_settings *)pal_model_own(model))->turns);
  const pal_value mask = is(g, d->token, MASK), none = pal_affine(g, d->token, 0, 0);
  const pal_value early = pal_compare(g, age, turns, PAL_LT);
  const pal_value insert = pal_and(g, pal_not(g, mask), early);
  const pal_edited e = pal_edit(g, d->token, pal_affine(g, none, 1, ONE), none, insert, none,
                                d->begin, d->length, MASK, 0);
  d->next_token = e.tokens;
  d->next_begin = e.begin;
  d->next_length = e.length;
  d->done = pal_not(g, e.changed);
}

static const pal_setting scripted_table[] = {
    PAL_SET_WHOLE(scripted_settings, window, "0", 0, 1e6, "rows"),
    PAL_SET_WHOLE(scripted_settings, turns, "4", 0, 1e6, "steps"),
};

static void window_of(const pal_model *model, pal_decode_settings *to) {
  to->window = ((const scripted_settings *)pal_model_own(model))->window;
}

static pal_model_definition scripted[] = {
    {.abi_size = sizeof(pal_model_definition),
     .name = "parity",
     .form = PAL_FORM_TRANSITION,
     .setting = scripted_table,
     .n_settings = 2,
     .settings_size = sizeof(scripted_settings),
     .decode_settings = window_of,
     .step = parity_step},
    {.abi_size = sizeof(pal_model_definition),
     .name = "grow",
     .form = PAL_FORM_TRANSITION,
     .setting = scripted_table,
     .n_settings = 2,
     .settings_size = sizeof(scripted_settings),
     .decode_settings = window_of,
     .step = grow_step},
};

static void open_scripted(lab *l, int which, const char *const *setting, int n) {
  lab_open(l, 2, "arm", &parity, NULL);
  pal_model_free(l->model);
  lab_define(l, &scripted[which]);
  l->model =
      pal_model_new(l->context, l->store, scripted[which].name, &parity, setting, n, &l->error);
  ck_assert_msg(l->model != NULL, "%s", l->error.text);
}

/* The same two policies on the first `rows` tokens of a sequence; returns how many they become. */
static int policy(int which, const int32_t *x, int rows, int age, int turns, int32_t *out) {
  int m = 0;
  for (int i = 0; i < rows; i++) {
    if (which == 1) {
      out[m++] = x[i] == MASK ? ONE : x[i];
      if (x[i] != MASK && age < turns) out[m++] = MASK;
      continue;
    }
    const int partner = 3 - i;
    const bool both = x[i] == ONE && i > 0 && partner < rows && x[partner] == ONE;
    if (x[i] != MASK) out[m++] = x[i] == ZERO || both ? MASK : x[i];
  }
  return m;
}

/* Decodes one sequence by hand; the part beyond the window waits untouched. */
static void simulate(int which, const pal_example *e, int window, int turns, int cap,
                     lab_decoded *k) {
  static int32_t next[2 * LAB_TOKENS], edited[2 * LAB_TOKENS];
  memset(k, 0, sizeof *k);
  k->n = e->n_prompt;
  memcpy(k->token, e->prompt, sizeof *k->token * (size_t)k->n);
  while (k->passes < cap && !k->halted) {
    const int rows = window && window < k->n ? window : k->n, rest = k->n - rows;
    const int m = policy(which, k->token, rows, k->passes++, turns, edited);
    const bool same = m == rows && memcmp(edited, k->token, sizeof *edited * (size_t)m) == 0;
    memcpy(next, edited, sizeof *next * (size_t)m);
    memcpy(next + m, k->token + rows, sizeof *next * (size_t)rest);
    k->n = m + rest;
    memcpy(k->token, next, sizeof *next * (size_t)k->n);
    k->halted = same && rest == 0;
  }
}

static int make_bits(pal_example *prompt, int32_t (*token)[256], int n) {
  for (int i = 0; i < n; i++) {
    pal_rng rng = pal_rng_new(4, "bits", 0, (uint64_t)i);
    const int bits = i < 4 ? i : (int)pal_rng_below(&rng, 250);
    token[i][0] = BOS;
    for (int j = 1; j <= bits; j++) token[i][j] = (int32_t)(pal_rng_next(&rng) & 1);
    prompt[i] = (pal_example){.id = (uint64_t)i, .prompt = token[i], .n_prompt = bits + 1};
  }
  return n;
}

START_TEST(window_against_simulation) {
  lab l;
  static pal_example prompt[MOST_PROMPTS];
  static int32_t token[MOST_PROMPTS][256];
  static lab_decoded out[MOST_PROMPTS], want;
  const char *const setting[] = {"window=3"};
  open_scripted(&l, 0, setting, 1);
  const int n = make_bits(prompt, token, MOST_PROMPTS);
  const int cap = _i ? 40 : 1000;
  const pal_decode_options options = {.sequences = 9, .max_length = 256, .max_steps = cap};
  lab_decode(&l, &options, prompt, n, out);
  for (int i = 0; i < n; i++) {
    simulate(0, &prompt[i], 3, 0, cap, &want);
    lab_assert_same(&out[i], &want);
    int odd = 0;
    for (int j = 1; j < prompt[i].n_prompt; j++) odd ^= token[i][j];
    if (_i == 0) {
      ck_assert(out[i].halted);
      ck_assert_int_eq(out[i].n, 1 + odd);
    }
  }
  lab_close(&l);
}
END_TEST

/* Rows pushed out of the window come back in their order; without one, plans grow. */
START_TEST(growth_against_simulation) {
  static const struct {
    const char *setting[2];
    int window, turns;
  } ways_to_grow[] = {{{"window=4", "turns=9"}, 4, 9},
                      {{"window=7", "turns=3"}, 7, 3},
                      {{"window=0", "turns=5"}, 0, 5}};
  lab l;
  static pal_example prompt[MOST_PROMPTS];
  static int32_t token[MOST_PROMPTS][256];
  static lab_decoded out[MOST_PROMPTS], want;
  const int window = ways_to_grow[_i].window, turns = ways_to_grow[_i].turns;
  open_scripted(&l, 1, ways_to_grow[_i].setting, 2);
  const int n = make_bits(prompt, token, MOST_PROMPTS);
  for (int i = 0; i < n; i++)
    if (prompt[i].n_prompt > 20) prompt[i].n_prompt = 20;
  const pal_decode_options options = {.sequences = 24, .max_length = 500, .max_steps = 300};
  lab_decode(&l, &options, prompt, n, out);
  for (int i = 0; i < n; i++) {
    simulate(1, &prompt[i], window, turns, 300, &want);
    lab_assert_same(&out[i], &want);
  }
  lab_close(&l);
}
END_TEST

/* A sequence that outgrows max_length stops there, alone. */
START_TEST(too_long) {
  lab l;
  static lab_decoded out[2];
  const int32_t token[] = {BOS, ONE, ONE, ONE, MASK};
  const pal_example prompt[] = {{.id = 1, .prompt = token, .n_prompt = 4},
                                {.id = 2, .prompt = token + 4, .n_prompt = 1}};
  const char *const setting[] = {_i ? "window=3" : "window=0", "turns=20"};
  open_scripted(&l, 1, setting, 2);
  const pal_decode_options options = {.sequences = 2, .max_length = 10, .max_steps = 4};
  lab_decode(&l, &options, prompt, 2, out);
  ck_assert(!out[0].halted);
  ck_assert_int_ge(out[0].n, 10);
  ck_assert_int_eq(out[0].token[0], BOS);
  ck_assert_int_eq(out[1].token[0], ONE);
  lab_close(&l);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("window");
  TCase *tests = tcase_create("window");
  tcase_add_loop_test(tests, window_against_simulation, 0, 2);
  tcase_add_loop_test(tests, growth_against_simulation, 0, 3);
  tcase_add_loop_test(tests, too_long, 0, 2);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
