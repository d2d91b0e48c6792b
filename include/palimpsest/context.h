/* SPDX-License-Identifier: Apache-2.0 */
/* The context: one open registry, the instruction set in use, the thread count.
 *
 * Everything that has a name is entered by the definition call of its kind: pal_define_op (op.h),
 * pal_define_optimizer (optim.h), pal_define_model (model.h), pal_define_task (task.h). A call
 * checks the definition and says by name what is missing; the library's own definitions go through
 * the same calls as a plug-in's. A context may be used from one thread at a time. */
#ifndef PAL_CONTEXT_H
#define PAL_CONTEXT_H

#include <palimpsest/isa.h>
#include <palimpsest/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes whenever a public struct or the meaning of a call changes. */
#define PAL_ABI 5

typedef struct pal_context pal_context;

typedef struct pal_options {
  int threads;     /* 0: what OpenMP would use (OMP_NUM_THREADS) */
  const char *isa; /* caps the instruction set: "generic", "avx2", ...; NULL: PAL_ISA from
                      the environment, else the best this machine has */
} pal_options;

/* A context with an EMPTY registry (see pal_open in palimpsest.h for a full one);
 * options may be NULL. NULL on failure, described in `error`. */
PAL_API pal_context *pal_context_new(const pal_options *options, pal_error *error);
PAL_API void pal_context_free(pal_context *context);

PAL_API pal_isa pal_context_isa(const pal_context *context);
/* Threads in use: as many as were asked for or, where the system does not let so many be made (a
 * limit of processes, say), as many as can be; and as many as were asked for. A child forked after
 * a run has one. */
PAL_API int pal_context_threads(const pal_context *context);
PAL_API int pal_context_threads_wanted(const pal_context *context);
/* At least 1; results do not depend on it. */
PAL_API void pal_context_set_threads(pal_context *context, int threads);

/* The definition of that kind ("op", "optimizer", "model", "task") and name, or NULL. */
PAL_API const void *pal_lookup(const pal_context *context, const char *kind, const char *name);
/* Calls visit(name, definition, data) for every definition of a kind, in order of definition. */
PAL_API void pal_each(const pal_context *context, const char *kind,
                      void (*visit)(const char *name, const void *definition, void *data),
                      void *data);

/* What a plug-in (a shared object) exports under the name `palimpsest_plugin`. */
typedef struct pal_plugin {
  uint32_t abi;     /* PAL_ABI */
  uint32_t op_size; /* sizeof(pal_op) */
  const char *name;
  pal_status (*define)(pal_context *context, pal_error *error); /* calls pal_define_op and so on */
} pal_plugin;

/* Loads a shared object and lets it define its ops, models and tasks. It stays
 * loaded until the context is freed. On failure (PAL_E_NOT_FOUND, PAL_E_ABI or define's own)
 * what it had defined is forgotten and the object unloaded. */
PAL_API pal_status pal_plugin_load(pal_context *context, const char *path, pal_error *error);

#ifdef __cplusplus
}
#endif
#endif
