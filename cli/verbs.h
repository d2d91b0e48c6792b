/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of the program and its exit codes (floor 8). */
#ifndef PAL_CLI_VERBS_H
#define PAL_CLI_VERBS_H

#include "cli/options.h"

enum cli_exit {
  CLI_DONE = 0,
  CLI_FAILED = 1,   /* input and output, memory, internal errors */
  CLI_USAGE = 2,    /* wrong usage, config or data; also when some lines of a file were refused */
  CLI_DIVERGED = 3, /* the loss became infinite or NaN */
  CLI_CHECK = 4,    /* check-op or simulate found a fault */
  CLI_SIGNAL = 128  /* plus the signal's number */
};

/* The verbs; each returns an exit code. */
int cli_verb_train(pal_context *context, const cli_options *options);
int cli_verb_eval(pal_context *context, const cli_options *options);
int cli_verb_sample(pal_context *context, const cli_options *options);
int cli_verb_trace(pal_context *context, const cli_options *options);
int cli_verb_instances(pal_context *context, const cli_options *options);
int cli_verb_plot(pal_context *context, const cli_options *options);
int cli_verb_report(pal_context *context, const cli_options *options);
int cli_verb_compare(pal_context *context, const cli_options *options);
int cli_verb_plan(pal_context *context, const cli_options *options);
int cli_verb_compile(pal_context *context, const cli_options *options);
int cli_verb_simulate(pal_context *context, const cli_options *options);
int cli_verb_pram(pal_context *context, const cli_options *options);
int cli_verb_check_op(pal_context *context, const cli_options *options);
int cli_verb_bench(pal_context *context, const cli_options *options);
int cli_verb_new(pal_context *context, const cli_options *options);
int cli_verb_info(pal_context *context, const cli_options *options);
/* Prints the error to stderr and returns its exit code. */
int cli_report(const pal_error *error);
#endif
