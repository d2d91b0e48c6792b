/* SPDX-License-Identifier: Apache-2.0 */
/* A model's parameters in its store (floor 5). */
#ifndef PAL_TRAIN_PARAMETERS_H
#define PAL_TRAIN_PARAMETERS_H

#include <palimpsest/model.h>

/* Makes those that are absent, by building the loss in a graph of its own. */
pal_status pal_parameters_make(pal_model *model, pal_error *error);
/* Its average "ema.<name>"; NULL where none is kept. */
pal_variable *pal_average_of(const pal_store *store, const pal_variable *parameter);
#endif
