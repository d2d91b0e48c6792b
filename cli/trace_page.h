/* SPDX-License-Identifier: Apache-2.0 */
/* A trace as an SVG picture or as an HTML page (floor 8). */
#ifndef PAL_CLI_TRACE_PAGE_H
#define PAL_CLI_TRACE_PAGE_H

#include "cli/trace.h"

/* PAL_E_UNSUPPORTED, with the task's name, for states that are neither boards nor diagrams. */
pal_status cli_trace_svg_check(const char *task, bool drawn, pal_error *error);
/* Writes boards or diagrams with captions as SVG; of many passes, twelve that are evenly spaced. */
pal_status cli_trace_svg(const cli_traced *instance, const char *path, pal_error *error);
/* Writes an HTML page that loads nothing else and plays the instances of any task. */
pal_status cli_trace_page(FILE *to, const cli_trace *trace, pal_error *error);
/* The same as a file. */
pal_status cli_trace_html(const cli_trace *trace, const char *path, pal_error *error);
#endif
