/* SPDX-License-Identifier: Apache-2.0 */
/* The command line (floor 8). */
#include "cli/options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/help.h"
#include "cli/near.h"
#include "cli/text.h"

/* Kinds of values. Those of MANY_... may be given several times. */
typedef enum kind {
  TEXT,
  WORDS, /* a text that may be empty or "-" */
  PATH,
  WHOLE,
  SECONDS,
  RATE,
  FLAG,
  SETTING, /* sets the model's setting of that name, "_" for "-"; --tokens-per-step: k */
  TRAINER, /* sets the trainer's setting of that name */
  MANY_SETS,
  MANY_PLUGINS,
  MANY_FILES
} kind;

typedef struct option {
  const char *name;
  kind kind;
  size_t offset;     /* of its member in cli_options; unused for MANY_... */
  const char *verbs; /* the verbs that have it, with blanks between; "": all of them */
  const char *doc;
} option;

#define AT(member) offsetof(cli_options, member)
static const option options[] = {
    {"--set", MANY_SETS, 0, "train eval sample compare bench instances plan pram compile simulate",
     "KEY=VALUE  a setting of the task, model or trainer; the last one holds. Also --KEY VALUE"},
    {"--config", PATH, AT(config), "train plan",
     "FILE       settings, one key = value a line, # for comments"},
    {"--data", MANY_FILES, 0, "train eval sample instances compare plan pram",
     "FILE       the task's data; with eval and sample: one instance a line; eval takes several"},
    {"--model", TEXT, AT(model), "train compile", "NAME       the model"},
    {"--model", TEXT, AT(model), "plan", "NAME       the model; by default the first one"},
    {"--models", TEXT, AT(models), "compare", "A,B,...    the models to compare"},
    {"--recipe", PATH, AT(recipe), "compare",
     "FILE       a recipe file, which says how to train each; see palimpsest info recipe"},
    {"--budget", TEXT, AT(budget), "compare",
     "KIND       matched (sequences, steps, parameters), free, or both"},
    {"--seeds", WHOLE, AT(seeds), "compare", "N          training seeds 1 to N"},
    {"--n", WHOLE, AT(n), "train eval compare",
     "N          evaluates N instances of each set; by default all"},
    {"--n", WHOLE, AT(n), "report", "N          evaluates N instances of each set; by default 100"},
    {"--n", WHOLE, AT(n), "plot", "N          instances to decode for --decode; by default 8"},
    {"--n", WHOLE, AT(n), "instances", "N          instances of each set; by default all"},
    {"--n", WHOLE, AT(n), "sample", "N          samples of a prompt, or instances of each set"},
    {"--n", WHOLE, AT(n), "pram", "N          memories to run on"},
    {"--n", WHOLE, AT(n), "simulate", "N          instances to compare on; by default 20"},
    {"--n", WHOLE, AT(n), "check-op", "N          random cases of each op"},
    {"--n", WHOLE, AT(n), "bench", "N          repetitions"},
    {"--out", PATH, AT(out), "train compile simulate",
     "DIR        the run directory, which is made"},
    {"--out", PATH, AT(out), "compare", "DIR        keeps a run directory below it for each row"},
    {"--out", PATH, AT(out), "bench", "DIR        writes weights and gradients"},
    {"--out", PATH, AT(out), "new", "DIR        where to write; by default NAME"},
    {"--resume", FLAG, AT(resume), "train compare",
     "           continue from the last checkpoint: train --resume RUN, or compare with its --out"},
    {"--init", PATH, AT(init), "train",
     "RUN|FILE   start from the weights of a run, or of a safetensors file"},
    {"--init-partly", FLAG, AT(init_partly), "train",
     "           with --init: take the tensors that fit, and list the others"},
    {"--keep-every", SECONDS, AT(keep_every), "train compare",
     "SECONDS    between checkpoints, by default 600; another is written at the end"},
    {"--eval-every", WHOLE, AT(eval_every), "train",
     "N          steps between validations on development data; the best weights are kept"},
    {"--checkpoint", TEXT, AT(checkpoint), "eval sample",
     "best|last  which weights of the run, by default the last; best: see train --eval-every"},
    {"--steps", WHOLE, AT(steps), "eval",
     "N          evaluate N single steps from labelled states, or a causal model's next tokens"},
    {"--answers", PATH, AT(answers), "eval",
     "FILE       writes each instance with its answer and figures as a line of JSON"},
    {"--train", FLAG, AT(train), "instances",
     "           print the instances that training examples are made of, not the test sets"},
    {"--decode", FLAG, AT(decode), "plot",
     "           decode instances with the run, and plot edits and length by pass, not losses"},
    {"--decode", FLAG, AT(decode), "plan",
     "           print the plan of a decoding step, not those of a training step"},
    {"--prompt", WORDS, AT(prompt), "sample",
     "TEXT       continues this text, or decodes this instance; @FILE or - (stdin) reads it"},
    {"--infill", WORDS, AT(infill), "sample",
     "TEXT       fills the marks in this text; @FILE or - (stdin) reads it"},
    {"--mark", TEXT, AT(mark), "sample",
     "TEXT       what stands for one blank in --infill; by default _"},
    {"--length", TEXT, AT(length), "sample",
     "N|open     tokens to add to the prompt; open: until the model ends the text"},
    {"--max-steps", WHOLE, AT(max_steps), "sample",
     "N          cap on the forward passes of a sample"},
    {"--seed", TEXT, AT(seed), "sample", "N          of the random draws, from 0; by default 1"},
    {"--sampler", TEXT, AT(sampler), "sample",
     "NAME       how to decode; palimpsest info model NAME lists the samplers of a model"},
    {"--steps", TRAINER, 0, "train compare", "N          optimizer steps: the setting train.steps"},
    {"--steps", SETTING, 0, "sample", "N          forward passes that the sampler is to take"},
    {"--tokens-per-step", SETTING, 0, "sample", "N          tokens to write in one forward pass"},
    {"--temperature", SETTING, 0, "sample",
     "X          sampling temperature; 0: the most likely token. Continued text: by default 0.8"},
    {"--top-k", SETTING, 0, "sample", "N          samples among the N most likely tokens"},
    {"--top-p", SETTING, 0, "sample",
     "X          samples among the fewest most likely tokens of at least this probability"},
    {"--stop", TEXT, AT(stop), "sample",
     "TEXT       ends a sample at the first TEXT behind its prompt, which is left out"},
    {"--watch", FLAG, AT(watch), "sample pram", "           show one instance pass by pass"},
    {"--trace", PATH, AT(trace), "sample",
     "FILE       writes every pass as JSON lines, which palimpsest trace plays"},
    {"--instance", WHOLE, AT(instance), "trace", "N          this instance only, from 1"},
    {"--speed", RATE, AT(speed), "trace",
     "X          passes per second on a terminal; by default 4, or all within 15 seconds"},
    {"--svg", PATH, AT(svg), "sample trace", "FILE       draws the states of one instance"},
    {"--svg", PATH, AT(svg), "eval", "FILE       draws the share of exact instances over passes"},
    {"--svg", PATH, AT(svg), "plot", "FILE       writes the plot as SVG, not in the terminal"},
    {"--html", PATH, AT(html), "sample trace",
     "FILE       the passes as a web page to play and step through, of any task"},
    {"--html", PATH, AT(html), "report", "FILE       the page; by default RUN/report.html"},
    {"--json", PATH, AT(json), "train eval compare bench", "FILE       writes the table as JSON"},
    {"--plugin", MANY_PLUGINS, 0, "", "FILE       a shared object with ops, models or tasks"},
    {"--threads", WHOLE, AT(threads), "", "N          threads; results do not depend on it"},
    {"--isa", TEXT, AT(isa), "",
     "NAME       the widest instruction set to use: generic, avx2, avx512, neon"},
    {"--quiet", FLAG, AT(quiet), "", "           print no progress on stderr"},
    {"--help", FLAG, AT(help), "", "           this text, or what the verb does; also -h"},
    {"--version", FLAG, AT(version), "", "           version, instruction set, OpenMP"},
};
enum { OPTIONS = sizeof options / sizeof *options };

bool cli_option_at(int i, const char **name, const char **value, const char **doc) {
  static char first[24]; /* the value's name, which stands at the beginning of the description */
  if (i < 0 || i >= OPTIONS) return false;
  const size_t length = strcspn(options[i].doc, " ");
  snprintf(first, sizeof first, "%.*s", (int)length, options[i].doc);
  *name = options[i].name;
  *value = first;
  *doc = options[i].doc + length + strspn(options[i].doc + length, " ");
  return true;
}

const char *cli_option_verbs(int i) {
  int same = 0;
  for (int k = 0; k < OPTIONS; k++) same += strcmp(options[k].name, options[i].name) == 0;
  return same > 1 ? options[i].verbs : NULL;
}

bool cli_option_fits(int i, const char *verb) {
  const size_t n = verb ? strlen(verb) : 0;
  if (!verb || !*options[i].verbs) return true;
  for (const char *at = options[i].verbs; (at = strstr(at, verb)); at += n)
    if ((at == options[i].verbs || at[-1] == ' ') && (at[n] == ' ' || !at[n])) return true;
  return false;
}

/* Adds the setting of the model or trainer that an option like --top-k stands for. */
static pal_status set_switch(cli_options *out, const option *o, const char *value,
                             pal_error *error) {
  const char *name = o->name, *owner = o->kind == TRAINER ? "train" : "model";
  if (out->n_set == CLI_MAX_SET)
    return pal_fail(error, PAL_E_ARGUMENT, "%s is given too often", name);
  const size_t room = sizeof "model.=" + strlen(name) + strlen(value);
  char *own = malloc(room);
  if (!own) return pal_fail(error, PAL_E_MEMORY, "no memory for the command line");
  const bool rate = strcmp(name, "--tokens-per-step") == 0;
  snprintf(own, room, "%s.%s=%s", owner, rate ? "k" : name + 2, value);
  for (char *at = own; *at != '='; at++)
    if (*at == '-') *at = '_';
  out->option[out->n_set] = name;
  out->set[out->n_set++] = out->owned[out->n_owned++] = own;
  return PAL_OK;
}

/* Stores the value of option o, or appends it where the option may be repeated. */
static pal_status set_option(cli_options *out, const option *o, const char *value,
                             pal_error *error) {
  char *field = (char *)out + o->offset, *end;
  int most = 0;
  switch (o->kind) {
    case FLAG:
      if (o->offset == AT(resume)) out->resume = 1;
      else *(bool *)(void *)field = true;
      return PAL_OK;
    case TEXT:
    case WORDS:
    case PATH: *(const char **)(void *)field = value; return PAL_OK;
    case WHOLE: {
      long n = strtol(value, &end, 10);
      if (end == value || *end || n < 1 || n > 1000000)
        return pal_fail(error, PAL_E_ARGUMENT, "%s takes a whole number from 1 on, not \"%s\"",
                        o->name, value);
      *(int *)(void *)field = (int)n;
      return PAL_OK;
    }
    case SECONDS:
    case RATE: {
      double seconds = strtod(value, &end);
      if (end == value || *end || !(seconds > 0 && seconds < 1e9))
        return pal_fail(error, PAL_E_ARGUMENT, "%s takes a number%s above 0, not \"%s\"", o->name,
                        o->kind == SECONDS ? " of seconds" : "", value);
      *(double *)(void *)field = seconds;
      return PAL_OK;
    }
    case SETTING:
    case TRAINER: return set_switch(out, o, value, error);
    case MANY_SETS:
      if (out->n_set == (most = CLI_MAX_SET)) break;
      out->set[out->n_set++] = value;
      return PAL_OK;
    case MANY_FILES:
      if (out->n_files == (most = CLI_MAX_FILES)) break;
      out->file[out->n_files++] = value;
      out->data = out->file[0];
      return PAL_OK;
    case MANY_PLUGINS:
      if (out->n_plugins == (most = CLI_MAX_PLUGINS)) break;
      out->plugin[out->n_plugins++] = value;
      return PAL_OK;
  }
  return pal_fail(error, PAL_E_ARGUMENT, "%s %s is given too often: at most %d times", o->name,
                  value, most);
}

/* The option of that name which the verb has, else one of other verbs, which check() refuses. NULL
 * for a name that this verb takes for a setting, as other verbs do seed and trace. */
static const option *find(const char *name, size_t length, const char *verb) {
  const option *found = NULL;
  for (int i = 0; i < OPTIONS; i++) {
    const option *o = &options[i];
    if (strlen(o->name) != length || strncmp(o->name, name, length) != 0) continue;
    if (cli_option_fits(i, verb)) return o;
    if (o->kind != SETTING && o->offset != AT(seed) && o->offset != AT(trace)) found = o;
  }
  return found;
}

/* Takes a word that is no option: the verb, then its arguments. */
static pal_status word(cli_options *out, const char *text, pal_error *error) {
  const cli_verb *verb = out->verb ? cli_verb_find(out->verb, NULL) : NULL;
  if (out->verb && !verb) return PAL_OK;   /* an unknown verb; check() refuses it */
  if (verb && verb->most == CLI_MAX_FILES) /* its arguments are runs, any number of them */
    return set_option(out, find("--data", strlen("--data"), "eval"), text, error);
  const int have = (out->argument != NULL) + (out->second != NULL);
  if (verb && have == verb->most)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "%s takes %s and no \"%s\"; files are named by --data FILE", verb->name,
                    verb->arguments, text);
  *(verb ? have ? &out->second : &out->argument : &out->verb) = text;
  return PAL_OK;
}

/* Whether the verb has an option of that name with the same meaning for the program: it may stand
 * before the verb, when it is not yet known which one of that name is meant. */
static bool fits_under_its_name(const option *o, const char *verb) {
  for (int i = 0; i < OPTIONS; i++)
    if (strcmp(options[i].name, o->name) == 0 && options[i].kind == o->kind &&
        options[i].offset == o->offset && cli_option_fits(i, verb))
      return true;
  return false;
}

/* Refuses an unknown verb, options that the verb does not have, and options with one value that are
 * given several times. given[i] counts how often option i occurs. */
static pal_status check(const cli_options *out, const int *given, pal_error *error) {
  if (out->verb && !cli_verb_find(out->verb, error)) return error->code;
  for (int i = 0; i < OPTIONS; i++) {
    const option *o = &options[i];
    if (given[i] && out->verb && !fits_under_its_name(o, out->verb))
      return pal_fail(error, PAL_E_ARGUMENT, "%s has no option %s; see palimpsest %s --help",
                      out->verb, o->name, out->verb);
    if (given[i] > 1 &&
        (o->kind == TEXT || o->kind == WORDS || o->kind == SETTING || o->kind == TRAINER ||
         o->kind == PATH || o->kind == WHOLE || o->kind == SECONDS || o->kind == RATE))
      return pal_fail(error, PAL_E_ARGUMENT, "%s is given %d times; it has one value", o->name,
                      given[i]);
  }
  if (out->n_files > 1 && out->verb && strcmp(out->verb, "eval") != 0 &&
      cli_verb_find(out->verb, NULL)->most < CLI_MAX_FILES)
    return pal_fail(error, PAL_E_ARGUMENT, "--data is given too often: %s takes one FILE",
                    out->verb);
  if (out->resume && !out->out && out->verb && strcmp(out->verb, "compare") == 0)
    return pal_fail(error, PAL_E_ARGUMENT, "--resume needs the --out DIR of the comparison");
  if (out->init && out->resume)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "--init begins a new run and --resume continues one: give one of them");
  if (out->init_partly && !out->init)
    return pal_fail(error, PAL_E_ARGUMENT, "--init-partly needs --init RUN or --init FILE");
  if ((out->prompt || out->infill) && (out->data || (out->prompt && out->infill)))
    return pal_fail(error, PAL_E_ARGUMENT, "%s cannot be combined with %s",
                    out->prompt ? "--prompt" : "--infill", out->data ? "--data" : "--infill");
  if (out->steps && (out->n || out->svg || out->answers))
    return pal_fail(error, PAL_E_ARGUMENT, "--steps cannot be combined with %s",
                    out->n     ? "--n"
                    : out->svg ? "--svg"
                               : "--answers");
  return PAL_OK;
}

/* Whether the option may have the value "-", for standard input or output; see standard.h. */
static bool takes_dash(const option *o) {
  static const size_t file[] = {AT(config), AT(recipe),  AT(json), AT(svg),
                                AT(html),   AT(answers), AT(trace)};
  bool takes = o->kind == MANY_FILES || o->kind == WORDS;
  for (size_t i = 0; i < sizeof file / sizeof *file; i++)
    takes |= o->kind == PATH && o->offset == file[i];
  return takes;
}

static pal_status refuse_dash(const char *what, pal_error *error) {
  return pal_fail(error, PAL_E_ARGUMENT, "%s: \"-\" is no file name here; name one", what);
}

void cli_options_near(cli_near *near) {
  for (int i = 0; i < OPTIONS; i++) cli_near_try(near, "--", options[i].name + 2);
}

static pal_status no_option(const char *text, const char *verb, bool settings, pal_error *error) {
  cli_near near;
  int n;
  cli_near_start(&near, text);
  for (int i = 0; i < OPTIONS; i++)
    if (cli_option_fits(i, verb)) cli_near_try(&near, "--", options[i].name + 2);
  const pal_setting *table = pal_train_setting_table(&n);
  if (settings) cli_near_settings(&near, "--", table, n);
  table = pal_network_setting_table(&n);
  if (settings) cli_near_settings(&near, "--", table, n);
  return pal_fail(error, PAL_E_ARGUMENT,
                  "there is no option %s%s%s palimpsest %s%s--help shows all", text, near.hint,
                  *near.hint ? "" : ";", verb ? verb : "", verb ? " " : "");
}

/* Handles a word that is no known option: as a setting, --KEY=VALUE or --KEY VALUE, where the verb
 * takes settings. *i becomes the index of the last word used. */
static pal_status setting(int argc, char **argv, int *i, cli_options *out, pal_error *error) {
  const char *key = argv[*i] + 2, *value = *i + 1 < argc ? argv[*i + 1] : "-";
  const bool joined = strchr(key, '=') != NULL, takes = out->verb && cli_option_fits(0, out->verb);
  if (!takes || strncmp(argv[*i], "--", 2) != 0 || !*key || (!joined && *value == '-'))
    return no_option(argv[*i], out->verb, takes, error);
  if (joined) return set_option(out, &options[0], key, error);
  const size_t room = strlen(key) + strlen(value) + 2;
  char *own = malloc(room);
  if (!own) return pal_fail(error, PAL_E_MEMORY, "no memory for the command line");
  snprintf(own, room, "%s=%s", key, value);
  ++*i;
  const pal_status status = set_option(out, &options[0], own, error);
  if (status) free(own);
  else out->owned[out->n_owned++] = own;
  return status;
}

pal_status cli_options_prepend(cli_options *o, const char *setting, pal_error *error) {
  if (o->n_set == CLI_MAX_SET)
    return pal_fail(error, PAL_E_ARGUMENT, "--set is given too often: at most %d times",
                    CLI_MAX_SET - 1);
  memmove(o->set + 1, o->set, sizeof *o->set * (size_t)o->n_set);
  memmove(o->option + 1, o->option, sizeof *o->option * (size_t)o->n_set++);
  o->set[0] = setting;
  o->option[0] = NULL;
  return PAL_OK;
}

void cli_options_free(cli_options *out) {
  while (out->n_owned) free(out->owned[--out->n_owned]);
}

/* Parses word *i of the command line and, where it is an option with a separate value, the next
 * one. *i becomes the index of the last word used. */
static pal_status parse_one(int argc, char **argv, int *i, cli_options *out, int *given,
                            pal_error *error) {
  const char *text = argv[*i], *equals = strchr(text, '=');
  const bool reads =
      out->verb && (strcmp(out->verb, "pram") == 0 || strcmp(out->verb, "trace") == 0);
  if (strcmp(text, "-") == 0 && !reads)
    return refuse_dash(out->verb ? out->verb : "palimpsest", error);
  if (!*text)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "word %d of the command line is empty: a variable that is not set?", *i);
  if (text[0] != '-' || !text[1]) return word(out, text, error);
  if (strcmp(text, "-h") == 0) text = "--help";
  const option *o = find(text, equals ? (size_t)(equals - text) : strlen(text), out->verb);
  if (!o) return setting(argc, argv, i, out, error);
  given[o - options]++;
  if (o->kind == FLAG ? equals != NULL : !equals && *i + 1 == argc)
    return pal_fail(error, PAL_E_ARGUMENT, "%s takes %s", o->name,
                    o->kind == FLAG ? "no value" : "a value");
  const char *value = o->kind == FLAG ? "" : equals ? equals + 1 : argv[++*i];
  if (strcmp(value, "-") == 0 && !takes_dash(o)) return refuse_dash(o->name, error);
  if (!*value && (o->kind == PATH || o->kind == MANY_FILES || o->kind == MANY_PLUGINS))
    return pal_fail(error, PAL_E_ARGUMENT, "%s takes a path, and was given an empty one", o->name);
  return set_option(out, o, value, error);
}

/* `train --resume RUN`: without a model or a config, the argument is not a task but the directory
 * of the run, whose config has the task, the model and the settings. */
static pal_status name_resumed_run(cli_options *out, pal_error *error) {
  if (strcmp(out->verb ? out->verb : "", "train") != 0) return PAL_OK;
  if (!out->resume || !out->argument || out->model || out->config) return PAL_OK;
  if (out->out)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "--resume needs the run's directory alone, or a task with --model and --out");
  char *config = cli_print(error, "%s/config", out->argument);
  if (!config) return error->code;
  out->owned[out->n_owned++] = config;
  if (access(config, R_OK) != 0)
    return pal_fail(
        error, PAL_E_NOT_FOUND,
        "there is no run in %s (no %s): --resume needs a run's directory, or a task with "
        "--model",
        out->argument, config);
  out->out = out->argument;
  out->config = config;
  out->argument = NULL;
  return PAL_OK;
}

pal_status cli_parse(int argc, char **argv, cli_options *out, pal_error *error) {
  int given[OPTIONS] = {0};
  pal_status status = PAL_OK;
  *out = (cli_options){0};
  for (int i = 1; i < argc && !status; i++) status = parse_one(argc, argv, &i, out, given, error);
  if (!status && out->verb && strcmp(out->verb, "help") == 0) {
    out->help = true;
    out->verb = out->argument;
  }
  if (!status) status = check(out, given, error);
  return status ? status : name_resumed_run(out, error);
}
