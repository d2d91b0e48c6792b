/* SPDX-License-Identifier: Apache-2.0 */
/* Running a suite of tests, and the length of long tests.
 *
 * Builds with sanitizers (`quickstart check` runs all tests in one, too) find memory faults and
 * undefined behaviour; they need to run every code path, but only on short cases. Long training,
 * statistics and comparisons of bits are for the build without sanitizers. So a long loop takes its
 * length from WHOLE_OR_SHORT, and assertions that hold only after the whole length are made when
 * WHOLE_BUILD is 1. Both builds together should take less than 12 minutes on two idle cores, and no
 * change should add more than one minute. */
#ifndef PAL_TESTS_RUN_H
#define PAL_TESTS_RUN_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WHOLE_BUILD 0
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WHOLE_BUILD 0
#endif
#ifndef WHOLE_BUILD
#define WHOLE_BUILD 1
#endif
#define WHOLE_OR_SHORT(whole, few) (WHOLE_BUILD ? (whole) : (few))

/* Runs the suite with the options of the environment (CK_VERBOSITY, CK_RUN_CASE, ...) and frees it.
 * Returns the exit status of the program. */
static inline int run_suite(Suite *suite) {
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  if (!WHOLE_BUILD) puts("long cases were cut short; the build without sanitizers runs them whole");
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
#endif
