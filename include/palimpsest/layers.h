/* SPDX-License-Identifier: Apache-2.0 */
/* The shared network: layers and one pre-norm transformer backbone.
 *
 * Every model uses it, so that models in a comparison differ in their generative process only. Each
 * model has its settings (pal_network_settings) besides its own. T, S and V in shapes are rows,
 * sequences and tokens of the vocabulary, as in model.h. */
#ifndef PAL_LAYERS_H
#define PAL_LAYERS_H

#include <palimpsest/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Values of those settings below that are choices, in the order of their words in the table. */
typedef enum pal_activation {
  PAL_ACTIVATION_RELU,
  PAL_ACTIVATION_GELU, /* tanh form */
  PAL_ACTIVATION_GELU_ERF,
  PAL_ACTIVATION_SILU
} pal_activation;
typedef enum pal_norm { PAL_NORM_LAYER, PAL_NORM_RMS, PAL_NORM_NONE } pal_norm;
typedef enum pal_positions {
  PAL_POSITIONS_ROTARY,
  PAL_POSITIONS_LEARNED,  /* a learned vector per position */
  PAL_POSITIONS_FACTORED, /* the sum of learned vectors, one per group that a position is in */
  PAL_POSITIONS_NONE
} pal_positions;
/* ADALN: adaptive layer norm; the noise level (time) shifts, scales and gates every block. */
typedef enum pal_time { PAL_TIME_NONE, PAL_TIME_ADALN } pal_time;
/* How the network uses the groups of pal_format, if there are any, or its names. */
typedef enum pal_structure {
  PAL_STRUCTURE_BIAS,  /* a learned attention bias per head and per set of shared groups */
  PAL_STRUCTURE_HEADS, /* one more head per grouping, which averages over the rows of a group */
  PAL_STRUCTURE_NONE,
  PAL_STRUCTURE_NAMES /* a learned attention bias per head and per way of sharing a name */
} pal_structure;
/* Whose groups the bias compares with those of a key: the query's own, or those of the position
 * after it, which a causal model predicts. */
typedef enum pal_structure_at { PAL_STRUCTURE_AT_ROW, PAL_STRUCTURE_AT_NEXT } pal_structure_at;

/* The network's settings; `palimpsest info model` prints meaning, range and default of each. */
typedef struct pal_network_settings {
  int64_t layers, heads, head_width, width, hidden, norm_width, group_width, attention_window;
  int activation, norm, positions, time, structure, structure_at; /* pal_activation etc. */
  int decode_precision; /* pal_precision of products in decoding */
  bool bias, tied;
  double rotary_base, dropout;
} pal_network_settings;
/* The table of these settings, *n rows; and the values that a model has. */
PAL_API const pal_setting *pal_network_setting_table(int *n);
PAL_API const pal_network_settings *pal_model_network(const pal_model *model);

/* x [T, I] -> [T, O], O = outputs: y = x W^T + b. Creates the parameters "<name>.weight" [O, I],
 * drawn from N(0, gain^2 / I) or zeros if gain is 0, and, with `bias`, "<name>.bias" [O], zeros. */
PAL_API pal_value pal_layer_linear(pal_graph *graph, const char *name, pal_value x, int64_t outputs,
                                   bool bias, double gain);
/* The same with chosen traits of the weight (store.h); those above are PAL_WEIGHT. The bias has the
 * `frozen` and `rate` of the weight and no other trait. */
PAL_API pal_value pal_layer_linear_with(pal_graph *graph, const char *name, pal_value x,
                                        int64_t outputs, bool bias, double gain, pal_traits traits);
/* LayerNorm or RMSNorm of x [T, W] over its columns, as the model's settings say, with epsilon
 * 1e-5; with norm=none x itself, without any parameter. Creates "<name>.gain" [W], ones, and for a
 * LayerNorm with bias=1 "<name>.bias" [W], zeros. A setting norm_width below W takes its place: the
 * columns from there on are those of x. */
PAL_API pal_value pal_layer_norm_named(pal_graph *graph, const pal_model *model, const char *name,
                                       pal_value x);

/* What the backbone reads. */
typedef struct pal_network {
  pal_value token, position, sequence; /* i32 [T] */
  pal_value begin, length;             /* i32 [S] */
  pal_value time;                      /* f32 [S] in 0..1; read with time=adaln only */
  bool causal;
  /* Which rows attend to which, by a kind and a block number of each row, in addition to `causal`;
   * see pal_attention. Nil: every row attends to all of its sequence. Refused with a KV cache, and
   * with structure=heads, whose averages would include rows that are hidden. */
  pal_value visible, kind, block; /* i32 [K, K], [T], [T] */
  bool recompute;                 /* each block is a recompute section (gradient.h) */
  pal_random random;              /* keys dropout; seed nil: no dropout */
  /* KV cache for decoding; cache_rows 0: none. Keys and values of the new rows are written to
   * scratch variables of cache_rows rows, at rows cache_index. A sequence attends to cache_length
   * cached rows from cache_begin on, the new ones included. Cached row r holds position
   * r % cache_stride of its sequence. */
  int64_t cache_rows, cache_stride;
  pal_value cache_index;               /* i32 [T] */
  pal_value cache_begin, cache_length; /* i32 [S] */
} pal_network;
/* The inputs of the network in a loss, and in a decoding step. The latter sets time to 0 in every
 * sequence; a model with time=adaln must set its own. */
PAL_API pal_network pal_network_of_batch(pal_graph *graph, const pal_batch_values *in);
PAL_API pal_network pal_network_of_step(pal_graph *graph, const pal_decoding *d);

/* Relations of rows by names, as groupings for attention (see pal_attention), i32 [T,
 * PAL_NAME_GROUPS] of rows as queries and as keys: bit 3 i + j of a relation is set if name i of
 * the query is name j of the key. The three names of a row are the first two tokens of its record
 * (see pal_format), where they are names, and its own token. Computed from the tokens, so that it
 * holds after rows were inserted and deleted. */
enum { PAL_NAME_GROUPS = 9 };
typedef struct pal_name_relation {
  pal_value query, key;
} pal_name_relation;
PAL_API pal_name_relation pal_name_groups(pal_graph *graph, const pal_model *model,
                                          const pal_network *network);

/* Hidden states f32 [T, width] after the final norm; parameters are created in scope "model". */
PAL_API pal_value pal_backbone(pal_graph *graph, const pal_model *model,
                               const pal_network *network);
/* Logits f32 [T, V] of hidden states [T, width]. The output weight starts as zeros, or is the
 * embedding table with tied=1. */
PAL_API pal_value pal_output_logits(pal_graph *graph, const pal_model *model, pal_value hidden);

#ifndef PAL_NO_CALLER
#define pal_layer_linear(g, ...) pal_layer_linear(PAL_HERE(g), __VA_ARGS__)
#define pal_layer_linear_with(g, ...) pal_layer_linear_with(PAL_HERE(g), __VA_ARGS__)
#define pal_layer_norm_named(g, ...) pal_layer_norm_named(PAL_HERE(g), __VA_ARGS__)
#define pal_network_of_batch(g, ...) pal_network_of_batch(PAL_HERE(g), __VA_ARGS__)
#define pal_network_of_step(g, ...) pal_network_of_step(PAL_HERE(g), __VA_ARGS__)
#define pal_name_groups(g, ...) pal_name_groups(PAL_HERE(g), __VA_ARGS__)
#define pal_backbone(g, ...) pal_backbone(PAL_HERE(g), __VA_ARGS__)
#define pal_output_logits(g, ...) pal_output_logits(PAL_HERE(g), __VA_ARGS__)
#endif

#ifdef __cplusplus
}
#endif
#endif
