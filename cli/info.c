/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest info: lists or describes ops, optimizers, models, tasks and recipes, those of plug-ins
 * included (floor 8). */
#include <string.h>

#include "cli/embedded.h"
#include "cli/help.h"
#include "cli/near.h"
#include "cli/options.h"
#include "cli/text.h"
#include "cli/verbs.h"

static const char *const kinds[] = {"op", "optimizer", "model", "task"};

static const char *const likelihood[] = {"none is defined", "an upper bound (negative ELBO)",
                                         "exact"};

static void print_name(const char *name, const void *definition, void *data) {
  (void)definition, (void)data;
  printf("  %s\n", name);
}

static void print_settings(const pal_setting *s, int n) {
  enum { INDENT = 30 };
  for (int i = 0; i < n; i++) {
    int at = printf("  %-14s %-12s", s[i].name, s[i].value);
    at += printf("%*s", at < INDENT ? INDENT - at : 1, "");
    cli_wrap(stdout, s[i].doc, at, INDENT);
  }
}

static void print_sampler(const pal_sampler *s) {
  enum { INDENT = 15 };
  int at = printf("  %s", s->name);
  at += printf("%*s", at < INDENT ? INDENT - at : 1, "");
  cli_wrap(stdout, s->doc, at, INDENT);
}

static void print_one(const char *kind, const void *definition) {
  int n;
  if (strcmp(kind, "op") == 0) {
    const pal_op *op = definition;
    printf("%s, version %u\n%s\n", op->name, op->version, op->doc);
  } else if (strcmp(kind, "optimizer") == 0) {
    const pal_optimizer *optimizer = definition;
    printf("%s\n%s\n", optimizer->name, optimizer->doc);
  } else if (strcmp(kind, "model") == 0) {
    const pal_model_definition *model = definition;
    printf("%s\n", model->name);
    cli_wrap(stdout, model->doc, 0, 0);
    printf("likelihood: %s\n\n%s", likelihood[model->likelihood],
           model->n_samplers ? "samplers:\n" : "");
    for (int i = 0; i < model->n_samplers; i++) print_sampler(&model->sampler[i]);
    printf("settings of its own:\n");
    print_settings(model->setting, model->n_settings);
    printf("settings of the network:\n");
    const pal_setting *s = pal_network_setting_table(&n);
    print_settings(s, n);
    printf("settings of the trainer:\n");
    s = pal_train_setting_table(&n);
    print_settings(s, n);
  } else {
    const pal_task_definition *task = definition;
    printf("%s\n", task->name);
    cli_wrap(stdout, task->doc, 0, 0);
    printf("\nsettings:\n");
    print_settings(task->setting, task->n_settings);
  }
}

/* `info recipe`: prints the names of all recipes or, with a task, the text of its recipe file. */
static int info_recipe(const char *task) {
  if (!task) printf("recipe\n");
  for (const cli_embedded *t = cli_recipe_texts; t->name; t++) {
    if (!task) printf("  %s\n", t->name);
    else if (strcmp(t->name, task) == 0) return fwrite(t->text, 1, t->size, stdout) != t->size;
  }
  if (task) cli_say("there is no recipe for task \"%s\"; palimpsest info recipe lists them", task);
  return task ? CLI_USAGE : CLI_DONE;
}

int cli_verb_info(pal_context *context, const cli_options *o) {
  bool known = !o->argument;
  if (o->argument && strcmp(o->argument, "recipe") == 0) return info_recipe(o->second);
  char version[160];
  if (!o->argument) printf("%s\n", pal_version(context, version, sizeof version));
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    if (o->argument && strcmp(o->argument, kinds[k]) != 0) continue;
    known = true;
    const void *one = o->second ? pal_lookup(context, kinds[k], o->second) : NULL;
    pal_error error = {0};
    if (o->second && cli_known(context, kinds[k], o->second, &error)) return cli_report(&error);
    if (one) {
      print_one(kinds[k], one);
    } else {
      printf("%s\n", kinds[k]);
      pal_each(context, kinds[k], print_name, NULL);
    }
  }
  if (!o->argument) info_recipe(NULL);
  if (!known) {
    cli_near near;
    cli_near_start(&near, o->argument);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) cli_near_try(&near, "", kinds[k]);
    cli_near_try(&near, "", "recipe");
    cli_say("info knows op, optimizer, model, task and recipe, not \"%s\"%s", o->argument,
            near.hint);
  }
  return known ? CLI_DONE : CLI_USAGE;
}
