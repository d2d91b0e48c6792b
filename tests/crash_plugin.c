/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in with ops that abort, exit or hang the process, and a correct one, for test_input.sh:
 * check-op must report each and go on. */
#include <palimpsest/palimpsest.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pal_status infer(pal_infer *call) {
  call->n_out = 1;
  call->out_type[0] = call->in_type[0];
  return PAL_OK;
}

static int64_t elements(const pal_reference *call) {
  return call->out_rows[0] * pal_type_row(&call->out_type[0]);
}

static pal_status reference(const pal_reference *call) {
  memcpy(call->out[0], call->in[0], sizeof(double) * (size_t)elements(call));
  return PAL_OK;
}

static pal_status copy(const pal_run *run) {
  const int64_t row = pal_type_row(&run->out_type[0]);
  memcpy((float *)run->out[0] + run->begin * row, (const float *)run->in[0] + run->begin * row,
         sizeof(float) * (size_t)((run->end - run->begin) * row));
  return PAL_OK;
}

/* Fails only in case 1 of the first three cases, since only that one has more rows. */
static pal_status abort_run(const pal_run *run) {
  if (run->in_rows[0] > 256) abort();
  return copy(run);
}

static pal_status exit_reference(const pal_reference *call) {
  if (call->in_rows[0] > 0) _exit(3);
  return reference(call);
}

/* Loops for ever in case 1. check-op has set an alarm by then; the one that ends the case here
 * comes sooner, so that the test need not wait. */
static pal_status hang_run(const pal_run *run) {
  if (run->in_rows[0] <= 256) return copy(run);
  if (alarm(1) == 0) _exit(4);
  for (;;) pause();
}

static pal_value sample_of(pal_case *random, const char *name) {
  const pal_value x = pal_case_f32(random, PAL_TYPE(PAL_F32, pal_case_rows(random), 1, 3), -1, 1);
  return pal_apply(pal_case_graph(random), name, &x, 1, NULL, NULL);
}
static pal_value abort_sample(pal_case *random) { return sample_of(random, "aborting"); }
static pal_value exit_sample(pal_case *random) { return sample_of(random, "exiting"); }
static pal_value hang_sample(pal_case *random) { return sample_of(random, "hanging"); }
static pal_value copy_sample(pal_case *random) { return sample_of(random, "copying"); }

#define OP(its_name, its_reference, its_run, its_sample)                                     \
  {                                                                                          \
    .abi_size = sizeof(pal_op), .name = its_name, .doc = "x -> x", .min_in = 1, .max_in = 1, \
    .flags = PAL_OP_NO_GRADIENT, .infer = infer, .reference = its_reference,                 \
    .phase = {{.run = its_run}}, .sample = its_sample                                        \
  }
static const pal_op ops[] = {OP("aborting", reference, abort_run, abort_sample),
                             OP("exiting", exit_reference, copy, exit_sample),
                             OP("hanging", reference, hang_run, hang_sample),
                             OP("copying", reference, copy, copy_sample)};

static pal_status define(pal_context *context, pal_error *error) {
  pal_status status = PAL_OK;
  for (size_t i = 0; i < sizeof ops / sizeof *ops && !status; i++)
    status = pal_define_op(context, &ops[i], error);
  return status;
}

PAL_API extern const pal_plugin palimpsest_plugin;
const pal_plugin palimpsest_plugin = {PAL_ABI, sizeof(pal_op), "crash", define};
