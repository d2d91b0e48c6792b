/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a model that was trained and evaluated: one row of a report (floor 7). */
#ifndef PAL_CLI_ROW_H
#define PAL_CLI_ROW_H

#include "cli/job.h"

/* Instances of one kind in a set. */
enum { CLI_TRAITS = 96 };
typedef struct cli_trait {
  char name[128];
  int n, exact;
} cli_trait;

/* Passes at which a report says how many sequences were exact by then. */
enum { CLI_MARKS = 11 };
extern const int cli_mark[CLI_MARKS];

/* One evaluated set. */
typedef struct cli_set {
  char name[256];
  int n, exact, halted, capped;       /* halted by itself, stopped by the cap */
  double sum[PAL_MAX_REPORT_COLUMNS]; /* of the task's columns, over the instances */
  bool steps;                         /* single ones, which the task's columns say nothing of */
  int left_out;                       /* of the set, since they would have cost too much */
  int refused;                        /* lines of a file that hold no instance, beside n */
  double passes_mean, passes_p95;
  int most_passes, exact_by[CLI_MARKS];
  int n_traits;
  cli_trait trait[CLI_TRAITS]; /* by name */
  bool likelihood; /* judged by `loss`, where the model defines one, and not by decoding */
  pal_likelihood loss;
} cli_set;

/* Of a long path, the end. */
void cli_name_by_file(cli_set *set, const char *path);

typedef struct cli_row {
  char model[96];
  const char *definition; /* the model's own name */
  char notes[600];        /* of the task on these figures, each line ended */
  uint64_t seed;
  int64_t parameters, examples, steps;
  int64_t tokens;                  /* rows through the network in training */
  const pal_report_column *column; /* [n_columns], of the task */
  int n_columns;
  int64_t total[PAL_MAX_REPORT_COLUMNS]; /* of columns on the training data */
  double seconds, loss;
  bool fitted; /* exceeds 99 % on every set of the training range */
  int n_sets;
  cli_set *set; /* [n_sets], owned */
} cli_row;

/* Room for n sets, all empty, instead of those there are; row->n_sets counts from 0 again. */
pal_status cli_row_sets(cli_row *row, int n, pal_error *error);
void cli_row_free(cli_row *row);

/* Whether the column is a figure of decoded instances, and not of the training data. */
bool cli_is_judged(const pal_report_column *column);
/* What such a column says of one instance: 0 or 1 for a share. */
double cli_figure(const pal_report_column *column, const pal_task *task, const pal_judged *judged);
/* The first column that counts training data, and has counted any; NULL when there is none. */
const pal_report_column *cli_counted(const cli_row *row);
/* What is known without training or evaluation. */
void cli_describe(const cli_job *job, cli_row *row);
/* What the task says beside the figures of the job's present model. */
void cli_fill_notes(const cli_job *job, cli_row *row);
#endif
