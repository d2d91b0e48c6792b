/* SPDX-License-Identifier: Apache-2.0 */
/* stop_gradient: a view of input 0 through which no gradient flows (floor 1). */
#define PAL_NO_CALLER
#include "graph/view.h"

#include <string.h>

#include "graph/internal.h"

static pal_status infer(pal_infer *call) {
  call->n_out = 1;
  call->out_type[0] = call->in_type[0];
  return PAL_OK;
}

static pal_status reference(const pal_reference *call) {
  memcpy(call->out[0], call->in[0],
         sizeof(double) * (size_t)(call->in_rows[0] * pal_type_row(&call->in_type[0])));
  return PAL_OK;
}

const pal_op pal_stop_gradient_op = {
    .abi_size = sizeof(pal_op),
    .name = "stop_gradient",
    .version = 1,
    .doc = "x [...] -> x; the gradient with respect to x is nil.",
    .min_in = 1,
    .max_in = 1,
    .flags = PAL_OP_NO_GRADIENT | PAL_OP_VIEW,
    .infer = infer,
    .reference = reference,
    .no_case = "a view without arithmetic; covered by the gradient tests",
};

pal_value pal_stop_gradient(pal_graph *graph, pal_value value) {
  return pal_apply_op(graph, &pal_stop_gradient_op, &value, 1, NULL, NULL);
}
