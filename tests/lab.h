/* SPDX-License-Identifier: Apache-2.0 */
/* A small laboratory for the tests of models: one model, its loss on batches, a tiny training
 * loop. */
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
  pal_plan *plan; /* of lab_train or lab_loss */
  pal_exec *exec;
  pal_batch batch;
} lab;

/* A context with everything up to models, and a model; settings end with NULL. Fails the test. The
 * instruction set is the best there is, or the one of lab_isa. */
extern const char *lab_isa;
void lab_open(lab *l, int threads, const char *definition, const pal_format *format,
              const char *const *setting);
void lab_close(lab *l);
/* Defines a model that only decodes: what training needs of a definition is taken from arm. */
void lab_define(lab *l, pal_model_definition *decoding);
/* Gives every parameter random contents, N(0, scale^2), but leaves gains near 1. */
void lab_shake(lab *l, double scale);

/* A plan of the loss, with AdamW steps or without; its batch is empty. */
void lab_build(lab *l, bool training);
/* Adds an example with draws of its id and `step`. */
void lab_add(lab *l, const pal_example *example, uint64_t step, bool evaluate);
/* Runs the plan on the batch and gives the sum over parts of sum / count; 0 / 0 counts as 0. */
double lab_run(lab *l, int step, double rate);
/* The same without dividing: the sum of the first part. */
double lab_sum(lab *l);

/* A decoded sequence, kept. */
enum { LAB_TOKENS = 600 };
typedef struct lab_decoded {
  int n, passes, times;
  bool halted;
  int32_t token[LAB_TOKENS];
} lab_decoded;
/* For pal_decode, with an array of lab_decoded as data. */
void lab_keep(int index, const pal_decoded *decoded, void *data);
/* Decodes n prompts with a decoder of their own into out; fails the test unless each comes once. */
void lab_decode(lab *l, const pal_decode_options *options, const pal_example *prompt, int n,
                lab_decoded *out);
void lab_assert_same(const lab_decoded *a, const lab_decoded *b);
#endif
