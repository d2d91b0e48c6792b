/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder's insides (floor 4): decode.c runs it, decode_graph.c builds its plans.
 *
 * One plan is one step of all sequences still going. Their state is looped inputs, the results, the
 * waiting tails and the caches are scratch variables with max_length rows for each slot. */
#ifndef PAL_MODELS_DECODE_H
#define PAL_MODELS_DECODE_H

#include "models/models.h"

/* Looped inputs i32 [S]. `cursor`: with a window, the place in the tail of the row that comes next;
 * with caches, rows that are in them. `prompt_length`: with caches, how many tokens the answer may
 * have, 0 where that is not known; where the prompt has masks, minus the number of its tokens from the
 * first mask to the last. */
enum { PAL_BEGIN, PAL_LENGTH, PAL_SLOT, PAL_PROMPT, PAL_AGE, PAL_SAMPLE, PAL_CURSOR, PAL_STATES };
extern const char *const pal_decode_state[PAL_STATES];
/* Columns of the i32 variable that finished sequences write a row of. */
enum { PAL_INFO_LENGTH, PAL_INFO_PASSES, PAL_INFO_HALTED, PAL_INFO_CURSOR, PAL_INFO };

struct pal_decoder {
  pal_model *model; /* borrowed */
  pal_decode_options options;
  bool cached;
  int slots, max_length;
  pal_decode_settings set;
  int window;          /* rows of a sequence's window; 0: none */
  int64_t result_rows; /* of each variable with max_length rows a slot */
  int64_t rows;        /* room for T in the present plan; 0: no plan */
  pal_plan *plan;
  pal_exec *exec;
  pal_variable *result, *info;
  pal_variable *tail; /* of windows; with caches, of each slot the tokens from the first mask of the
                         prompt on, plus 1, and 0 for a mask */
  int32_t *start;     /* rows of one sequence before its first step, and its declared states */
  int32_t *state[PAL_MAX_STATES];
  int32_t *out; /* a result put together */
};

/* A graph of one step with room for decoder->rows rows; errors are in the graph. */
void pal_decode_build(const pal_decoder *decoder, pal_graph *graph);
void pal_decode_build_cached(const pal_decoder *decoder, pal_graph *graph);
#endif
