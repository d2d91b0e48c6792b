/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest pram: runs a program of a parallel random access machine in the interpreter (floor
 * 8). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/lines.h"
#include "cli/options.h"
#include "cli/text.h"
#include "cli/verbs.h"

typedef struct job {
  const cli_options *o;
  pal_pram *program;
  int32_t *memory; /* [2 M]: an instance, and with --watch the memory that was printed last */
  int n;           /* size of instances */
  uint64_t seed;
} job;

/* The value of a setting "KEY=NUMBER", if `text` has that key. */
static bool whole(const char *text, const char *key, long long most, long long *value,
                  pal_error *error) {
  const size_t n = strlen(key);
  if (strncmp(text, key, n) != 0 || text[n] != '=') return false;
  char *end;
  errno = 0;
  *value = strtoll(text + n + 1, &end, 10);
  if (end == text + n + 1 || *end || errno || *value < 0 || *value > most)
    pal_fail(error, PAL_E_ARGUMENT, "%s is a whole number from 0 to %lld, not \"%s\"", key, most,
             text + n + 1);
  return true;
}

static pal_status read_settings(job *j, pal_error *error) {
  long long n = 16, seed = 1;
  for (int i = 0; i < j->o->n_set && !error->code; i++)
    if (!whole(j->o->set[i], "n", 1 << 24, &n, error) &&
        !whole(j->o->set[i], "seed", INT64_MAX, &seed, error))
      pal_fail(error, PAL_E_ARGUMENT, "there is no setting \"%s\"; this verb has n and seed",
               j->o->set[i]);
  j->n = (int)n;
  j->seed = (uint64_t)seed;
  return error->code;
}

static void print_memory(const char *what, const int32_t *memory, int n) {
  printf("%-9s", what);
  for (int i = 0; i < n; i++) printf(" %d", memory[i]);
  printf("\n");
}

static pal_status run_instance(const job *j, pal_error *error) {
  const int cells = j->program->cells;
  pal_pram_run *run = pal_pram_run_new(j->program, j->memory, error);
  if (!run) return error->code;
  print_memory("input", j->memory, cells);
  int32_t *shown = j->memory + cells;
  const size_t size = sizeof *shown * (size_t)cells;
  memcpy(shown, j->memory, size);
  while (!error->code && !pal_pram_halted(run)) {
    if (pal_pram_step(run, error) || !j->o->watch || memcmp(shown, run->memory, size) == 0)
      continue;
    char step[32];
    memcpy(shown, run->memory, size);
    snprintf(step, sizeof step, "step %lld", (long long)run->time);
    print_memory(step, run->memory, cells);
  }
  if (!error->code) {
    print_memory("memory", run->memory, cells);
    printf("T %lld, P %d, work %lld, S %lld\n", (long long)run->time, j->program->processors,
           (long long)run->work, (long long)pal_pram_state(j->program));
  }
  pal_pram_run_free(run);
  return error->code;
}

/* Reads the first cells of an instance from a line of numbers; the others are 0. */
static pal_status read_instance(job *j, const cli_lines *l, pal_error *error) {
  int n = 0;
  memset(j->memory, 0, sizeof *j->memory * (size_t)j->program->cells);
  for (char *at = l->text + strspn(l->text, " \t"); *at; at += strspn(at, " \t"), n++) {
    char *end;
    errno = 0;
    const long value = strtol(at, &end, 10);
    if (end == at || (*end && *end != ' ' && *end != '\t') || errno || value < 0 ||
        value >= 1 << j->program->word)
      return pal_fail(error, PAL_E_FORMAT, "%s:%d:%d: \"%.20s\" is no word of %d bits", l->path,
                      l->number, (int)(at - l->text) + 1, at, j->program->word);
    if (n == j->program->cells)
      return pal_fail(error, PAL_E_FORMAT,
                      "%s:%d: more than %d numbers, but the program has so many cells for n=%d",
                      l->path, l->number, n, j->n);
    j->memory[n] = (int32_t)value;
    at = end;
  }
  return PAL_OK;
}

static pal_status run_file(job *j, pal_error *error) {
  cli_lines l;
  pal_status status = cli_lines_open(&l, j->o->data, error);
  for (int i = 0; !status && (!j->o->n || i < j->o->n) && cli_lines_next(&l, error);) {
    if (!l.length || *l.text == '#') continue;
    i++;
    status = read_instance(j, &l, error);
    if (!status) status = run_instance(j, error);
  }
  cli_lines_close(&l);
  return error->code;
}

int cli_verb_pram(pal_context *context, const cli_options *o) {
  (void)context;
  pal_error error = {0};
  job j = {.o = o};
  if (!o->argument)
    return pal_fail(&error, PAL_E_ARGUMENT, "pram takes the file of a program"), cli_report(&error);
  if (!read_settings(&j, &error)) j.program = pal_pram_read(o->argument, j.n, &error);
  if (j.program) {
    j.memory = malloc(2 * sizeof *j.memory * (size_t)j.program->cells);
    if (!j.memory) pal_fail(&error, PAL_E_MEMORY, "no memory for %d cells", j.program->cells);
  }
  if (!error.code && o->data) (void)run_file(&j, &error);
  for (int i = 0; !error.code && !o->data && i < (o->n ? o->n : 1); i++) {
    pal_pram_instance(j.program, j.seed, (uint64_t)i, j.memory);
    (void)run_instance(&j, &error);
  }
  free(j.memory);
  pal_pram_free(j.program);
  return error.code ? cli_report(&error) : CLI_DONE;
}
