/* SPDX-License-Identifier: Apache-2.0 */
/* Which recipes a comparison trains (floor 7). */
#ifndef PAL_CLI_CHOOSE_H
#define PAL_CLI_CHOOSE_H

#include "cli/recipes.h"

/* Recipes in the order in which they are trained. Zero-initialise. */
typedef struct cli_chosen {
  const cli_recipe *recipe[CLI_MAX_ROWS];
  int n;
  cli_recipe plain[CLI_MAX_ROWS]; /* of models that the recipes know nothing of: their defaults */
} cli_chosen;

/* Those of `models`, names with commas between; where that is NULL all of the recipes or, without any, all
 * models that are defined. Those that lead come first: their size is what others match. */
pal_status cli_choose(const pal_context *context, const cli_recipes *recipes, const char *models,
                      cli_chosen *chosen, pal_error *error);
#endif
