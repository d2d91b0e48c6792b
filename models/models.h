/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of models/ share (floor 4). */
#ifndef PAL_MODELS_MODELS_H
#define PAL_MODELS_MODELS_H

#include <palimpsest/layers.h>

struct pal_model {
  pal_context *context; /* all borrowed but the values */
  pal_store *store;
  const pal_model_definition *definition;
  pal_format format;
  const pal_setting *table[2]; /* the definition's settings, the network's */
  int n[2];
  const char **value; /* of all of them in turn */
};

extern const pal_model_definition pal_model_arm, pal_model_masked_arm, pal_model_mdm,
    pal_model_ap_mdm;

/* PAL_E_ARGUMENT unless the text of setting `name` is one of the NULL-terminated `choice`. */
pal_status pal_setting_choice(const pal_model *model, const char *name, const char *const *choice,
                              pal_error *error);
/* PAL_E_ARGUMENT unless setting `name` is a number within low .. high. */
pal_status pal_setting_range(const pal_model *model, const char *name, double low, double high,
                             pal_error *error);
/* Whether the network's settings make sense for the format. */
pal_status pal_network_check(const pal_model *model, pal_error *error);

/* The 32 bits of an example's id that key random ops. */
static inline int32_t pal_sample_of(uint64_t id) { return (int32_t)(uint32_t)(id ^ id >> 32); }

/* A scalar i32 constant. */
static inline pal_value pal_int(pal_graph *graph, int32_t value) {
  return pal_constant(graph, pal_type_scalar(PAL_I32), &value);
}
#endif
