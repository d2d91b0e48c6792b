/* SPDX-License-Identifier: Apache-2.0 */
/* A toy to train on, and runs of it, for the tests of training. */
#ifndef PAL_TESTS_GYM_H
#define PAL_TESTS_GYM_H

#include <palimpsest/train.h>

enum { LETTERS = 6, MASK = LETTERS, VOCABULARY, LONGEST = 14, MOST_SETTINGS = 24, STEPS = 20 };

/* An endless stream of rising letters; example i is always the same. */
typedef struct toy {
  uint64_t next;
  uint64_t fail_at, mask_at; /* fails from there on; begins with a mask there; 0: never */
  int32_t token[LONGEST];
} toy;
/* Examples apart from those of training, for evaluation; data is a toy. */
pal_status toy_instance(void *data, int i, pal_example *example, pal_error *error);

typedef struct recipe {
  const char *definition, *model[8], *train[MOST_SETTINGS];
} recipe;
/* One of each model, with all kinds of optimizers, schedules and shards between them. */
enum { ARM, MASKED_ARM, MDM, AP_MDM, RECIPES };
extern const recipe recipes[RECIPES];

typedef struct gym {
  pal_context *context;
  pal_store *store;
  pal_model *model;
  pal_trainer *trainer;
  toy toy;
  pal_stream stream;
  pal_error error;
} gym;

/* These fail the test. `more` is one setting on top of the recipe's, `isa` caps the instruction
 * set; both may be NULL. */
void gym_open_model(gym *b, const recipe *r, int threads, const char *isa, int context);
void gym_open_trainer(gym *b, const recipe *r, const char *more);
void gym_open(gym *b, const recipe *r, int threads, const char *isa, const char *more);
void gym_close(gym *b);
pal_step_report gym_step(gym *b);

/* All parameters and state, in order, and what the run has counted. */
typedef struct memory {
  char *bytes;
  size_t n;
  int64_t done, examples;
  uint64_t next;
} memory;
memory gym_remember(const gym *b);
bool memory_same(const memory *a, const memory *b);
/* Remembers now, compares, forgets. */
bool gym_is_as(const gym *b, const memory *m);

/* STEPS steps from the start. */
typedef struct course {
  pal_step_report report[STEPS];
  memory end;
} course;
course gym_course(const recipe *r, int threads, const char *isa, const char *more);
#endif
