/* SPDX-License-Identifier: Apache-2.0 */
/* Training: sharded steps, schedules, evaluation of losses, checkpoints.
 *
 * The batch of a step is split into shards of a fixed number of examples, a setting that changes
 * results in their last bits. Each worker thread runs one shard at a time forward and backward. The
 * gradients of the shards are summed in a binary tree whose shape depends on the shard numbers
 * only. So the number of threads and of micro-batches decides which thread runs a shard, and never
 * changes a result.
 *
 * While a step runs, the examples of the next one are prefetched from the stream, except after the
 * last step. Any thread of the team may call the stream and the model's `rows`, but only one at a
 * time. A checkpoint stores the state that the stream had before the prefetched examples. */
#ifndef PAL_TRAIN_H
#define PAL_TRAIN_H

#include <palimpsest/model.h>
#include <palimpsest/optim.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The trainer's settings, *n rows:
 *   steps             optimizer steps in all
 *   batch             examples per step
 *   shard             most examples of a shard; shards of a batch differ by one at most
 *   micro             groups in which the shards of a step are run, one group after another
 *   optimizer, rate   adamw, sgd, muon or a defined one; learning rate
 *   matrix_optimizer  none, or e.g. muon, for parameters with the trait `matrix` (store.h)
 *   matrix_rate       its learning rate
 *   weight_decay      of parameters with the trait `decays`
 *   precision         of matrix products forward and backward: f32, or bf16 (see
 *                     pal_graph_set_precision); evaluation of losses always uses f32
 *   recompute         1: activations inside a block of the network are recomputed in the backward
 *                     pass instead of stored: less memory, more time, the same bits
 *   beta1, beta2, epsilon, momentum   of the optimizers
 *   clip              largest global norm of the gradient; 0: off
 *   schedule          constant, linear or cosine, after `warmup` steps; `final` is the fraction of
 *                     the rate at the end
 *   ema               decay of the averages of parameters; 0: off
 *   weights           of the parts of the loss
 *   seed              of corruption and dropout */
PAL_API const pal_setting *pal_train_setting_table(int *n);

typedef struct pal_trainer pal_trainer;

typedef struct pal_step_report {
  int64_t step;               /* from 1 */
  double loss;                /* weighted sum of the parts */
  double part[PAL_MAX_PARTS]; /* sum / count of each part, without its weight */
  double gradient_norm;       /* global L2 norm before clipping */
  double rate;                /* learning rate of this step */
  int64_t tokens, sequences;  /* packed rows and sequences of this step */
} pal_step_report;

/* A trainer of `model` on `stream` (both borrowed) with n settings "key=value". Creates the model's
 * parameters if they do not exist yet. NULL on failure. */
PAL_API pal_trainer *pal_trainer_new(pal_model *model, pal_stream *stream,
                                     const char *const *setting, int n, pal_error *error);
PAL_API void pal_trainer_free(pal_trainer *trainer);
PAL_API int64_t pal_trainer_steps(const pal_trainer *trainer);    /* the setting "steps" */
PAL_API int64_t pal_trainer_done(const pal_trainer *trainer);     /* steps done so far */
PAL_API int64_t pal_trainer_examples(const pal_trainer *trainer); /* trained on so far */
PAL_API int64_t pal_trainer_tokens(const pal_trainer *trainer);   /* packed rows of these */
/* The plans of a training step, for reports: forward and backward pass of one shard, and the
 * optimizer's update. When a shard needs more capacity than any before, the first is compiled
 * again, after which its old pointer is invalid. */
PAL_API const pal_plan *pal_trainer_shard_plan(const pal_trainer *trainer);
PAL_API const pal_plan *pal_trainer_update_plan(const pal_trainer *trainer);
PAL_API void pal_trainer_settings(const pal_trainer *trainer,
                                  void (*visit)(const pal_setting *setting, void *data),
                                  void *data);
/* Runs one optimizer step; if the averages are in use (pal_trainer_use_average), the parameters
 * come back first. On failure, for instance a loss that is not finite (PAL_E_NONFINITE),
 * parameters, optimizer state, counters and the stream's state for checkpoints are unchanged. If
 * the stream fails during prefetching, the next step reads again and fails only if the stream fails
 * again. `report` may be NULL. */
PAL_API pal_status pal_trainer_step(pal_trainer *trainer, pal_step_report *report,
                                    pal_error *error);

/* With ema > 0, replaces the contents of the parameters by their averages (true), for evaluation,
 * and puts them back (false). After step t, from 1, an average becomes d average + (1 - d)
 * parameter with d = min(ema, (1 + t) / (10 + t)), so that it follows a young run quickly. */
PAL_API void pal_trainer_use_average(pal_trainer *trainer, bool average);

/* The evaluation loss of n examples. Where rows are drawn at random, each example is evaluated
 * `draws` times; a loss that uses no random numbers is computed once. The means of several parts
 * are added. */
typedef struct pal_likelihood {
  double nats;              /* mean per scored token */
  double standard_error;    /* of that mean, from the spread over draws; 0 if exact or drawn once */
  int64_t tokens, examples; /* scored tokens of one draw; examples */
  pal_likelihood_kind kind; /* the definition's; with PAL_LIKELIHOOD_NONE `nats` is no likelihood */
  int draws;                /* of each example; 0: no random numbers were used */
} pal_likelihood;
/* `example` is called for i = 0 .. n - 1, in each draw; what it gives must be valid until the next
 * call. */
PAL_API pal_status pal_evaluate_loss(
    pal_model *model, pal_status (*example)(void *data, int i, pal_example *out, pal_error *error),
    void *data, int n, int draws, uint64_t seed, pal_likelihood *result, pal_error *error);

/* Saves the parameters (with `average`, their averages where there are any) as safetensors, with n
 * metadata "key=value" and the definition's name under "model". Strict loading requires that names,
 * types and the definition's name match exactly; else it fails with PAL_E_FORMAT and changes
 * nothing. Lenient loading copies the tensors that match in name and type, and lists the others,
 * one per line, in *skipped: NULL when there are none, else to be freed with free(). */
PAL_API pal_status pal_weights_save(pal_model *model, const char *path, bool average,
                                    const char *const *metadata, int n, pal_error *error);
/* PAL_E_FORMAT if the file's metadata has another value for a key of the n texts "key=value". A key
 * that the file does not have is no error. */
PAL_API pal_status pal_weights_check(const char *path, const char *const *metadata, int n,
                                     pal_error *error);
/* Copies the value of a key of the file's metadata to `text`, of `size` bytes: PAL_E_NOT_FOUND when
 * the file has no such key, PAL_E_FORMAT when its value is too long. */
PAL_API pal_status pal_weights_metadata(const char *path, const char *key, char *text, size_t size,
                                        pal_error *error);
PAL_API pal_status pal_weights_load(pal_model *model, const char *path, bool strict, char **skipped,
                                    pal_error *error);
/* A checkpoint: the whole state of a run (parameters, optimizer moments, averages, step, stream),
 * from which it can be resumed with the same bits. Loading requires the same model, seed and
 * optimizers; a file that does not match is PAL_E_FORMAT and changes nothing. */
PAL_API pal_status pal_trainer_save(pal_trainer *trainer, const char *path, pal_error *error);
PAL_API pal_status pal_trainer_load(pal_trainer *trainer, const char *path, pal_error *error);

/* Replaces a file atomically: on failure it is unchanged. */
PAL_API pal_status pal_file_replace(const char *path, const void *data, size_t size,
                                    pal_error *error);
/* Checks, as far as possible without writing the file, whether pal_file_replace would succeed;
 * leaves no trace. To be called before long work whose result goes there. */
PAL_API pal_status pal_file_try(const char *path, pal_error *error);
/* Sets *hash to the 64-bit XXH3 hash of a file's bytes, and *size to their number. */
PAL_API pal_status pal_file_hash(const char *path, uint64_t *hash, int64_t *size, pal_error *error);
/* Creates a directory and its parents; one that exists is no error. */
PAL_API pal_status pal_directory_create(const char *path, pal_error *error);

#ifdef __cplusplus
}
#endif
#endif
