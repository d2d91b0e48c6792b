/* SPDX-License-Identifier: Apache-2.0 */
/* How every test program ends. */
#ifndef PAL_TESTS_RUN_H
#define PAL_TESTS_RUN_H

#include <check.h>
#include <stdlib.h>

/* Runs the suite as the environment says (CK_VERBOSITY, CK_RUN_CASE ...) and frees it; the exit
 * status of the program. */
static inline int run_suite(Suite *suite) {
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
#endif
