/* SPDX-License-Identifier: Apache-2.0 */
/* Layers with their variables, and the settings of the network (floor 4). */
#define PAL_NO_CALLER
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/models.h"

#define NETWORK pal_network_settings
static const pal_setting settings[] = {
    PAL_SET_WHOLE(NETWORK, layers, "4", 1, 1000, "number of transformer blocks"),
    PAL_SET_WHOLE(NETWORK, heads, "4", 1, 1000, "number of attention heads"),
    PAL_SET_WHOLE(NETWORK, head_width, "0", 0, 1 << 20, "columns of a head; 0: width / heads"),
    PAL_SET_WHOLE(
        NETWORK, attention_window, "0", 0, 1 << 30,
        "a row attends to itself and to rows nearer than this, on both sides or, in a causal "
        "model, before it only; 0: to all of them"),
    PAL_SET_WHOLE(NETWORK, width, "128", 1, 1 << 20, "columns of the residual stream"),
    PAL_SET_WHOLE(NETWORK, hidden, "0", 0, 1 << 20, "hidden columns of the MLP; 0: 4 x width"),
    PAL_SET_CHOICE(NETWORK, activation, "gelu", "relu gelu gelu_erf silu",
                   "activation of the MLP: relu, gelu (tanh form), gelu_erf or silu"),
    PAL_SET_CHOICE(NETWORK, norm, "layer", "layer rms none",
                   "normalization: layer (LayerNorm), rms (RMSNorm) or none"),
    PAL_SET_WHOLE(NETWORK, norm_width, "0", 0, 1 << 20,
                  "norms read and scale this many first columns and pass on the others as they "
                  "are; 0: all columns"),
    PAL_SET_FLAG(NETWORK, bias, "0", "1: linear layers and norms have biases"),
    PAL_SET_CHOICE(NETWORK, positions, "rotary", "rotary learned factored none",
                   "rotary embedding; learned, a vector for each position; factored, the sum of a "
                   "vector for each group of the task's format that a position is in (a row, a "
                   "column); or none"),
    PAL_SET_REAL(NETWORK, rotary_base, "10000", 1, 1e12,
                 "base of the rotary embedding: wavelengths grow up to 2 pi times this many rows"),
    PAL_SET_CHOICE(NETWORK, time, "none", "none adaln",
                   "adaln: the noise level shifts, scales and gates the blocks; none: the network "
                   "is not told the noise level"),
    PAL_SET_CHOICE(NETWORK, structure, "bias", "bias heads none names",
                   "what the network is told of the task's structure. Which positions share a "
                   "group of its format, if there are groups: bias, by a learned bias of "
                   "attention; heads, by one more head for each kind of group, which averages over "
                   "the group. names: which rows belong to records, such as edges and nodes, that "
                   "hold the same name, by a learned bias computed from the tokens. none: nothing"),
    PAL_SET_CHOICE(NETWORK, structure_at, "row", "row next",
                   "the position whose groups structure=bias compares with those of each key: row, "
                   "the row itself; next, the row that a causal model predicts from it"),
    PAL_SET_WHOLE(NETWORK, group_width, "32", 1, 1 << 20,
                  "columns of each head of structure=heads"),
    PAL_SET_FLAG(NETWORK, tied, "0", "1: the output layer shares the table of the embedding"),
    PAL_SET_REAL(NETWORK, dropout, "0", 0, 0.99,
                 "dropout rate of the residual branches in training", PAL_KEPT_BY_RUN),
    PAL_SET_CHOICE(NETWORK, decode_precision, "f32", "f32 bf16",
                   "matrix products in decoding: f32, or bf16 operands with f32 sums",
                   PAL_KEPT_BY_NONE),
};

const pal_setting *pal_network_setting_table(int *n) {
  *n = PAL_SETTINGS(settings);
  return settings;
}

pal_status pal_network_check(const pal_model *model, pal_error *error) {
  const pal_network_settings *net = pal_model_network(model);
  const char *name = model->definition->name;
  const int64_t own = net->head_width, each = own > 0 ? own : net->width / net->heads;
  if ((own == 0 && net->width % net->heads != 0) ||
      (net->positions == PAL_POSITIONS_ROTARY && each % 2 != 0))
    return pal_fail(error, PAL_E_ARGUMENT,
                    "%s: %lld heads must divide a width of %lld (or head_width be set), into an "
                    "even number each for rotary positions",
                    name, (long long)net->heads, (long long)net->width);
  if (net->norm_width > net->width)
    return pal_fail(error, PAL_E_ARGUMENT, "%s: norm_width (%lld) is more than the width (%lld)",
                    name, (long long)net->norm_width, (long long)net->width);
  if (net->positions == PAL_POSITIONS_FACTORED && !model->format.group)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "%s: positions=factored needs a task whose positions are in groups, such as "
                    "rows and columns; set positions=learned instead",
                    name);
  if (!model->definition->cached && net->structure_at == PAL_STRUCTURE_AT_NEXT)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "%s: structure_at=next is for causal models, which predict the next row; set "
                    "structure_at=row for this model",
                    name);
  if (net->structure == PAL_STRUCTURE_NAMES && model->format.names == 0)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "%s: structure=names needs a task whose tokens are names in records; set "
                    "structure=bias or none",
                    name);
  if (net->structure == PAL_STRUCTURE_NAMES && model->definition->cached)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "%s: structure=names reads whole sequences; set structure=bias or none for a "
                    "causal model",
                    name);
  if (model->definition->cached && net->structure == PAL_STRUCTURE_HEADS)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "%s: structure=heads averages over later rows too; set structure=bias or none "
                    "for a causal model",
                    name);
  return PAL_OK;
}

static int64_t columns(const pal_graph *graph, pal_value x) {
  const pal_type type = pal_type_of(graph, x);
  return type.rank > 0 ? type.dim[type.rank - 1] : 0;
}

static pal_value variable(pal_graph *graph, const char *name, const char *part, pal_type type,
                          pal_init init, pal_traits traits) {
  char full[PAL_MOST_PARAMETER_NAME + 2]; /* if it is cut, it is still so long that it is refused */
  snprintf(full, sizeof full, "%s.%s", name, part);
  return pal_parameter_new(graph, full, type, init, traits);
}

pal_value pal_layer_linear(pal_graph *graph, const char *name, pal_value x, int64_t outputs,
                           bool bias, double gain) {
  return pal_layer_linear_with(graph, name, x, outputs, bias, gain, PAL_WEIGHT);
}

pal_value pal_layer_linear_with(pal_graph *graph, const char *name, pal_value x, int64_t outputs,
                                bool bias, double gain, pal_traits traits) {
  const pal_traits of_bias = {.frozen = traits.frozen, .rate = traits.rate};
  const int64_t inputs = columns(graph, x);
  const double scale = inputs > 0 ? gain / sqrt((double)inputs) : 0;
  const pal_value weight =
      variable(graph, name, "weight", PAL_TYPE(PAL_F32, PAL_STATIC, outputs, inputs),
               gain > 0 ? PAL_NORMAL(scale) : PAL_ZEROS, traits);
  const pal_value b = bias ? variable(graph, name, "bias", PAL_TYPE(PAL_F32, PAL_STATIC, outputs),
                                      PAL_ZEROS, of_bias)
                           : PAL_NIL;
  return pal_linear(graph, x, weight, b);
}

static pal_value norm(pal_graph *graph, const pal_network_settings *net, const char *name,
                      pal_value x) {
  const pal_type type = PAL_TYPE(PAL_F32, PAL_STATIC, columns(graph, x));
  const pal_value gain = variable(graph, name, "gain", type, PAL_ONES, PAL_PLAIN);
  if (net->norm == PAL_NORM_RMS) return pal_rms_norm(graph, x, gain, 1e-5);
  const pal_value shift =
      net->bias ? variable(graph, name, "bias", type, PAL_ZEROS, PAL_PLAIN) : PAL_NIL;
  return pal_layer_norm(graph, x, gain, shift, 1e-5);
}

pal_value pal_layer_norm_named(pal_graph *graph, const pal_model *model, const char *name,
                               pal_value x) {
  const pal_network_settings *net = pal_model_network(model);
  const int64_t all = columns(graph, x), first = net->norm_width;
  if (net->norm == PAL_NORM_NONE) return x;
  if (first == 0 || first >= all) return norm(graph, net, name, x);
  const pal_value normed = norm(graph, net, name, pal_slice(graph, x, 1, 0, first));
  return pal_concat(graph, (const pal_value[]){normed, pal_slice(graph, x, 1, first, all)}, 2, 1);
}

/* Zeros, f32 [S]: the time of every sequence where the model has none. */
static pal_value no_time(pal_graph *graph, pal_value begin) {
  return pal_affine(graph, pal_cast(graph, begin, PAL_F32), 0, 0);
}

pal_network pal_network_of_batch(pal_graph *graph, const pal_batch_values *in) {
  pal_network network = {.token = in->token,
                         .position = in->position,
                         .sequence = in->sequence,
                         .begin = in->begin,
                         .length = in->length,
                         .time = pal_is_nil(in->time) ? no_time(graph, in->begin) : in->time,
                         .recompute = in->recompute};
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
                       .time = no_time(graph, d->begin)};
}
