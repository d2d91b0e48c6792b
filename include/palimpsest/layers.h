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

/* layers, heads, head_width, width, hidden (MLP width), activation (relu gelu gelu_erf silu), norm
 * (layer rms), bias (of linear layers and norms), positions (rotary, learned, none;
 * factored: a learned vector for each group of a position, added), rotary_base,
 * time (adaln none), structure (bias: a learned bias per head and structural relation; heads: averages
 * over the row's group of each kind, group_width columns each, beside the attention heads; none),
 * tied (output shares the embedding), dropout. */
PAL_API const pal_setting *pal_network_settings(int *n);

/* x [T, I] -> [T, O]; variables "<name>.weight" [O, I] ~ N(0, gain^2 / I) and "<name>.bias",
 * zeros. */
PAL_API pal_value pal_layer_linear(pal_graph *graph, const char *name, pal_value x, int64_t outputs,
                                   bool bias, double gain);
/* LayerNorm or RMSNorm with gain (and bias), after the model's settings. */
PAL_API pal_value pal_layer_norm_named(pal_graph *graph, const pal_model *model, const char *name,
                                       pal_value x);

/* What the backbone reads. */
typedef struct pal_network {
  pal_value token, position, sequence; /* i32 [T] */
  pal_value begin, length;             /* i32 [S] */
  pal_value time;                      /* f32 [S] in 0..1; read with time=adaln only */
  bool causal;
  pal_random random; /* keys dropout; seed nil: no dropout */
  /* Caches for decoding; 0: none. Keys and values of the rows [T] are kept in scratch variables
   * of cache_rows rows, at cache_index [T]; a sequence sees rows cache_begin [S] on,
   * cache_length [S] of them, the new ones included. Row r holds position r % cache_stride of
   * its sequence. */
  int64_t cache_rows, cache_stride;
  pal_value cache_index, cache_begin, cache_length;
} pal_network;
/* The network of a loss, and that of a decoding step (time 0: change it where it matters). */
PAL_API pal_network pal_network_of_batch(const pal_batch_values *in);
PAL_API pal_network pal_network_of_step(pal_graph *graph, const pal_decoding *d);

/* Hidden states [T, width] after the final norm, parameters under scope "model". */
PAL_API pal_value pal_backbone(pal_graph *graph, const pal_model *model,
                               const pal_network *network);
/* Logits [T, V] of hidden states; the output layer is zero-initialised unless tied. */
PAL_API pal_value pal_output_logits(pal_graph *graph, const pal_model *model, pal_value hidden);

#ifdef __cplusplus
}
#endif
#endif
