/* SPDX-License-Identifier: Apache-2.0 */
/* The states of one instance as an SVG picture or an HTML page (floor 8). */
#ifndef PAL_CLI_TRACE_PAGE_H
#define PAL_CLI_TRACE_PAGE_H

#include "cli/trace.h"

/* Writes boards with captions as SVG; of many passes, twelve that are evenly spaced. */
pal_status cli_trace_svg(const cli_trace *trace, const char *path, pal_error *error);
/* Writes an HTML page that loads nothing else; arrow keys and a slider step through the passes. */
pal_status cli_trace_html(const cli_trace *trace, const char *path, pal_error *error);
#endif
