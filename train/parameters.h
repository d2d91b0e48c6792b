/* SPDX-License-Identifier: Apache-2.0 */
/* Creation of a model's parameters in its store, and their averages (floor 5). */
#ifndef PAL_TRAIN_PARAMETERS_H
#define PAL_TRAIN_PARAMETERS_H

#include <palimpsest/model.h>

/* Creates the parameters that do not exist yet, by building the loss in a temporary graph. */
pal_status pal_parameters_make(pal_model *model, pal_error *error);
/* The variable "ema.<name>" with the average of a parameter; NULL where there is none. */
pal_variable *pal_average_of(const pal_store *store, const pal_variable *parameter);
#endif
