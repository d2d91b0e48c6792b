/* SPDX-License-Identifier: Apache-2.0 */
/* The trainer's settings (floor 5). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/settings.h"
#include "src/number.h"
#include "train/trainer.h"

static const pal_setting settings[] = {
    {"steps", "1000", "optimizer steps in all"},
    {"batch", "32", "examples per step"},
    {"shard", "8", "most examples of a shard; batches are cut evenly. Part of the numbers"},
    {"micro", "1", "groups in which shards are run. Not part of the numbers"},
    {"optimizer", "adamw", "adamw, sgd or a defined one"},
    {"rate", "0.001", "learning rate after warm-up"},
    {"matrix_optimizer", "none", "of weight matrices in blocks, e.g. muon; none: the one above"},
    {"matrix_rate", "0.02", "its learning rate"},
    {"weight_decay", "0.01", "decoupled, of weight matrices but embeddings"},
    {"beta1", "0.9", "decay of the first moment (adamw)"},
    {"beta2", "0.999", "decay of the second moment (adamw)"},
    {"epsilon", "1e-8", "added to the root of the second moment (adamw)"},
    {"momentum", "0.95", "of sgd and muon"},
    {"clip", "1", "greatest norm of the gradient over all parameters; 0: unlimited"},
    {"schedule", "cosine", "of the rate after warm-up: constant, linear or cosine"},
    {"warmup", "100", "steps in which the rate rises from 0"},
    {"final", "0.1", "share of the rate that is left at the end"},
    {"ema", "0", "decay of the averages that are evaluated and saved, e.g. 0.999; 0: none"},
    {"weights", "",
     "of the loss's parts in turn, with commas, the last serving the rest; empty: 1"},
    {"precision", "f32", "of matrix products while training: f32, or bf16 with f32 sums"},
    {"seed", "1", "of corruption and dropout, at most 19 digits"},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

const pal_setting *pal_train_settings(int *n) {
  *n = SETTINGS;
  return settings;
}

static const char *text(const char *const *value, const char *name) {
  for (int i = 0; i < SETTINGS; i++)
    if (strcmp(settings[i].name, name) == 0) return value[i];
  return "";
}

static pal_status real(const char *const *value, const char *name, double low, double high,
                       double *x, pal_error *error) {
  *x = pal_number_parse(text(value, name), NULL);
  if (*x >= low && *x <= high) return PAL_OK;
  return pal_fail(error, PAL_E_ARGUMENT, "the trainer: %s lies in %g..%g, not \"%s\"", name, low,
                  high, text(value, name));
}

static pal_status whole(const char *const *value, const char *name, double low, double high,
                        int64_t *n, pal_error *error) {
  double x;
  const pal_status status = real(value, name, low, high, &x, error);
  if (status) return status;
  *n = (int64_t)x;
  if (x == floor(x)) return PAL_OK;
  return pal_fail(error, PAL_E_ARGUMENT, "the trainer: %s is a whole number, not \"%s\"", name,
                  text(value, name));
}

static pal_status read_weights(const char *const *value, double weight[PAL_MAX_PARTS],
                               pal_error *error) {
  const char *list = text(value, "weights");
  int numbers = 1;
  for (const char *c = list; *c; c++) numbers += *c == ',';
  for (int k = 0; k < PAL_MAX_PARTS; k++) {
    weight[k] = *list ? pal_setting_listed(list, k, 1e9) : 1;
    if (weight[k] < 0 || numbers > PAL_MAX_PARTS)
      return pal_fail(error, PAL_E_ARGUMENT,
                      "the trainer: weights takes up to %d numbers from 0 with commas, not \"%s\"",
                      PAL_MAX_PARTS, list);
  }
  return PAL_OK;
}

static pal_status read_seed(const char *const *value, uint64_t *seed, pal_error *error) {
  const char *digits = text(value, "seed");
  const size_t n = strspn(digits, "0123456789");
  if (n == 0 || n > 19 || digits[n])
    return pal_fail(error, PAL_E_ARGUMENT,
                    "the trainer: seed is a whole number of at most 19 digits, not \"%s\"", digits);
  *seed = strtoull(digits, NULL, 10);
  return PAL_OK;
}

static pal_status read_precision(const char *const *value, pal_precision *precision,
                                 pal_error *error) {
  const char *name = text(value, "precision");
  *precision = strcmp(name, "bf16") == 0 ? PAL_PRECISION_BF16 : PAL_PRECISION_F32;
  if (*precision == PAL_PRECISION_BF16 || strcmp(name, "f32") == 0) return PAL_OK;
  return pal_fail(error, PAL_E_ARGUMENT, "the trainer: precision is f32 or bf16, not \"%s\"", name);
}

static pal_status find_optimizer(const char *name, const pal_context *context,
                                 const pal_optimizer **optimizer, pal_error *error) {
  *optimizer = pal_lookup(context, "optimizer", name);
  return *optimizer ? PAL_OK
                    : pal_fail(error, PAL_E_NOT_FOUND, "no optimizer is named \"%s\"", name);
}

static pal_status read_update(pal_update_options *u, const char *const *value, pal_context *context,
                              pal_error *error) {
  const double below_one = 1 - 1e-9;
  const char *matrix = text(value, "matrix_optimizer");
  pal_status status;
  if ((status = real(value, "weight_decay", 0, 1e3, &u->weight_decay, error)) ||
      (status = real(value, "beta1", 0, below_one, &u->beta1, error)) ||
      (status = real(value, "beta2", 0, below_one, &u->beta2, error)) ||
      (status = real(value, "epsilon", 0, 1, &u->epsilon, error)) ||
      (status = real(value, "momentum", 0, below_one, &u->momentum, error)) ||
      (status = real(value, "clip", 0, 1e9, &u->clip, error)) ||
      (status = find_optimizer(text(value, "optimizer"), context, &u->optimizer, error)))
    return status;
  return strcmp(matrix, "none") == 0 ? PAL_OK
                                     : find_optimizer(matrix, context, &u->matrix_optimizer, error);
}

pal_status pal_trainer_read(pal_trainer_numbers *t, const char *const *value, pal_context *context,
                            pal_error *error) {
  pal_status status;
  *t = (pal_trainer_numbers){0};
  if ((status = whole(value, "steps", 0, 1e12, &t->steps, error)) ||
      (status = whole(value, "batch", 1, 1e6, &t->batch, error)) ||
      (status = whole(value, "shard", 1, 1e6, &t->shard, error)) ||
      (status = whole(value, "micro", 1, 1e6, &t->micro, error)) ||
      (status = real(value, "rate", 0, 1e6, &t->rate, error)) ||
      (status = real(value, "matrix_rate", 0, 1e6, &t->matrix_rate, error)) ||
      (status = real(value, "ema", 0, 1 - 1e-9, &t->ema, error)) ||
      (status = whole(value, "warmup", 0, 1e12, &t->schedule.warmup, error)) ||
      (status = real(value, "final", 0, 1, &t->schedule.final, error)) ||
      (status = pal_schedule_named(&t->schedule, text(value, "schedule"), error)) ||
      (status = read_weights(value, t->weight, error)) ||
      (status = read_precision(value, &t->precision, error)) ||
      (status = read_seed(value, &t->seed, error)))
    return status;
  t->schedule.steps = t->steps;
  t->update.average = t->ema > 0;
  return read_update(&t->update, value, context, error);
}
