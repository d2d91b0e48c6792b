/* SPDX-License-Identifier: Apache-2.0 */
/* The update plan (floor 5). See update.h.
 *
 * The traits of a parameter (store.h) decide how it is updated. Matrices go to the matrix optimizer
 * if there is one, all other parameters to the other optimizer. Either applies weight decay to the
 * parameters that have the trait.
 *
 * Parameters that have the same elementwise optimizer, the same rate factor and the same trait of
 * decay lie in one contiguous block, and so do their moments, averages and gradients. So one op
 * updates all of them. */
#define PAL_NO_CALLER
#include "train/update.h"

#include <palimpsest/ops.h>

#include <stdio.h>
#include <string.h>

#include "graph/parts.h"
#include "src/alloc.h"

/* ---- units: what one op updates -------------------------------------------------------- */

enum { MATRIX = 1, DECAYS = 2, KINDS = 4 }; /* bits of a kind; number of kinds */

typedef struct unit {
  pal_variable *variable; /* a block of parameters, or a single one */
  int kind;
  double rate; /* factor of the learning rate */
} unit;

typedef struct units {
  unit *at;   /* [n] */
  int n, *of; /* of[i]: index of the unit of parameter i */
} units;

static int kind_of(const pal_update_options *o, const pal_variable *v) {
  const pal_traits traits = pal_variable_traits(v);
  const bool matrix = o->matrix_optimizer && traits.matrix;
  return (matrix ? MATRIX : 0) | (o->weight_decay > 0 && traits.decays ? DECAYS : 0);
}

static double rate_of(const pal_variable *v) { return pal_variable_traits(v).rate; }

static const pal_optimizer *optimizer_of(const pal_update_options *o, int kind) {
  return kind & MATRIX ? o->matrix_optimizer : o->optimizer;
}

/* Adds the parameters of a kind and rate factor: as one unit, or as one unit each if the optimizer
 * is not elementwise. `member` is a buffer with room for all parameters. */
static pal_status add_kind(units *u, pal_store *store, pal_variable *const *parameter, int n,
                           int kind, double rate, const pal_update_options *o,
                           pal_variable **member, pal_error *error) {
  int members = 0;
  const bool one = optimizer_of(o, kind) && optimizer_of(o, kind)->elementwise;
  for (int i = 0; i < n; i++) {
    if (kind_of(o, parameter[i]) != kind || rate_of(parameter[i]) < rate ||
        rate_of(parameter[i]) > rate)
      continue;
    u->of[i] = one ? u->n : u->n + members;
    member[members++] = parameter[i];
  }
  pal_status status = PAL_OK;
  if (one && members) {
    status = pal_store_block(store, member, members, member, error);
    members = 1;
  }
  for (int i = 0; i < members && !status; i++) u->at[u->n++] = (unit){member[i], kind, rate};
  return status;
}

/* The rate factor after `rate` in the order 1, then all others that occur, ascending; 0 after the
 * last. */
static double next_rate(pal_variable *const *parameter, int n, double rate) {
  const double above = rate < 1 || rate > 1 ? rate : 0;
  double next = 0;
  for (int i = 0; i < n; i++) {
    const double own = rate_of(parameter[i]);
    if (own > above && (own < 1 || own > 1) && (next <= 0 || own < next)) next = own;
  }
  return next;
}

static pal_status make_units(units *u, pal_store *store, pal_variable *const *parameter, int n,
                             const pal_update_options *o, pal_error *error) {
  *u = (units){.at = pal_calloc((size_t)n, sizeof *u->at),
               .of = pal_calloc((size_t)n, sizeof *u->of)};
  pal_variable **member = pal_calloc((size_t)n, sizeof(pal_variable *));
  pal_status status = PAL_OK;
  if (!u->at || !u->of || !member)
    status = pal_fail(error, PAL_E_MEMORY, "no memory for the update of %d parameters", n);
  for (int kind = 0; kind < KINDS && !status; kind++) /* factor 1 first, then the others by size */
    for (double rate = 1; rate > 0 && !status; rate = next_rate(parameter, n, rate))
      status = add_kind(u, store, parameter, n, kind, rate, o, member, error);
  pal_free(member);
  return status;
}

static void free_units(units *u) {
  pal_free(u->at);
  pal_free(u->of);
}

/* ---- the plan -------------------------------------------------------------------------- */

/* beta2 = 0 in an optimizer's defaults means that it has no second moment; then its beta1 is the
 * setting "momentum". */
static pal_optim_options options_for(const pal_update_options *o, int kind) {
  pal_optim_options options = optimizer_of(o, kind)->defaults;
  options.beta1 = options.beta2 > 0 ? o->beta1 : o->momentum;
  if (options.beta2 > 0) options.beta2 = o->beta2;
  if (options.epsilon > 0) options.epsilon = o->epsilon;
  options.weight_decay = kind & DECAYS ? o->weight_decay : 0;
  return options;
}

static pal_value scalar_input(pal_graph *g, const char *name) {
  return pal_input(g, name, pal_type_scalar(PAL_F32));
}

/* The input of a gradient: of a parameter, whose name is limited, or of a block of some. */
static void input_name(char *name, size_t size, const pal_variable *v) {
  snprintf(name, size, "gradient.%s", pal_variable_name(v));
}

static void build(pal_graph *g, const units *u, const pal_update_options *o, pal_value *gradient) {
  const pal_value rate = scalar_input(g, "rate"), step = scalar_input(g, "step");
  const pal_value matrix_rate = o->matrix_optimizer ? scalar_input(g, "matrix_rate") : PAL_NIL;
  const pal_value decay = o->average ? scalar_input(g, "decay") : PAL_NIL;
  for (int i = 0; i < u->n; i++) {
    char name[PAL_MOST_PARAMETER_NAME + 16];
    input_name(name, sizeof name, u->at[i].variable);
    gradient[i] = pal_input(g, name, *pal_variable_type(u->at[i].variable));
  }
  const pal_value norm = pal_global_norm(g, gradient, u->n);
  pal_check_finite(g, norm, "the norm of the gradient");
  pal_output(g, "norm", norm);
  const pal_value scale = o->clip > 0 ? pal_clip_factor(g, norm, o->clip) : PAL_NIL;
  for (int i = 0; i < u->n; i++) {
    const int kind = u->at[i].kind;
    const pal_optim_options options = options_for(o, kind);
    const double factor = u->at[i].rate;
    pal_value own_rate = kind & MATRIX ? matrix_rate : rate;
    if (factor < 1 || factor > 1) own_rate = pal_affine(g, own_rate, factor, 0);
    pal_optimize(g, optimizer_of(o, kind),
                 (pal_optim_call){
                     .options = &options,
                     .parameter = pal_variable_old(g, pal_variable_name(u->at[i].variable)),
                     .gradient = gradient[i],
                     .scale = scale,
                     .rate = own_rate,
                     .step = step,
                     .decay = decay,
                 });
  }
}

static pal_status compile(pal_update *update, const units *u, pal_context *context,
                          pal_store *store, const pal_update_options *options, pal_error *error) {
  pal_graph *g = pal_graph_new(context, store);
  pal_value *gradient = pal_calloc((size_t)u->n, sizeof *gradient);
  if (g && gradient) {
    pal_here(g, __FILE__, __LINE__); /* until an optimizer says where it is */
    build(g, u, options, gradient);
    update->plan = pal_compile(g, error);
  } else {
    pal_fail(error, PAL_E_MEMORY, "no memory for the plan of an update");
  }
  pal_graph_free(g);
  pal_free(gradient);
  if (update->plan) update->exec = pal_exec_new(update->plan, error);
  return update->exec ? PAL_OK : error->code;
}

/* ---- creation and run -------------------------------------------------------------------- */

/* Finds the plan's inputs. A parameter's gradient has the same offset in the unit's gradient as the
 * parameter has in the unit. */
static void find_inputs(pal_update *update, const units *u, pal_variable *const *parameter, int n) {
  for (int i = 0; i < n; i++) {
    char name[PAL_MOST_PARAMETER_NAME + 16];
    const pal_variable *whole = u->at[u->of[i]].variable;
    input_name(name, sizeof name, whole);
    update->gradient[i] = pal_exec_input(update->exec, name);
    if (whole != parameter[i])
      update->gradient[i] += pal_block_offset(parameter[i]) / sizeof(float);
    update->size[i] = pal_variable_bytes(parameter[i]) / sizeof(float);
  }
  update->rate = pal_exec_input(update->exec, "rate");
  update->matrix_rate = pal_exec_input(update->exec, "matrix_rate");
  update->step = pal_exec_input(update->exec, "step");
  update->decay = pal_exec_input(update->exec, "decay");
  update->norm = pal_exec_output(update->exec, "norm", NULL);
}

pal_status pal_update_init(pal_update *update, pal_context *context, pal_store *store,
                           pal_variable *const *parameter, int n, const pal_update_options *options,
                           pal_error *error) {
  pal_error own = {0};
  units u;
  *update = (pal_update){.gradient = pal_calloc((size_t)n, sizeof *update->gradient),
                         .size = pal_calloc((size_t)n, sizeof *update->size)};
  pal_status status = make_units(&u, store, parameter, n, options, &own);
  if (!status && (!update->gradient || !update->size))
    status = pal_fail(&own, PAL_E_MEMORY, "no memory for the update of %d parameters", n);
  if (!status) status = compile(update, &u, context, store, options, &own);
  if (!status) find_inputs(update, &u, parameter, n);
  else pal_update_free(update);
  free_units(&u);
  if (status && error && !error->code) *error = own;
  return status;
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
