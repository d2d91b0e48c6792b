/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in that defines a task: remove the letters that repeat their left neighbour, so that
 * "aabbba" becomes "aba".
 *
 *   cc -shared -fPIC task_squeeze.c $(pkg-config --cflags --libs palimpsest) -o task_squeeze.so
 *   $ palimpsest compare squeeze --plugin ./task_squeeze.so --models arm,mdm,ap-mdm --budget free --set longest=5 --set tests=40 --set train.steps=40 --set layers=1 --set width=16 --set heads=2 --quiet
 *
 * Models that generate an answer read the word and append the shorter one; since the format has an
 * eos, they append that by themselves. Edit models learn steps: repeated letters become masks,
 * masks are removed, and in the state that is left there is nothing to do. */
#include <palimpsest/palimpsest.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LETTERS = 3, BOS = LETTERS, EOS, MASK, VOCABULARY, MOST = 64 };

typedef struct squeeze_settings {
  int64_t longest, tests;
  uint64_t seed;
} squeeze_settings;

static const pal_setting settings[] = {
    PAL_SET_WHOLE(squeeze_settings, longest, "8", 1, MOST - 2, "letters of a word at most"),
    PAL_SET_WHOLE(squeeze_settings, tests, "1000", 1, 1e6, "words to evaluate on",
                  PAL_KEPT_BY_NONE),
    PAL_SET_SEED(squeeze_settings, seed, "1", "of the words to evaluate on", PAL_KEPT_BY_NONE),
};

/* A word with its answer and labels. The arrays of a pal_example point in here. */
typedef struct word {
  int32_t prompt[MOST], answer[MOST], y[MOST];
  uint8_t remask[MOST], insert[MOST], remove[MOST];
} word;

/* Labels a state: repeated letters become masks, masks are removed. */
static void label(word *w, int n, uint64_t id, pal_example *e) {
  int32_t *x = w->prompt;
  for (int i = 0; i < n; i++) {
    w->y[i] = -1;
    w->remask[i] = i > 0 && x[i] != MASK && x[i] == x[i - 1];
    w->remove[i] = x[i] == MASK;
    w->insert[i] = 0;
  }
  e->id = id;
  e->transition = (pal_transition){
      .state = x, .y = w->y, .remask = w->remask, .insert = w->insert, .remove = w->remove, .n = n};
}

/* Draws a random word of 1 to `longest` letters as an example. */
static void make(word *w, pal_rng *rng, int longest, pal_form form, uint64_t id, pal_example *e) {
  const int n = 1 + (int)pal_rng_below(rng, (uint32_t)longest);
  *e = (pal_example){.id = id, .prompt = w->prompt, .n_prompt = n + 1};
  w->prompt[0] = BOS;
  for (int i = 1; i <= n; i++) w->prompt[i] = (int32_t)pal_rng_below(rng, LETTERS);
  for (int i = 1; i <= n; i++)
    if (w->prompt[i] != w->prompt[i - 1]) w->answer[e->n_answer++] = w->prompt[i];
  e->answer = w->answer;
  e->answer_room = n + 1; /* eos included */
  if (form == PAL_FORM_TRANSITION) {
    e->answer_room = 0; /* the prompt itself is edited */
    e->n_answer = 0;
  }
}

/* ---- training ------------------------------------------------------------------------------ */

typedef struct stream {
  word word;
  int longest;
  pal_form form;
  uint64_t seed, next;
} stream;

static pal_status stream_next(void *self, pal_example *example, pal_error *error) {
  stream *s = self;
  (void)error;
  const uint64_t id = s->next++;
  pal_rng rng = pal_rng_new(s->seed, "squeeze.train", 0, id);
  make(&s->word, &rng, s->longest, s->form, id, example);
  if (s->form != PAL_FORM_TRANSITION) return PAL_OK;
  int n = example->n_prompt;
  const uint32_t at = pal_rng_below(&rng, 3); /* the word, that with masks, or the last state */
  label(&s->word, n, id, example);
  for (uint32_t step = 0; step < at; step++) {
    int32_t next[2 * MOST];
    n = pal_transition_apply(&example->transition, MASK, next, 2 * MOST);
    memcpy(s->word.prompt, next, sizeof *next * (size_t)n);
    label(&s->word, n, id, example);
  }
  example->prompt = NULL;
  example->n_prompt = 0;
  return PAL_OK;
}

static size_t stream_save(const void *self, void *state, size_t room) {
  if (room >= sizeof(uint64_t)) memcpy(state, &((const stream *)self)->next, sizeof(uint64_t));
  return sizeof(uint64_t);
}

static pal_status stream_load(void *self, const void *state, size_t bytes, pal_error *error) {
  if (bytes != sizeof(uint64_t)) return pal_fail(error, PAL_E_FORMAT, "not a state of squeeze");
  memcpy(&((stream *)self)->next, state, bytes);
  return PAL_OK;
}

static pal_status open_stream(pal_task *task, pal_form form, uint64_t seed, pal_stream *out,
                              pal_error *error) {
  const squeeze_settings *own = pal_task_own(task);
  stream *s = calloc(1, sizeof *s);
  if (!s) return pal_fail(error, PAL_E_MEMORY, "no memory for a stream");
  s->longest = (int)own->longest;
  s->form = form;
  s->seed = seed;
  *out = (pal_stream){s, stream_next, stream_save, stream_load, free};
  return PAL_OK;
}

/* ---- evaluation ------------------------------------------------------------------------------ */

static pal_status open_task(pal_task *task, pal_error *error) {
  const squeeze_settings *own = pal_task_own(task);
  const pal_format format = {.vocabulary = VOCABULARY,
                             .mask = MASK,
                             .bos = BOS,
                             .eos = EOS,
                             .context = 2 * (int)own->longest + 2};
  word *w = calloc(1, sizeof *w);
  if (!w) return pal_fail(error, PAL_E_MEMORY, "no memory for a word");
  pal_task_set_self(task, w);
  pal_task_set_format(task, &format);
  return PAL_OK;
}

static void close_task(pal_task *task) { free(pal_task_self(task)); }

static const char *set_name(const pal_task *task, int set) {
  (void)task;
  return set == 0 ? "words" : NULL;
}

static int set_size(const pal_task *task, int set) {
  (void)set;
  return (int)((const squeeze_settings *)pal_task_own(task))->tests;
}

static pal_status instance(pal_task *task, int set, int i, pal_form form, pal_example *example,
                           pal_error *error) {
  const squeeze_settings *own = pal_task_own(task);
  (void)set, (void)error;
  pal_rng rng = pal_rng_new(own->seed, "squeeze.test", 0, (uint64_t)i);
  make(pal_task_self(task), &rng, (int)own->longest, form, (uint64_t)i, example);
  return PAL_OK;
}

static int answer_room(const pal_task *task, const pal_example *instance, pal_form form) {
  (void)task, (void)form;
  return instance->answer_room;
}

static int step_cap(const pal_task *task, const pal_example *instance, pal_form form) {
  (void)task, (void)form;
  return 4 * instance->n_prompt;
}

static pal_score score(const pal_task *task, const pal_example *e, pal_form form,
                       const int32_t *token, int n) {
  (void)task;
  const int before = form == PAL_FORM_TRANSITION ? 1 : e->n_prompt; /* tokens before the answer */
  pal_score s = {.kept =
                     n >= before && memcmp(token, e->prompt, sizeof *token * (size_t)before) == 0};
  s.valid = s.kept && n > before;
  for (int i = before; i < n; i++)
    s.valid = s.valid && token[i] < LETTERS && (i == before || token[i] != token[i - 1]);
  int at = before;
  for (int i = 1; i < e->n_prompt; i++)
    if (e->prompt[i] != e->prompt[i - 1]) {
      if (at >= n || token[at] != e->prompt[i]) return s;
      at++;
    }
  s.exact = s.valid && at == n;
  return s;
}

static size_t print(const pal_task *task, const int32_t *token, int n, char *text, size_t size) {
  (void)task;
  size_t k = 0;
  for (int i = 0; i < n && k + 1 < size; i++)
    text[k++] = "abc^$_?"[token[i] >= 0 && token[i] < VOCABULARY ? token[i] : VOCABULARY];
  if (size) text[k] = 0;
  return (size_t)n;
}

/* The number of letters in the answer, for a column that reports the mean. */
static double letters(const pal_task *task, const pal_judged *j) {
  (void)task;
  int n = 0;
  for (int i = j->form == PAL_FORM_TRANSITION ? 1 : j->instance->n_prompt; i < j->decoded->n; i++)
    n += j->decoded->token[i] < LETTERS;
  return n;
}

static const pal_report_column report[] = {
    {"valid", "the answer has only letters, and no two neighbours are equal", PAL_REPORT_SHARE,
     pal_report_valid, NULL},
    {"kept", "the prompt is unchanged", PAL_REPORT_SHARE, pal_report_kept, NULL},
    {"letters", "letters of the answer", PAL_REPORT_MEAN, letters, NULL},
};

static const pal_task_definition squeeze = {
    .abi_size = sizeof(pal_task_definition),
    .name = "squeeze",
    .doc = "Drop the letters that repeat their left neighbour.",
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(squeeze_settings),
    .open = open_task,
    .close = close_task,
    .stream = open_stream,
    .validation = open_stream,
    .set_name = set_name,
    .set_size = set_size,
    .instance = instance,
    .answer_room = answer_room,
    .step_cap = step_cap,
    .score = score,
    .report = report,
    .n_report = sizeof report / sizeof *report,
    .print = print,
};

static pal_status define(pal_context *context, pal_error *error) {
  return pal_define_task(context, &squeeze, error);
}

PAL_API const pal_plugin palimpsest_plugin = {PAL_ABI, sizeof(pal_op), "squeeze", define};
