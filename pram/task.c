/* SPDX-License-Identifier: Apache-2.0 */
/* The task pram: running a program on random memories, in rows as layout.h says (floor 6). The
 * interpreter judges: every word of the final state must be the same. */
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
  int layout;
} task_settings;

static const pal_setting settings[] = {
    PAL_SET_FILE(task_settings, program, "", "the program's file, see doc/pram.md"),
    PAL_SET_TEXT(task_settings, digest, "", "digest of that file; set by the run",
                 PAL_KEPT_BY_WEIGHTS),
    PAL_SET_WHOLE(task_settings, n, "8", 1, 1 << 20, "size of instances", PAL_KEPT_BY_WEIGHTS),
    PAL_SET_CHOICE(task_settings, layout, "ap-mdm", "ap-mdm mdm arm",
                   "the rows are those for this model: the machine's state, or all its steps",
                   PAL_KEPT_BY_WEIGHTS),
    PAL_SET_WHOLE(task_settings, instances, "100", 1, 1 << 24, "evaluated instances",
                  PAL_KEPT_BY_NONE),
    PAL_SET_SEED(task_settings, seed, "1", "seed of the evaluated instances", PAL_KEPT_BY_NONE),
};

typedef struct pram {
  pal_pram *program;
  pal_pram_layout layout;
  int rows, state, block;              /* of a sequence; S; P (K + 1), rows of a step */
  int32_t *memory, *token, *whole, *y; /* [M], [rows] each: a prompt, its end, labels */
  uint8_t *remask, *never;             /* [rows]; never: zeros */
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
  p->whole = p->token + rows;
  p->y = p->whole + rows;
  p->never = p->remask + rows;
  return PAL_OK;
}

static int32_t mask_of(const pram *p) { return 1 << p->program->word; }

static pal_pram_place place_of(const pram *p, int64_t row) {
  return pal_pram_place_of(p->program, p->layout, row);
}

static int32_t value_of(const pal_pram_run *run, pal_pram_place at) {
  const int registers = run->program->registers;
  if (at.kind > registers) return run->memory[at.number];
  if (at.kind == registers) return run->counter[at.number];
  return run->registers[(int64_t)at.number * registers + at.kind];
}

/* The row that shows word i of the first state, and, in a finished sequence of n rows, of the last
 * one. */
static int first_row(const pram *p, int i) {
  return p->layout == PAL_PRAM_AP_MDM ? 1 + 2 * i : 1 + i;
}

static int last_row(const pram *p, int n, int i) {
  const int cells = p->program->cells, listing = (int)pal_pram_listing(p->program);
  if (p->layout == PAL_PRAM_AP_MDM) return 1 + 2 * i;
  if (p->layout == PAL_PRAM_MDM)
    return i < cells ? p->rows - cells + i : p->rows - p->block - 2 * cells + i;
  const int begin = n - listing * p->block;
  if (i >= cells) return begin - p->block + i - cells;
  int row = begin;
  for (;; row++) {
    const pal_pram_place at = place_of(p, row);
    if (at.kind < p->program->registers && pal_pram_listed(p->program, at) == i) return row;
  }
}

/* Writes the state to the rows of an AP-MDM; side 0 or 1 of each pair shows it, or both for side
 * 2. */
static void show(const pram *p, const pal_pram_run *run, int side) {
  p->token[0] = 0;
  for (int i = 1; i < p->rows; i++)
    p->token[i] = side == 2 || side == (i - 1) % 2 ? value_of(run, place_of(p, i)) : mask_of(p);
}

/* Writes the rows of a whole run of an MDM or ARM, and returns their number. */
static int write_steps(const pram *p, pal_pram_run *run, pal_error *error) {
  const bool lists = p->layout == PAL_PRAM_ARM;
  int i = 1;
  p->whole[0] = 0;
  for (; i < p->rows; i++) {
    const pal_pram_place at = place_of(p, i);
    while (run->time < at.time && !pal_pram_halted(run))
      if (pal_pram_step(run, error)) return i;
    const int64_t since = pal_pram_halted(run) ? at.time - run->time : 0;
    if (lists && since >= 2 + pal_pram_listing(p->program)) break;
    const bool shows_cell = lists && since >= 2 && at.kind < p->program->registers;
    p->whole[i] = shows_cell ? run->memory[pal_pram_listed(p->program, at)] : value_of(run, at);
  }
  return i;
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
  p->layout = (pal_pram_layout)own->layout;
  if (pal_pram_fits(p->program, p->layout, error)) return PAL_E_ARGUMENT;
  p->rows = (int)pal_pram_rows(p->program, p->layout);
  p->state = (int)pal_pram_state(p->program);
  p->block = p->state - p->program->cells;
  const pal_format format = {.vocabulary = mask_of(p) + 2,
                             .mask = mask_of(p),
                             .bos = -1,
                             .eos = mask_of(p) + 1,
                             .context = p->rows};
  pal_task_set_format(task, &format);
  const pal_status status = check_digest(task, own, error);
  return status ? status : make_buffers(p, error);
}

static pal_status check_form(const pram *p, pal_form form, pal_error *error) {
  if ((form == PAL_FORM_TRANSITION) == (p->layout == PAL_PRAM_AP_MDM)) return PAL_OK;
  return pal_fail(error, PAL_E_UNSUPPORTED,
                  "pram: the rows are not those for this model; set layout=ap-mdm for models that "
                  "edit, layout=mdm for masked ones, layout=arm for causal ones");
}

/* The instance whose memory is p->memory: its first state, and what follows it or what its masks
 * become. */
static pal_status make_instance(pram *p, uint64_t id, pal_example *example, pal_error *error) {
  pal_pram_run *run = pal_pram_run_new(p->program, p->memory, error);
  if (!run) return error && error->code ? error->code : PAL_E_MEMORY;
  *example = (pal_example){.id = id, .prompt = p->token, .n_prompt = p->rows};
  pal_status status = PAL_OK;
  if (p->layout == PAL_PRAM_AP_MDM) {
    show(p, run, 0);
    status = pal_pram_finish(run, error);
    for (int i = 0; i < p->state; i++) p->whole[i] = value_of(run, place_of(p, first_row(p, i)));
    example->answer = p->whole;
    example->n_answer = p->state;
  } else {
    pal_error own = {0};
    const int given = 1 + p->state, n = write_steps(p, run, error ? error : &own);
    status = error ? error->code : own.code;
    for (int i = 0; i < p->rows; i++) p->token[i] = i < given ? p->whole[i] : mask_of(p);
    if (p->layout == PAL_PRAM_ARM) {
      example->n_prompt = given;
      example->answer_room = p->rows - given;
    }
    example->answer = p->whole + given;
    example->n_answer = n - given;
  }
  pal_pram_run_free(run);
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
  const pal_status status = check_form(p, form, error);
  if (status) return status;
  pal_pram_instance(p->program, ((const task_settings *)pal_task_own(task))->seed, (uint64_t)i,
                    p->memory);
  return make_instance(p, (uint64_t)i, example, error);
}

static int pram_answer_room(const pal_task *task, const pal_example *instance, pal_form form) {
  const pram *p = pal_task_self(task);
  (void)instance, (void)form; /* but for the ARM the masks are in the prompt */
  return p->layout == PAL_PRAM_ARM ? p->rows - 1 - p->state : 0;
}

static int pram_step_cap(const pal_task *task, const pal_example *instance, pal_form form) {
  const pram *p = pal_task_self(task);
  (void)instance, (void)form;
  return (int)pal_pram_passes(p->program, p->layout, p->program->steps);
}

/* A finished run of the interpreter on the instance; NULL if it fails. */
static pal_pram_run *finished(const pram *p, const pal_example *instance) {
  const int cells = p->program->cells;
  int32_t *memory = pal_alloc(sizeof *memory * (size_t)cells);
  for (int i = 0; memory && i < cells; i++) memory[i] = instance->prompt[first_row(p, i)];
  pal_pram_run *run = memory ? pal_pram_run_new(p->program, memory, NULL) : NULL;
  pal_free(memory);
  if (!run || !pal_pram_finish(run, NULL)) return run;
  pal_pram_run_free(run);
  return NULL;
}

/* The first step of an MDM's or ARM's n rows after which all counters stand at halt, or -1. */
static int64_t halting_step(const pram *p, const int32_t *token, int n) {
  const pal_pram *o = p->program;
  for (int64_t t = 0, row = 1 + p->state; row <= n; t++, row += p->block) {
    bool halted = true;
    for (int64_t i = row - o->processors; i < row; i++)
      halted &= token[i] < o->n_code && o->code[token[i]].op == PAL_PRAM_HALT;
    if (halted) return t;
  }
  return -1;
}

/* Whether the sequence has the form of a finished one. */
static bool is_finished(const pram *p, const int32_t *token, int n) {
  const bool causal = p->layout == PAL_PRAM_ARM;
  if (!causal && n != p->rows) return false;
  for (int i = 0; i < n; i++)
    if (token[i] >= mask_of(p)) return false;
  for (int i = 1; p->layout == PAL_PRAM_AP_MDM && i < n; i += 2)
    if (token[i] != token[i + 1]) return false;
  const int64_t time = causal ? halting_step(p, token, n) : 0;
  return !causal || (time >= 0 && n == p->state + pal_pram_passes(p->program, p->layout, time));
}

static pal_score pram_score(const pal_task *task, const pal_example *instance, pal_form form,
                            const int32_t *token, int n) {
  const pram *p = pal_task_self(task);
  (void)form;
  pal_score score = {.kept = n > 0 && token[0] == 0, .valid = is_finished(p, token, n)};
  if (p->layout != PAL_PRAM_AP_MDM)
    for (int i = 0; i <= p->state; i++) score.kept &= i < n && token[i] == instance->prompt[i];
  pal_pram_run *run = score.valid ? finished(p, instance) : NULL;
  score.exact = run && score.kept;
  for (int i = 0; score.exact && i < p->state; i++)
    score.exact = token[last_row(p, n, i)] == value_of(run, place_of(p, first_row(p, i)));
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
  const pal_status status = check_form(p, form, error);
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
    append(text, size, &n, i ? " %d" : "%d", instance->prompt[first_row(p, i)]);
  return n;
}

/* Applies the stores of the step whose first row is `row`, if the step is there, to the memory. */
static bool apply_step(const pram *p, const int32_t *token, int n, int row, int32_t *memory) {
  const pal_pram *o = p->program;
  if (row + p->block > n) return false;
  for (int i = row - p->block; i < row + p->block; i++)
    if (token[i] >= mask_of(p)) return false;
  for (int k = o->processors - 1; k >= 0; k--) { /* so that the lowest processor writes last */
    const int32_t *reg = token + row - p->block + k * o->registers;
    const int32_t counter = token[row - o->processors + k];
    if (counter >= o->n_code || o->code[counter].op != PAL_PRAM_STORE) continue;
    const pal_pram_code *c = &o->code[counter];
    const int32_t address = c->y >= 0 ? reg[c->y] : c->constant;
    if (address < o->cells) memory[address] = reg[c->x];
  }
  return true;
}

/* The memory that a sequence shows, for people: an AP-MDM's cells, -1 where both rows are masks; in
 * others the first memory and the stores so far, or, once they are there, the final cells. */
static void show_memory(const pram *p, const int32_t *token, int n, int32_t *memory) {
  const bool pairs = p->layout == PAL_PRAM_AP_MDM;
  for (int i = 0; i < p->program->cells; i++) {
    const int row = first_row(p, i);
    memory[i] = row < n ? token[row] : -1;
    if (memory[i] == mask_of(p)) memory[i] = pairs && row + 1 < n ? token[row + 1] : -1;
    if (memory[i] == mask_of(p)) memory[i] = -1;
  }
  if (pairs) return;
  for (int row = 1 + p->state; apply_step(p, token, n, row, memory);) row += p->block;
  for (int i = 0; i < p->program->cells && is_finished(p, token, n); i++)
    memory[i] = token[last_row(p, n, i)];
}

static size_t pram_print(const pal_task *task, const int32_t *token, int n, char *text,
                         size_t size) {
  const pram *p = pal_task_self(task);
  size_t length = 0;
  if (size) *text = 0;
  int32_t *memory = pal_alloc(sizeof *memory * (size_t)p->program->cells);
  if (!memory) return 0;
  show_memory(p, token, n, memory);
  for (int i = 0; i < p->program->cells; i++) {
    if (i) append(text, size, &length, " ", 0);
    append(text, size, &length, memory[i] < 0 ? "_" : "%d", memory[i]);
  }
  pal_free(memory);
  return length;
}

static size_t pram_word(const pal_task *task, int32_t token, char *text, size_t size) {
  const int32_t mask = mask_of(pal_task_self(task));
  return (size_t)snprintf(text, size, token == mask ? "_" : token > mask ? "$" : "%d", token);
}

/* The memory, 8 cells a row, as far as there is room; cells that have changed are of another
 * sort. */
static void pram_picture(const pal_task *task, const pal_example *instance, pal_form form,
                         const int32_t *token, int n, pal_picture *picture) {
  enum { ACROSS = 8, WIDE = 6, MOST = PAL_PICTURE_CELLS / WIDE / ACROSS * ACROSS };
  const pram *p = pal_task_self(task);
  (void)form;
  const int cells = p->program->cells < MOST ? p->program->cells : MOST;
  const int across = cells < ACROSS ? cells : ACROSS;
  *picture = (pal_picture){.rows = (cells + across - 1) / across,
                           .columns = across,
                           .wide = WIDE,
                           .sorts = 3,
                           .sort_name = {"not written", "as at first", "changed"}};
  memset(picture->glyph, ' ', sizeof picture->glyph);
  memset(picture->sort, 1, sizeof picture->sort);
  int32_t *memory = pal_alloc(sizeof *memory * (size_t)p->program->cells);
  if (memory) show_memory(p, token, n, memory);
  for (int i = 0; memory && i < cells; i++) {
    const int32_t word = memory[i];
    char text[16];
    const int length = snprintf(text, sizeof text, word < 0 ? "_" : "%d", word);
    memcpy(picture->glyph + (i + 1) * WIDE - length, text, (size_t)length);
    picture->sort[i] = word < 0 ? 0 : word == instance->prompt[first_row(p, i)] ? 1 : 2;
  }
  pal_free(memory);
}

/* ---- training examples ------------------------------------------------------------------ */

typedef struct stream {
  pram p; /* buffers of its own; the program is the task's */
  uint64_t seed;
  pal_counted at;
} stream;

/* For an AP-MDM that is to learn a program: labels the state in p->token, after `pass` passes of a
 * run that takes `time` steps. */
static void label(pram *p, const pal_pram_run *next, int64_t pass, int64_t time) {
  for (int i = 0; i < p->rows; i++) {
    const bool masked = p->token[i] == mask_of(p);
    p->y[i] = masked ? value_of(next, place_of(p, i)) : -1;
    p->remask[i] = i > 0 && !masked && pass < time;
  }
}

/* Whole runs or, for an AP-MDM, single passes: the state after a random number of them, with the
 * edits of the next. */
static pal_status stream_next(void *self, pal_example *example, pal_error *error) {
  stream *s = self;
  pram *p = &s->p;
  const uint64_t id = s->at.next++;
  pal_pram_instance(p->program, ~s->seed, id, p->memory); /* not one of those that are evaluated */
  if (p->layout != PAL_PRAM_AP_MDM) return make_instance(p, id, example, error);
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
  pal_status status = check_form(p, form, error);
  if (status) return status;
  stream *s = pal_calloc(1, sizeof *s);
  if (!s) return pal_fail(error, PAL_E_MEMORY, "no memory for a stream");
  const char *digest = ((const task_settings *)pal_task_own(task))->digest;
  *s = (stream){
      .p = *p, .seed = seed, .at.of = pal_hash64(digest, strlen(digest)) + (uint64_t)p->program->n};
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
  const pram *p = pal_task_self(task);
  return judged->decoded->forward_passes ==
         pal_pram_passes(p->program, p->layout, (int64_t)time_of(task, judged));
}

/* Every pass of an AP-MDM but the last writes a word into each mask; an ARM appends a token. */
static double written(const pal_task *task, const pal_judged *judged) {
  const pram *p = pal_task_self(task);
  const int passes = judged->decoded->forward_passes;
  if (p->layout == PAL_PRAM_ARM) return passes;
  return p->layout == PAL_PRAM_MDM ? p->rows - 1 - p->state : (double)p->state * (passes - 1);
}

static int64_t processors_of(const pal_task *task) {
  return ((const pram *)pal_task_self(task))->program->processors;
}

static int64_t rows_of(const pal_task *task) { return ((const pram *)pal_task_self(task))->rows; }

static int64_t space_of(const pal_task *task) {
  return pal_pram_state(((const pram *)pal_task_self(task))->program);
}

static int64_t rows_of_step(const pal_task *task) {
  const pram *p = pal_task_self(task);
  return p->layout == PAL_PRAM_AP_MDM ? 0 : p->program->registers + 1;
}

static const pal_report_column report[] = {
    {"time", "steps of the interpreter, T", PAL_REPORT_MEAN, time_of, NULL},
    {"on_time", "took exactly as many forward passes as T says, see doc/pram.md", PAL_REPORT_SHARE,
     on_time, NULL},
    {"written", "tokens that were written into masks or appended", PAL_REPORT_MEAN, written, NULL},
    {"processors", "processors, P", PAL_REPORT_COUNT, NULL, processors_of},
    {"space", "words of the machine's state, S", PAL_REPORT_COUNT, NULL, space_of},
    {"context", "rows of a sequence", PAL_REPORT_COUNT, NULL, rows_of},
    {"k", "rows of a processor's step in an MDM or ARM", PAL_REPORT_COUNT, NULL, rows_of_step},
};

static const pal_task_definition definition = {
    .abi_size = sizeof(pal_task_definition),
    .name = PAL_PRAM_TASK,
    .doc = "Runs a program of a parallel machine on random memories. "
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
    .word = pram_word,
    .picture = pram_picture,
    .report = report,
    .n_report = sizeof report / sizeof *report,
};

pal_status pal_register_pram(pal_context *context, pal_error *error) {
  return pal_define_task(context, &definition, error);
}

const pal_pram *pal_pram_of_task(const pal_task *task, pal_pram_layout *layout) {
  if (pal_task_definition_of(task)->open != pram_open) return NULL;
  const pram *p = pal_task_self(task);
  if (layout) *layout = p->layout;
  return p->program;
}
