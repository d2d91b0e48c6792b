/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks: variables that lie side by side in another one (floor 1).
 *
 * A block is a variable f32[n] of role PAL_SCRATCH. Its parts keep name, type, role and first contents,
 * but lie in the block, so that one op on the block changes all of them. A run that assigns a part by
 * itself, or another block that wants it, takes it out; the next run that uses the block takes it back.
 * So whoever asks for the contents of a part has the present ones. */
#ifndef PAL_GRAPH_PARTS_H
#define PAL_GRAPH_PARTS_H

#include <palimpsest/store.h>

/* The block of these variables in this order, made if absent: f32, each once, no blocks. Contents are
 * kept; pointers to them are void. A part begins at a multiple of 16 floats; what is between parts is
 * zero at first and belongs to nobody. On failure every variable is where it was. */
pal_status pal_store_block(pal_store *store, pal_variable *const *part, int n, pal_variable **block,
                           pal_error *error);
/* Where a part begins in its block, in bytes. */
size_t pal_block_offset(const pal_variable *part);
/* Takes back what has left the block. Before its contents are read or replaced. */
void pal_block_gather(pal_variable *block);
/* Whether the contents of one are, or may come to be, among those of the other. */
bool pal_variables_overlap(const pal_variable *a, const pal_variable *b);
#endif
