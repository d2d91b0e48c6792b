/* SPDX-License-Identifier: Apache-2.0 */
/* stop_gradient, the only op that the graph itself defines (floor 1). */
#ifndef PAL_GRAPH_VIEW_H
#define PAL_GRAPH_VIEW_H

#include <palimpsest/op.h>

extern const pal_op pal_stop_gradient_op;
#endif
