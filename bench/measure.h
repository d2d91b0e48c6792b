/* SPDX-License-Identifier: Apache-2.0 */
/* The interface of this folder to `palimpsest bench` (floor 7): a request is checked, then
 * measured. */
#ifndef PAL_BENCH_MEASURE_H
#define PAL_BENCH_MEASURE_H

#include <jansson.h>
#include <palimpsest/palimpsest.h>

typedef struct bench_request {
  const char *section;    /* "ceilings", "gemm", ...; NULL: all of them */
  const char *name;       /* a training case, or "rows"; NULL: all of them. Of "pram": a file */
  const char *const *set; /* for training cases "model.KEY=VALUE" and "train.KEY=VALUE"; of "pram"
                           * "KEY=VALUE" of the task */
  int n_set;              /* at most BENCH_MOST_SET */
  int rounds;             /* of timings; 0: the default */
  bool all_threads_only;  /* do not measure one thread as well */
  const char *out;        /* directory to export the training case to, see export.h; or NULL */
  const char *json;       /* file for the results, or NULL */
  json_t *head;           /* members that come first in it, or NULL; borrowed */
} bench_request;
enum { BENCH_MOST_SET = 128 };

/* Checks a request without writing anything: PAL_E_ARGUMENT or PAL_E_NOT_FOUND when it cannot be
 * measured. */
pal_status bench_check(const bench_request *request, pal_error *error);
/* Carries out a request that bench_check has accepted. The directory `out` must exist and be locked
 * by the caller. */
pal_status bench_measure(pal_context *context, const bench_request *request, pal_error *error);
#endif
