/* SPDX-License-Identifier: Apache-2.0 */
/* The states of one instance, pass by pass: recorded, shown, kept as a picture or a page (floor
 * 7). */
#ifndef PAL_CLI_TRACE_H
#define PAL_CLI_TRACE_H

#include "cli/job.h"

typedef struct cli_trace {
  const cli_job *job;
  const pal_example *instance;
  pal_picture
      *state;  /* [n]: before the first pass, then after each; NULL when the task draws none */
  char **text; /* [n]: the same as text, NULL when the task draws pictures */
  int n, room;
  bool failed;       /* no memory for a state */
  pal_error error;   /* of the task's pictures */
  char verdict[128]; /* the last line: solved or failed, and in how many passes */
} cli_trace;

/* Cells that one pass changed. */
typedef struct cli_changes {
  int written, remasked, rewritten;
} cli_changes;

typedef void (*cli_on_decoded)(int index, const pal_decoded *decoded, void *data);
/* Decodes one instance; its states go to `trace` unless that is NULL. */
pal_status cli_decode_one(const cli_job *job, const pal_example *instance, cli_trace *trace,
                          cli_on_decoded take, void *data, pal_error *error);
/* Decodes one instance and records it. Free the trace in any case. */
pal_status cli_trace_decode(cli_trace *trace, const cli_job *job, const pal_example *instance,
                            pal_error *error);
void cli_trace_free(cli_trace *trace);
/* Changes of pass k >= 1. */
cli_changes cli_trace_changes(const cli_trace *trace, int k);
/* "pass 3: 12 written, 0 remasked" */
void cli_trace_caption(const cli_trace *trace, int k, char *text, size_t size);
/* On a terminal one board in colour, redrawn; elsewhere plain boards, some beside each other. */
void cli_trace_show(const cli_trace *trace);
#endif
