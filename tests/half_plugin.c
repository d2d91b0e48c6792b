/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in that fails in the middle of its definitions; for test_plugin.c. */
#include <palimpsest/palimpsest.h>

static const pal_model_definition half_model = {
    .abi_size = sizeof(pal_model_definition), .name = "half", .doc = "defined, then regretted"};

static pal_status define(pal_context *context, pal_error *error) {
  pal_status status = pal_define(context, "model", half_model.name, &half_model, error);
  if (!status) status = pal_define(context, "task", half_model.name, &half_model, error);
  return status ? status : pal_define(context, "op", "no_op", &half_model, error); /* refused */
}

/* Not const, so that the test can take a member away. */
PAL_API extern pal_plugin palimpsest_plugin;
pal_plugin palimpsest_plugin = {
    .abi = PAL_ABI, .op_size = sizeof(pal_op), .name = "half", .define = define};
