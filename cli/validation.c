/* SPDX-License-Identifier: Apache-2.0 */
/* See validation.h (floor 8). */
#include "cli/validation.h"

#include <stdlib.h>
#include <string.h>

/* Examples, random draws of each, and what is added to train.seed so that others are drawn than for
 * training. */
enum { EXAMPLES = 256, DRAWS = 4, OTHER_SEED = 2000003 };

/* ---- copies of examples -------------------------------------------------------------------- */

/* Copies n elements of `size` bytes to *at and moves *at behind them. NULL for NULL. */
static const void *copy(char **at, const void *from, int n, size_t size) {
  char *to = *at;
  if (!from) return NULL;
  if (n) memcpy(to, from, (size_t)n * size);
  *at += ((size_t)n * size + 7) / 8 * 8;
  return to;
}

/* A copy whose arrays are one block, which begins with the prompt. */
static bool copy_example(const pal_example *e, pal_example *to) {
  const pal_transition *t = &e->transition;
  const size_t words = (size_t)e->n_prompt + (size_t)e->n_answer + 3 * (size_t)t->n;
  char *block = malloc(sizeof(int32_t) * words + 3 * (size_t)t->n + 64), *at = block;
  if (!block) return false;
  *to = *e;
  to->prompt = copy(&at, e->prompt ? e->prompt : (const int32_t *)(void *)block, e->n_prompt,
                    sizeof *e->prompt);
  to->answer = copy(&at, e->answer, e->n_answer, sizeof *e->answer);
  to->transition.state = copy(&at, t->state, t->n, sizeof *t->state);
  to->transition.y = copy(&at, t->y, t->n, sizeof *t->y);
  to->transition.y_weight = copy(&at, t->y_weight, t->n, sizeof *t->y_weight);
  to->transition.remask = copy(&at, t->remask, t->n, sizeof *t->remask);
  to->transition.insert = copy(&at, t->insert, t->n, sizeof *t->insert);
  to->transition.remove = copy(&at, t->remove, t->n, sizeof *t->remove);
  return true;
}

pal_status cli_validation_open(cli_validation *v, cli_job *job, pal_error *error) {
  pal_stream stream = {0};
  v->every = job->eval_every;
  if (!v->every) return PAL_OK;
  pal_status status =
      pal_task_validation(job->task, job->form, job->seed + OTHER_SEED, &stream, error);
  if (status) return status;
  v->example = calloc(EXAMPLES, sizeof *v->example);
  if (!v->example) status = pal_fail(error, PAL_E_MEMORY, "no memory for development examples");
  for (int i = 0; i < EXAMPLES && !status; i++) {
    pal_example e;
    status = stream.next(stream.self, &e, error);
    if (!status && !copy_example(&e, &v->example[i]))
      status = pal_fail(error, PAL_E_MEMORY, "no memory for development examples");
    v->n += !status;
  }
  stream.free(stream.self);
  return status;
}

void cli_validation_close(cli_validation *v) {
  for (int i = 0; i < v->n; i++) free((void *)(uintptr_t)v->example[i].prompt);
  free(v->example);
  *v = (cli_validation){.every = 0};
}

/* ---- the loss ------------------------------------------------------------------------------ */

static pal_status example_at(void *data, int i, pal_example *out, pal_error *error) {
  (void)error;
  *out = ((const cli_validation *)data)->example[i];
  return PAL_OK;
}

bool cli_validation_is_due(const cli_validation *v, int64_t done, int64_t steps) {
  return v->every && (done % v->every == 0 || done == steps);
}

pal_status cli_validation_run(cli_validation *v, cli_job *job, pal_error *error) {
  pal_trainer_use_average(job->trainer, true);
  const pal_status status =
      pal_evaluate_loss(job->model, example_at, v, v->n, DRAWS, 1, &v->loss, error);
  pal_trainer_use_average(job->trainer, false);
  return status;
}

bool cli_validation_improves(cli_validation *v, int64_t step) {
  if (v->best_step && !(v->loss.nats < v->best)) return false;
  v->best = v->loss.nats;
  v->best_step = step;
  return true;
}
