/* SPDX-License-Identifier: Apache-2.0 */
/* See help.h (floor 8). */
#include "cli/help.h"

#include <string.h>

#include "cli/near.h"
#include "cli/options.h"
#include "cli/terminal.h"

enum { OPTION_INDENT = 26, VERB_INDENT = 26 };

/* Examples follow one another: those of eval and sample use the run that train's makes. */
#define SMALL "  --set layers=1 --set width=32 --set train.steps=50 --n 2\n"
#define TRAIN "palimpsest train @T --model @M --out runs/example \\\n" SMALL
static const cli_verb verbs[] = {
    {"train", "TASK", 1, "trains one model, evaluates it and writes it to a run directory", TRAIN},
    {"eval", "RUN", 1, "evaluates a trained model",
     TRAIN "palimpsest eval runs/example --json figures.json\n"},
    {"sample", "RUN", 1, "decodes a few instances, or a prompt, and shows them",
     TRAIN "palimpsest sample runs/example --n 2\n"},
    {"trace", "FILE", 1,
     "plays a trace of sample --trace: on a terminal by keys (space plays and stops, left and right "
     "step, [ and ] change the instance, + and - the speed, q ends), in a pipe as plain text; or "
     "writes it as a web page or picture",
     TRAIN "palimpsest sample runs/example --n 2 --trace passes.jsonl\n"
           "palimpsest trace passes.jsonl\n"
           "palimpsest trace passes.jsonl --html passes.html\n"},
    {"instances", "TASK", 1,
     "prints the test sets of a task, one instance a line, as --data reads them",
     "palimpsest instances @T --n 3\n"},
    {"plot", "RUN|FILE...", CLI_MAX_FILES,
     "draws losses of runs over their steps, edits and length over decoding, or the points NAME,X,Y of a .csv file, as text or SVG",
     TRAIN "palimpsest plot runs/example\n"
           "palimpsest plot runs/example --decode --n 2\n"},
    {"report", "RUN...", CLI_MAX_FILES,
     "writes one HTML page about runs, or about the runs in a directory of compare --out",
     TRAIN "palimpsest report runs/example\n"},
    {"compare", "[TASK]", 1, "trains several kinds of model side by side and prints one table",
     "palimpsest compare @T --models @M \\\n" SMALL},
    {"plan", "TASK", 1,
     "prints the plans of a model's training step: stages, chains, memory, the rewritten graph",
     "palimpsest plan @T --model @M --set layers=1\n"},
    {"pram", "FILE", 1, "runs a program of a parallel machine in the interpreter",
     "printf '%s\\n' '.word 9' '.processors 1' '.cells 1' '.steps 3' \\\n"
     "  '.register r' '.input 0, 1, 0, 9' 'load r, [0]' 'add r, r, r' \\\n"
     "  'store [0], r' halt >double.pram\n"
     "palimpsest pram double.pram\n"},
    {"compile", "FILE", 1, "writes a run whose weights execute a program of a parallel machine",
     "printf '%s\\n' '.word 9' '.processors 1' '.cells 1' '.steps 3' \\\n"
     "  '.register r' '.input 0, 1, 0, 9' 'load r, [0]' 'add r, r, r' \\\n"
     "  'store [0], r' halt >double.pram\n"
     "palimpsest compile double.pram --model ap-mdm --out double\n"
     "palimpsest sample double --watch\n"},
    {"simulate", "RUN", 1,
     "writes a run that decodes from left to right and makes the choices of an any-order model",
     "palimpsest train sudoku --model mdm --set size=4 --set positions=none \\\n"
     "  --set model.order=log_margin --set layers=1 --set width=32 \\\n"
     "  --set train.steps=50 --out any-order --n 2\n"
     "palimpsest simulate any-order --out left-to-right --n 5\n"},
    {"check-op", "[NAME]", 1, "checks an op, or every op, against its reference on random cases",
     "palimpsest check-op softmax --n 20\n"},
    {"new", "KIND NAME", 2,
     "writes a commented plug-in to start from (a model, an op or a task) with its Makefile",
     "palimpsest new model my-model\nmake -C my-model -n\n"},
    {"bench", "[PART [CASE]]", 2,
     "measures ceilings, gemm, ops, train, decode, plan; or one of them, or a program (pram FILE)",
     "palimpsest bench ceilings --n 1\n"},
    {"info", "[KIND [NAME]]", 2, "lists or describes ops, models, tasks, optimizers, recipes",
     "palimpsest info model @M\n"},
    {"help", "[VERB]", 1, "prints what a verb does, its options and an example",
     "palimpsest help train\n"},
};
enum { VERBS = sizeof verbs / sizeof *verbs };

const cli_verb *cli_verb_find(const char *name, pal_error *error) {
  cli_near near;
  cli_near_start(&near, name);
  for (int v = 0; v < VERBS; v++) {
    if (strcmp(verbs[v].name, name) == 0) return &verbs[v];
    cli_near_try(&near, "", verbs[v].name);
  }
  pal_fail(error, PAL_E_ARGUMENT, "there is no verb \"%s\"%s%s palimpsest --help lists them", name,
           near.hint, *near.hint ? "" : ";");
  return NULL;
}

void cli_wrap(FILE *to, const char *text, int at, int indent) {
  const int most = cli_columns(to) - 1;
  const char *gap = "";
  for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
    const int length = (int)strcspn(text, " ");
    if (*gap && at + 1 + length > most) {
      fprintf(to, "\n%*s", indent, "");
      at = indent;
      gap = "";
    }
    fprintf(to, "%s%.*s", gap, length, text);
    at += (int)strlen(gap) + length;
    gap = " ";
    text += length;
  }
  fputc('\n', to);
}

/* Prints name and value of an option or verb, and its description from column `indent` on. */
static void entry(FILE *to, const char *name, const char *value, const char *doc, int indent) {
  int at = fprintf(to, "  %s%s%s", name, *value ? " " : "", value);
  if (at + 2 > indent) fputc('\n', to), at = 0;
  fprintf(to, "%*s", indent - at, "");
  cli_wrap(to, doc, indent, indent);
}

static void note_first(const char *name, const void *definition, void *data) {
  const char **first = data;
  (void)definition;
  if (!*first) *first = name;
}

/* Prints the examples of a verb with the names of a task and a model in place of @T and @M. */
static void examples(FILE *to, const pal_context *context, const char *text) {
  const char *task = NULL, *model = NULL;
  pal_each(context, "task", note_first, &task);
  pal_each(context, "model", note_first, &model);
  fputs("\nexample\n  ", to);
  for (; *text; text++) {
    if (text[0] == '@') fputs(*++text == 'T' ? task : model, to);
    else fputs((char[]){*text, 0}, to);
    if (text[0] == '\n' && text[1]) fputs("  ", to);
  }
}

void cli_help(FILE *to, const pal_context *context, const char *verb) {
  const cli_verb *one = verb ? cli_verb_find(verb, NULL) : NULL;
  const char *name, *value, *doc;
  fprintf(to, "usage: palimpsest %s %s [OPTION]...\n\n", one ? one->name : "VERB",
          one ? one->arguments : "[ARGUMENT]");
  for (int v = 0; v < VERBS && !one; v++)
    entry(to, verbs[v].name, verbs[v].arguments, verbs[v].doc, VERB_INDENT);
  if (one) cli_wrap(to, one->doc, 0, 0);
  fputs("\noptions\n", to);
  for (int i = 0; cli_option_at(i, &name, &value, &doc); i++) {
    const char *verbs_of = one ? NULL : cli_option_verbs(i);
    char text[320];
    snprintf(text, sizeof text, "%s%s%s", verbs_of ? verbs_of : "", verbs_of ? ": " : "", doc);
    if (cli_option_fits(i, verb)) entry(to, name, value, text, OPTION_INDENT);
  }
  examples(to, context, one ? one->example : TRAIN "palimpsest sample runs/example\n");
  if (one) return;
  fputs("\nexit codes\n", to);
  entry(to, "0", "", "done", 17);
  entry(to, "1", "", "a failure of input, output or memory", 17);
  entry(to, "2", "", "wrong usage, config or data; also when lines of a file were refused", 17);
  entry(to, "3", "", "a loss that is infinite or not a number", 17);
  entry(to, "4", "", "a failed check of an op or a simulation", 17);
  entry(to, "129, 130, 143", "",
        "stopped by SIGHUP, SIGINT or SIGTERM; training has written a checkpoint", 17);
}
