/* The update plan (floor 5). See update.h.
 *
 * Two groups by name and shape. Matrices of blocks, "model.block.*.weight" of rank 2, go to the
 * matrix optimizer where there is one; all others (embeddings, output and edit heads, time
 * embedding, gains, biases, structural biases) to the other optimizer. Weights decay where they
 * multiply activations: every "*.weight" of rank 2 but the tables of embeddings, whose unused rows
 * would only shrink. */
#define PAL_NO_CALLER
#include "train/update.h"

#include <palimpsest/ops.h>

#include <stdio.h>
#include <string.h>

#include "src/alloc.h"

static bool is_matrix(const pal_variable *v) {
  const char *name = pal_variable_name(v);
  const size_t n = strlen(name);
  return pal_variable_type(v)->rank == 2 && n > 7 && strcmp(name + n - 7, ".weight") == 0;
}

static bool is_block_matrix(const pal_variable *v) {
  return is_matrix(v) && strncmp(pal_variable_name(v), "model.block.", 12) == 0;
}

static bool decays(const pal_variable *v) {
  const char *name = pal_variable_name(v);
  return is_matrix(v) && strcmp(name, "model.embedding.weight") != 0 &&
         strcmp(name, "model.position.weight") != 0;
}

/* An optimizer without a second moment takes its momentum from beta1. */
static pal_optim_options options_for(const pal_update_options *o, const pal_optimizer *optimizer,
                                     const pal_variable *v) {
  pal_optim_options options = optimizer->defaults;
  options.beta1 = options.beta2 > 0 ? o->beta1 : o->momentum;
  if (options.beta2 > 0) options.beta2 = o->beta2;
  if (options.epsilon > 0) options.epsilon = o->epsilon;
  options.weight_decay = decays(v) ? o->weight_decay : 0;
  return options;
}

static pal_value scalar_input(pal_graph *g, const char *name) {
  return pal_input(g, name, pal_type_scalar(PAL_F32));
}

static void input_name(char *name, size_t size, const pal_variable *v) {
  snprintf(name, size, "gradient.%s", pal_variable_name(v));
}

static void build(pal_graph *g, pal_variable *const *parameter, int n,
                  const pal_update_options *o, pal_value *gradient) {
  const pal_value rate = scalar_input(g, "rate"), step = scalar_input(g, "step");
  const pal_value matrix_rate = o->matrix_optimizer ? scalar_input(g, "matrix_rate") : PAL_NIL;
  const pal_value decay = o->average ? scalar_input(g, "decay") : PAL_NIL;
  for (int i = 0; i < n; i++) {
    char name[256];
    input_name(name, sizeof name, parameter[i]);
    gradient[i] = pal_input(g, name, *pal_variable_type(parameter[i]));
  }
  const pal_value norm = pal_global_norm(g, gradient, n);
  pal_check_finite(g, norm, "the norm of the gradient");
  pal_output(g, "norm", norm);
  if (o->clip > 0) pal_clip_by_norm(g, norm, o->clip, gradient, n);
  for (int i = 0; i < n; i++) {
    const bool matrix = o->matrix_optimizer && is_block_matrix(parameter[i]);
    const pal_optimizer *optimizer = matrix ? o->matrix_optimizer : o->optimizer;
    const pal_optim_options options = options_for(o, optimizer, parameter[i]);
    const pal_value p = pal_variable_old(g, pal_variable_name(parameter[i]));
    const pal_value next =
        optimizer->update(g, &options, p, gradient[i], matrix ? matrix_rate : rate, step);
    pal_assign(g, p, next);
    if (o->average) pal_ema(g, p, next, decay);
  }
}

static pal_status compile(pal_update *update, pal_context *context, pal_store *store,
                          pal_variable *const *parameter, int n, const pal_update_options *options,
                          pal_error *error) {
  pal_graph *g = pal_graph_new(context, store);
  pal_value *gradient = pal_calloc((size_t)n, sizeof *gradient);
  if (g && gradient) {
    build(g, parameter, n, options, gradient);
    update->plan = pal_compile(g, error);
  } else {
    pal_fail(error, PAL_E_MEMORY, "no memory for the update of %d parameters", n);
  }
  pal_graph_free(g);
  pal_free(gradient);
  if (update->plan) update->exec = pal_exec_new(update->plan, error);
  return update->exec ? PAL_OK : error->code;
}

pal_status pal_update_init(pal_update *update, pal_context *context, pal_store *store,
                           pal_variable *const *parameter, int n, const pal_update_options *options,
                           pal_error *error) {
  pal_error own = {0};
  *update = (pal_update){.gradient = pal_calloc((size_t)n, sizeof *update->gradient),
                         .size = pal_calloc((size_t)n, sizeof *update->size)};
  if (!update->gradient || !update->size)
    pal_fail(&own, PAL_E_MEMORY, "no memory for the update of %d parameters", n);
  if (own.code || compile(update, context, store, parameter, n, options, &own)) {
    pal_update_free(update);
    if (error && !error->code) *error = own;
    return own.code;
  }
  for (int i = 0; i < n; i++) {
    char name[256];
    input_name(name, sizeof name, parameter[i]);
    update->gradient[i] = pal_exec_input(update->exec, name);
    update->size[i] = pal_variable_bytes(parameter[i]) / sizeof(float);
  }
  update->rate = pal_exec_input(update->exec, "rate");
  update->matrix_rate = pal_exec_input(update->exec, "matrix_rate");
  update->step = pal_exec_input(update->exec, "step");
  update->decay = pal_exec_input(update->exec, "decay");
  update->norm = pal_exec_output(update->exec, "norm", NULL);
  return PAL_OK;
}

void pal_update_free(pal_update *update) {
  pal_exec_free(update->exec);
  pal_plan_free(update->plan);
  pal_free(update->gradient);
  pal_free(update->size);
  *update = (pal_update){0};
}

pal_status pal_update_run(pal_update *update, double rate, double matrix_rate, int64_t step,
                          double decay, pal_error *error) {
  *update->rate = (float)rate;
  *update->step = (float)step;
  if (update->matrix_rate) *update->matrix_rate = (float)matrix_rate;
  if (update->decay) *update->decay = (float)decay;
  return pal_exec_run(update->exec, error);
}
