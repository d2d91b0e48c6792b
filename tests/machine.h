/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of a parallel machine, compiled and run beside the interpreter, and random ones. */
#ifndef PAL_TESTS_MACHINE_H
#define PAL_TESTS_MACHINE_H

#include <palimpsest/palimpsest.h>

/* A compiled program. */
typedef struct machine {
  const pal_pram *program; /* borrowed */
  pal_pram_layout layout;
  pal_store *store;
  pal_model *model;
} machine;

/* Compiles the program to the model of that name: ap-mdm, mdm or arm. Close it also after a
 * failure. */
pal_status machine_open(machine *m, pal_context *context, const char *model,
                        const pal_pram *program, pal_error *error);
void machine_close(machine *m);

/* Runs the program on that memory in the network and in the interpreter, compares the whole state
 * after every step, and the end, and sets *wrong to the number of differences. A program that has
 * not halted after `limit` steps is stopped. *steps, unless NULL, gets the steps that were
 * compared. */
pal_status machine_compare(machine *m, const int32_t *memory, int64_t limit, int *wrong,
                           int64_t *steps, pal_error *error);

/* Writes the text of a random program of so many instructions before the last halt, every address
 * of which is a cell, and which does something else in each of its 1 to 4 processors. Instructions
 * are less than 2^word. */
enum { MACHINE_TEXT = 4000 };
void machine_random_program(pal_rng *rng, int word, int instructions, int64_t steps,
                            char text[MACHINE_TEXT]);

/* Random program number `index` of a seed, of 5 to 40 instructions, on a random memory: compares as
 * above for at most `limit` steps, and leaves the program's text in `text`. */
pal_status machine_compare_random(pal_context *context, const char *model, uint64_t seed,
                                  uint64_t index, int limit, char text[MACHINE_TEXT], int *wrong,
                                  int64_t *steps, pal_error *error);
#endif
