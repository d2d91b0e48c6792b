/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers of the tests of training: a stream of simple examples, settings for each kind of model,
 * and short training runs. */
#ifndef PAL_TESTS_GYM_H
#define PAL_TESTS_GYM_H

#include <palimpsest/train.h>

enum { LETTERS = 6, MASK = LETTERS, VOCABULARY, LONGEST = 14, MOST_SETTINGS = 24, STEPS = 20 };

/* A stream of increasing letters without end. Example i is the same in every run. */
typedef struct toy {
  uint64_t next;    /* number of the next example */
  uint64_t fail_at; /* from this example on the stream fails; 0: never */
  uint64_t mask_at; /* this example begins with a mask; 0: none */
  int32_t token[LONGEST];
} toy;
/* Example i for evaluation, different from those of training; data is a toy. */
pal_status toy_instance(void *data, int i, pal_example *example, pal_error *error);

/* A model with its settings and those of the trainer; each list ends with NULL. */
typedef struct recipe {
  const char *definition, *model[8], *train[MOST_SETTINGS];
} recipe;
/* One for each kind of model. Together they use all kinds of optimizers, schedules and shards. */
enum { ARM, MASKED_ARM, MDM, AP_MDM, RECIPES };
extern const recipe recipes[RECIPES];

/* A model in training. */
typedef struct gym {
  pal_context *context;
  pal_store *store;
  pal_model *model;
  pal_trainer *trainer;
  toy toy;
  pal_stream stream;
  pal_error error;
} gym;

/* These fail the test on an error. `more`: one more setting of the trainer; `isa`: the widest
 * instruction set to use; both may be NULL. */
void gym_open_model(gym *b, const recipe *r, int threads, const char *isa, int context);
void gym_open_trainer(gym *b, const recipe *r, const char *more);
void gym_open(gym *b, const recipe *r, int threads, const char *isa, const char *more);
void gym_close(gym *b);
pal_step_report gym_step(gym *b);

/* A copy of all parameters and optimizer states, in order, and of the run's counters. */
typedef struct memory {
  char *bytes; /* [n], owned */
  size_t n;
  int64_t done, examples; /* of the trainer: steps and examples */
  uint64_t next;          /* of the stream */
} memory;
memory gym_remember(const gym *b);
bool memory_same(const memory *a, const memory *b);
/* Whether the present state equals m. */
bool gym_is_as(const gym *b, const memory *m);

/* The reports of STEPS steps from the start, and the state after them. */
typedef struct course {
  pal_step_report report[STEPS];
  memory end;
} course;
course gym_course(const recipe *r, int threads, const char *isa, const char *more);
#endif
