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
#include <stdbool.h>

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

/* How a trainer treats a parameter. */
typedef struct pal_traits {
  bool decays; /* weight decay shrinks it */
  bool matrix; /* of rank 2, and the matrix optimizer's (e.g. Muon's) where there is one */
  bool frozen; /* has no gradient and is never updated; it is kept with the others */
  double rate; /* factor of the learning rate; 0 stands for 1 */
} pal_traits;
/* A weight matrix between layers; one that is not a matrix optimizer's, as that of an output layer;
 * everything else: embeddings, whose unused rows would only shrink, gains, biases. */
#define PAL_WEIGHT ((pal_traits){true, true, false, 0})
#define PAL_OUTPUT_WEIGHT ((pal_traits){true, false, false, 0})
#define PAL_PLAIN ((pal_traits){false, false, false, 0})

/* NULL when out of memory. */
PAL_API pal_store *pal_store_new(uint64_t seed);
PAL_API void pal_store_free(pal_store *store);

/* The variable of that name, made if absent. PAL_E_SHAPE when it exists with another
 * type or role; PAL_E_ARGUMENT for a symbolic type or an empty name. */
PAL_API pal_status pal_store_variable(pal_store *store, const char *name, pal_type type,
                                      pal_role role, pal_init init, pal_variable **variable,
                                      pal_error *error);
/* The same for a parameter with traits of its own; others have those of PAL_WEIGHT when they are
 * parameters of rank 2, and those of PAL_PLAIN. PAL_E_ARGUMENT when it exists with other traits, or for
 * a matrix that is not of rank 2. */
PAL_API pal_status pal_store_parameter(pal_store *store, const char *name, pal_type type,
                                       pal_init init, pal_traits traits, pal_variable **variable,
                                       pal_error *error);
/* Parameter i, from 0, in order of creation; NULL past the last. */
PAL_API pal_variable *pal_store_parameter_at(const pal_store *store, int i);
/* NULL when absent. */
PAL_API pal_variable *pal_store_find(const pal_store *store, const char *name);
PAL_API size_t pal_store_count(const pal_store *store);
/* In order of creation; NULL past the end. */
PAL_API pal_variable *pal_store_at(const pal_store *store, size_t index);

PAL_API const char *pal_variable_name(const pal_variable *variable);
PAL_API const pal_type *pal_variable_type(const pal_variable *variable);
PAL_API pal_role pal_variable_role(const pal_variable *variable);
/* With a rate above 0. */
PAL_API pal_traits pal_variable_traits(const pal_variable *variable);
PAL_API size_t pal_variable_bytes(const pal_variable *variable);
/* Present contents; the pointer holds until the next run that assigns the variable, or until a trainer
 * is made, which lays parameters and their moments out side by side. With several trainers of a model, or
 * plans of one's own that assign its parameters, until the next run of any of them. */
PAL_API void *pal_variable_data(pal_variable *variable);
/* Draws the first contents anew, as the store's seed and `init` of its creation give them. */
PAL_API void pal_variable_reset(pal_variable *variable);

/* ---- files -------------------------------------------------------------------------------- */

/* Which variables a file is about: those of `roles`, bits 1u << PAL_PARAMETER and so on (0: parameters and
 * states), whose names begin with `prefix` (NULL: all names). Blocks of other variables are never among
 * them: their parts are. */
typedef struct pal_store_filter {
  unsigned roles;
  const char *prefix;
} pal_store_filter;

/* Writes the variables that pass the filter (NULL: all parameters and states) under their names as
 * safetensors, replacing the file as a whole or leaving it as it was, with n texts "key=value" as its
 * metadata. PAL_E_NOT_FOUND when no variable passes. */
PAL_API pal_status pal_store_save(const pal_store *store, const char *path,
                                  const pal_store_filter *filter, const char *const *metadata,
                                  int n, pal_error *error);
/* Reads them back into variables that exist. Strict loading wants every variable that passes the filter
 * in the file with its type, and no other tensor; else PAL_E_FORMAT names what differs. Lenient loading
 * takes what matches in name and type and lists the rest, a line each, in *skipped (NULL when there is
 * none, else freed with free(); the argument may be NULL). Tensors whose names lack the prefix are not
 * looked at. A number that is infinite or none is refused by name.
 * PAL_E_NOT_FOUND when no variable passes the filter. On failure nothing has changed. */
PAL_API pal_status pal_store_load(pal_store *store, const char *path,
                                  const pal_store_filter *filter, bool strict, char **skipped,
                                  pal_error *error);
/* PAL_E_FORMAT when the file's metadata have another value under a key of the n texts "key=value"; a key
 * that they lack passes. */
PAL_API pal_status pal_store_check(const char *path, const char *const *metadata, int n,
                                   pal_error *error);

#ifdef __cplusplus
}
#endif
#endif
