/* SPDX-License-Identifier: Apache-2.0 */
/* Likelihoods as text and JSON, each marked as exact, an upper bound or an estimate (floor 8). */
#include "cli/figures.h"

#include <math.h>
#include <string.h>

#include "cli/json.h"
#include "cli/row.h"
#include "cli/text.h"

const char *cli_few(int n) { return n < CLI_FEW ? "*" : " "; }

void cli_few_legend(FILE *to, const cli_row *row, int n) {
  bool few = false;
  for (int k = 0; k < n; k++)
    for (int i = 0; i < row[k].n_sets; i++) {
      const cli_set *s = &row[k].set[i];
      few |= !s->likelihood && s->n < CLI_FEW;
      for (int t = 0; t < s->n_traits; t++) few |= s->trait[t].n < CLI_FEW;
    }
  if (few) fprintf(to, "* of fewer than %d instances\n", CLI_FEW);
}

void cli_wilson(int k, int n, double *low, double *high) {
  static const double z = 1.959963984540054; /* 97.5 % quantile of the normal distribution */
  *low = 0, *high = 1;
  if (n <= 0) return;
  double p = (double)k / n, zz = z * z / n;
  double centre = (p + zz / 2) / (1 + zz);
  double half = z / (1 + zz) * sqrt(p * (1 - p) / n + zz / (4.0 * n));
  *low = k == 0 ? 0 : centre - half;
  *high = k == n ? 1 : centre + half;
}

bool cli_has_likelihood(const cli_set *s) {
  return s->likelihood && s->loss.kind != PAL_LIKELIHOOD_NONE;
}

const char *cli_likelihood_name(pal_likelihood_kind kind) {
  static const char *const name[] = {"none", "bound", "exact"};
  return name[kind];
}

void cli_likelihood_basis(const cli_set *s, char *text, size_t size) {
  const char *what = s->loss.kind == PAL_LIKELIHOOD_BOUND ? "upper bound"
                     : s->loss.draws                      ? "estimate"
                                                          : "exact";
  if (s->loss.draws) snprintf(text, size, "%s, %d draws", what, s->loss.draws);
  else snprintf(text, size, "%s", what);
}

void cli_likelihood_value(const cli_set *s, double unit, char *text, size_t size) {
  const char *sign = s->loss.kind == PAL_LIKELIHOOD_BOUND ? "<= " : "";
  if (s->loss.draws)
    snprintf(text, size, "%s%.4f +- %.4f", sign, s->loss.nats * unit,
             s->loss.standard_error * unit);
  else snprintf(text, size, "%s%.4f", sign, s->loss.nats * unit);
}

/* e to the power of the likelihood, with "<=" before an upper bound. */
static void perplexity(const cli_set *s, char *text, size_t size) {
  snprintf(text, size, "%s%.4g", s->loss.kind == PAL_LIKELIHOOD_BOUND ? "<= " : "",
           exp(s->loss.nats));
}

void cli_likelihood_line(FILE *to, const cli_row *row, const cli_set *s) {
  char nats[CLI_FIGURE], bits[CLI_FIGURE], power[CLI_FIGURE], how[48];
  fprintf(to, "    ");
  cli_show_padded(to, s->name, 16);
  if (!cli_has_likelihood(s)) {
    fprintf(to, " no likelihood is defined for %s\n", row->definition);
    return;
  }
  cli_likelihood_value(s, 1, nats, sizeof nats);
  cli_likelihood_value(s, 1 / M_LN2, bits, sizeof bits);
  perplexity(s, power, sizeof power);
  cli_likelihood_basis(s, how, sizeof how);
  fprintf(to, " %s nats,\v %s bits per token,\v perplexity %s\v over %lld tokens\v (%s)\n", nats,
          bits, power, (long long)s->loss.tokens, how);
}

json_t *cli_likelihood_json(const cli_set *s) {
  json_t *set = json_pack("{s:o, s:i, s:s}", "set", cli_json_text(s->name), "n", s->n, "likelihood",
                          cli_likelihood_name(s->loss.kind));
  json_t *figures =
      cli_has_likelihood(s)
          ? json_pack("{s:f, s:f, s:o, s:f, s:f, s:i, s:I}", "nats", s->loss.nats, "bits",
                      s->loss.nats / M_LN2, "perplexity", cli_json_number(exp(s->loss.nats)),
                      "standard_error", s->loss.standard_error, "bits_standard_error",
                      s->loss.standard_error / M_LN2, "draws", s->loss.draws, "tokens",
                      (json_int_t)s->loss.tokens)
          : json_pack("{s:n, s:n, s:n}", "nats", "bits", "perplexity");
  if (!figures || json_object_update(set, figures)) {
    json_decref(set);
    set = NULL;
  }
  json_decref(figures);
  return set;
}

/* ---- the table of a task of likelihoods -------------------------------------------------- */

/* Lines with the mean, minimum and maximum of n rows that differ only in their seeds. */
static void summary_of_seeds(FILE *to, const cli_row *row, int n, int set, int width) {
  double sum = 0, least = INFINITY, most = -INFINITY;
  const char *sign = row->set[set].loss.kind == PAL_LIKELIHOOD_BOUND ? "<= " : "";
  for (int k = 0; k < n; k++) {
    const double nats = row[k].set[set].loss.nats;
    sum += nats;
    if (nats < least) least = nats;
    if (nats > most) most = nats;
  }
  const double shown[3] = {sum / n, least, most};
  static const char *const what[] = {"mean", "min", "max"};
  for (int k = 0; k < 3; k++) {
    char cell[3][CLI_FIGURE];
    const int used = fprintf(to, "  %s of %d seeds", what[k], n);
    snprintf(cell[0], sizeof cell[0], "%s%.4f", sign, shown[k]);
    snprintf(cell[1], sizeof cell[1], "%s%.4f", sign, shown[k] / M_LN2);
    snprintf(cell[2], sizeof cell[2], "%s%.4g", sign, exp(shown[k]));
    fprintf(to, "%*s %10s %7s  %-20s %-20s %-14s\n", width > used ? width - used : 0, "", "", "",
            cell[0], cell[1], cell[2]);
  }
}

static void summary_row(FILE *to, const cli_row *row, const cli_set *s, bool seeds, int width) {
  char nats[CLI_FIGURE] = "none", bits[CLI_FIGURE] = "none", power[CLI_FIGURE] = "none";
  char tokens[24] = "", how[48] = "no likelihood is defined for ";
  const bool has = cli_has_likelihood(s);
  int used = fprintf(to, "%s", row->model);
  if (seeds) used += fprintf(to, ", seed %llu", (unsigned long long)row->seed);
  if (has) {
    cli_likelihood_value(s, 1, nats, sizeof nats);
    cli_likelihood_value(s, 1 / M_LN2, bits, sizeof bits);
    perplexity(s, power, sizeof power);
    cli_likelihood_basis(s, how, sizeof how);
    snprintf(tokens, sizeof tokens, "%lld", (long long)s->loss.tokens);
  }
  fprintf(to, "%*s %10lld %7lld  %-20s %-20s %-14s %9s  %s%s\n", width > used ? width - used : 0,
          "", (long long)row->parameters, (long long)row->steps, nats, bits, power, tokens, how,
          has ? "" : row->definition);
}

int cli_likelihood_summary(FILE *to, const cli_row *row, int n) {
  bool seeds = false;
  for (int k = 1; k < n; k++) seeds |= strcmp(row[k].model, row[k - 1].model) == 0;
  int width = 12;
  for (int k = 0; k < n; k++) {
    const int wide = (int)strlen(row[k].model) + (seeds ? 8 : 0);
    if (wide > width) width = wide;
  }
  for (int i = 0; n && i < row[0].n_sets; i++) {
    fprintf(to, "%s%-*s\v %10s\v %7s\v  %-20s\v %-20s\v %-14s\v %9s\v\n", i ? "\n" : "", width,
            row[0].set[i].name, "parameters", "steps", "nats per token", "bits per token",
            "perplexity", "tokens");
    for (int k = 0, first = 0; k < n; k++) {
      summary_row(to, &row[k], &row[k].set[i], seeds, width);
      if (k + 1 < n && strcmp(row[k + 1].model, row[k].model) == 0) continue;
      if (k > first && cli_has_likelihood(&row[k].set[i]))
        summary_of_seeds(to, &row[first], k + 1 - first, i, width);
      first = k + 1;
    }
  }
  return width;
}

void cli_likelihood_legend(FILE *to) {
  fprintf(to, "<=: an upper bound; the value itself is not computed and may be lower\n"
              "+-: standard error of the mean over the draws named\n");
}
