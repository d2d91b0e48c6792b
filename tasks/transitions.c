/* SPDX-License-Identifier: Apache-2.0 */
/* The task `transitions`: steps of a user's own file (floor 5). See transitions.h.
 *
 * Lines that are refused are left out, and the others go on. Where there is no file for tests,
 * every tenth of the lines that remain is held out. An evaluated instance is one step: the model
 * reads x, and is exact if its next state is that of the line. */
#include <palimpsest/task.h>

#include <stdio.h>
#include <string.h>

#include "src/alloc.h"
#include "src/file.h"
#include "tasks/counted.h"
#include "tasks/transitions.h"

enum { MOST_BYTES = 1 << 30, HELD_OUT = 10, SHOWN = 10 };

typedef struct transitions_settings {
  const char *data, *valid, *test_data, *mask, *tokens;
  int64_t rows;
} transitions_settings;

static const pal_setting settings[] = {
    PAL_SET_FILE(transitions_settings, data, "",
                 "the file of steps to train on, one JSON object per line", PAL_KEPT_BY_NONE),
    PAL_SET_FILE(transitions_settings, valid, "",
                 "the file of steps for validation during training; empty: none", PAL_KEPT_BY_NONE),
    PAL_SET_FILE(transitions_settings, test_data, "",
                 "the file of steps to evaluate; empty: every tenth line of data, which training "
                 "then leaves out",
                 PAL_KEPT_BY_NONE),
    PAL_SET_TEXT(transitions_settings, mask, "_", "name of the mask in the files, besides null",
                 PAL_KEPT_BY_WEIGHTS),
    PAL_SET_TEXT(transitions_settings, tokens, "",
                 "names of the tokens, a JSON array; empty: those of data", PAL_KEPT_BY_WEIGHTS),
    PAL_SET_WHOLE(transitions_settings, rows, "0", 0, 1 << 20,
                  "most rows of a sequence; 0: of the longest state in data", PAL_KEPT_BY_WEIGHTS),
};

/* A step in the lists: x, y and next lie at `at` of `token`, the labels at 3 x `flag_at`. */
typedef struct place {
  int64_t token, flag;
  int32_t n, n_next;
  int line;
} place;

/* The steps of a file. */
typedef struct steps {
  int64_t n, room, tokens, token_room, flags, flag_room;
  place *at;
  int32_t *token;
  uint8_t *flag;
  int longest;
} steps;

typedef struct task {
  pal_step_names names;
  steps train, valid, test;
  pal_step_line line;        /* the line that is read */
  char refusal[SHOWN * 700]; /* the first lines "FILE:LINE: why" */
  size_t refusal_size;
  int refused;
} task;

/* ---- lists of steps -------------------------------------------------------------------------- */

/* Makes room for `more` elements of `size` bytes behind the n of a list; returns the list, moved if
 * it had to grow, or NULL. */
static void *reserve(void *list, int64_t n, int64_t *room, int64_t more, size_t size) {
  if (n + more <= *room) return list;
  const int64_t wanted = 2 * (n + more);
  void *grown = pal_grow(list, (size_t)n * size, (size_t)wanted * size);
  if (!grown) return NULL;
  *room = wanted;
  return grown;
}

static bool add_step(steps *s, const pal_step_line *l) {
  const int64_t tokens = 2 * (int64_t)l->n + l->n_next;
  place *at = reserve(s->at, s->n, &s->room, 1, sizeof *at);
  if (at) s->at = at;
  int32_t *token = reserve(s->token, s->tokens, &s->token_room, tokens, sizeof *token);
  if (token) s->token = token;
  uint8_t *flag = reserve(s->flag, s->flags, &s->flag_room, 3 * (int64_t)l->n, 1);
  if (flag) s->flag = flag;
  if (!at || !token || !flag) return false;
  s->at[s->n++] = (place){.token = s->tokens, .flag = s->flags, .n = l->n, .n_next = l->n_next};
  const size_t n = (size_t)l->n;
  memcpy(s->token + s->tokens, l->x, n * sizeof *l->x);
  memcpy(s->token + s->tokens + l->n, l->y, n * sizeof *l->y);
  memcpy(s->token + s->tokens + 2 * (int64_t)l->n, l->next, (size_t)l->n_next * sizeof *l->next);
  memcpy(s->flag + s->flags, l->remask, n);
  memcpy(s->flag + s->flags + l->n, l->insert, n);
  memcpy(s->flag + s->flags + 2 * (int64_t)l->n, l->remove, n);
  s->tokens += tokens;
  s->flags += 3 * (int64_t)l->n;
  if (l->n > s->longest) s->longest = l->n;
  if (l->n_next > s->longest) s->longest = l->n_next;
  return true;
}

static void free_steps(steps *s) {
  pal_free(s->at);
  pal_free(s->token);
  pal_free(s->flag);
}

/* Gives masks their token, once the number of names is known. A y of PAL_STEP_MASK is no target. */
static void set_masks(steps *s, int32_t mask) {
  for (int64_t i = 0; i < s->n; i++)
    for (int64_t k = 0; k < 2 * (int64_t)s->at[i].n + s->at[i].n_next; k++) {
      int32_t *token = &s->token[s->at[i].token + k];
      const bool y = k >= s->at[i].n && k < 2 * (int64_t)s->at[i].n;
      if (*token == PAL_STEP_MASK && !y) *token = mask;
    }
}

static void example_at(const steps *s, int64_t i, pal_form form, uint64_t id, pal_example *e) {
  const place *p = &s->at[i];
  const int32_t *x = s->token + p->token;
  const uint8_t *flag = s->flag + p->flag;
  (void)form;
  *e = (pal_example){.id = id,
                     .prompt = x,
                     .n_prompt = p->n,
                     .answer = x + 2 * (int64_t)p->n,
                     .n_answer = p->n_next};
  e->transition = (pal_transition){.state = x,
                                   .y = x + p->n,
                                   .remask = flag,
                                   .insert = flag + p->n,
                                   .remove = flag + 2 * (int64_t)p->n,
                                   .n = p->n};
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Notes a refused line, of which the first SHOWN are shown. */
static void refuse(task *t, const char *path, int line, const char *why) {
  char text[640];
  if (++t->refused > SHOWN) return;
  const int n = snprintf(text, sizeof text, "%.200s:%d: %s\n", path, line, why);
  const size_t more = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
  if (t->refusal_size + more + 1 > sizeof t->refusal) return;
  memcpy(t->refusal + t->refusal_size, text, more + 1);
  t->refusal_size += more;
}

/* Reads one line of `length` bytes and adds its step, if it has one. */
static pal_status read_line(task *t, steps *to, const char *path, int number, char *line,
                            size_t length, pal_error *error) {
  pal_error own = {0};
  if (length > 0 && line[length - 1] == '\r') line[--length] = 0;
  const char *text = line + strspn(line, " \t");
  pal_status status = PAL_OK;
  if (strlen(line) < length) status = pal_fail(&own, PAL_E_FORMAT, "the line holds a zero byte");
  else if (!*text || *text == '#') return PAL_OK;
  else status = pal_step_read(&t->names, text, &t->line, &own);
  if (status == PAL_E_FORMAT) {
    refuse(t, path, number, own.text);
    return PAL_OK;
  }
  if (status) return pal_fail(error, status, "%s:%d: %s", path, number, own.text);
  if (add_step(to, &t->line)) return PAL_OK;
  return pal_fail(error, PAL_E_MEMORY, "%s: no memory for its steps", path);
}

static pal_status read_file(task *t, steps *to, const char *path, pal_error *error) {
  char *data = NULL;
  size_t size = 0;
  pal_status status = pal_file_read(path, MOST_BYTES, &data, &size, error);
  if (status) return status;
  int number = 1;
  char *line = data + (strncmp(data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0);
  for (char *end; line < data + size && !status; line = end + 1, number++) {
    end = memchr(line, '\n', (size_t)(data + size - line));
    if (!end) end = data + size;
    *end = 0;
    status = read_line(t, to, path, number, line, (size_t)(end - line), error);
  }
  pal_free(data);
  if (status || to->n > 0) return status;
  if (t->refused)
    return pal_fail(error, PAL_E_FORMAT, "every line of a file is refused; the first is %.*s",
                    (int)strcspn(t->refusal, "\n"), t->refusal);
  return pal_fail(error, PAL_E_FORMAT, "%s holds no step", path);
}

/* Moves every tenth step of the training list to the test list, unless there are fewer. */
static bool hold_out(task *t) {
  const steps all = t->train;
  if (all.n < HELD_OUT) return true;
  t->train = (steps){0};
  bool room = true;
  for (int64_t i = 0; i < all.n && room; i++) {
    const place *p = &all.at[i];
    const int32_t *x = all.token + p->token;
    const uint8_t *flag = all.flag + p->flag;
    pal_step_line *l = &t->line;
    const size_t n = (size_t)p->n;
    l->n = p->n;
    l->n_next = p->n_next;
    memcpy(l->x, x, n * sizeof *x);
    memcpy(l->y, x + p->n, n * sizeof *x);
    memcpy(l->next, x + 2 * (int64_t)p->n, (size_t)p->n_next * sizeof *x);
    memcpy(l->remask, flag, n);
    memcpy(l->insert, flag + p->n, n);
    memcpy(l->remove, flag + 2 * (int64_t)p->n, n);
    room = add_step(i % HELD_OUT == HELD_OUT - 1 ? &t->test : &t->train, l);
  }
  free_steps((steps *)&all);
  return room;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Records names and rows as settings, so that a run can be opened without its files. */
static pal_status record(pal_task *task_, task *t, int64_t rows, pal_error *error) {
  char *names = pal_step_names_print(&t->names), number[40];
  const size_t room = names ? strlen(names) + 16 : 0;
  char *setting = names ? pal_alloc(room) : NULL;
  pal_status status = PAL_OK;
  if (setting) snprintf(setting, room, "tokens=%s", names);
  else status = pal_fail(error, PAL_E_MEMORY, "no memory for names of tokens");
  snprintf(number, sizeof number, "rows=%lld", (long long)rows);
  if (!status) status = pal_task_set(task_, setting, error);
  if (!status) status = pal_task_set(task_, number, error);
  pal_free(setting);
  pal_free(names);
  return status;
}

static pal_status open_task(pal_task *p, pal_error *error) {
  const transitions_settings *own = pal_task_own(p);
  task *t = pal_calloc(1, sizeof *t);
  if (!t) return pal_fail(error, PAL_E_MEMORY, "no memory for steps");
  pal_task_set_self(p, t);
  if (!*own->mask)
    return pal_fail(error, PAL_E_ARGUMENT, "transitions: mask is a name that is not empty");
  pal_status status = pal_step_names_open(&t->names, own->tokens, own->mask, error);
  if (!status && *own->data) status = read_file(t, &t->train, own->data, error);
  if (!status && *own->data && *own->valid) status = read_file(t, &t->valid, own->valid, error);
  if (!status && *own->test_data) status = read_file(t, &t->test, own->test_data, error);
  else if (!status && !hold_out(t)) status = pal_fail(error, PAL_E_MEMORY, "no memory for steps");
  if (status) return status;
  t->names.open = false;
  if (t->names.n == 0)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "transitions: steps of which file? --data FILE, or --set data=FILE");
  int longest = t->train.longest > t->test.longest ? t->train.longest : t->test.longest;
  if (t->valid.longest > longest) longest = t->valid.longest;
  const int64_t rows = own->rows ? own->rows : longest ? longest : PAL_STEP_ROWS;
  if (longest > rows)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "transitions: a state of %d rows is longer than rows=%lld", longest,
                    (long long)rows);
  set_masks(&t->train, t->names.n);
  set_masks(&t->valid, t->names.n);
  set_masks(&t->test, t->names.n);
  const pal_format format = {
      .vocabulary = t->names.n + 1, .mask = t->names.n, .bos = -1, .eos = -1, .context = (int)rows};
  pal_task_set_format(p, &format);
  return record(p, t, rows, error);
}

static void close_task(pal_task *p) {
  task *t = pal_task_self(p);
  free_steps(&t->train);
  free_steps(&t->valid);
  free_steps(&t->test);
  pal_step_names_free(&t->names);
  pal_free(t);
}

static size_t refused(const pal_task *p, char *text, size_t size) {
  const task *t = pal_task_self(p);
  char more[64] = "";
  if (t->refused > SHOWN)
    snprintf(more, sizeof more, "%d more, %d in all\n", t->refused - SHOWN, t->refused);
  if (size) snprintf(text, size, "%s%s", t->refusal, more);
  return t->refusal_size + strlen(more);
}

/* ---- training -------------------------------------------------------------------------------- */

typedef struct stream {
  const steps *of;
  uint64_t seed;
  pal_counted at;
} stream;

static pal_status stream_next(void *self, pal_example *example, pal_error *error) {
  stream *s = self;
  (void)error;
  const uint64_t id = s->at.next++;
  pal_rng rng = pal_rng_new(s->seed, "transitions.train", 0, id);
  example_at(s->of, pal_rng_below(&rng, (uint32_t)s->of->n), PAL_FORM_TRANSITION, id, example);
  example->prompt = example->answer = NULL;
  example->n_prompt = example->n_answer = 0;
  return PAL_OK;
}

static size_t stream_save(const void *self, void *state, size_t room) {
  return pal_counted_save(&((const stream *)self)->at, state, room);
}

static pal_status stream_load(void *self, const void *state, size_t bytes, pal_error *error) {
  return pal_counted_load(&((stream *)self)->at, "transitions", state, bytes, error);
}

static pal_status stream_of(const steps *all, pal_form form, uint64_t seed, pal_stream *out,
                            pal_error *error) {
  if (form != PAL_FORM_TRANSITION)
    return pal_fail(error, PAL_E_UNSUPPORTED,
                    "transitions are for models that learn labelled states, such as ap-mdm with "
                    "learn_from=traces");
  stream *s = pal_calloc(1, sizeof *s);
  if (!s) return pal_fail(error, PAL_E_MEMORY, "no memory for a stream");
  const uint64_t of[] = {pal_hash64(all->token, sizeof(int32_t) * (size_t)all->tokens),
                         pal_hash64(all->flag, (size_t)all->flags), (uint64_t)all->n};
  *s = (stream){all, seed, {0, pal_hash64(of, sizeof of)}};
  *out = (pal_stream){s, stream_next, stream_save, stream_load, pal_free};
  return PAL_OK;
}

static pal_status open_stream(pal_task *p, pal_form form, uint64_t seed, pal_stream *out,
                              pal_error *error) {
  const task *t = pal_task_self(p);
  if (t->train.n) return stream_of(&t->train, form, seed, out, error);
  return pal_fail(error, PAL_E_ARGUMENT, "transitions: train on which file? --data FILE");
}

static pal_status open_validation(pal_task *p, pal_form form, uint64_t seed, pal_stream *out,
                                  pal_error *error) {
  const task *t = pal_task_self(p);
  if (t->valid.n) return stream_of(&t->valid, form, seed, out, error);
  return pal_fail(error, PAL_E_ARGUMENT, "transitions: validate on which file? --set valid=FILE");
}

static int64_t train_size(const pal_task *p) { return ((const task *)pal_task_self(p))->train.n; }

static pal_status train_instance(pal_task *p, int64_t i, pal_form form, pal_example *example,
                                 pal_error *error) {
  (void)error;
  example_at(&((const task *)pal_task_self(p))->train, i, form, (uint64_t)i, example);
  example->transition = (pal_transition){.n = 0};
  return PAL_OK;
}

/* ---- evaluation ------------------------------------------------------------------------------ */

/* The steps of the only set: the tests or, without any, those of training. */
static const steps *set_of(const pal_task *p) {
  const task *t = pal_task_self(p);
  return t->test.n ? &t->test : &t->train;
}

static const char *set_name(const pal_task *p, int set) {
  const task *t = pal_task_self(p);
  if (set > 0 || set_of(p)->n == 0) return NULL;
  return t->test.n == 0                                                ? "trained"
         : *((const transitions_settings *)pal_task_own(p))->test_data ? "test"
                                                                       : "held-out";
}

static int set_size(const pal_task *p, int set) {
  (void)set;
  return (int)set_of(p)->n;
}

static pal_status instance(pal_task *p, int set, int i, pal_form form, pal_example *example,
                           pal_error *error) {
  (void)set, (void)error;
  example_at(set_of(p), i, form, (uint64_t)i, example);
  example->transition = (pal_transition){.n = 0};
  return PAL_OK;
}

static int answer_room(const pal_task *p, const pal_example *e, pal_form form) {
  (void)p, (void)e, (void)form;
  return 0;
}

static int step_cap(const pal_task *p, const pal_example *e, pal_form form) {
  (void)p, (void)e, (void)form;
  return 1;
}

static pal_score score(const pal_task *p, const pal_example *e, pal_form form, const int32_t *token,
                       int n) {
  (void)p, (void)form;
  const bool same = n == e->n_answer && memcmp(token, e->answer, sizeof *token * (size_t)n) == 0;
  return (pal_score){.exact = same, .valid = true, .kept = true};
}

/* The kinds of edits that lead from x to next. */
static size_t traits(const pal_task *p, const pal_example *e, pal_form form, char *text,
                     size_t size) {
  const int32_t mask = pal_task_format(p)->mask;
  pal_step_line *l =
      e->n_prompt <= PAL_STEP_ROWS && e->n_answer <= PAL_STEP_ROWS ? pal_alloc(sizeof *l) : NULL;
  bool kind[4] = {false};
  (void)form;
  if (!l) return size ? (size_t)snprintf(text, size, "unknown") : 7;
  l->n = e->n_prompt;
  l->n_next = e->n_answer;
  for (int i = 0; i < l->n; i++) l->x[i] = e->prompt[i] == mask ? PAL_STEP_MASK : e->prompt[i];
  for (int i = 0; i < l->n_next; i++)
    l->next[i] = e->answer[i] == mask ? PAL_STEP_MASK : e->answer[i];
  if (!pal_step_derive(l, &(pal_error){0}))
    for (int i = 0; i < l->n; i++) {
      const bool masked = l->x[i] == PAL_STEP_MASK;
      kind[0] |= masked && l->y[i] >= 0;
      kind[1] |= !masked && l->remask[i];
      kind[2] |= l->insert[i];
      kind[3] |= l->remove[i];
    }
  pal_free(l);
  char all[64] = "";
  static const char *const name[] = {"write", "remask", "insert", "delete"};
  for (int k = 0; k < 4; k++)
    if (kind[k]) {
      strcat(all, *all ? " + " : "");
      strcat(all, name[k]);
    }
  if (!*all) strcpy(all, "no edit");
  if (size) snprintf(text, size, "%s", all);
  return strlen(all);
}

/* ---- text ------------------------------------------------------------------------------------ */

static pal_status read(pal_task *p, const char *line, pal_form form, uint64_t id,
                       pal_example *example, pal_error *error) {
  task *t = pal_task_self(p);
  *example = (pal_example){.id = id};
  line += strspn(line, " \t");
  if (!*line || *line == '#') return PAL_OK;
  const pal_status status = pal_step_read(&t->names, line, &t->line, error);
  if (status) return status;
  pal_step_line *l = &t->line;
  const int rows = pal_task_format(p)->context;
  if (l->n > rows || l->n_next > rows)
    return pal_fail(error, PAL_E_FORMAT, "it has a state of more than rows=%d rows", rows);
  for (int i = 0; i < l->n; i++) l->x[i] = l->x[i] == PAL_STEP_MASK ? t->names.n : l->x[i];
  for (int i = 0; i < l->n_next; i++)
    l->next[i] = l->next[i] == PAL_STEP_MASK ? t->names.n : l->next[i];
  (void)form;
  *example = (pal_example){
      .id = id, .prompt = l->x, .n_prompt = l->n, .answer = l->next, .n_answer = l->n_next};
  return PAL_OK;
}

static size_t write(const pal_task *p, const pal_example *e, pal_form form, char *text,
                    size_t size) {
  (void)form;
  return pal_step_write(&((const task *)pal_task_self(p))->names, e->prompt, e->n_prompt, e->answer,
                        e->n_answer, text, size);
}

/* Names with blanks between them. */
static size_t print(const pal_task *p, const int32_t *token, int n, char *text, size_t size) {
  const task *t = pal_task_self(p);
  size_t k = 0;
  if (size) text[0] = 0;
  for (int i = 0; i < n; i++) {
    const char *name = pal_step_name(&t->names, token[i]);
    if (k < size) snprintf(text + k, size - k, "%s%s", i ? " " : "", name);
    k += strlen(name) + (i > 0);
  }
  return k;
}

const pal_task_definition pal_task_transitions = {
    .abi_size = sizeof(pal_task_definition),
    .name = "transitions",
    .doc = "Steps of a file, to train an edit model on states of your own. Lines: {\"x\":[...], "
           "\"next\":[...]}, or labels instead of next: y, remask, insert, delete.",
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(transitions_settings),
    .open = open_task,
    .close = close_task,
    .stream = open_stream,
    .validation = open_validation,
    .set_name = set_name,
    .set_size = set_size,
    .instance = instance,
    .answer_room = answer_room,
    .step_cap = step_cap,
    .score = score,
    .read = read,
    .write = write,
    .print = print,
    .train_size = train_size,
    .train_instance = train_instance,
    .traits = traits,
    .refused = refused,
    .single_step = true,
};
