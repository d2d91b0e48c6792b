/* SPDX-License-Identifier: Apache-2.0 */
/* The program's own pieces (floor 7): options, jobs, evaluation, tables. It uses the public
 * headers only, like any user's program. Results go to stdout, everything else to stderr. */
#ifndef PAL_CLI_H
#define PAL_CLI_H

#include <palimpsest/palimpsest.h>
#include <stdio.h>

enum cli_exit {
  CLI_DONE = 0,
  CLI_FAILED = 1,
  CLI_USAGE =
      2, /* bad usage, config or data; also when only some instances of a file were refused */
  CLI_DIVERGED = 3, /* a non-finite loss */
  CLI_CHECK = 4,    /* check-op found a fault */
  CLI_SIGNAL = 128  /* plus the signal's number */
};

enum { CLI_MAX_SET = 128, CLI_MAX_PLUGINS = 16, CLI_MAX_SETS = 64, CLI_MAX_FILES = 8 };
enum { CLI_DECODE_SEED = 1 }; /* of draws in decoding: what is evaluated is what is shown */

/* The command line, taken apart. */
typedef struct cli_options {
  const char *verb, *argument, *second; /* palimpsest VERB ARGUMENT SECOND */
  const char *set[CLI_MAX_SET];         /* key=value, in order; later wins */
  int n_set;
  char *owned[CLI_MAX_SET]; /* those of the form --KEY VALUE */
  int n_owned;
  const char *plugin[CLI_MAX_PLUGINS];
  int n_plugins;
  const char *file[CLI_MAX_FILES]; /* of --data, the first of which is data */
  int n_files;
  const char *config, *data, *json, *out, *models, *model, *budget, *isa;
  int threads, seeds, n, resume, steps;
  double keep_every; /* seconds, 0: not given */
  const char *svg, *html, *answers;
  bool quiet, help, watch, train;
} cli_options;

/* PAL_E_ARGUMENT with what is wrong; to be freed in any case. */
pal_status cli_parse(int argc, char **argv, cli_options *options, pal_error *error);
void cli_options_free(cli_options *options);
void cli_usage(FILE *to, const char *verb);

/* Everything that belongs to one training run or one trained model. */
typedef struct cli_job {
  pal_context *context; /* borrowed */
  const char *task_name, *model_name;
  char *read_name[2];        /* the same when a config named them, owned */
  char *set[3][CLI_MAX_SET]; /* task, model, train settings, owned */
  int n_set[3];
  pal_task *task;
  pal_store *store;
  pal_model *model;
  pal_stream stream;
  pal_trainer *trainer;
  pal_form form; /* of its examples */
  uint64_t seed; /* train.seed: of the store, the stream and the trainer */
  FILE *answers; /* NULL: what is decoded in evaluation is not kept */
  char *answers_text;
  size_t answers_size;
} cli_job;
enum { CLI_TASK, CLI_MODEL, CLI_TRAIN };

/* Sorts "key=value" texts to the task, the model or the trainer: by prefix "task.", "model.",
 * "train.", or by the one of them that has the key. */
pal_status cli_job_set(cli_job *job, const char *setting, pal_error *error);
/* The task's setting "data"; nothing when it is NULL. */
pal_status cli_job_set_data(cli_job *job, const char *data, pal_error *error);
/* Opens the task alone, which cli_job_open then finds open. */
pal_status cli_job_open_task(cli_job *job, pal_error *error);
/* Opens task and model; then the trainer when `train`. */
pal_status cli_job_open(cli_job *job, bool train, pal_error *error);
void cli_job_close(cli_job *job);

/* A file line by line: ends are LF, CRLF or CR, and a byte order mark at the beginning is none of it. */
typedef struct cli_lines {
  const char *path; /* borrowed */
  FILE *file;
  char *text; /* of the line, without its end; it may hold zero bytes */
  size_t length, room;
  int number; /* from 1 */
} cli_lines;
pal_status cli_lines_open(cli_lines *lines, const char *path, pal_error *error);
/* False at the end of the file, and with an error. */
bool cli_lines_next(cli_lines *lines, pal_error *error);
void cli_lines_rewind(cli_lines *lines);
void cli_lines_close(cli_lines *lines);

/* Instances with copies of their prompts and answers; zero-initialise. Lines of a file that the task
 * refuses are kept with what is wrong with them. */
typedef struct cli_refusal {
  int line;
  char *text;
} cli_refusal;
typedef struct cli_instances {
  pal_example *instance;
  cli_refusal *refusal;
  int n, room, refused;
} cli_instances;
pal_status cli_instances_add(cli_instances *all, const pal_example *example, pal_error *error);
/* At most `limit` (0: all). PAL_E_FORMAT when that leaves none. */
pal_status cli_instances_read(cli_instances *all, cli_job *job, const char *path, int limit,
                              pal_error *error);
/* The refused lines on stderr. */
void cli_instances_report(const cli_instances *all, const char *path);
void cli_instances_free(cli_instances *all);

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
  int n, exact, valid, kept, halted, capped; /* halted by itself, stopped by the cap */
  bool steps;                                /* single ones: neither valid nor kept */
  int left_out;                              /* of the set, since they would have cost too much */
  int refused;                               /* lines of a file that hold no instance, beside n */
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
  int64_t tokens;  /* rows through the network in training */
  int64_t puzzles; /* that training examples are made of, 0 where a task has none */
  bool augmented;  /* they appear under random symmetries */
  double seconds, loss;
  bool fitted; /* exceeds 99 % on every set of the training range */
  int n_sets;
  cli_set set[CLI_MAX_SETS];
} cli_row;

/* That this process writes a run directory; see lock.h. Zero-initialise. */
typedef struct cli_lock {
  char *path; /* NULL: not held */
  int fd;
} cli_lock;

/* What a training run keeps in its directory: config, a row of metrics every hundredth of its steps,
 * the last checkpoint. Zero-initialise. */
typedef struct cli_kept {
  char *directory, *config, *checkpoints, *weights, *state, *metrics_path[2]; /* owned */
  cli_lock lock;
  FILE *metrics[2];   /* CSV, JSON lines */
  double every, last; /* seconds between checkpoints, time of the last one */
  double seconds;     /* of training before a run that is resumed */
} cli_kept;
/* With --resume the trainer is loaded, and rows after its step are dropped. What cannot be written is
 * found here, and that another process writes there. To be closed in any case. */
pal_status cli_keep_open(cli_kept *kept, const cli_job *job, const cli_options *options,
                         pal_error *error);
/* PAL_E_IO when the row is not written. */
pal_status cli_keep_metrics(cli_kept *kept, const cli_job *job, const pal_step_report *report,
                            double seconds, pal_error *error);
bool cli_keep_is_due(const cli_kept *kept); /* a checkpoint */
pal_status cli_keep_checkpoint(cli_kept *kept, const cli_job *job, pal_error *error);
/* PAL_E_IO when metrics have not all been written. */
pal_status cli_keep_close(cli_kept *kept, pal_error *error);

/* What printf would print, as long as it is, to be freed; NULL without memory. */
char *cli_print(pal_error *error, const char *format, ...) PAL_FORMAT(2, 3);
/* A task's text of tokens, and of what kind an instance is, whole, to be freed; NULL without memory. */
char *cli_text_of(const cli_job *job, const int32_t *token, int n);
char *cli_traits_of(const cli_job *job, const pal_example *instance);
/* Text of data: on a terminal what would control it is shown as \x1b and the like, but for ends of lines. */
void cli_show(FILE *to, const char *text);
/* "palimpsest: " and a message on stderr, a line, with such characters shown in any case. */
void cli_say(const char *format, ...) PAL_FORMAT(1, 2);
/* Text with such characters shown, at most size - 1 bytes of it. */
void cli_escape(const char *text, char *out, size_t size);

/* What was decoded of an instance as a line of JSON, to be freed; NULL without memory. */
char *cli_answer_line(const cli_job *job, const char *set, int index, const pal_example *instance,
                      const pal_decoded *decoded, const pal_score *score);
/* Closes the job's answers and writes them, whole or not at all. */
pal_status cli_answers_save(cli_job *job, const char *path, pal_error *error);

/* What is known without training or evaluation. */
void cli_describe(const cli_job *job, cli_row *row);
/* What the task says beside the figures of the job's present model. */
void cli_note(const cli_job *job, cli_row *row);
/* Trains to the end with a progress line; fills what is known of training. `kept` may be NULL. */
pal_status cli_train(cli_job *job, cli_kept *kept, bool quiet, const char *label, cli_row *row,
                     pal_error *error);
/* Evaluates on the task's sets or, when there are any, on files of instances; at most `limit` instances
 * a set (0: all). */
pal_status cli_evaluate(cli_job *job, const char *const *file, int n_files, int limit, bool quiet,
                        cli_row *row, pal_error *error);

/* The task's cap on forward passes of an instance, or the number that the model's sampler takes, if that is
 * more. */
int cli_step_cap(const cli_job *job, const pal_example *instance);

/* One decoding step from each of n states of the task's training stream under another seed (of other data,
 * if task settings say so): exact where all of it is as labelled, counted by what was to be done. Of causal
 * models, the next token from n beginnings of answers, counted by its place. PAL_E_UNSUPPORTED for others. */
pal_status cli_evaluate_steps(cli_job *job, int n, cli_row *row, pal_error *error);

/* 95 % Wilson score interval of k successes in n. */
void cli_wilson(int k, int n, double *low, double *high);
void cli_table(FILE *to, const cli_row *row, int n);
/* Of each set: exact by number of passes, and by kind of instance, where the task tells kinds apart. */
void cli_details(FILE *to, const cli_row *row);
/* The share of each set that was exact within 10 to 20,000 passes, on a logarithmic axis, as SVG. */
pal_status cli_curve_svg(const cli_row *row, const char *path, pal_error *error);
/* Every row in one line, then what others have published on the task. */
void cli_summary(FILE *to, const char *task, const cli_row *row, int n);
/* {"task": ..., "rows": [...], "published": [...]} written to `path` whole or not at all. */
pal_status cli_json(const char *path, const char *task, const cli_row *row, int n,
                    pal_error *error);

/* One rewriting line on a terminal, now and then a plain one elsewhere; nothing when quiet. */
void cli_progress(bool quiet, const char *label, double done, double of, double seconds,
                  const char *detail);
void cli_progress_end(bool quiet);
double cli_seconds(void);

/* While they are caught, SIGINT and SIGTERM only set what cli_signal returns, and training stops after its
 * step to save; at all other times they end the program at once. */
void cli_catch_signals(bool wanted);
int cli_signal(void);

/* The verbs; each returns an exit code. */
int cli_verb_train(pal_context *context, const cli_options *options);
int cli_verb_eval(pal_context *context, const cli_options *options);
int cli_verb_sample(pal_context *context, const cli_options *options);
int cli_verb_instances(pal_context *context, const cli_options *options);
int cli_verb_compare(pal_context *context, const cli_options *options);
int cli_verb_check_op(pal_context *context, const cli_options *options);
int cli_verb_bench(pal_context *context, const cli_options *options);
int cli_verb_info(pal_context *context, const cli_options *options);
/* Prints the error to stderr; the exit code that goes with it. */
int cli_report(const pal_error *error);

/* The job of a run directory, open; `data` becomes the task's data, NULL leaves it. */
pal_status cli_run_open(cli_job *job, const cli_options *options, const char *data,
                        pal_error *error);
/* Whether --data names a file of instances for the run's task. */
pal_status cli_run_reads_instances(pal_context *context, const cli_options *options, bool *reads,
                                   pal_error *error);
/* Settings as "key=value" that must be as they were: all but a few when a run is resumed; those of the
 * network and of the meaning of tokens for weights that are trained. */
typedef struct cli_notes {
  char **text;
  int n;
  bool resumed, failed;
} cli_notes;
pal_status cli_notes_make(cli_notes *notes, const cli_job *job, bool resumed, pal_error *error);
/* PAL_E_ARGUMENT, naming each setting of which a config has another value. */
pal_status cli_notes_hold(const cli_notes *notes, const char *config, pal_error *error);
void cli_notes_free(cli_notes *notes);
/* A run directory: config and weights of one model. */
/* The text of its config, to be freed, `size` bytes; NULL on failure. PAL_E_ARGUMENT when a value has
 * blanks or quotes around it, which would be lost. */
char *cli_run_config(const cli_job *job, size_t *size, pal_error *error);
pal_status cli_run_read_config(cli_job *job, const char *file, pal_error *error);
#endif
