/* SPDX-License-Identifier: Apache-2.0 */
/* Models on sequences of letters for the tests of decoding. */
#ifndef PAL_TESTS_LETTERS_H
#define PAL_TESTS_LETTERS_H

#include "tests/lab.h"

enum { MOST_PROMPTS = 24, LETTERS_CONTEXT = 256 };

/* [LETTERS_CONTEXT][2]: the groups of the format, which a test may change. */
extern int32_t letters_group[LETTERS_CONTEXT * 2];
/* Letters 0 to 6, bos 7 and mask 8; fills letters_group. */
pal_format letters(int32_t eos);
/* Makes n prompts of 1 to 9 letters in `token`, and returns n. */
int letters_prompts(pal_example *prompt, int32_t (*token)[16], int n);
/* Opens a lab whose model has random weights. */
void letters_open(lab *l, const char *definition, const pal_format *format,
                  const char *const *setting);
#endif
