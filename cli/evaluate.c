/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluation on sets of instances: decodes and scores them, or computes their likelihood (floor
 * 8). */
#include "cli/evaluate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/answers.h"
#include "cli/figures.h"
#include "cli/instances.h"
#include "cli/job.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/row.h"
#include "cli/text.h"
#include "cli/waiting.h"

enum { TOGETHER = 1024 /* sequences decoded at a time */, LIKELIHOOD_DRAWS = 16, EDITS = 4 };

/* The instances of one set while they are decoded, and what is recorded of them. */
typedef struct batch {
  cli_job *job;
  const pal_example *instance;
  int n;
  int *passes;  /* [n] forward passes of each instance */
  cli_set *set; /* receives the results */
  char **line;  /* [n] answers as JSON; NULL without --answers */
  bool failed;  /* out of memory while an instance was recorded */
} batch;

/* Counts an instance under each name of the text, which commas separate; frees the text. The list
 * is sorted by name. When it is full, its last entry becomes "other kinds" and counts the rest. */
static void count_under(batch *b, char *text, bool exact) {
  cli_set *set = b->set;
  b->failed |= !text;
  for (char *rest, *one = text ? strtok_r(text, ",", &rest) : NULL; one;
       one = strtok_r(NULL, ",", &rest)) {
    int at = 0;
    while (at < set->n_traits && strcmp(set->trait[at].name, one) < 0) at++;
    if (at == set->n_traits || strcmp(set->trait[at].name, one) != 0) {
      const bool full = set->n_traits == CLI_TRAITS;
      char *name = strdup(full ? "other kinds" : one);
      if (!name) {
        b->failed = true;
        break;
      }
      if (full) {
        at = CLI_TRAITS - 1;
        free(set->trait[at].name);
      } else {
        memmove(&set->trait[at + 1], &set->trait[at],
                (size_t)(set->n_traits++ - at) * sizeof *set->trait);
        set->trait[at] = (cli_trait){.n = 0};
      }
      set->trait[at].name = name;
    }
    set->trait[at].n++;
    set->trait[at].exact += exact;
  }
  free(text);
}

/* Counts an instance under each of its traits, and under what has become of it. */
static void count_traits(batch *b, const pal_judged *judged, bool exact) {
  const pal_task *task = b->job->task;
  const pal_task_definition *d = pal_task_definition_of(task);
  if (d->traits) count_under(b, cli_traits_of(task, b->job->form, judged->instance), exact);
  if (d->outcome) count_under(b, cli_outcome_of(task, judged), exact);
}

bool cli_is_exact(const pal_judged *judged, const pal_task *task) {
  return judged->score.exact &&
         (judged->decoded->halted || pal_task_definition_of(task)->single_step);
}

/* Called by pal_decode for each finished sequence: scores and counts it. */
static void record(int index, const pal_decoded *decoded, void *data) {
  batch *b = data;
  const pal_task *task = b->job->task;
  const pal_task_definition *d = pal_task_definition_of(task);
  const pal_example *e = &b->instance[index];
  const pal_judged judged = {e, b->job->form, decoded,
                             d->score(task, e, b->job->form, decoded->token, decoded->n)};
  const bool exact = cli_is_exact(&judged, task);
  if (b->line) {
    b->line[index] = cli_answer_line(b->job, b->set->name, index, &judged);
    b->failed |= !b->line[index];
  }
  count_traits(b, &judged, exact);
  b->set->exact += exact;
  for (int m = 0; m < CLI_MARKS; m++)
    b->set->exact_by[m] += exact && decoded->forward_passes <= cli_mark[m];
  if (decoded->forward_passes > b->set->most_passes) b->set->most_passes = decoded->forward_passes;
  for (int i = 0; i < d->n_report; i++)
    if (cli_is_judged(&d->report[i])) b->set->sum[i] += cli_figure(&d->report[i], task, &judged);
  b->set->halted += decoded->halted;
  b->set->capped += !decoded->halted;
  b->passes[index] = decoded->forward_passes;
}

/* Writes the answers in the order of the instances; decoding finishes them in another order. */
static void write_lines(batch *b) {
  for (int i = 0; b->line && i < b->n; i++) {
    if (b->line[i]) fprintf(b->job->answers, "%s\n", b->line[i]);
    free(b->line[i]);
  }
  free(b->line);
  b->line = NULL;
}

static int by_value(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

/* Whether steps edit an answer, although the task has it written. */
static bool edits_answers(const cli_job *job) {
  return pal_model_definition_of(job->model)->form == PAL_FORM_TRANSITION &&
         job->form != PAL_FORM_TRANSITION;
}

pal_status cli_step_cap(const cli_job *job, const pal_example *instance, int *cap,
                        pal_error *error) {
  const pal_model_definition *model = pal_model_definition_of(job->model);
  pal_decode_settings own = {.steps = 0};
  if (model->decode_settings) model->decode_settings(job->model, &own);
  const pal_status status = pal_task_step_cap(job->task, instance, job->form, cap, error);
  /* A task counts on a step for each token of an answer; one that is edited needs several. */
  if (!status && edits_answers(job) && *cap <= PAL_MOST_STEPS / EDITS) *cap *= EDITS;
  if (!status && own.steps > *cap)
    *cap = own.steps < PAL_MOST_STEPS ? (int)own.steps : PAL_MOST_STEPS;
  return status;
}

int cli_most_rows(const cli_job *job, int n_prompt, int answer_room) {
  const int n = n_prompt + answer_room, context = pal_task_format(job->task)->context;
  const bool edits = pal_model_definition_of(job->model)->form == PAL_FORM_TRANSITION;
  return edits && context > n ? context : n;
}

/* The largest step cap, answer and length that any instance of the batch needs: one decoder serves
 * them all. */
static pal_status largest_needs(const batch *b, pal_decode_options *options, pal_error *error) {
  for (int i = 0; i < b->n; i++) {
    const pal_example *e = &b->instance[i];
    int cap, room;
    pal_status status = cli_step_cap(b->job, e, &cap, error);
    if (!status) status = pal_task_answer_room(b->job->task, e, b->job->form, &room, error);
    if (status) return status;
    if (cap > options->max_steps) options->max_steps = cap;
    if (room > options->answer_room) options->answer_room = room;
    if (e->n_prompt > options->max_length) options->max_length = e->n_prompt;
  }
  options->max_length = cli_most_rows(b->job, options->max_length, options->answer_room);
  return PAL_OK;
}

static pal_status decode_batch(batch *b, pal_error *error) {
  pal_decode_options options = {.sequences = b->n < TOGETHER ? b->n : TOGETHER,
                                .seed = CLI_DECODE_SEED};
  if (largest_needs(b, &options, error)) return error->code;
  pal_decoder *decoder = pal_decoder_new(b->job->model, &options, error);
  if (!decoder) return error->code;
  if (b->job->answers) {
    b->line = calloc((size_t)b->n + 1, sizeof *b->line);
    b->failed = !b->line;
  }
  const double start = cli_seconds();
  pal_status status = pal_decode(decoder, b->instance, b->n, record, b, error);
  b->set->seconds = cli_seconds() - start;
  pal_decoder_free(decoder);
  write_lines(b);
  if (!status && b->failed) status = pal_fail(error, PAL_E_MEMORY, "no memory for an answer");
  if (status) return status;
  double sum = 0;
  qsort(b->passes, (size_t)b->n, sizeof *b->passes, by_value);
  for (int i = 0; i < b->n; i++) sum += b->passes[i];
  b->set->n = b->n;
  b->set->passes_mean = b->n ? sum / b->n : 0;
  b->set->passes_p95 = b->n ? b->passes[(int)ceil(0.95 * b->n) - 1] : 0;
  return PAL_OK;
}

/* The argument of instance_of: a set of the job's task. */
typedef struct source {
  cli_job *job;
  int set;
} source;

static pal_status instance_of(void *data, int i, pal_example *example, pal_error *error) {
  source *s = data;
  return pal_task_instance(s->job->task, s->set, i, s->job->form, example, error);
}

static pal_status evaluate_set(cli_job *job, int set, int n, cli_set *out, pal_error *error) {
  if (pal_task_definition_of(job->task)->likelihood) {
    source s = {job, set};
    out->likelihood = true;
    out->n = n;
    out->loss.kind = pal_model_definition_of(job->model)->likelihood;
    if (!cli_has_likelihood(out)) return PAL_OK; /* the model says that its loss is no likelihood */
    return pal_evaluate_loss(job->model, instance_of, &s, n, LIKELIHOOD_DRAWS, 1, &out->loss,
                             error);
  }
  cli_instances all = {0};
  pal_status status = PAL_OK;
  cli_waiting("making instances (a setting may make them rare)");
  for (int i = 0; i < n && !status; i++) {
    pal_example e;
    source s = {job, set};
    status = instance_of(&s, i, &e, error);
    if (!status) status = cli_instances_add(&all, &e, error);
  }
  cli_waiting_end();
  batch b = {.job = job,
             .set = out,
             .instance = all.instance,
             .n = all.n,
             .passes = calloc((size_t)n + 1, sizeof(int))};
  if (!status && !b.passes) status = pal_fail(error, PAL_E_MEMORY, "no memory for %d instances", n);
  if (!status) status = decode_batch(&b, error);
  free(b.passes);
  cli_instances_free(&all);
  return status;
}

/* Evaluates on files with one instance per line. All are read before any is decoded, so that an
 * unreadable file costs no decoding. Refused lines are reported at the end. */
static pal_status evaluate_files(cli_job *job, const char *const *file, int n, int limit,
                                 cli_row *row, pal_error *error) {
  cli_instances all[CLI_MAX_FILES] = {0};
  pal_status status = PAL_OK;
  for (int i = 0; i < n && !status; i++)
    status = cli_instances_read(&all[i], job, file[i], limit, error);
  for (int i = 0; i < n && !status; i++) {
    cli_set *set = &row->set[row->n_sets++];
    set->refused = all[i].refused;
    batch b = {.job = job, .set = set, .instance = all[i].instance, .n = all[i].n};
    b.passes = calloc((size_t)all[i].n, sizeof *b.passes);
    status = cli_set_name(set, file[i], error);
    if (!status && !b.passes) status = pal_fail(error, PAL_E_MEMORY, "no memory for instances");
    if (!status) status = decode_batch(&b, error);
    free(b.passes);
  }
  for (int i = 0; i < n; i++) {
    cli_instances_report(&all[i], file[i]);
    cli_instances_free(&all[i]);
  }
  return status;
}

/* How many of a set's `size` instances to evaluate. Without a decoding window every pass reads
 * whole sequences, so sets of thousands of rows would take hours: their number is chosen such that
 * attention computes about WORK pairs of row and key per pass over all of them. With windowed
 * attention a row reads about a window and a tile of keys only. */
static int affordable_count(cli_job *job, int set, int size) {
  /* Sequences below SHORT rows are never limited; of others at least LEAST are evaluated, or
   * LEAST_LONG where the answer may exceed LONG rows. */
  enum { SHORT = 1000, LEAST = 8, LEAST_LONG = 2, LONG = 5000, TILE = 128 };
  static const double WORK = 2e8;
  pal_example e;
  pal_error ignored = {0};
  source s = {job, set};
  int room;
  const pal_model_definition *model = pal_model_definition_of(job->model);
  pal_decode_settings decoding = {0};
  if (model->decode_settings) model->decode_settings(job->model, &decoding);
  if (decoding.window > 0 || pal_task_definition_of(job->task)->likelihood ||
      instance_of(&s, 0, &e, &ignored) ||
      pal_task_answer_room(job->task, &e, job->form, &room, &ignored))
    return size; /* errors are reported when the set is evaluated */
  const int least = room > LONG ? LEAST_LONG : LEAST;
  const double rows = e.n_prompt + room;
  if (rows < SHORT) return size;
  const double near = (double)pal_model_network(job->model)->attention_window + TILE;
  const double keys = near > TILE && near < rows ? near : rows;
  double n = WORK / (rows * keys);
  if (n < least) n = least;
  return n >= size ? size : (int)n;
}

pal_status cli_evaluate(cli_job *job, const char *const *file, int n_files, int limit, bool quiet,
                        cli_row *row, pal_error *error) {
  const pal_task_definition *d = pal_task_definition_of(job->task);
  double start = cli_seconds();
  int sets = n_files, size;
  pal_status status = n_files ? PAL_OK : pal_task_sets(job->task, &sets, error);
  if (!status) status = cli_row_sets(row, sets, error);
  if (status) return status;
  if (n_files) return evaluate_files(job, file, n_files, limit, row, error);
  for (int i = 0; i < sets; i++) {
    cli_set *set = &row->set[row->n_sets++];
    status = cli_set_name(set, d->set_name(job->task, i), error);
    if (!status) status = pal_task_set_size(job->task, i, &size, error);
    if (status) return status;
    const int wanted = limit && limit < size ? limit : size;
    const int n = affordable_count(job, i, wanted);
    set->left_out = wanted - n;
    cli_progress(quiet, set->name, 0, i, sets, cli_seconds() - start, "evaluating");
    status = evaluate_set(job, i, n, set, error);
    if (status) return status;
  }
  cli_progress_end(quiet);
  return PAL_OK;
}
