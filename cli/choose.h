/* SPDX-License-Identifier: Apache-2.0 */
/* Which recipes a comparison trains (floor 8). */
#ifndef PAL_CLI_CHOOSE_H
#define PAL_CLI_CHOOSE_H

#include "cli/recipes.h"

/* The chosen recipes in the order in which they are trained. Zero-initialise. */
typedef struct cli_chosen {
  const cli_recipe *recipe[CLI_MAX_ROWS];
  int n;
  cli_recipe plain[CLI_MAX_ROWS]; /* storage for models without a recipe */
} cli_chosen;

/* Chooses the recipes of `models`, a comma-separated list of names. If `models` is NULL it chooses
 * all recipes or, without recipes, every registered model. Recipes with `leads` come first, since
 * their number of parameters is what the others are matched to. A model that no recipe names, for
 * instance that of a plug-in, is trained like the last model of its kind: with the same form of
 * examples, and cached steps or not. It gets the task's, the network's and the trainer's settings
 * of that recipe, or defaults if there is none. */
pal_status cli_choose(const pal_context *context, const cli_recipes *recipes, const char *models,
                      cli_chosen *chosen, pal_error *error);
#endif
