/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes: how `compare` trains each kind of model on a task, and what others report (floor 7). They are
 * files; those of the folder recipes/ are compiled into the program, and say at their beginning what a
 * recipe holds. */
#ifndef PAL_CLI_RECIPES_H
#define PAL_CLI_RECIPES_H

#include <palimpsest/palimpsest.h>

#include "cli/options.h"

enum { CLI_MAX_ROWS = 32, CLI_MAX_VARIANTS = 16, CLI_MAX_PUBLISHED = 64 };

typedef struct cli_settings {
  const char *text[CLI_MAX_SET]; /* "task.KEY=VALUE" and the like */
  int n;
} cli_settings;

/* One way to evaluate what was trained. */
typedef struct cli_variant {
  const char *label, *setting; /* "KEY=VALUE" of the model */
} cli_variant;

/* One model that is trained. */
typedef struct cli_recipe {
  const char *model, *label;
  pal_form form;
  bool leads;     /* its parameter count is what the others match */
  int trained_to; /* sets named ...=1 to ...=N are in the training range; 0: there is none */
  cli_settings always, matched, free;    /* with `matched` alone that is its free size too */
  cli_variant variant[CLI_MAX_VARIANTS]; /* a row each; none: one row as trained */
  int n_variants;
} cli_recipe;

/* A row of somebody else's table. */
typedef struct cli_published {
  const char *model, *source;
  double parameters, exact;                   /* exact: of 1 */
  const char *column[PAL_MAX_REPORT_COLUMNS]; /* of the task, on its training data */
  double total[PAL_MAX_REPORT_COLUMNS];
  int n_columns;
} cli_published;

typedef struct cli_recipes {
  const char *task, *matched; /* matched: what is equal in that budget */
  cli_recipe row[CLI_MAX_ROWS];
  cli_published published[CLI_MAX_PUBLISHED];
  int n, n_published;
  char **owned; /* all texts */
  int n_owned;
} cli_recipes;

/* Reads a file of recipes. What is wrong with it is said with its line. */
cli_recipes *cli_recipes_read(const char *path, pal_error *error);
/* The program's own recipes for a task; without any row when there are none. */
cli_recipes *cli_recipes_of(const char *task, pal_error *error);
void cli_recipes_free(cli_recipes *recipes);

/* A file of recipes as it was compiled in; they end with one without a task. */
typedef struct cli_recipe_text {
  const char *task, *text;
  size_t size;
} cli_recipe_text;
extern const cli_recipe_text cli_recipe_texts[];
#endif
