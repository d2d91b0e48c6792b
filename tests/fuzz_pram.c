/* SPDX-License-Identifier: Apache-2.0 */
/* Random programs of a parallel machine, compiled and compared with the interpreter after every
 * step:
 *   make tests/fuzz_pram && tests/fuzz_pram MODEL COUNT [SEED [FIRST]]
 * runs COUNT programs of that seed on one thread, from number FIRST on. It stops with exit code 1
 * at the first that differs, whose text it prints. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/machine.h"

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int run(pal_context *context, const char *model, uint64_t seed, uint64_t first, int count) {
  enum { EVERY = 1000, LIMIT = 40 };
  const double start = seconds();
  long long compared = 0;
  for (int i = 0; i < count; i++) {
    char text[MACHINE_TEXT] = "";
    pal_error error = {0};
    int wrong = 0;
    int64_t steps = 0;
    if (machine_compare_random(context, model, seed, first + (uint64_t)i, LIMIT, text, &wrong,
                               &steps, &error) ||
        wrong) {
      printf("program %llu of seed %llu: %d differences %s\n%s",
             (unsigned long long)first + (unsigned long long)i, (unsigned long long)seed, wrong,
             error.text, text);
      return EXIT_FAILURE;
    }
    compared += steps;
    if ((i + 1) % EVERY == 0 || i + 1 == count) {
      printf("%s: %d random programs, %lld steps, no difference (%.0f s)\n", model, i + 1, compared,
             seconds() - start);
      fflush(stdout);
    }
  }
  return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
  if (argc < 3 || argc > 5) {
    fprintf(stderr, "usage: fuzz_pram MODEL COUNT [SEED [FIRST]]\n");
    return 2;
  }
  pal_error error = {0};
  pal_context *context = pal_open(&(pal_options){.threads = 1}, &error);
  if (!context) {
    fprintf(stderr, "%s\n", error.text);
    return EXIT_FAILURE;
  }
  const uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
  const uint64_t first = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
  const int code = run(context, argv[1], seed, first, atoi(argv[2]));
  pal_context_free(context);
  return code;
}
