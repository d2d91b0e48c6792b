/* SPDX-License-Identifier: Apache-2.0 */
/* See letters.h. */
#include "tests/letters.h"

int32_t letters_group[LETTERS_CONTEXT * 2];

pal_format letters(int32_t eos) {
  for (int p = 0; p < LETTERS_CONTEXT; p++)
    for (int j = 0; j < 2; j++) letters_group[p * 2 + j] = p / (j + 1) % 3;
  return (pal_format){.vocabulary = 9,
                      .mask = 8,
                      .bos = 7,
                      .eos = eos,
                      .context = LETTERS_CONTEXT,
                      .groups = 2,
                      .group = letters_group};
}

int letters_prompts(pal_example *prompt, int32_t (*token)[16], int n) {
  for (int i = 0; i < n; i++) {
    pal_rng rng = pal_rng_new(2, "prompt", 0, (uint64_t)i);
    prompt[i] = (pal_example){
        .id = 100 + (uint64_t)i, .prompt = token[i], .n_prompt = 1 + (int)pal_rng_below(&rng, 9)};
    for (int j = 0; j < prompt[i].n_prompt; j++) token[i][j] = (int32_t)pal_rng_below(&rng, 6);
  }
  return n;
}

void letters_open(lab *l, const char *definition, const pal_format *format,
                  const char *const *setting) {
  lab_open(l, 1, definition, format, setting);
  lab_build(l, false);
  lab_shake(l, 0.5);
}
