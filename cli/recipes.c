/* The recipes (floor 6). Chosen on training strings; the evaluated ones are drawn apart. */
#include "cli/recipes.h"

#include <stddef.h>

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

/* One layer of width 4, as in the paper (arXiv 2510.06190), without what this task can do without. */
#define TINY "model.layers=1", "model.heads=1", "model.width=4", "model.hidden=4", "model.bias=0"
#define PARITY_STEPS "train.steps=3000", "train.batch=64", "train.shard=64"

const cli_recipe cli_recipes[] = {
    {.task = "parity", .model = "ap-mdm", .label = "ap-mdm, edits", .leads = true, .trained_to = 2,
     .always = LIST(TINY, PARITY_STEPS, "model.window=3", "train.rate=0.01", "train.schedule=cosine")},
    {.task = "parity", .model = "arm", .label = "arm, answer", .trained_to = 20,
     .always = LIST(PARITY_STEPS, "train.rate=0.003", "train.schedule=cosine"), .matched = LIST(TINY),
     .free = LIST("model.layers=2", "model.heads=4", "model.width=64", "model.hidden=128")},
    {.task = "parity", .model = "arm", .label = "arm, running parities", .reasoned = true, .trained_to = 20,
     .always = LIST(PARITY_STEPS, "train.rate=0.003", "train.schedule=cosine"), .matched = LIST(TINY),
     .free = LIST("model.layers=2", "model.heads=4", "model.width=64", "model.hidden=128")},
    {.task = "parity", .model = "masked-arm", .label = "masked-arm, answer", .trained_to = 20,
     .always = LIST(PARITY_STEPS, "train.rate=0.003", "train.schedule=cosine"), .matched = LIST(TINY),
     .free = LIST("model.layers=2", "model.heads=4", "model.width=64", "model.hidden=128")},
    {.task = "parity", .model = "mdm", .label = "mdm, answer", .trained_to = 20,
     .always = LIST(PARITY_STEPS, "train.rate=0.003", "train.schedule=cosine"), .matched = LIST(TINY),
     .free = LIST("model.layers=2", "model.heads=4", "model.width=64", "model.hidden=128")},
    {.task = NULL},
};
