/* SPDX-License-Identifier: Apache-2.0 */
/* The thread team when threads cannot be created: pthread_create fails, or the process is a forked
 * child. */
#include <check.h>
#include <errno.h>
#include <palimpsest/ops.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "graph/exec.h"
#include "src/team.h"
#include "tests/fixture.h"
#include "tests/run.h"
#include "tests/toy.h"

/* How many more threads the system makes; every call of pal_team_probe comes by here. */
static int available = 1 << 20, asked;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *data);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *data);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *data) {
  asked++;
  if (available <= 0) return EAGAIN;
  available--;
  return __real_pthread_create(thread, attributes, start, data);
}

static void note_size(void *data, int rank, int size) {
  if (rank == 0) *(int *)data = size;
}

static int size_of_team(int wanted) {
  int size = 0;
  pal_team_run(wanted, note_size, &size);
  return size;
}

#ifdef _OPENMP
START_TEST(a_team_is_as_large_as_the_system_lets_it_be) {
  for (int more = 0; more < 3; more++) {
    available = more;
    pal_context_set_threads(context, 6);
    ck_assert_int_eq(pal_context_threads(context), more + 1);
    ck_assert_int_eq(pal_context_threads_wanted(context), 6);
    available = more;
    ck_assert_int_eq(size_of_team(6), more + 1);
  }
  available = 100;
  ck_assert_int_eq(size_of_team(4), 4);
  asked = 0;
  ck_assert_int_eq(size_of_team(4), 4);
  ck_assert_int_eq(asked, 0); /* the same threads serve again */
}
END_TEST
#endif

enum { ROWS = 4096 };

/* Runs the plan and copies what it makes. */
static void run(pal_exec *exec, float *made) {
  int64_t rows = 0;
  for (int i = 0; i < ROWS; i++) ((float *)pal_exec_input(exec, "x"))[i] = (float)i / 7;
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_OK);
  memcpy(made, pal_exec_output(exec, "y", &rows), ROWS * sizeof *made);
}

START_TEST(a_forked_child_makes_the_same_bits) {
  static float here[ROWS], there[ROWS];
  pal_context_set_threads(context, 2);
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, pal_symbol_new(g, "T", ROWS), 1)), y = x;
  for (int i = 0; i < 8; i++) y = toy_neg(g, y);
  pal_output(g, "y", y);
  pal_exec *exec = compile();
  exec->plan->serial_seconds = 1e9; /* so that the team is used */
  pal_exec_count(exec, "T", ROWS, &error);
  run(exec, here);
  const int two = size_of_team(2);
  const pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    alarm(10); /* a child that waits for its parent's threads does so for ever */
    const int size = size_of_team(2);
    run(exec, there);
    _exit(size == 1 && memcmp(here, there, sizeof here) == 0 ? 0 : 1);
  }
  int status = -1;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_msg(WIFEXITED(status), "the child was ended by signal %d", WTERMSIG(status));
  ck_assert_int_eq(WEXITSTATUS(status), 0);
  ck_assert_int_eq(size_of_team(2), two); /* the parent is as it was */
  discard(exec);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("team");
  TCase *team = tcase_create("team");
  tcase_add_checked_fixture(team, fixture_set_up, fixture_tear_down);
#ifdef _OPENMP
  tcase_add_test(team, a_team_is_as_large_as_the_system_lets_it_be);
#endif
  tcase_add_test(team, a_forked_child_makes_the_same_bits);
  suite_add_tcase(suite, team);
  return run_suite(suite);
}
