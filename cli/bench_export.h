/* SPDX-License-Identifier: Apache-2.0 */
/* What a twin in another framework needs to repeat a case (floor 6). */
#ifndef PAL_CLI_BENCH_EXPORT_H
#define PAL_CLI_BENCH_EXPORT_H

#include "cli/bench_net.h"

/* Writes to `directory`: weights.safetensors, none of them zero; case.json, the network's settings,
 * one batch and its loss; gradients.safetensors, of that loss. */
pal_status cli_bench_export(cli_bench *b, const cli_net_case *c, const char *const *set, int n,
                            const char *directory, pal_error *error);
#endif
