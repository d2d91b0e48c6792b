/* SPDX-License-Identifier: Apache-2.0 */
/* Records the states of one instance pass by pass, and shows them as text (floor 8). */
#ifndef PAL_CLI_TRACE_H
#define PAL_CLI_TRACE_H

#include "cli/job.h"

/* The states of one instance. */
typedef struct cli_trace {
  const cli_job *job;
  const pal_example *instance;
  pal_picture
      *state;  /* [n] pictures before the first pass and after each; unset if the task draws none */
  char **text; /* [n] the same as text; NULL entries when the task draws pictures */
  int n, room;
  bool failed;       /* out of memory for a state */
  pal_error error;   /* of drawing a picture */
  char verdict[128]; /* the last line: solved or failed, and in how many passes */
} cli_trace;

/* Numbers of cells that one pass changed: mask to token, token to mask, token to other token. */
typedef struct cli_changes {
  int written, remasked, rewritten;
} cli_changes;

/* Receives the decoded instance, as pal_decode calls it. */
typedef void (*cli_on_decoded)(int index, const pal_decoded *decoded, void *data);
/* Decodes one instance, calls `done` with the result, and records its states in `trace` unless that
 * is NULL. */
pal_status cli_decode_one(const cli_job *job, const pal_example *instance, cli_trace *trace,
                          cli_on_decoded done, void *data, pal_error *error);
/* Decodes one instance, records its states and composes the verdict. Free the trace in any case. */
pal_status cli_trace_decode(cli_trace *trace, const cli_job *job, const pal_example *instance,
                            pal_error *error);
void cli_trace_free(cli_trace *trace);
/* The changes of pass k >= 1, of a task that draws pictures. */
cli_changes cli_trace_changes(const cli_trace *trace, int k);
/* The caption of state k: "start", or "pass 3: 12 written, 0 remasked". */
void cli_trace_caption(const cli_trace *trace, int k, char *text, size_t size);
/* Shows the trace on stdout: on a terminal one board in colour that is redrawn for each pass,
 * elsewhere plain boards, several side by side. */
void cli_trace_show(const cli_trace *trace);
#endif
