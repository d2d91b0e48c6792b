/* SPDX-License-Identifier: Apache-2.0 */
/* What the program writes is whole, whatever happens meanwhile: signals that interrupt every other
 * call and calls that write a few bytes only, and JSON without memory. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* mkdtemp */
#endif
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "cli/metrics.h"
#include "cli/row.h"
#include "cli/table_json.h"
#include "cli/text.h"
#include "src/alloc.h"
#include "src/file.h"
#include "tests/gym.h"
#include "tests/run.h"

static char scratch[] = "/tmp/pal-report-XXXXXX";
static pal_error error;

static char *at(const char *name) {
  char *path = cli_print(&error, "%s/%s", scratch, name);
  ck_assert_ptr_nonnull(path);
  return path;
}

/* The file's text, to be freed with pal_free. */
static char *contents(const char *path) {
  char *text;
  size_t size;
  ck_assert_msg(!pal_file_read(path, 1 << 20, &text, &size, &error), "%s", error.text);
  return text;
}

/* ---- signals --------------------------------------------------------------------------------- */

ssize_t __real_write(int fd, const void *data, size_t n);
ssize_t __wrap_write(int fd, const void *data, size_t n);
ssize_t __real_read(int fd, void *data, size_t n);
ssize_t __wrap_read(int fd, void *data, size_t n);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

static bool signals; /* whether every other call is interrupted */
static int calls, interruptions;

static bool is_interrupted(void) {
  if (!signals || calls++ % 2) return false;
  interruptions++;
  errno = EINTR;
  return true;
}

ssize_t __wrap_write(int fd, const void *data, size_t n) {
  return is_interrupted() ? -1 : __real_write(fd, data, signals && n > 7 ? 7 : n);
}

ssize_t __wrap_read(int fd, void *data, size_t n) {
  return is_interrupted() ? -1 : __real_read(fd, data, signals && n > 7 ? 7 : n);
}

int __wrap_fsync(int fd) { return is_interrupted() ? -1 : __real_fsync(fd); }

/* A run's weights, checkpoint and metrics, in files whose names begin with `name`. */
static void write_all(const char *name) {
  gym b;
  double seconds = 0;
  gym_open(&b, &recipes[AP_MDM], 1, NULL, NULL);
  const cli_job job = {.model = b.model, .trainer = b.trainer};
  char *weights = at(name), *state = cli_print(&error, "%s-state", weights);
  cli_metrics m = {
      .path = {cli_print(&error, "%s-csv", weights), cli_print(&error, "%s-jsonl", weights)}};
  ck_assert_msg(!cli_metrics_open(&m, &job, false, &seconds, &error), "%s", error.text);
  for (int i = 0; i < 3; i++) {
    const pal_step_report report = gym_step(&b);
    ck_assert_msg(!cli_metrics_add(&m, &job, &report, i, &error), "%s", error.text);
  }
  ck_assert_msg(!cli_metrics_sync(&m, &error), "%s", error.text);
  ck_assert_msg(!cli_metrics_close(&m, &error), "%s", error.text);
  ck_assert_msg(!pal_weights_save(b.model, weights, false, NULL, 0, &error), "%s", error.text);
  ck_assert_msg(!pal_trainer_save(b.trainer, state, &error), "%s", error.text);
  ck_assert_msg(!pal_trainer_load(b.trainer, state, &error), "%s", error.text);
  free(weights);
  free(state);
  gym_close(&b);
}

START_TEST(interrupted_calls_are_repeated) {
  static const char *const suffix[] = {"", "-state", "-csv", "-jsonl"};
  write_all("quiet");
  signals = true;
  write_all("signals");
  signals = false;
  ck_assert_int_gt(interruptions, 1000); /* of them all, some from each kind of file */
  for (int i = 0; i < 4; i++) {
    char *folder = at(""), *text[2];
    size_t size[2];
    for (int k = 0; k < 2; k++) {
      char *path = cli_print(&error, "%s%s%s", folder, k ? "signals" : "quiet", suffix[i]);
      ck_assert_msg(!pal_file_read(path, 1 << 24, &text[k], &size[k], &error), "%s", error.text);
      free(path);
    }
    ck_assert_uint_eq(size[0], size[1]);
    ck_assert_mem_eq(text[0], text[1], size[0]);
    pal_free(text[0]);
    pal_free(text[1]);
    free(folder);
  }
}
END_TEST

/* ---- lines without memory -------------------------------------------------------------------- */

ssize_t __real_getline(char **line, size_t *room, FILE *from);
ssize_t __wrap_getline(char **line, size_t *room, FILE *from);

static int lines_left = -1; /* lines until getline has no memory for one; negative: never */

ssize_t __wrap_getline(char **line, size_t *room, FILE *from) {
  if (lines_left == 0) {
    errno = ENOMEM;
    return -1; /* neither at the end of the file nor with its error flag */
  }
  lines_left -= lines_left > 0;
  return __real_getline(line, room, from);
}

/* A resumed run keeps its metrics when there is no memory for one of their lines. */
START_TEST(metrics_without_memory) {
  double seconds = 0;
  gym b;
  write_all("kept");
  gym_open(&b, &recipes[AP_MDM], 1, NULL, NULL);
  for (int i = 0; i < 3; i++) gym_step(&b);
  const cli_job job = {.model = b.model, .trainer = b.trainer};
  for (int n = 0; n < 4; n++) {
    pal_error own = {0};
    cli_metrics m = {.path = {at("kept-csv"), at("kept-jsonl")}};
    char *path = at("kept-csv"), *before = contents(path), *after;
    lines_left = n;
    ck_assert_int_eq(cli_metrics_open(&m, &job, true, &seconds, &own), PAL_E_IO);
    lines_left = -1;
    ck_assert_msg(strstr(own.text, "kept-csv cannot be read") != NULL, "%s", own.text);
    ck_assert_int_eq(cli_metrics_close(&m, &own), PAL_OK);
    after = contents(path);
    ck_assert_str_eq(before, after);
    pal_free(before);
    pal_free(after);
    free(path);
  }
  gym_close(&b);
}
END_TEST

/* ---- JSON ------------------------------------------------------------------------------------ */

static int left; /* allocations of jansson until one fails; the others do not */

static void *json_memory(size_t size) { return left-- == 0 ? NULL : malloc(size); }

static double none(const pal_task *task, const pal_judged *judged) {
  (void)task, (void)judged;
  return 0;
}

static int64_t one(const pal_task *task) {
  (void)task;
  return 1;
}

/* A row with everything that a row may have. */
static void fill(cli_row *row) {
  static const pal_report_column column[] = {{"share", "doc", PAL_REPORT_SHARE, none, NULL},
                                             {"mean", "doc", PAL_REPORT_MEAN, none, NULL},
                                             {"count", "doc", PAL_REPORT_COUNT, NULL, one},
                                             {"flag", "doc", PAL_REPORT_FLAG, NULL, one}};
  *row = (cli_row){.model = strdup("a row"),
                   .definition = "arm",
                   .notes = strdup("first\nnot UTF-8: \xFF\n"),
                   .column = column,
                   .n_columns = 4,
                   .total = {0, 0, 1, 1}};
  ck_assert_int_eq(cli_row_sets(row, 3, &error), PAL_OK);
  row->n_sets = 3;
  for (int i = 0; i < 3; i++) {
    cli_set *s = &row->set[i];
    ck_assert_int_eq(cli_set_name(s, i ? "set" : "not UTF-8: \xFF", &error), PAL_OK);
    s->n = 4;
    s->most_passes = 30;
    s->n_traits = 1;
    s->trait[0] = (cli_trait){strdup("kind"), 4, 2};
    s->steps = i == 1;
    s->likelihood = i == 2;
    s->loss = (pal_likelihood){.kind = PAL_LIKELIHOOD_BOUND, .nats = 1, .draws = 2};
  }
}

/* Whatever allocation of jansson fails, once: an error and no file, or the whole file. */
START_TEST(json_without_memory) {
  cli_row row;
  char *path = at("table.json"), *whole = NULL;
  const cli_options options = {.verb = "eval", .json = path};
  int refused = 0, n = 0;
  fill(&row);
  ck_assert_msg(!cli_json(&options, "task", &row, 1, NULL, true, &error), "%s", error.text);
  whole = contents(path);
  ck_assert_ptr_nonnull(strstr(whole, "not UTF-8: \xEF\xBF\xBD"));
  for (bool failed = true; failed; n++) {
    pal_error own = {0};
    unlink(path);
    left = n;
    json_set_alloc_funcs(json_memory, free);
    const pal_status status = cli_json(&options, "task", &row, 1, NULL, true, &own);
    failed = left < 0;
    json_set_alloc_funcs(malloc, free);
    if (status) {
      ck_assert_int_eq(status, PAL_E_MEMORY);
      ck_assert_int_ne(access(path, F_OK), 0);
      refused++;
      continue;
    }
    char *text = contents(path);
    ck_assert_msg(strcmp(text, whole) == 0, "allocation %d: a part is missing: %s", n, text);
    pal_free(text);
  }
  ck_assert_int_gt(n, 100);
  ck_assert_int_gt(refused, n / 2);
  pal_free(whole);
  free(path);
  cli_row_free(&row);
}
END_TEST

static void remove_scratch(void) {
  char command[64];
  snprintf(command, sizeof command, "rm -r %s", scratch);
  if (system(command) != 0) puts("the scratch directory could not be removed");
}

int main(void) {
  if (!mkdtemp(scratch)) return 99;
  Suite *suite = suite_create("report");
  TCase *c = tcase_create("report");
  tcase_add_test(c, interrupted_calls_are_repeated);
  tcase_add_test(c, metrics_without_memory);
  tcase_add_test(c, json_without_memory);
  suite_add_tcase(suite, c);
  const int code = run_suite(suite);
  remove_scratch();
  return code;
}
