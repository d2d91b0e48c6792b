/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of models/ share (floor 4). */
#ifndef PAL_MODELS_MODELS_H
#define PAL_MODELS_MODELS_H

#include <palimpsest/layers.h>

#include "src/setting.h"

struct pal_model {
  pal_context *context; /* all borrowed but the values */
  pal_store *store;
  const pal_model_definition *definition;
  pal_format format;
  pal_settings own, network;
};

extern const pal_model_definition pal_model_arm, pal_model_masked_arm, pal_model_mdm,
    pal_model_ap_mdm;

/* Whether the network's settings make sense for the format. */
pal_status pal_network_check(const pal_model *model, pal_error *error);

/* The 32 bits of an example's id that key random ops. */
static inline int32_t pal_sample_of(uint64_t id) { return (int32_t)(uint32_t)(id ^ id >> 32); }

/* Whether an example is unsound for sequences of the format, which `text` then says by the member's name:
 * what rows and decoders may rely on is that lengths and tokens are in their ranges and that arrays are there. */
bool pal_example_flaw(const pal_example *example, const pal_format *format, char *text,
                      size_t size);

/* Bytes of a batch's arrays, the batch laid out in a block of so many, and a copy of what one holds in
 * another that has the room. */
size_t pal_batch_bytes(const pal_model_definition *definition, int64_t rows, int64_t sequences);
pal_batch pal_batch_within(void *block, const pal_model_definition *definition, int64_t rows,
                           int64_t sequences);
void pal_batch_copy(const pal_batch *from, pal_batch *to);
/* Puts the fill of column `declared` into its cells first .. first + n - 1. */
void pal_column_fill(const pal_column *declared, void *column, int64_t first, int64_t n);
#endif
