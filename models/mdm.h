/* SPDX-License-Identifier: Apache-2.0 */
/* The private parts of the MDM (floor 4): its settings, and the samplers of mdm_sampler.c. */
#ifndef PAL_MODELS_MDM_H
#define PAL_MODELS_MDM_H

#include <palimpsest/masked.h>

/* Values of the setting `order`. */
enum {
  PAL_MDM_RANDOM,
  PAL_MDM_CONFIDENCE,
  PAL_MDM_MARGIN,
  PAL_MDM_LOG_MARGIN,
  PAL_MDM_ENTROPY,
  PAL_MDM_ANCESTRAL,
  PAL_MDM_THRESHOLD,
  PAL_MDM_EB,
  PAL_MDM_KLASS,
  PAL_MDM_REMDM
};
enum { PAL_MDM_RESCALE, PAL_MDM_CAP, PAL_MDM_LOOP }; /* values of the setting `remask` */

typedef struct pal_mdm_settings {
  int schedule, order, remask;
  int64_t k, steps, top_k, history;
  double temperature, top_p, threshold, gamma, kl, eta, alpha_on, t_on, t_off;
} pal_mdm_settings;

/* The values that decoding carries from step to step: whether a row belongs to the answer, and for
 * how many steps in a row KLASS has found it stable. */
enum { PAL_MDM_ANSWER, PAL_MDM_STABLE, PAL_MDM_STATES };
extern const pal_column pal_mdm_states[PAL_MDM_STATES];
/* The samplers that `palimpsest sample --sampler` offers. */
enum { PAL_MDM_SAMPLERS = 10 };
extern const pal_sampler pal_mdm_samplers[PAL_MDM_SAMPLERS];

/* Share of masked tokens at time t. */
double pal_mdm_masked_at(const pal_model *model, double t);
/* Steps of the samplers that have a fixed number. */
int pal_mdm_steps(const pal_model *model);
/* Whether the sampler takes exactly that many steps. */
bool pal_mdm_is_timed(const pal_model *model);
/* Sets the outcome of the step by the predictions `now`. */
void pal_mdm_write(const pal_model *model, pal_graph *graph, pal_decoding *d,
                   const pal_masked_step *now);
#endif
