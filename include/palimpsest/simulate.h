/* SPDX-License-Identifier: Apache-2.0 */
/* A masked diffusion model (MDM) that decodes in any order, as a Masked-ARM that decodes from left
 * to right; doc/simulate.md shows how.
 *
 * The MDM fills the masks of a sequence one by one, the one with the largest margin of logits first
 * (order=log_margin). The Masked-ARM has the MDM's blocks and PAL_SIMULATE_LAYERS more, whose
 * weights are computed and not trained. It writes the same choices, in their order, as moves: one
 * token for a place and its token. With V tokens besides the mask, which is 0 in both formats, move
 * 1 + V c + v - 1 says that place c becomes token v; the givens come first, as moves too. */
#ifndef PAL_SIMULATE_H
#define PAL_SIMULATE_H

#include <palimpsest/model.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { PAL_SIMULATE_LAYERS = 5, PAL_SIMULATE_SETTING = 48, PAL_SIMULATE_SETTINGS = 20 };
/* The definition of the model that simulates. */
#define PAL_SIMULATE_MODEL "masked-arm"

/* Writes the settings "task.KEY=VALUE" and "model.KEY=VALUE" by which a task and a model simulate
 * `from`, and sets *n to their number. PAL_E_UNSUPPORTED with the reason for a model that cannot be
 * simulated. */
PAL_API pal_status pal_simulate_settings(const pal_model *from, char text[][PAL_SIMULATE_SETTING],
                                         int *n, pal_error *error);
/* Sets all weights of `to`, a model with these settings. Choices are the same wherever the two best
 * scores of a step differ by more than *bound; see pram/simulate.c. */
PAL_API pal_status pal_simulate(const pal_model *from, pal_model *to, double *bound,
                                pal_error *error);

/* Choices of the two models on the same sequences, each compared up to its first difference. */
typedef struct pal_simulation {
  int64_t sequences, same, alike; /* all; the same choices in the same order; the same end */
  int64_t decisions;              /* choices that were compared */
  int64_t close;                  /* of these, where the two best scores are within the bound */
  int64_t parted, wrong;          /* differences: within the bound, and beyond it */
} pal_simulation;
/* Decodes n prompts of `from`, and the same as moves with `to`, each by its own decoder, and adds
 * to *counts. */
PAL_API pal_status pal_simulate_compare(pal_model *from, pal_model *to, double bound,
                                        const pal_example *prompt, const pal_example *moves, int n,
                                        pal_simulation *counts, pal_error *error);

#ifdef __cplusplus
}
#endif
#endif
