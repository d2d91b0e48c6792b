/* SPDX-License-Identifier: Apache-2.0 */
/* The thread team over OpenMP (floor 0); see team.h.
 *
 * Invariant: team_size of a thread is that of the region whose body it is running, so a barrier in
 * a team of one never meets a foreign region's threads. */
#include "src/team.h"

#ifdef _OPENMP
#include <omp.h>
#include <stdint.h>
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
#endif

static void member_run(void (*body)(void *data, int rank, int size), void *data, int rank,
                       int size) {
  const int outer = team_size;
  team_size = size;
  body(data, rank, size);
  team_size = outer;
}

void pal_team_run(int threads, void (*body)(void *data, int rank, int size), void *data) {
#ifdef _OPENMP
  if (threads > 1 && !omp_in_parallel()) {
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
