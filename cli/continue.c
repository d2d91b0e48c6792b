/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding of texts of a user's own, see prompt.h (floor 8).
 *
 * A causal model appends tokens until its window, the longest sequence of training, is full. Then
 * the window slides: decoding goes on from its last half, as in the context shift of llama.cpp,
 * with new random draws. Other models see the whole text. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/evaluate.h"
#include "cli/prompt.h"
#include "cli/text.h"

/* Added to a sample's number for each slide of its window: other draws than before, and than those
 * of other samples. And the most samples that are decoded together. */
static const uint32_t ANOTHER = 0x9E3779B9;
enum { TOGETHER = 256 };

typedef struct sample {
  int32_t *token; /* [n], the prompt included; owned */
  int n, passes;
  int slides;    /* times that the window has slid */
  bool halted;   /* the model ended the text, or wrote as many tokens as were wanted */
  bool finished; /* nothing is left to do */
  bool stopped;  /* the text of --stop has come */
  int begin;     /* first token of the window */
  int wanted;    /* tokens that this turn is to add */
} sample;

/* The samples that are decoded together. */
typedef struct group {
  const cli_prompt *prompt;
  cli_job *job;
  sample *at;           /* [n] */
  sample **turn;        /* [n]: those that are not finished */
  pal_example *example; /* [n]: their windows */
  int n, first;         /* number of samples; those that other groups hold before them */
  int context, room;
  bool appends; /* tokens are added behind the text; false: anywhere in it */
  int shown;    /* streaming: tokens of the first sample that are on the terminal */
} group;

/* ---- output ------------------------------------------------------------------------------ */

/* Whether the text ends within a UTF-8 character, as the bytes of a model of bytes may. */
static bool ends_within(const char *text) {
  const size_t n = strlen(text);
  size_t back = 1;
  while (back < 4 && back < n && ((unsigned char)text[n - back] & 0xC0) == 0x80) back++;
  const unsigned char c = n ? (unsigned char)text[n - back] : 0;
  return (c >= 0xC0 && back < 2) || (c >= 0xE0 && back < 3) || (c >= 0xF0 && back < 4);
}

/* Prints the tokens before token n that are not shown yet. `token` points to token `begin`. */
static void stream(group *g, const int32_t *token, int begin, int n, bool last) {
  if (g->shown < begin || g->shown >= n) return;
  char *text = cli_text_of(g->job->task, token + (g->shown - begin), n - g->shown);
  if (text && (last || !ends_within(text))) {
    cli_show(stdout, text);
    fflush(stdout);
    g->shown = n;
  }
  free(text);
}

static void watch(int index, const pal_decoded *state, void *data) {
  group *g = data;
  const int begin = g->turn[index]->begin;
  stream(g, state->token, begin, begin + state->n, false);
}

/* Where the text of --stop stands in the n tokens behind the prompt, before their first mask; NULL:
 * nowhere. *text is their text, to be freed. */
static char *find_stop(const group *g, const int32_t *token, int n, char **text) {
  const int32_t mask = pal_task_format(g->job->task)->mask;
  int written = 0;
  while (written < n && token[written] != mask) written++;
  *text = cli_text_of(g->job->task, token, written);
  return *text ? strstr(*text, g->prompt->options.stop) : NULL;
}

/* Asked before every pass: whether the text of --stop has come. In a window that has slid, what it
 * still holds is searched; the rest was searched before. */
static bool has_stop(int index, const pal_decoded *state, void *data) {
  group *g = data;
  sample *s = g->turn[index];
  char *text = NULL;
  const int first = s->begin < g->prompt->n ? g->prompt->n - s->begin : 0;
  if (state->n > first && find_stop(g, state->token + first, state->n - first, &text))
    s->stopped = true;
  free(text);
  return s->stopped;
}

static void report(const group *g, const sample *s, int number) {
  const int32_t mask = pal_task_format(g->job->task)->mask;
  const char *temperature = pal_model_text(g->job->model, "temperature");
  int masks = 0;
  char left[64] = "";
  for (int i = 0; i < s->n; i++) masks += s->token[i] == mask;
  if (masks && !s->stopped)
    snprintf(left, sizeof left, "; %d masks are left (--max-steps N)", masks);
  cli_say("sample %d: %d forward passes, %d tokens%s%s, %s%s", number, s->passes, s->n,
          temperature ? ", temperature " : "", temperature ? temperature : "",
          s->stopped  ? "ended by --stop"
          : s->halted ? "halted by itself"
                      : "stopped by the cap",
          left);
}

static pal_status print(const group *g, const sample *s, pal_error *error) {
  const int n = s->stopped ? g->prompt->n : s->n;
  char *text = cli_text_of(g->job->task, s->token, n), *rest = NULL;
  char *stop = text && s->stopped ? find_stop(g, s->token + n, s->n - n, &rest) : NULL;
  if (!text || (s->stopped && !stop)) {
    free(text);
    free(rest);
    return pal_fail(error, PAL_E_MEMORY, "no memory for a sample's text");
  }
  cli_show(stdout, text);
  if (stop) *stop = 0, cli_show(stdout, rest);
  free(text);
  free(rest);
  return PAL_OK;
}

/* ---- decoding ---------------------------------------------------------------------------- */

static void receive(int index, const pal_decoded *d, void *data) {
  group *g = data;
  sample *s = g->turn[index];
  const int before = g->example[index].n_prompt, added = d->n - before;
  memcpy(s->token + s->begin, d->token, sizeof *d->token * (size_t)d->n);
  s->n = s->begin + d->n;
  s->passes += d->forward_passes;
  s->finished = !g->appends || added < s->wanted || s->n >= g->prompt->n + g->room;
  s->halted = d->halted && (added < s->wanted || g->room == g->prompt->room);
  if (g->prompt->options.stop) has_stop(index, d, g);
  s->finished = s->finished || s->stopped;
}

/* Sets the windows of the samples that are not finished; returns their number. */
static int put_windows(group *g) {
  int n = 0;
  for (int i = 0; i < g->n; i++) {
    sample *s = &g->at[i];
    if (s->finished) continue;
    const bool full = g->appends && s->n >= g->context;
    s->begin = full ? s->n - g->context / 2 : 0;
    s->slides += full;
    const int known = s->n - s->begin, left = g->prompt->n + g->room - s->n;
    s->wanted = !g->appends || left < g->context - known ? left : g->context - known;
    g->turn[n] = s;
    g->example[n++] = (pal_example){.id = (uint32_t)(g->first + i) + ANOTHER * (uint32_t)s->slides,
                                    .prompt = s->token + s->begin,
                                    .n_prompt = known,
                                    .answer_room = s->wanted};
  }
  return n;
}

/* The most forward passes of a sample that is not appended to. */
static int cap_of(const group *g) {
  const pal_model_definition *d = pal_model_definition_of(g->job->model);
  pal_decode_settings own = {.steps = 0};
  if (d->decode_settings) d->decode_settings(g->job->model, &own);
  const int tokens = d->form == PAL_FORM_TRANSITION ? g->context : g->prompt->n + g->room;
  if (g->job->max_steps) return g->job->max_steps;
  return own.steps > 4 * tokens ? (int)own.steps : 4 * tokens;
}

static pal_status decode(group *g, bool streams, pal_error *error) {
  const pal_decode_options options = {
      .sequences = g->n,
      .max_length = g->appends ? g->context : cli_most_rows(g->job, g->prompt->n, g->room),
      .max_steps = g->appends ? g->context : cap_of(g),
      .seed = g->job->decode_seed,
      .watch = streams ? watch : NULL,
      .enough = g->prompt->options.stop ? has_stop : NULL,
      .watch_data = g};
  pal_decoder *decoder = pal_decoder_new(g->job->model, &options, error);
  pal_status status = decoder ? PAL_OK : error->code;
  for (int n; !status && (n = put_windows(g)) > 0;)
    status = pal_decode(decoder, g->example, n, receive, g, error);
  pal_decoder_free(decoder);
  return status;
}

/* Decodes the samples from number `first` on that the group holds, and prints them. */
static pal_status decode_and_print(group *g, bool streams, pal_error *error) {
  const bool several = g->prompt->options.n > 1;
  const int n = g->prompt->n;
  if (streams) {
    g->shown = 0;
    if (g->first > 0) puts("---");
    stream(g, g->at->token, 0, n, true);
  }
  pal_status status = decode(g, streams, error);
  for (int i = 0; i < g->n && !status; i++) {
    if (!streams && several && g->first + i > 0) puts("---");
    if (!streams) status = print(g, &g->at[i], error);
    else stream(g, g->at->token, 0, g->at->n, true);
    putchar('\n');
    fflush(stdout);
    if (!g->prompt->options.quiet) report(g, &g->at[i], g->first + i + 1);
  }
  return status;
}

static void say_window(const group *g) {
  if (g->appends && g->prompt->n + g->room > g->context)
    cli_say("the model's window has %d tokens, fewer than these %d: whenever it is full, decoding "
            "goes on from its last %d",
            g->context, g->prompt->n + g->room, g->context / 2);
}

/* Room for the samples of a group, each with a copy of the prompt. */
static pal_status prepare(group *g, pal_error *error) {
  const size_t rows = (size_t)g->prompt->n + (size_t)g->room + 2 * (size_t)g->context;
  g->at = calloc((size_t)g->n, sizeof *g->at);
  g->turn = calloc((size_t)g->n, sizeof *g->turn);
  g->example = calloc((size_t)g->n, sizeof *g->example);
  bool failed = !g->at || !g->turn || !g->example;
  for (int i = 0; i < g->n && !failed; i++) {
    g->at[i] = (sample){.token = malloc(sizeof(int32_t) * rows), .n = g->prompt->n};
    failed = !g->at[i].token;
    if (!failed) memcpy(g->at[i].token, g->prompt->token, sizeof(int32_t) * (size_t)g->prompt->n);
  }
  return failed ? pal_fail(error, PAL_E_MEMORY, "no memory for %d samples", g->n) : PAL_OK;
}

static void release(group *g) {
  for (int i = 0; i < g->n && g->at; i++) free(g->at[i].token);
  free(g->at);
  free(g->turn);
  free(g->example);
}

pal_status cli_prompt_sample(const cli_prompt *p, cli_job *job, int n, pal_error *error) {
  const pal_model_definition *d = pal_model_definition_of(job->model);
  const bool streams = d->cached && !p->infill && !p->options.stop && isatty(STDOUT_FILENO);
  pal_status status = PAL_OK;
  for (int first = 0; first < n && !status;) {
    const int left = n - first;
    group g = {.prompt = p,
               .job = job,
               .n = streams           ? 1
                    : left < TOGETHER ? left
                                      : TOGETHER,
               .first = first,
               .context = pal_task_format(job->task)->context,
               .room = p->room,
               .appends = d->cached && !p->infill};
    if (g.appends && job->max_steps && job->max_steps < g.room) g.room = job->max_steps;
    if (first == 0 && !p->options.quiet) say_window(&g);
    status = prepare(&g, error);
    if (!status) status = decode_and_print(&g, streams, error);
    release(&g);
    first += g.n;
  }
  return status;
}
