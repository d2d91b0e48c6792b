/* SPDX-License-Identifier: Apache-2.0 */
/* The op checker reports each of the faults planted in ops, and accepts correct ops. */
#include <check.h>
#include <palimpsest/check.h>
#include <string.h>

#include "tests/bend.h"
#include "tests/run.h"

static pal_context *context;
static pal_error error;

static void set_up(void) {
  memset(&error, 0, sizeof error);
  context = pal_context_new(&(pal_options){.threads = 2}, &error);
  ck_assert_msg(context && !bend_define(context, &error), "%s", error.text);
}

static void tear_down(void) { pal_context_free(context); }

static pal_status half_gradient(pal_gradient_call *c) {
  c->in_grad[0] = bend_line(c->graph, c->out_grad[0], 0.999, 0);
  return PAL_OK;
}

static pal_status inexact_run(const pal_run *r) {
  pal_status status = bend_bell_op.phase[0].run(r);
  int64_t row = pal_type_row(&r->out_type[0]);
  for (int64_t i = r->begin * row; i < r->end * row; i++) ((float *)r->out[0])[i] *= 1.0001f;
  return status;
}

/* The last row of every range is off by a bit. */
static pal_status range_run(const pal_run *r) {
  pal_status status = bend_bell_op.phase[0].run(r);
  int64_t last = (r->end - 1) * pal_type_row(&r->out_type[0]);
  if (r->end > r->begin) ((float *)r->out[0])[last] += 1e-7f;
  return status;
}

/* Reads the first row past the active ones; no case has room for just 15. */
static pal_status beyond_run(const pal_run *r) {
  pal_status status = bend_bell_op.phase[0].run(r);
  if (r->end != 15 || r->in_rows[0] != 15) return status;
  const float *past = (const float *)r->in[0] + r->end * pal_type_row(&r->out_type[0]);
  uint32_t bits;
  memcpy(&bits, past, sizeof bits);
  if (bits == 0x7FA00001u) ((float *)r->out[0])[0] += 1e-7f;
  return status;
}

static pal_status isa_run(const pal_run *r) {
  pal_status status = bend_bell_op.phase[0].run(r);
  if (r->end > r->begin && r->isa == PAL_ISA_GENERIC) ((float *)r->out[0])[r->begin] += 1e-7f;
  return status;
}

/* The row after, zero after the last one: reads another row, so input 0 must be declared whole. */
static pal_status next_row_run(const pal_run *r) {
  int64_t row = pal_type_row(&r->out_type[0]);
  for (int64_t i = r->begin; i < r->end; i++)
    for (int64_t e = 0; e < row; e++)
      ((float *)r->out[0])[i * row + e] =
          i + 1 < r->in_rows[0] ? ((const float *)r->in[0])[(i + 1) * row + e] : 0;
  return PAL_OK;
}

static pal_status next_row_reference(const pal_reference *r) {
  int64_t row = pal_type_row(&r->out_type[0]);
  for (int64_t i = 0; i < r->out_rows[0] * row; i++)
    r->out[0][i] = i + row < r->in_rows[0] * row ? r->in[0][i + row] : 0;
  return PAL_OK;
}

/* One element too far, when all rows are active. */
static pal_status too_far_run(const pal_run *r) {
  pal_status status = bend_bell_op.phase[0].run(r);
  if (r->end == r->out_rows[0]) ((float *)r->out[0])[r->end * pal_type_row(&r->out_type[0])] = 0;
  return status;
}

static void expect_fault(pal_op op, const char *what) {
  op.name = "bend_fault";
  ck_assert_int_eq(pal_define_op(context, &op, &error), PAL_OK);
  ck_assert_int_ne(pal_check_op(context, op.name, 5, 10, &error), PAL_OK);
  ck_assert_msg(strstr(error.text, what) && strstr(error.text, "op \"bend_fault\", seed 5, case "),
                "%s", error.text);
}

static pal_status no_outputs(pal_infer *call) {
  call->out_type[0] = call->in_type[0];
  return PAL_OK;
}

static pal_value faulty_sample(pal_case *random) {
  pal_type type = PAL_TYPE(PAL_F32, pal_case_rows(random), 1, pal_case_size(random));
  pal_value x = pal_case_f32(random, type, -2, 2);
  return pal_apply(pal_case_graph(random), "bend_fault", &x, 1, NULL, NULL);
}

static pal_op faulty(pal_status (*run_it)(const pal_run *)) {
  pal_op op = bend_bell_op;
  op.sample = faulty_sample;
  op.in_place = 0;
  if (run_it) op.phase[0].run = run_it;
  return op;
}

START_TEST(faults_are_found) {
  switch (_i) {
    case 0: expect_fault(faulty(inexact_run), "the reference says"); break;
    case 1: expect_fault(faulty(range_run), "output 0"); break;
    case 2: expect_fault(faulty(beyond_run), "in the inactive rows"); break;
    case 3: {
      if (pal_context_isa(context) == PAL_ISA_GENERIC) return;
      expect_fault(faulty(isa_run), "with instruction set generic");
      break;
    }
    case 4: {
      pal_op op = faulty(next_row_run);
      op.reference = next_row_reference;
      op.gradient = NULL;
      op.flags = PAL_OP_NO_GRADIENT;
      expect_fault(op, "`whole`");
      break;
    }
    case 5: {
      pal_op op = faulty(too_far_run);
      expect_fault(op, "op \"bend_fault\" writes past the end of its output 0");
      break;
    }
    case 6: { /* in place, so that another op's node has the same memory */
      pal_op op = faulty(too_far_run);
      op.in_place = 1;
      expect_fault(op, "op \"bend_fault\" writes past the end of its output 0");
      break;
    }
    case 7: {
      pal_op op = faulty(NULL);
      op.infer = no_outputs;
      expect_fault(op, "bend_fault: infer left n_out at 0");
      break;
    }
    default: {
      pal_op op = faulty(NULL);
      op.gradient = half_gradient;
      expect_fault(op, "the gradient is wrong");
    }
  }
}
END_TEST

/* ---- attributes -------------------------------------------------------------------------- */

/* slope x + shift, where the table of fields does not say all of that. */
typedef struct tucked {
  double slope;
  pal_symbol of;
  uint16_t shift; /* in what looks like padding */
} tucked;

static const pal_attr_field tucked_fields[] = {PAL_FIELD(tucked, slope, PAL_ATTR_FLOAT),
                                               PAL_FIELD(tucked, of, PAL_ATTR_SYMBOL)};

static pal_status tucked_run(const pal_run *r) {
  const tucked *a = r->attrs;
  int64_t row = pal_type_row(&r->out_type[0]);
  for (int64_t i = r->begin * row; i < r->end * row; i++)
    ((float *)r->out[0])[i] = ((const float *)r->in[0])[i] * (float)a->slope + a->shift;
  return PAL_OK;
}

static pal_status tucked_reference(const pal_reference *r) {
  const tucked *a = r->attrs;
  for (int64_t i = 0; i < r->out_rows[0] * pal_type_row(&r->out_type[0]); i++)
    r->out[0][i] = r->in[0][i] * a->slope + a->shift;
  return PAL_OK;
}

static pal_value line_sample(pal_case *random) {
  pal_type type = PAL_TYPE(PAL_F32, pal_case_rows(random), 1, pal_case_size(random));
  pal_value x = pal_case_f32(random, type, -2, 2);
  const double attrs[] = {1.5, 1}; /* constant, so that the fault shows in every case */
  return pal_apply(pal_case_graph(random), "bend_fault", &x, 1, attrs, NULL);
}

/* The first phase prepares data for the second in one static place, not in scratch memory. */
static float prepared;

static int64_t one_task(const pal_run *r) {
  (void)r;
  return 1;
}

static pal_status prepare_run(const pal_run *r) {
  prepared = (float)*(const double *)r->attrs;
  return PAL_OK;
}

static pal_status prepared_run(const pal_run *r) {
  int64_t row = pal_type_row(&r->out_type[0]);
  for (int64_t i = r->begin * row; i < r->end * row; i++)
    ((float *)r->out[0])[i] = ((const float *)r->in[0])[i] * prepared + 1;
  return PAL_OK;
}

/* An op that reads members which no field declares would be merged with one that differs in these,
 * and what a node prepares for itself is not another's. */
START_TEST(faults_with_attributes_are_found) {
  static const char around[] = "check fields, n_fields and attrs_size";
  pal_op op = bend_line_op;
  op.sample = line_sample;
  op.gradient = NULL;
  op.flags = PAL_OP_NO_GRADIENT;
  switch (_i) {
    case 0:
      op.n_fields = 1;
      op.attrs_size = sizeof(double);
      expect_fault(op, around);
      break;
    case 1:
      op.fields = NULL;
      op.n_fields = op.attrs_size = 0;
      expect_fault(op, around);
      break;
    case 2:
      op.fields = tucked_fields;
      op.attrs_size = sizeof(tucked);
      op.phase[0].run = tucked_run;
      op.reference = tucked_reference;
      expect_fault(op, around);
      break;
    default:
      op.in_place = 0;
      op.phase[0] = (pal_phase){.run = prepare_run, .tasks = one_task};
      op.phase[1].run = prepared_run;
      expect_fault(op, "two values of attribute \"slope\" in one graph");
  }
}
END_TEST

START_TEST(sound_ops_pass) {
  static const char *const names[] = {"bend_mul", "bend_line", "bend_bell"};
  for (size_t i = 0; i < 3; i++)
    ck_assert_msg(!pal_check_op(context, names[i], 5, 6, &error), "%s", error.text);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("check_op");
  TCase *tests = tcase_create("check_op");
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_loop_test(tests, faults_are_found, 0, 9);
  tcase_add_loop_test(tests, faults_with_attributes_are_found, 0, 4);
  tcase_add_test(tests, sound_ops_pass);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
