/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks: one variable whose memory holds several others side by side (floor 1).
 *
 *   block  f32[n]  | part 0 ......... 0 0 | part 1 .... 0 | part 2 ........ |
 *                  ^ every part begins at a multiple of 16 floats (64 bytes)
 *
 * A block has role PAL_SCRATCH. Its parts keep their name, type, role and first contents, but their
 * memory is that of the block, so that one op (an optimizer step, say) updates all of them. When a
 * plan assigns a part by itself, or another block is made of it, the part's contents move out of
 * the block; the next run that uses the block copies them back. pal_variable_data of a part always
 * gives the present contents. */
#ifndef PAL_GRAPH_PARTS_H
#define PAL_GRAPH_PARTS_H

#include <palimpsest/store.h>

/* The block of these n variables in this order, made if absent. They must be f32, different, and no
 * blocks themselves (PAL_E_ARGUMENT). Contents stay the same but move, so pointers from
 * pal_variable_data become invalid. The padding between parts is zero at first and unused. On
 * failure every variable is where it was. */
pal_status pal_store_block(pal_store *store, pal_variable *const *part, int n, pal_variable **block,
                           pal_error *error);
/* Offset of a part in its block, in bytes. */
size_t pal_block_offset(const pal_variable *part);
/* Copies the parts that are outside the block back into it. Must precede every use of the block's
 * contents. Nothing for a variable that is no block. */
void pal_block_gather(pal_variable *block);
/* Whether two variables share memory, or may after a pal_block_gather. */
bool pal_variables_overlap(const pal_variable *a, const pal_variable *b);
#endif
