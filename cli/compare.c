/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest compare: trains several kinds of model on one task and prints one table (floor 8). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/choose.h"
#include "cli/evaluate.h"
#include "cli/help.h"
#include "cli/job.h"
#include "cli/near.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/recipes.h"
#include "cli/row.h"
#include "cli/table.h"
#include "cli/table_json.h"
#include "cli/text.h"
#include "cli/training.h"
#include "cli/verbs.h"

typedef struct comparison {
  pal_context *context;
  const cli_options *o;
  const char *task;
  const cli_recipes *recipes;
  cli_row *row; /* [n] results so far, in the order of training; memory for `room` of them */
  int n, room;
  int64_t target; /* parameters of the first matched model, which the others match; 0: not known */
} comparison;

/* Applies settings to the job, later ones winning: the recipe's, those of its budget, --data, --set
 * of the command line, the seed. A recipe without settings for the free budget uses the matched
 * ones. */
static pal_status configure(cli_job *job, const comparison *c, const cli_recipe *recipe,
                            bool matched, uint64_t seed, pal_error *error) {
  const cli_settings *own = matched || !recipe->free.n ? &recipe->matched : &recipe->free;
  const cli_settings *lists[] = {&recipe->always, own};
  char text[64];
  pal_status status = PAL_OK;
  for (int l = 0; l < 2; l++)
    for (int i = 0; i < lists[l]->n && !status; i++)
      status = cli_job_set(job, lists[l]->text[i], error);
  if (!status) status = cli_job_set_data(job, c->o->data, error);
  for (int i = 0; i < c->o->n_set && !status; i++) status = cli_job_set(job, c->o->set[i], error);
  snprintf(text, sizeof text, "train.seed=%llu", (unsigned long long)seed);
  if (!status) status = cli_job_set(job, text, error);
  return status ? status : cli_outputs_check_settings(c->o, job, error);
}

static cli_job new_job(const comparison *c, const cli_recipe *recipe) {
  return (cli_job){.context = c->context,
                   .task_name = c->task,
                   .model_name = recipe->model,
                   .form = recipe->form};
}

/* A second model in `store`: the job's, with one more "KEY=VALUE" setting. NULL on failure. */
static pal_model *another_model(const cli_job *job, pal_store *store, const char *setting,
                                pal_error *error) {
  const char *all[CLI_MAX_SET + 1];
  int n = job->n_set[CLI_MODEL];
  for (int i = 0; i < n; i++) all[i] = job->set[CLI_MODEL][i];
  all[n++] = setting;
  return pal_model_new(job->context, store, job->model_name, pal_task_format(job->task), all, n,
                       error);
}

/* Number of parameters when the MLP has `hidden` columns; -1 on failure. Variables come into being
 * as the loss is built, so this builds it, in a store of its own. */
static int64_t count_parameters(const cli_job *job, int hidden, pal_error *error) {
  char setting[32];
  snprintf(setting, sizeof setting, "hidden=%d", hidden);
  pal_store *store = pal_store_new(1);
  pal_model *model = store ? another_model(job, store, setting, error) : NULL;
  pal_graph *graph = model ? pal_graph_new(job->context, store) : NULL;
  int64_t n = -1;
  if (graph) { /* errors in the graph are reported later, when training compiles it */
    const pal_model_definition *d = pal_model_definition_of(model);
    pal_value part[PAL_MAX_PARTS];
    const pal_batch_values in = pal_batch_inputs(graph, d, 1, 1, true);
    d->loss(model, graph, &in, part);
    n = pal_model_parameters(model);
  } else if (!error->code) {
    pal_fail(error, PAL_E_MEMORY, "no memory to count parameters");
  }
  if (graph) pal_graph_free(graph);
  if (model) pal_model_free(model);
  if (store) pal_store_free(store);
  return n;
}

/* Sets the MLP width that brings the number of parameters closest to the target. That number is
 * linear in the width, so two counts determine it. */
static pal_status match(const comparison *c, cli_job *job, const cli_recipe *recipe,
                        pal_error *error) {
  char setting[32];
  int64_t one = count_parameters(job, 1, error), two = count_parameters(job, 2, error);
  if (one < 0 || two < 0) return error->code;
  double slope = two > one ? (double)(two - one) : 1;
  double h = round((double)(c->target - one) / slope) + 1;
  int hidden = h < 1 ? 1 : (int)h;
  double off = (double)one + slope * (hidden - 1) - (double)c->target;
  if (fabs(off) > 0.05 * (double)c->target)
    return pal_fail(error, PAL_E_UNSUPPORTED,
                    "%s cannot be brought within 5 %% of %lld parameters by the width of its MLP",
                    recipe->label, (long long)c->target);
  snprintf(setting, sizeof setting, "model.hidden=%d", hidden);
  return cli_job_set(job, setting, error);
}

/* Sets row->fitted: false when a set of the training range ("...=N" with N up to
 * recipe->trained_to) is not more than 99 % exact. */
static void check_fit(cli_row *row, const cli_recipe *recipe) {
  row->fitted = true;
  for (int i = 0; i < row->n_sets; i++) {
    const cli_set *s = &row->set[i];
    const char *equals = strchr(s->name, '=');
    if (!s->likelihood && equals && recipe->trained_to && atoi(equals + 1) <= recipe->trained_to &&
        s->exact * 100.0 <= 99.0 * s->n)
      row->fitted = false;
  }
}

/* The recipe's label, to be freed. Where --set changes a task setting that the recipe gives, the setting that
 * holds is appended, since the label may describe the recipe's own. */
static char *label_of(const comparison *c, const cli_recipe *recipe, pal_error *error) {
  static const char of_task[] = "task.";
  char *text = cli_print(error, "%s", recipe->label);
  for (int k = 0; k < recipe->always.n && text; k++) {
    const char *s = recipe->always.text[k];
    if (strncmp(s, of_task, strlen(of_task)) != 0) continue;
    const char *named = s + strlen(of_task), *now = named;
    for (int i = 0; i < c->o->n_set; i++) {
      const char *set = c->o->set[i];
      if (strncmp(set, of_task, strlen(of_task)) == 0) set += strlen(of_task);
      if (strncmp(set, named, strcspn(named, "=") + 1) == 0) now = set;
    }
    if (strcmp(now, named) == 0) continue;
    char *longer = cli_print(error, "%s, %s", text, now);
    free(text);
    text = longer;
  }
  return text;
}

/* Evaluates the job's trained model and adds a row to the table. `trained` is the row as training
 * filled it. With a `variant`, the same weights are evaluated under its model setting. */
static pal_status add_row(comparison *c, cli_job *job, const cli_recipe *recipe, const char *budget,
                          const cli_variant *variant, const cli_row *trained, pal_error *error) {
  cli_row *row = &c->row[c->n];
  pal_model *own = job->model;
  *row = *trained;
  row->model = row->notes = NULL; /* those of `trained` stay its own */
  char *label = label_of(c, recipe, error);
  if (label)
    row->model = cli_print(error, "%s%s%s (%s)", label, variant ? ", " : "",
                           variant ? variant->label : "", budget);
  free(label);
  if (!row->model) return error->code;
  if (variant) job->model = another_model(job, job->store, variant->setting, error);
  pal_status status =
      job->model ? cli_evaluate(job, NULL, 0, c->o->n, c->o->quiet, row, error) : error->code;
  if (!status) status = cli_fill_notes(job, row, error);
  if (variant && job->model) pal_model_free(job->model);
  job->model = own;
  if (status) return status;
  check_fit(row, recipe);
  cli_table(stdout, row, 1);
  fflush(stdout);
  c->n++;
  return PAL_OK;
}

/* Trains one recipe with one seed and adds a row for it, or one for each of its variants. */
static pal_status run_entry(comparison *c, const cli_recipe *recipe, bool matched, uint64_t seed,
                            pal_error *error) {
  const char *budget = matched ? "matched" : "free";
  char *label = NULL;
  cli_job job = new_job(c, recipe);
  cli_row row = {.n_sets = 0}, *trained = &row; /* no sets until it is evaluated */
  pal_status status = configure(&job, c, recipe, matched, seed, error);
  if (!status) status = cli_job_open_task(&job, error);
  if (!status && matched && c->target) status = match(c, &job, recipe, error);
  if (!status) status = cli_job_open(&job, true, error);
  if (!status) {
    label = cli_print(error, "%s (%s)", recipe->label, budget);
    status = label ? cli_train(&job, NULL, c->o->quiet, label, trained, error) : error->code;
  }
  if (!status) {
    pal_trainer_use_average(job.trainer, true);
    if (matched && !c->target) c->target = trained->parameters;
  }
  if (!status && !recipe->n_variants)
    status = add_row(c, &job, recipe, budget, NULL, trained, error);
  for (int i = 0; i < recipe->n_variants && !status; i++)
    status = add_row(c, &job, recipe, budget, &recipe->variant[i], trained, error);
  free(label);
  cli_row_free(trained);
  cli_job_close(&job);
  return status;
}

/* ---- the verb -------------------------------------------------------------------------------- */

/* Whether the recipe is the same in both budgets, so that one training serves for both. */
static bool one_size(const cli_recipe *recipe) {
  return recipe->leads || (recipe->matched.n && !recipe->free.n);
}

static pal_status run_all(comparison *c, const cli_chosen *all, pal_error *error) {
  const char *budget = c->o->budget ? c->o->budget : "matched";
  bool both = strcmp(budget, "both") == 0;
  if (!both && strcmp(budget, "matched") != 0 && strcmp(budget, "free") != 0)
    return pal_fail(error, PAL_E_ARGUMENT, "--budget is matched, free or both, not \"%s\"", budget);
  int seeds = c->o->seeds ? c->o->seeds : 1;
  int rows = 0;
  for (int i = 0; i < all->n; i++)
    rows += all->recipe[i]->n_variants ? all->recipe[i]->n_variants : 1;
  c->row = calloc(2 * (size_t)rows * (size_t)seeds, sizeof *c->row);
  if (!c->row) return pal_fail(error, PAL_E_MEMORY, "no memory for the table");
  c->room = 2 * rows * seeds;
  char *fair =
      cli_print(error, "matched means %s, parameters within 5 %%; free is each model's own size",
                c->recipes->matched ? c->recipes->matched
                                    : "the same training sequences and optimizer steps");
  if (!fair) return error->code;
  cli_wrap(stdout, fair, printf("budget: "), 2);
  printf("\n");
  free(fair);
  pal_status status = PAL_OK;
  for (int kind = 0; kind < 2; kind++) {
    if (!both && (kind == 0) != (strcmp(budget, "matched") == 0)) continue;
    for (int i = 0; i < all->n; i++)
      for (int seed = 1; seed <= seeds && !status; seed++)
        if (kind == 0 || !both || !one_size(all->recipe[i]))
          status = run_entry(c, all->recipe[i], kind == 0, (uint64_t)seed, error);
  }
  return status;
}

/* Moves rows with the same label next to each other, keeping the order of first appearance. A
 * recipe with variants adds its rows seed by seed, while the table shows the seeds of a label
 * together. */
static void put_together(cli_row *row, int n) {
  for (int i = 0, end; i < n; i = end) {
    end = i + 1;
    for (int k = end; k < n; k++) {
      if (strcmp(row[k].model, row[i].model) != 0) continue;
      const cli_row found = row[k];
      memmove(&row[end + 1], &row[end], sizeof *row * (size_t)(k - end));
      row[end++] = found;
    }
  }
}

static cli_recipes *open_recipes(const cli_options *o, pal_error *error) {
  if (o->recipe) return cli_recipes_read(o->recipe, error);
  if (o->argument) return cli_recipes_of(o->argument, error);
  pal_fail(error, PAL_E_ARGUMENT, "compare on what? palimpsest compare TASK");
  return NULL;
}

int cli_verb_compare(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  cli_recipes *recipes = open_recipes(o, &error);
  comparison c = {.context = context, .o = o, .task = o->argument, .recipes = recipes};
  cli_chosen *all = calloc(1, sizeof *all);
  pal_status status = error.code;
  if (!status && !all) status = pal_fail(&error, PAL_E_MEMORY, "no memory for the table");
  if (!status && !c.task) c.task = recipes->task;
  if (!status && o->recipe && strcmp(c.task, recipes->task) != 0)
    status = pal_fail(&error, PAL_E_ARGUMENT, "the recipes of %s are for task %s, not %s",
                      o->recipe, recipes->task, c.task);
  if (!status) status = cli_known(context, "task", c.task, &error);
  if (!status) status = cli_choose(context, recipes, o->models, all, &error);
  if (!status) status = run_all(&c, all, &error);
  put_together(c.row, c.n);
  if (!status) cli_summary(stdout, c.row, c.n, recipes);
  if (!status && o->json) status = cli_json(o->json, c.task, c.row, c.n, recipes, &error);
  for (int i = 0; i < c.room; i++) cli_row_free(&c.row[i]);
  free(c.row);
  free(all);
  cli_recipes_free(recipes);
  return status ? cli_report(&error) : CLI_DONE;
}
