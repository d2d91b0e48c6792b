/* SPDX-License-Identifier: Apache-2.0 */
/* Plans and their instances.
 *
 * pal_compile turns a graph into an immutable plan: dead code gone, common
 * subexpressions shared, constants folded, steps grouped into stages, one arena laid out
 * at capacity. An instance (pal_exec) owns an arena and input buffers; instances of one
 * plan may run at the same time on different threads as long as no plan running then
 * assigns a variable they use. */
#ifndef PAL_PLAN_H
#define PAL_PLAN_H

#include <palimpsest/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pal_plan pal_plan;
typedef struct pal_exec pal_exec;

/* NULL on failure: the graph's own first error, or PAL_E_MEMORY. The graph may be freed
 * afterwards; the context and store may not. */
PAL_API pal_plan *pal_compile(pal_graph *graph, pal_error *error);
PAL_API void pal_plan_free(pal_plan *plan);

typedef struct pal_plan_stats {
  size_t arena_bytes;        /* laid out at capacity */
  size_t largest_live;       /* bytes of the largest set of values alive at once */
  size_t task_scratch_bytes; /* per worker */
  size_t kept_bytes;         /* of packed weights, beside the arena of an instance that is held */
  int steps, stages, chains, barriers;
  double flops, bytes; /* at capacity */
} pal_plan_stats;
PAL_API pal_plan_stats pal_plan_statistics(const pal_plan *plan);
/* Steps by stage with fusions, offsets and costs, as text; freed with free(). */
PAL_API char *pal_plan_report(const pal_plan *plan);
/* The rewritten graph of the plan in the text form of pal_graph_dump; freed with free(). */
PAL_API char *pal_plan_dump(const pal_plan *plan);

/* NULL on failure. All input rows start at zero, all counts at capacity. */
PAL_API pal_exec *pal_exec_new(pal_plan *plan, pal_error *error);
PAL_API void pal_exec_free(pal_exec *exec);

/* Sets the count of a symbol by name; PAL_E_CAPACITY past its capacity. Looped symbols
 * keep what the last run gave them until set again. */
PAL_API pal_status pal_exec_count(pal_exec *exec, const char *symbol, int64_t count,
                                  pal_error *error);
/* The present count of a symbol, also of one bound by the last run; -1 if unknown. */
PAL_API int64_t pal_exec_count_of(const pal_exec *exec, const char *symbol);
/* The buffer of an input at capacity, to be filled before a run; NULL if unknown (an input
 * nothing depends on is known and may be filled). A looped input moves at each run. */
PAL_API void *pal_exec_input(pal_exec *exec, const char *name);
/* An output after a run that succeeded, valid until the next (one that is a variable: as long as
 * pal_variable_data says); NULL if unknown. Its active rows go to *rows when that is not NULL. */
PAL_API const void *pal_exec_output(const pal_exec *exec, const char *name, int64_t *rows);

/* Runs with the context's threads (small plans on one). On failure outputs are undefined
 * and every variable and looped input is as it was. */
PAL_API pal_status pal_exec_run(pal_exec *exec, pal_error *error);
/* The same on the calling thread alone. */
PAL_API pal_status pal_exec_run_serial(pal_exec *exec, pal_error *error);

/* Between on and off the caller changes no variable that the plan reads, neither by hand nor by other
 * plans; so what phases make of these alone, as packed weights, is made once and not in every run. Each
 * call with `on` begins anew. PAL_E_MEMORY: no room to keep it; the instance runs on as before. */
PAL_API pal_status pal_exec_hold(pal_exec *exec, bool on, pal_error *error);

/* Interprets the plan's graph in double precision with each op's reference. Inputs,
 * variables and counts are those of `exec`, which is not changed. On success outputs can
 * be read as double from the result, which is freed with pal_reference_free. NULL on
 * failure. */
typedef struct pal_reference_result pal_reference_result;
PAL_API pal_reference_result *pal_exec_reference(const pal_exec *exec, pal_error *error);
PAL_API const double *pal_reference_output(const pal_reference_result *result, const char *name,
                                           int64_t *rows);
PAL_API void pal_reference_free(pal_reference_result *result);

#ifdef __cplusplus
}
#endif
#endif
