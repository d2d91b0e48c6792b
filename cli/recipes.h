/* SPDX-License-Identifier: Apache-2.0 */
/* Settings with which `compare` trains each model on each task, and what others report (floor 7). */
#ifndef PAL_CLI_RECIPES_H
#define PAL_CLI_RECIPES_H

#include <stdbool.h>

/* One way to evaluate what was trained. */
typedef struct cli_variant {
  const char *label, *setting; /* "key=value" of the model */
} cli_variant;

typedef struct cli_recipe {
  const char *task, *model, *label;
  bool reasoned;  /* trained on answers with their reasoning */
  bool leads;     /* its parameter count is what the others match */
  int trained_to; /* longest "length=" of the training range, 0 when there is none */
  /* key=value, NULL-terminated. With `matched` alone that is its free size too. */
  const char *const *always, *const *matched, *const *free;
  const cli_variant *variant; /* a row each, ends without a label; NULL: one row as trained */
  const char *equal; /* what "matched" means on this task, said by the one that leads; NULL: the
                        same training sequences and optimizer steps */
} cli_recipe;

/* Ends with a recipe without a model. */
extern const cli_recipe cli_recipes[];

/* A row of somebody else's table. */
typedef struct cli_published {
  const char *task, *model, *source;
  double parameters, puzzles, exact; /* of 1 */
} cli_published;

/* Ends with a row without a model. */
extern const cli_published cli_publications[];
#endif
