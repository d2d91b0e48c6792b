/* SPDX-License-Identifier: Apache-2.0 */
/* The command line (floor 7). */
#ifndef PAL_CLI_OPTIONS_H
#define PAL_CLI_OPTIONS_H

#include <palimpsest/palimpsest.h>
#include <stdio.h>

enum { CLI_MAX_SET = 128, CLI_MAX_PLUGINS = 16, CLI_MAX_FILES = 8 };

/* The command line, taken apart. */
typedef struct cli_options {
  const char *verb, *argument, *second; /* palimpsest VERB ARGUMENT SECOND */
  const char *set[CLI_MAX_SET];         /* key=value, in order; later wins */
  int n_set;
  char *owned[CLI_MAX_SET]; /* those of the form --KEY VALUE */
  int n_owned;
  const char *plugin[CLI_MAX_PLUGINS];
  int n_plugins;
  const char *file[CLI_MAX_FILES]; /* of --data, the first of which is data */
  int n_files;
  const char *config, *data, *json, *out, *models, *model, *budget, *recipe, *isa;
  int threads, seeds, n, resume, steps;
  double keep_every; /* seconds, 0: not given */
  const char *svg, *html, *answers;
  bool quiet, help, watch, train, decode;
} cli_options;

/* PAL_E_ARGUMENT with what is wrong; to be freed in any case. */
pal_status cli_parse(int argc, char **argv, cli_options *options, pal_error *error);
void cli_options_free(cli_options *options);
void cli_usage(FILE *to, const char *verb);
#endif
