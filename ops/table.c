/* SPDX-License-Identifier: Apache-2.0 */
/* Defines the built-in ops, by the same call as the ops of a plug-in (floor 2). */
#define PAL_NO_CALLER
#include "ops/broadcast.h"
#include "ops/common.h"
#include "ops/factored.h"
#include "ops/ragged.h"
#include "ops/random.h"
#include "ops/reduce.h"

/* In the order of ops.h. */
static const pal_op *const *const lists[] = {
    pal_ops_elementwise,
    pal_ops_activation,
    pal_ops_logic,
    pal_ops_cast,
    pal_ops_finite,
    pal_ops_matmul,
    pal_ops_reduce,
    pal_ops_reduce_rows,
    pal_ops_broadcast,
    pal_ops_max_backward,
    pal_ops_cumsum,
    pal_ops_softmax,
    pal_ops_confidence,
    pal_ops_norm,
    pal_ops_embedding,
    pal_ops_gather,
    pal_ops_segment,
    pal_ops_factored,
    pal_ops_factored_logits,
    pal_ops_shape,
    pal_ops_attention,
    pal_ops_rotary,
    pal_ops_loss,
    pal_ops_random,
    pal_ops_categorical,
    pal_ops_edit,
    pal_ops_refill,
    pal_ops_ragged,
    pal_ops_squares,
    pal_ops_update,
};

pal_status pal_register_ops(pal_context *context, pal_error *error) {
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    for (const pal_op *const *op = lists[i]; *op; op++) {
      const pal_status status = pal_define_op(context, *op, error);
      if (status) return status;
    }
  }
  return PAL_OK;
}
