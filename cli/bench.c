/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest bench: turns the command line into a request for the measurements of bench/ (floor
 * 8). */
#include "bench/measure.h"
#include "cli/json.h"
#include "cli/lock.h"
#include "cli/provenance.h"
#include "cli/options.h"
#include "cli/verbs.h"

/* Where the results come from; NULL without memory. */
static json_t *head_of(const cli_options *o) {
  json_t *head = cli_provenance_head(), *set = json_array();
  for (int i = 0; i < o->n_set; i++) cli_json_append(&set, cli_json_text(o->set[i]));
  cli_json_put(&head, "settings", set);
  return head;
}

int cli_verb_bench(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  cli_lock lock = {0};
  const bench_request request = {.section = o->argument,
                                 .name = o->second,
                                 .set = o->set,
                                 .n_set = o->n_set,
                                 .rounds = o->n,
                                 .all_threads_only = o->threads > 0,
                                 .out = o->out,
                                 .json = o->json,
                                 .head = head_of(o)};
  pal_status status = bench_check(&request, &error);
  if (!status && o->out) status = pal_directory_create(o->out, &error);
  if (!status && o->out) status = cli_lock_acquire(&lock, o->out, &error);
  if (!status) status = bench_measure(context, &request, &error);
  cli_lock_release(&lock);
  json_decref(request.head);
  return status ? cli_report(&error) : CLI_DONE;
}
