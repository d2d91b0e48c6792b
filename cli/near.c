/* SPDX-License-Identifier: Apache-2.0 */
/* See near.h (floor 8). */
#include "cli/near.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 40, NONE = 1000 };

/* Names that other programs use, and the names here. One that is not known here is never given. */
static const struct alias {
  const char *theirs, *ours;
} alias[] = {
    {"lr", "rate"},
    {"learning_rate", "rate"},
    {"max_lr", "rate"},
    {"bs", "batch"},
    {"batch_size", "batch"},
    {"wd", "weight_decay"},
    {"grad_clip", "clip"},
    {"max_grad_norm", "clip"},
    {"max_steps", "steps"},
    {"max_iters", "steps"},
    {"iterations", "steps"},
    {"warmup_steps", "warmup"},
    {"warmup_iters", "warmup"},
    {"n_layer", "layers"},
    {"n_layers", "layers"},
    {"depth", "layers"},
    {"n_head", "heads"},
    {"n_heads", "heads"},
    {"dim", "width"},
    {"d_model", "width"},
    {"n_embd", "width"},
    {"hidden_size", "width"},
    {"block_size", "block"},
    {"seq_len", "block"},
    {"temp", "temperature"},
    {"output", "out"},
    {"out_dir", "out"},
    {"dataset", "data"},
    {"input", "data"},
    {"file", "data"},
    {"evaluate", "eval"},
    {"test", "eval"},
    {"generate", "sample"},
    {"fit", "train"},
    {"benchmark", "bench"},
    {"list", "info"},
    {"show", "info"},
};

static char plain(char c) { return (char)(c == '-' ? '_' : tolower((unsigned char)c)); }

static bool equal(const char *a, const char *b) {
  while (*a && plain(*a) == plain(*b)) a++, b++;
  return !*a && !*b;
}

static int least(int a, int b) { return a < b ? a : b; }

/* The number of insertions, deletions, replacements and exchanges of neighbours that turn one name
 * into the other (optimal string alignment). */
static int edits(const char *a, const char *b) {
  const size_t n = strlen(a), m = strlen(b);
  int d[LONGEST + 1][LONGEST + 1];
  if (n > LONGEST || m > LONGEST) return NONE;
  for (size_t i = 0; i <= n; i++) d[i][0] = (int)i;
  for (size_t k = 0; k <= m; k++) d[0][k] = (int)k;
  for (size_t i = 1; i <= n; i++)
    for (size_t k = 1; k <= m; k++) {
      const int same = plain(a[i - 1]) == plain(b[k - 1]);
      d[i][k] = least(d[i - 1][k - 1] + !same, least(d[i - 1][k], d[i][k - 1]) + 1);
      if (i > 1 && k > 1 && plain(a[i - 1]) == plain(b[k - 2]) &&
          plain(a[i - 2]) == plain(b[k - 1]))
        d[i][k] = least(d[i][k], d[i - 2][k - 2] + 1);
    }
  return d[n][m];
}

/* How unlike the names are: 0 for another program's name of the same thing, 1 when one is the
 * beginning of the other, otherwise the number of edits, or NONE when these are too many. */
static int distance_of(const char *word, const char *name) {
  const size_t n = strlen(word), m = strlen(name);
  for (size_t i = 0; i < sizeof alias / sizeof *alias; i++)
    if (equal(word, alias[i].theirs) && equal(name, alias[i].ours)) return 0;
  const int d = edits(word, name), most = n < 5 ? 1 : n < 9 ? 2 : 3;
  if (n > 2 && m > n && strncmp(word, name, n) == 0) return 1;
  return d <= most && d < (int)n ? d : NONE;
}

void cli_near_start(cli_near *near, const char *word) {
  while (*word == '-') word++;
  *near = (cli_near){.word = word, .distance = NONE};
}

void cli_near_try(cli_near *near, const char *before, const char *name) {
  const int d = distance_of(near->word, name);
  if (d >= near->distance) return;
  near->distance = d;
  snprintf(near->hint, sizeof near->hint, "; did you mean %s%s?", before, name);
}

void cli_near_settings(cli_near *near, const char *before, const pal_setting *table, int n) {
  for (int i = 0; i < n; i++) cli_near_try(near, before, table[i].name);
}

static void try_defined(const char *name, const void *definition, void *data) {
  (void)definition;
  cli_near_try(data, "", name);
}

pal_status cli_known(const pal_context *context, const char *kind, const char *name,
                     pal_error *error) {
  cli_near near;
  if (pal_lookup(context, kind, name)) return PAL_OK;
  cli_near_start(&near, name);
  pal_each(context, kind, try_defined, &near);
  return pal_fail(error, PAL_E_NOT_FOUND, "no %s is named \"%s\"%s%s palimpsest info %s lists them",
                  kind, name, near.hint, *near.hint ? "" : ";", kind);
}
