/* SPDX-License-Identifier: Apache-2.0 */
/* The task `dyck`: words that cancel to nothing (floor 5). See dyck.h.
 *
 * Edit models learn single steps by which words of at most `longest` letters grow (dyck_trace.c),
 * and generate from BOS and EOS alone. What they insert and write is drawn, and so they learn the
 * chances of the draws. Models that answer learn words whose even length is drawn first, uniformly
 * from `answer_min` to `answer_max`, then the word, uniformly among all of that length; their
 * prompt is BOS, and they end a word with EOS. Every instance of the evaluated set asks for one
 * word. */
#include "tasks/dyck.h"

#include <stdio.h>
#include <string.h>

#include <palimpsest/task.h>

#include "src/alloc.h"
#include "src/file.h"
#include "tasks/counted.h"

typedef struct dyck_settings {
  int64_t pairs, longest, answer_min, answer_max, samples, rows, passes;
  double bos, letter;
  uint64_t seed;
} dyck_settings;

static const pal_setting settings[] = {
    PAL_SET_WHOLE(dyck_settings, pairs, "2", 1, DYCK_MOST_KINDS,
                  "kinds of letters, each with its inverse: a A, b B, c C, d D",
                  PAL_KEPT_BY_WEIGHTS),
    PAL_SET_WHOLE(dyck_settings, longest, "8", 2, DYCK_MOST_LONGEST,
                  "most letters of the words whose growth edit models learn"),
    PAL_SET_REAL(dyck_settings, bos, "0.8", 0, 1,
                 "chance that a pair of letters is inserted at the beginning of a word"),
    PAL_SET_REAL(dyck_settings, letter, "0.01", 0, 1,
                 "chance that a pair of letters is inserted behind a letter"),
    PAL_SET_WHOLE(dyck_settings, answer_min, "0", 0, DYCK_MOST_LENGTH,
                  "fewest letters of the words that models which answer learn"),
    PAL_SET_WHOLE(dyck_settings, answer_max, "32", 2, DYCK_MOST_LENGTH,
                  "most letters of the words that models which answer learn"),
    PAL_SET_WHOLE(dyck_settings, samples, "10000", 1, 1e7, "words to generate in an evaluation",
                  PAL_KEPT_BY_NONE),
    PAL_SET_WHOLE(dyck_settings, rows, "1024", DYCK_MOST_STATE, 1 << 20,
                  "most rows of a sequence that edits generate; a longer one is stopped"),
    PAL_SET_WHOLE(dyck_settings, passes, "1000", 1, 1e6,
                  "most forward passes of a sequence that edits generate", PAL_KEPT_BY_NONE),
    PAL_SET_SEED(dyck_settings, seed, "1", "seed of the words whose likelihood is evaluated",
                 PAL_KEPT_BY_NONE),
};

/* A word behind its BOS. The arrays of an example point in here. */
typedef struct word {
  int32_t prompt[2 + DYCK_MOST_LONGEST], answer[DYCK_MOST_LENGTH];
} word;

typedef struct dyck {
  pal_dyck_growth growth;
  int answer_min, answer_max; /* even */
  pal_dyck_table table;
  word word;
} dyck;

static void dyck_close(pal_task *task) { pal_free(pal_task_self(task)); }

static pal_status dyck_open(pal_task *task, pal_error *error) {
  const dyck_settings *own = pal_task_own(task);
  dyck *d = pal_calloc(1, sizeof *d);
  if (!d) return pal_fail(error, PAL_E_MEMORY, "no memory for the dyck task");
  pal_task_set_self(task, d);
  const int kinds = (int)own->pairs;
  d->growth = (pal_dyck_growth){kinds, (int)own->longest, own->bos, own->letter};
  d->answer_min = ((int)own->answer_min + 1) / 2 * 2;
  d->answer_max = (int)own->answer_max / 2 * 2;
  if (d->answer_min > d->answer_max)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "dyck: no even number of letters is from answer_min=%lld to answer_max=%lld",
                    (long long)own->answer_min, (long long)own->answer_max);
  pal_dyck_table_fill(&d->table, kinds);
  const pal_format format = {.vocabulary = 2 * kinds + 3,
                             .mask = pal_dyck_mask(kinds),
                             .bos = pal_dyck_bos(kinds),
                             .eos = pal_dyck_eos(kinds),
                             .context = (int)own->rows};
  pal_task_set_format(task, &format);
  return PAL_OK;
}

/* ---- examples ------------------------------------------------------------------------------ */

/* An even length, then a word of that length, as the answer to BOS. */
static void draw_word(const dyck *d, pal_rng *rng, pal_form form, word *w, uint64_t id,
                      pal_example *e) {
  const uint32_t lengths = (uint32_t)(d->answer_max - d->answer_min) / 2 + 1;
  const int n = d->answer_min + 2 * (int)pal_rng_below(rng, lengths);
  const bool edits = form == PAL_FORM_TRANSITION;
  w->prompt[0] = pal_dyck_bos(d->growth.kinds);
  w->prompt[1] = pal_dyck_eos(d->growth.kinds);
  pal_dyck_draw(&d->table, n, rng, w->answer);
  *e = (pal_example){.id = id,
                     .prompt = w->prompt,
                     .n_prompt = edits ? 2 : 1,
                     .answer = w->answer,
                     .n_answer = edits ? 0 : n,
                     .answer_room = edits ? 0 : d->answer_max + 1};
}

typedef struct stream {
  const dyck *of;
  word word;
  pal_dyck_step step;
  pal_form form;
  uint64_t seed;
  pal_counted at;
} stream;

static pal_status stream_next(void *self, pal_example *example, pal_error *error) {
  stream *s = self;
  (void)error;
  const uint64_t id = s->at.next++;
  pal_rng rng = pal_rng_new(s->seed, "dyck.train", 0, id);
  if (s->form != PAL_FORM_TRANSITION) {
    draw_word(s->of, &rng, s->form, &s->word, id, example);
    return PAL_OK;
  }
  pal_dyck_example(&s->of->growth, &s->step, &rng);
  *example = (pal_example){.id = id, .transition = pal_dyck_transition(&s->step)};
  return PAL_OK;
}

static size_t stream_save(const void *self, void *state, size_t room) {
  return pal_counted_save(&((const stream *)self)->at, state, room);
}

static pal_status stream_load(void *self, const void *state, size_t bytes, pal_error *error) {
  return pal_counted_load(&((stream *)self)->at, "dyck", state, bytes, error);
}

static pal_status dyck_stream(pal_task *task, pal_form form, uint64_t seed, pal_stream *out,
                              pal_error *error) {
  const dyck *d = pal_task_self(task);
  stream *s = pal_calloc(1, sizeof *s);
  if (!s) return pal_fail(error, PAL_E_MEMORY, "no memory for a stream");
  const uint64_t whole[] = {form, (uint64_t)d->growth.kinds, (uint64_t)d->growth.longest,
                            (uint64_t)d->answer_max | (uint64_t)d->answer_min << 32};
  const double chance[] = {d->growth.bos, d->growth.letter};
  const uint64_t of[] = {pal_hash64(whole, sizeof whole), pal_hash64(chance, sizeof chance)};
  s->of = d;
  s->form = form;
  s->seed = seed;
  s->at.of = pal_hash64(of, sizeof of);
  *out = (pal_stream){s, stream_next, stream_save, stream_load, pal_free};
  return PAL_OK;
}

static const char *dyck_set_name(const pal_task *task, int set) {
  (void)task;
  return set == 0 ? "words" : NULL;
}

static int dyck_set_size(const pal_task *task, int set) {
  (void)set;
  return (int)((const dyck_settings *)pal_task_own(task))->samples;
}

static pal_status dyck_instance(pal_task *task, int set, int i, pal_form form, pal_example *example,
                                pal_error *error) {
  dyck *d = pal_task_self(task);
  (void)set, (void)error;
  pal_rng rng =
      pal_rng_new(((const dyck_settings *)pal_task_own(task))->seed, "dyck.test", 0, (uint64_t)i);
  draw_word(d, &rng, form, &d->word, (uint64_t)i, example);
  return PAL_OK;
}

static int dyck_answer_room(const pal_task *task, const pal_example *instance, pal_form form) {
  const dyck *d = pal_task_self(task);
  return form == PAL_FORM_TRANSITION ? 0 : d->answer_max + 2 - instance->n_prompt;
}

static int dyck_step_cap(const pal_task *task, const pal_example *instance, pal_form form) {
  (void)instance;
  if (form == PAL_FORM_TRANSITION) return (int)((const dyck_settings *)pal_task_own(task))->passes;
  return DYCK_MOST_LENGTH + 2;
}

/* ---- text ---------------------------------------------------------------------------------- */

static const char LETTERS[] = "aAbBcCdD";

static char glyph(int kinds, int32_t token) {
  if (token >= 0 && token < 2 * kinds) return LETTERS[token];
  return token == pal_dyck_bos(kinds)    ? '^'
         : token == pal_dyck_eos(kinds)  ? '$'
         : token == pal_dyck_mask(kinds) ? '_'
                                         : '?';
}

static size_t dyck_print(const pal_task *task, const int32_t *token, int n, char *text,
                         size_t size) {
  const dyck *d = pal_task_self(task);
  size_t k = 0;
  for (int i = 0; i < n && k + 1 < size; i++) text[k++] = glyph(d->growth.kinds, token[i]);
  if (size) text[k] = 0;
  return (size_t)n;
}

/* Writes the letters of a line behind the BOS of the prompt; *n is their number. */
static pal_status read_letters(dyck *d, const char *line, int most, int *n, pal_error *error) {
  const int kinds = d->growth.kinds;
  for (*n = 0; line[*n]; ++*n) {
    const char *at = strchr(LETTERS, line[*n]);
    if (!at || at - LETTERS >= 2 * kinds)
      return pal_fail(error, PAL_E_FORMAT,
                      "character %d is '%c', and letters are the first %d of %s (pairs=%d)", *n + 1,
                      line[*n] >= ' ' && line[*n] <= '~' ? line[*n] : '?', 2 * kinds, LETTERS,
                      kinds);
    if (*n == most)
      return pal_fail(error, PAL_E_FORMAT, "a word has at most %d letters here, and this is longer",
                      most);
    d->word.prompt[1 + *n] = (int32_t)(at - LETTERS);
  }
  return PAL_OK;
}

/* A line is ^ and a word, from which generation goes on. */
static pal_status dyck_read(pal_task *task, const char *line, pal_form form, uint64_t id,
                            pal_example *example, pal_error *error) {
  dyck *d = pal_task_self(task);
  const bool edits = form == PAL_FORM_TRANSITION;
  int n, left;
  int32_t stack[DYCK_MOST_LONGEST];
  if (!*line) return PAL_OK;
  if (*line == '^') line++;
  const pal_status status =
      read_letters(d, line, edits ? DYCK_MOST_LONGEST : d->answer_max, &n, error);
  if (status) return status;
  if (n % 2)
    return pal_fail(error, PAL_E_FORMAT,
                    "a word has an even number of letters, since they cancel in pairs, not %d", n);
  left = pal_dyck_reduce(d->growth.kinds, d->word.prompt + 1, n, stack);
  if (left > 0)
    return pal_fail(error, PAL_E_FORMAT, "%d of its %d letters are left when the others cancel",
                    left, n);
  d->word.prompt[0] = pal_dyck_bos(d->growth.kinds);
  d->word.prompt[1 + n] = pal_dyck_eos(d->growth.kinds);
  *example = (pal_example){.id = id,
                           .prompt = d->word.prompt,
                           .n_prompt = 1 + n + edits,
                           .answer_room = edits ? 0 : d->answer_max + 1 - n};
  return PAL_OK;
}

static size_t dyck_write(const pal_task *task, const pal_example *instance, pal_form form,
                         char *text, size_t size) {
  return dyck_print(task, instance->prompt, instance->n_prompt - (form == PAL_FORM_TRANSITION),
                    text, size);
}

/* ---- judging ------------------------------------------------------------------------------- */

static pal_score dyck_score(const pal_task *task, const pal_example *e, pal_form form,
                            const int32_t *token, int n) {
  const dyck *d = pal_task_self(task);
  const bool edits = form == PAL_FORM_TRANSITION; /* then EOS stands behind the word */
  const int before = edits ? 1 : e->n_prompt;
  pal_score s = {.kept = n >= before + edits &&
                         memcmp(token, e->prompt, sizeof *token * (size_t)before) == 0 &&
                         (!edits || token[n - 1] == pal_dyck_eos(d->growth.kinds))};
  int32_t *stack = pal_alloc(sizeof *stack * ((size_t)n + 1));
  s.valid =
      s.kept && stack && pal_dyck_reduce(d->growth.kinds, token + 1, n - 1 - edits, stack) == 0;
  s.exact = s.valid;
  pal_free(stack);
  return s;
}

/* Letters behind BOS. */
static int letters_of(const pal_task *task, const pal_judged *j) {
  const int kinds = ((const dyck *)pal_task_self(task))->growth.kinds;
  int n = 0;
  for (int i = 1; i < j->decoded->n; i++)
    n += j->decoded->token[i] >= 0 && j->decoded->token[i] < 2 * kinds;
  return n;
}

static double letters(const pal_task *task, const pal_judged *j) { return letters_of(task, j); }

/* The length of the word, by itself to 64 letters. Lengths sort as texts, hence the blanks. */
static size_t dyck_outcome(const pal_task *task, const pal_judged *j, char *text, size_t size) {
  static const int step[] = {64, 128, 256, 512, 1 << 30};
  const int n = letters_of(task, j);
  if (!j->decoded->halted) return (size_t)snprintf(text, size, "unhalted");
  if (n <= step[0]) return (size_t)snprintf(text, size, "%4d letters", n);
  int k = 0;
  while (n > step[k + 1]) k++;
  return (size_t)snprintf(text, size, "%4d letters or more", step[k] + 1);
}

static void dyck_notes(const pal_task *task, const pal_model *model, pal_form form, char *text,
                       size_t size) {
  const char *window = pal_model_text(model, "attention_window");
  (void)task;
  if (form == PAL_FORM_TRANSITION && window && strcmp(window, "0") != 0)
    snprintf(text, size,
             "rows read rows nearer than %s, so that letters also insert while masks are left "
             "elsewhere\n",
             window);
}

static const pal_report_column report[] = {
    {"valid", "the letters cancel to nothing", PAL_REPORT_SHARE, pal_report_valid, NULL},
    {"kept", "what is given still stands", PAL_REPORT_SHARE, pal_report_kept, NULL},
    {"letters", "letters of the word", PAL_REPORT_MEAN, letters, NULL},
};

const pal_task_definition pal_task_dyck = {
    .abi_size = sizeof(pal_task_definition),
    .name = "dyck",
    .doc = "Generate words of letters and their inverses that cancel to nothing, such as abBAcC: "
           "two-sided Dyck words. Lines of a data file: ^ and a word to go on from.",
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(dyck_settings),
    .open = dyck_open,
    .close = dyck_close,
    .stream = dyck_stream,
    .validation = dyck_stream,
    .set_name = dyck_set_name,
    .set_size = dyck_set_size,
    .instance = dyck_instance,
    .answer_room = dyck_answer_room,
    .step_cap = dyck_step_cap,
    .score = dyck_score,
    .report = report,
    .n_report = sizeof report / sizeof *report,
    .read = dyck_read,
    .write = dyck_write,
    .print = dyck_print,
    .outcome = dyck_outcome,
    .notes = dyck_notes,
};
