/* SPDX-License-Identifier: Apache-2.0 */
/* Prompts of a user's own: palimpsest sample --prompt and --infill (floor 8). */
#ifndef PAL_CLI_PROMPT_H
#define PAL_CLI_PROMPT_H

#include "cli/job.h"

/* The text and the settings that --prompt or --infill ask for. Zero-initialise. */
typedef struct cli_prompt {
  char *text; /* owned */
  size_t size;
  bool scanned;        /* the task reads any text; false: it reads an instance of its own */
  bool infill;         /* marks in the text are to be filled */
  int32_t *token;      /* [n]: the text, marks as masks; owned */
  int n, room;         /* `room`: tokens to be added behind it */
  cli_options options; /* those of the command line, with defaults for prompts before them */
  const char *data;    /* for cli_run_open: "" where the run's data are not needed */
} cli_prompt;

/* Reads the text, and decides by the run's config how it is opened: with prompt->options and
 * prompt->data. */
pal_status cli_prompt_open(cli_prompt *prompt, pal_context *context, const cli_options *options,
                           pal_error *error);
/* Sets the temperature of text that is decoded without a prompt to the same default, 0.8. */
pal_status cli_prompt_warm(pal_context *context, cli_options *options, pal_error *error);
void cli_prompt_close(cli_prompt *prompt);
/* Sets *example to the text as an instance of the job, which is open now. Its arrays are those of
 * the prompt or of the task. */
pal_status cli_prompt_read(cli_prompt *prompt, cli_job *job, pal_example *example,
                           pal_error *error);
/* Decodes n samples of a scanned text and prints them to stdout, and their numbers of forward
 * passes to stderr. */
pal_status cli_prompt_sample(const cli_prompt *prompt, cli_job *job, int n, pal_error *error);
#endif
