/* SPDX-License-Identifier: Apache-2.0 */
/* The exact probability of every word of at most six letters under an edit model of the task dyck,
 * beside the frequencies of samples.
 *
 *   cc dyck_exact.c $(pkg-config --cflags --libs palimpsest) -lm -o dyck_exact
 *   ./dyck_exact RUN 20000
 *
 * All processes are enumerated: from the probability of each state, that of each next state
 * follows, until all have halted or have more letters. With the model's setting `cut` most bits are
 * certain, so this is a finite sum. Without arguments, a small model is trained first, and words of
 * at most four letters are followed. */
#include <palimpsest/palimpsest.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 15, TOKENS = 11, SETTINGS = 128, SLOTS = 1 << 18, TOGETHER = 128 };
static const double LEAST = 1e-12; /* less probable branches are not followed, but counted */
enum { REMASK, INSERT, REMOVE, BITS };

/* A state of n rows and its probability; n 0: an empty slot of a table. */
typedef struct state {
  double p;
  int8_t n, token[ROWS];
} state;

typedef struct table {
  state *at; /* [SLOTS], by hash */
  long used;
} table;

typedef struct chances {
  double bit[ROWS][BITS], token[ROWS][TOKENS];
} chances;

typedef struct machine {
  pal_context *context;
  pal_task *task;
  pal_store *store;
  pal_model *model;
  pal_plan *plan;
  pal_exec *exec;
  pal_batch batch;
  double cut;
  int vocabulary, mask;
  int letters; /* of the longest words that are followed */
  table now, next, ended;
  double beyond, missed; /* probability of what has more letters, and of branches not followed */
  pal_error error;
} machine;

/* ---- the model ------------------------------------------------------------------------------ */

/* The settings "<kind>.KEY = VALUE" of a run's config, as "KEY=VALUE". */
static int read_settings(const char *run, const char *kind, char (*text)[256],
                         const char **setting) {
  char path[1024], line[512], key[128], value[256];
  int n = 0;
  snprintf(path, sizeof path, "%s/config", run);
  FILE *file = fopen(path, "r");
  const size_t head = strlen(kind);
  while (file && fgets(line, sizeof line, file) && n < SETTINGS) {
    value[0] = 0;
    if (strncmp(line, kind, head) || sscanf(line + head, "%127s = %255[^\n]", key, value) < 1)
      continue;
    if (snprintf(text[n], sizeof text[n], "%s=%s", key, value) < (int)sizeof text[n])
      setting[n] = text[n], n++;
  }
  if (file) fclose(file);
  return n;
}

static int open_run(machine *m, const char *run) {
  static char text[2][SETTINGS][256];
  const char *of_task[SETTINGS], *of_model[SETTINGS];
  char path[1024];
  const int tasks = read_settings(run, "task.", text[0], of_task);
  const int models = read_settings(run, "model.", text[1], of_model);
  m->task = pal_task_new(m->context, "dyck", of_task, tasks, &m->error);
  if (!m->task) return 1;
  m->model = pal_model_new(m->context, m->store, "ap-mdm", pal_task_format(m->task), of_model,
                           models, &m->error);
  snprintf(path, sizeof path, "%s/ckpt/weights.safetensors", run);
  return !m->model || pal_weights_load(m->model, path, true, NULL, &m->error);
}

static int train(machine *m) {
  static const char *const of_task[] = {"letter=0.2", "bos=0.5", "longest=4", "rows=264"};
  static const char *const network[] = {"layers=1",      "width=32",           "heads=4",
                                        "bias=1",        "rotary_base=4",      "cut=0.1",
                                        "temperature=1", "attention_window=3", "bits=sample"};
  static const char *const training[] = {"steps=1000", "batch=64", "shard=64", "rate=0.01",
                                         "schedule=cosine"};
  pal_stream stream;
  m->task = pal_task_new(m->context, "dyck", of_task, 4, &m->error);
  if (!m->task || pal_task_stream(m->task, PAL_FORM_TRANSITION, 1, &stream, &m->error)) return 1;
  m->model = pal_model_new(m->context, m->store, "ap-mdm", pal_task_format(m->task), network, 9,
                           &m->error);
  pal_trainer *trainer =
      m->model ? pal_trainer_new(m->model, &stream, training, 5, &m->error) : NULL;
  pal_step_report report;
  pal_status status = trainer ? PAL_OK : PAL_E_ARGUMENT;
  while (!status && pal_trainer_done(trainer) < pal_trainer_steps(trainer))
    status = pal_trainer_step(trainer, &report, &m->error);
  pal_trainer_free(trainer);
  stream.free(stream.self);
  return status != PAL_OK;
}

/* Compiles the network with the probabilities of its tokens and bits as outputs. */
static int compile(machine *m) {
  pal_graph *g = pal_graph_new(m->context, m->store);
  const pal_batch_values in = pal_batch_inputs(g, pal_model_definition_of(m->model),
                                               (int64_t)TOGETHER * ROWS, TOGETHER, false);
  const pal_network network = pal_network_of_batch(g, &in);
  const pal_value hidden = pal_backbone(g, m->model, &network);
  const int64_t mask = m->mask;
  const pal_value y = pal_exclude(g, pal_output_logits(g, m->model, hidden), (pal_ints){&mask, 1});
  const pal_value weight = pal_variable_old(g, "model.edit.weight");
  const pal_value bias = pal_variable_old(g, "model.edit.bias");
  pal_output(g, "token", pal_softmax(g, y));
  pal_output(g, "bit", pal_sigmoid(g, pal_linear(g, hidden, weight, bias)));
  m->plan = pal_compile(g, &m->error);
  pal_graph_free(g);
  m->exec = m->plan ? pal_exec_new(m->plan, &m->error) : NULL;
  if (m->exec) m->batch = pal_batch_of(m->exec, pal_model_definition_of(m->model));
  return !m->exec;
}

/* Copies a row's probabilities with the limits of the setting `cut`. */
static void cut_row(const machine *m, const float *bit, const float *token, chances *c, int row) {
  const float low = (float)m->cut, high = (float)(1 - m->cut);
  float most = 0;
  double all = 0;
  for (int b = 0; b < BITS; b++)
    c->bit[row][b] = bit[b] < low ? 0 : bit[b] > high ? 1 : (double)bit[b];
  for (int v = 0; v < m->vocabulary; v++) most = token[v] > most ? token[v] : most;
  for (int v = 0; v < m->vocabulary; v++) {
    c->token[row][v] = token[v] < low && token[v] < most ? 0 : (double)token[v];
    all += c->token[row][v];
  }
  for (int v = 0; v < m->vocabulary; v++) c->token[row][v] /= all;
}

/* ---- enumeration ---------------------------------------------------------------------------- */

/* The slot of a state, which is empty if the table does not have it. */
static state *slot_of(const table *t, const int8_t *token, int n) {
  uint64_t hash = 1469598103934665603u;
  for (int i = 0; i < n; i++) hash = (hash ^ (uint64_t)(token[i] + 1)) * 1099511628211u;
  state *s = &t->at[(hash ^ hash >> 32) % SLOTS];
  while (s->n && (s->n != n || memcmp(s->token, token, (size_t)n) != 0))
    s = s + 1 < t->at + SLOTS ? s + 1 : t->at;
  return s;
}

static void add(table *t, const int8_t *token, int n, double p) {
  state *s = slot_of(t, token, n);
  if (!s->n) {
    s->n = (int8_t)n;
    memcpy(s->token, token, (size_t)n);
    t->used++;
  }
  s->p += p;
}

typedef struct path {
  machine *m;
  const state *from;
  const chances *chance;
  int8_t token[2 * ROWS];
} path;

/* All rows are decided: the next state, the end, or more letters than are followed. */
static void arrive(path *w, int n, double p) {
  machine *m = w->m;
  int letters = 0, masks = 0;
  for (int i = 0; i < n; i++) {
    masks += w->token[i] == m->mask;
    letters += w->token[i] < m->vocabulary - 3;
  }
  const int same = n == w->from->n && memcmp(w->token, w->from->token, (size_t)n) == 0;
  if (letters > m->letters || n > ROWS || n == 0 || m->next.used > SLOTS / 2) m->beyond += p;
  else add(same && !masks ? &m->ended : &m->next, w->token, n, p);
}

/* The rows from `row` on, given that the rows before it made the first n tokens of the next state
 * with probability p. */
static void expand(path *w, int row, int n, double p) {
  const machine *m = w->m;
  if (p < LEAST) {
    w->m->missed += p;
    return;
  }
  if (row == w->from->n) {
    arrive(w, n, p);
    return;
  }
  const int x = w->from->token[row], masked = x == m->mask;
  const double *bit = w->chance->bit[row], removed = masked ? bit[REMOVE] : 0;
  if (removed > 0) expand(w, row + 1, n, p * removed);
  for (int insert = 0; insert < 2; insert++) {
    const double q = p * (1 - removed) * (insert ? bit[INSERT] : 1 - bit[INSERT]);
    if (insert) w->token[n + 1] = (int8_t)m->mask;
    if (q * bit[REMASK] > 0) {
      w->token[n] = (int8_t)m->mask;
      expand(w, row + 1, n + 1 + insert, q * bit[REMASK]);
    }
    for (int v = 0; v < m->vocabulary; v++) {
      const double r = q * (1 - bit[REMASK]) * (masked ? w->chance->token[row][v] : v == x);
      w->token[n] = (int8_t)v;
      if (insert) w->token[n + 1] = (int8_t)m->mask;
      if (r > 0) expand(w, row + 1, n + 1 + insert, r);
    }
  }
}

/* Runs the network on up to TOGETHER states and follows all of their steps. */
static int follow(machine *m, const state *const *some, int n) {
  pal_batch_clear(&m->batch);
  for (int s = 0; s < n; s++) {
    int32_t token[ROWS];
    for (int i = 0; i < some[s]->n; i++) token[i] = some[s]->token[i];
    if (pal_batch_add(&m->batch, token, some[s]->n, 1, &m->error) < 0) return 1;
  }
  if (pal_exec_count(m->exec, "T", m->batch.rows, &m->error) ||
      pal_exec_count(m->exec, "S", n, &m->error) || pal_exec_run(m->exec, &m->error))
    return 1;
  const float *bit = pal_exec_output(m->exec, "bit", NULL);
  const float *token = pal_exec_output(m->exec, "token", NULL);
  for (int s = 0, row = 0; s < n; s++) {
    static chances c;
    path w = {.m = m, .from = some[s], .chance = &c};
    for (int i = 0; i < some[s]->n; i++, row++)
      cut_row(m, bit + (ptrdiff_t)row * BITS, token + (ptrdiff_t)row * m->vocabulary, &c, i);
    expand(&w, 0, 0, some[s]->p);
  }
  return 0;
}

static int enumerate(machine *m) {
  const pal_format *f = pal_model_format(m->model);
  long states = 0;
  add(&m->now, (const int8_t[]){(int8_t)f->bos, (int8_t)f->eos}, 2, 1);
  for (int step = 0; m->now.used > 0 && step < 1000; step++) {
    const state *some[TOGETHER];
    int n = 0;
    states += m->now.used;
    for (long i = 0; i < SLOTS; i++) {
      if (m->now.at[i].n) some[n++] = &m->now.at[i];
      if (n > 0 && (n == TOGETHER || i == SLOTS - 1)) {
        if (follow(m, some, n)) return 1;
        n = 0;
      }
    }
    const table done = m->now;
    m->now = m->next;
    m->next = done;
    m->next.used = 0;
    memset(m->next.at, 0, SLOTS * sizeof *m->next.at);
  }
  printf("%ld states\n", states);
  return 0;
}

/* ---- samples -------------------------------------------------------------------------------- */

typedef struct counts {
  machine *m;
  table seen; /* p counts the samples */
  long samples, longer;
} counts;

static void on_decoded(int index, const pal_decoded *d, void *data) {
  counts *c = data;
  (void)index;
  int8_t token[ROWS];
  c->samples++;
  if (!d->halted || d->n > 2 + c->m->letters || d->n < 1) {
    c->longer++;
    return;
  }
  for (int i = 0; i < d->n; i++) token[i] = (int8_t)d->token[i];
  add(&c->seen, token, d->n, 1);
}

static int sample(machine *m, int n, counts *c) {
  const pal_format *f = pal_model_format(m->model);
  const int32_t empty[] = {f->bos, f->eos};
  const pal_decode_options options = {.sequences = 1024, .max_steps = 1000, .seed = 5};
  pal_example *prompt = calloc((size_t)n, sizeof *prompt);
  pal_decoder *decoder = pal_decoder_new(m->model, &options, &m->error);
  for (int i = 0; prompt && i < n; i++)
    prompt[i] = (pal_example){.id = 1 + (uint64_t)i, .prompt = empty, .n_prompt = 2};
  const int failed =
      !prompt || !decoder || pal_decode(decoder, prompt, n, on_decoded, c, &m->error);
  pal_decoder_free(decoder);
  free(prompt);
  return failed;
}

/* Whether the letters between BOS and EOS cancel. */
static int is_word(const machine *m, const state *s) {
  int8_t stack[ROWS];
  int left = 0;
  for (int i = 1; i < s->n - 1; i++) {
    if (s->token[i] >= m->vocabulary - 3) return 0;
    if (left && stack[left - 1] == (s->token[i] ^ 1)) left--;
    else stack[left++] = s->token[i];
  }
  const pal_format *f = pal_model_format(m->model);
  return left == 0 && s->n > 1 && s->token[0] == f->bos && s->token[s->n - 1] == f->eos;
}

/* Prints both, and a chi-square over the words of which at least five samples are expected, and all
 * the rest as one. Returns whether the samples contradict the probabilities. */
static int compare(const machine *m, const counts *c) {
  double words = 0, others = 0, chi = 0, rare_p = 1, rare = (double)c->samples, least = 1, most = 0;
  int n = 0, wrong = 0, cells = 0, unseen = 0;
  for (long i = 0; i < SLOTS; i++) {
    const state *s = &m->ended.at[i];
    if (!s->n || s->n > 2 + m->letters) continue;
    if (!is_word(m, s)) {
      wrong++, others += s->p;
      continue;
    }
    const double want = s->p * (double)c->samples, got = slot_of(&c->seen, s->token, s->n)->p;
    n++, words += s->p, unseen += got == 0;
    if (s->n == 2 + m->letters && s->p < least) least = s->p;
    if (s->n == 2 + m->letters && s->p > most) most = s->p;
    if (want < 5) continue;
    cells++, chi += (got - want) * (got - want) / want, rare_p -= s->p, rare -= got;
  }
  const double want = rare_p * (double)c->samples;
  if (want >= 5) cells++, chi += (rare - want) * (rare - want) / want;
  printf("%d words of at most %d letters have a probability above 0, %.9f together;\n"
         "of %d letters from %.3g to %.3g; %d strings that are no words have %.3g\n"
         "more letters %.9f, not followed %.3g\n",
         n, m->letters, words, m->letters, least, most, wrong, others, m->beyond, m->missed);
  printf("%ld samples: %d of these words not seen; chi-square %.1f of %d cells\n", c->samples,
         unseen, chi, cells);
  const double degrees = cells - 1;
  return chi > degrees + 5 * sqrt(2 * degrees) + 5;
}

int main(int n, char **argument) {
  static machine m;
  static counts c = {.m = &m};
  m.context = pal_open(NULL, &m.error);
  m.store = pal_store_new(1);
  table *const all[] = {&m.now, &m.next, &m.ended, &c.seen};
  for (int i = 0; i < 4; i++) all[i]->at = calloc(SLOTS, sizeof *all[i]->at);
  int failed = !m.context || !m.store || !c.seen.at || !m.ended.at || !m.next.at || !m.now.at;
  if (!failed) failed = n > 1 ? open_run(&m, argument[1]) : train(&m);
  if (!failed) {
    m.letters = n > 1 ? 6 : 4;
    m.cut = strtod(pal_model_text(m.model, "cut"), NULL);
    m.vocabulary = pal_model_format(m.model)->vocabulary;
    m.mask = pal_model_format(m.model)->mask;
    failed = compile(&m) || enumerate(&m);
  }
  if (!failed) failed = sample(&m, n > 2 ? atoi(argument[2]) : 5000, &c);
  if (failed) fprintf(stderr, "dyck_exact: %s\n", m.error.text);
  else failed = compare(&m, &c);
  for (int i = 0; i < 4; i++) free(all[i]->at);
  pal_exec_free(m.exec);
  pal_plan_free(m.plan);
  pal_model_free(m.model);
  pal_store_free(m.store);
  pal_task_free(m.task);
  pal_context_free(m.context);
  return failed;
}
