/* palimpsest compare: several kinds of model on one task, one table (floor 6). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/recipes.h"

enum { MAX_ENTRIES = 32 };

typedef struct comparison {
  pal_context *context;
  const cli_options *o;
  cli_row *row;
  int n, room;
  int64_t target; /* parameters that matched models must have, 0 before the first is known */
} comparison;

static pal_status configure(cli_job *job, const comparison *c, const cli_recipe *recipe, bool matched,
                            uint64_t seed, int hidden, pal_error *error) {
  const char *const *lists[] = {recipe->always, matched ? recipe->matched : recipe->free};
  char text[4096];
  pal_status status = PAL_OK;
  for (int l = 0; l < 2; l++)
    for (const char *const *s = lists[l]; s && *s && !status; s++) status = cli_job_set(job, *s, error);
  if (!status && c->o->data) {
    snprintf(text, sizeof text, "task.data=%s", c->o->data);
    status = cli_job_set(job, text, error);
  }
  for (int i = 0; i < c->o->n_set && !status; i++) status = cli_job_set(job, c->o->set[i], error);
  snprintf(text, sizeof text, "train.seed=%llu", (unsigned long long)seed);
  if (!status) status = cli_job_set(job, text, error);
  snprintf(text, sizeof text, "model.hidden=%d", hidden);
  if (!status && hidden) status = cli_job_set(job, text, error);
  return status;
}

static cli_job new_job(const comparison *c, const cli_recipe *recipe) {
  return (cli_job){.context = c->context, .task_name = c->o->argument, .model_name = recipe->model,
                   .form = recipe->reasoned ? PAL_FORM_REASONED : PAL_FORM_ANSWER};
}

/* Parameters with an MLP of width `hidden` (0: as the recipe says), -1 on failure. */
static int64_t count_parameters(const comparison *c, const cli_recipe *recipe, int hidden,
                                pal_error *error) {
  cli_job job = new_job(c, recipe);
  pal_status status = configure(&job, c, recipe, true, 1, hidden, error);
  if (!status) status = cli_job_open(&job, true, error);
  int64_t n = status ? -1 : pal_model_parameters(job.model);
  cli_job_close(&job);
  return n;
}

/* The MLP width that brings the count closest to the target; counts are linear in it. */
static pal_status match(const comparison *c, const cli_recipe *recipe, int *hidden, pal_error *error) {
  int64_t one = count_parameters(c, recipe, 1, error), two = count_parameters(c, recipe, 2, error);
  if (one < 0 || two < 0) return error->code;
  double slope = two > one ? (double)(two - one) : 1;
  double h = round((double)(c->target - one) / slope) + 1;
  *hidden = h < 1 ? 1 : (int)h;
  double off = (double)one + slope * (*hidden - 1) - (double)c->target;
  if (fabs(off) > 0.05 * (double)c->target)
    return pal_fail(error, PAL_E_UNSUPPORTED,
                    "%s cannot be brought within 5 %% of %lld parameters by the width of its MLP",
                    recipe->label, (long long)c->target);
  return PAL_OK;
}

static void judge(cli_row *row, const cli_recipe *recipe) {
  row->fitted = true;
  for (int i = 0; i < row->n_sets; i++) {
    const cli_set *s = &row->set[i];
    const char *length = strstr(s->name, "length=");
    if (!s->likelihood && length && recipe->trained_to && atoi(length + 7) <= recipe->trained_to &&
        s->exact * 100.0 <= 99.0 * s->n)
      row->fitted = false;
  }
}

static pal_status run_entry(comparison *c, const cli_recipe *recipe, bool matched, uint64_t seed,
                            pal_error *error) {
  cli_row *row = &c->row[c->n];
  cli_job job = new_job(c, recipe);
  int hidden = 0;
  pal_status status = PAL_OK;
  *row = (cli_row){.seed = seed};
  snprintf(row->model, sizeof row->model, "%s (%s)", recipe->label, matched ? "matched" : "free");
  if (matched && c->target) status = match(c, recipe, &hidden, error);
  if (!status) status = configure(&job, c, recipe, matched, seed, hidden, error);
  if (!status) status = cli_job_open(&job, true, error);
  if (!status) status = cli_train(&job, NULL, c->o->quiet, row->model, row, error);
  if (!status) {
    pal_trainer_use_average(job.trainer, true);
    status = cli_evaluate(&job, NULL, c->o->n, c->o->quiet, row, error);
  }
  if (!status) {
    if (matched && !c->target) c->target = row->parameters;
    judge(row, recipe);
    cli_table(stdout, row, 1);
    fflush(stdout);
    c->n++;
  }
  cli_job_close(&job);
  return status;
}

/* The recipes of the models asked for, edit models first: their size is what others match. */
static int choose(const cli_options *o, const cli_recipe *chosen[MAX_ENTRIES], cli_recipe *plain,
                  char *names, pal_error *error) {
  int n = 0;
  for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
    int before = n;
    for (const cli_recipe *r = cli_recipes; r->model; r++)
      if (strcmp(r->task, o->argument) == 0 && strcmp(r->model, name) == 0 && n < MAX_ENTRIES)
        chosen[n++] = r;
    if (n == before && n < MAX_ENTRIES) { /* no recipe: its defaults */
      plain[n] = (cli_recipe){.task = o->argument, .model = name, .label = name};
      chosen[n] = &plain[n];
      n++;
    }
  }
  for (int i = 1; i < n; i++)
    for (int k = i; k > 0 && chosen[k]->leads && !chosen[k - 1]->leads; k--) {
      const cli_recipe *swap = chosen[k];
      chosen[k] = chosen[k - 1];
      chosen[k - 1] = swap;
    }
  if (!n) pal_fail(error, PAL_E_ARGUMENT, "--models names none");
  return n;
}

static pal_status run_all(comparison *c, const cli_recipe *const *chosen, int n, pal_error *error) {
  const char *budget = c->o->budget ? c->o->budget : "matched";
  bool both = strcmp(budget, "both") == 0;
  if (!both && strcmp(budget, "matched") != 0 && strcmp(budget, "free") != 0)
    return pal_fail(error, PAL_E_ARGUMENT, "--budget is matched, free or both, not \"%s\"", budget);
  int seeds = c->o->seeds ? c->o->seeds : 1;
  c->row = calloc((size_t)(2 * n * seeds), sizeof *c->row);
  if (!c->row) return pal_fail(error, PAL_E_MEMORY, "no memory for the table");
  printf("budget: matched means the same training sequences and optimizer steps, parameters within 5 %%; "
         "free is each model's own size\n\n");
  pal_status status = PAL_OK;
  for (int kind = 0; kind < 2; kind++) {
    if (!both && (kind == 0) != (strcmp(budget, "matched") == 0)) continue;
    for (int i = 0; i < n; i++)
      for (int seed = 1; seed <= seeds && !status; seed++)
        if (kind == 0 || !both || !chosen[i]->leads) /* its free size is its matched one */
          status = run_entry(c, chosen[i], kind == 0, (uint64_t)seed, error);
  }
  return status;
}

int cli_verb_compare(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  comparison c = {.context = context, .o = o};
  const cli_recipe *chosen[MAX_ENTRIES];
  cli_recipe plain[MAX_ENTRIES];
  char names[1024];
  snprintf(names, sizeof names, "%s", o->models ? o->models : "arm,masked-arm,mdm,ap-mdm");
  pal_status status = PAL_OK;
  int n = 0;
  if (!o->argument) status = pal_fail(&error, PAL_E_ARGUMENT, "compare on what? palimpsest compare TASK");
  else if (!pal_lookup(context, "task", o->argument))
    status = pal_fail(&error, PAL_E_NOT_FOUND, "no task is named \"%s\"; palimpsest info task lists them",
                      o->argument);
  if (!status) n = choose(o, chosen, plain, names, &error);
  for (int i = 0; i < n && !status; i++)
    if (!pal_lookup(context, "model", chosen[i]->model))
      status = pal_fail(&error, PAL_E_NOT_FOUND, "no model is named \"%s\"; palimpsest info model lists them",
                        chosen[i]->model);
  if (!status && !error.code) status = run_all(&c, chosen, n, &error);
  if (!status && !error.code) cli_summary(stdout, c.row, c.n);
  if (!status && !error.code && o->json) status = cli_json(o->json, o->argument, c.row, c.n, &error);
  free(c.row);
  return error.code ? cli_report(&error) : CLI_DONE;
}
