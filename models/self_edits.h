/* SPDX-License-Identifier: Apache-2.0 */
/* Labelled states of AP-MDM that are made from final sequences alone, from the whole sequence down
 * to nothing (floor 4). corrupt.h has another corruption, for examples without labels of models
 * that learn from traces. */
#ifndef PAL_MODELS_SELF_EDITS_H
#define PAL_MODELS_SELF_EDITS_H

#include "models/models.h"

/* Which edits are taught besides writing, and the highest rate of wrong tokens and of gaps with
 * surplus rows. */
typedef struct pal_self_edits {
  bool remask, insert, remove;
  double noise;
} pal_self_edits;

/* Damages the answer of an example and labels what repairs it; what the prompt gives stays. The
 * final sequence is the prompt with its masks filled or, where it has none, the prompt, the answer
 * and an eos if the format has one. If rows are inserted or removed, that is a single eos, which
 * stands from the first step on; else as many as fill answer_room, written like the answer.
 *
 * A gap is what is missing between two visible rows. The k-th mask from its end stands for the k-th
 * missing token from its end. If there are fewer masks than tokens, the first tokens, a run, are
 * left out; if there are more, the first masks are surplus. So no gap has rows to insert and rows
 * to remove, and what is visible determines the labels as far as it determines how many tokens are
 * missing:
 *
 *   damage                         label
 *   a run of tokens is left out    insert, at the visible row before it
 *   a token is masked              the token is the target of the mask
 *   surplus masks                  remove, at each of them
 *   surplus tokens in their place  remask, at each of them
 *   another token replaces one     remask
 *   a token stays                  none
 *
 * A step of pal_edit with these labels gives the final sequence or one that is nearer: runs that
 * are left out are shorter by one token, wrong and surplus tokens are masks, and the rest is
 * repaired. One example of 16 is not damaged, and in about one of 30 all of the answer is left out.
 *
 * Sets *state, whose arrays lie in *block, to be freed with pal_free. PAL_E_ARGUMENT for an example
 * that is no prompt with an answer; PAL_E_MEMORY. */
pal_status pal_self_edits_draw(const pal_self_edits *edits, const pal_format *format,
                               const pal_example *example, pal_rng *rng, pal_transition *state,
                               void **block, pal_error *error);

/* The rows before the first decoding step: the prompt; behind it, unless it has masks itself or
 * rows are inserted, masks for an answer of `room` tokens, eos included (0: as many as the format's
 * context has); and the eos, if it stands from the first step on. Returns their number, and writes
 * them only if they fit `most` rows. */
int pal_self_edits_start(const pal_self_edits *edits, const pal_format *format,
                         const pal_example *example, int room, int32_t *token, int most);
#endif
