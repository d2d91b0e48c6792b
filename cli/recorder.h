/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the run directory of a training run (floor 8):
 *
 *   DIR/config                       all settings, defaults included, as text
 *   DIR/manifest.json                version, command, and hashes of the files read
 *   DIR/log                          messages and progress
 *   DIR/metrics.csv, metrics.jsonl   a row every hundredth of the steps
 *   DIR/ckpt/state.safetensors       the trainer's last checkpoint, for --resume
 *   DIR/ckpt/weights.safetensors     the weights alone, for eval and sample
 *   DIR/ckpt/best.safetensors        those of the least validation loss, with --eval-every
 *   DIR/lock                         while the run is written; see lock.h */
#ifndef PAL_CLI_RECORDER_H
#define PAL_CLI_RECORDER_H

#include "cli/job.h"
#include "cli/lock.h"
#include "cli/metrics.h"
#include "cli/validation.h"

/* The files of a run directory that is being written. Zero-initialise. */
typedef struct cli_recorder {
  char *directory, *config, *manifest, *log, *checkpoints, *weights, *best,
      *state; /* paths, owned */
  cli_lock lock;
  cli_metrics metrics;
  cli_validation validation;
  double every;   /* seconds between checkpoints */
  double last;    /* time of the last checkpoint, by cli_seconds() */
  double seconds; /* trained before this process, when a run is resumed */
} cli_recorder;
/* Opens the directory of --out, by default runs/TASK-MODEL. A new one is created; with --resume the
 * trainer's checkpoint is loaded, and rows of metrics after its step are removed. Reports before
 * any training what cannot be written, and (PAL_E_ARGUMENT) a directory that holds a run already or
 * that another process writes to. Call cli_recorder_close in any case. */
pal_status cli_recorder_open(cli_recorder *recorder, cli_job *job, const cli_options *options,
                             pal_error *error);
/* Whether `every` seconds have passed since the last checkpoint. */
bool cli_recorder_is_due(const cli_recorder *recorder);
/* Writes the weights. The metadata of their file has the settings that they depend on, so that
 * `eval` can refuse weights of another model, and `origin`, "key=value". */
pal_status cli_recorder_weights(const cli_recorder *recorder, const cli_job *job,
                                const char *origin, pal_error *error);
/* Computes the loss on development examples after that many `seconds` of training, writes it to the
 * metrics, and keeps the weights if they are the best so far. Does nothing unless it is due. */
pal_status cli_recorder_validate(cli_recorder *recorder, cli_job *job, double seconds,
                                 pal_error *error);
/* Writes a checkpoint: state and weights. */
pal_status cli_recorder_checkpoint(cli_recorder *recorder, const cli_job *job, pal_error *error);
/* Closes the files and releases the lock. PAL_E_IO when closing the metrics fails. */
pal_status cli_recorder_close(cli_recorder *recorder, pal_error *error);
#endif
