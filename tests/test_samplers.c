/* SPDX-License-Identifier: Apache-2.0 */
/* The samplers of the MDM: their choices, pass by pass, are those that a few lines of plain C make
 * from the same predictions; their distributions are those of theory and enumeration. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab.h"
#include "tests/run.h"

enum { V = 5, MASK = 4, LENGTH = 9, SEQUENCES = 24, MOST_STEPS = 40, ALL_ROWS = 512 };

static pal_format small(void) {
  return (pal_format){.vocabulary = V, .mask = MASK, .bos = -1, .eos = -1, .context = LENGTH};
}

/* ---- predictions of the model ------------------------------------------------------------ */

typedef struct predictor {
  lab *l;
  pal_plan *plan;
  pal_exec *exec;
} predictor;

static predictor predictor_new(lab *l) {
  predictor p = {.l = l};
  pal_graph *g = pal_graph_new(l->context, l->store);
  const pal_batch_values in =
      pal_batch_inputs(g, pal_model_definition_of(l->model), ALL_ROWS, ALL_ROWS, false);
  const pal_network network = pal_network_of_batch(g, &in);
  pal_output(g, "logits", pal_output_logits(g, l->model, pal_backbone(g, l->model, &network)));
  p.plan = pal_compile(g, &l->error);
  pal_graph_free(g);
  ck_assert_msg(p.plan != NULL, "%s", l->error.text);
  p.exec = pal_exec_new(p.plan, &l->error);
  return p;
}

static void predictor_free(predictor *p) {
  pal_exec_free(p->exec);
  pal_plan_free(p->plan);
}

/* Probabilities of each token at each row of one sequence, without the mask. */
static void predict(predictor *p, const int32_t *token, int n, double (*out)[V]) {
  pal_batch b = pal_batch_of(p->exec, pal_model_definition_of(p->l->model));
  b.row_room = b.sequence_room = ALL_ROWS;
  pal_batch_add(&b, token, n, 1, &p->l->error);
  ck_assert(!pal_exec_count(p->exec, "T", b.rows, &p->l->error));
  ck_assert(!pal_exec_count(p->exec, "S", b.sequences, &p->l->error));
  ck_assert_msg(!pal_exec_run(p->exec, &p->l->error), "%s", p->l->error.text);
  const float *x = pal_exec_output(p->exec, "logits", NULL);
  for (int i = 0; i < n; i++, x += V) {
    double sum = 0;
    for (int v = 0; v < V; v++) sum += out[i][v] = v == MASK ? 0 : exp((double)x[v]);
    for (int v = 0; v < V; v++) out[i][v] /= sum;
  }
}

/* ---- choices ----------------------------------------------------------------------------- */

typedef struct watched {
  int32_t state[SEQUENCES][MOST_STEPS + 1][LENGTH];
  float chance[SEQUENCES][MOST_STEPS + 1][LENGTH]; /* of the token that the step is to write */
  int steps[SEQUENCES];
} watched;

static void note(int index, const pal_decoded *d, void *data) {
  watched *w = data;
  ck_assert_int_eq(d->n, LENGTH);
  ck_assert_int_le(d->forward_passes, MOST_STEPS);
  memcpy(w->state[index][d->forward_passes], d->token, sizeof w->state[0][0]);
  w->steps[index] = d->forward_passes;
}

static void note_edits(int index, const pal_edits *e, void *data) {
  watched *w = data;
  ck_assert_int_eq(e->n, LENGTH);
  ck_assert_ptr_null(e->bit[PAL_INSERT]);
  memcpy(w->chance[index][w->steps[index]], e->token_chance, sizeof w->chance[0][0]);
}

/* What a sampler sees of a step. `still` counts the steps in which a row moved by less than kl. */
typedef struct view {
  const int32_t *token;
  double p[LENGTH][V], best[LENGTH], entropy[LENGTH];
  int still[LENGTH], masks, most; /* `most`: the mask with the largest best; -1: none */
} view;

static void choose_threshold(const view *v, bool *chosen) {
  for (int i = 0; i < LENGTH; i++)
    chosen[i] = v->token[i] == MASK && (v->best[i] >= 0.5 || i == v->most);
}

/* Ben-Hamu et al., equation 6: in order of entropy, the largest set whose entropies sum up to at
 * most gamma + their largest. */
static void choose_eb(const view *v, bool *chosen) {
  double sum = 0, largest = 0;
  memset(chosen, 0, LENGTH);
  for (int taken = 0; taken < v->masks; taken++) {
    int next = -1;
    for (int i = 0; i < LENGTH; i++)
      if (v->token[i] == MASK && !chosen[i] && (next < 0 || v->entropy[i] < v->entropy[next]))
        next = i;
    sum += v->entropy[next];
    if (v->entropy[next] > largest) largest = v->entropy[next];
    if (sum - largest > 1.5) return;
    chosen[next] = true;
  }
}

static void choose_klass(const view *v, bool *chosen) {
  bool any = false;
  for (int i = 0; i < LENGTH; i++)
    any |= chosen[i] = v->token[i] == MASK && v->best[i] >= 0.5 && v->still[i] >= 2;
  if (!any && v->most >= 0) chosen[v->most] = true;
}

static void choose_in_three_steps(const view *v, bool *chosen) {
  memset(chosen, 0, LENGTH);
  for (int k = 0; k < 3 && k < v->masks; k++) { /* ceil(7 / 3) and ceil(8 / 3) are 3 */
    int next = -1;
    for (int i = 0; i < LENGTH; i++)
      if (v->token[i] == MASK && !chosen[i] && (next < 0 || v->best[i] > v->best[next])) next = i;
    chosen[next] = true;
  }
}

static const struct {
  const char *setting[4];
  void (*choose)(const view *v, bool *chosen);
  double shake; /* of the weights: how sure the model is */
} chooser[] = {
    {{"order=threshold", "threshold=0.5"}, choose_threshold, 0.21},
    {{"order=eb", "gamma=1.5"}, choose_eb, 0.4},
    {{"order=klass", "threshold=0.5", "kl=0.1"}, choose_klass, 0.3},
    {{"order=confidence", "steps=3"}, choose_in_three_steps, 0.4},
};

/* Sets the view of a state; `before` holds the predictions of the step before, or NULL. */
static void look(predictor *p, const int32_t *token, view *v, bool first) {
  double before[LENGTH][V];
  memcpy(before, v->p, sizeof before);
  predict(p, token, LENGTH, v->p);
  v->token = token;
  v->masks = 0;
  v->most = -1;
  for (int i = 0; i < LENGTH; i++) {
    double kl = 0;
    v->best[i] = v->entropy[i] = 0;
    for (int k = 0; k < MASK; k++) {
      const double x = v->p[i][k];
      if (x > v->best[i]) v->best[i] = x;
      v->entropy[i] -= x * log(x);
      kl += x * log(x / before[i][k]);
    }
    v->still[i] = !first && kl < 0.1 ? v->still[i] + 1 : 0;
    if (token[i] != MASK) continue;
    v->masks++;
    if (v->most < 0 || v->best[i] > v->best[v->most]) v->most = i;
  }
}

START_TEST(choices) {
  lab l;
  const pal_format format = small();
  const char *setting[10] = {"layers=1", "width=16", "heads=2", "structure=none"};
  static int32_t start[SEQUENCES][LENGTH];
  static pal_example prompt[SEQUENCES];
  static watched w;
  static lab_decoded out[SEQUENCES];
  int together = 0, single = 0;
  for (int k = 0; chooser[_i].setting[k]; k++) setting[4 + k] = chooser[_i].setting[k];
  lab_open(&l, 1, "mdm", &format, setting);
  lab_build(&l, false);
  lab_shake(&l, chooser[_i].shake);
  predictor p = predictor_new(&l);
  for (int s = 0; s < SEQUENCES; s++) { /* one or two given tokens */
    for (int i = 0; i < LENGTH; i++) start[s][i] = MASK;
    start[s][s % LENGTH] = s % 4;
    start[s][s / 5] = (s + 1) % 4;
    prompt[s] = (pal_example){.id = 1 + (uint64_t)s, .prompt = start[s], .n_prompt = LENGTH};
  }
  memset(&w, 0, sizeof w);
  const pal_decode_options options = {.sequences = SEQUENCES,
                                      .max_length = LENGTH,
                                      .max_steps = MOST_STEPS,
                                      .watch = note,
                                      .edits = note_edits,
                                      .watch_data = &w};
  lab_decode(&l, &options, prompt, SEQUENCES, out);
  for (int s = 0; s < SEQUENCES; s++) {
    view v = {.masks = 0};
    ck_assert(out[s].halted);
    for (int step = 0; step < out[s].passes; step++) {
      bool chosen[LENGTH];
      int written = 0;
      const bool last = step + 1 == out[s].passes;
      const int32_t *next = last ? out[s].token : w.state[s][step + 1];
      look(&p, w.state[s][step], &v, step == 0);
      chooser[_i].choose(&v, chosen);
      for (int i = 0; i < LENGTH; i++) {
        ck_assert_msg((next[i] != w.state[s][step][i]) == chosen[i],
                      "sequence %d, step %d, row %d of best %g, entropy %g: %d", s, step, i,
                      v.best[i], v.entropy[i], chosen[i]);
        if (!chosen[i]) continue;
        written++;
        ck_assert(v.p[i][next[i]] > v.best[i] - 1e-6); /* temperature 0 */
        ck_assert_double_eq_tol(w.chance[s][step][i], v.p[i][next[i]], 1e-5);
      }
      together += written > 1;
      single += written == 1;
    }
  }
  ck_assert_int_gt(together, 3); /* the rules are put to the test */
  ck_assert_int_gt(single, _i == 3 ? -1 : 3);
  predictor_free(&p);
  lab_close(&l);
}
END_TEST

/* ---- ancestral sampling against enumeration ---------------------------------------------- */

enum { ANSWER = 3, STATES = V * V * V, DRAWS = WHOLE_BUILD ? 40000 : 4000 };

static void digits(int state, int32_t *token) {
  token[0] = 2; /* given */
  for (int i = 0; i < ANSWER; i++, state /= V) token[1 + i] = state % V;
}

/* Moves the probability of each state by one step, in which each mask is written with probability
 * `write`. */
static void spread(double (*p)[1 + ANSWER][V], double write, double *chance) {
  double next[STATES] = {0};
  for (int from = 0; from < STATES; from++) {
    int32_t a[1 + ANSWER], b[1 + ANSWER];
    if (chance[from] == 0) continue;
    digits(from, a);
    for (int to = 0; to < STATES; to++) {
      double x = chance[from];
      digits(to, b);
      for (int i = 1; i <= ANSWER; i++) {
        if (a[i] != MASK) x *= a[i] == b[i];
        else x *= b[i] == MASK ? 1 - write : write * p[from][i][b[i]];
      }
      next[to] += x;
    }
  }
  memcpy(chance, next, sizeof next);
}

START_TEST(ancestral) {
  enum { STEPS = 2 };
  lab l;
  const pal_format format = small();
  const char *const setting[] = {"layers=1",        "width=16", "heads=2",       "structure=none",
                                 "order=ancestral", "steps=2",  "temperature=1", NULL};
  const int32_t start[] = {2, MASK, MASK, MASK};
  static pal_example prompt[DRAWS];
  static lab_decoded out[DRAWS];
  static double p[STATES][1 + ANSWER][V];
  double chance[STATES] = {0};
  int found[STATES] = {0};
  lab_open(&l, 1, "mdm", &format, setting);
  lab_build(&l, false);
  lab_shake(&l, 0.5);
  predictor by = predictor_new(&l);
  for (int state = 0; state < STATES; state++) {
    int32_t token[1 + ANSWER];
    digits(state, token);
    predict(&by, token, 1 + ANSWER, p[state]);
  }
  chance[STATES - 1] = 1; /* all masks */
  for (int i = 0; i < STEPS; i++) spread(p, 1.0 / (STEPS - i), chance);
  for (int i = 0; i < DRAWS; i++)
    prompt[i] = (pal_example){.id = (uint64_t)i, .prompt = start, .n_prompt = 1 + ANSWER};
  const pal_decode_options options = {
      .sequences = 2000, .max_length = LENGTH, .max_steps = STEPS, .seed = 9};
  lab_decode(&l, &options, prompt, DRAWS, out);
  for (int i = 0; i < DRAWS; i++) {
    int state = 0;
    for (int k = ANSWER; k > 0; k--) state = state * V + out[i].token[k];
    found[state]++;
  }
  double square = 0;
  int cells = 0;
  for (int state = 0; state < STATES; state++) {
    const double want = chance[state] * DRAWS;
    if (want < 5) continue;
    square += (found[state] - want) * (found[state] - want) / want;
    cells++;
  }
  ck_assert_int_gt(cells, 20);
  ck_assert_msg(square < cells + 4 * sqrt(2.0 * cells), "chi-square %g of %d cells", square, cells);
  predictor_free(&by);
  lab_close(&l);
}
END_TEST

/* ---- ReMDM ------------------------------------------------------------------------------- */

enum { REMDM_STEPS = 10 };
typedef struct tally {
  double visible[REMDM_STEPS + 1], remasked[REMDM_STEPS + 1]; /* after so many steps */
  int32_t last[DRAWS][LENGTH];
} tally;

static void count(int index, const pal_decoded *d, void *data) {
  tally *t = data;
  const int step = d->forward_passes;
  ck_assert_int_eq(d->token[0], 2); /* given tokens stay */
  for (int i = 1; i <= ANSWER; i++) {
    t->visible[step] += d->token[i] != MASK;
    if (step > 0) t->remasked[step] += d->token[i] == MASK && t->last[index][i] != MASK;
    t->last[index][i] = d->token[i];
  }
}

/* Wang et al., theorem 3.1: whatever the probability sigma of being masked again, a token is
 * visible at time t with probability alpha(t). */
START_TEST(remdm) {
  static const struct {
    const char *remask, *eta;
    double sigma_at[REMDM_STEPS], alpha_after[REMDM_STEPS];
  } way[] = {
      {"remask=rescale",
       "eta=0.5",
       {.5, .5, .5, .5, .5, .5 * 0.8, .5 * 0.5, .5 * 2 / 7., .5 * 1 / 8., 0},
       {.1, .2, .3, .4, .5, .6, .7, .8, .9, 1}},
      {"remask=cap",
       "eta=0.3",
       {.3, .3, .3, .3, .3, .3, .3, 2 / 7., 1 / 8., 0},
       {.1, .2, .3, .4, .5, .6, .7, .8, .9, 1}},
      /* Time runs 1, 0.9, ..., 0.1; t_on = 0.55 and t_off = 0.35, alpha_on = 0.8. */
      {"remask=loop",
       "eta=0.2",
       {0, 0, 0, 0, 0, .2, .2, 0, 0, 0},
       {.8 * .1 / .45, .8 * .2 / .45, .8 * .3 / .45, .8 * .4 / .45, .8, .8, 1 - .3 * .2 / .35,
        1 - .2 * .2 / .35, 1 - .1 * .2 / .35, 1}},
  };
  lab l;
  const pal_format format = small();
  const char *const setting[] = {
      "layers=1",   "width=16",     "heads=2",   "order=remdm",   "structure=none",
      "steps=10",   way[_i].remask, way[_i].eta, "temperature=1", "t_on=0.55",
      "t_off=0.35", "alpha_on=0.8", NULL};
  const int32_t start[] = {2, MASK, MASK, MASK};
  static pal_example prompt[DRAWS];
  static lab_decoded out[DRAWS];
  static tally t;
  memset(&t, 0, sizeof t);
  lab_open(&l, 1, "mdm", &format, setting);
  lab_build(&l, false);
  lab_shake(&l, 0.5);
  for (int i = 0; i < DRAWS; i++)
    prompt[i] = (pal_example){.id = (uint64_t)i, .prompt = start, .n_prompt = 1 + ANSWER};
  const pal_decode_options options = {
      .sequences = DRAWS, .max_length = LENGTH, .max_steps = 100, .watch = count, .watch_data = &t};
  lab_decode(&l, &options, prompt, DRAWS, out);
  const double error = 4 * sqrt(0.25 / (ANSWER * DRAWS)), all = ANSWER * (double)DRAWS;
  for (int step = 1; step < REMDM_STEPS; step++) {
    const double before = step > 1 ? way[_i].alpha_after[step - 2] : 0;
    ck_assert_msg(fabs(t.visible[step] / all - way[_i].alpha_after[step - 1]) < error,
                  "%g visible after step %d", t.visible[step] / all, step);
    ck_assert_msg(fabs(t.remasked[step] / all - way[_i].sigma_at[step - 1] * before) < error,
                  "%g remasked by step %d", t.remasked[step] / all, step);
  }
  for (int i = 0; i < DRAWS; i++) {
    ck_assert_int_eq(out[i].passes, REMDM_STEPS);
    ck_assert(out[i].halted);
    for (int k = 0; k <= ANSWER; k++) ck_assert_int_ne(out[i].token[k], MASK);
  }
  lab_close(&l);
}
END_TEST

/* top_k=1 draws the most likely token at any temperature, as does the smallest nucleus. */
START_TEST(cut_distributions) {
  static const char *const definition[] = {"mdm", "masked-arm", "ap-mdm"};
  static const char *const cut[] = {"top_k=0", "top_k=1", "top_p=1e-9"};
  const pal_format format = small();
  int32_t start[LENGTH];
  lab_decoded out[3];
  for (int i = 0; i < LENGTH; i++) start[i] = i ? MASK : 1;
  for (int k = 0; k < 3; k++) {
    lab l;
    const char *const setting[] = {
        "layers=1", "width=16", "heads=2", cut[k], k ? "temperature=1" : "temperature=0", NULL};
    lab_open(&l, 1, definition[_i], &format, setting);
    lab_build(&l, false);
    lab_shake(&l, 0.2);
    const pal_example prompt = {.id = 4, .prompt = start, .n_prompt = LENGTH};
    const pal_decode_options options = {.sequences = 1, .max_length = 60, .max_steps = 9};
    lab_decode(&l, &options, &prompt, 1, &out[k]);
    lab_assert_same(&out[0], &out[k]);
    lab_close(&l);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("samplers");
  TCase *tests = tcase_create("samplers");
  tcase_set_timeout(tests, 60);
  tcase_add_loop_test(tests, choices, 0, sizeof chooser / sizeof *chooser);
  tcase_add_test(tests, ancestral);
  tcase_add_loop_test(tests, remdm, 0, 3);
  tcase_add_loop_test(tests, cut_distributions, 0, 3);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
