/* SPDX-License-Identifier: Apache-2.0 */
/* The plug-ins that this process has loaded (floor 8). */
#ifndef PAL_CLI_PLUGINS_H
#define PAL_CLI_PLUGINS_H

#include "cli/options.h"

/* Loads the plug-ins of the command line. */
pal_status cli_plugins_load(pal_context *context, const cli_options *options, pal_error *error);
/* The absolute path of loaded plug-in i from 0 on; NULL past the last. */
const char *cli_plugins_at(int i);
/* PAL_E_NOT_FOUND unless a plug-in with the file name of `path` is loaded. */
pal_status cli_plugins_require(const char *path, pal_error *error);
#endif
