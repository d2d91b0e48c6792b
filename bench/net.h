/* SPDX-License-Identifier: Apache-2.0 */
/* The networks that are measured, each with a stream of random sequences (floor 7). */
#ifndef PAL_BENCH_NET_H
#define PAL_BENCH_NET_H

#include "bench/bench.h"

/* A network and its training step; all sequences have the same length. */
typedef struct bench_net_case {
  const char *name;
  int layers, width, heads, hidden, length, batch, vocabulary;
  int shard;   /* sequences per shard of a training step */
  bool biased; /* linear layers have biases */
} bench_net_case;

/* Case i; NULL past the end. */
const bench_net_case *bench_net_at(int i);
/* The case of this name; NULL with PAL_E_NOT_FOUND when there is none. */
const bench_net_case *bench_net_find(const char *name, pal_error *error);

/* Random sequences without end: sequence `number` depends on the key and the number only. */
typedef struct bench_source {
  uint64_t next, key; /* number of the next sequence; key of the random draws */
  int length, vocabulary;
  int32_t token[1024]; /* the last sequence made */
} bench_source;

typedef struct bench_net {
  const bench_net_case *c;
  pal_store *store;
  pal_model *model;
  bench_source source;
  pal_stream stream; /* of source */
} bench_net;

/* Creates the case's model of the kind `definition` ("mdm", "arm"). `set`: n settings "KEY=VALUE",
 * at most BENCH_MOST_SET, of the model that override the case's. The net must not be moved in
 * memory afterwards: its stream points to its source. */
pal_status bench_net_open(bench_net *net, pal_context *context, const bench_net_case *c,
                          const char *definition, const char *const *set, int n, pal_error *error);
void bench_net_close(bench_net *net);
/* Sequence `number`: the first third is the prompt, the rest the answer. Its arrays are valid until
 * the next call. */
pal_example bench_net_example(bench_source *source, uint64_t number);

/* FLOP of the matrix and attention products in the forward pass of one sequence. */
double bench_net_flops(const bench_net_case *c);

/* A training step over a batch of `sequences` as one graph with the output "loss"; with `gradients`
 * also an output "gradient.<name>" for every parameter; with `update` also AdamW. NULL on
 * failure. */
pal_graph *bench_net_step(const bench_net *net, int64_t sequences, bool gradients, bool update,
                          pal_error *error);
/* Fills the inputs of an instance of such a graph: the batch with sequences 0 to n - 1, and the
 * scalars. */
pal_status bench_net_feed(bench_net *net, pal_exec *exec, int n, pal_batch *batch,
                          pal_error *error);
#endif
