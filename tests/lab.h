/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers of the tests of models: one model, its loss on batches, a small training loop,
 * decoding. */
#ifndef PAL_TESTS_LAB_H
#define PAL_TESTS_LAB_H

#include <palimpsest/layers.h>
#include <palimpsest/optim.h>

enum { LAB_ROWS = 2048, LAB_SEQUENCES = 256 };

typedef struct lab {
  pal_context *context;
  pal_store *store;
  pal_model *model;
  pal_error error;
  pal_plan *plan; /* built by lab_build */
  pal_exec *exec;
  pal_batch batch;
} lab;

/* The widest instruction set that lab_open uses; NULL: the widest available. */
extern const char *lab_isa;
/* Creates a context with all built-in ops and models, and a model; the settings end with NULL.
 * Fails the test on an error. */
void lab_open(lab *l, int threads, const char *definition, const pal_format *format,
              const char *const *setting);
void lab_close(lab *l);
/* Registers a definition that is used for decoding only; its members for training are filled from
 * arm. */
void lab_define(lab *l, pal_model_definition *decoding);
/* Sets every parameter to random values N(0, scale^2), but gains to values near 1. */
void lab_shake(lab *l, double scale);

/* Compiles the loss, with AdamW when `training`, and begins an empty batch. */
void lab_build(lab *l, bool training);
/* Adds an example to the batch; random draws depend on its id and `step`. */
void lab_add(lab *l, const pal_example *example, uint64_t step, bool evaluate);
/* Runs the plan on the batch and returns the loss: the sum over its parts of sum /
 * count, where 0 / 0 is 0. */
double lab_run(lab *l, int step, double rate);
/* The same, but returns the sum of the first part without dividing it by its count. */
double lab_sum(lab *l);

/* A copy of a decoded sequence. */
enum { LAB_TOKENS = 600 };
typedef struct lab_decoded {
  int n, passes, times; /* tokens, forward passes, how often the result was delivered */
  bool halted;
  int32_t token[LAB_TOKENS];
} lab_decoded;
/* A callback for pal_decode that copies results; data is an array of lab_decoded. */
void lab_keep(int index, const pal_decoded *decoded, void *data);
/* Decodes n prompts with a new decoder into out; fails the test unless each is delivered once. */
void lab_decode(lab *l, const pal_decode_options *options, const pal_example *prompt, int n,
                lab_decoded *out);
void lab_assert_same(const lab_decoded *a, const lab_decoded *b);
#endif
