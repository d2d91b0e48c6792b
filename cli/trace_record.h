/* SPDX-License-Identifier: Apache-2.0 */
/* Decodes instances one at a time and records their states (floor 8). */
#ifndef PAL_CLI_TRACE_RECORD_H
#define PAL_CLI_TRACE_RECORD_H

#include "cli/job.h"
#include "cli/trace.h"

/* Receives the decoded instance, as pal_decode calls it. */
typedef void (*cli_on_decoded)(int index, const pal_decoded *decoded, void *data);
/* Decodes one instance and calls `done` with the result. */
pal_status cli_decode_one(const cli_job *job, const pal_example *instance, cli_on_decoded done,
                          void *data, pal_error *error);
/* Decodes one instance and adds its lines to the trace and to the stream, of which either may be
 * NULL. Its verdict ("solved in 19 passes") is written to `verdict`.
 * `done`, unless NULL, gets the result too. */
pal_status cli_trace_decode(const cli_job *job, const pal_example *instance, cli_trace *trace,
                            FILE *to, cli_on_decoded done, void *data, char *verdict, size_t size,
                            pal_error *error);
#endif
