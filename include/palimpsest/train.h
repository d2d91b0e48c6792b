/* Training: sharded steps, schedules, evaluation of losses, checkpoints.
 *
 * A step is cut into shards of a fixed number of sequences (a setting that is part of the
 * numbers). Shards run forward and backward one per worker; their gradients are added in a fixed
 * binary tree by shard number. Threads and micro-batches only decide who runs a shard. */
#ifndef PAL_TRAIN_H
#define PAL_TRAIN_H

#include <palimpsest/model.h>
#include <palimpsest/optim.h>

#ifdef __cplusplus
extern "C" {
#endif

/* steps, batch (sequences per step), shard (sequences per shard), micro (micro-batches per step),
 * optimizer (adamw sgd muon), rate, matrix_optimizer (none, or e.g. muon for weights of blocks),
 * matrix_rate, weight_decay, beta1, beta2, epsilon, momentum, clip (global norm, 0: off),
 * schedule (constant linear cosine), warmup (steps), final (fraction of the rate at the end), ema (0: off),
 * seed. */
PAL_API const pal_setting *pal_train_settings(int *n);

typedef struct pal_trainer pal_trainer;

typedef struct pal_step_report {
  int64_t step;               /* from 1 */
  double loss;                /* weighted sum of the parts */
  double part[PAL_MAX_PARTS]; /* sum / count of each */
  double gradient_norm, rate;
  int64_t tokens, sequences;  /* of this step */
} pal_step_report;

/* Trains `model` on `stream` (both borrowed). NULL on failure. */
PAL_API pal_trainer *pal_trainer_new(pal_model *model, pal_stream *stream,
                                     const char *const *setting, int n, pal_error *error);
PAL_API void pal_trainer_free(pal_trainer *trainer);
PAL_API int64_t pal_trainer_steps(const pal_trainer *trainer); /* wanted in all */
PAL_API int64_t pal_trainer_done(const pal_trainer *trainer);
PAL_API int64_t pal_trainer_examples(const pal_trainer *trainer); /* seen so far */
PAL_API void pal_trainer_settings(const pal_trainer *trainer,
                                  void (*visit)(const pal_setting *setting, void *data), void *data);
/* One optimizer step. On failure (a non-finite loss, say) the parameters are as before. */
PAL_API pal_status pal_trainer_step(pal_trainer *trainer, pal_step_report *report, pal_error *error);

/* Parameters for evaluation: with ema on, swaps averages in (true) and out (false). */
PAL_API void pal_trainer_use_average(pal_trainer *trainer, bool average);

/* Sum of the evaluation loss (nats) and of the squared per-example losses over examples, each drawn `draws`
 * times for models whose loss is an estimate. */
typedef struct pal_likelihood {
  double nats;            /* mean per token */
  double standard_error;  /* of that mean, from the draws; 0 when exact */
  int64_t tokens, examples;
} pal_likelihood;
PAL_API pal_status pal_evaluate_loss(pal_model *model,
                                     pal_status (*example)(void *data, int i, pal_example *out,
                                                           pal_error *error),
                                     void *data, int n, int draws, uint64_t seed,
                                     pal_likelihood *result, pal_error *error);

/* Weights (parameters, or their averages) as safetensors with metadata; strict loading refuses what
 * does not match exactly, lenient loading lists what it skipped in *skipped (freed with free()). */
PAL_API pal_status pal_weights_save(pal_model *model, const char *path, bool average,
                                    const char *const *metadata, int n, pal_error *error);
PAL_API pal_status pal_weights_load(pal_model *model, const char *path, bool strict, char **skipped,
                                    pal_error *error);
/* Trainer state (moments, averages, step, stream) for an exact resume. */
PAL_API pal_status pal_trainer_save(pal_trainer *trainer, const char *path, pal_error *error);
PAL_API pal_status pal_trainer_load(pal_trainer *trainer, const char *path, pal_error *error);

#ifdef __cplusplus
}
#endif
#endif
