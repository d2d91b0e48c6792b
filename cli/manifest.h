/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest of a run directory: how the run was made, and hashes of the files that it read
 * (floor 8). See doc/formats.md. */
#ifndef PAL_CLI_MANIFEST_H
#define PAL_CLI_MANIFEST_H

#include "cli/job.h"

/* Writes the manifest of a new run. */
pal_status cli_manifest_write(const char *path, const cli_job *job, pal_error *error);
/* PAL_E_ARGUMENT, by name, if a file that the job reads has changed since the run began. A run
 * without a manifest, of an earlier version, has nothing to compare. */
pal_status cli_manifest_check(const char *path, const cli_job *job, pal_error *error);
/* Notes that the run goes on, after the steps that the job's trainer has done. */
pal_status cli_manifest_resume(const char *path, const cli_job *job, pal_error *error);
#endif
