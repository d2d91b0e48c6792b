/* SPDX-License-Identifier: Apache-2.0 */
/* A temporary directory for the tests of one program, which are run by run_in_scratch. */
#ifndef PAL_TESTS_SCRATCH_H
#define PAL_TESTS_SCRATCH_H

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* mkdtemp */
#endif
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/alloc.h"
#include "src/file.h"
#include "tests/run.h"

static char scratch[] = "/tmp/pal-file-XXXXXX";

/* Path of `name` in the scratch directory; holds until the fourth call from now. */
static inline const char *at(const char *name) {
  static char path[4][256];
  static int turn;
  turn = (turn + 1) % 4;
  (void)snprintf(path[turn], sizeof path[turn], "%s/%s", scratch, name);
  return path[turn];
}

/* Asserts that the file holds exactly `text`. */
static inline void expect_file(const char *path, const char *text) {
  char *data;
  size_t size;
  ck_assert_int_eq(pal_file_read(path, 1000, &data, &size, NULL), PAL_OK);
  ck_assert_uint_eq(size, strlen(text));
  ck_assert_str_eq(data, text);
  pal_free(data);
}

/* Entries of the scratch directory whose name tells of a temporary. */
static inline int temporaries(void) {
  char command[128], text[16] = "";
  (void)snprintf(command, sizeof command, "ls -A %s | grep -c tmp-", scratch);
  FILE *pipe = popen(command, "r");
  ck_assert_ptr_nonnull(pipe);
  ck_assert_ptr_nonnull(fgets(text, sizeof text, pipe));
  (void)pclose(pipe);
  return atoi(text);
}

/* Makes the directory, runs the suite and removes the directory. The exit code of the program. */
static inline int run_in_scratch(Suite *suite) {
  if (!mkdtemp(scratch)) return 2;
  const int status = run_suite(suite);
  char command[64];
  (void)snprintf(command, sizeof command, "rm -rf %s", scratch);
  return system(command) != 0 || status != 0;
}
#endif
