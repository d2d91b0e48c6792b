/* SPDX-License-Identifier: Apache-2.0 */
/* Export of a training case, so that another framework can repeat it; see twin.py (floor 7). */
#ifndef PAL_BENCH_EXPORT_H
#define PAL_BENCH_EXPORT_H

#include "bench/net.h"

/* Writes to `directory`, which must exist: weights.safetensors, where no parameter is all zero;
 * case.json with the network's settings, one batch and its loss; gradients.safetensors with the
 * gradients of that loss. `set`: n settings "KEY=VALUE" of the model. */
pal_status bench_export(bench *b, const bench_net_case *c, const char *const *set, int n,
                        const char *directory, pal_error *error);
#endif
