/* SPDX-License-Identifier: Apache-2.0 */
/* The thread team: the only file with `#pragma omp` (floor 0).
 *
 * One persistent parallel region per run. Inside a region of somebody else's (or without OpenMP)
 * the team has one member. */
#ifndef PAL_SRC_TEAM_H
#define PAL_SRC_TEAM_H

/* Runs body(data, rank, size) on `threads` threads at most; size is what was really given. MXCSR
 * (rounding, denormals) of every member is set to that of the caller. */
void pal_team_run(int threads, void (*body)(void *data, int rank, int size), void *data);
/* Waits for all members of the present region. */
void pal_team_barrier(void);
/* Threads OpenMP would use; at least 1. */
int pal_team_default(void);
#endif
