/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest new: writes a commented plug-in to start from, with its Makefile (floor 8). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/embedded.h"
#include "cli/near.h"
#include "cli/options.h"
#include "cli/page.h"
#include "cli/text.h"
#include "cli/verbs.h"

static const char *const kinds[] = {"model", "op", "task"};
enum { KINDS = sizeof kinds / sizeof *kinds, LONGEST_NAME = 40 };

static pal_status check_kind(const char *kind, pal_error *error) {
  cli_near near;
  cli_near_start(&near, kind ? kind : "");
  for (int k = 0; k < KINDS; k++) {
    if (kind && strcmp(kind, kinds[k]) == 0) return PAL_OK;
    cli_near_try(&near, "", kinds[k]);
  }
  if (!kind) return pal_fail(error, PAL_E_ARGUMENT, "new what? palimpsest new model|op|task NAME");
  return pal_fail(error, PAL_E_ARGUMENT, "new writes a model, an op or a task, not \"%s\"%s", kind,
                  near.hint);
}

/* The name becomes that of files and of a definition. */
static pal_status check_name(pal_context *context, const char *kind, const char *name,
                             pal_error *error) {
  if (!name)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "what is the new %s to be called? palimpsest new %s NAME", kind, kind);
  const bool letter = *name >= 'a' && *name <= 'z';
  if (!letter || strlen(name) > LONGEST_NAME ||
      name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-")])
    return pal_fail(error, PAL_E_ARGUMENT,
                    "\"%s\" cannot be the name of a %s: it begins with a letter and has at most %d "
                    "characters a-z, 0-9, _ and -",
                    name, kind, LONGEST_NAME);
  if (pal_lookup(context, kind, name))
    return pal_fail(error, PAL_E_ARGUMENT, "there is a%s %s \"%s\" already; choose another name",
                    *kind == 'o' ? "n" : "", kind, name);
  return PAL_OK;
}

/* Appends the file of that name, without its first line, which names the licence of this tree, and
 * with `name` in place of each NAME. */
static void put_start(FILE *to, const char *file, const char *name) {
  static const char mark[] = "NAME";
  const cli_embedded *start = cli_start_texts;
  while (strcmp(start->name, file) != 0) start++;
  const char *at = memchr(start->text, '\n', start->size), *end = start->text + start->size;
  for (at++; at < end; at++) {
    const bool here = (size_t)(end - at) >= strlen(mark) && strncmp(at, mark, strlen(mark)) == 0;
    if (!here) fputc(*at, to);
    else fputs(name, to), at += strlen(mark) - 1;
  }
}

/* A file to write: its path, and the one or two files of share/new/ that it is made of. */
typedef struct written {
  char *path;
  const char *part[2];
} written;

static pal_status save(const written *w, const char *name, pal_error *error) {
  cli_page page;
  if (cli_page_open(&page, error)) return error->code;
  for (int i = 0; i < 2 && w->part[i]; i++) put_start(page.to, w->part[i], name);
  return cli_page_save(&page, w->path, error);
}

static pal_status write_all(const char *directory, const char *kind, const char *name,
                            pal_error *error) {
  char source[16], rules[16];
  snprintf(source, sizeof source, "%s.c", kind);
  snprintf(rules, sizeof rules, "%s.mk", kind);
  written all[] = {{cli_print(error, "%s/%s.c", directory, name), {source}},
                   {cli_print(error, "%s/Makefile", directory), {"common.mk", rules}}};
  pal_status status = error->code;
  for (int i = 0; i < 2 && !status; i++)
    if (access(all[i].path, F_OK) == 0)
      status = pal_fail(error, PAL_E_ARGUMENT,
                        "%s exists and would be overwritten; name another directory with --out DIR",
                        all[i].path);
  if (!status) status = pal_directory_create(directory, error);
  for (int i = 0; i < 2 && !status; i++) status = save(&all[i], name, error);
  if (!status)
    printf("wrote %s and %s\nmake -C %s check builds it and tries it out\n", all[0].path,
           all[1].path, directory);
  for (int i = 0; i < 2; i++) free(all[i].path);
  return status;
}

int cli_verb_new(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  pal_status status = check_kind(o->argument, &error);
  if (!status) status = check_name(context, o->argument, o->second, &error);
  if (!status) status = write_all(o->out ? o->out : o->second, o->argument, o->second, &error);
  return status ? cli_report(&error) : CLI_DONE;
}
