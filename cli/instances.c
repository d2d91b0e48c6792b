/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of instances in memory, and files of instances (floor 8). */
#include "cli/instances.h"

#include <stdlib.h>
#include <string.h>

#include "cli/job.h"
#include "cli/lines.h"
#include "cli/text.h"

static int32_t *copy_tokens(const int32_t *from, int n) {
  int32_t *to = malloc(sizeof *to * ((size_t)n + 1));
  if (to && n) memcpy(to, from, sizeof *to * (size_t)n);
  return to;
}

pal_status cli_instances_add(cli_instances *all, const pal_example *example, pal_error *error) {
  if (all->n == all->room) {
    int room = all->room ? 2 * all->room : 256;
    pal_example *grown = realloc(all->instance, sizeof *grown * (size_t)room);
    if (!grown) return pal_fail(error, PAL_E_MEMORY, "no memory for %d instances", room);
    all->instance = grown;
    all->room = room;
  }
  pal_example e = *example;
  int32_t *prompt = copy_tokens(example->prompt, example->n_prompt);
  int32_t *answer = copy_tokens(example->answer, example->n_answer);
  e.prompt = prompt;
  e.answer = answer;
  if (prompt && answer) {
    all->instance[all->n++] = e;
    return PAL_OK;
  }
  free(prompt);
  free(answer);
  return pal_fail(error, PAL_E_MEMORY, "no memory for instances");
}

/* Records a line that the task refused, with the reason. */
static pal_status refuse(cli_instances *all, int line, const char *text, pal_error *error) {
  cli_refusal *grown = realloc(all->refusal, sizeof *grown * ((size_t)all->refused + 1));
  if (grown) {
    all->refusal = grown;
    grown[all->refused] = (cli_refusal){line, strdup(text)};
    if (grown[all->refused].text) return all->refused++, PAL_OK;
  }
  return pal_fail(error, PAL_E_MEMORY, "no memory for refused lines");
}

/* Adds the instance of a line. Comments and headers add none; neither do empty lines, which the
 * task is given only after a line without an instance, since they may end one of several lines.
 * What is no valid instance is recorded as refused. */
static pal_status read_line(cli_instances *all, cli_job *job, const cli_lines *l,
                            pal_error *error) {
  pal_example e;
  pal_error own = {0};
  if (strlen(l->text) != l->length)
    return refuse(all, l->number, "the line holds a zero byte", error);
  if ((l->length == 0 && !all->open) || l->text[0] == '#') return PAL_OK;
  const pal_status status =
      pal_task_read(job->task, l->text, job->form, (uint64_t)l->number, &e, &own);
  all->open = !status && e.n_prompt == 0;
  if (status == PAL_E_FORMAT) return refuse(all, l->number, own.text, error);
  if (status) return pal_fail(error, status, "%s", own.text);
  return e.n_prompt ? cli_instances_add(all, &e, error) : PAL_OK;
}

pal_status cli_instances_read(cli_instances *all, cli_job *job, const char *path, int limit,
                              pal_error *error) {
  if (!pal_task_definition_of(job->task)->read)
    return pal_fail(error, PAL_E_UNSUPPORTED, "task %s has no text form for instances",
                    pal_task_definition_of(job->task)->name);
  cli_lines l;
  pal_error own = {0};
  pal_status status = cli_lines_open(&l, path, &own);
  while (!status && (!limit || all->n < limit) && cli_lines_next(&l, &own))
    status = read_line(all, job, &l, &own);
  char none[] = "";
  cli_lines end = {.path = path, .text = none, .number = l.number};
  for (int i = 0; i < 2 && !own.code && all->open; i++) read_line(all, job, &end, &own);
  cli_lines_close(&l);
  if (own.code) return pal_fail(error, own.code, "%s", own.text);
  if (all->n) return PAL_OK;
  return pal_fail(error, PAL_E_FORMAT,
                  all->refused ? "%s: every instance is refused" : "%s holds no instance", path);
}

void cli_instances_report(const cli_instances *all, const char *path) {
  enum { MOST = 10 };
  for (int i = 0; i < all->refused && i < MOST; i++)
    cli_say("refused: %s:%d: %s", path, all->refusal[i].line, all->refusal[i].text);
  if (all->refused > MOST)
    cli_say("refused: %d more of %s, %d in all", all->refused - MOST, path, all->refused);
}

void cli_instances_free(cli_instances *all) {
  for (int i = 0; i < all->n; i++) {
    free((void *)(uintptr_t)all->instance[i].prompt);
    free((void *)(uintptr_t)all->instance[i].answer);
  }
  for (int i = 0; i < all->refused; i++) free(all->refusal[i].text);
  free(all->instance);
  free(all->refusal);
  *all = (cli_instances){0};
}
