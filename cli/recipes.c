/* The recipes (floor 6). Chosen on training strings; the evaluated ones are drawn apart. */
#include "cli/recipes.h"

#include <stddef.h>

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

/* One layer of width 4, as in the paper (arXiv 2510.06190), without what this task can do without. */
#define TINY "model.layers=1", "model.heads=1", "model.width=4", "model.hidden=4", \
             "train.steps=3000", "train.rate=0.01"
/* A size at which running parities are learned for certain, within the quickstart's time. */
#define SMALL "model.layers=3", "model.heads=4", "model.width=32", "model.hidden=128", \
              "train.shard=16", "train.rate=0.004", "train.matrix_optimizer=muon", "train.matrix_rate=0.02", \
              "train.steps=2000"
#define BATCH "train.batch=64", "train.shard=64", "train.schedule=cosine"

const cli_recipe cli_recipes[] = {
    {.task = "parity", .model = "ap-mdm", .label = "ap-mdm, edits", .leads = true, .trained_to = 2,
     .always = LIST(BATCH, TINY, "model.window=3")},
    {.task = "parity", .model = "arm", .label = "arm, answer", .trained_to = 20,
     .always = LIST(BATCH), .matched = LIST(TINY), .free = LIST(SMALL)},
    {.task = "parity", .model = "arm", .label = "arm, running parities", .reasoned = true,
     .trained_to = 20, .always = LIST(BATCH), .matched = LIST(TINY),
     .free = LIST(SMALL)},
    {.task = "parity", .model = "masked-arm", .label = "masked-arm, answer", .trained_to = 20,
     .always = LIST(BATCH), .matched = LIST(TINY), .free = LIST(SMALL)},
    {.task = "parity", .model = "mdm", .label = "mdm, answer", .trained_to = 20,
     .always = LIST(BATCH), .matched = LIST(TINY), .free = LIST(SMALL)},
    {.task = NULL},
};
