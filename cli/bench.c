/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest bench: turns the command line into a request for the measurements of bench/ (floor
 * 8). */
#include "bench/measure.h"
#include "cli/lock.h"
#include "cli/options.h"
#include "cli/verbs.h"

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
                                 .json = o->json};
  pal_status status = bench_check(&request, &error);
  if (!status && o->out) status = pal_directory_create(o->out, &error);
  if (!status && o->out) status = cli_lock_acquire(&lock, o->out, &error);
  if (!status) status = bench_measure(context, &request, &error);
  cli_lock_release(&lock);
  return status ? cli_report(&error) : CLI_DONE;
}
