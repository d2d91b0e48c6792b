/* SPDX-License-Identifier: Apache-2.0 */
/* The context: the registry of definitions, the instruction set in use, the number of threads.
 *
 * Ops, optimizers, models and tasks are registered by name with the call of their kind:
 * pal_define_op (op.h), pal_define_optimizer (optim.h), pal_define_model (model.h), pal_define_task
 * (task.h). Each call checks the definition and names what is missing. The library's own
 * definitions go through the same calls as a plug-in's. A context may be used from one thread at a
 * time. */
#ifndef PAL_CONTEXT_H
#define PAL_CONTEXT_H

#include <palimpsest/isa.h>
#include <palimpsest/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes whenever a public struct or the meaning of a call changes. */
#define PAL_ABI 7

typedef struct pal_context pal_context;

typedef struct pal_options {
  int threads; /* number of threads; 0: OpenMP's default (OMP_NUM_THREADS) */
  /* Instruction set: "generic", "avx2", ... NULL: that of the environment variable PAL_ISA, else
   * the widest that this machine has. */
  const char *isa;
} pal_options;

/* A context with an EMPTY registry (see pal_open in palimpsest.h for a full one);
 * options may be NULL. NULL on failure, described in `error`. */
PAL_API pal_context *pal_context_new(const pal_options *options, pal_error *error);
PAL_API void pal_context_free(pal_context *context);

PAL_API pal_isa pal_context_isa(const pal_context *context);
/* Threads in use, and threads requested. The former is smaller where the system refuses to create
 * that many, for instance because of a limit on processes. In a child process forked after a run it
 * is 1 in effect, since a fork copies only one thread. */
PAL_API int pal_context_threads(const pal_context *context);
PAL_API int pal_context_threads_wanted(const pal_context *context);
/* Sets the number of threads, at least 1. Results do not depend on it. */
PAL_API void pal_context_set_threads(pal_context *context, int threads);

/* The definition of that kind ("op", "optimizer", "model", "task") and name, for example a pal_op;
 * or NULL. */
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

/* Loads a shared object and calls its `define`. A `path` without a slash is a file in the current
 * folder or, if there is none of that name, in the folders that dlopen searches. The object stays
 * loaded until the context is freed. On failure (PAL_E_NOT_FOUND, PAL_E_ABI or the failure of
 * `define`) its definitions are removed and the object is unloaded. */
PAL_API pal_status pal_plugin_load(pal_context *context, const char *path, pal_error *error);

#ifdef __cplusplus
}
#endif
#endif
