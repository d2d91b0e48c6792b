/* SPDX-License-Identifier: Apache-2.0 */
/* Defines the built-in models with pal_define_model, as a plug-in does (floor 4). */
#include "models/models.h"

pal_status pal_register_models(pal_context *context, pal_error *error) {
  const pal_model_definition *const list[] = {&pal_model_arm, &pal_model_masked_arm, &pal_model_mdm,
                                              &pal_model_ap_mdm};
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    const pal_status status = pal_define_model(context, list[i], error);
    if (status) return status;
  }
  return PAL_OK;
}
