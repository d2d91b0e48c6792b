/* SPDX-License-Identifier: Apache-2.0 */
/* The store: named, typed variables that outlive every plan.
 *
 * Parameters, optimizer moments, EMA weights, key/value caches, decoding state. Names
 * are hierarchical, "block.0.attention.qkv.weight". Training, evaluation and decoding
 * plans bind the same store. Plans replace a variable's contents only when a whole run
 * succeeds. Variables have static shapes. */
#ifndef PAL_STORE_H
#define PAL_STORE_H

#include <palimpsest/context.h>
#include <palimpsest/type.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pal_store pal_store;
typedef struct pal_variable pal_variable;

typedef enum pal_role {
  PAL_PARAMETER, /* trained; saved with the weights */
  PAL_STATE,     /* moments, counters; saved with the trainer's state */
  PAL_SCRATCH    /* caches, decoding state, blocks of other variables; not saved */
} pal_role;

typedef enum pal_init_kind { PAL_INIT_CONSTANT, PAL_INIT_NORMAL, PAL_INIT_UNIFORM } pal_init_kind;

/* First contents: `scale` everywhere; or N(0, scale^2); or uniform in [-scale, scale).
 * Drawn from (store seed, variable name, element), so the order of creation is no matter. */
typedef struct pal_init {
  pal_init_kind kind;
  double scale;
} pal_init;
#define PAL_ZEROS ((pal_init){PAL_INIT_CONSTANT, 0.0})
#define PAL_ONES ((pal_init){PAL_INIT_CONSTANT, 1.0})
#define PAL_NORMAL(s) ((pal_init){PAL_INIT_NORMAL, (s)})
#define PAL_UNIFORM(s) ((pal_init){PAL_INIT_UNIFORM, (s)})

/* NULL when out of memory. */
PAL_API pal_store *pal_store_new(uint64_t seed);
PAL_API void pal_store_free(pal_store *store);

/* The variable of that name, made if absent. PAL_E_SHAPE when it exists with another
 * type or role; PAL_E_ARGUMENT for a symbolic type or an empty name. */
PAL_API pal_status pal_store_variable(pal_store *store, const char *name, pal_type type,
                                      pal_role role, pal_init init, pal_variable **variable,
                                      pal_error *error);
/* NULL when absent. */
PAL_API pal_variable *pal_store_find(const pal_store *store, const char *name);
PAL_API size_t pal_store_count(const pal_store *store);
/* In order of creation; NULL past the end. */
PAL_API pal_variable *pal_store_at(const pal_store *store, size_t index);

PAL_API const char *pal_variable_name(const pal_variable *variable);
PAL_API const pal_type *pal_variable_type(const pal_variable *variable);
PAL_API pal_role pal_variable_role(const pal_variable *variable);
PAL_API size_t pal_variable_bytes(const pal_variable *variable);
/* Present contents; the pointer holds until the next run that assigns the variable, or until a trainer
 * is made, which lays parameters and their moments out side by side. With several trainers of a model, or
 * plans of one's own that assign its parameters, until the next run of any of them. */
PAL_API void *pal_variable_data(pal_variable *variable);
/* Draws the first contents anew, as the store's seed and `init` of its creation give them. */
PAL_API void pal_variable_reset(pal_variable *variable);

#ifdef __cplusplus
}
#endif
#endif
