/* SPDX-License-Identifier: Apache-2.0 */
/* Training: sharded steps, schedules, evaluation of losses, checkpoints.
 *
 * A step is cut into shards of a fixed number of sequences (a setting that is part of the
 * numbers). Shards run forward and backward one per worker; their gradients are added in a fixed
 * binary tree by shard number. Threads and micro-batches only decide who runs a shard.
 *
 * The stream is read up to one step ahead of the step in progress, but not past the last one: by
 * any thread of the team, as is the model's `rows`, one call at a time. A checkpoint has the stream
 * as it was before what has been read ahead. */
#ifndef PAL_TRAIN_H
#define PAL_TRAIN_H

#include <palimpsest/model.h>
#include <palimpsest/optim.h>

#ifdef __cplusplus
extern "C" {
#endif

/* steps, batch (examples per step), shard (most examples of a shard; a batch is cut into shards as
 * equal as can be), micro (groups in which shards are run), optimizer (adamw sgd muon), rate,
 * matrix_optimizer (none, or e.g. muon for parameters whose traits say matrix, see store.h),
 * matrix_rate, weight_decay (of parameters whose traits say that they decay), precision (of products forward and backward: f32, or bf16, see
 * pal_graph_set_precision; losses are evaluated in f32), recompute (activations inside a block of the
 * network are computed again in the backward pass instead of kept: the same bits in less memory), beta1, beta2, epsilon, momentum, clip
 * (global norm, 0: off), schedule (constant linear cosine), warmup (steps), final (fraction of the
 * rate at the end), ema (0: off), weights (of the loss's parts), seed. */
PAL_API const pal_setting *pal_train_setting_table(int *n);

typedef struct pal_trainer pal_trainer;

typedef struct pal_step_report {
  int64_t step;               /* from 1 */
  double loss;                /* weighted sum of the parts */
  double part[PAL_MAX_PARTS]; /* sum / count of each */
  double gradient_norm, rate;
  int64_t tokens, sequences; /* packed rows and sequences of this step */
} pal_step_report;

/* Trains `model` on `stream` (both borrowed). The model's parameters exist from then on. NULL on
 * failure. */
PAL_API pal_trainer *pal_trainer_new(pal_model *model, pal_stream *stream,
                                     const char *const *setting, int n, pal_error *error);
PAL_API void pal_trainer_free(pal_trainer *trainer);
PAL_API int64_t pal_trainer_steps(const pal_trainer *trainer); /* wanted in all */
PAL_API int64_t pal_trainer_done(const pal_trainer *trainer);
PAL_API int64_t pal_trainer_examples(const pal_trainer *trainer); /* seen so far */
PAL_API int64_t pal_trainer_tokens(const pal_trainer *trainer);   /* packed rows of these */
/* The plans of a training step, for reports: forward and backward pass of one shard, and the
 * optimizer's update. The former is compiled anew, and the pointer void, when a shard needs more
 * room than any before. */
PAL_API const pal_plan *pal_trainer_shard_plan(const pal_trainer *trainer);
PAL_API const pal_plan *pal_trainer_update_plan(const pal_trainer *trainer);
PAL_API void pal_trainer_settings(const pal_trainer *trainer,
                                  void (*visit)(const pal_setting *setting, void *data),
                                  void *data);
/* One optimizer step; averages are swapped out first. On failure (a loss or gradient that is not
 * finite, say) parameters, optimizer, counters and the stream as a checkpoint has it are as before;
 * a stream that fails while it is read ahead fails the step whose examples it was to give, if it
 * still does. `report` may be NULL. */
PAL_API pal_status pal_trainer_step(pal_trainer *trainer, pal_step_report *report,
                                    pal_error *error);

/* Parameters for evaluation: with ema on, swaps averages in (true) and out (false). Averages are
 * d average + (1 - d) parameter after each step t, d = min(ema, (1 + t) / (10 + t)). */
PAL_API void pal_trainer_use_average(pal_trainer *trainer, bool average);

/* The evaluation loss of n examples, each drawn `draws` times where the model's loss is an
 * estimate; one that uses no random numbers is computed once. Means of several parts are added. */
typedef struct pal_likelihood {
  double nats;           /* mean per token that is scored */
  double standard_error; /* of that mean, from the spread of draws; 0 when exact or drawn once */
  int64_t tokens, examples;
  pal_likelihood_kind kind; /* the definition's: with PAL_LIKELIHOOD_NONE `nats` is no likelihood */
  int draws;                /* of each example; 0: nothing was drawn */
} pal_likelihood;
PAL_API pal_status pal_evaluate_loss(
    pal_model *model, pal_status (*example)(void *data, int i, pal_example *out, pal_error *error),
    void *data, int n, int draws, uint64_t seed, pal_likelihood *result, pal_error *error);

/* Weights (parameters, or their averages where there are such) as safetensors, with metadata
 * "key=value" and the definition's name under "model". Strict loading refuses what does not match
 * exactly, and what another definition's name is in (PAL_E_FORMAT, nothing changed); lenient loading takes what matches in name and type and
 * lists the rest, a line each, in *skipped (NULL when there is none, else freed with free()). */
PAL_API pal_status pal_weights_save(pal_model *model, const char *path, bool average,
                                    const char *const *metadata, int n, pal_error *error);
/* PAL_E_FORMAT when the file's metadata have another value under a key of the n texts "key=value"; a key
 * that they lack passes. */
PAL_API pal_status pal_weights_check(const char *path, const char *const *metadata, int n,
                                     pal_error *error);
PAL_API pal_status pal_weights_load(pal_model *model, const char *path, bool strict, char **skipped,
                                    pal_error *error);
/* Everything a run has come to (parameters, moments, averages, step, stream), for an exact resume.
 * Loading wants the same model, seed and optimizers; a file that does not fit changes nothing. */
PAL_API pal_status pal_trainer_save(pal_trainer *trainer, const char *path, pal_error *error);
PAL_API pal_status pal_trainer_load(pal_trainer *trainer, const char *path, pal_error *error);

/* Replaces a file as a whole, or leaves it as it was. */
PAL_API pal_status pal_file_replace(const char *path, const void *data, size_t size,
                                    pal_error *error);
/* Whether that could be done now, as far as can be known without doing it; changes and leaves nothing.
 * To be asked before long work whose result goes there. */
PAL_API pal_status pal_file_try(const char *path, pal_error *error);
/* Makes a directory and its parents; one that exists is fine. */
PAL_API pal_status pal_directory_create(const char *path, pal_error *error);

#ifdef __cplusplus
}
#endif
#endif
