/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of models/ share (floor 4). */
#ifndef PAL_MODELS_MODELS_H
#define PAL_MODELS_MODELS_H

#include <palimpsest/layers.h>

#include "src/setting.h"

struct pal_model {
  pal_context *context; /* borrowed, as are store and definition */
  pal_store *store;
  const pal_model_definition *definition;
  pal_format format;
  pal_settings own, network; /* settings of the definition and of the network */
};

extern const pal_model_definition pal_model_arm, pal_model_masked_arm, pal_model_mdm,
    pal_model_ap_mdm;

/* The constant of structure=bias to which a learned bias is added: head j prefers keys in the
 * query's group of grouping j by this much. */
enum { PAL_STRUCTURE_PRIOR = 3 };

/* PAL_E_ARGUMENT if the network's settings contradict each other or do not suit the format or the
 * definition. */
pal_status pal_network_check(const pal_model *model, pal_error *error);

/* Folds an example's id into the 32 bits that key random ops in graphs. */
static inline int32_t pal_sample_of(uint64_t id) { return (int32_t)(uint32_t)(id ^ id >> 32); }

/* Whether the first columns of a definition are PAL_TARGET_COLUMNS. */
bool pal_targets_declared(const pal_model_definition *definition);
/* Number of tokens of an example: of its state, or of prompt and answer without eos. */
int pal_example_rows(const pal_example *example, const pal_format *format);
/* Whether an example is invalid for the format: a length or token out of range, or an array that is
 * missing. If so, writes a message with the member's name to `text`. Definitions and decoders rely
 * on this check. */
bool pal_example_flaw(const pal_example *example, const pal_format *format, char *text,
                      size_t size);

/* Size in bytes of the arrays of a batch with that capacity. */
size_t pal_batch_bytes(const pal_model_definition *definition, int64_t rows, int64_t sequences);
/* An empty batch whose arrays lie in `block`, of that size, one behind another; token comes
 * first. */
pal_batch pal_batch_within(void *block, const pal_model_definition *definition, int64_t rows,
                           int64_t sequences);
/* Copies the contents of a batch to another with enough capacity. */
void pal_batch_copy(const pal_batch *from, pal_batch *to);
/* Sets elements first .. first + n - 1 of `column` to the fill of its declaration. */
void pal_column_fill(const pal_column *declared, void *column, int64_t first, int64_t n);
/* f32 [T]: the probability that logits f32 [T, V] give to token i32 [T], the mask left out; without
 * temperature or any other choice of a sampler. */
pal_value pal_chance_of(pal_graph *graph, pal_value logits, pal_value token, int32_t mask);
/* The settings of sampling that every model has: members temperature, top_k and top_p of the struct
 * `owner`, as pal_categorical takes them. */
#define PAL_SAMPLING_SETTINGS(owner)                                                       \
  PAL_SET_REAL(owner, temperature, "0", 0, 1e6,                                            \
               "sampling temperature; 0 takes the most likely token", PAL_KEPT_BY_NONE),   \
      PAL_SET_WHOLE(owner, top_k, "0", 0, 1e9,                                             \
                    "samples among this many most likely tokens only; 0: among all",       \
                    PAL_KEPT_BY_NONE),                                                     \
      PAL_SET_REAL(owner, top_p, "1", 1e-9, 1,                                             \
                   "then among the smallest set of most likely tokens with at least this " \
                   "probability (nucleus sampling)",                                       \
                   PAL_KEPT_BY_NONE)
#endif
