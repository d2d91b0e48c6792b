/* SPDX-License-Identifier: Apache-2.0 */
/* See prompt.h (floor 8). cli/continue.c decodes what is read here. */
#include "cli/prompt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/rundir.h"
#include "cli/text.h"

enum { MOST_BYTES = 1 << 24 };

/* ---- the text -------------------------------------------------------------------------------- */

static pal_status read_stream(cli_prompt *p, FILE *file, const char *path, pal_error *error) {
  for (size_t room = 0, got = 1; got; p->size += got) {
    if (p->size + 2 > room) {
      char *grown = p->size < MOST_BYTES ? realloc(p->text, room = 2 * room + 4096) : NULL;
      if (!grown)
        return pal_fail(error, PAL_E_MEMORY, "%s: a prompt of more than %zu bytes", path, p->size);
      p->text = grown;
    }
    got = fread(p->text + p->size, 1, room - p->size - 1, file);
  }
  return ferror(file) ? pal_fail(error, PAL_E_IO, "%s: %s", path, strerror(errno)) : PAL_OK;
}

/* Reads the text that an option's value stands for. The end of a file's last line is not part of
 * it. */
static pal_status read_text(cli_prompt *p, const char *value, pal_error *error) {
  const bool in = strcmp(value, "-") == 0;
  const char *path = in ? "standard input" : value + 1;
  if (!in && *value != '@') {
    p->text = strdup(value);
    p->size = strlen(value);
    return p->text ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for a prompt");
  }
  FILE *file = in ? stdin : fopen(path, "rb");
  if (!file)
    return pal_fail(error, PAL_E_NOT_FOUND, "the prompt's file %s: %s", path, strerror(errno));
  const pal_status status = read_stream(p, file, path, error);
  if (!in) fclose(file);
  if (status) return status;
  if (p->size && p->text[p->size - 1] == '\n') p->size--;
  if (p->size && p->text[p->size - 1] == '\r') p->size--;
  p->text[p->size] = 0;
  return PAL_OK;
}

/* ---- how the run is opened --------------------------------------------------------------- */

/* Whether the config that was read leaves the temperature at 0. */
static bool is_cold(const cli_job *named) {
  static const char key[] = "temperature=";
  double value = 0;
  for (int i = 0; i < named->n_set[CLI_MODEL]; i++)
    if (strncmp(named->set[CLI_MODEL][i], key, sizeof key - 1) == 0)
      value = strtod(named->set[CLI_MODEL][i] + sizeof key - 1, NULL);
  return value == 0;
}

/* Text is drawn at temperature 0.8 unless the run has another one: at 0 it repeats itself. */
static pal_status warm(const cli_job *named, cli_options *o, pal_error *error) {
  if (!cli_job_has(named, CLI_MODEL, "temperature") || !is_cold(named)) return PAL_OK;
  return cli_options_prepend(o, "model.temperature=0.8", error);
}

pal_status cli_prompt_warm(pal_context *context, cli_options *o, pal_error *error) {
  cli_job named = {.context = context};
  pal_status status = cli_run_names(&named, o, error);
  const pal_task_definition *d = status ? NULL : pal_lookup(context, "task", named.task_name);
  if (d && d->scan) status = warm(&named, o, error);
  cli_job_close(&named);
  return status;
}

static pal_status check_kind(cli_prompt *p, const cli_job *named, pal_error *error) {
  const pal_task_definition *d = pal_lookup(named->context, "task", named->task_name);
  const cli_options *o = &p->options;
  const char *option = p->infill ? "--infill" : o->length ? "--length" : "--mark";
  p->scanned = d->scan != NULL;
  if (!d->scan && !d->read)
    return pal_fail(error, PAL_E_UNSUPPORTED,
                    "task %s reads no prompts; without --prompt, sample shows its instances",
                    named->task_name);
  if (!d->scan && (p->infill || o->length || o->mark))
    return pal_fail(error, PAL_E_UNSUPPORTED,
                    "%s is for tasks that continue any text; %s reads whole instances: give one by "
                    "--prompt, as palimpsest instances %s prints them",
                    option, named->task_name, named->task_name);
  if (o->stop && (!d->scan || p->infill || o->watch || o->trace || o->svg || o->html))
    return pal_fail(
        error, PAL_E_UNSUPPORTED,
        "--stop is for the text that continues a --prompt, without --watch, --trace, --svg "
        "and --html, which show every pass");
  if (o->stop && !*o->stop)
    return pal_fail(error, PAL_E_ARGUMENT, "--stop takes a text that is not empty");
  if (p->infill ? o->length != NULL : o->mark != NULL)
    return pal_fail(error, PAL_E_ARGUMENT, "%s cannot be combined with %s",
                    p->infill ? "--length" : "--mark", p->infill ? "--infill" : "--prompt");
  return PAL_OK;
}

pal_status cli_prompt_open(cli_prompt *p, pal_context *context, const cli_options *o,
                           pal_error *error) {
  cli_job named = {.context = context};
  p->options = *o;
  p->infill = o->infill != NULL;
  pal_status status = cli_run_names(&named, o, error);
  if (!status) status = check_kind(p, &named, error);
  if (!status) status = read_text(p, p->infill ? o->infill : o->prompt, error);
  if (!status && p->scanned && cli_job_has(&named, CLI_TASK, "data")) p->data = "";
  if (!status && p->scanned) status = warm(&named, &p->options, error);
  if (!status && p->infill && cli_job_has(&named, CLI_MODEL, "infill"))
    status = cli_options_prepend(&p->options, "model.infill=1", error);
  cli_job_close(&named);
  return status;
}

void cli_prompt_close(cli_prompt *p) {
  free(p->text);
  free(p->token);
}

/* ---- tokens ------------------------------------------------------------------------------ */

static pal_status scan(cli_prompt *p, const cli_job *job, pal_error *error) {
  const char *mark = !p->infill ? NULL : p->options.mark ? p->options.mark : "_";
  const int32_t mask = pal_task_format(job->task)->mask;
  int masks = 0;
  p->token = malloc(sizeof *p->token * (p->size + 1));
  if (!p->token) return pal_fail(error, PAL_E_MEMORY, "no memory for a prompt");
  if (p->size == 0)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "the prompt is empty; give at least one character to continue");
  if (mark && !*mark)
    return pal_fail(error, PAL_E_ARGUMENT, "--mark takes a text that is not empty");
  if (pal_task_scan(job->task, p->text, p->size, mark, p->token, (int)p->size, &p->n, error))
    return error->code;
  for (int i = 0; i < p->n; i++) masks += p->token[i] == mask;
  if (p->infill && !masks)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "the text holds no mark \"%s\", of which each stands for one blank; choose "
                    "another by --mark TEXT",
                    mark);
  return PAL_OK;
}

/* Sets p->room for a prompt. A causal model may add any number of tokens, others what fits the
 * longest sequence of training. */
static pal_status find_room(cli_prompt *p, const cli_job *job, pal_error *error) {
  const pal_format *f = pal_task_format(job->task);
  const pal_model_definition *d = pal_model_definition_of(job->model);
  const int left = f->context - p->n;
  const char *length = p->options.length;
  const bool open = length && strcmp(length, "open") == 0;
  char *end = NULL;
  const long n = length && !open ? strtol(length, &end, 10) : 0;
  if (length && !open && (end == length || *end || n < 1 || n > 1000000))
    return pal_fail(error, PAL_E_ARGUMENT,
                    "--length takes a whole number from 1 to 1000000 or open, not \"%s\"", length);
  if (open && f->eos < 0 && d->form != PAL_FORM_TRANSITION)
    return pal_fail(error, PAL_E_UNSUPPORTED,
                    "--length open: model %s does not end a text of task %s by itself; give "
                    "--length N",
                    job->model_name, job->task_name);
  const bool grows = open && d->form == PAL_FORM_TRANSITION; /* by insertions */
  p->room = grows ? 0 : n ? (int)n : d->cached && !open ? f->context - 1 : left;
  if (d->cached && !open) return PAL_OK;
  if (left >= p->room && left >= 0 && (p->room > 0 || grows)) return PAL_OK;
  return pal_fail(error, PAL_E_ARGUMENT,
                  "model %s was trained on sequences of up to %d tokens: a prompt of %d leaves "
                  "room for %d more; give a shorter prompt or --length",
                  job->model_name, f->context, p->n, left > 0 ? left : 0);
}

pal_status cli_prompt_read(cli_prompt *p, cli_job *job, pal_example *example, pal_error *error) {
  if (!p->scanned) {
    const pal_status status = pal_task_read(job->task, p->text, job->form, 1, example, error);
    if (status) return status;
    return example->n_prompt ? PAL_OK
                             : pal_fail(error, PAL_E_FORMAT,
                                        "--prompt holds no instance of task %s", job->task_name);
  }
  pal_status status = scan(p, job, error);
  if (!status && !p->infill) status = find_room(p, job, error);
  if (status) return status;
  const int context = pal_task_format(job->task)->context;
  const bool whole =
      p->infill || p->options.watch || p->options.trace || p->options.svg || p->options.html;
  if (whole && p->n + p->room > context)
    return pal_fail(
        error, PAL_E_ARGUMENT,
        "%d tokens are more than the %d of the model's longest sequence; give a shorter "
        "text%s",
        p->n + p->room, context, p->infill ? "" : " or --length");
  *example = (pal_example){.prompt = p->token, .n_prompt = p->n, .answer_room = p->room};
  return PAL_OK;
}
