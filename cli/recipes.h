/* Settings with which `compare` trains each model on each task (floor 6). */
#ifndef PAL_CLI_RECIPES_H
#define PAL_CLI_RECIPES_H

#include <stdbool.h>

typedef struct cli_recipe {
  const char *task, *model, *label;
  bool reasoned;   /* trained on answers with their reasoning */
  bool leads;      /* its parameter count is what the others match */
  int trained_to;  /* longest "length=" of the training range, 0 when there is none */
  const char *const *always, *const *matched, *const *free; /* key=value, NULL-terminated */
} cli_recipe;

/* Ends with a recipe without a model. */
extern const cli_recipe cli_recipes[];
#endif
