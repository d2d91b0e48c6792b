/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest eval --steps: single decoding steps from labelled states, compared with their labels;
 * for causal models, next tokens of answers given the true ones before (floor 8). */
#include "cli/steps.h"

#include <stdlib.h>
#include <string.h>

#include "cli/evaluate.h"
#include "cli/job.h"
#include "cli/row.h"
#include "cli/text.h"

/* Added to train.seed, so that states other than those of training are drawn; sequences decoded at
 * a time. */
enum { OTHER_SEED = 1000003, TOGETHER = 256 };

/* Names of the kinds of edits in a step. The index has bit 0 for write, 1 for remask, 2 for insert,
 * 3 for remove. */
static const char *const kind_name[16] = {"nothing to do",
                                          "write",
                                          "remask",
                                          "write, remask",
                                          "insert",
                                          "write, insert",
                                          "remask, insert",
                                          "write, remask, insert",
                                          "remove",
                                          "write, remove",
                                          "remask, remove",
                                          "write, remask, remove",
                                          "insert, remove",
                                          "write, insert, remove",
                                          "remask, insert, remove",
                                          "write, remask, insert, remove"};

typedef struct step {
  int32_t *state, *next; /* tokens before and after it, by the labels; one block, freed as state */
  int n_next;            /* number of tokens after it */
  int kind;              /* index of kind_name or, for next tokens, the place in the answer */
  bool exact;
} step;

typedef struct steps {
  step *step;          /* [n] of `room` */
  pal_example *prompt; /* [n], whose prompts are the states */
  const pal_task *task;
  bool answers; /* steps are next tokens of answers, not edits */
  int n, room;
} steps;

/* Adds a labelled state, the state that its labels lead to, and the kinds of edits of that step. */
static pal_status add_state(steps *all, const pal_transition *t, int32_t mask, uint64_t id,
                            pal_error *error) {
  step *s = &all->step[all->n];
  s->state = malloc(sizeof *s->state * 3 * ((size_t)t->n + 1));
  if (!s->state) return pal_fail(error, PAL_E_MEMORY, "no memory for states");
  s->next = s->state + t->n;
  memcpy(s->state, t->state, sizeof *s->state * (size_t)t->n);
  s->n_next = pal_transition_apply(t, mask, s->next, 2 * t->n);
  for (int i = 0; i < t->n; i++) {
    const bool masked = t->state[i] == mask;
    const bool remask = t->remask && t->remask[i], remove = masked && t->remove && t->remove[i];
    const bool insert = !remove && t->insert && t->insert[i];
    const bool write = masked && !remove && !remask && t->y[i] >= 0;
    s->kind |= (write ? 1 : 0) | (remask && !masked ? 2 : 0) | (insert ? 4 : 0) | (remove ? 8 : 0);
  }
  all->prompt[all->n++] = (pal_example){.id = id, .prompt = s->state, .n_prompt = t->n};
  return PAL_OK;
}

/* Writes the tokens up to and including token k of the answer and returns their number. The answer
 * fills the masks of the prompt if it has any, else it follows the prompt. */
static int up_to_answer(const pal_example *e, int32_t mask, int k, int32_t *token) {
  int n = 0, at = 0;
  while (n < e->n_prompt && at <= k) {
    const bool masked = e->prompt[n] == mask;
    token[n] = masked ? e->answer[at++] : e->prompt[n];
    n++;
  }
  while (at <= k) token[n++] = e->answer[at++];
  return n;
}

/* Adds a step for each token of the answer, until there are all->room of them. */
static pal_status add_answer(steps *all, const pal_example *e, int32_t mask, pal_error *error) {
  for (int k = 0; k < e->n_answer && all->n < all->room; k++) {
    step *s = &all->step[all->n];
    const size_t most = (size_t)e->n_prompt + (size_t)k + 1;
    s->state = malloc(sizeof *s->state * 2 * most);
    if (!s->state) return pal_fail(error, PAL_E_MEMORY, "no memory for states");
    s->next = s->state + most;
    s->n_next = up_to_answer(e, mask, k, s->next);
    const int n = s->n_next - 1;
    s->kind = k < CLI_TRAITS ? k : CLI_TRAITS - 1;
    memcpy(s->state, s->next, sizeof *s->state * (size_t)n);
    all->prompt[all->n++] = (pal_example){.id = e->id, .prompt = s->state, .n_prompt = n};
  }
  return PAL_OK;
}

static pal_status add_example(steps *all, const cli_job *job, bool answers, const pal_example *e,
                              pal_error *error) {
  if ((answers ? e->n_answer : e->transition.n) == 0)
    return pal_fail(error, PAL_E_UNSUPPORTED, "--steps: task %s has no %s", job->task_name,
                    answers ? "answers" : "labelled states");
  const int32_t mask = pal_task_format(job->task)->mask;
  return answers ? add_answer(all, e, mask, error)
                 : add_state(all, &e->transition, mask, e->id, error);
}

static pal_status draw_states(steps *all, cli_job *job, bool answers, int n, pal_error *error) {
  pal_stream stream = {0};
  pal_status status = pal_task_stream(job->task, job->form, job->seed + OTHER_SEED, &stream, error);
  all->room = n;
  all->step = calloc((size_t)n, sizeof *all->step);
  all->prompt = calloc((size_t)n, sizeof *all->prompt);
  if (!status && (!all->step || !all->prompt))
    status = pal_fail(error, PAL_E_MEMORY, "no memory for states");
  while (!status && all->n < n) {
    pal_example e;
    status = stream.next(stream.self, &e, error);
    if (!status) status = add_example(all, job, answers, &e, error);
  }
  if (stream.self) stream.free(stream.self);
  return status;
}

static void judge(int index, const pal_decoded *decoded, void *data) {
  const steps *all = data;
  const pal_example *from = &all->prompt[index];
  const pal_task_definition *task = pal_task_definition_of(all->task);
  step *s = &all->step[index];
  s->exact = decoded->n == s->n_next &&
             memcmp(decoded->token, s->next, sizeof *s->next * (size_t)s->n_next) == 0;
  if (!s->exact && !all->answers && task->step_right)
    s->exact =
        task->step_right(all->task, from->prompt, from->n_prompt, decoded->token, decoded->n);
}

static char *name_of(int kind, bool answers, pal_error *error) {
  return answers
             ? cli_print(error, "token %d%s", kind + 1, kind + 1 < CLI_TRAITS ? "" : " or later")
             : cli_print(error, "%s", kind_name[kind]);
}

/* Fills the set: the steps of each kind and the exact ones among them. */
static pal_status count(const steps *all, bool answers, cli_set *set, pal_error *error) {
  set->steps = true;
  set->n = all->n;
  for (int kind = 0; kind < CLI_TRAITS; kind++) {
    cli_trait trait = {.n = 0};
    for (int i = 0; i < all->n; i++)
      if (all->step[i].kind == kind) trait.n++, trait.exact += all->step[i].exact;
    if (trait.n == 0) continue;
    set->exact += trait.exact;
    trait.name = name_of(kind, answers, error);
    if (!trait.name) return error->code;
    set->trait[set->n_traits++] = trait;
  }
  return PAL_OK;
}

pal_status cli_evaluate_steps(cli_job *job, int n, cli_row *row, pal_error *error) {
  if (cli_row_sets(row, 1, error)) return error->code;
  cli_set *set = &row->set[row->n_sets++];
  const bool answers = pal_model_definition_of(job->model)->cached;
  if (cli_set_name(set, answers ? "next tokens" : "single steps", error)) return error->code;
  if (job->form != PAL_FORM_TRANSITION && !answers)
    return pal_fail(
        error, PAL_E_UNSUPPORTED,
        "--steps needs a model that learns labelled states or writes one token after the "
        "other; %s does neither",
        job->model_name);
  steps all = {.task = job->task, .answers = answers};
  pal_status status = draw_states(&all, job, answers, n, error);
  pal_decode_options options = {
      .sequences = TOGETHER, .max_steps = 1, .seed = CLI_DECODE_SEED, .answer_room = answers};
  for (int i = 0; i < all.n; i++)
    if (2 * all.prompt[i].n_prompt > options.max_length)
      options.max_length = 2 * all.prompt[i].n_prompt;
  pal_decoder *decoder = status ? NULL : pal_decoder_new(job->model, &options, error);
  if (!status && !decoder) status = error->code;
  if (!status) status = pal_decode(decoder, all.prompt, all.n, judge, &all, error);
  if (!status) status = count(&all, answers, set, error);
  if (decoder) pal_decoder_free(decoder);
  for (int i = 0; i < all.n; i++) free(all.step[i].state);
  free(all.step);
  free(all.prompt);
  return status;
}
