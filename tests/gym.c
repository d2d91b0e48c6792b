/* SPDX-License-Identifier: Apache-2.0 */
/* See gym.h. */
#include "tests/gym.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "train/trainer.h"

static pal_status toy_next(void *self, pal_example *example, pal_error *error) {
  toy *t = self;
  const uint64_t id = t->next++;
  if (t->fail_at && id >= t->fail_at) return pal_fail(error, PAL_E_IO, "the toy ran dry");
  pal_rng rng = pal_rng_new(1, "toy", 0, id);
  const int32_t first = (int32_t)pal_rng_below(&rng, LETTERS);
  const int n = 4 + (int)pal_rng_below(&rng, LONGEST - 3);
  for (int i = 0; i < n; i++) t->token[i] = (first + i) % LETTERS;
  if (t->mask_at && id == t->mask_at) t->token[0] = MASK;
  *example = (pal_example){
      .id = id, .prompt = t->token, .n_prompt = 1, .answer = t->token + 1, .n_answer = n - 1};
  return PAL_OK;
}

static size_t toy_save(const void *self, void *state, size_t room) {
  const toy *t = self;
  if (room >= sizeof t->next) memcpy(state, &t->next, sizeof t->next);
  return sizeof t->next;
}

static pal_status toy_load(void *self, const void *state, size_t bytes, pal_error *error) {
  toy *t = self;
  t->next = 0; /* spoils the stream: the caller must restore it when loading fails */
  if (bytes != sizeof t->next) return pal_fail(error, PAL_E_FORMAT, "no state of a toy");
  memcpy(&t->next, state, sizeof t->next);
  return PAL_OK;
}

pal_status toy_instance(void *data, int i, pal_example *example, pal_error *error) {
  toy *t = data;
  t->next = 1000000 + (uint64_t)i;
  return toy_next(t, example, error);
}

/* ---- a run ------------------------------------------------------------------------------------
 */

const recipe recipes[RECIPES] = {
    {"arm",
     {"layers=2", "width=32", "heads=2", "dropout=0.1", NULL},
     {"batch=23", "shard=5", "rate=0.01", "warmup=4", "steps=20", NULL}},
    {"masked-arm",
     {"layers=2", "width=32", "heads=4", "norm=rms", NULL},
     {"batch=16", "shard=16", "optimizer=sgd", "rate=0.05", "ema=0.9", "clip=0", "steps=20", NULL}},
    {"mdm",
     {"layers=2", "width=32", "heads=2", "time=adaln", NULL},
     {"batch=24", "shard=4", "matrix_optimizer=muon", "rate=0.01", "warmup=5", "schedule=linear",
      "ema=0.9", "steps=20", NULL}},
    {"ap-mdm",
     {"layers=2", "width=32", "heads=2", "noise=0.4", "dropout=0.05", NULL},
     {"batch=21", "shard=3", "rate=0.01", "schedule=constant", "warmup=0", "steps=20", NULL}},
};

static int length_of(const char *const *list) {
  int n = 0;
  while (list[n]) n++;
  return n;
}

void gym_open_model(gym *b, const recipe *r, int threads, const char *isa, int context) {
  const pal_options options = {.threads = threads, .isa = isa};
  const pal_format format = {
      .vocabulary = VOCABULARY, .mask = MASK, .bos = -1, .eos = -1, .context = context};
  memset(b, 0, sizeof *b);
  b->context = pal_context_new(&options, &b->error);
  ck_assert_msg(b->context && !pal_register_ops(b->context, &b->error) &&
                    !pal_register_optimizers(b->context, &b->error) &&
                    !pal_register_models(b->context, &b->error),
                "%s", b->error.text);
  b->store = pal_store_new(5);
  b->model = pal_model_new(b->context, b->store, r->definition, &format, r->model,
                           length_of(r->model), &b->error);
  ck_assert_msg(b->model != NULL, "%s", b->error.text);
  b->stream = (pal_stream){.self = &b->toy, .next = toy_next, .save = toy_save, .load = toy_load};
}

void gym_open_trainer(gym *b, const recipe *r, const char *more) {
  const char *list[MOST_SETTINGS + 1];
  const int n = length_of(r->train);
  memcpy(list, r->train, sizeof *list * (size_t)n);
  list[n] = more;
  b->trainer = pal_trainer_new(b->model, &b->stream, list, n + (more != NULL), &b->error);
  ck_assert_msg(b->trainer != NULL, "%s", b->error.text);
}

void gym_open(gym *b, const recipe *r, int threads, const char *isa, const char *more) {
  gym_open_model(b, r, threads, isa, LONGEST);
  gym_open_trainer(b, r, more);
}

void gym_close(gym *b) {
  pal_trainer_free(b->trainer);
  pal_model_free(b->model);
  pal_store_free(b->store);
  pal_context_free(b->context);
}

pal_step_report gym_step(gym *b) {
  pal_step_report report;
  memset(&report, 0, sizeof report);
  ck_assert_msg(!pal_trainer_step(b->trainer, &report, &b->error), "%s", b->error.text);
  return report;
}

/* Block variables are skipped: they have no contents besides those of their parts. */
static size_t bytes_of(const pal_variable *v) {
  return pal_variable_role(v) == PAL_SCRATCH ? 0 : pal_variable_bytes(v);
}

memory gym_remember(const gym *b) {
  memory m = {.done = pal_trainer_done(b->trainer),
              .examples = pal_trainer_examples(b->trainer),
              .next = b->toy.next};
  if (b->trainer) { /* the stream's state as a checkpoint would save it */
    pal_error error = {0};
    const pal_stream_state *stream = pal_trainer_stream(b->trainer, &error);
    ck_assert_msg(stream != NULL, "%s", error.text);
    memcpy(&m.next, stream->data, sizeof m.next);
  }
  pal_variable *v;
  for (size_t i = 0; (v = pal_store_at(b->store, i)) != NULL; i++) m.n += bytes_of(v);
  char *at = m.bytes = malloc(m.n + 1);
  for (size_t i = 0; (v = pal_store_at(b->store, i)) != NULL; at += bytes_of(v), i++)
    memcpy(at, pal_variable_data(v), bytes_of(v));
  return m;
}

bool memory_same(const memory *a, const memory *b) {
  return a->n == b->n && memcmp(a->bytes, b->bytes, a->n) == 0 && a->done == b->done &&
         a->examples == b->examples && a->next == b->next;
}

bool gym_is_as(const gym *b, const memory *m) {
  memory now = gym_remember(b);
  const bool result = memory_same(&now, m);
  free(now.bytes);
  return result;
}

course gym_course(const recipe *r, int threads, const char *isa, const char *more) {
  gym b;
  course c;
  gym_open(&b, r, threads, isa, more);
  for (int i = 0; i < STEPS; i++) c.report[i] = gym_step(&b);
  c.end = gym_remember(&b);
  gym_close(&b);
  return c;
}
