/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in whose registration fails after some of its definitions, for test_plugin.c. */
#include <palimpsest/palimpsest.h>

static pal_model_definition half_model;
static pal_task_definition half_task;
static const pal_op no_op = {.name = "no_op"};

static pal_status define(pal_context *context, pal_error *error) {
  half_model = *(const pal_model_definition *)pal_lookup(context, "model", "mdm");
  half_task = *(const pal_task_definition *)pal_lookup(context, "task", "parity");
  half_model.name = half_task.name = "half";
  pal_status status = pal_define_model(context, &half_model, error);
  if (!status) status = pal_define_task(context, &half_task, error);
  return status ? status : pal_define_op(context, &no_op, error); /* refused */
}

/* Not const, so that the test can take a member away. */
PAL_API extern pal_plugin palimpsest_plugin;
pal_plugin palimpsest_plugin = {
    .abi = PAL_ABI, .op_size = sizeof(pal_op), .name = "half", .define = define};
