/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding: a result does not depend on which other sequences are decoded at the same time, nor on
 * the instruction set; states, passes and ends are what they are said to be. */
#include <check.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/letters.h"
#include "tests/run.h"

/* ---- a sequence alone or among others --------------------------------------------------- */

typedef struct way {
  const char *definition, *setting[6];
} way;

static const way ways[] = {
    {"arm", {"temperature=1"}},
    {"arm", {"temperature=1", "top_k=3", "top_p=0.9"}},
    {"masked-arm", {"temperature=0.7"}},
    {"mdm", {"order=random", "k=2", "temperature=1"}},
    {"mdm", {"order=confidence", "time=adaln"}},
    {"mdm", {"order=margin", "k=3"}},
    {"mdm", {"order=entropy", "schedule=cosine", "time=adaln"}},
    {"mdm", {"order=ancestral", "steps=6", "temperature=1"}},
    {"mdm", {"order=ancestral", "steps=4", "schedule=cosine"}},
    {"ap-mdm", {"bits=sample", "temperature=1"}},
    {"ap-mdm", {"guess=1", "tau_write=0.8", "tau_insert=0.8"}},
    {"ap-mdm", {"bits=sample", "window=6"}},
    {"arm", {"temperature=1", "decode_precision=bf16"}},
    {"ap-mdm", {"bits=sample", "temperature=1", "decode_precision=bf16"}},
};

static bool any_differs(const lab_decoded *a, const lab_decoded *b, int n) {
  for (int i = 0; i < n; i++)
    if (a[i].n != b[i].n || memcmp(a[i].token, b[i].token, sizeof *a->token * (size_t)a[i].n) != 0)
      return true;
  return false;
}

START_TEST(alone_or_among_others) {
  lab l;
  const pal_format format = letters(-1);
  pal_example prompt[MOST_PROMPTS];
  int32_t token[MOST_PROMPTS][16];
  static lab_decoded out[MOST_PROMPTS], one[1], two[MOST_PROMPTS];
  const char *setting[10] = {"layers=1", "width=16", "heads=2"};
  for (int k = 0; ways[_i].setting[k]; k++) setting[3 + k] = ways[_i].setting[k];
  letters_open(&l, ways[_i].definition, &format, setting);
  const int n = letters_prompts(prompt, token, 17), room = 11;
  pal_decode_options options = {
      .sequences = 17, .max_length = 60, .max_steps = 14, .answer_room = room, .seed = 77};
  lab_decode(&l, &options, prompt, n, out);
  const bool edits = strcmp(ways[_i].definition, "ap-mdm") == 0;
  for (int i = 0; i < n && !edits; i++) {
    ck_assert(out[i].halted);
    ck_assert_int_eq(out[i].n, prompt[i].n_prompt + room);
    ck_assert_mem_eq(out[i].token, token[i], sizeof **token * (size_t)prompt[i].n_prompt);
    for (int j = 0; j < out[i].n; j++) ck_assert_int_ne(out[i].token[j], format.mask);
  }
  if (strstr(ways[_i].definition, "arm"))
    for (int i = 0; i < n; i++) ck_assert_int_eq(out[i].passes, room);
  options.sequences = 4; /* fewer than the prompts: they are decoded in groups */
  lab_decode(&l, &options, prompt, n, two);
  for (int i = 0; i < n; i++) lab_assert_same(&out[i], &two[i]);
  options.sequences = 1;
  for (int i = 0; i < n; i += 3) {
    lab_decode(&l, &options, &prompt[i], 1, one);
    lab_assert_same(&out[i], one);
  }
  options.seed = 78;
  lab_decode(&l, &options, prompt, n, two);
  bool drawn = false;
  for (int k = 0; setting[k]; k++)
    drawn |= !strncmp(setting[k], "temperature", 11) || !strcmp(setting[k], "bits=sample") ||
             !strcmp(setting[k], "order=random");
  ck_assert(!drawn || any_differs(out, two, n));
  lab_close(&l);
}
END_TEST

/* With cut=0.5 nothing is left to chance: bits are those of the thresholds, tokens the most
 * likely. */
START_TEST(half_a_cut_decides_all) {
  const char *const setting[3][10] = {
      {"layers=1", "width=16", "heads=2", "bits=sample", "temperature=1", "cut=0.5", NULL},
      {"layers=1", "width=16", "heads=2", NULL},
      {"layers=1", "width=16", "heads=2", "bits=sample", "temperature=1", NULL}};
  const pal_format format = letters(-1);
  pal_example prompt[MOST_PROMPTS];
  int32_t token[MOST_PROMPTS][16];
  static lab_decoded out[3][MOST_PROMPTS];
  const int n = letters_prompts(prompt, token, 12);
  const pal_decode_options options = {
      .sequences = 12, .max_length = 60, .max_steps = 9, .answer_room = 4};
  for (int k = 0; k < 3; k++) {
    lab l;
    letters_open(&l, "ap-mdm", &format, setting[k]);
    lab_decode(&l, &options, prompt, n, out[k]);
    lab_close(&l);
  }
  for (int i = 0; i < n; i++) lab_assert_same(&out[0][i], &out[1][i]);
  ck_assert(any_differs(out[2], out[1], n));
}
END_TEST

/* Sets a parameter of the model to the n values. */
static void set_bias(lab *l, const char *name, const float *value, int n) {
  pal_variable *v = pal_store_find(l->store, name);
  ck_assert_msg(v != NULL, "%s", name);
  memcpy(pal_variable_data(v), value, sizeof *value * (size_t)n);
}

static float log_odds(double p) { return (float)(log(p) - log1p(-p)); }

/* A model whose hidden rows are 0 has its biases for logits, and so chances that are known. */
START_TEST(cut_makes_rare_things_impossible) {
  enum { N = 20000 };
  static const double p[9] = {0.5, 0.3, 0.1, 0.04, 0.04, 0.01, 0.005, 0.005, 0};
  const char *const setting[2][10] = {
      {"layers=1", "width=16", "heads=2", "bias=1", "bits=sample", "temperature=1", "cut=0.05",
       NULL},
      {"layers=1", "width=16", "heads=2", "bias=1", "bits=sample", "temperature=1", NULL}};
  const pal_format format = letters(-1);
  const int32_t start[2] = {0, 8};
  const float bit[3] = {log_odds(0.03), log_odds(0.97), log_odds(0.3)};
  static pal_example prompt[N];
  static lab_decoded out[N];
  float bias[9];
  for (int v = 0; v < 9; v++) bias[v] = v < 8 ? (float)log(p[v]) : 5;
  for (int i = 0; i < N; i++)
    prompt[i] = (pal_example){.id = 1 + (uint64_t)i, .prompt = start, .n_prompt = 2};
  for (int k = 0; k < 2; k++) {
    lab l;
    lab_open(&l, 1, "ap-mdm", &format, setting[k]);
    lab_build(&l, false);
    pal_variable *v;
    for (int i = 0; (v = pal_store_parameter_at(l.store, i)) != NULL; i++)
      memset(pal_variable_data(v), 0, pal_variable_bytes(v));
    set_bias(&l, "model.output.bias", bias, 9);
    set_bias(&l, "model.edit.bias", bit, 3);
    const pal_decode_options options = {.sequences = 1024, .max_length = 16, .max_steps = 1};
    lab_decode(&l, &options, prompt, N, out);
    int remasked = 0, inserted = 0, removed = 0, y[9] = {0}, written = 0;
    for (int i = 0; i < N; i++) {
      remasked += out[i].token[0] == 8;
      inserted += out[i].n > 1 && out[i].token[1] == 8;
      removed += out[i].n == (out[i].n > 1 && out[i].token[1] == 8 ? 2 : 1);
      if (out[i].n == 4 && out[i].token[2] != 8) y[out[i].token[2]]++, written++;
    }
    if (k == 0) {
      ck_assert_int_eq(remasked, 0);
      ck_assert_int_eq(inserted, N);
    } else {
      ck_assert(fabs((double)remasked / N - 0.03) < 0.006);
      ck_assert_int_lt(inserted, N);
    }
    ck_assert(fabs((double)removed / N - 0.3) < 0.02);
    ck_assert_int_gt(written, N / 2);
    for (int token = 0; token < 8; token++) {
      const double want = k ? p[token] : p[token] < 0.05 ? 0 : p[token] / 0.9;
      ck_assert_msg(fabs((double)y[token] / written - want) < 0.015, "%d: %d of %d", token,
                    y[token], written);
      if (want == 0) ck_assert_int_eq(y[token], 0);
    }
    lab_close(&l);
  }
}
END_TEST

/* bf16 gives other results than f32, but the same ones on every instruction set. */
START_TEST(precisions) {
  static const char *const definition[] = {"arm", "mdm", "ap-mdm"};
  const pal_format format = letters(-1);
  pal_example prompt[MOST_PROMPTS];
  int32_t token[MOST_PROMPTS][16];
  static lab_decoded out[1 + PAL_ISA_COUNT][MOST_PROMPTS];
  const int n = letters_prompts(prompt, token, MOST_PROMPTS);
  const pal_decode_options options = {
      .sequences = n, .max_length = 60, .max_steps = 30, .answer_room = 30, .seed = 7};
  for (int i = 0; i <= PAL_ISA_COUNT; i++) { /* the last one in f32 */
    const char *setting[] = {"layers=1",
                             "width=16",
                             "heads=2",
                             "temperature=1",
                             i < PAL_ISA_COUNT ? "decode_precision=bf16" : NULL,
                             NULL};
    lab l;
    if (i < PAL_ISA_COUNT && !pal_isa_available((pal_isa)i)) continue;
    lab_isa = i < PAL_ISA_COUNT ? pal_isa_name((pal_isa)i) : NULL;
    letters_open(&l, definition[_i], &format, setting);
    lab_isa = NULL;
    lab_decode(&l, &options, prompt, n, out[i]);
    for (int k = 0; k < n && i < PAL_ISA_COUNT; k++) lab_assert_same(&out[0][k], &out[i][k]);
    lab_close(&l);
  }
  ck_assert(any_differs(out[0], out[PAL_ISA_COUNT], n));
}
END_TEST

/* ---- tracing ---------------------------------------------------------------------------- */

enum { MOST_STEPS = 14, MOST_LENGTH = 60 };
typedef struct watched {
  lab_decoded state[MOST_STEPS + 1];
  int n; /* states seen, in order of steps */
  struct {
    int first, n;
    bool bits; /* the model tells its bits */
    int32_t bit[PAL_BITS][LAB_TOKENS];
    float chance[LAB_TOKENS];
  } step[MOST_STEPS];
  int steps;
} watched;

static void see(int index, const pal_decoded *state, void *data) {
  watched *w = (watched *)data + index;
  ck_assert_int_eq(state->forward_passes, w->n);
  ck_assert_int_lt(w->n, MOST_STEPS);
  lab_keep(0, state, &w->state[w->n++]);
}

static void see_edits(int index, const pal_edits *e, void *data) {
  watched *w = (watched *)data + index;
  ck_assert_int_eq(w->steps, w->n - 1);
  w->step[w->steps].first = e->first;
  w->step[w->steps].n = e->n;
  w->step[w->steps].bits = e->bit[PAL_REMASK] != NULL;
  for (int i = 0; i < e->n; i++) {
    ck_assert(e->token_chance[i] >= 0 && e->token_chance[i] <= 1);
    w->step[w->steps].chance[i] = e->token_chance[i];
    for (int k = 0; k < PAL_BITS && e->bit[k]; k++) {
      w->step[w->steps].bit[k][i] = e->bit[k][i];
      ck_assert(e->bit_chance[k][i] >= 0 && e->bit_chance[k][i] <= 1);
    }
  }
  w->steps++;
}

/* The bits of step k lead from the state before it to the one after it; the tokens that masks
 * become are read there. Rows behind a window are not decided about. */
static void assert_edits(const watched *w, int k, int32_t mask) {
  const lab_decoded *before = &w->state[k], *after = &w->state[k + 1];
  const int shown = w->step[k].first + w->step[k].n;
  int at = 0;
  if (after->n == MOST_LENGTH) return; /* rows may have been cut off */
  for (int i = 0; i < before->n; i++) {
    int32_t token = before->token[i];
    const bool masked = token == mask, told = i < shown && w->step[k].bits;
    const int32_t none[PAL_BITS] = {0};
    int32_t bit[PAL_BITS];
    for (int b = 0; b < PAL_BITS; b++) bit[b] = told ? w->step[k].bit[b][i] : none[b];
    if (bit[PAL_REMOVE]) {
      ck_assert(masked);
      continue;
    }
    const bool writes = masked && !bit[PAL_REMASK] && (told || after->token[at] != mask);
    if (bit[PAL_REMASK]) token = mask;
    if (writes && i < shown) {
      ck_assert(after->token[at] != mask);
      ck_assert(w->step[k].chance[i - w->step[k].first] > 0);
    } else {
      ck_assert_int_eq(after->token[at], token);
    }
    at++;
    if (bit[PAL_INSERT]) ck_assert_int_eq(after->token[at++], mask);
  }
  if (after->n > at) { /* a causal model adds the row that it decided about */
    ck_assert_int_eq(w->step[k].first, at++);
    ck_assert_int_eq(w->step[k].n, 1);
  }
  ck_assert_int_eq(at, after->n);
}

/* Ends sequences at different times, the first one of a group not first. */
static int passes_of(int index) { return 2 + (index + 2) % 3; }

static bool has_enough(int index, const pal_decoded *state, void *data) {
  (void)data;
  return state->forward_passes >= passes_of(index);
}

/* A sequence that is ended has the state it had then, and the others are as without that. The
 * state before step k is the result under a cap of k steps, and what step k decided leads to
 * the next state. Watching changes nothing. */
START_TEST(states_are_results_under_lower_caps) {
  lab l;
  const pal_format format = letters(-1);
  pal_example prompt[MOST_PROMPTS];
  int32_t token[MOST_PROMPTS][16];
  static lab_decoded out[MOST_PROMPTS], cut[MOST_PROMPTS];
  static watched seen[MOST_PROMPTS];
  const char *setting[10] = {"layers=1", "width=16", "heads=2"};
  memset(seen, 0, sizeof seen);
  for (int k = 0; ways[_i].setting[k]; k++) setting[3 + k] = ways[_i].setting[k];
  letters_open(&l, ways[_i].definition, &format, setting);
  const int n = letters_prompts(prompt, token, 7);
  pal_decode_options options = {.sequences = 3,
                                .max_length = MOST_LENGTH,
                                .max_steps = MOST_STEPS,
                                .answer_room = 11,
                                .seed = 5,
                                .watch = see,
                                .edits = see_edits,
                                .watch_data = seen};
  lab_decode(&l, &options, prompt, n, out);
  options.watch = NULL;
  options.edits = NULL;
  options.enough = has_enough;
  lab_decode(&l, &options, prompt, n, cut);
  for (int i = 0; i < n; i++) {
    const int k = seen[i].n < passes_of(i) + 1 ? seen[i].n : passes_of(i);
    const lab_decoded *want = k < seen[i].n ? &seen[i].state[k] : &out[i];
    ck_assert_int_eq(cut[i].passes, k);
    ck_assert_int_eq(cut[i].n, want->n);
    ck_assert_mem_eq(cut[i].token, want->token, sizeof **token * (size_t)want->n);
    ck_assert_int_eq(cut[i].halted, k < seen[i].n ? false : out[i].halted);
  }
  options.enough = NULL;
  lab_decode(&l, &options, prompt, n, cut);
  for (int i = 0; i < n; i++) {
    lab_assert_same(&out[i], &cut[i]);
    ck_assert_int_eq(seen[i].n, out[i].passes);
    ck_assert_int_eq(seen[i].steps, out[i].passes);
    seen[i].state[seen[i].n] = out[i];
    for (int k = 0; k < seen[i].n; k++) assert_edits(&seen[i], k, format.mask);
  }
  for (int k = 1; k < MOST_STEPS; k++) {
    options.max_steps = k;
    lab_decode(&l, &options, prompt, n, cut);
    for (int i = 0; i < n; i++) {
      if (k >= seen[i].n) continue;
      ck_assert_int_eq(seen[i].state[k].n, cut[i].n);
      ck_assert_mem_eq(seen[i].state[k].token, cut[i].token, sizeof *token[i] * (size_t)cut[i].n);
    }
  }
  lab_close(&l);
}
END_TEST

/* k tokens a step, and the schedule's number of steps, are what forward passes count. */
START_TEST(passes) {
  lab l;
  const pal_format format = letters(-1);
  static lab_decoded out[MOST_PROMPTS];
  const int32_t token[] = {1, 2};
  const pal_example prompt = {.id = 1, .prompt = token, .n_prompt = 2, .answer_room = 12};
  const struct {
    const char *setting[3];
    int least, most;
  } want[] = {{{"k=1", "order=margin", NULL}, 12, 12},
              {{"k=5", "order=random", NULL}, 3, 3},
              {{"order=ancestral", "steps=3", NULL}, 1, 3}};
  for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
    const pal_decode_options options = {.sequences = 1, .max_length = 14, .max_steps = 50};
    letters_open(&l, "mdm", &format, want[i].setting);
    lab_decode(&l, &options, &prompt, 1, out);
    ck_assert_int_ge(out->passes, want[i].least);
    ck_assert_int_le(out->passes, want[i].most);
    ck_assert_int_eq(out->n, 14);
    lab_close(&l);
  }
}
END_TEST

/* Ancestral sampling says how many steps it takes; with so many no mask is left. */
START_TEST(ancestral_ends) {
  lab l;
  const pal_format format = letters(-1);
  static lab_decoded out[1];
  const int32_t token[] = {1, 2};
  const char *const setting[] = {"order=ancestral", "steps=200", NULL};
  const pal_example prompt = {.id = 3, .prompt = token, .n_prompt = 2, .answer_room = 12};
  pal_decode_options options = {.sequences = 1, .max_length = 14};
  pal_decode_settings set = {.steps = 0};
  letters_open(&l, "mdm", &format, setting);
  pal_model_definition_of(l.model)->decode_settings(l.model, &set);
  ck_assert_int_eq(set.steps, 200);
  options.max_steps = (int)set.steps;
  lab_decode(&l, &options, &prompt, 1, out);
  ck_assert(out->halted && out->passes > 5 && out->passes <= 200);
  for (int i = 0; i < out->n; i++) ck_assert_int_ne(out->token[i], format.mask);
  lab_close(&l);
}
END_TEST

/* ---- calls that are refused ------------------------------------------------------------- */

START_TEST(bad_calls) {
  lab l;
  static lab_decoded out[1];
  const int32_t token[] = {1, 2, 3, 99};
  const pal_format format = letters(-1);
  pal_example prompt = {.prompt = token, .n_prompt = 3};
  letters_open(&l, "mdm", &format, NULL);
  pal_decode_options options = {.sequences = 0, .max_length = 4, .max_steps = 9};
  ck_assert_ptr_null(pal_decoder_new(l.model, &options, &l.error));
  ck_assert_int_eq(l.error.code, PAL_E_ARGUMENT);
  pal_error_clear(&l.error);
  options.sequences = 1;
  for (int k = 0; k < 2; k++) {
    pal_decode_options huge = options;
    *(k ? &huge.max_length : &huge.answer_room) = INT_MAX;
    ck_assert_ptr_null(pal_decoder_new(l.model, &huge, &l.error));
    ck_assert_msg(strstr(l.error.text, k ? "length (2147483647)" : "answer room (2147483647)"),
                  "%s", l.error.text);
    pal_error_clear(&l.error);
  }
  pal_decoder *decoder = pal_decoder_new(l.model, &options, &l.error);
  ck_assert_ptr_nonnull(decoder);
  prompt.answer_room = 2;
  ck_assert_int_eq(pal_decode(decoder, &prompt, 1, lab_keep, out, &l.error), PAL_E_CAPACITY);
  ck_assert_int_eq(l.error.needed, 5);
  pal_error_clear(&l.error);
  prompt = (pal_example){.prompt = token + 3, .n_prompt = 1, .answer_room = 1};
  ck_assert_int_eq(pal_decode(decoder, &prompt, 1, lab_keep, out, &l.error), PAL_E_ARGUMENT);
  pal_error_clear(&l.error);
  const struct {
    pal_example e;
    const char *says;
  } wrong[] = {
      {{.prompt = token, .n_prompt = -1}, "n_prompt is negative"},
      {{.prompt = NULL, .n_prompt = 1}, "prompt is NULL where n_prompt is 1"},
      {{.prompt = token, .n_prompt = 1, .answer_room = -1}, "answer_room is negative"},
      {{.prompt = token, .n_prompt = 1, .answer_room = INT_MAX}, "answer_room is too large"},
      {{.prompt = token, .n_prompt = INT_MAX}, "n_prompt is too large"},
      {{.prompt = token, .n_prompt = 4}, "prompt[3] is 99"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    ck_assert_int_eq(pal_decode(decoder, &wrong[i].e, 1, lab_keep, out, &l.error), PAL_E_ARGUMENT);
    ck_assert_msg(strstr(l.error.text, wrong[i].says) != NULL, "%zu: %s", i, l.error.text);
    pal_error_clear(&l.error);
  }
  ck_assert_int_eq(pal_batch_add(&(pal_batch){0}, token, -1, 1, &l.error), -1);
  ck_assert_int_eq(l.error.code, PAL_E_ARGUMENT);
  pal_error_clear(&l.error);
  prompt.prompt = token; /* after the error the decoder still works */
  ck_assert_int_eq(pal_decode(decoder, &prompt, 1, lab_keep, out, &l.error), PAL_OK);
  ck_assert_int_eq(out->n, 2);
  pal_decoder_free(decoder);
  lab_close(&l);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("decode");
  TCase *tests = tcase_create("decode");
  tcase_add_loop_test(tests, alone_or_among_others, 0, sizeof ways / sizeof *ways);
  tcase_add_test(tests, half_a_cut_decides_all);
  tcase_add_test(tests, cut_makes_rare_things_impossible);
  tcase_add_loop_test(tests, precisions, 0, 3);
  tcase_add_loop_test(tests, states_are_results_under_lower_caps, 0, sizeof ways / sizeof *ways);
  tcase_add_test(tests, passes);
  tcase_add_test(tests, ancestral_ends);
  tcase_add_test(tests, bad_calls);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
