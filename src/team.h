/* SPDX-License-Identifier: Apache-2.0 */
/* The thread team: the only file with `#pragma omp` (floor 0).
 *
 * One persistent parallel region per run. Inside a region of somebody else's (or without OpenMP)
 * the team has one member; also in a child forked by a process that has run a team, since OpenMP's
 * threads are not there. When the system does not let so many threads be made the team is smaller. */
#ifndef PAL_SRC_TEAM_H
#define PAL_SRC_TEAM_H

/* Runs body(data, rank, size) on `threads` threads at most; size is what was really given. MXCSR
 * (rounding, denormals) of every member is set to that of the caller. */
void pal_team_run(int threads, void (*body)(void *data, int rank, int size), void *data);
/* Waits for all members of the present region. */
void pal_team_barrier(void);
/* How many threads up to `threads` the system lets be made now, the calling one included; makes and
 * ends them. */
int pal_team_probe(int threads);
/* Threads OpenMP would use; at least 1. */
int pal_team_default(void);
#endif
