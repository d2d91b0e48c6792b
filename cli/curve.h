/* SPDX-License-Identifier: Apache-2.0 */
/* Plot of the share of exact instances over the number of forward passes (floor 8). */
#ifndef PAL_CLI_CURVE_H
#define PAL_CLI_CURVE_H

#include "cli/chart.h"
#include "cli/row.h"

/* Draws one line per decoded set: the share of its instances that were exact within at
 * most 10, 20, 50, ... 20,000 passes, on a logarithmic axis. PAL_E_UNSUPPORTED when no set was
 * decoded. The chart is to be freed in any case. */
pal_status cli_curve_chart(cli_chart *chart, const cli_row *row, pal_error *error);
/* Writes it as SVG. */
pal_status cli_curve_svg(const cli_row *row, const char *path, pal_error *error);
#endif
