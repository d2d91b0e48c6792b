/* SPDX-License-Identifier: Apache-2.0 */
/* What `palimpsest bench` asks of this folder (floor 6): one request, checked and then measured. */
#ifndef PAL_BENCH_MEASURE_H
#define PAL_BENCH_MEASURE_H

#include <palimpsest/palimpsest.h>

typedef struct bench_request {
  const char *section;    /* "ceilings", "gemm", ...; NULL: all of them */
  const char *name;       /* of a training case, or "rows"; NULL: all of them */
  const char *const *set; /* "model.KEY=VALUE" and "train.KEY=VALUE" for training cases */
  int n_set;              /* at most BENCH_MOST_SET */
  int rounds;             /* repetitions of everything; 0: as many as usual */
  bool all_threads_only;  /* and not one thread too */
  const char *out;        /* directory for what a twin needs to repeat the case, or NULL */
  const char *json;       /* file for the results, or NULL */
} bench_request;
enum { BENCH_MOST_SET = 128 };

/* PAL_E_ARGUMENT or PAL_E_NOT_FOUND when it cannot be measured. Writes nothing. */
pal_status bench_check(const bench_request *request, pal_error *error);
/* Measures what has been checked. The directory `out` exists, and nobody else writes to it. */
pal_status bench_measure(pal_context *context, const bench_request *request, pal_error *error);
#endif
