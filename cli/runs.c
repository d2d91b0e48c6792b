/* SPDX-License-Identifier: Apache-2.0 */
/* See runs.h (floor 8). */
#include "cli/runs.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/text.h"

static bool is_run(const char *directory) {
  pal_error ignored = {0};
  char *config = cli_print(&ignored, "%s/config", directory);
  const bool is = config && access(config, R_OK) == 0;
  free(config);
  return is;
}

/* Takes ownership of the path, which is NULL when there was no memory for it. */
static pal_status add(cli_runs *r, char *path, pal_error *error) {
  if (path && r->n == r->room) {
    const int room = r->room ? 2 * r->room : 16;
    char **more = realloc(r->path, sizeof *more * (size_t)room);
    if (!more) {
      free(path);
      return pal_fail(error, PAL_E_MEMORY, "no memory for the names of runs");
    }
    r->path = more;
    r->room = room;
  }
  if (path) r->path[r->n++] = path;
  return path ? PAL_OK : error->code;
}

pal_status cli_runs_add(cli_runs *r, const char *path, pal_error *error) {
  struct dirent **name = NULL;
  const int before = r->n, n = is_run(path) ? 0 : scandir(path, &name, NULL, alphasort);
  pal_status status = PAL_OK;
  for (int i = 0; i < n; i++) {
    char *below = status ? NULL : cli_print(error, "%s/%s", path, name[i]->d_name);
    if (below && (*name[i]->d_name == '.' || !is_run(below))) free(below);
    else if (!status) status = add(r, below, error);
    free(name[i]);
  }
  free(name);
  return status || r->n > before ? status : add(r, cli_print(error, "%s", path), error);
}

void cli_runs_free(cli_runs *r) {
  for (int i = 0; i < r->n; i++) free(r->path[i]);
  free(r->path);
  *r = (cli_runs){.n = 0};
}
