/* SPDX-License-Identifier: Apache-2.0 */
/* Everything public, in one include.
 *
 * A program that uses one part may include that part's header alone. */
#ifndef PAL_PALIMPSEST_H
#define PAL_PALIMPSEST_H

#include <palimpsest/case.h>
#include <palimpsest/check.h>
#include <palimpsest/context.h>
#include <palimpsest/gradient.h>
#include <palimpsest/graph.h>
#include <palimpsest/isa.h>
#include <palimpsest/layers.h>
#include <palimpsest/masked.h>
#include <palimpsest/model.h>
#include <palimpsest/op.h>
#include <palimpsest/ops.h>
#include <palimpsest/optim.h>
#include <palimpsest/plan.h>
#include <palimpsest/pram.h>
#include <palimpsest/rng.h>
#include <palimpsest/setting.h>
#include <palimpsest/simulate.h>
#include <palimpsest/status.h>
#include <palimpsest/store.h>
#include <palimpsest/task.h>
#include <palimpsest/train.h>
#include <palimpsest/type.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A context with everything built in: ops, optimizers, models, tasks. NULL on failure. */
PAL_API pal_context *pal_open(const pal_options *options, pal_error *error);
/* "palimpsest 0.1.0, ..." with instruction set, OpenMP and SLEEF; into `text`, which is
 * returned. */
PAL_API char *pal_version(const pal_context *context, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
