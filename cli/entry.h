/* SPDX-License-Identifier: Apache-2.0 */
/* An entry of a comparison: the job of one recipe with one budget and one seed (floor 8). */
#ifndef PAL_CLI_ENTRY_H
#define PAL_CLI_ENTRY_H

#include "cli/job.h"
#include "cli/recipes.h"

/* Of a setting "MODEL:KEY=VALUE", which concerns entries of that model only, the length of MODEL; 0
 * for "KEY=VALUE". */
size_t cli_entry_model(const char *setting);
/* Opens the job, whose context and names are set, for training, or with compiled weights if the
 * recipe says so: the settings of the recipe and the budget, of the command line, and the seed.
 * With `matched` and a target of parameters other than 0 the width of the MLP is set so that the
 * model has about as many; PAL_E_UNSUPPORTED if that cannot be. */
pal_status cli_entry_open(cli_job *job, const cli_options *options, const cli_recipe *recipe,
                          bool matched, uint64_t seed, int64_t target, pal_error *error);
/* A second model in `store`: the job's, with one more "KEY=VALUE" setting. NULL on failure. */
pal_model *cli_entry_variant(const cli_job *job, pal_store *store, const char *setting,
                             pal_error *error);
#endif
