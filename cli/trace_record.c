/* SPDX-License-Identifier: Apache-2.0 */
/* See trace_record.h (floor 8). A line is made for each state as it comes. What the pass before it
 * did is told by the decoder where the model says it, and else read off the two states. */
#include "cli/trace_record.h"

#include <stdlib.h>
#include <string.h>

#include "bench/json_text.h"
#include "cli/evaluate.h"
#include "cli/json.h"
#include "cli/text.h"

enum { DIGITS = 5 }; /* of probabilities */

typedef struct recording {
  const cli_job *job;
  const pal_example *instance;
  cli_trace *trace;
  FILE *to;
  json_t **word;   /* [vocabulary]: texts of the tokens that have occurred; null for the mask */
  int32_t *before; /* [n_before] tokens of the state before; owned, with room for `room` */
  int n_before, room, passes;
  bool told;                   /* what the last step decided is known: */
  int first, n;                /* the rows it decided about */
  int32_t *bit[PAL_BITS];      /* [n], owned; NULL: not told */
  float *chance[1 + PAL_BITS]; /* [n] likewise, of the token and of the bits */
  json_t *edits;               /* of the pass that is being recorded */
  char *verdict;
  size_t verdict_size;
  cli_on_decoded done; /* the caller's, with its data */
  void *data;
  pal_error error;
} recording;

static const pal_task_definition *task_of(const recording *r) {
  return pal_task_definition_of(r->job->task);
}

static void no_memory(recording *r) {
  if (!r->error.code) pal_fail(&r->error, PAL_E_MEMORY, "no memory for a trace");
}

/* ---- edits ------------------------------------------------------------------------------- */

/* The chance at a row of the state before the step: `which` is 0 for the token, 1 + a bit; -1 where
 * it is not known. */
static double chance_at(const recording *r, int which, int row) {
  const int at = row - r->first;
  return r->told && r->chance[which] && at >= 0 && at < r->n ? (double)r->chance[which][at] : -1;
}

/* The text of a token, a new reference: null for the mask. */
static json_t *word(recording *r, int32_t token) {
  const pal_format *f = pal_task_format(r->job->task);
  if (token < 0 || token >= f->vocabulary) return cli_json_text("?");
  if (!r->word[token] && token == f->mask) r->word[token] = json_null();
  if (!r->word[token]) {
    char *text = cli_word_of(r->job->task, token);
    r->word[token] = text ? cli_json_text(text) : NULL;
    free(text);
  }
  return json_incref(r->word[token]);
}

static void add_edit(recording *r, int kind, int row, int32_t token, double chance) {
  const int32_t mask = pal_task_format(r->job->task)->mask;
  json_t *list = json_object_get(r->edits, cli_edit_key[kind]);
  if (!list) {
    cli_json_put(&r->edits, cli_edit_key[kind], json_array());
    list = json_object_get(r->edits, cli_edit_key[kind]);
  }
  json_t *edit = json_pack("{s:i}", "row", row);
  if (kind != CLI_REMASK && kind != CLI_DELETE && token != mask && edit)
    cli_json_put(&edit, "token", word(r, token));
  if (chance >= 0 && edit) cli_json_put(&edit, "p", json_real(chance));
  if (!list || !edit || json_array_append_new(list, edit)) no_memory(r);
}

/* Adds the edit that makes row `row` of the state before, which stays, `token`. */
static void add_change(recording *r, int row, int32_t token) {
  const int32_t mask = pal_task_format(r->job->task)->mask, old = r->before[row];
  if (old == token) return;
  if (token == mask) add_edit(r, CLI_REMASK, row, mask, chance_at(r, 1 + PAL_REMASK, row));
  else add_edit(r, old == mask ? CLI_WRITE : CLI_REWRITE, row, token, chance_at(r, 0, row));
}

static bool bit_at(const recording *r, int bit, int row) {
  const int at = row - r->first;
  return at >= 0 && at < r->n && r->bit[bit] && r->bit[bit][at];
}

/* Reads the edits off the bits that the model told. False where they do not lead to the state,
 * because rows that exceed the longest sequence were cut off; *cut is their number at the end. */
static bool add_told(recording *r, const int32_t *token, int n, int *cut) {
  const int32_t mask = pal_task_format(r->job->task)->mask;
  int at = 0;
  for (int i = 0; i < r->n_before; i++) {
    const bool masked = r->before[i] == mask;
    if (masked && bit_at(r, PAL_REMOVE, i)) {
      add_edit(r, CLI_DELETE, i, mask, chance_at(r, 1 + PAL_REMOVE, i));
      continue;
    }
    const bool erased = bit_at(r, PAL_REMASK, i), within = i >= r->first && i < r->first + r->n;
    if (at < n && masked && !erased && within) add_change(r, i, token[at]);
    else if (at < n && token[at] != (erased ? mask : r->before[i])) return false;
    else if (!masked && erased) add_edit(r, CLI_REMASK, i, mask, chance_at(r, 1 + PAL_REMASK, i));
    at++;
    if (!bit_at(r, PAL_INSERT, i)) continue;
    if (at < n && token[at] != mask) return false;
    add_edit(r, CLI_INSERT, i, mask, chance_at(r, 1 + PAL_INSERT, i));
    at++;
  }
  *cut = at - n;
  return at >= n;
}

/* Reads the edits off the states: row by row if there are as many rows, or fewer at the end, where
 * the rows from the end token on are left out; else what lies between the rows that both states
 * begin and end with was deleted, and inserted. */
static void add_seen(recording *r, const int32_t *token, int n, bool last, int *cut) {
  const int old = r->n_before;
  int head = 0, tail = 0;
  const bool by_row = n == old || (last && n < old);
  while (by_row && head < n) add_change(r, head, token[head]), head++;
  *cut = by_row ? old - n : 0;
  if (by_row) return;
  while (head < n && head < old && token[head] == r->before[head]) head++;
  while (tail < n - head && tail < old - head && token[n - 1 - tail] == r->before[old - 1 - tail])
    tail++;
  for (int i = head; i < old - tail; i++) add_edit(r, CLI_DELETE, i, 0, -1);
  for (int i = head; i < n - tail; i++)
    add_edit(r, CLI_INSERT, old - tail - 1, token[i], chance_at(r, 0, i));
}

static void add_edits(recording *r, const int32_t *token, int n, bool last, int *cut) {
  const bool bits = r->told && r->bit[PAL_REMASK];
  r->edits = json_object();
  if (!r->edits) {
    no_memory(r);
  } else if (!bits || !add_told(r, token, n, cut)) {
    json_object_clear(r->edits);
    r->told = r->told && !bits;
    add_seen(r, token, n, last, cut);
  }
  r->told = false;
}

/* ---- lines ------------------------------------------------------------------------------- */

/* Writes a line and takes it over. */
static void emit(recording *r, json_t *line) {
  if (!line) {
    no_memory(r);
    return;
  }
  char *text = r->to ? bench_json_text(line, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS)) : NULL;
  if (r->to && text) fprintf(r->to, "%s\n", text);
  else if (r->to) no_memory(r);
  free(text);
  if (r->trace && !r->error.code) cli_trace_add(r->trace, line, &r->error);
  else json_decref(line);
}

static json_t *names(const char *const *name, int n) {
  json_t *list = json_array();
  for (int i = 0; i < n; i++) cli_json_append(&list, cli_json_text(name[i]));
  return list;
}

static void put_setting(const pal_setting *setting, void *data) {
  json_t **all = data;
  cli_json_put(all, setting->name, cli_json_text(setting->value));
}

/* The line of the instance, whose first state is known. */
static void start(recording *r, const pal_picture *board, const pal_diagram *diagram) {
  char version[160];
  pal_version(r->job->context, version, sizeof version);
  char *mask = cli_word_of(r->job->task, pal_task_format(r->job->task)->mask);
  json_t *settings = json_object();
  pal_model_settings(r->job->model, put_setting, &settings);
  json_t *line =
      json_pack("{s:s, s:i, s:o, s:s, s:s, s:o, s:I, s:o}", "kind", "instance", "schema",
                CLI_TRACE_SCHEMA, "version", cli_json_text(version), "task", r->job->task_name,
                "model", r->job->model_name, "mask", mask ? cli_json_text(mask) : NULL, "seed",
                (json_int_t)r->job->decode_seed, "settings", settings);
  free(mask);
  if (line && board)
    cli_json_put(&line, "board",
                 json_pack("{s:i, s:i, s:i, s:i, s:o}", "rows", board->rows, "columns",
                           board->columns, "wide", board->wide ? board->wide : 1, "block",
                           board->block, "sorts", names(board->sort_name, board->sorts)));
  if (line && diagram)
    cli_json_put(&line, "diagram",
                 json_pack("{s:o, s:o}", "nodes", names(diagram->node_sort, diagram->node_sorts),
                           "edges", names(diagram->edge_sort, diagram->edge_sorts)));
  emit(r, line);
}

static json_t *board_of(const pal_picture *p) {
  char sort[PAL_PICTURE_CELLS];
  const size_t cells = (size_t)(p->rows * p->columns);
  for (size_t i = 0; i < cells; i++) sort[i] = (char)('0' + p->sort[i]);
  return json_pack("{s:s%, s:s%}", "glyph", p->glyph, cells * (p->wide ? (size_t)p->wide : 1),
                   "sort", sort, cells);
}

static json_t *diagram_of(const pal_diagram *d) {
  json_t *nodes = json_array(), *edges = json_array();
  for (int i = 0; i < d->nodes; i++)
    cli_json_append(&nodes, json_pack("[s, f, f, i]", d->node[i].label, (double)d->node[i].x,
                                      (double)d->node[i].y, d->node[i].sort));
  for (int i = 0; i < d->edges; i++)
    cli_json_append(&edges,
                    json_pack("[i, i, i]", d->edge[i].from, d->edge[i].to, d->edge[i].sort));
  return json_pack("{s:o, s:o}", "nodes", nodes, "edges", edges);
}

/* Records a state. */
static void record(recording *r, const int32_t *token, int n, bool last) {
  static pal_picture board; /* these are large */
  static pal_diagram diagram;
  const pal_task *task = r->job->task;
  const bool boards = task_of(r)->picture != NULL, diagrams = task_of(r)->diagram != NULL;
  int cut = 0;
  if (r->error.code) return;
  if (boards) pal_task_picture(task, r->instance, r->job->form, token, n, &board, &r->error);
  if (diagrams && !r->error.code)
    pal_task_diagram(task, r->instance, r->job->form, token, n, &diagram, &r->error);
  if (r->error.code) return;
  if (!r->before) start(r, boards ? &board : NULL, diagrams ? &diagram : NULL);
  else add_edits(r, token, n, last, &cut);
  json_t *tokens = json_array();
  for (int i = 0; i < n && tokens; i++) cli_json_append(&tokens, word(r, token[i]));
  char *text = cli_text_of(task, token, n);
  json_t *line =
      json_pack("{s:s, s:i, s:i, s:o, s:o}", "kind", "pass", "pass", r->passes++, "length", n,
                "tokens", tokens, "printed", text ? cli_json_text(text) : NULL);
  free(text);
  if (r->edits && line) cli_json_put(&line, "edits", r->edits);
  else json_decref(r->edits);
  r->edits = NULL;
  if (cut && line) cli_json_put(&line, "cut", json_integer(cut));
  if (boards && line) cli_json_put(&line, "board", board_of(&board));
  if (diagrams && line) cli_json_put(&line, "diagram", diagram_of(&diagram));
  emit(r, line);
  if (n >= r->room) {
    r->room = 2 * n + 1;
    int32_t *grown = realloc(r->before, sizeof *grown * (size_t)r->room);
    if (grown) r->before = grown;
    else no_memory(r), r->room = 0;
  }
  r->n_before = n;
  if (r->room && n) memcpy(r->before, token, sizeof *token * (size_t)n);
}

/* ---- decoding ---------------------------------------------------------------------------- */

static void watch(int index, const pal_decoded *state, void *data) {
  (void)index;
  record(data, state->token, state->n, false);
}

/* A copy of n elements of 4 bytes in place of `own`; NULL for NULL. */
static void *keep(recording *r, void *own, const void *from, int n) {
  free(own);
  if (!from) return NULL;
  void *copy = malloc(4 * (size_t)(n ? n : 1));
  if (copy && n) memcpy(copy, from, 4 * (size_t)n);
  if (!copy) no_memory(r);
  return copy;
}

static void keep_edits(int index, const pal_edits *e, void *data) {
  recording *r = data;
  (void)index;
  r->told = true;
  r->first = e->first;
  r->n = e->n;
  r->chance[0] = keep(r, r->chance[0], e->token_chance, e->n);
  for (int k = 0; k < PAL_BITS; k++) {
    r->bit[k] = keep(r, r->bit[k], e->bit[k], e->n);
    r->chance[1 + k] = keep(r, r->chance[1 + k], e->bit_chance[k], e->n);
  }
}

static void put_verdict(recording *r, const pal_decoded *d, bool exact) {
  const char *passes = d->forward_passes == 1 ? "pass" : "passes";
  if (task_of(r)->likelihood) /* there is no one right answer */
    snprintf(r->verdict, r->verdict_size, "%s after %d %s",
             d->halted ? "halted by itself" : "stopped by the cap", d->forward_passes, passes);
  else if (exact && (d->halted || task_of(r)->single_step))
    snprintf(r->verdict, r->verdict_size, "solved in %d %s", d->forward_passes, passes);
  else
    snprintf(r->verdict, r->verdict_size, "failed: %s after %d %s",
             d->halted ? "halted by itself on a wrong answer" : "stopped by the cap",
             d->forward_passes, passes);
}

/* Called when decoding has ended: records the last state, and the end. */
static void finish(int index, const pal_decoded *d, void *data) {
  recording *r = data;
  if (r->done) r->done(index, d, r->data);
  record(r, d->token, d->n, true);
  const pal_score score =
      task_of(r)->score(r->job->task, r->instance, r->job->form, d->token, d->n);
  put_verdict(r, d, score.exact);
  json_t *line = json_pack("{s:s, s:i, s:b, s:s}", "kind", "end", "passes", r->passes - 1, "halted",
                           d->halted, "verdict", r->verdict);
  if (line && !task_of(r)->likelihood) cli_json_put(&line, "exact", json_boolean(score.exact));
  if (!r->error.code) emit(r, line);
  else json_decref(line);
}

static pal_status decode(const cli_job *job, const pal_example *instance, recording *r,
                         cli_on_decoded done, void *data, pal_error *error) {
  pal_decode_options options = {.sequences = 1, .seed = job->decode_seed};
  if (r) options.watch = watch, options.edits = keep_edits, options.watch_data = r;
  if (cli_step_cap(job, instance, &options.max_steps, error) ||
      pal_task_answer_room(job->task, instance, job->form, &options.answer_room, error))
    return error->code;
  if (job->max_steps) options.max_steps = job->max_steps;
  if (job->own_room) options.answer_room = instance->answer_room;
  options.max_length = cli_most_rows(job, instance->n_prompt, options.answer_room);
  pal_decoder *decoder = pal_decoder_new(job->model, &options, error);
  pal_status status = decoder ? pal_decode(decoder, instance, 1, done, data, error) : error->code;
  pal_decoder_free(decoder);
  return status;
}

pal_status cli_decode_one(const cli_job *job, const pal_example *instance, cli_on_decoded done,
                          void *data, pal_error *error) {
  return decode(job, instance, NULL, done, data, error);
}

pal_status cli_trace_decode(const cli_job *job, const pal_example *instance, cli_trace *trace,
                            FILE *to, cli_on_decoded done, void *data, char *verdict, size_t size,
                            pal_error *error) {
  const size_t vocabulary = (size_t)pal_task_format(job->task)->vocabulary;
  recording r = {.job = job,
                 .instance = instance,
                 .trace = trace,
                 .to = to,
                 .done = done,
                 .data = data,
                 .word = calloc(vocabulary, sizeof *r.word),
                 .verdict = verdict,
                 .verdict_size = size};
  *verdict = 0;
  pal_status status = r.word ? decode(job, instance, &r, finish, &r, error)
                             : pal_fail(error, PAL_E_MEMORY, "no memory for a trace");
  if (!status && r.error.code) status = pal_fail(error, r.error.code, "%s", r.error.text);
  for (size_t i = 0; i < vocabulary && r.word; i++) json_decref(r.word[i]);
  free(r.word);
  free(r.before);
  for (int k = 0; k < PAL_BITS; k++) free(r.bit[k]);
  for (int k = 0; k <= PAL_BITS; k++) free(r.chance[k]);
  return status;
}
