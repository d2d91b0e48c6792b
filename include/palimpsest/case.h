/* SPDX-License-Identifier: Apache-2.0 */
/* Random cases of an op.
 *
 * An op's `sample` function draws a random instance: it makes inputs with the helpers
 * below, applies the op in the case's graph and returns output 0. pal_check_op (check.h)
 * runs the checks on such cases. */
#ifndef PAL_CASE_H
#define PAL_CASE_H

#include <palimpsest/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The graph of the case. */
PAL_API pal_graph *pal_case_graph(pal_case *random);
/* Uniform in lo..hi inclusive. */
PAL_API int64_t pal_case_int(pal_case *random, int64_t lo, int64_t hi);
/* Uniform in [lo, hi). */
PAL_API double pal_case_real(pal_case *random, double lo, double hi);
/* A size for an inner axis, small but around the vector widths: 1, 2, 15, 16, 17, ... */
PAL_API int64_t pal_case_size(pal_case *random);
/* The rows symbol of the case: always the same one; the harness runs it at the counts
 * 0, 1, 2, lane-1, lane, lane+1 and capacity. */
PAL_API pal_symbol pal_case_rows(pal_case *random);
/* A second symbol, of sequences; see pal_case_ragged. */
PAL_API pal_symbol pal_case_sequences(pal_case *random);
/* An f32 input, uniform in [lo, hi); differentiable in the checks. A symbolic type must
 * use the symbols above. */
PAL_API pal_value pal_case_f32(pal_case *random, pal_type type, double lo, double hi);
/* The same, for an input to which the gradient test is not applied. */
PAL_API pal_value pal_case_fixed(pal_case *random, pal_type type, double lo, double hi);
/* An i32 or u8 input, uniform in lo..hi inclusive. */
PAL_API pal_value pal_case_whole(pal_case *random, pal_type type, int64_t lo, int64_t hi);
/* Row indices, i32 [T], each -1 or an active row of symbol `of`; never an inactive row. */
PAL_API pal_value pal_case_index(pal_case *random, pal_symbol rows, pal_symbol of);
/* Ragged structure over the rows symbol, consistent at every active count: begin[S],
 * length[S] (i32, gaps allowed, empty sequences too), sequence[T], position[T] (-1 in a
 * gap). Any of the pointers may be NULL; calls return the same values every time. */
PAL_API void pal_case_ragged(pal_case *random, pal_value *begin, pal_value *length,
                             pal_value *sequence, pal_value *position);
/* Relative error allowed between f32 and the double reference, in units of 2^-24 of the
 * largest magnitude of the output; 64 unless set. Say why where it is raised. */
PAL_API void pal_case_tolerance(pal_case *random, double units);

#ifdef __cplusplus
}
#endif
#endif
