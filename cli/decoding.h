/* SPDX-License-Identifier: Apache-2.0 */
/* Edits and lengths over decoding, as charts (floor 8). */
#ifndef PAL_CLI_DECODING_H
#define PAL_CLI_DECODING_H

#include "cli/chart.h"
#include "cli/job.h"
#include "cli/trace.h"

/* The charts of a trace: edits of each kind that occurs, and length in tokens, both as means over
 * the instances, by the number of the pass. An instance that has ended makes no more edits and
 * keeps its length. */
enum { CLI_DECODING_CHARTS = 2 };
/* Draws both, to be freed in any case. PAL_E_FORMAT for a trace without a pass. */
pal_status cli_decoding_charts(cli_chart chart[CLI_DECODING_CHARTS], const cli_trace *trace,
                               pal_error *error);
/* Decodes the first n instances of the first set of the job's task into the trace. */
pal_status cli_decoding_record(cli_job *job, int n, cli_trace *trace, pal_error *error);
#endif
