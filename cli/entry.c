/* SPDX-License-Identifier: Apache-2.0 */
/* See entry.h (floor 8). */
#include "cli/entry.h"

#include <math.h>
#include <string.h>

#include "cli/compiled.h"
#include "cli/outputs.h"

size_t cli_entry_model(const char *setting) {
  const size_t name = strcspn(setting, ":="); /* names of settings have no colon */
  return setting[name] == ':' ? name : 0;
}

/* Applies settings of the command line: KEY=VALUE, or MODEL:KEY=VALUE if the recipe trains that
 * model. */
static pal_status set_from_command_line(cli_job *job, const cli_options *o,
                                        const cli_recipe *recipe, pal_error *error) {
  pal_status status = PAL_OK;
  for (int i = 0; i < o->n_set && !status; i++) {
    const size_t model = cli_entry_model(o->set[i]);
    if (model == 0) status = cli_job_set(job, o->set[i], error);
    else if (strlen(recipe->model) == model && strncmp(o->set[i], recipe->model, model) == 0)
      status = cli_job_set(job, o->set[i] + model + 1, error);
  }
  return status;
}

/* Applies settings to the job, later ones winning: the recipe's, those of its budget, --data, --set
 * of the command line, the seed. A recipe without settings for the free budget uses the matched
 * ones. */
static pal_status configure(cli_job *job, const cli_options *o, const cli_recipe *recipe,
                            bool matched, uint64_t seed, pal_error *error) {
  const cli_settings *own = matched || !recipe->free.n ? &recipe->matched : &recipe->free;
  const cli_settings *lists[] = {&recipe->always, own};
  char text[64];
  pal_status status = PAL_OK;
  for (int l = 0; l < 2; l++)
    for (int i = 0; i < lists[l]->n && !status; i++)
      status = cli_job_set(job, lists[l]->text[i], error);
  if (!status) status = cli_job_set_data(job, o->data, error);
  if (!status) status = set_from_command_line(job, o, recipe, error);
  snprintf(text, sizeof text, "train.seed=%llu", (unsigned long long)seed);
  if (!status) status = cli_job_set(job, text, error);
  return status ? status : cli_outputs_check_settings(o, job, error);
}

pal_model *cli_entry_variant(const cli_job *job, pal_store *store, const char *setting,
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
  pal_model *model = store ? cli_entry_variant(job, store, setting, error) : NULL;
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
static pal_status match(cli_job *job, const cli_recipe *recipe, int64_t target, pal_error *error) {
  char setting[32];
  int64_t one = count_parameters(job, 1, error), two = count_parameters(job, 2, error);
  if (one < 0 || two < 0) return error->code;
  double slope = two > one ? (double)(two - one) : 1;
  double h = round((double)(target - one) / slope) + 1;
  int hidden = h < 1 ? 1 : (int)h;
  double off = (double)one + slope * (hidden - 1) - (double)target;
  if (fabs(off) > 0.05 * (double)target)
    return pal_fail(error, PAL_E_UNSUPPORTED,
                    "%s cannot be brought within 5 %% of the %lld parameters of the first matched "
                    "model by the width of its MLP, only to %lld; give it other layers or another "
                    "width (--set %s:width=...), or compare with --budget free",
                    recipe->label, (long long)target, (long long)((double)target + off),
                    recipe->model);
  snprintf(setting, sizeof setting, "model.hidden=%d", hidden);
  return cli_job_set(job, setting, error);
}

pal_status cli_entry_open(cli_job *job, const cli_options *o, const cli_recipe *recipe,
                          bool matched, uint64_t seed, int64_t target, pal_error *error) {
  pal_status status = configure(job, o, recipe, matched, seed, error);
  if (!status && recipe->compiled) return cli_compiled_open(job, error);
  if (!status) status = cli_job_open_task(job, error);
  if (!status && matched && target) status = match(job, recipe, target, error);
  return status ? status : cli_job_open(job, true, error);
}
