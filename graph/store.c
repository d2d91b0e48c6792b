/* SPDX-License-Identifier: Apache-2.0 */
/* The store of variables (floor 1). See store.h. */
#include <palimpsest/rng.h>
#include <palimpsest/store.h>

#include <string.h>

#include "graph/internal.h"
#include "src/alloc.h"

struct pal_store {
  uint64_t seed;
  PAL_LIST(pal_variable *) variable;
};

bool pal_list_grow(void **at, size_t *room, size_t n, size_t element) {
  size_t wanted = n < 8 ? 16 : 2 * n;
  void *grown = pal_grow(*at, n * element, wanted * element);
  if (!grown) return false;
  *at = grown;
  *room = wanted;
  return true;
}

pal_store *pal_store_new(uint64_t seed) {
  pal_store *store = pal_calloc(1, sizeof *store);
  if (store) store->seed = seed;
  return store;
}

static void free_variable(pal_variable *variable) {
  if (!variable) return;
  pal_free(variable->name);
  pal_free(variable->data[0]);
  pal_free(variable->data[1]);
  pal_free(variable->part);
  pal_free(variable);
}

void pal_store_free(pal_store *store) {
  if (!store) return;
  for (size_t i = 0; i < store->variable.n; i++) free_variable(store->variable.at[i]);
  pal_free(store->variable.at);
  pal_free(store);
}

/* Number of elements of a type without symbol; -1 for other types, or when it overflows. */
static int64_t elements(const pal_type *type) {
  int64_t n = 1;
  bool empty = false;
  if (type->dtype <= PAL_NONE || type->dtype > PAL_U8 || type->symbol.id) return -1;
  for (int i = 0; i < type->rank;
       i++) { /* an extent of 0 must not hide an overflow of the others */
    int64_t extent = type->dim[i] ? type->dim[i] : 1;
    if (extent < 0 || n > (INT64_MAX >> 4) / extent) return -1;
    empty |= type->dim[i] == 0;
    n *= extent;
  }
  return empty ? 0 : n;
}

/* Rounds to bfloat16, to nearest even. */
static uint16_t bf16_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return x != x ? 0x7fc0 : (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* Whether an integer element can hold the init's constant. */
static bool init_fits(pal_dtype dtype, double scale) {
  if (dtype == PAL_I32) return scale >= INT32_MIN && scale <= INT32_MAX;
  return dtype != PAL_U8 || (scale >= 0 && scale <= UINT8_MAX);
}

/* Writes the first contents. */
static void fill(pal_variable *variable) {
  int64_t n = elements(&variable->type);
  void *data = pal_variable_data(variable);
  if (variable->type.dtype == PAL_I32) {
    for (int64_t i = 0; i < n; i++) ((int32_t *)data)[i] = (int32_t)variable->init.scale;
    return;
  }
  if (variable->type.dtype == PAL_U8) {
    memset(data, (int)variable->init.scale, variable->bytes);
    return;
  }
  pal_rng rng = pal_rng_new(variable->seed, variable->name, 0, 0);
  for (int64_t i = 0; i < n; i++) {
    double v = variable->init.scale;
    if (variable->init.kind == PAL_INIT_NORMAL) v *= pal_rng_normal(&rng);
    if (variable->init.kind == PAL_INIT_UNIFORM) v *= 2 * pal_rng_real(&rng) - 1;
    if (variable->type.dtype == PAL_F32) ((float *)data)[i] = (float)v;
    else ((uint16_t *)data)[i] = bf16_of((float)v);
  }
}

void pal_variable_reset(pal_variable *variable) {
  for (int i = 0; i < variable->parts; i++) fill(variable->part[i]);
  if (!variable->parts) fill(variable);
}

/* A rate of 0 means 1. */
static pal_traits with_rate(pal_traits traits) {
  if (!(traits.rate > 0)) traits.rate = 1;
  return traits;
}

static bool same_traits(pal_traits a, pal_traits b) {
  return a.decays == b.decays && a.matrix == b.matrix && a.frozen == b.frozen &&
         !(a.rate < b.rate) && !(a.rate > b.rate);
}

/* The traits of a variable that declares none. */
static pal_traits default_traits(const pal_type *type, pal_role role) {
  return role == PAL_PARAMETER && type->rank == 2 ? PAL_WEIGHT : PAL_PLAIN;
}

static pal_status fail_traits(const char *name, const pal_traits *old, const pal_traits *wanted,
                              pal_error *error) {
#define TRAITS "(decays %s, matrix %s, frozen %s, rate %g)"
#define YES(trait) ((trait) ? "yes" : "no")
  return pal_fail(error, PAL_E_ARGUMENT,
                  "variable \"%s\" exists with other traits " TRAITS ", not " TRAITS
                  "; declare the same traits wherever it is made",
                  name, YES(old->decays), YES(old->matrix), YES(old->frozen), old->rate,
                  YES(wanted->decays), YES(wanted->matrix), YES(wanted->frozen), wanted->rate);
#undef YES
#undef TRAITS
}

bool pal_traits_are_default(const pal_variable *v) {
  return same_traits(v->traits, with_rate(default_traits(&v->type, v->role)));
}

static pal_status make_variable(pal_store *store, const char *name, pal_type type, pal_role role,
                                pal_init init, const pal_traits *traits, pal_variable **variable,
                                pal_error *error) {
  char shape[96];
  int64_t n = elements(&type);
  if (!name || !*name || n < 0)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "variable \"%s\": needs a name and a type without symbol that fits in memory, "
                    "not %s",
                    name ? name : "", pal_type_print(&type, shape, sizeof shape));
  if (role == PAL_PARAMETER && strlen(name) > PAL_MOST_PARAMETER_NAME)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "parameter \"%s\": its name, scopes included, is longer than %d bytes", name,
                    PAL_MOST_PARAMETER_NAME);
  if (!init_fits(type.dtype, init.scale))
    return pal_fail(error, PAL_E_ARGUMENT, "variable \"%s\", %s, cannot hold its first value %g",
                    name, pal_type_print(&type, shape, sizeof shape), init.scale);
  pal_variable *v = pal_store_find(store, name);
  if (v && (!pal_type_equal(&v->type, &type) || v->role != role)) {
    char old[96];
    return pal_fail(error, PAL_E_SHAPE, "variable \"%s\" exists as %s%s, not %s", name,
                    pal_type_print(&v->type, old, sizeof old),
                    v->role != role ? " in another role" : "",
                    pal_type_print(&type, shape, sizeof shape));
  }
  if (v && traits && !same_traits(v->traits, *traits))
    return fail_traits(name, &v->traits, traits, error);
  if (!v) {
    pal_variable **place = NULL;
    v = pal_calloc(1, sizeof *v);
    if (v) {
      *v = (pal_variable){.name = pal_strdup(name),
                          .type = type,
                          .role = role,
                          .init = init,
                          .traits = traits ? *traits : with_rate(default_traits(&type, role)),
                          .seed = store->seed,
                          .bytes = (size_t)n * pal_dtype_size(type.dtype)};
      v->data[0] = pal_alloc(v->bytes);
      if (v->name && v->data[0]) place = PAL_PUSH(store->variable);
    }
    if (!place) {
      free_variable(v);
      return pal_fail(error, PAL_E_MEMORY, "no memory for variable \"%s\", %s", name,
                      pal_type_print(&type, shape, sizeof shape));
    }
    *place = v;
    fill(v);
  }
  if (variable) *variable = v;
  return PAL_OK;
}

pal_status pal_store_variable(pal_store *store, const char *name, pal_type type, pal_role role,
                              pal_init init, pal_variable **variable, pal_error *error) {
  return make_variable(store, name, type, role, init, NULL, variable, error);
}

pal_status pal_store_parameter(pal_store *store, const char *name, pal_type type, pal_init init,
                               pal_traits traits, pal_variable **variable, pal_error *error) {
  if (traits.matrix && type.rank != 2)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "parameter \"%s\" is declared a matrix (traits.matrix), but its rank is %d",
                    name, type.rank);
  if (!(traits.rate >= 0 && traits.rate <= 1e6))
    return pal_fail(error, PAL_E_ARGUMENT,
                    "parameter \"%s\": traits.rate is %g; it must be from 0 to 1e6", name,
                    traits.rate);
  traits = with_rate(traits);
  return make_variable(store, name, type, PAL_PARAMETER, init, &traits, variable, error);
}

pal_variable *pal_store_parameter_at(const pal_store *store, int i) {
  for (size_t at = 0; at < store->variable.n; at++)
    if (store->variable.at[at]->role == PAL_PARAMETER && i-- == 0) return store->variable.at[at];
  return NULL;
}

pal_variable *pal_store_find(const pal_store *store, const char *name) {
  for (size_t i = 0; i < store->variable.n; i++)
    if (strcmp(store->variable.at[i]->name, name) == 0) return store->variable.at[i];
  return NULL;
}

size_t pal_store_count(const pal_store *store) { return store->variable.n; }

pal_variable *pal_store_at(const pal_store *store, size_t index) {
  return index < store->variable.n ? store->variable.at[index] : NULL;
}

const char *pal_variable_name(const pal_variable *variable) { return variable->name; }
const pal_type *pal_variable_type(const pal_variable *variable) { return &variable->type; }
pal_role pal_variable_role(const pal_variable *variable) { return variable->role; }
pal_traits pal_variable_traits(const pal_variable *variable) { return variable->traits; }
size_t pal_variable_bytes(const pal_variable *variable) { return variable->bytes; }
void *pal_variable_data(pal_variable *variable) {
  const pal_variable *whole = variable->whole;
  return whole ? (char *)whole->data[whole->present] + variable->offset
               : variable->data[variable->present];
}

pal_status pal_variable_make_buffers(pal_variable *variable, pal_error *error) {
  for (int i = 0; i < 2; i++) {
    if (!variable->data[i]) variable->data[i] = pal_alloc(variable->bytes);
    if (!variable->data[i])
      return pal_fail(error, PAL_E_MEMORY, "no memory for the second buffer of variable \"%s\"",
                      variable->name);
  }
  return PAL_OK;
}

void pal_variable_advance(pal_variable *variable) {
  variable->present ^= 1;
  if (variable->whole) variable->whole->left++;
  variable->whole = NULL;
}
