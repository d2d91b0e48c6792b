/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest compare: trains several kinds of model on one task, or compiles their weights, and
 * prints one table (floor 8). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/choose.h"
#include "cli/entry.h"
#include "cli/evaluate.h"
#include "cli/help.h"
#include "cli/job.h"
#include "cli/near.h"
#include "cli/options.h"
#include "cli/recipes.h"
#include "cli/recorder.h"
#include "cli/row.h"
#include "cli/signals.h"
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

/* The recipe's label, to be freed. Where --set changes a task setting that the recipe gives, the
 * setting that holds is appended, since the label may describe the recipe's own. */
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
  row->settings = row->inputs = NULL;
  char *label = label_of(c, recipe, error);
  if (label)
    row->model = cli_print(error, "%s%s%s (%s)", label, variant ? ", " : "",
                           variant ? variant->label : "", budget);
  free(label);
  if (!row->model) return error->code;
  if (variant) job->model = cli_entry_variant(job, job->store, variant->setting, error);
  pal_status status =
      job->model ? cli_evaluate(job, NULL, 0, c->o->n, c->o->quiet, row, error) : error->code;
  if (!status) status = cli_fill_notes(job, row, error);
  if (!status) status = cli_row_provenance(job, row, error);
  if (variant && job->model) pal_model_free(job->model);
  job->model = own;
  if (status) return status;
  check_fit(row, recipe);
  cli_table(stdout, row, 1);
  fflush(stdout);
  c->n++;
  return PAL_OK;
}

static cli_job new_job(const comparison *c, const cli_recipe *recipe) {
  return (cli_job){.context = c->context,
                   .task_name = c->task,
                   .model_name = recipe->model,
                   .form = recipe->form};
}

/* The run directory of an entry: the directory of --out, then the label, the budget and the seed
 * with "-" in place of what is no letter, digit or point. To be freed. */
static char *directory_of(const comparison *c, const cli_recipe *recipe, const char *budget,
                          uint64_t seed, pal_error *error) {
  char *name = cli_print(error, "%s-%s-%llu", recipe->label, budget, (unsigned long long)seed);
  for (char *at = name; at && *at; at++)
    if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789.", *at)) *at = '-';
  char *path = name ? cli_print(error, "%s/%s", c->o->out, name) : NULL;
  free(name);
  return path;
}

/* Writes the run directory of a compiled model, unless --resume finds it there. */
static pal_status keep_compiled(const comparison *c, cli_job *job, const cli_recipe *recipe,
                                const char *how, pal_error *error) {
  cli_recorder recorder = {.every = 0};
  cli_options own = *c->o;
  char *directory = directory_of(c, recipe, how, 1, error);
  pal_status status = directory ? PAL_OK : error->code;
  own.json = NULL; /* the table's */
  own.out = directory;
  own.resume = false;
  if (!status && !(c->o->resume && access(directory, F_OK) == 0)) {
    status = cli_recorder_open(&recorder, job, &own, error);
    if (!status) status = cli_recorder_weights(&recorder, job, "step=0", error);
    if (cli_recorder_close(&recorder, error) && !status) status = error->code;
  }
  free(directory);
  return status;
}

/* Makes a model whose weights are compiled and adds a row for it; with --out keeps it. */
static pal_status run_compiled(comparison *c, const cli_recipe *recipe, pal_error *error) {
  static const char how[] = "compiled";
  cli_job job = new_job(c, recipe);
  cli_row row = {.loss = NAN};
  pal_status status = cli_entry_open(&job, c->o, recipe, false, 1, 0, error);
  if (!status && c->o->out) status = keep_compiled(c, &job, recipe, how, error);
  if (!status) status = cli_describe(&job, &row, error);
  if (!status) status = add_row(c, &job, recipe, how, NULL, &row, error);
  cli_row_free(&row);
  cli_job_close(&job);
  return status;
}

/* Trains the job and, with --out, keeps its run directory. With --resume an entry that has been
 * trained in part goes on, and one that has been trained to its end is not trained again. */
static pal_status train_entry(comparison *c, cli_job *job, const cli_recipe *recipe,
                              const char *budget, cli_row *row, pal_error *error) {
  cli_recorder recorder = {.every = 0};
  cli_options own = *c->o;
  char *label = cli_print(error, "%s (%s)", recipe->label, budget), *directory = NULL,
       *state = NULL;
  pal_status status = label ? PAL_OK : error->code;
  own.json = NULL; /* the table's */
  if (!status && c->o->out) {
    directory = directory_of(c, recipe, budget, job->seed, error);
    state = directory ? cli_print(error, "%s/ckpt/state.safetensors", directory) : NULL;
    own.out = directory;
    own.resume = state && c->o->resume && access(state, F_OK) == 0;
    status = state ? cli_recorder_open(&recorder, job, &own, error) : error->code;
  }
  if (!status)
    status = cli_train(job, c->o->out ? &recorder : NULL, c->o->quiet, label, row, error);
  if (c->o->out && (!status || status == PAL_E_INTERRUPTED)) {
    pal_error late = {0};
    if (cli_recorder_checkpoint(&recorder, job, &late) && !status)
      status = pal_fail(error, late.code, "%s", late.text);
  }
  pal_error closing = {0};
  if (cli_recorder_close(&recorder, &closing) && !status)
    status = pal_fail(error, closing.code, "%s", closing.text);
  free(label);
  free(directory);
  free(state);
  return status;
}

/* Trains one recipe with one seed and adds a row for it, or one for each of its variants. */
static pal_status run_entry(comparison *c, const cli_recipe *recipe, bool matched, uint64_t seed,
                            pal_error *error) {
  const char *budget = matched ? "matched" : "free";
  cli_job job = new_job(c, recipe);
  cli_row row = {.n_sets = 0}, *trained = &row; /* no sets until it is evaluated */
  pal_status status = cli_entry_open(&job, c->o, recipe, matched, seed, c->target, error);
  if (!status) status = train_entry(c, &job, recipe, budget, trained, error);
  if (!status) {
    pal_trainer_use_average(job.trainer, true);
    if (matched && !c->target) c->target = trained->parameters;
  }
  if (!status && !recipe->n_variants)
    status = add_row(c, &job, recipe, budget, NULL, trained, error);
  for (int i = 0; i < recipe->n_variants && !status; i++)
    status = add_row(c, &job, recipe, budget, &recipe->variant[i], trained, error);
  cli_row_free(trained);
  cli_job_close(&job);
  return status;
}

/* ---- the verb -------------------------------------------------------------------------------- */

/* Whether the recipe is the same in both budgets, so that one training serves for both. */
static bool one_size(const cli_recipe *recipe) {
  return recipe->leads || recipe->compiled || (recipe->matched.n && !recipe->free.n);
}

/* Whether the entry belongs to the comparison. */
static bool takes_part(const comparison *c, const cli_recipe *recipe, bool matched) {
  const char *budget = c->o->budget ? c->o->budget : "matched";
  if (recipe->compiled) return matched;
  if (strcmp(budget, "both") == 0) return matched || !one_size(recipe);
  return matched == (strcmp(budget, "matched") == 0);
}

/* Opens every entry once, before any is trained, so that a wrong setting of the last one, or a size
 * that cannot be matched with that of the first, does not show after hours. */
static pal_status check_entries(const comparison *c, const cli_chosen *all, pal_error *error) {
  pal_status status = PAL_OK;
  int64_t target = 0;
  for (int kind = 0; kind < 2; kind++)
    for (int i = 0; i < all->n && !status; i++) {
      if (!takes_part(c, all->recipe[i], kind == 0)) continue;
      cli_job job = new_job(c, all->recipe[i]);
      pal_error own = {0};
      status = cli_entry_open(&job, c->o, all->recipe[i], kind == 0, 1, target, &own);
      if (status)
        pal_fail(error, own.code, "%s: %s (--models leaves it out)", all->recipe[i]->label,
                 own.text);
      if (!status && kind == 0 && !target && !all->recipe[i]->compiled)
        target = pal_model_parameters(job.model);
      cli_job_close(&job);
    }
  for (int k = 0; k < c->o->n_set && !status; k++) {
    const size_t model = cli_entry_model(c->o->set[k]);
    bool used = model == 0;
    for (int i = 0; i < all->n; i++)
      used |= strlen(all->recipe[i]->model) == model &&
              strncmp(all->recipe[i]->model, c->o->set[k], model) == 0;
    if (!used)
      status = pal_fail(error, PAL_E_ARGUMENT, "%s: no \"%.*s\" is compared", c->o->set[k],
                        (int)model, c->o->set[k]);
  }
  return status;
}

/* Results of the training in hand are lost by a signal, unless --out keeps it; those before are
 * not. */
static pal_status train_all(comparison *c, const cli_chosen *all, pal_error *error) {
  const int seeds = c->o->seeds ? c->o->seeds : 1;
  pal_status status = PAL_OK;
  cli_catch_signals(true);
  for (int kind = 0; kind < 2; kind++)
    for (int i = 0; i < all->n; i++)
      for (int seed = 1; seed <= seeds && !status; seed++)
        if (takes_part(c, all->recipe[i], kind == 0))
          status = !all->recipe[i]->compiled
                       ? run_entry(c, all->recipe[i], kind == 0, (uint64_t)seed, error)
                   : seed == 1 ? run_compiled(c, all->recipe[i], error)
                               : PAL_OK;
  cli_catch_signals(false);
  return status;
}

static pal_status print_budget(const comparison *c, const cli_chosen *all, pal_error *error) {
  char *fair =
      cli_print(error, "matched means %s, parameters within 5 %%; free is each model's own size",
                c->recipes->matched ? c->recipes->matched
                                    : "the same training sequences and optimizer steps");
  if (!fair) return error->code;
  cli_wrap(stdout, fair, printf("budget: "), 2);
  for (int i = 0; i < all->n; i++)
    if (all->recipe[i]->like)
      printf("%s has no recipe of its own: trained like \"%s\"\n", all->recipe[i]->label,
             all->recipe[i]->like);
  printf("\n");
  free(fair);
  return PAL_OK;
}

static pal_status run_all(comparison *c, const cli_chosen *all, pal_error *error) {
  const char *budget = c->o->budget ? c->o->budget : "matched";
  if (strcmp(budget, "both") != 0 && strcmp(budget, "matched") != 0 && strcmp(budget, "free") != 0)
    return pal_fail(error, PAL_E_ARGUMENT, "--budget is matched, free or both, not \"%s\"", budget);
  const int seeds = c->o->seeds ? c->o->seeds : 1;
  int rows = 0;
  for (int i = 0; i < all->n; i++)
    rows += all->recipe[i]->n_variants ? all->recipe[i]->n_variants : 1;
  c->row = calloc(2 * (size_t)rows * (size_t)seeds, sizeof *c->row);
  if (!c->row) return pal_fail(error, PAL_E_MEMORY, "no memory for the table");
  c->room = 2 * rows * seeds;
  pal_status status = check_entries(c, all, error);
  if (status) return status;
  bool trains = false;
  for (int i = 0; i < all->n; i++) trains |= !all->recipe[i]->compiled;
  if (trains) status = print_budget(c, all, error);
  return status ? status : train_all(c, all, error);
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
  /* After a failure the rows that there are, are still worth their hours. */
  if (c.n) cli_summary(stdout, c.row, c.n, recipes);
  if (c.n && o->json) {
    pal_error late = {0};
    if (cli_json(o, c.task, c.row, c.n, recipes, !status, &late) && !status)
      status = pal_fail(&error, late.code, "%s", late.text);
  }
  if (status && c.n) cli_say("the table has only the rows that were done before this:");
  const int code = status ? cli_report(&error) : CLI_DONE;
  if (status == PAL_E_INTERRUPTED && o->out) cli_say("the same command with --resume goes on");
  for (int i = 0; i < c.room; i++) cli_row_free(&c.row[i]);
  free(c.row);
  free(all);
  cli_recipes_free(recipes);
  return code;
}
