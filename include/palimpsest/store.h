/* SPDX-License-Identifier: Apache-2.0 */
/* The store: named, typed variables that outlive every plan.
 *
 * It holds parameters, optimizer moments, moving averages of weights (EMA), key/value caches and
 * decoding state. Names are hierarchical, as "block.0.attention.qkv.weight". Training, evaluation
 * and decoding plans share one store. A plan changes variables only when its whole run succeeds.
 * Variables have no symbolic rows. */
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
  PAL_STATE,     /* optimizer moments, averages, counters; saved in checkpoints */
  PAL_SCRATCH    /* caches, decoding state, blocks of other variables; not saved */
} pal_role;

typedef enum pal_init_kind { PAL_INIT_CONSTANT, PAL_INIT_NORMAL, PAL_INIT_UNIFORM } pal_init_kind;

/* First contents: `scale` everywhere; or N(0, scale^2); or uniform in [-scale, scale). Draws depend
 * on the store's seed, the variable's name and the element, not on the order of creation. */
typedef struct pal_init {
  pal_init_kind kind;
  double scale;
} pal_init;
#define PAL_ZEROS ((pal_init){PAL_INIT_CONSTANT, 0.0})
#define PAL_ONES ((pal_init){PAL_INIT_CONSTANT, 1.0})
#define PAL_NORMAL(s) ((pal_init){PAL_INIT_NORMAL, (s)})
#define PAL_UNIFORM(s) ((pal_init){PAL_INIT_UNIFORM, (s)})

/* How the trainer updates a parameter. */
typedef struct pal_traits {
  bool decays; /* weight decay applies to it */
  bool matrix; /* rank 2; updated by the matrix optimizer (e.g. Muon) if one is in use */
  bool frozen; /* gets no gradient and is never updated; saved with the other parameters */
  double rate; /* factor of the learning rate; 0 means 1 */
} pal_traits;
/* Traits of the three usual kinds of parameters:
 *   PAL_WEIGHT         a weight matrix between layers
 *   PAL_OUTPUT_WEIGHT  a weight matrix that Muon should not update, as that of the output layer
 *   PAL_PLAIN          gains, biases and embeddings; decay would only shrink an embedding's unused
 * rows */
#define PAL_WEIGHT ((pal_traits){true, true, false, 0})
#define PAL_OUTPUT_WEIGHT ((pal_traits){true, false, false, 0})
#define PAL_PLAIN ((pal_traits){false, false, false, 0})

/* An empty store; `seed` decides first contents that are random. NULL when out of memory. */
PAL_API pal_store *pal_store_new(uint64_t seed);
PAL_API void pal_store_free(pal_store *store);

/* Sets *variable (unless NULL) to the variable of that name, made if absent. PAL_E_SHAPE when it
 * exists with another type or role; PAL_E_ARGUMENT for a type with a symbol, an empty name, or a
 * parameter whose name is longer than PAL_MOST_PARAMETER_NAME. */
PAL_API pal_status pal_store_variable(pal_store *store, const char *name, pal_type type,
                                      pal_role role, pal_init init, pal_variable **variable,
                                      pal_error *error);
/* The longest name of a parameter, in bytes. A longer one is refused, so that the names made from
 * it, such as those of its gradient and its moments, can never be cut to the same text. */
enum { PAL_MOST_PARAMETER_NAME = 200 };
/* The same for a parameter that declares its traits. A parameter that declares none has those of
 * PAL_WEIGHT if its rank is 2, else those of PAL_PLAIN. PAL_E_ARGUMENT when it exists with other
 * traits, or for traits.matrix when its rank is not 2. */
PAL_API pal_status pal_store_parameter(pal_store *store, const char *name, pal_type type,
                                       pal_init init, pal_traits traits, pal_variable **variable,
                                       pal_error *error);
/* The i-th variable of role PAL_PARAMETER, from 0, in order of creation; NULL past the last. */
PAL_API pal_variable *pal_store_parameter_at(const pal_store *store, int i);
/* The variable of that full name; NULL when absent. */
PAL_API pal_variable *pal_store_find(const pal_store *store, const char *name);
PAL_API size_t pal_store_count(const pal_store *store);
/* Variable `index`, from 0, in order of creation; NULL past the last. */
PAL_API pal_variable *pal_store_at(const pal_store *store, size_t index);

PAL_API const char *pal_variable_name(const pal_variable *variable);
PAL_API const pal_type *pal_variable_type(const pal_variable *variable);
PAL_API pal_role pal_variable_role(const pal_variable *variable);
/* The traits in force; `rate` is above 0. */
PAL_API pal_traits pal_variable_traits(const pal_variable *variable);
PAL_API size_t pal_variable_bytes(const pal_variable *variable);
/* The present contents, row-major. The pointer is valid until the next run that assigns the
 * variable (its two buffers are swapped) or until a trainer is made (it moves parameters into one
 * block). If several trainers, or other plans, assign the parameters of a model, it is valid until
 * the next run of any. */
PAL_API void *pal_variable_data(pal_variable *variable);
/* Restores the first contents, those that `init` and the store's seed gave. */
PAL_API void pal_variable_reset(pal_variable *variable);

/* ---- files -------------------------------------------------------------------------------- */

/* Selects variables by role and name. Blocks of other variables are never selected, only their
 * parts. */
typedef struct pal_store_filter {
  unsigned roles;     /* bits 1u << PAL_PARAMETER and so on; 0: parameters and states */
  const char *prefix; /* with which names begin; NULL: all names */
} pal_store_filter;

/* Writes the selected variables (filter NULL: all parameters and states) to a safetensors file
 * under their names, with n texts "key=value" as its metadata. The file is replaced as a whole, or
 * left as it was on failure. PAL_E_NOT_FOUND when no variable is selected. */
PAL_API pal_status pal_store_save(const pal_store *store, const char *path,
                                  const pal_store_filter *filter, const char *const *metadata,
                                  int n, pal_error *error);
/* Reads tensors of a file into existing variables. Strict: the file must hold every selected
 * variable with its type, and no other tensor; otherwise PAL_E_FORMAT, and the text names each
 * difference. Not strict: tensors that match in name and type are read; the rest is listed in
 * *skipped, one line each, to be freed with free() (NULL when there is none; `skipped` may be
 * NULL); PAL_E_FORMAT if none matches. Tensors of bf16 and F16 match variables of f32 and are
 * converted. Tensors whose names lack the prefix are ignored. PAL_E_FORMAT also for a tensor with
 * an infinite number or a NaN; PAL_E_NOT_FOUND when no variable is selected. On failure no variable
 * has changed. */
PAL_API pal_status pal_store_load(pal_store *store, const char *path,
                                  const pal_store_filter *filter, bool strict, char **skipped,
                                  pal_error *error);
/* Compares n texts "key=value" with the metadata of a file. PAL_E_FORMAT when it has another value
 * under one of the keys; a key that the file lacks is no error. */
PAL_API pal_status pal_store_check(const char *path, const char *const *metadata, int n,
                                   pal_error *error);

#ifdef __cplusplus
}
#endif
#endif
