/* SPDX-License-Identifier: Apache-2.0 */
/* Where results come from: version, command, settings, and the files that were read, with hashes
 * (floor 8). The JSON of all verbs and the manifest of a run directory are made of these; they are
 * described in doc/formats.md. */
#ifndef PAL_CLI_PROVENANCE_H
#define PAL_CLI_PROVENANCE_H

#include <jansson.h>

#include "cli/job.h"

/* Remembers the command line and the version, for cli_provenance_head. */
void cli_provenance_start(const pal_context *context, int argc, char **argv);
/* The command as a line of text, with quotes where a shell needs them, to be freed; NULL without
 * memory. */
char *cli_provenance_command(void);
/* {"schema", "version", "command"}. This and the following are NULL without memory. */
json_t *cli_provenance_head(void);
/* All settings of the job with their values, as texts: {"task.KEY": "VALUE", ...}. */
json_t *cli_provenance_settings(const cli_job *job);
/* The files that the job's task reads, and the plug-ins: [{"name", "path", "bytes", "xxh3"}, ...].
 */
json_t *cli_provenance_inputs(const cli_job *job);
/* Likewise, the files that options name, and the weights of the run that `eval` opens. */
json_t *cli_provenance_files(const cli_options *options);

/* Compares such a list with one that was made earlier, at the beginning of a run. The first file
 * that has changed since is PAL_E_ARGUMENT, by name; files under another path are not compared. */
pal_status cli_provenance_compare(const json_t *then, const json_t *now, pal_error *error);
#endif
