/* SPDX-License-Identifier: Apache-2.0 */
/* See decoding.h (floor 8). */
#include "cli/decoding.h"

#include <stdlib.h>

#include "cli/evaluate.h"
#include "cli/text.h"
#include "cli/trace_record.h"

enum { LENGTH = CLI_EDITS }; /* as a kind of value */

/* The value of an instance at pass k; of one that has ended earlier, at its end. */
static double value_at(const cli_traced *t, int kind, int k) {
  const cli_pass *pass = &t->pass[k < t->n ? k : t->n - 1];
  if (kind == LENGTH) return pass->n;
  return k < t->n ? pass->count[kind] : 0;
}

/* Adds the mean over the instances from pass `first` to `last`; edits that never occur are left
 * out. */
static pal_status add(cli_chart *c, const cli_trace *t, int kind, const char *name, int first,
                      int last, pal_error *error) {
  cli_series *s = &c->series[c->n];
  const size_t room = (size_t)(last - first + 1);
  double most = 0;
  s->n = 0;
  s->name = cli_print(error, "%s", name);
  s->x = calloc(room, sizeof *s->x);
  s->y = calloc(room, sizeof *s->y);
  c->n++; /* freed with the chart from here on */
  if (!s->name || !s->x || !s->y) return pal_fail(error, PAL_E_MEMORY, "no memory for a plot");
  for (int k = first; k <= last; k++, s->n++) {
    s->x[s->n] = k;
    for (int i = 0; i < t->n; i++) s->y[s->n] += value_at(&t->instance[i], kind, k) / t->n;
    if (s->y[s->n] > most) most = s->y[s->n];
  }
  if (s->y[s->n - 1] > c->y.high) c->y.high = s->y[s->n - 1];
  if (most > c->y.high) c->y.high = most;
  if (kind != LENGTH && most == 0) {
    free(s->name);
    free(s->x);
    free(s->y);
    c->n--;
  }
  return PAL_OK;
}

static pal_status fill(cli_chart *c, const cli_trace *t, int from, int to, int last,
                       pal_error *error) {
  c->series = calloc((size_t)(to - from + 1), sizeof *c->series);
  if (!c->series) return pal_fail(error, PAL_E_MEMORY, "no memory for a plot");
  pal_status status = PAL_OK;
  for (int kind = from; kind <= to && !status; kind++)
    status = add(c, t, kind, kind == LENGTH ? "length" : cli_edit_done[kind], kind != LENGTH, last,
                 error);
  c->x.whole = true;
  cli_axis_mark(&c->x, 0, last, false);
  cli_axis_mark(&c->y, 0, c->y.high > 0 ? c->y.high : 1, false);
  return status;
}

pal_status cli_decoding_charts(cli_chart chart[CLI_DECODING_CHARTS], const cli_trace *t,
                               pal_error *error) {
  int last = 0;
  chart[0] = (cli_chart){.title = "edits by pass"};
  chart[1] = (cli_chart){.title = "length by pass"};
  for (int i = 0; i < t->n; i++)
    if (t->instance[i].n - 1 > last) last = t->instance[i].n - 1;
  if (!last) return pal_fail(error, PAL_E_FORMAT, "the trace has no pass that could be plotted");
  chart[0].x.name = chart[1].x.name = "pass";
  chart[0].y.name = t->n > 1 ? "edits, mean of the instances" : "edits";
  chart[1].y.name = t->n > 1 ? "tokens, mean of the instances" : "tokens";
  const pal_status status = fill(&chart[0], t, 0, CLI_EDITS - 1, last, error);
  return status ? status : fill(&chart[1], t, LENGTH, LENGTH, last, error);
}

pal_status cli_decoding_record(cli_job *job, int n, cli_trace *trace, pal_error *error) {
  int size = 0;
  job->decode_seed = CLI_DECODE_SEED;
  pal_status status = pal_task_set_size(job->task, 0, &size, error);
  for (int i = 0; i < n && i < size && !status; i++) {
    pal_example e;
    char verdict[128];
    status = pal_task_instance(job->task, 0, i, job->form, &e, error);
    if (!status)
      status = cli_trace_decode(job, &e, trace, NULL, NULL, NULL, verdict, sizeof verdict, error);
  }
  return status;
}
