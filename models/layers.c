/* SPDX-License-Identifier: Apache-2.0 */
/* Layers with their variables, and the settings of the network (floor 4). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/models.h"

static const pal_setting settings[] = {
    {"layers", "4", "blocks, 1 or more"},
    {"heads", "4", "attention heads"},
    {"head_width", "0", "columns of a head; 0: width / heads"},
    {"width", "128", "columns of the residual stream"},
    {"hidden", "0", "width of the MLP; 0: 4 x width"},
    {"activation", "gelu", "of the MLP: relu, gelu (tanh form), gelu_erf or silu"},
    {"norm", "layer", "layer or rms"},
    {"bias", "0", "1: linear layers and norms have biases"},
    {"positions", "rotary",
     "rotary; learned, a vector for each; factored, one for each of the "
     "format's groups that a position is in, added; none"},
    {"rotary_base", "10000", "wavelengths grow up to 2 pi times this many rows"},
    {"time", "none", "adaln: blocks are shifted, scaled and gated by the noise level; none"},
    {"structure", "bias",
     "of the format's groups, if any: bias, a learned attention bias; heads, "
     "one more head for each kind of group, averaging over it; none"},
    {"group_width", "32", "columns of each of those heads"},
    {"tied", "0", "1: the output shares the embedding's table"},
    {"dropout", "0", "rate on residual branches while training, 0 to below 1"},
    {"decode_precision", "f32", "of products in decoding: f32, or bf16 with f32 sums"},
};

const pal_setting *pal_network_settings(int *n) {
  *n = sizeof settings / sizeof *settings;
  return settings;
}

pal_status pal_network_check(const pal_model *model, pal_error *error) {
  static const char *const activation[] = {"relu", "gelu", "gelu_erf", "silu", NULL};
  static const char *const norm[] = {"layer", "rms", NULL};
  static const char *const positions[] = {"rotary", "learned", "factored", "none", NULL};
  static const char *const time[] = {"none", "adaln", NULL};
  static const char *const structure[] = {"bias", "heads", "none", NULL};
  static const char *const precision[] = {"f32", "bf16", NULL};
  pal_status status;
  if ((status = pal_setting_range(model, "layers", 1, 1000, error)) ||
      (status = pal_setting_range(model, "heads", 1, 1000, error)) ||
      (status = pal_setting_range(model, "head_width", 0, 1 << 20, error)) ||
      (status = pal_setting_range(model, "group_width", 1, 1 << 20, error)) ||
      (status = pal_setting_range(model, "width", 1, 1 << 20, error)) ||
      (status = pal_setting_range(model, "hidden", 0, 1 << 20, error)) ||
      (status = pal_setting_range(model, "bias", 0, 1, error)) ||
      (status = pal_setting_range(model, "tied", 0, 1, error)) ||
      (status = pal_setting_range(model, "rotary_base", 1, 1e12, error)) ||
      (status = pal_setting_range(model, "dropout", 0, 0.99, error)) ||
      (status = pal_setting_choice(model, "activation", activation, error)) ||
      (status = pal_setting_choice(model, "norm", norm, error)) ||
      (status = pal_setting_choice(model, "positions", positions, error)) ||
      (status = pal_setting_choice(model, "time", time, error)) ||
      (status = pal_setting_choice(model, "structure", structure, error)) ||
      (status = pal_setting_choice(model, "decode_precision", precision, error)))
    return status;
  const double width = pal_model_number(model, "width"), heads = pal_model_number(model, "heads");
  const double own = pal_model_number(model, "head_width"), each = own > 0 ? own : width / heads;
  if (each != floor(each) || (pal_model_is(model, "positions", "rotary") && fmod(each, 2) != 0))
    return pal_fail(error, PAL_E_ARGUMENT,
                    "%s: %g heads must divide a width of %g (or head_width be set), into an even "
                    "number each for rotary positions",
                    model->definition->name, heads, width);
  if (pal_model_is(model, "positions", "factored") && !model->format.group)
    return pal_fail(
        error, PAL_E_ARGUMENT,
        "%s: positions=factored is for a task whose positions are in groups, as rows and "
        "columns are; take learned",
        model->definition->name);
  if (model->definition->cached && pal_model_is(model, "structure", "heads"))
    return pal_fail(error, PAL_E_ARGUMENT,
                    "%s: structure=heads averages over later rows too; a causal model takes bias "
                    "or none",
                    model->definition->name);
  return PAL_OK;
}

static int64_t columns(const pal_graph *graph, pal_value x) {
  const pal_type type = pal_type_of(graph, x);
  return type.rank > 0 ? type.dim[type.rank - 1] : 0;
}

static pal_value variable(pal_graph *graph, const char *name, const char *part, pal_type type,
                          pal_init init) {
  char full[160];
  snprintf(full, sizeof full, "%s.%s", name, part);
  return pal_variable_new(graph, full, type, PAL_PARAMETER, init);
}

pal_value pal_layer_linear(pal_graph *graph, const char *name, pal_value x, int64_t outputs,
                           bool bias, double gain) {
  const int64_t inputs = columns(graph, x);
  const double scale = inputs > 0 ? gain / sqrt((double)inputs) : 0;
  const pal_value weight =
      variable(graph, name, "weight", PAL_TYPE(PAL_F32, PAL_STATIC, outputs, inputs),
               gain > 0 ? PAL_NORMAL(scale) : PAL_ZEROS);
  const pal_value b =
      bias ? variable(graph, name, "bias", PAL_TYPE(PAL_F32, PAL_STATIC, outputs), PAL_ZEROS)
           : PAL_NIL;
  return pal_linear(graph, x, weight, b);
}

pal_value pal_layer_norm_named(pal_graph *graph, const pal_model *model, const char *name,
                               pal_value x) {
  const pal_type type = PAL_TYPE(PAL_F32, PAL_STATIC, columns(graph, x));
  const pal_value gain = variable(graph, name, "gain", type, PAL_ONES);
  if (pal_model_is(model, "norm", "rms")) return pal_rms_norm(graph, x, gain, 1e-5);
  const bool bias = pal_model_number(model, "bias") != 0;
  const pal_value shift = bias ? variable(graph, name, "bias", type, PAL_ZEROS) : PAL_NIL;
  return pal_layer_norm(graph, x, gain, shift, 1e-5);
}

pal_network pal_network_of_batch(const pal_batch_values *in) {
  pal_network network = {.token = in->token,
                         .position = in->position,
                         .sequence = in->sequence,
                         .begin = in->begin,
                         .length = in->length,
                         .time = in->time};
  if (in->training)
    network.random = (pal_random){.seed = in->seed, .sample = in->sample, .position = in->position};
  return network;
}

pal_network pal_network_of_step(pal_graph *graph, const pal_decoding *d) {
  return (pal_network){.token = d->token,
                       .position = d->position,
                       .sequence = d->sequence,
                       .begin = d->begin,
                       .length = d->length,
                       .time = pal_affine(graph, pal_cast(graph, d->begin, PAL_F32), 0, 0)};
}
