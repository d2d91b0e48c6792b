/* SPDX-License-Identifier: Apache-2.0 */
/* Figures that say what they are (floor 7): likelihoods, and shares of few instances. */
#ifndef PAL_CLI_FIGURES_H
#define PAL_CLI_FIGURES_H

#include <jansson.h>

#include "cli/row.h"

/* Instances below which a share is marked. */
enum { CLI_FEW = 30 };
/* "*" for fewer, else " ". */
const char *cli_few(int n);
/* What the mark means, where one of these rows has it. */
void cli_few_legend(FILE *to, const cli_row *row, int n);

/* Whether the set is judged by a likelihood, and its model defines one. */
bool cli_has_likelihood(const cli_set *set);
/* One set of a row, or why there is no figure. */
void cli_likelihood_line(FILE *to, const cli_row *row, const cli_set *set);
/* {"set", "n", "likelihood": "exact", "bound" or "none", "nats": ... or null, ...}. */
json_t *cli_likelihood_json(const cli_set *set);
/* Every row in one line, in nats and bits. */
void cli_likelihood_summary(FILE *to, const cli_row *row, int n);
#endif
