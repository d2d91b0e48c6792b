/* SPDX-License-Identifier: Apache-2.0 */
/* The task pram: running a program on random memories, in rows that hold the machine's state, see
 * layout.h (floor 6). The interpreter judges: every word of the final state must be the same.
 *
 * Training examples, for a network that is to learn a program, are single passes: the state after a
 * random number of them, with the edits of the next. */
#include <palimpsest/task.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pram/layout.h"
#include "src/alloc.h"
#include "src/file.h"
#include "tasks/counted.h"

typedef struct task_settings {
  const char *program, *digest;
  int64_t n, instances;
  uint64_t seed;
} task_settings;

static const pal_setting settings[] = {
    PAL_SET_FILE(task_settings, program, "", "the program's file, see doc/pram.md"),
    PAL_SET_TEXT(task_settings, digest, "", "digest of that file; set by the run",
                 PAL_KEPT_BY_WEIGHTS),
    PAL_SET_WHOLE(task_settings, n, "8", 1, 1 << 20, "size of instances", PAL_KEPT_BY_WEIGHTS),
    PAL_SET_WHOLE(task_settings, instances, "100", 1, 1 << 24, "evaluated instances",
                  PAL_KEPT_BY_NONE),
    PAL_SET_SEED(task_settings, seed, "1", "seed of the evaluated instances", PAL_KEPT_BY_NONE),
};

typedef struct pram {
  pal_pram *program;
  int rows;                             /* 2 S + 1 */
  int32_t *memory, *token, *answer, *y; /* [M], [rows], [S], [rows] */
  uint8_t *remask, *never;              /* [rows]; never: zeros */
} pram;

static void free_buffers(pram *p) {
  pal_free(p->memory);
  pal_free(p->token);
  pal_free(p->remask);
}

/* Buffers for one example. */
static pal_status make_buffers(pram *p, pal_error *error) {
  const size_t rows = (size_t)p->rows;
  p->memory = pal_calloc((size_t)p->program->cells, sizeof *p->memory);
  p->token = pal_calloc(3 * rows, sizeof *p->token);
  p->remask = pal_calloc(2 * rows, 1);
  if (!p->memory || !p->token || !p->remask)
    return pal_fail(error, PAL_E_MEMORY, "no memory for an instance of %d rows", p->rows);
  p->answer = p->token + rows;
  p->y = p->answer + rows;
  p->never = p->remask + rows;
  return PAL_OK;
}

static int32_t mask_of(const pram *p) { return 1 << p->program->word; }

/* The word that rows 1 + 2 i and 2 + 2 i hold. */
static int32_t word_of(const pal_pram_run *run, int i) {
  const pal_pram_place at = pal_pram_place_of(run->program, 1 + 2 * (int64_t)i);
  if (at.role == PAL_PRAM_CELL) return run->memory[at.address];
  if (at.role == PAL_PRAM_COUNTER) return run->counter[at.address];
  return run->registers[(int64_t)at.address * run->program->registers + at.reg];
}

/* Writes the state to the rows; side 0 or 1 of each pair shows it, or both for side 2. */
static void show(const pram *p, const pal_pram_run *run, int side) {
  p->token[0] = 0;
  for (int i = 0; 2 * i + 1 < p->rows; i++)
    for (int k = 0; k < 2; k++)
      p->token[1 + 2 * i + k] = side == 2 || side == k ? word_of(run, i) : mask_of(p);
}

/* ---- the task --------------------------------------------------------------------------- */

static void pram_close(pal_task *task) {
  pram *p = pal_task_self(task);
  free_buffers(p);
  pal_pram_free(p->program);
  pal_free(p);
}

/* Records the digest of the program, or refuses a program that is not the recorded one. */
static pal_status check_digest(pal_task *task, const task_settings *own, pal_error *error) {
  char *text, setting[40];
  size_t size;
  pal_status status = pal_file_read(own->program, 1 << 20, &text, &size, error);
  if (status) return status;
  snprintf(setting, sizeof setting, "digest=%016llx", (unsigned long long)pal_hash64(text, size));
  pal_free(text);
  if (*own->digest && strcmp(own->digest, setting + strlen("digest=")) != 0)
    return pal_fail(error, PAL_E_ARGUMENT, "%.300s is not the program of this run: it has changed",
                    own->program);
  return pal_task_set(task, setting, error);
}

static pal_status pram_open(pal_task *task, pal_error *error) {
  const task_settings *own = pal_task_own(task);
  pram *p = pal_calloc(1, sizeof *p);
  if (!p) return pal_fail(error, PAL_E_MEMORY, "no memory for the task pram");
  pal_task_set_self(task, p);
  if (!*own->program)
    return pal_fail(error, PAL_E_ARGUMENT, "pram: which program? --set program=FILE");
  p->program = pal_pram_read(own->program, (int)own->n, error);
  if (!p->program) return error && error->code ? error->code : PAL_E_FORMAT;
  if (p->program->steps > PAL_MOST_STEPS - 2)
    return pal_fail(error, PAL_E_ARGUMENT, "%.300s declares %lld steps for n=%lld; %d are possible",
                    own->program, (long long)p->program->steps, (long long)own->n,
                    PAL_MOST_STEPS - 2);
  if (pal_pram_rows(p->program) > PAL_MOST_EXAMPLE_ROWS)
    return pal_fail(error, PAL_E_ARGUMENT, "%.300s needs %lld rows for n=%lld; %d are possible",
                    own->program, (long long)pal_pram_rows(p->program), (long long)own->n,
                    PAL_MOST_EXAMPLE_ROWS);
  p->rows = (int)pal_pram_rows(p->program);
  const pal_format format = {
      .vocabulary = mask_of(p) + 1, .mask = mask_of(p), .bos = -1, .eos = -1, .context = p->rows};
  pal_task_set_format(task, &format);
  const pal_status status = check_digest(task, own, error);
  return status ? status : make_buffers(p, error);
}

static pal_status wants_steps(pal_form form, pal_error *error) {
  return form == PAL_FORM_TRANSITION
             ? PAL_OK
             : pal_fail(error, PAL_E_UNSUPPORTED,
                        "pram: a program is run by an edit model such as ap-mdm; others are not "
                        "supported");
}

/* The instance whose memory is p->memory: its first state, and as answer what the masks become. */
static pal_status make_instance(pram *p, uint64_t id, pal_example *example, pal_error *error) {
  pal_pram_run *run = pal_pram_run_new(p->program, p->memory, error);
  if (!run) return error && error->code ? error->code : PAL_E_MEMORY;
  show(p, run, 0);
  const pal_status status = pal_pram_finish(run, error);
  const int words = (p->rows - 1) / 2;
  for (int i = 0; i < words; i++) p->answer[i] = word_of(run, i);
  pal_pram_run_free(run);
  *example = (pal_example){
      .id = id, .prompt = p->token, .n_prompt = p->rows, .answer = p->answer, .n_answer = words};
  return status;
}

static const char *pram_set_name(const pal_task *task, int set) {
  (void)task;
  return set == 0 ? "instances" : NULL;
}

static int pram_set_size(const pal_task *task, int set) {
  (void)set;
  return (int)((const task_settings *)pal_task_own(task))->instances;
}

static pal_status pram_instance(pal_task *task, int set, int i, pal_form form, pal_example *example,
                                pal_error *error) {
  pram *p = pal_task_self(task);
  (void)set;
  const pal_status status = wants_steps(form, error);
  if (status) return status;
  pal_pram_instance(p->program, ((const task_settings *)pal_task_own(task))->seed, (uint64_t)i,
                    p->memory);
  return make_instance(p, (uint64_t)i, example, error);
}

static int pram_answer_room(const pal_task *task, const pal_example *instance, pal_form form) {
  (void)task, (void)instance, (void)form;
  return 0; /* the masks are in the prompt */
}

static int pram_step_cap(const pal_task *task, const pal_example *instance, pal_form form) {
  (void)instance, (void)form;
  return (int)((const pram *)pal_task_self(task))->program->steps + 2;
}

/* A finished run of the interpreter on the instance; NULL if it fails. */
static pal_pram_run *finished(const pram *p, const pal_example *instance) {
  const int cells = p->program->cells;
  int32_t *memory = pal_alloc(sizeof *memory * (size_t)cells);
  for (int i = 0; memory && i < cells; i++) memory[i] = instance->prompt[1 + 2 * i];
  pal_pram_run *run = memory ? pal_pram_run_new(p->program, memory, NULL) : NULL;
  pal_free(memory);
  if (!run || !pal_pram_finish(run, NULL)) return run;
  pal_pram_run_free(run);
  return NULL;
}

static pal_score pram_score(const pal_task *task, const pal_example *instance, pal_form form,
                            const int32_t *token, int n) {
  const pram *p = pal_task_self(task);
  (void)form;
  pal_score score = {.kept = n > 0 && token[0] == 0, .valid = n == p->rows};
  for (int i = 1; score.valid && i < n; i += 2)
    score.valid = token[i] != mask_of(p) && token[i] == token[i + 1];
  pal_pram_run *run = score.valid ? finished(p, instance) : NULL;
  score.exact = run && score.kept;
  for (int i = 0; score.exact && 2 * i + 1 < n; i++)
    score.exact = token[1 + 2 * i] == word_of(run, i);
  pal_pram_run_free(run);
  return score;
}

/* ---- text ------------------------------------------------------------------------------- */

/* Adds text to a buffer of `size` bytes that needs *n characters so far. */
static void append(char *text, size_t size, size_t *n, const char *format, int32_t value) {
  const size_t at = *n < size ? *n : size;
  *n += (size_t)snprintf(text + at, size - at, format, value);
}

/* Instances are lines of numbers: the first cells, the others being 0. */
static pal_status pram_read(pal_task *task, const char *line, pal_form form, uint64_t id,
                            pal_example *example, pal_error *error) {
  pram *p = pal_task_self(task);
  const pal_status status = wants_steps(form, error);
  if (status) return status;
  int cells = 0;
  memset(p->memory, 0, sizeof *p->memory * (size_t)p->program->cells);
  for (const char *at = line + strspn(line, " \t"); *at; at += strspn(at, " \t")) {
    char *end;
    const long value = strtol(at, &end, 10);
    if (end == at || !strchr(" \t", *end) || value < 0 || value >= mask_of(p))
      return pal_fail(error, PAL_E_FORMAT, "column %d: \"%.20s\" is no word of %d bits",
                      (int)(at - line) + 1, at, p->program->word);
    if (cells == p->program->cells)
      return pal_fail(error, PAL_E_FORMAT, "more than %d numbers: for n=%d there are no more cells",
                      cells, p->program->n);
    p->memory[cells++] = (int32_t)value;
    at = end;
  }
  if (cells) return make_instance(p, id, example, error);
  *example = (pal_example){.id = id};
  return PAL_OK;
}

static size_t pram_write(const pal_task *task, const pal_example *instance, pal_form form,
                         char *text, size_t size) {
  const pram *p = pal_task_self(task);
  size_t n = 0;
  (void)form;
  if (size) *text = 0;
  for (int i = 0; i < p->program->cells; i++)
    append(text, size, &n, i ? " %d" : "%d", instance->prompt[1 + 2 * i]);
  return n;
}

/* The word of pair i, or -1 while both rows are masks. */
static int32_t shown(const pram *p, const int32_t *token, int n, int i) {
  for (int row = 1 + 2 * i; row <= 2 + 2 * i && row < n; row++)
    if (token[row] != mask_of(p)) return token[row];
  return -1;
}

static size_t pram_print(const pal_task *task, const int32_t *token, int n, char *text,
                         size_t size) {
  const pram *p = pal_task_self(task);
  size_t length = 0;
  if (size) *text = 0;
  for (int i = 0; i < p->program->cells; i++) {
    const int32_t word = shown(p, token, n, i);
    if (i) append(text, size, &length, " ", 0);
    append(text, size, &length, word < 0 ? "_" : "%d", word);
  }
  return length;
}

/* The memory, 8 cells a row, as far as there is room; cells that have changed are of another
 * sort. */
static void pram_picture(const pal_task *task, const pal_example *instance, pal_form form,
                         const int32_t *token, int n, pal_picture *picture) {
  enum { ACROSS = 8, WIDE = 6 };
  const pram *p = pal_task_self(task);
  (void)form;
  picture->columns = ACROSS * WIDE;
  const int most = PAL_PICTURE_CELLS / picture->columns * ACROSS;
  const int cells = p->program->cells < most ? p->program->cells : most;
  *picture = (pal_picture){.rows = (cells + ACROSS - 1) / ACROSS,
                           .columns = ACROSS * WIDE,
                           .sorts = 3,
                           .sort_name = {"not written", "as at first", "changed"}};
  memset(picture->glyph, ' ', sizeof picture->glyph);
  memset(picture->sort, 1, sizeof picture->sort);
  for (int i = 0; i < cells; i++) {
    const int at = i / ACROSS * picture->columns + i % ACROSS * WIDE;
    const int32_t word = shown(p, token, n, i);
    char text[16];
    const int length = snprintf(text, sizeof text, word < 0 ? "_" : "%d", word);
    memcpy(picture->glyph + at + WIDE - length, text, (size_t)length);
    memset(picture->sort + at, word < 0 ? 0 : word == instance->prompt[1 + 2 * i] ? 1 : 2, WIDE);
  }
}

/* ---- training examples ------------------------------------------------------------------ */

typedef struct stream {
  pram p; /* buffers of its own; the program is the task's */
  uint64_t seed;
  pal_counted at;
} stream;

/* Labels the state in p->token, after `pass` passes of a run that takes `time` steps. */
static void label(pram *p, const pal_pram_run *next, int64_t pass, int64_t time) {
  for (int i = 0; i < p->rows; i++) {
    const bool masked = p->token[i] == mask_of(p);
    p->y[i] = masked ? word_of(next, (i - 1) / 2) : -1;
    p->remask[i] = i > 0 && !masked && pass < time;
  }
}

static pal_status stream_next(void *self, pal_example *example, pal_error *error) {
  stream *s = self;
  pram *p = &s->p;
  const uint64_t id = s->at.next++;
  pal_pram_instance(p->program, ~s->seed, id, p->memory); /* not one of those that are evaluated */
  pal_pram_run *whole = pal_pram_run_new(p->program, p->memory, error);
  pal_pram_run *part = pal_pram_run_new(p->program, p->memory, error);
  pal_status status = whole && part ? pal_pram_finish(whole, error) : PAL_E_MEMORY;
  if (!status) {
    pal_rng rng = pal_rng_new(s->seed, "pram.pass", 0, id);
    const int64_t pass = pal_rng_below(&rng, (uint32_t)whole->time + 2);
    while (!status && part->time < pass && !pal_pram_halted(part))
      status = pal_pram_step(part, error);
    show(p, part, pass > whole->time ? 2 : (int)(pass % 2));
    if (!status && !pal_pram_halted(part)) status = pal_pram_step(part, error);
    label(p, part, pass, whole->time);
  }
  pal_pram_run_free(whole);
  pal_pram_run_free(part);
  *example = (pal_example){.id = id,
                           .transition = {.state = p->token,
                                          .y = p->y,
                                          .remask = p->remask,
                                          .insert = p->never,
                                          .remove = p->never,
                                          .n = p->rows}};
  return status;
}

static size_t stream_save(const void *self, void *state, size_t room) {
  return pal_counted_save(&((const stream *)self)->at, state, room);
}

static pal_status stream_load(void *self, const void *state, size_t bytes, pal_error *error) {
  return pal_counted_load(&((stream *)self)->at, "pram", state, bytes, error);
}

static void stream_free(void *self) {
  free_buffers(&((stream *)self)->p);
  pal_free(self);
}

static pal_status pram_stream(pal_task *task, pal_form form, uint64_t seed, pal_stream *out,
                              pal_error *error) {
  const pram *p = pal_task_self(task);
  pal_status status = wants_steps(form, error);
  if (status) return status;
  stream *s = pal_calloc(1, sizeof *s);
  if (!s) return pal_fail(error, PAL_E_MEMORY, "no memory for a stream");
  const char *digest = ((const task_settings *)pal_task_own(task))->digest;
  *s = (stream){.p = {.program = p->program, .rows = p->rows},
                .seed = seed,
                .at.of = pal_hash64(digest, strlen(digest)) + (uint64_t)p->program->n};
  *out = (pal_stream){s, stream_next, stream_save, stream_load, stream_free};
  status = make_buffers(&s->p, error);
  if (status) stream_free(s);
  return status;
}

/* ---- reports ---------------------------------------------------------------------------- */

static double time_of(const pal_task *task, const pal_judged *judged) {
  pal_pram_run *run = finished(pal_task_self(task), judged->instance);
  const double time = run ? (double)run->time : -1;
  pal_pram_run_free(run);
  return time;
}

static double on_time(const pal_task *task, const pal_judged *judged) {
  return judged->decoded->forward_passes == time_of(task, judged) + 2;
}

/* Every pass but the last writes a word into each mask. */
static double written(const pal_task *task, const pal_judged *judged) {
  const pal_pram *program = ((const pram *)pal_task_self(task))->program;
  return (double)pal_pram_state(program) * (judged->decoded->forward_passes - 1);
}

static int64_t processors_of(const pal_task *task) {
  return ((const pram *)pal_task_self(task))->program->processors;
}

static int64_t rows_of(const pal_task *task) { return ((const pram *)pal_task_self(task))->rows; }

static int64_t space_of(const pal_task *task) {
  return pal_pram_state(((const pram *)pal_task_self(task))->program);
}

static const pal_report_column report[] = {
    {"time", "steps of the interpreter, T", PAL_REPORT_MEAN, time_of, NULL},
    {"on_time", "took exactly T + 2 forward passes", PAL_REPORT_SHARE, on_time, NULL},
    {"written", "tokens that were written into masks or appended", PAL_REPORT_MEAN, written, NULL},
    {"processors", "processors, P", PAL_REPORT_COUNT, NULL, processors_of},
    {"space", "words of the machine's state, S", PAL_REPORT_COUNT, NULL, space_of},
    {"context", "rows of a sequence, 2 S + 1", PAL_REPORT_COUNT, NULL, rows_of},
};

static const pal_task_definition definition = {
    .abi_size = sizeof(pal_task_definition),
    .name = PAL_PRAM_TASK,
    .doc = "Runs a program of a parallel machine, one step a pass, on random memories. "
           "`palimpsest compile` makes the model. Lines of a data file: the cells' numbers.",
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(task_settings),
    .open = pram_open,
    .close = pram_close,
    .stream = pram_stream,
    .validation = pram_stream,
    .set_name = pram_set_name,
    .set_size = pram_set_size,
    .instance = pram_instance,
    .answer_room = pram_answer_room,
    .step_cap = pram_step_cap,
    .score = pram_score,
    .read = pram_read,
    .write = pram_write,
    .print = pram_print,
    .picture = pram_picture,
    .report = report,
    .n_report = sizeof report / sizeof *report,
};

pal_status pal_register_pram(pal_context *context, pal_error *error) {
  return pal_define_task(context, &definition, error);
}

const pal_pram *pal_pram_of_task(const pal_task *task) {
  if (pal_task_definition_of(task)->open != pram_open) return NULL;
  return ((const pram *)pal_task_self(task))->program;
}
