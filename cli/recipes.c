/* SPDX-License-Identifier: Apache-2.0 */
/* The recipes (floor 7). Chosen on training strings; the evaluated ones are drawn apart. */
#include "cli/recipes.h"

#include <stddef.h>

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

/* One layer of width 4, as in the paper (arXiv 2510.06190), without what this task can do without. */
#define TINY                                                                                \
  "model.layers=1", "model.heads=1", "model.width=4", "model.hidden=4", "train.steps=3000", \
      "train.rate=0.01"
/* A size at which running parities are learned for certain, within the quickstart's time. */
#define SMALL                                                                                \
  "model.layers=3", "model.heads=4", "model.width=32", "model.hidden=128", "train.shard=16", \
      "train.rate=0.004", "train.matrix_optimizer=muon", "train.matrix_rate=0.02",           \
      "train.steps=2000"
/* Each running parity in place of a mask behind its bit, from the parity before and the bit alone: strings
 * of two bits have all the states there are. A single head tends to look at the bit only. */
#define INTERLEAVED                                                                       \
  "task.answer=infill", "task.train_max=2", "model.infill=1", "model.attention_window=2", \
      "model.positions=none"
#define BATCH "train.batch=64", "train.shard=64", "train.schedule=cosine"

/* Sudoku: one network and one schedule for all, except what a process alone has. A step sees as many
 * rows in each: half as many sequences where puzzle and solution stand one after the other. */
#define BOARD                                                                         \
  "model.layers=4", "model.width=96", "model.hidden=384", "model.activation=relu",    \
      "train.steps=4000", "train.matrix_optimizer=muon", "train.matrix_rate=0.012",   \
      "train.rate=0.0025", "train.beta2=0.98", "train.ema=0.998", "train.warmup=200", \
      "train.final=0.02", "train.clip=0"
#define ONE_BOARD                                                                          \
  "model.heads=1", "model.head_width=32", "model.structure=heads", "model.group_width=48", \
      "model.positions=none", "train.batch=32", "train.shard=16"
#define TWO_BOARDS \
  "model.heads=4", "train.batch=16", "train.shard=8" /* causal: no averaging heads */
#define EDITS                                                                          \
  "model.guess=1", "model.tau_unmask=1", "model.tau_write=0.98,0.5", "model.jitter=3", \
      "train.weights=1,4"

static const cli_variant orders[] = {{"random", "order=random"},
                                     {"confidence", "order=confidence"},
                                     {"margin", "order=margin"},
                                     {NULL, NULL}};

/* Through the window of three rows an edit model meets no state of parity but those it was trained on. */
static const cli_variant windows[] = {
    {"window of 3 rows", "window=3"}, {"no window", "window=0"}, {NULL, NULL}};

const cli_recipe cli_recipes[] = {
    {.task = "parity",
     .model = "ap-mdm",
     .label = "ap-mdm, edits",
     .leads = true,
     .trained_to = 2,
     .variant = windows,
     .always = LIST(BATCH, TINY, "model.window=3")},
    {.task = "parity",
     .model = "arm",
     .label = "arm, answer",
     .trained_to = 20,
     .always = LIST(BATCH),
     .matched = LIST(TINY),
     .free = LIST(SMALL)},
    {.task = "parity",
     .model = "arm",
     .label = "arm, running parities",
     .reasoned = true,
     .trained_to = 20,
     .always = LIST(BATCH),
     .matched = LIST(TINY),
     .free = LIST(SMALL)},
    {.task = "parity",
     .model = "arm",
     .label = "arm, interleaved parities, window of 2 rows",
     .trained_to = 2,
     .always = LIST(BATCH, INTERLEAVED),
     .matched = LIST(TINY, "model.heads=4")},
    {.task = "parity",
     .model = "masked-arm",
     .label = "masked-arm, answer",
     .trained_to = 20,
     .always = LIST(BATCH),
     .matched = LIST(TINY),
     .free = LIST(SMALL)},
    {.task = "parity",
     .model = "mdm",
     .label = "mdm, answer",
     .trained_to = 20,
     .always = LIST(BATCH),
     .matched = LIST(TINY),
     .free = LIST(SMALL)},
    {.task = "sudoku",
     .model = "ap-mdm",
     .label = "ap-mdm, edits",
     .leads = true,
     .always = LIST(BOARD, ONE_BOARD, EDITS),
     .equal = "the same optimizer steps and rows through the network"},
    {.task = "sudoku",
     .model = "arm",
     .label = "arm, reading order",
     .always = LIST(BOARD, TWO_BOARDS, "task.answer=append", "task.order=reading")},
    {.task = "sudoku",
     .model = "arm",
     .label = "arm, solver's order",
     .always = LIST(BOARD, TWO_BOARDS, "task.answer=pairs", "task.order=solver")},
    {.task = "sudoku",
     .model = "masked-arm",
     .label = "masked-arm",
     .always = LIST(BOARD, ONE_BOARD, "task.answer=infill")},
    {.task = "sudoku",
     .model = "mdm",
     .label = "ao-mdm",
     .variant = orders,
     .always = LIST(BOARD, ONE_BOARD, "task.answer=infill")},
    {.task = NULL},
};

#define KIM "Kim et al., arXiv 2502.06768"

const cli_published cli_publications[] = {
    {"sudoku", "arm, no order given", KIM, 42e6, 1.8e6, 0.0973},
    {"sudoku", "arm, solver's order", KIM, 42e6, 1.8e6, 0.8718},
    {"sudoku", "ao-mdm, random", KIM, 6e6, 1.8e6, 0.0688},
    {"sudoku", "ao-mdm, top probability", KIM, 6e6, 1.8e6, 0.1851},
    {"sudoku", "ao-mdm, top-k margin", KIM, 6e6, 1.8e6, 0.8949},
    {"sudoku", "ap-mdm",
     "arXiv 2510.06190; its release does not evaluate it; no symmetries, no labels off the trace",
     1.2e6, 100, 0.9928},
    {.task = NULL},
};
