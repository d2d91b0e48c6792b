/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in for Palimpsest with the task NAME, a start to be changed.
 *
 * As it stands the answer to a word is the word spelt backwards: "abbc" becomes "cbba". "Here:"
 * marks what a task of your own changes. `make` builds it, and `make check` trains built-in models
 * on it. doc/write-a-task.md of Palimpsest describes every part, and the header palimpsest/task.h
 * has the whole contract, with members that this start leaves out: read and write (instances as
 * lines of text), scan (prompts), picture, traits, notes, and columns of reports. */
#include <palimpsest/palimpsest.h>

#include <stdlib.h>
#include <string.h>

/* Tokens are numbers from 0. Here: your own alphabet. */
enum { LETTERS = 3, BOS = LETTERS, MASK, VOCABULARY, MOST = 64 };

/* Settings, for --set KEY=VALUE and `palimpsest info task NAME`. PAL_KEPT_BY_NONE: a trained run
 * may be evaluated with another value. Here: add your own. */
typedef struct own_settings {
  int64_t longest, tests;
  uint64_t seed;
} own_settings;

static const pal_setting settings[] = {
    PAL_SET_WHOLE(own_settings, longest, "6", 1, MOST - 1, "letters of a word at most"),
    PAL_SET_WHOLE(own_settings, tests, "200", 1, 1e6, "words to evaluate on", PAL_KEPT_BY_NONE),
    PAL_SET_SEED(own_settings, seed, "1", "of the words to evaluate on", PAL_KEPT_BY_NONE),
};

/* An example; the arrays of a pal_example point in here. */
typedef struct word {
  int32_t prompt[MOST], answer[MOST];
} word;

/* Draws an example. Here: your own prompts and answers, without an end token. */
static void make(word *w, pal_rng *rng, int longest, uint64_t id, pal_example *e) {
  const int n = 1 + (int)pal_rng_below(rng, (uint32_t)longest);
  w->prompt[0] = BOS;
  for (int i = 0; i < n; i++) {
    w->prompt[1 + i] = (int32_t)pal_rng_below(rng, LETTERS);
    w->answer[n - 1 - i] = w->prompt[1 + i];
  }
  *e = (pal_example){.id = id,
                     .prompt = w->prompt,
                     .n_prompt = n + 1,
                     .answer = w->answer,
                     .n_answer = n,
                     .answer_room = n};
}

/* ---- training: an endless stream of examples ------------------------------------------------ */

typedef struct stream {
  word word;
  int longest;
  uint64_t seed, next; /* next: number of the next example, all that a checkpoint has to keep */
} stream;

/* The draws of example i depend on its number and the seed only, so that it is always the same. */
static pal_status stream_next(void *self, pal_example *example, pal_error *error) {
  stream *s = self;
  const uint64_t id = s->next++;
  pal_rng rng = pal_rng_new(s->seed, "NAME.train", 0, id);
  (void)error;
  make(&s->word, &rng, s->longest, id, example);
  return PAL_OK;
}

static size_t stream_save(const void *self, void *state, size_t room) {
  if (room >= sizeof(uint64_t)) memcpy(state, &((const stream *)self)->next, sizeof(uint64_t));
  return sizeof(uint64_t);
}

static pal_status stream_load(void *self, const void *state, size_t bytes, pal_error *error) {
  if (bytes != sizeof(uint64_t)) return pal_fail(error, PAL_E_FORMAT, "not a state of NAME");
  memcpy(&((stream *)self)->next, state, bytes);
  return PAL_OK;
}

/* AP-MDM learns from states with the labels of one edit step (PAL_FORM_TRANSITION), or with its
 * setting learn_from=answers from answers alone. This start has no states. Here: add them if your
 * task has a process that leads to the answer. */
static pal_status open_stream(pal_task *task, pal_form form, uint64_t seed, pal_stream *out,
                              pal_error *error) {
  const own_settings *own = pal_task_own(task);
  if (form != PAL_FORM_ANSWER)
    return pal_fail(error, PAL_E_UNSUPPORTED,
                    "NAME has prompts with answers only; ap-mdm learns from these with the setting "
                    "learn_from=answers");
  stream *s = calloc(1, sizeof *s);
  if (!s) return pal_fail(error, PAL_E_MEMORY, "no memory for a stream");
  s->longest = (int)own->longest;
  s->seed = seed;
  *out = (pal_stream){s, stream_next, stream_save, stream_load, free};
  return PAL_OK;
}

/* ---- evaluation ----------------------------------------------------------------------------- */

/* Allocates what the task needs and declares its sequences: alphabet, mask, begin and end tokens
 * (-1: none), and the length of the longest one. */
static pal_status open_task(pal_task *task, pal_error *error) {
  const own_settings *own = pal_task_own(task);
  const pal_format format = {.vocabulary = VOCABULARY,
                             .mask = MASK,
                             .bos = BOS,
                             .eos = -1,
                             .context = 2 * (int)own->longest + 1};
  word *w = calloc(1, sizeof *w);
  if (!w) return pal_fail(error, PAL_E_MEMORY, "no memory for a word");
  pal_task_set_self(task, w);
  pal_task_set_format(task, &format);
  return PAL_OK;
}

static void close_task(pal_task *task) { free(pal_task_self(task)); }

/* The sets to evaluate on. Here: for instance one for each difficulty. */
static const char *set_name(const pal_task *task, int set) {
  (void)task;
  return set == 0 ? "words" : NULL;
}

static int set_size(const pal_task *task, int set) {
  (void)set;
  return (int)((const own_settings *)pal_task_own(task))->tests;
}

static pal_status instance(pal_task *task, int set, int i, pal_form form, pal_example *example,
                           pal_error *error) {
  const own_settings *own = pal_task_own(task);
  pal_rng rng = pal_rng_new(own->seed, "NAME.test", (uint64_t)set, (uint64_t)i);
  (void)form, (void)error;
  make(pal_task_self(task), &rng, (int)own->longest, (uint64_t)i, example);
  return PAL_OK;
}

/* Rows that the answer may take, and a cap on the forward passes of its decoding. */
static int answer_room(const pal_task *task, const pal_example *e, pal_form form) {
  (void)task, (void)form;
  return e->answer_room;
}

static int step_cap(const pal_task *task, const pal_example *e, pal_form form) {
  (void)task, (void)form;
  return 4 * e->n_prompt;
}

/* Judges a decoded sequence, prompt included. Here: what makes an answer right. */
static pal_score score(const pal_task *task, const pal_example *e, pal_form form,
                       const int32_t *token, int n) {
  const int letters = e->n_prompt - 1;
  pal_score s = {.valid = n == e->n_prompt + letters, .kept = n >= e->n_prompt};
  (void)task, (void)form;
  for (int i = 0; i < e->n_prompt && s.kept; i++) s.kept = token[i] == e->prompt[i];
  for (int i = e->n_prompt; i < n; i++) s.valid = s.valid && token[i] < LETTERS;
  s.exact = s.valid && s.kept;
  for (int i = 0; i < letters && s.exact; i++)
    s.exact = token[e->n_prompt + i] == e->prompt[letters - i];
  return s;
}

/* Tokens as text, for `palimpsest sample`. Here: a character or word for each token. */
static size_t print(const pal_task *task, const int32_t *token, int n, char *text, size_t size) {
  size_t k = 0;
  (void)task;
  for (int i = 0; i < n && k + 1 < size; i++) text[k++] = "abc^_"[token[i]];
  if (size) text[k] = 0;
  return (size_t)n;
}

static const pal_task_definition definition = {
    .abi_size = sizeof(pal_task_definition),
    .name = "NAME",
    .doc = "A start: spell a word backwards.",
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(own_settings),
    .open = open_task,
    .close = close_task,
    .stream = open_stream,
    .set_name = set_name,
    .set_size = set_size,
    .instance = instance,
    .answer_room = answer_room,
    .step_cap = step_cap,
    .score = score,
    .print = print,
};

static pal_status define(pal_context *context, pal_error *error) {
  return pal_define_task(context, &definition, error);
}

PAL_API const pal_plugin palimpsest_plugin = {PAL_ABI, sizeof(pal_op), "NAME", define};
