/* SPDX-License-Identifier: Apache-2.0 */
/* See plugins.h (floor 8). */
#include "cli/plugins.h"

#include <stdlib.h>
#include <string.h>

/* Absolute paths, kept until the process ends. */
static char *loaded[CLI_MAX_PLUGINS];
static int n_loaded;

pal_status cli_plugins_load(pal_context *context, const cli_options *o, pal_error *error) {
  for (int i = 0; i < o->n_plugins; i++) {
    if (pal_plugin_load(context, o->plugin[i], error)) return error->code;
    char *path = realpath(o->plugin[i], NULL);
    if (!path) path = strdup(o->plugin[i]);
    if (!path) return pal_fail(error, PAL_E_MEMORY, "no memory for the name of a plug-in");
    loaded[n_loaded++] = path;
  }
  return PAL_OK;
}

const char *cli_plugins_at(int i) { return i < n_loaded ? loaded[i] : NULL; }

static const char *name_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

pal_status cli_plugins_require(const char *path, pal_error *error) {
  for (int i = 0; i < n_loaded; i++)
    if (strcmp(name_of(path), name_of(loaded[i])) == 0) return PAL_OK;
  return pal_fail(error, PAL_E_NOT_FOUND,
                  "the run uses the plug-in %s; give it as well: --plugin %s", name_of(path), path);
}
