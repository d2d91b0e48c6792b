/* SPDX-License-Identifier: Apache-2.0 */
/* See metrics.h (floor 8). */
#include "cli/metrics.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/figures.h"
#include "cli/page.h"
#include "cli/standard.h"
#include "cli/text.h"

enum { CSV, LINES };
/* Places of columns in `fixed`, and their number. */
enum { LIKELIHOOD = 5, BITS, PERPLEXITY, FIXED = 10 };

static const char fixed[] = "step,tokens,seconds,split,loss,likelihood,bits_per_token,perplexity,"
                            "rate,gradient_norm";
/* The parts of a loss had columns by number once. */
static const char numbered[] = "loss_";

/* The CSV's first line, to be freed. */
static char *head_of(const pal_model_definition *d, pal_error *error) {
  char *head = cli_print(error, "%s", fixed);
  for (int i = 0; i <= d->n_parts && head; i++) {
    char *more = i < d->n_parts ? cli_print(error, "%s,loss_%s", head, d->part[i])
                                : cli_print(error, "%s\n", head);
    free(head);
    head = more;
  }
  return head;
}

/* ---- rows of a run that is resumed ----------------------------------------------------------- */

/* The step of a row of metrics (CSV or JSON); 0 for other lines, such as the CSV's header. */
static long long step_of(const char *line) {
  long long step;
  return sscanf(line, "%lld,", &step) == 1 || sscanf(line, "{\"step\": %lld,", &step) == 1 ? step
                                                                                           : 0;
}

/* Field `at`, from 0, of a CSV line without quotes; its length in *length. NULL past the last. */
static const char *field(const char *line, int at, int *length) {
  for (; at > 0 && line; at--) {
    line = strchr(line, ',');
    if (line) line++;
  }
  *length = line ? (int)strcspn(line, ",\n") : 0;
  return line;
}

/* The column of that name; -1 when there is none. */
static int column(const char *head, const char *name, int length) {
  int n;
  const char *text;
  for (int at = 0; (text = field(head, at, &n)) != NULL; at++)
    if (n == length && strncmp(text, name, (size_t)n) == 0) return at;
  return -1;
}

/* Where the columns of `head` are in an earlier version's `old` head: the column of that name, or a
 * part's by its number. -1: it has none. False when it is no such head. */
static bool match_columns(const char *old, const char *head, const pal_model_definition *d,
                          int *place) {
  int n, all = 0;
  const char *text;
  for (int at = 0; (text = field(head, at, &n)) != NULL; at++, all++) {
    place[at] = column(old, text, n);
    for (int k = 0; k < d->n_parts && place[at] < 0; k++) {
      char name[24];
      snprintf(name, sizeof name, "%s%d", numbered, k + 1);
      if (strncmp(text, numbered, strlen(numbered)) == 0 &&
          strlen(d->part[k]) == (size_t)n - strlen(numbered) &&
          strncmp(d->part[k], text + strlen(numbered), (size_t)n - strlen(numbered)) == 0)
        place[at] = column(old, name, (int)strlen(name));
    }
  }
  for (int at = 0; (text = field(old, at, &n)) != NULL; at++) {
    bool known = n > (int)strlen(numbered) &&
                 strspn(text + strlen(numbered), "0123456789") == (size_t)n - strlen(numbered);
    for (int k = 0; k < all; k++) known |= place[k] == at;
    if (!known) return false;
  }
  return column(old, "step", 4) == 0 && column(old, "loss", 4) > 0;
}

/* What the training loss is. That of definitions with a bound is not said to be one: in training
 * they may draw rows, and weigh them, in another way. */
static pal_likelihood_kind training_kind(const pal_model_definition *d) {
  return d->likelihood == PAL_LIKELIHOOD_EXACT ? PAL_LIKELIHOOD_EXACT : PAL_LIKELIHOOD_NONE;
}

/* Writes a row of earlier columns, which were of training, in the present order. */
static void convert(const char *line, const char *head, const pal_model_definition *d,
                    const int *place, FILE *to) {
  int n, length = 0;
  const char *bits = place[BITS] < 0 ? NULL : field(line, place[BITS], &length);
  for (int at = 0; field(head, at, &n) != NULL; at++) {
    const char *text = place[at] < 0 ? NULL : field(line, place[at], &n);
    if (at) fputc(',', to);
    if (text) fprintf(to, "%.*s", n, text);
    else if (at == LIKELIHOOD) fputs(cli_likelihood_name(training_kind(d)), to);
    else if (at == PERPLEXITY && bits && length) fprintf(to, "%.9g", exp2(strtod(bits, NULL)));
  }
  fputc('\n', to);
}

/* Copies the complete lines whose step is at most `step`. In a CSV, whose first line is `head`,
 * *seconds becomes the time of the last one copied; *strange, whether it has other columns. False
 * when `from` could not be read to its end. */
static bool copy_rows(FILE *from, FILE *to, const char *head, const pal_model_definition *d,
                      long long step, double *seconds, bool *strange) {
  int place[FIXED + PAL_MAX_PARTS];
  char *line = NULL;
  size_t room = 0;
  ssize_t n;
  bool old = false, first = head != NULL;
  while (!*strange && (n = getline(&line, &room, from)) > 0) {
    if (line[n - 1] != '\n') continue;
    if (first) {
      old = strcmp(line, head) != 0;
      *strange = old && !match_columns(line, head, d, place);
      first = false;
      fputs(head, to);
      continue;
    }
    if (step_of(line) > step) continue;
    if (head) sscanf(line, "%*d,%*d,%lf", seconds);
    if (old) convert(line, head, d, place, to);
    else fputs(line, to);
  }
  free(line);
  return *strange || (feof(from) && !ferror(from)); /* getline also stops without memory */
}

/* Removes the rows after `step` from a file of metrics. A run may have been killed long after its
 * last checkpoint, even in the middle of a line; a resumed run writes those rows again. */
static pal_status drop_rows_after(const char *path, const char *head, const pal_model_definition *d,
                                  long long step, double *seconds, pal_error *error) {
  cli_page kept;
  bool strange = false;
  FILE *from = fopen(path, "r");
  if (!from && errno == ENOENT) return PAL_OK;
  if (!from) return pal_fail(error, PAL_E_IO, "%s: %s", path, strerror(errno));
  pal_status status = cli_page_open(&kept, error);
  const bool read = !status && copy_rows(from, kept.to, head, d, step, seconds, &strange);
  fclose(from);
  if (status) return status;
  if (read && !strange) return cli_page_save(&kept, path, error);
  cli_page_drop(&kept);
  return strange ? pal_fail(error, PAL_E_FORMAT,
                            "%s has other columns than this run would write; move it away to "
                            "resume without it",
                            path)
                 : pal_fail(error, PAL_E_IO, "%s cannot be read", path);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Appends n bytes to file `which`, by write() and not through the stream's buffer: rows then appear
 * at once for whoever follows the file, and a full disk is reported for the row it concerns. */
static pal_status put_row(cli_metrics *m, int which, const char *text, size_t n, pal_error *error) {
  if (cli_write_all(fileno(m->file[which]), text, n)) return PAL_OK;
  return pal_fail(error, PAL_E_IO, "%s: a row cannot be written: %s", m->path[which],
                  strerror(errno));
}

/* Appends the text of the page as a row to file `which`, and frees the page. */
static pal_status put_page(cli_metrics *m, int which, cli_page *page, pal_error *error) {
  const bool whole = !fflush(page->to) && !ferror(page->to);
  const pal_status status = whole ? put_row(m, which, page->text, page->bytes, error)
                                  : pal_fail(error, PAL_E_MEMORY, "no memory for a row of metrics");
  cli_page_drop(page);
  return status;
}

pal_status cli_metrics_open(cli_metrics *m, const cli_job *job, bool resume, double *seconds,
                            pal_error *error) {
  const pal_model_definition *d = pal_model_definition_of(job->model);
  const long long done = resume ? (long long)pal_trainer_done(job->trainer) : 0;
  char *head = head_of(d, error);
  pal_status status = head ? PAL_OK : error->code;
  for (int i = 0; i < 2 && !status; i++) {
    if (resume)
      status = drop_rows_after(m->path[i], i == CSV ? head : NULL, d, done, seconds, error);
    if (status) break;
    m->file[i] = fopen(m->path[i], resume ? "a" : "w");
    if (!m->file[i]) status = pal_fail(error, PAL_E_IO, "%s: %s", m->path[i], strerror(errno));
  }
  if (!status && lseek(fileno(m->file[CSV]), 0, SEEK_END) <= 0)
    status = put_row(m, CSV, head, strlen(head), error);
  free(head);
  return status;
}

/* A row. */
typedef struct entry {
  const pal_model_definition *definition;
  const char *split;
  int64_t step, tokens;
  double seconds, loss;
  pal_likelihood_kind kind; /* what `nats` is */
  double nats;              /* per token */
  double rate, norm;        /* these and the parts: of a training step */
  const double *part;       /* NULL: not a training step */
} entry;

static void write_csv(FILE *to, const entry *e) {
  const pal_model_definition *d = e->definition;
  fprintf(to, "%lld,%lld,%.3f,%s,%.9g,%s,", (long long)e->step, (long long)e->tokens, e->seconds,
          e->split, e->loss, cli_likelihood_name(e->kind));
  if (e->kind) fprintf(to, "%.9g,%.9g", e->nats / M_LN2, exp(e->nats));
  else fputc(',', to);
  if (e->part) fprintf(to, ",%.9g,%.9g", e->rate, e->norm);
  else fputs(",,", to);
  for (int i = 0; i < d->n_parts; i++)
    if (e->part) fprintf(to, ",%.9g", e->part[i]);
    else fputc(',', to);
  fputc('\n', to);
}

static void write_line(FILE *to, const entry *e) {
  const pal_model_definition *d = e->definition;
  fprintf(to,
          "{\"step\": %lld, \"tokens\": %lld, \"seconds\": %.3f, \"split\": \"%s\", \"loss\": "
          "%.9g, \"likelihood\": \"%s\"",
          (long long)e->step, (long long)e->tokens, e->seconds, e->split, e->loss,
          cli_likelihood_name(e->kind));
  if (e->kind) fprintf(to, ", \"bits_per_token\": %.9g", e->nats / M_LN2);
  if (e->kind && isfinite(exp(e->nats))) fprintf(to, ", \"perplexity\": %.9g", exp(e->nats));
  for (int i = 0; e->part && i < d->n_parts; i++)
    fprintf(to, ", \"loss_%s\": %.9g", d->part[i], e->part[i]);
  if (e->part) fprintf(to, ", \"rate\": %.9g, \"gradient_norm\": %.9g", e->rate, e->norm);
  fputs("}\n", to);
}

static pal_status add(cli_metrics *m, const entry *e, pal_error *error) {
  pal_status status = PAL_OK;
  for (int i = 0; i < 2 && !status; i++) {
    cli_page row;
    status = cli_page_open(&row, error);
    if (status) break;
    if (i == CSV) write_csv(row.to, e);
    else write_line(row.to, e);
    status = put_page(m, i, &row, error);
  }
  return status;
}

pal_status cli_metrics_add(cli_metrics *m, const cli_job *job, const pal_step_report *r,
                           double seconds, pal_error *error) {
  const pal_model_definition *d = pal_model_definition_of(job->model);
  entry e = {.definition = d,
             .split = "train",
             .step = r->step,
             .tokens = r->tokens,
             .seconds = seconds,
             .loss = r->loss,
             .kind = training_kind(d),
             .rate = r->rate,
             .norm = r->gradient_norm,
             .part = r->part};
  for (int i = 0; i < d->n_parts; i++) e.nats += r->part[i];
  return add(m, &e, error);
}

pal_status cli_metrics_validated(cli_metrics *m, const cli_job *job, const pal_likelihood *loss,
                                 double seconds, pal_error *error) {
  return add(m,
             &(entry){.definition = pal_model_definition_of(job->model),
                      .split = "valid",
                      .step = pal_trainer_done(job->trainer),
                      .tokens = loss->tokens,
                      .seconds = seconds,
                      .loss = loss->nats,
                      .kind = loss->kind,
                      .nats = loss->nats},
             error);
}

pal_status cli_metrics_sync(cli_metrics *m, pal_error *error) {
  for (int i = 0; i < 2; i++)
    while (fsync(fileno(m->file[i])) != 0) /* rows are not in the stream's buffer */
      if (errno != EINTR) return pal_fail(error, PAL_E_IO, "%s: %s", m->path[i], strerror(errno));
  return PAL_OK;
}

pal_status cli_metrics_close(cli_metrics *m, pal_error *error) {
  pal_status status = PAL_OK;
  for (int i = 0; i < 2; i++) {
    if (m->file[i] && fclose(m->file[i]))
      status = pal_fail(error, PAL_E_IO, "%s: %s", m->path[i], strerror(errno));
    free(m->path[i]);
  }
  *m = (cli_metrics){.file = {NULL, NULL}};
  return status;
}
