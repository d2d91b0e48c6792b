/* SPDX-License-Identifier: Apache-2.0 */
/* The command line (floor 8). */
#ifndef PAL_CLI_OPTIONS_H
#define PAL_CLI_OPTIONS_H

#include <palimpsest/palimpsest.h>

#include <stdio.h>

#include "cli/near.h"

enum { CLI_MAX_SET = 128, CLI_MAX_PLUGINS = 16, CLI_MAX_FILES = 8 };

/* The parsed command line. Texts point into argv unless they are in `owned`. */
typedef struct cli_options {
  const char *verb, *argument, *second; /* palimpsest VERB ARGUMENT SECOND */
  const char *set[CLI_MAX_SET];         /* "KEY=VALUE", in order; of several the last holds */
  int n_set;
  const char *option[CLI_MAX_SET]; /* from which each setting came, e.g. "--top-k"; NULL: --set */
  char *owned[CLI_MAX_SET + 1];    /* storage of settings written as --KEY VALUE, and of a path */
  int n_owned;
  const char *plugin[CLI_MAX_PLUGINS];
  int n_plugins;
  const char *file[CLI_MAX_FILES]; /* of --data; `data` is the first of them */
  int n_files;
  const char *config, *data, *init, *json, *out, *models, *model, *budget, *recipe, *isa;
  const char *checkpoint; /* which weights of a run: "best" or "last"; NULL: not given */
  int threads, seeds, n, resume, steps, eval_every;
  double keep_every; /* seconds between checkpoints; 0: not given */
  double speed;      /* passes per second; 0: not given */
  int instance;      /* of a trace, from 1; 0: all */
  const char *svg, *html, *answers, *trace;
  const char *prompt, *infill, *mark, *length, *seed, *sampler,
      *stop;     /* of sample; NULL: not given */
  int max_steps; /* 0: not given */
  bool quiet, help, version, watch, train, decode, init_partly;
} cli_options;

/* Parses the command line. PAL_E_ARGUMENT describes the first mistake. Call cli_options_free in any
 * case. */
pal_status cli_parse(int argc, char **argv, cli_options *options, pal_error *error);
void cli_options_free(cli_options *options);
/* Puts a setting before those of the command line, which therefore override it. */
pal_status cli_options_prepend(cli_options *options, const char *setting, pal_error *error);
/* Option i from 0 on: its name, that of its value (valid until the next call; may be empty) and its
 * description. False past the last. */
bool cli_option_at(int i, const char **name, const char **value, const char **doc);
/* Whether a verb has option i; true for NULL, which stands for all verbs. */
bool cli_option_fits(int i, const char *verb);
/* The verbs for which option i is described, with blanks between; NULL if no other option has its
 * name. */
const char *cli_option_verbs(int i);
/* Compares the names of all options. */
void cli_options_near(cli_near *near);
#endif
