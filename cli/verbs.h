/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of the program and how they end (floor 7). */
#ifndef PAL_CLI_VERBS_H
#define PAL_CLI_VERBS_H

#include "cli/options.h"

enum cli_exit {
  CLI_DONE = 0,
  CLI_FAILED = 1,
  CLI_USAGE =
      2, /* bad usage, config or data; also when only some instances of a file were refused */
  CLI_DIVERGED = 3, /* a non-finite loss */
  CLI_CHECK = 4,    /* check-op found a fault */
  CLI_SIGNAL = 128  /* plus the signal's number */
};

/* The verbs; each returns an exit code. */
int cli_verb_train(pal_context *context, const cli_options *options);
int cli_verb_eval(pal_context *context, const cli_options *options);
int cli_verb_sample(pal_context *context, const cli_options *options);
int cli_verb_instances(pal_context *context, const cli_options *options);
int cli_verb_compare(pal_context *context, const cli_options *options);
int cli_verb_plan(pal_context *context, const cli_options *options);
int cli_verb_check_op(pal_context *context, const cli_options *options);
int cli_verb_bench(pal_context *context, const cli_options *options);
int cli_verb_info(pal_context *context, const cli_options *options);
/* Prints the error to stderr; the exit code that goes with it. */
int cli_report(const pal_error *error);
#endif
