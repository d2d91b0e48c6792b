/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder's private parts (floor 4): decode.c runs it, decode_graph.c builds its plans.
 *
 * A plan is one step of all unfinished sequences. The state of these sequences is in looped inputs:
 * outputs of one run that are the inputs of the next. Every sequence of a group has a slot, a
 * number that it keeps while other sequences finish and leave. Results, tails and KV caches are
 * scratch variables with max_length rows for each slot:
 *
 *   looped inputs    sequences packed one behind another, unfinished ones only
 *   result           | slot 0: max_length rows | slot 1: max_length rows | ...
 *
 * With a window, a step reads the first `window` rows of a sequence. The rows behind these wait at
 * the end of its slot in the tail, and move up into the window when a step removes rows; rows that
 * an insertion pushes out of the window are put back in front of them:
 *
 *   tail, slot s     |   free   | rows that wait             |
 *                    ^ low      ^ cursor                     ^ high = low + max_length
 *                      = s * max_length
 *
 * With caches, the tail holds the part of a prompt from its first mask on, see `tail` below. */
#ifndef PAL_MODELS_DECODE_H
#define PAL_MODELS_DECODE_H

#include "models/models.h"

/* Looped inputs i32 [S]. Most are members of pal_decoding; two depend on the kind of decoding:
 *   cursor          with a window: index in the tail of the row that follows the window;
 *                   with caches: number of cached rows
 *   prompt_length   without caches: tokens of the prompt that are not masks;
 *                   with caches: the most tokens of the answer, 0 if unknown; or, if the prompt
 *                   holds masks, minus the number of tokens from its first mask to its last */
enum { PAL_BEGIN, PAL_LENGTH, PAL_SLOT, PAL_PROMPT, PAL_AGE, PAL_SAMPLE, PAL_CURSOR, PAL_STATES };
extern const char *const pal_decode_state[PAL_STATES];
/* Columns of the variable "info" i32 [slots, PAL_INFO], in which a finished sequence writes the row
 * of its slot: length of the result, forward passes, whether the model ended it, and the cursor. */
enum { PAL_INFO_LENGTH, PAL_INFO_PASSES, PAL_INFO_HALTED, PAL_INFO_CURSOR, PAL_INFO };

struct pal_decoder {
  pal_model *model; /* borrowed */
  pal_decode_options options;
  bool cached;           /* decodes with KV caches */
  int slots, max_length; /* sequences of a group; most rows of a sequence */
  pal_decode_settings set;
  int window;          /* rows of a sequence that a step reads; 0: all */
  int64_t result_rows; /* size of the variables with max_length rows per slot */
  int64_t rows;        /* capacity of the current plan for T; 0: no plan */
  pal_plan *plan;
  pal_exec *exec;
  pal_variable *result, *info; /* i32 [result_rows], i32 [slots, PAL_INFO] */
  pal_variable *tail; /* i32 [result_rows]; with caches, each slot holds the tokens of the prompt
                         from its first mask on, plus 1, and 0 for a mask */
  int32_t *start;     /* buffer: rows of one sequence before its first step */
  int32_t *state[PAL_MAX_STATES]; /* buffers: its declared states */
  int32_t *out;                   /* buffer: a whole sequence for the caller */
  /* For traces, else NULL. i32 [slots, 4]: slot, begin, length and age of each of the n_before
   * sequences before the step that is running. */
  int32_t *before;
  int64_t n_before;
};

/* Ends sequence i of the batch before its next step: its state becomes its result, and it leaves
 * the batch. */
pal_status pal_decode_end_sequence(pal_decoder *decoder, int64_t i, pal_error *error);

/* Outputs of a plan with traces: the values of pal_decoding that are about a step's decisions. */
enum { PAL_SEEN = 1 + 2 * PAL_BITS }; /* token_chance, the bits, their chances */
extern const char *const pal_decode_seen[PAL_SEEN];

/* Build the graph of one step with capacity for decoder->rows rows. Errors are in the graph. */
void pal_decode_build(const pal_decoder *decoder, pal_graph *graph);
void pal_decode_build_cached(const pal_decoder *decoder, pal_graph *graph);
#endif
