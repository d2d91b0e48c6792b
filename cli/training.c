/* SPDX-License-Identifier: Apache-2.0 */
/* See training.h (floor 8). */
#include "cli/training.h"

#include <math.h>

#include "cli/job.h"
#include "cli/log.h"
#include "cli/recorder.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/row.h"

pal_status cli_train(cli_job *job, cli_recorder *recorder, bool quiet, const char *label,
                     cli_row *row, pal_error *error) {
  int64_t steps = pal_trainer_steps(job->trainer), every = steps / 100 > 0 ? steps / 100 : 1;
  const double start = cli_seconds(), before = recorder ? recorder->seconds : 0;
  double sum = 0;
  const int64_t tokens = pal_trainer_tokens(job->trainer), first = pal_trainer_done(job->trainer);
  int64_t summed = 0;
  pal_status status = PAL_OK;
  while (pal_trainer_done(job->trainer) < steps && !status) {
    pal_step_report r;
    if (cli_signal()) {
      status = pal_fail(error, PAL_E_INTERRUPTED, "stopped by signal %d after step %lld",
                        cli_signal(), (long long)pal_trainer_done(job->trainer));
      break;
    }
    status = pal_trainer_step(job->trainer, &r, error);
    if (status) break;
    double seconds = cli_seconds() - start;
    if (r.step > steps - every) sum += r.loss, summed++; /* for the mean of the last hundredth */
    if (recorder && (r.step % every == 0 || r.step == steps)) {
      status = cli_metrics_add(&recorder->metrics, job, &r, before + seconds, error);
      cli_log("step %lld of %lld: loss %.6g, %.0f s", (long long)r.step, (long long)steps, r.loss,
              before + seconds);
    }
    if (!status && recorder)
      status = cli_recorder_validate(recorder, job, before + cli_seconds() - start, error);
    if (!status && recorder && r.step < steps && cli_recorder_is_due(recorder))
      status = cli_recorder_checkpoint(recorder, job, error);
    if (r.step % 16 == 0 || r.step == steps) {
      char detail[96];
      snprintf(detail, sizeof detail, "loss %.4f  %.0f tokens/s", r.loss,
               (double)(pal_trainer_tokens(job->trainer) - tokens) / seconds);
      cli_progress(quiet, label, (double)first, (double)r.step, (double)steps, seconds, detail);
    }
  }
  cli_progress_end(quiet);
  if (cli_describe(job, row, error) && !status) status = error->code;
  row->steps = pal_trainer_done(job->trainer);
  row->examples = pal_trainer_examples(job->trainer);
  row->tokens = pal_trainer_tokens(job->trainer);
  row->seconds = before + cli_seconds() - start;
  row->loss = summed ? sum / (double)summed : NAN;
  return status;
}
