/* SPDX-License-Identifier: Apache-2.0 */
/* See metrics.h (floor 8). */
#include "cli/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/page.h"
#include "cli/standard.h"
#include "cli/text.h"

enum { CSV, LINES };

static const char fixed[] = "step,tokens,seconds,split,loss,bits_per_token,rate,gradient_norm";
/* The columns before each part of the loss had one of its own name. */
static const char former[] = "step,tokens,seconds,split,loss,loss_1,loss_2,loss_3,loss_4,"
                             "bits_per_token,rate,gradient_norm\n";
enum { FORMER_COLUMNS = 12, FORMER_PARTS = 4 };

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

/* Writes a row of the former columns in the present order. It has no values of parts beyond the
 * fourth. */
static void convert(char *line, const pal_model_definition *d, FILE *to) {
  static const int place[] = {0, 1, 2, 3, 4, 9, 10, 11, 5, 6, 7, 8};
  char *field[FORMER_COLUMNS], *rest = line;
  line[strcspn(line, "\n")] = 0;
  for (int i = 0; i < FORMER_COLUMNS; i++) {
    field[i] = strsep(&rest, ",");
    if (!field[i]) field[i] = line + strlen(line); /* empty */
  }
  const int before = FORMER_COLUMNS - FORMER_PARTS;
  for (int i = 0; i < before + d->n_parts; i++)
    fprintf(to, "%s%s", i ? "," : "", i < FORMER_COLUMNS ? field[place[i]] : "");
  fputc('\n', to);
}

/* Copies the complete lines whose step is at most `step`. In a CSV, whose first line is `head`,
 * *seconds becomes the time of the last one copied; *strange, whether it has other columns. False
 * when `from` could not be read to its end. */
static bool copy_rows(FILE *from, FILE *to, const char *head, const pal_model_definition *d,
                      long long step, double *seconds, bool *strange) {
  char *line = NULL;
  size_t room = 0;
  ssize_t n;
  bool old = false, first = head != NULL;
  while (!*strange && (n = getline(&line, &room, from)) > 0) {
    if (line[n - 1] != '\n') continue;
    if (first) {
      old = strcmp(line, former) == 0;
      *strange = !old && strcmp(line, head) != 0;
      first = false;
      fputs(head, to);
      continue;
    }
    if (step_of(line) > step) continue;
    if (head) sscanf(line, "%*d,%*d,%lf", seconds);
    if (old) convert(line, d, to);
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

static void write_csv(FILE *to, const pal_model_definition *d, const pal_step_report *r,
                      double seconds) {
  fprintf(to, "%lld,%lld,%.3f,train,%.9g,", (long long)r->step, (long long)r->tokens, seconds,
          r->loss);
  if (d->likelihood == PAL_LIKELIHOOD_EXACT) /* else the training loss is no exact likelihood */
    fprintf(to, "%.9g", r->loss / 0.69314718055994531);
  fprintf(to, ",%.9g,%.9g", r->rate, r->gradient_norm);
  for (int i = 0; i < d->n_parts; i++) fprintf(to, ",%.9g", r->part[i]);
  fputc('\n', to);
}

static void write_line(FILE *to, const pal_model_definition *d, const pal_step_report *r,
                       double seconds) {
  fprintf(
      to,
      "{\"step\": %lld, \"tokens\": %lld, \"seconds\": %.3f, \"split\": \"train\", \"loss\": %.9g",
      (long long)r->step, (long long)r->tokens, seconds, r->loss);
  for (int i = 0; i < d->n_parts; i++) fprintf(to, ", \"loss_%s\": %.9g", d->part[i], r->part[i]);
  fprintf(to, ", \"rate\": %.9g, \"gradient_norm\": %.9g}\n", r->rate, r->gradient_norm);
}

pal_status cli_metrics_add(cli_metrics *m, const cli_job *job, const pal_step_report *r,
                           double seconds, pal_error *error) {
  const pal_model_definition *d = pal_model_definition_of(job->model);
  pal_status status = PAL_OK;
  for (int i = 0; i < 2 && !status; i++) {
    cli_page row;
    status = cli_page_open(&row, error);
    if (status) break;
    if (i == CSV) write_csv(row.to, d, r, seconds);
    else write_line(row.to, d, r, seconds);
    status = put_page(m, i, &row, error);
  }
  return status;
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
