/* SPDX-License-Identifier: Apache-2.0 */
/* See manifest.h (floor 8). */
#include "cli/manifest.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/json_text.h"
#include "cli/json.h"
#include "cli/provenance.h"

/* Writes the manifest and gives up the caller's reference. */
static pal_status save(const char *path, json_t *all, pal_error *error) {
  char *text = bench_json_text(all, JSON_INDENT(2));
  json_decref(all);
  if (!text) return pal_fail(error, PAL_E_MEMORY, "%s: no memory for a manifest", path);
  const pal_status status = pal_file_replace(path, text, strlen(text), error);
  free(text);
  return status;
}

pal_status cli_manifest_write(const char *path, const cli_job *job, pal_error *error) {
  json_t *all = cli_provenance_head();
  cli_json_put(&all, "seed", json_integer((json_int_t)job->seed));
  cli_json_put(&all, "inputs", cli_provenance_inputs(job));
  cli_json_put(&all, "resumed", json_array());
  return save(path, all, error);
}

/* The manifest in that file; NULL without an error if there is none. */
static json_t *read_manifest(const char *path, pal_error *error) {
  json_error_t wrong;
  if (access(path, F_OK) != 0) return NULL;
  json_t *all = json_load_file(path, 0, &wrong);
  if (!json_is_object(all))
    pal_fail(error, PAL_E_FORMAT, "%s:%d: %s", path, all ? 1 : wrong.line,
             all ? "no JSON object" : wrong.text);
  return all;
}

pal_status cli_manifest_check(const char *path, const cli_job *job, pal_error *error) {
  json_t *then = read_manifest(path, error), *now = then ? cli_provenance_inputs(job) : NULL;
  if (then && !error->code && !now)
    pal_fail(error, PAL_E_MEMORY, "no memory to compare the files of a run");
  if (then && !error->code) cli_provenance_compare(json_object_get(then, "inputs"), now, error);
  json_decref(then);
  json_decref(now);
  return error->code;
}

pal_status cli_manifest_resume(const char *path, const cli_job *job, pal_error *error) {
  json_t *all = read_manifest(path, error), *head = cli_provenance_head();
  json_t *resumed = json_object_get(all, "resumed");
  if (error->code || !json_is_array(resumed)) {
    json_decref(all);
    json_decref(head);
    return error->code;
  }
  cli_json_put(&head, "step", json_integer((json_int_t)pal_trainer_done(job->trainer)));
  if (json_array_append_new(resumed, head)) {
    json_decref(all);
    return pal_fail(error, PAL_E_MEMORY, "%s: no memory for a manifest", path);
  }
  return save(path, all, error);
}
