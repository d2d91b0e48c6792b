/* SPDX-License-Identifier: Apache-2.0 */
/* Results of one trained model: one row of a report (floor 8). */
#ifndef PAL_CLI_ROW_H
#define PAL_CLI_ROW_H

#include <jansson.h>

#include "cli/job.h"

/* Instances of a set that have a trait: a name that the task gives, such as "needs a guess". */
enum { CLI_TRAITS = 96 };
typedef struct cli_trait {
  char *name; /* owned */
  int n, exact;
} cli_trait;

/* Numbers of forward passes for which a report gives the share of exact instances. */
enum { CLI_MARKS = 11 };
extern const int cli_mark[CLI_MARKS];

/* One evaluated set. */
typedef struct cli_set {
  char *name;         /* owned; of a file, its path */
  int n, exact;       /* instances evaluated; exact ones that halted by themselves */
  int halted, capped; /* halted by themselves; stopped by the cap on passes */
  double sum[PAL_MAX_REPORT_COLUMNS]; /* of each of the task's columns, over the instances */
  bool steps;                         /* single steps were evaluated, without the task's columns */
  int left_out;                       /* instances not evaluated since they take too long */
  int refused;                        /* lines of a file that are no instance, not among n */
  double passes_mean, passes_p95;     /* forward passes: mean and 95 % quantile */
  double seconds;                     /* of decoding all instances together */
  int most_passes;                    /* maximum of the forward passes */
  int exact_by[CLI_MARKS];            /* exact within cli_mark[...] passes */
  int n_traits;
  cli_trait trait[CLI_TRAITS]; /* [n_traits], sorted by name */
  bool likelihood;             /* evaluated by likelihood, not by decoding */
  pal_likelihood loss;         /* the likelihood, if the model defines one */
} cli_set;

/* Replaces the name of a set. */
pal_status cli_set_name(cli_set *set, const char *name, pal_error *error);

typedef struct cli_row {
  char *model;               /* the label of the row, owned */
  const char *definition;    /* name of the model's definition */
  char *notes;               /* the task's notes on the figures, lines that end with "\n"; owned */
  json_t *settings, *inputs; /* see provenance.h; owned */
  uint64_t seed;
  int64_t parameters;
  int64_t examples, steps;         /* of training; steps 0: trained in another run */
  int64_t tokens;                  /* rows through the network in training */
  const pal_report_column *column; /* [n_columns], of the task */
  int n_columns;
  int64_t total[PAL_MAX_REPORT_COLUMNS]; /* values of the columns that describe training data */
  double seconds, loss; /* of training; loss: mean of the last hundredth, NaN if none was
                                            trained now */
  bool fitted;          /* more than 99 % exact on every set of the training range */
  int n_sets;
  cli_set *set; /* [n_sets], owned */
} cli_row;

/* Replaces the row's sets by memory for n empty ones; row->n_sets becomes 0. */
pal_status cli_row_sets(cli_row *row, int n, pal_error *error);
/* Frees what the row owns. */
void cli_row_free(cli_row *row);

/* Whether the column describes decoded instances rather than the training data. */
bool cli_is_judged(const pal_report_column *column);
/* The value of such a column for one instance: 0 or 1 for a share. */
double cli_figure(const pal_report_column *column, const pal_task *task, const pal_judged *judged);
/* The first column that counts training data and is not 0; NULL when there is none. */
const pal_report_column *cli_counted(const cli_row *row);
/* Fills what is known without training or evaluation. */
pal_status cli_describe(const cli_job *job, cli_row *row, pal_error *error);
/* Replaces row->settings and row->inputs by those of the job. */
pal_status cli_row_provenance(const cli_job *job, cli_row *row, pal_error *error);
/* Fills row->notes with the task's notes on the job's present model. */
pal_status cli_fill_notes(const cli_job *job, cli_row *row, pal_error *error);
#endif
