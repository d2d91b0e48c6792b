/* SPDX-License-Identifier: Apache-2.0 */
/* Plans and their instances.
 *
 *   graph --pal_compile--> plan --pal_exec_new--> instance --pal_exec_run--> outputs, variables
 *
 * pal_compile turns a graph into an immutable plan: dead code is removed, common subexpressions are
 * shared, constants folded, steps grouped into stages, and one arena is laid out for all values,
 * with every symbol at its capacity. So one plan serves every row count up to that.
 *
 * An instance (pal_exec) owns an arena and input buffers. Instances of one plan may run at the same
 * time on different threads, as long as no plan that runs then assigns a variable they use. */
#ifndef PAL_PLAN_H
#define PAL_PLAN_H

#include <palimpsest/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pal_plan pal_plan;
typedef struct pal_exec pal_exec;

/* NULL on failure: the graph's own first error, PAL_E_ARGUMENT for reads and writes of a variable
 * that cannot be ordered, PAL_E_MEMORY. The graph may be freed afterwards; context and store must
 * outlive the plan. */
PAL_API pal_plan *pal_compile(pal_graph *graph, pal_error *error);
PAL_API void pal_plan_free(pal_plan *plan);

typedef struct pal_plan_stats {
  size_t arena_bytes;        /* of one instance, at capacity */
  size_t largest_live;       /* bytes of the largest set of values alive at once: a lower bound of
                                arena_bytes */
  size_t task_scratch_bytes; /* scratch memory per worker */
  size_t kept_bytes;         /* packed-weight cache of an instance that is held (pal_exec_hold) */
  int steps, stages;         /* op nodes; groups of them between barriers */
  int chains; /* groups of row-local steps that run chunk by chunk without a barrier */
  int barriers;
  double flops; /* of a run at capacity; matrix and attention products, 2 per multiply-add */
  double bytes; /* read and written by the ops in a run at capacity */
} pal_plan_stats;
PAL_API pal_plan_stats pal_plan_statistics(const pal_plan *plan);
/* The plan for people to read: steps by stage, chains, arena offsets, costs. Freed with free(). */
PAL_API char *pal_plan_report(const pal_plan *plan);
/* The rewritten graph of the plan in the text form of pal_graph_dump; freed with free(). */
PAL_API char *pal_plan_dump(const pal_plan *plan);

/* A new instance; NULL on failure (PAL_E_MEMORY). Inputs are zero and counts at capacity at first.
 * The plan must outlive it. */
PAL_API pal_exec *pal_exec_new(pal_plan *plan, pal_error *error);
PAL_API void pal_exec_free(pal_exec *exec);

/* Sets the count of a symbol for the following runs. PAL_E_NOT_FOUND for an unknown name;
 * PAL_E_CAPACITY, with error->needed, above the capacity; PAL_E_ARGUMENT below 0 or for a symbol
 * that an op of the plan sets. The count of a looped symbol changes at every run. */
PAL_API pal_status pal_exec_count(pal_exec *exec, const char *symbol, int64_t count,
                                  pal_error *error);
/* The present count of a symbol, also of one that an op set in the last run; -1 for an unknown
 * name. */
PAL_API int64_t pal_exec_count_of(const pal_exec *exec, const char *symbol);
/* The buffer of an input, row-major with room for its capacity, to be filled before a run; NULL for
 * an unknown name. Inputs that nothing depends on have one too. The address of a looped input
 * changes at every run. */
PAL_API void *pal_exec_input(pal_exec *exec, const char *name);
/* The elements of an output after a run that succeeded, valid until the next run (an output that is
 * a variable: as long as pal_variable_data says); NULL for an unknown name. *rows, unless NULL,
 * receives its active rows (extent of axis 0). */
PAL_API const void *pal_exec_output(const pal_exec *exec, const char *name, int64_t *rows);

/* Runs the plan once with the context's threads, small plans on one. The results do not depend on
 * the number of threads. On failure outputs are undefined, and every variable and looped input is
 * as it was before. */
PAL_API pal_status pal_exec_run(pal_exec *exec, pal_error *error);
/* The same on the calling thread alone. */
PAL_API pal_status pal_exec_run_serial(pal_exec *exec, pal_error *error);

/* Turns the packed-weight cache of an instance on or off. While it is on, weights are packed for
 * the kernels once instead of in every run, so the caller must not change any variable that the
 * plan reads, neither by hand nor by other plans. After a change call it again with `on`, which
 * empties the cache. PAL_E_MEMORY: no memory for the cache (kept_bytes); the instance runs as
 * before. */
PAL_API pal_status pal_exec_hold(pal_exec *exec, bool on, pal_error *error);

/* Computes the plan's graph again in double precision with each op's reference function, for tests.
 * Inputs, variables and counts are those of `exec`, which does not change. Outputs can be read from
 * the result, which is freed with pal_reference_free before the plan. NULL on failure. */
typedef struct pal_reference_result pal_reference_result;
PAL_API pal_reference_result *pal_exec_reference(const pal_exec *exec, pal_error *error);
/* As pal_exec_output, in double. */
PAL_API const double *pal_reference_output(const pal_reference_result *result, const char *name,
                                           int64_t *rows);
PAL_API void pal_reference_free(pal_reference_result *result);

#ifdef __cplusplus
}
#endif
#endif
