/* SPDX-License-Identifier: Apache-2.0 */
/* The thread team (floor 0). team.c is the only file that uses OpenMP.
 *
 * A run of a plan is one parallel region. The team has one member without OpenMP, inside a parallel
 * region of the host program, and in a child process forked after a team has run (a fork copies
 * only the calling thread). It is smaller than requested where the system refuses to create that
 * many threads. */
#ifndef PAL_SRC_TEAM_H
#define PAL_SRC_TEAM_H

/* Runs body(data, rank, size) on at most `threads` threads; `size` is the actual number. The
 * floating-point modes (rounding, denormals) of every member are set to those of the caller, so
 * results are equal. */
void pal_team_run(int threads, void (*body)(void *data, int rank, int size), void *data);
/* Barrier: waits until all members of the team have called it. */
void pal_team_barrier(void);
/* How many threads, at most `threads` and with the calling one, the system allows at present. Found
 * by creating them; they end at once. */
int pal_team_probe(int threads);
/* The number of threads that OpenMP would use; at least 1. */
int pal_team_default(void);
#endif
