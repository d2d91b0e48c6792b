/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest eval --answers: writes every decoded instance as a line of JSON, so that other
 * programs can score the answers (floor 8). */
#include "cli/answers.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bench/json_text.h"
#include "cli/evaluate.h"
#include "cli/job.h"
#include "cli/json.h"
#include "cli/row.h"
#include "cli/text.h"
#include "cli/standard.h"

/* The text as a JSON string. JSON holds UTF-8 only, so in a text that is not UTF-8 the bytes that
 * are no printable character are written as \xNN. NULL for a NULL text and without memory. */
static json_t *text_value(const char *text) {
  json_t *value = text ? json_string(text) : NULL;
  if (value || !text || cli_json_is_valid(text)) return value;
  const size_t room = 4 * strlen(text) + 8;
  char *shown = malloc(room);
  if (!shown) return NULL;
  cli_escape(text, shown, room);
  value = json_string(shown);
  free(shown);
  return value;
}

char *cli_answer_line(const cli_job *job, const char *set, int index, const pal_judged *judged) {
  const pal_example *instance = judged->instance;
  const pal_decoded *decoded = judged->decoded;
  const pal_task_definition *d = pal_task_definition_of(job->task);
  char *prompt = cli_text_of(job->task, instance->prompt, instance->n_prompt);
  char *answer = cli_text_of(job->task, decoded->token, decoded->n);
  json_t *line = json_pack("{s:o, s:i, s:o, s:o, s:b}", "set", text_value(set), "index", index,
                           "prompt", text_value(prompt), "answer", text_value(answer), "exact",
                           cli_is_exact(judged, job->task));
  for (int i = 0; i < d->n_report; i++) {
    const pal_report_column *c = &d->report[i];
    if (!cli_is_judged(c)) continue;
    const double value = cli_figure(c, job->task, judged);
    cli_json_put(&line, c->name,
                 c->kind == PAL_REPORT_SHARE ? json_boolean(value != 0) : cli_json_number(value));
  }
  cli_json_put(&line, "halted", json_boolean(decoded->halted));
  cli_json_put(&line, "passes", json_integer(decoded->forward_passes));
  char *text = bench_json_text(line, JSON_COMPACT);
  json_decref(line);
  free(prompt);
  free(answer);
  return text;
}

pal_status cli_answers_save(cli_job *job, const char *path, pal_error *error) {
  const bool failed = ferror(job->answers) != 0;
  if (fclose(job->answers) != 0 || failed)
    pal_fail(error, PAL_E_MEMORY, "%s: no memory for the answers", path);
  job->answers = NULL;
  return error->code ? error->code : cli_save(path, job->answers_text, job->answers_size, error);
}
