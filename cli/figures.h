/* SPDX-License-Identifier: Apache-2.0 */
/* Likelihoods in reports, and the mark of shares that rest on few instances (floor 8). */
#ifndef PAL_CLI_FIGURES_H
#define PAL_CLI_FIGURES_H

#include <jansson.h>

#include "cli/row.h"

/* A share of fewer instances than this is marked with "*". */
enum { CLI_FEW = 30 };
/* The mark of a share of n instances: "*" or " ". */
const char *cli_few(int n);
/* Prints what the mark means if one of the n rows has it. */
void cli_few_legend(FILE *to, const cli_row *row, int n);

/* "none", "bound" (an upper bound of the negative log-likelihood) or "exact". */
const char *cli_likelihood_name(pal_likelihood_kind kind);
/* Whether the set is evaluated by likelihood and its model defines one. */
bool cli_has_likelihood(const cli_set *set);
/* The likelihood of such a set times `unit` (1: nats, 1 / ln 2: bits), with "<=" before an upper
 * bound and the standard error after an average of draws; and how it was computed: "exact", or
 * "upper bound" or "estimate" with the number of draws. CLI_FIGURE bytes are enough for both. */
enum { CLI_FIGURE = 700 };
void cli_likelihood_value(const cli_set *set, double unit, char *text, size_t size);
void cli_likelihood_basis(const cli_set *set, char *text, size_t size);
/* A line with the likelihood of one set in nats and bits per token, or that there is none. */
void cli_likelihood_line(FILE *to, const cli_row *row, const cli_set *set);
/* {"set", "n", "likelihood": "exact", "bound" or "none", "nats": number or null, ...}; NULL without
 * memory. */
json_t *cli_likelihood_json(const cli_set *set);
/* The table of `compare` for a task that is evaluated by likelihood: one line per row. Returns the
 * width of its first column. */
int cli_likelihood_summary(FILE *to, const cli_row *row, int n);
/* What the signs of that table mean. */
void cli_likelihood_legend(FILE *to);
/* The 95 % Wilson score interval of k successes in n trials (Wilson 1927); [0, 1] for n = 0. */
void cli_wilson(int k, int n, double *low, double *high);
#endif
