/* SPDX-License-Identifier: Apache-2.0 */
/* Records the states of one instance pass by pass, and shows them as text (floor 8). */
#include "cli/trace.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/evaluate.h"
#include "cli/job.h"
#include "cli/terminal.h"
#include "cli/text.h"

/* ---- recording ------------------------------------------------------------------------------- */

/* Appends a state to the trace, as a picture where the task draws them, else as text. */
static void record(cli_trace *t, const int32_t *token, int n) {
  const pal_task *task = t->job->task;
  if (t->n == t->room && !t->failed) {
    size_t room = t->room ? 2 * (size_t)t->room : 64;
    pal_picture *states = realloc(t->state, sizeof *states * room);
    if (states) t->state = states;
    char **texts = realloc(t->text, sizeof *texts * room);
    if (texts) t->text = texts;
    t->failed = !states || !texts;
    if (!t->failed) t->room = (int)room;
  }
  if (t->failed || t->error.code) return;
  t->text[t->n] = NULL;
  if (pal_task_definition_of(task)->picture) {
    pal_error *own = &t->error;
    if (pal_task_picture(task, t->instance, t->job->form, token, n, &t->state[t->n], own)) return;
  } else {
    t->text[t->n] = cli_text_of(task, token, n);
    t->failed = !t->text[t->n];
  }
  t->n++;
}

static void watch(int index, const pal_decoded *state, void *data) {
  (void)index;
  record(data, state->token, state->n);
}

/* Called when decoding has ended: records the last state and composes the verdict. */
static void finish(int index, const pal_decoded *d, void *data) {
  cli_trace *t = data;
  (void)index;
  record(t, d->token, d->n);
  const pal_score score = pal_task_definition_of(t->job->task)
                              ->score(t->job->task, t->instance, t->job->form, d->token, d->n);
  const char *passes = d->forward_passes == 1 ? "pass" : "passes";
  if (pal_task_definition_of(t->job->task)->likelihood) /* there is no one right answer */
    snprintf(t->verdict, sizeof t->verdict, "%s after %d %s",
             d->halted ? "halted by itself" : "stopped by the cap", d->forward_passes, passes);
  else if (score.exact && (d->halted || pal_task_definition_of(t->job->task)->single_step))
    snprintf(t->verdict, sizeof t->verdict, "solved in %d %s", d->forward_passes, passes);
  else
    snprintf(t->verdict, sizeof t->verdict, "failed: %s after %d %s",
             d->halted ? "halted by itself on a wrong answer" : "stopped by the cap",
             d->forward_passes, passes);
}

pal_status cli_decode_one(const cli_job *job, const pal_example *instance, cli_trace *trace,
                          cli_on_decoded done, void *data, pal_error *error) {
  pal_decode_options options = {
      .sequences = 1, .seed = job->decode_seed, .watch = trace ? watch : NULL, .watch_data = trace};
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

pal_status cli_trace_decode(cli_trace *t, const cli_job *job, const pal_example *instance,
                            pal_error *error) {
  *t = (cli_trace){.job = job, .instance = instance};
  pal_status status = cli_decode_one(job, instance, t, finish, t, error);
  if (!status && t->error.code) status = pal_fail(error, t->error.code, "%s", t->error.text);
  if (!status && t->failed) status = pal_fail(error, PAL_E_MEMORY, "no memory for %d states", t->n);
  return status;
}

void cli_trace_free(cli_trace *t) {
  for (int i = 0; i < t->n && t->text; i++) free(t->text[i]);
  free(t->text);
  free(t->state);
}

cli_changes cli_trace_changes(const cli_trace *t, int k) {
  const pal_picture *a = &t->state[k - 1], *b = &t->state[k];
  cli_changes c = {0};
  for (int i = 0; i < b->rows * b->columns; i++) {
    if (!a->sort[i] && b->sort[i]) c.written++;
    else if (a->sort[i] && !b->sort[i]) c.remasked++;
    else c.rewritten += a->sort[i] != b->sort[i] || a->glyph[i] != b->glyph[i];
  }
  return c;
}

void cli_trace_caption(const cli_trace *t, int k, char *text, size_t size) {
  if (k == 0) {
    snprintf(text, size, "start");
    return;
  }
  const cli_changes c = cli_trace_changes(t, k);
  int used = snprintf(text, size, "pass %d: %d written, %d remasked", k, c.written, c.remasked);
  if (c.rewritten && used > 0 && (size_t)used < size)
    snprintf(text + used, size - (size_t)used, ", %d rewritten", c.rewritten);
}

/* ---- on a terminal --------------------------------------------------------------------------- */

static const char *const colour[PAL_PICTURE_SORTS] = {"\033[2m",  "\033[1m",  "\033[32m",
                                                      "\033[33m", "\033[36m", "\033[35m"};
static const char normal[] = "\033[0m", reverse[] = "\033[7m";

static void rule(const pal_picture *p) {
  for (int c = 0; c < p->columns; c++) printf("%s", p->block && c % p->block == 0 ? "+---" : "--");
  printf("+\n");
}

/* Draws a picture and returns its number of lines. Cells that differ from `before` are in reverse
 * video. */
static int draw_in_colour(const pal_picture *p, const pal_picture *before) {
  int lines = 0;
  for (int r = 0; r < p->rows; r++) {
    if (p->block && r % p->block == 0) rule(p), lines++;
    for (int c = 0; c < p->columns; c++) {
      const int i = r * p->columns + c;
      const bool new = before && (before->sort[i] != p->sort[i] || before->glyph[i] != p->glyph[i]);
      printf("%s%s%s%c%s", p->block && c % p->block == 0 ? c ? " | " : "| " : " ",
             colour[p->sort[i]], new ? reverse : "", p->glyph[i], normal);
    }
    printf(p->block ? " |\n" : "\n");
    lines++;
  }
  if (p->block) rule(p), lines++;
  return lines;
}

/* Waits a quarter of a second between states, or less when there are more than 60 of them, so that
 * no trace takes much longer than 15 seconds. */
static void wait_between(const cli_trace *t) {
  const double longest = 0.25, all = 15, each = all / t->n < longest ? all / t->n : longest;
  const struct timespec pause = {0, (long)(each * 1e9)};
  nanosleep(&pause, NULL);
}

static void show_on_terminal(const cli_trace *t) {
  const pal_picture *p = t->state;
  for (int s = 0; s < p->sorts; s++)
    printf("%s%s%s%s", s ? ", " : "", colour[s], p->sort_name[s], normal);
  printf(", %schanged in this pass%s\n", reverse, normal);
  int lines = 0;
  for (int k = 0; k < t->n; k++) {
    char caption[96];
    cli_trace_caption(t, k, caption, sizeof caption);
    if (lines) printf("\033[%dA", lines);
    printf("\033[K%s\n", caption);
    lines = 1 + draw_in_colour(&p[k], k ? &p[k - 1] : NULL);
    fflush(stdout);
    if (k + 1 < t->n) wait_between(t);
  }
}

/* ---- elsewhere ------------------------------------------------------------------------------- */

/* The mark after a cell's character, by its sort: plain text has no colours. */
static const char suffix[PAL_PICTURE_SORTS] = {' ', ' ', '\'', '?', '!', '"'};

/* Prints row r of the board, padded to `width` characters (0: no padding). */
static void put_row(const pal_picture *p, int r, int width) {
  for (int c = 0; c < p->columns; c++) {
    const int i = r * p->columns + c;
    if (c && p->block && c % p->block == 0) width -= printf("| ");
    width -= printf("%c%c", p->glyph[i], suffix[p->sort[i]]);
  }
  if (width > 0) printf("%*s", width, "");
}

/* Prints the boards of all passes, as many side by side as fit into the width. */
static void show_plainly(const cli_trace *t) {
  enum { GAP = 5, CAPTION = 33 };
  const pal_picture *p = t->state;
  int width = 2 * p->columns + (p->block ? 2 * ((p->columns - 1) / p->block) : 0) + GAP;
  int gap = GAP;
  if (width < CAPTION + 2) width = CAPTION + 2, gap = 2;
  const int fit = (cli_columns(stdout) - 1 + gap) / width, beside = fit > 1 ? fit : 1;
  for (int s = 0; s < p->sorts; s++)
    printf("%s%s%c = %s", s ? ", " : "", s ? "5" : ".", suffix[s], p->sort_name[s]);
  printf("\n");
  for (int k = 0; k < t->n; k += beside) {
    const int end = k + beside < t->n ? k + beside : t->n;
    printf("\n");
    for (int i = k; i < end; i++) {
      char caption[96];
      cli_trace_caption(t, i, caption, sizeof caption);
      printf("%-*s", i + 1 < end ? width : 0, caption);
    }
    printf("\n");
    for (int r = 0; r < p->rows; r++) {
      for (int i = k; i < end; i++) put_row(&p[i], r, i + 1 < end ? width : 0);
      printf("\n");
      if (p->block && (r + 1) % p->block == 0 && r + 1 < p->rows) {
        for (int i = k; i < end; i++) {
          int n = 0;
          for (int c = 0; c < p->columns; c++)
            n += printf("%s", c && c % p->block == 0 ? "+---" : "--");
          printf("%*s", i + 1 < end ? width - n : 0, "");
        }
        printf("\n");
      }
    }
  }
  printf("\n");
}

/* Whether a picture, with its frame and captions, fits on the terminal, so that the next can be
 * drawn over it. */
static bool fits(const pal_picture *p) {
  const int rules = p->block ? p->rows / p->block + 2 : 0,
            frame = p->block ? 2 * (p->columns / p->block) + 2 : 0;
  return p->rows + rules + 2 <= cli_lines_high(stdout) &&
         2 * p->columns + frame < cli_columns(stdout);
}

void cli_trace_show(const cli_trace *t) {
  if (!pal_task_definition_of(t->job->task)->picture)
    for (int k = 0; k < t->n; k++) {
      printf(k ? "pass %d: " : "start%.0d: ", k);
      cli_show(stdout, t->text[k]);
      printf("\n");
    }
  else if (cli_colours(stdout) && fits(t->state)) show_on_terminal(t);
  else show_plainly(t);
  printf("%s\n", t->verdict);
}
