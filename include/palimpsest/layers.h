/* SPDX-License-Identifier: Apache-2.0 */
/* The shared network: layers and one pre-norm transformer backbone.
 *
 * Every model uses it, so that a comparison differs in nothing but the process. Its settings
 * (pal_network_settings) belong to every model. */
#ifndef PAL_LAYERS_H
#define PAL_LAYERS_H

#include <palimpsest/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Words of the settings below that are choices, in the order of their tables. */
typedef enum pal_activation {
  PAL_ACTIVATION_RELU,
  PAL_ACTIVATION_GELU, /* tanh form */
  PAL_ACTIVATION_GELU_ERF,
  PAL_ACTIVATION_SILU
} pal_activation;
typedef enum pal_norm { PAL_NORM_LAYER, PAL_NORM_RMS } pal_norm;
typedef enum pal_positions {
  PAL_POSITIONS_ROTARY,
  PAL_POSITIONS_LEARNED,  /* a vector for each */
  PAL_POSITIONS_FACTORED, /* a vector for each of the format's groups that a position is in, added */
  PAL_POSITIONS_NONE
} pal_positions;
typedef enum pal_time { PAL_TIME_NONE, PAL_TIME_ADALN } pal_time;
typedef enum pal_structure {
  PAL_STRUCTURE_BIAS,  /* a learned attention bias per head and structural relation */
  PAL_STRUCTURE_HEADS, /* averages over the row's group of each kind, beside the attention heads */
  PAL_STRUCTURE_NONE
} pal_structure;

typedef enum pal_structure_at { PAL_STRUCTURE_AT_ROW, PAL_STRUCTURE_AT_NEXT } pal_structure_at;

/* The network's settings; `palimpsest info model` prints meaning, range and default of each. */
typedef struct pal_network_settings {
  int64_t layers, heads, head_width, width, hidden, group_width, attention_window;
  int activation, norm, positions, time, structure, structure_at; /* pal_activation etc. */
  int decode_precision; /* pal_precision of products in decoding */
  bool bias, tied;
  double rotary_base, dropout;
} pal_network_settings;
/* Their table, and a model's values. */
PAL_API const pal_setting *pal_network_setting_table(int *n);
PAL_API const pal_network_settings *pal_model_network(const pal_model *model);

/* x [T, I] -> [T, O]; variables "<name>.weight" [O, I] ~ N(0, gain^2 / I) and "<name>.bias",
 * zeros. */
PAL_API pal_value pal_layer_linear(pal_graph *graph, const char *name, pal_value x, int64_t outputs,
                                   bool bias, double gain);
/* The same, its weight with traits of its own; above they are PAL_WEIGHT. The bias is frozen, and has a
 * rate, as the weight is and has. */
PAL_API pal_value pal_layer_linear_with(pal_graph *graph, const char *name, pal_value x,
                                        int64_t outputs, bool bias, double gain, pal_traits traits);
/* LayerNorm or RMSNorm with gain (and bias), after the model's settings. */
PAL_API pal_value pal_layer_norm_named(pal_graph *graph, const pal_model *model, const char *name,
                                       pal_value x);

/* What the backbone reads. */
typedef struct pal_network {
  pal_value token, position, sequence; /* i32 [T] */
  pal_value begin, length;             /* i32 [S] */
  pal_value time;                      /* f32 [S] in 0..1; read with time=adaln only */
  bool causal;
  /* Which rows see which, by a kind and a block of each row, on top of causal: see pal_attention. Nil: all
   * see each other. Refused with caches and with structure=heads, which would average over hidden rows. */
  pal_value visible, kind, block; /* i32 [K, K], [T], [T] */
  bool recompute;                 /* each block is a recompute section (gradient.h) */
  pal_random random;              /* keys dropout; seed nil: no dropout */
  /* Caches for decoding; 0: none. Keys and values of the rows [T] are kept in scratch variables
   * of cache_rows rows, at cache_index [T]; a sequence sees rows cache_begin [S] on,
   * cache_length [S] of them, the new ones included. Row r holds position r % cache_stride of
   * its sequence. */
  int64_t cache_rows, cache_stride;
  pal_value cache_index, cache_begin, cache_length;
} pal_network;
/* The network of a loss, and that of a decoding step (time 0: change it where it matters). */
PAL_API pal_network pal_network_of_batch(pal_graph *graph, const pal_batch_values *in);
PAL_API pal_network pal_network_of_step(pal_graph *graph, const pal_decoding *d);

/* Hidden states [T, width] after the final norm, parameters under scope "model". */
PAL_API pal_value pal_backbone(pal_graph *graph, const pal_model *model,
                               const pal_network *network);
/* Logits [T, V] of hidden states; the output layer is zero-initialised unless tied. */
PAL_API pal_value pal_output_logits(pal_graph *graph, const pal_model *model, pal_value hidden);

#ifndef PAL_NO_CALLER
#define pal_layer_linear(g, ...) pal_layer_linear(PAL_HERE(g), __VA_ARGS__)
#define pal_layer_linear_with(g, ...) pal_layer_linear_with(PAL_HERE(g), __VA_ARGS__)
#define pal_layer_norm_named(g, ...) pal_layer_norm_named(PAL_HERE(g), __VA_ARGS__)
#define pal_network_of_batch(g, ...) pal_network_of_batch(PAL_HERE(g), __VA_ARGS__)
#define pal_network_of_step(g, ...) pal_network_of_step(PAL_HERE(g), __VA_ARGS__)
#define pal_backbone(g, ...) pal_backbone(PAL_HERE(g), __VA_ARGS__)
#define pal_output_logits(g, ...) pal_output_logits(PAL_HERE(g), __VA_ARGS__)
#endif

#ifdef __cplusplus
}
#endif
#endif
