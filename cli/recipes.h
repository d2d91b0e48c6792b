/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes: how `compare` trains each model on a task, and published results (floor 8). They are
 * text files; those of the folder recipes/ are compiled into the program. The comment at the top of
 * each of these describes the format. */
#ifndef PAL_CLI_RECIPES_H
#define PAL_CLI_RECIPES_H

#include <palimpsest/palimpsest.h>

#include "cli/options.h"

enum { CLI_MAX_ROWS = 32, CLI_MAX_VARIANTS = 16, CLI_MAX_PUBLISHED = 64 };

typedef struct cli_settings {
  const char *text[CLI_MAX_SET]; /* "task.KEY=VALUE", "model.KEY=VALUE", "train.KEY=VALUE" */
  int n;
} cli_settings;

/* A line "evaluate": the trained weights are evaluated under one more setting of the model. */
typedef struct cli_variant {
  const char *label, *setting; /* setting: "KEY=VALUE" of the model */
} cli_variant;

/* A section [row LABEL]: one model to train or to compile. */
typedef struct cli_recipe {
  const char *model, *label;
  const char *like; /* label of the row from which a model without one has its settings, or NULL */
  pal_form form;
  bool leads;     /* trained first; the others match its number of parameters */
  bool compiled;  /* not trained: the weights are compiled from the task's program */
  int trained_to; /* sets "...=1" to "...=N" are in the training range; 0: there are none */
  cli_settings always, matched, free;    /* for both budgets, for each; without `free` ones the
matched ones serve there too */
  cli_variant variant[CLI_MAX_VARIANTS]; /* a table row each; none: one row as trained */
  int n_variants;
} cli_recipe;

/* A section [published LABEL]: a result that others have published. */
typedef struct cli_published {
  const char *model, *source;
  double parameters, exact;                   /* 0: unknown; a fraction from 0 to 1 */
  const char *column[PAL_MAX_REPORT_COLUMNS]; /* [n_columns] the task's counts of training data */
  double total[PAL_MAX_REPORT_COLUMNS];       /* [n_columns] their values */
  int n_columns;
} cli_published;

typedef struct cli_recipes {
  const char *task, *matched; /* matched: text on what is equal in that budget */
  cli_recipe row[CLI_MAX_ROWS];
  cli_published published[CLI_MAX_PUBLISHED];
  int n, n_published;
  char **owned; /* [n_owned] storage of all texts above */
  int n_owned;
} cli_recipes;

/* Reads a file of recipes. PAL_E_FORMAT names the file and the line. */
cli_recipes *cli_recipes_read(const char *path, pal_error *error);
/* The recipes for a task that are compiled in; a list without rows when there are none. */
cli_recipes *cli_recipes_of(const char *task, pal_error *error);
void cli_recipes_free(cli_recipes *recipes);
#endif
