/* SPDX-License-Identifier: Apache-2.0 */
/* How every test program ends, and which build it is.
 *
 * Sanitized builds (quickstart check runs everything under them once more) are there to find memory
 * faults and undefined behaviour: they run every code path, on short cases. Long training, statistics
 * and comparisons of bits belong to the plain build: such a loop takes its length from
 * WHOLE_OR_SHORT, and asserts what only the whole length shows where WHOLE_BUILD is 1. Both passes
 * together stay under 12 minutes on two quiet cores; a change adds at most one minute to them. */
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

/* Runs the suite as the environment says (CK_VERBOSITY, CK_RUN_CASE ...) and frees it; the exit
 * status of the program. */
static inline int run_suite(Suite *suite) {
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  if (!WHOLE_BUILD) puts("long cases were cut short; the build without sanitizers runs them whole");
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
#endif
