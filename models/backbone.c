/* SPDX-License-Identifier: Apache-2.0 */
/* The shared pre-norm transformer (floor 4).
 *
 *   x = embedding(token) (+ embedding(position), or the sum of embeddings of its groups)
 *   x += attention(norm(x));  x += mlp(norm(x))     in every block
 *   norm(x)
 *
 * With time=adaln (adaptive layer norm, as in DiT: Peebles and Xie, arXiv 2212.09748) the input of
 * a branch is norm(x) * (1 + scale) + shift, and its output is multiplied by gate. A linear layer
 * computes the three from the embedding of the sequence's time. Its weights start as zeros, so at
 * first the gates are 0 and every block is the identity. Other weights are drawn from N(0, gain^2 /
 * inputs), gain 1, or 0.5 for the last layer of a branch. */
#define PAL_NO_CALLER
#include <palimpsest/gradient.h>

#include <math.h>
#include <stdio.h>

#include "models/models.h"
#include "src/alloc.h"

/* Standard deviation of the embedding. With tied=1 it is also the output layer, and must be small
 * so that the first predictions are near uniform. */
static const double EMBEDDING_SCALE = 0.5, TIED_SCALE = 0.02;
static const double BRANCH_GAIN = 0.5;
enum { TIME_FEATURES = 64, TIME_STEPS = 1000 };

typedef struct block {
  pal_graph *graph;
  const pal_model *model;
  const pal_network *network;
  int64_t width, attended; /* columns of the residual stream; of each of q, k and v */
  int heads;
  const pal_network_settings *set;
  pal_value time;             /* [S, width], or nil */
  pal_value q_group, k_group; /* i32 [T, G], [keys, G]: structural groups of queries and keys */
} block;

/* ---- in and out ------------------------------------------------------------------------- */

static double embedding_scale(const pal_model *model) {
  return pal_model_network(model)->tied ? TIED_SCALE : EMBEDDING_SCALE;
}

/* f32 [rows, width]: one row per token, or per factor if tokens are factored. */
static pal_value embedding_table(pal_graph *graph, const pal_model *model) {
  const pal_format *f = pal_model_format(model);
  const int64_t rows = f->factor ? f->factor_rows : f->vocabulary;
  return pal_parameter_new(graph, "embedding.weight",
                           PAL_TYPE(PAL_F32, PAL_STATIC, rows, pal_model_network(model)->width),
                           PAL_NORMAL(embedding_scale(model)), PAL_PLAIN);
}

static pal_value factor_table(pal_graph *graph, const pal_format *f) {
  return pal_constant(graph, PAL_TYPE(PAL_I32, PAL_STATIC, f->vocabulary, f->factors), f->factor);
}

/* The sum of a learned vector for each group that a position is in: position [T] -> [T, width]. */
static pal_value embed_groups(pal_graph *graph, const pal_model *model, pal_value position) {
  const pal_format *f = pal_model_format(model);
  const int64_t n = (int64_t)f->context * f->groups;
  int32_t most = 0, *row = pal_alloc(sizeof *row * (size_t)n);
  if (!row) return pal_graph_fail(graph, PAL_E_MEMORY, "no memory for the groups of positions");
  for (int64_t i = 0; i < n; i++)
    if (f->group[i] > most) most = f->group[i];
  for (int64_t i = 0; i < n; i++)
    row[i] = f->group[i] < 0 ? -1 : (int32_t)(i % f->groups) * (most + 1) + f->group[i];
  const pal_value table = pal_parameter_new(
      graph, "position.group",
      PAL_TYPE(PAL_F32, PAL_STATIC, f->groups * (most + 1), pal_model_network(model)->width),
      PAL_NORMAL(embedding_scale(model)), PAL_PLAIN);
  const pal_value of =
      pal_constant(graph, PAL_TYPE(PAL_I32, PAL_STATIC, f->context, f->groups), row);
  pal_free(row);
  return pal_factored_embedding(graph, table, of, position);
}

static pal_value embed(pal_graph *graph, const pal_model *model, const pal_network *network) {
  const pal_format *f = pal_model_format(model);
  const pal_value table = embedding_table(graph, model);
  pal_value x = f->factor
                    ? pal_factored_embedding(graph, table, factor_table(graph, f), network->token)
                    : pal_embedding(graph, table, network->token);
  if (pal_model_network(model)->positions == PAL_POSITIONS_LEARNED) {
    const pal_value place = pal_parameter_new(
        graph, "position.weight",
        PAL_TYPE(PAL_F32, PAL_STATIC, f->context, pal_model_network(model)->width),
        PAL_NORMAL(embedding_scale(model)), PAL_PLAIN);
    x = pal_add(graph, x, pal_embedding(graph, place, network->position));
  }
  if (pal_model_network(model)->positions == PAL_POSITIONS_FACTORED)
    x = pal_add(graph, x, embed_groups(graph, model, network->position));
  return x;
}

pal_value pal_output_logits(pal_graph *graph, const pal_model *model, pal_value hidden) {
  const pal_format *f = pal_model_format(model);
  pal_scope_push(graph, "model");
  pal_value z = pal_model_network(model)->tied
                    ? pal_linear(graph, hidden, embedding_table(graph, model), PAL_NIL)
                    : pal_layer_linear_with(graph, "output", hidden,
                                            f->factor ? f->factor_rows : f->vocabulary,
                                            pal_model_network(model)->bias, 0, PAL_OUTPUT_WEIGHT);
  if (f->factor) z = pal_factored_logits(graph, z, factor_table(graph, f));
  pal_scope_pop(graph);
  return z;
}

pal_value pal_chance_of(pal_graph *graph, pal_value logits, pal_value token, int32_t mask) {
  const int64_t none = mask;
  const pal_value nats = pal_cross_entropy(graph, logits, token, PAL_NIL, (pal_ints){&none, 1});
  return pal_exp(graph, pal_affine(graph, nats, -1, 0));
}

/* ---- time ------------------------------------------------------------------------------- */

/* Embedding of time [S] -> [S, width]: cosines and sines of time x 1000 at geometric frequencies,
 * then an MLP. The rotary embedding of a vector (1 .. 1, 0 .. 0) gives these cosines and sines. */
static pal_value embed_time(pal_graph *graph, const pal_model *model, pal_value time) {
  float ones[TIME_FEATURES];
  for (int i = 0; i < TIME_FEATURES; i++) ones[i] = i < TIME_FEATURES / 2 ? 1 : 0;
  const pal_type type = pal_type_of(graph, time);
  const pal_value column = pal_reshape(graph, time, PAL_TYPE(PAL_F32, type.symbol, 1, 1));
  const pal_value base = pal_constant(graph, PAL_TYPE(PAL_F32, PAL_STATIC, TIME_FEATURES), ones);
  const pal_value level = pal_cast(graph, pal_affine(graph, time, TIME_STEPS, 0.5), PAL_I32);
  pal_value x = pal_add(graph, pal_affine(graph, column, 0, 0), base);
  x = pal_rotary_embedding(graph, x, level, 1, TIME_FEATURES, 10000);
  const int64_t width = pal_model_network(model)->width;
  x = pal_silu(graph,
               pal_layer_linear_with(graph, "time.in", x, width, true, 1, PAL_OUTPUT_WEIGHT));
  return pal_silu(graph,
                  pal_layer_linear_with(graph, "time.out", x, width, true, 1, PAL_OUTPUT_WEIGHT));
}

/* Shift, scale and gate of a branch for every row, f32 [T, width]; nil unless time=adaln. */
typedef struct modulation {
  pal_value shift, scale, gate;
} modulation;

static modulation modulate(const block *b, const char *name) {
  if (pal_is_nil(b->time)) return (modulation){PAL_NIL, PAL_NIL, PAL_NIL};
  pal_value part[3];
  const pal_value all = pal_layer_linear(b->graph, name, b->time, 3 * b->width, true, 0);
  for (int i = 0; i < 3; i++) {
    part[i] = pal_slice(b->graph, all, 1, i * b->width, (i + 1) * b->width);
    part[i] = pal_gather_rows(b->graph, part[i], b->network->sequence);
  }
  return (modulation){part[0], part[1], part[2]};
}

static pal_value enter(const block *b, const char *norm, pal_value x, modulation m) {
  x = pal_layer_norm_named(b->graph, b->model, norm, x);
  if (pal_is_nil(m.scale)) return x;
  return pal_add(b->graph, pal_mul(b->graph, x, pal_affine(b->graph, m.scale, 1, 1)), m.shift);
}

static pal_value leave(const block *b, pal_value x, pal_value branch, modulation m) {
  const double rate = b->set->dropout;
  if (!pal_is_nil(m.gate)) branch = pal_mul(b->graph, branch, m.gate);
  if (rate > 0 && !pal_is_nil(b->network->random.seed))
    branch = pal_dropout(b->graph, branch, rate, b->network->random);
  return pal_add(b->graph, x, branch);
}

/* ---- a block ---------------------------------------------------------------------------- */

/* Attention bias f32 [heads, 2^groups]: per head and relation, a bit mask of the groupings in which
 * query and key share a group. It is learned, starting from a prior by which head j prefers keys in
 * the query's group of grouping j. */
static pal_value structural_bias(const block *b) {
  const int groups = pal_model_format(b->model)->groups;
  const int64_t relations = (int64_t)1 << groups, n = b->heads * relations;
  const pal_type type = PAL_TYPE(PAL_F32, PAL_STATIC, b->heads, relations);
  float *prior = pal_alloc(sizeof *prior * (size_t)n);
  if (!prior) return pal_graph_fail(b->graph, PAL_E_MEMORY, "no memory for a structural bias");
  for (int64_t i = 0; i < n; i++) {
    const int64_t head = i / relations, relation = i % relations;
    prior[i] = head < groups && (relation >> head & 1) ? (float)PAL_STRUCTURE_PRIOR : 0;
  }
  const pal_value constant = pal_constant(b->graph, type, prior);
  pal_free(prior);
  return pal_add(b->graph, constant,
                 pal_parameter_new(b->graph, "attention.structure", type, PAL_ZEROS, PAL_PLAIN));
}

/* The same bias f32 [heads, 2^PAL_NAME_GROUPS] for relations by names: the sum of one learned
 * number for each way in which query and key share a name. */
static pal_value names_bias(const block *b) {
  enum { RELATIONS = 1 << PAL_NAME_GROUPS };
  float bit[PAL_NAME_GROUPS][RELATIONS];
  float *prior = pal_calloc((size_t)b->heads * PAL_NAME_GROUPS, sizeof *prior);
  if (!prior) return pal_graph_fail(b->graph, PAL_E_MEMORY, "no memory for a bias by names");
  for (int g = 0; g < PAL_NAME_GROUPS; g++)
    for (int r = 0; r < RELATIONS; r++) bit[g][r] = (float)(r >> g & 1);
  for (int h = 0; h < b->heads && h < PAL_NAME_GROUPS; h++)
    prior[h * PAL_NAME_GROUPS + h] = (float)PAL_STRUCTURE_PRIOR;
  const pal_type type = PAL_TYPE(PAL_F32, PAL_STATIC, b->heads, PAL_NAME_GROUPS);
  const pal_value start = pal_constant(b->graph, type, prior);
  pal_free(prior);
  const pal_value learned =
      pal_parameter_new(b->graph, "attention.names", type, PAL_ZEROS, PAL_PLAIN);
  const pal_value bits =
      pal_constant(b->graph, PAL_TYPE(PAL_F32, PAL_STATIC, PAL_NAME_GROUPS, RELATIONS), bit);
  return pal_matmul(b->graph, pal_add(b->graph, start, learned), bits, false, false);
}

/* Keys or values of all rows so far, [cache_rows, attended]: the KV cache, after the new rows [T,
 * attended] were written to it. */
static pal_value through_cache(const block *b, const char *name, pal_value rows) {
  const pal_network *n = b->network;
  char full[64];
  snprintf(full, sizeof full, "cache.%lld.%s", (long long)n->cache_rows, name);
  const pal_value cache =
      pal_variable_new(b->graph, full, PAL_TYPE(PAL_F32, PAL_STATIC, n->cache_rows, b->attended),
                       PAL_SCRATCH, PAL_ZEROS);
  return pal_write_rows(b->graph, cache, n->cache_index, rows);
}

/* One head per grouping, which averages over the rows of the row's own group: x [T, width] ->
 * [T, groups x group_width]. */
static pal_value structural_heads(const block *b, pal_value x) {
  const int64_t wide = pal_model_format(b->model)->groups * b->set->group_width;
  const pal_value v = pal_layer_linear(b->graph, "attention.group", x, wide, b->set->bias, 1);
  return pal_segment_group_mean(b->graph, v, b->network->begin, b->network->length, b->q_group);
}

static pal_value attention(const block *b, pal_value x) {
  pal_graph *g = b->graph;
  const pal_network *n = b->network;
  const int64_t w = b->attended;
  pal_value q =
      pal_layer_linear(g, "attention.qkv", x, 3 * w, b->set->bias, 1); /* k and v behind q */
  pal_value k = PAL_NIL, v = PAL_NIL;
  if (b->set->positions == PAL_POSITIONS_ROTARY)
    q = pal_rotary_embedding(g, q, n->position, 2 * b->heads, w / b->heads, b->set->rotary_base);
  pal_attention options = {.heads = b->heads,
                           .causal = n->causal,
                           .window = b->set->attention_window,
                           .q_begin = n->begin,
                           .q_length = n->length,
                           .q_position = n->position,
                           .visible = n->visible,
                           .q_kind = n->kind,
                           .q_block = n->block};
  const bool averaged = !pal_is_nil(b->q_group) && b->set->structure == PAL_STRUCTURE_HEADS;
  if (!pal_is_nil(b->q_group) && !averaged) {
    options.bias = b->set->structure == PAL_STRUCTURE_NAMES ? names_bias(b) : structural_bias(b);
    options.q_group = b->q_group;
    options.k_group = b->k_group;
  }
  if (n->cache_rows > 0) {
    k = through_cache(b, "k", pal_slice(g, q, 1, w, 2 * w));
    v = through_cache(b, "v", pal_slice(g, q, 1, 2 * w, 3 * w));
    q = pal_slice(g, q, 1, 0, w);
    options.k_begin = n->cache_begin;
    options.k_length = n->cache_length;
  }
  pal_value y = pal_scaled_dot_product_attention(g, q, k, v, &options);
  if (averaged) y = pal_concat(g, (const pal_value[]){y, structural_heads(b, x)}, 2, 1);
  return pal_layer_linear(g, "attention.out", y, b->width, b->set->bias, BRANCH_GAIN);
}

static pal_value mlp(const block *b, pal_value x) {
  pal_graph *g = b->graph;
  const int64_t hidden = b->set->hidden;
  x = pal_layer_linear(g, "mlp.in", x, hidden > 0 ? hidden : 4 * b->width, b->set->bias, 1);
  if (b->set->activation == PAL_ACTIVATION_RELU) x = pal_relu(g, x);
  else if (b->set->activation == PAL_ACTIVATION_SILU) x = pal_silu(g, x);
  else x = pal_gelu(g, x, b->set->activation == PAL_ACTIVATION_GELU);
  return pal_layer_linear(g, "mlp.out", x, b->width, b->set->bias, BRANCH_GAIN);
}

/* Refuses settings by which rows would read rows that `visible` hides from them. */
static void check_kinds(const block *b) {
  if (pal_is_nil(b->network->visible)) return;
  if (b->network->cache_rows > 0)
    pal_graph_fail(b->graph, PAL_E_ARGUMENT,
                   "a network whose rows have kinds keeps no keys in caches: decode with `step`");
  else if (!pal_is_nil(b->q_group) && b->set->structure == PAL_STRUCTURE_HEADS)
    pal_graph_fail(
        b->graph, PAL_E_ARGUMENT,
        "structure=heads averages over rows that kinds hide; set structure=bias or none");
}

/* Sets the groups of queries and keys from their positions. They stay nil if the format has no
 * groups or structure=none. */
static void find_groups(block *b) {
  pal_graph *g = b->graph;
  const pal_format *f = pal_model_format(b->model);
  const int64_t rows = b->network->cache_rows;
  if (b->set->structure == PAL_STRUCTURE_NAMES) {
    const pal_name_relation names = pal_name_groups(g, b->model, b->network);
    b->q_group = names.query;
    b->k_group = names.key;
    return;
  }
  if (!f->group || b->set->structure == PAL_STRUCTURE_NONE) return;
  const pal_value group =
      pal_constant(g, PAL_TYPE(PAL_I32, PAL_STATIC, f->context, f->groups), f->group);
  b->q_group = b->k_group = pal_gather_rows(g, group, b->network->position);
  if (b->set->structure_at == PAL_STRUCTURE_AT_NEXT) { /* clamped: the last row has no next */
    const pal_value next =
        pal_minimum(g, pal_affine(g, b->network->position, 1, 1), pal_int(g, f->context - 1));
    b->q_group = pal_gather_rows(g, group, next);
  }
  if (rows == 0) return;
  int32_t *position = pal_alloc(sizeof *position * (size_t)rows);
  if (!position) {
    pal_graph_fail(g, PAL_E_MEMORY, "no memory for the positions of %lld keys", (long long)rows);
    return;
  }
  for (int64_t r = 0; r < rows; r++) { /* a row past the context is never reached by a query */
    const int64_t at = r % b->network->cache_stride;
    position[r] = (int32_t)(at < f->context ? at : f->context - 1);
  }
  b->k_group =
      pal_gather_rows(g, group, pal_constant(g, PAL_TYPE(PAL_I32, PAL_STATIC, rows), position));
  pal_free(position);
}

pal_value pal_backbone(pal_graph *graph, const pal_model *model, const pal_network *network) {
  const pal_network_settings *set = pal_model_network(model);
  pal_scope_push(graph, "model");
  block b = {.graph = graph,
             .model = model,
             .network = network,
             .set = set,
             .width = set->width,
             .heads = (int)set->heads};
  b.attended = set->head_width > 0 ? set->head_width * b.heads : b.width;
  find_groups(&b);
  check_kinds(&b);
  if (set->time == PAL_TIME_ADALN) b.time = embed_time(graph, model, network->time);
  pal_value x = embed(graph, model, network);
  for (int i = 0, n = (int)set->layers; i < n; i++) {
    pal_scope_push(graph, "block.%d", i);
    if (network->recompute) pal_recompute_begin(graph);
    modulation m = modulate(&b, "attention.modulation");
    x = leave(&b, x, attention(&b, enter(&b, "attention.norm", x, m)), m);
    m = modulate(&b, "mlp.modulation");
    x = leave(&b, x, mlp(&b, enter(&b, "mlp.norm", x, m)), m);
    if (network->recompute) pal_recompute_end(graph);
    pal_scope_pop(graph);
  }
  x = pal_layer_norm_named(graph, model, "norm", x);
  pal_scope_pop(graph);
  return x;
}
