/* SPDX-License-Identifier: Apache-2.0 */
/* The encoders that are measured, each on a stream of random sequences (floor 6). */
#ifndef PAL_BENCH_NET_H
#define PAL_BENCH_NET_H

#include "bench/bench.h"

/* A masked diffusion model over sequences of equal length. */
typedef struct bench_net_case {
  const char *name;
  int layers, width, heads, hidden, length, batch, vocabulary;
  int shard; /* sequences per shard of a step */
  bool biased;
} bench_net_case;

/* Case i; NULL past the end. */
const bench_net_case *bench_net_at(int i);
/* By name, or NULL with PAL_E_NOT_FOUND. */
const bench_net_case *bench_net_find(const char *name, pal_error *error);

/* Endless sequences of tokens drawn from (seed, number). */
typedef struct bench_source {
  uint64_t next, key; /* key: of the draws */
  int length, vocabulary;
  int32_t token[1024];
} bench_source;

typedef struct bench_net {
  const bench_net_case *c;
  pal_store *store;
  pal_model *model;
  bench_source source;
  pal_stream stream; /* of source */
} bench_net;

/* `set`: n settings of the model besides those of the case. The net must stay where it is. */
pal_status bench_net_open(bench_net *net, pal_context *context, const bench_net_case *c,
                          const char *definition, const char *const *set, int n, pal_error *error);
void bench_net_close(bench_net *net);
/* Sequence `number`: the first third is the prompt, the rest the answer. */
pal_example bench_net_example(bench_source *source, uint64_t number);

/* FLOP of matrix and attention products for one sequence forward. */
double bench_net_flops(const bench_net_case *c);

/* The whole step in one graph: batch of `sequences`, loss, gradients of every parameter (outputs
 * "gradient.<name>" when wanted), AdamW when wanted. NULL on failure. */
pal_graph *bench_net_step(const bench_net *net, int64_t sequences, bool gradients, bool update,
                          pal_error *error);
/* Fills the batch of such an instance with sequences 0 .. n-1 and sets its scalars. */
pal_status bench_net_feed(bench_net *net, pal_exec *exec, int n, pal_batch *batch,
                          pal_error *error);
#endif
