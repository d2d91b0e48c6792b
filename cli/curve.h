/* SPDX-License-Identifier: Apache-2.0 */
/* What passes buy, as a plot (floor 7). */
#ifndef PAL_CLI_CURVE_H
#define PAL_CLI_CURVE_H

#include "cli/row.h"

/* The share of each set that was exact within 10 to 20,000 passes, on a logarithmic axis, as SVG. */
pal_status cli_curve_svg(const cli_row *row, const char *path, pal_error *error);
#endif
