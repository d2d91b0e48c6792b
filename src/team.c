/* SPDX-License-Identifier: Apache-2.0 */
/* The thread team, on OpenMP (floor 0). See team.h.
 *
 * Invariant: team_size of a thread is the size of the team whose body it is running, so that a team
 * of one never executes the barrier of a parallel region of the host program.
 *
 * Two faults of libgomp are avoided. It ends the program when it cannot create a thread, so before
 * a larger team is used this file creates as many threads itself. In a forked child it waits for
 * ever for threads that only the parent has, so there the team has one member. */
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
/* The register of floating-point modes: rounding and denormals. A member with other modes than the
 * caller would compute other bits. */
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

static _Atomic bool is_child; /* forked from a process that had run a team */

static void note_child(void) { atomic_store(&is_child, true); }

static void watch_forks(void) { (void)pthread_atfork(NULL, NULL, note_child); }

/* ---- probing -------------------------------------------------------------------------------- */

enum { MOST_THREADS = 4096 };

typedef struct probe {
  pthread_mutex_t gate; /* locked until all threads exist, so that they exist at the same time */
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

/* Waits until the kernel has removed the joined threads: until then they count against the user's
 * limit. */
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

/* How many of `threads` threads a region of the calling thread can have. OpenMP reuses the threads
 * of the region before, so only a larger team is probed. */
static int available_threads(int threads) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  static _Thread_local int existing = 1;
  (void)pthread_once(&once, watch_forks);
  if (atomic_load(&is_child)) return 1;
  if (threads > existing) threads = pal_team_probe(threads);
  existing = threads;
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
  if (threads > 1 && !omp_in_parallel() && (threads = available_threads(threads)) > 1) {
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
