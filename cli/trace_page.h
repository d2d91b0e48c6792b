/* SPDX-License-Identifier: Apache-2.0 */
/* The states of one instance as a picture or a page (floor 7). */
#ifndef PAL_CLI_TRACE_PAGE_H
#define PAL_CLI_TRACE_PAGE_H

#include "cli/trace.h"

/* Boards with their captions, evenly chosen passes when there are many. */
pal_status cli_trace_svg(const cli_trace *trace, const char *path, pal_error *error);
/* A page without anything external; arrow keys and a slider step through the passes. */
pal_status cli_trace_html(const cli_trace *trace, const char *path, pal_error *error);
#endif
