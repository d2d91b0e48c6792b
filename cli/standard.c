/* SPDX-License-Identifier: Apache-2.0 */
/* See standard.h (floor 8). */
#include "cli/standard.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int output = -1; /* the descriptor of standard output, while stdout leads elsewhere */

static bool is_dash(const char *path) { return path && strcmp(path, "-") == 0; }

/* Puts the device in place of "-". *used becomes the option that took standard input. */
static pal_status open_input(const char **path, const char *option, const char **used,
                             pal_error *error) {
  if (!is_dash(*path)) return PAL_OK;
  if (*used)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "standard input (\"-\") can be read only once, not for %s and for %s", *used,
                    option);
  *used = option;
  *path = "/dev/stdin";
  return PAL_OK;
}

static pal_status open_inputs(cli_options *o, pal_error *error) {
  const char *used = NULL;
  const bool keeps = strcmp(o->verb, "train") == 0 || strcmp(o->verb, "compare") == 0;
  if (keeps)
    for (int i = 0; i < o->n_files; i++)
      if (is_dash(o->file[i]))
        return pal_fail(error, PAL_E_ARGUMENT,
                        "--data -: %s reads its data again, so it takes the name of a file",
                        o->verb);
  pal_status status = open_input(&o->config, "--config", &used, error);
  if (!status) status = open_input(&o->recipe, "--recipe", &used, error);
  if (!status) status = open_input(&o->argument, o->verb, &used, error);
  for (int i = 0; i < o->n_files && !status; i++)
    status = open_input(&o->file[i], "--data", &used, error);
  if (o->n_files) o->data = o->file[0];
  return status;
}

void cli_standard_hold(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0) (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

pal_status cli_standard(cli_options *o, pal_error *error) {
  static char device[32]; /* for bench, which writes its own files */
  const char *all[] = {o->json, o->svg, o->html, o->answers, o->trace};
  int n = 0;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) n += is_dash(all[i]);
  if (n > 1)
    return pal_fail(error, PAL_E_ARGUMENT, "only one file can go to standard output (\"-\")");
  if (n && (fflush(stdout) || (output = dup(STDOUT_FILENO)) < 0 ||
            dup2(STDERR_FILENO, STDOUT_FILENO) < 0))
    return pal_fail(error, PAL_E_IO, "standard output: %s", strerror(errno));
  if (n && strcmp(o->verb, "bench") == 0) {
    snprintf(device, sizeof device, "/dev/fd/%d", output);
    o->json = device;
  }
  return open_inputs(o, error);
}

bool cli_write_all(int fd, const void *data, size_t n) {
  for (const char *at = data; n > 0;) {
    const ssize_t put = write(fd, at, n);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    at += put;
    n -= (size_t)put;
  }
  return true;
}

pal_status cli_save(const char *path, const void *data, size_t size, pal_error *error) {
  if (!is_dash(path)) return pal_file_replace(path, data, size, error);
  return cli_write_all(output, data, size)
             ? PAL_OK
             : pal_fail(error, PAL_E_IO, "standard output: %s", strerror(errno));
}
