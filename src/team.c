/* SPDX-License-Identifier: Apache-2.0 */
/* The thread team over OpenMP (floor 0); see team.h.
 *
 * Invariant: team_size of a thread is that of the region whose body it is running, so a barrier in
 * a team of one never meets a foreign region's threads.
 *
 * libgomp ends the program when it cannot make a thread, so this file makes as many itself first. And
 * it goes on to wait in a forked child for threads that only the parent has, so there the team is one. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* syscall */
#endif
#include "src/team.h"

#include <stdbool.h>

#include "src/alloc.h"

#ifdef _OPENMP
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>
#if defined(__linux__)
#include <errno.h>
#include <sys/syscall.h>
#endif
#if defined(__SSE__)
#include <xmmintrin.h>
#endif
#endif

static _Thread_local int team_size = 1;

#ifdef _OPENMP
/* Rounding mode and treatment of denormals; a member that differed would compute other bits. */
static uint64_t float_control(void) {
#if defined(__SSE__)
  return _mm_getcsr();
#elif defined(__aarch64__)
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  return control;
#else
  return 0;
#endif
}

static void set_float_control(uint64_t control) {
#if defined(__SSE__)
  _mm_setcsr((unsigned)control);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(control));
#else
  (void)control;
#endif
}

/* ---- forked children ------------------------------------------------------------------------ */

static _Atomic bool is_child; /* of a process that has run a team */

static void note_child(void) { atomic_store(&is_child, true); }

static void watch_forks(void) { (void)pthread_atfork(NULL, NULL, note_child); }

/* ---- probing -------------------------------------------------------------------------------- */

enum { MOST_THREADS = 4096 };

typedef struct probe {
  pthread_mutex_t gate; /* held until all have been made: they must exist at the same time */
  pthread_t thread[MOST_THREADS];
  long id[MOST_THREADS];
  atomic_int next;
} probe;

static void *stand_by(void *data) {
  probe *p = data;
#if defined(__linux__)
  p->id[atomic_fetch_add(&p->next, 1)] = syscall(SYS_gettid);
#endif
  (void)pthread_mutex_lock(&p->gate);
  (void)pthread_mutex_unlock(&p->gate);
  return NULL;
}

/* A thread that has been joined counts against the limit of its user for another moment. */
static void wait_until_gone(const probe *p, int n) {
#if defined(__linux__)
  enum { PATIENCE = 10000 };
  const int reason = errno;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < PATIENCE && syscall(SYS_tgkill, getpid(), p->id[i], 0) == 0; k++)
      (void)sched_yield();
  errno = reason;
#else
  (void)p, (void)n;
#endif
}

int pal_team_probe(int threads) {
  if (threads > MOST_THREADS) threads = MOST_THREADS;
  if (threads <= 1 || atomic_load(&is_child)) return 1;
  probe *p = pal_alloc(sizeof *p);
  if (!p) return 1;
  int n = 0;
  atomic_init(&p->next, 0);
  if (pthread_mutex_init(&p->gate, NULL) == 0) {
    (void)pthread_mutex_lock(&p->gate);
    while (n < threads - 1 && pthread_create(&p->thread[n], NULL, stand_by, p) == 0) n++;
    (void)pthread_mutex_unlock(&p->gate);
    for (int i = 0; i < n; i++) (void)pthread_join(p->thread[i], NULL);
    wait_until_gone(p, n);
    (void)pthread_mutex_destroy(&p->gate);
  }
  pal_free(p);
  return n + 1;
}

/* How many threads a region of the calling thread may have. OpenMP keeps those of its last one. */
static int threads_to_be_had(int threads) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  static _Thread_local int kept = 1;
  (void)pthread_once(&once, watch_forks);
  if (atomic_load(&is_child)) return 1;
  if (threads > kept) threads = pal_team_probe(threads);
  kept = threads;
  return threads;
}
#else
int pal_team_probe(int threads) { return threads; }
#endif

/* ---- teams ---------------------------------------------------------------------------------- */

static void member_run(void (*body)(void *data, int rank, int size), void *data, int rank,
                       int size) {
  const int outer = team_size;
  team_size = size;
  body(data, rank, size);
  team_size = outer;
}

void pal_team_run(int threads, void (*body)(void *data, int rank, int size), void *data) {
#ifdef _OPENMP
  if (threads > 1 && !omp_in_parallel() && (threads = threads_to_be_had(threads)) > 1) {
    const uint64_t control = float_control();
#pragma omp parallel num_threads(threads)
    {
      const uint64_t own = float_control();
      set_float_control(control);
      member_run(body, data, omp_get_thread_num(), omp_get_num_threads());
      set_float_control(own);
    }
    return;
  }
#else
  (void)threads;
#endif
  member_run(body, data, 0, 1);
}

void pal_team_barrier(void) {
#ifdef _OPENMP
  if (team_size > 1) {
#pragma omp barrier
  }
#endif
}

int pal_team_default(void) {
#ifdef _OPENMP
  const int n = omp_get_max_threads();
  return n > 1 ? n : 1;
#else
  return 1;
#endif
}
