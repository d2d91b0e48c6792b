/* SPDX-License-Identifier: Apache-2.0 */
/* What a twin in another framework needs to repeat a case (floor 6). */
#ifndef PAL_BENCH_EXPORT_H
#define PAL_BENCH_EXPORT_H

#include "bench/net.h"

/* Writes to `directory`, which exists: weights.safetensors, none of them zero; case.json, the network's settings,
 * one batch and its loss; gradients.safetensors, of that loss. */
pal_status bench_export(bench *b, const bench_net_case *c, const char *const *set, int n,
                        const char *directory, pal_error *error);
#endif
