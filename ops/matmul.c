/* SPDX-License-Identifier: Apache-2.0 */
/* Products of rows with a static operand: matmul and linear (floor 2).
 *
 * Every output element is one chain of fused multiply-adds, k ascending from 0, with the bias added
 * last (ops/kernels/gemm.h); nothing else decides its bits. The first phase packs the static
 * operand and needs no activations, so the packed weights can be cached from run to run. The second
 * phase multiplies and is row-local. */
#define PAL_NO_CALLER
#include "ops/matmul.h"

#include <math.h>

const pal_attr_field pal_matmul_fields[] = {PAL_FIELD(pal_matmul_attrs, transpose_b, PAL_ATTR_INT),
                                            PAL_FIELD(pal_matmul_attrs, precision, PAL_ATTR_INT)};

/* ---- helpers shared with matmul_transposed.c ---------------------------------------------- */

pal_status pal_matmul_want_matrix(const pal_infer *call, int i, const char *what) {
  const pal_status status = pal_want_dtype(call, i, PAL_F32, what);
  return status ? status : pal_want_rank(call, i, 2, what);
}

pal_status pal_matmul_want_static(const pal_infer *call, int i, const char *what) {
  if (!call->in_type[i].symbol.id) return PAL_OK;
  return pal_fail(call->error, PAL_E_SHAPE,
                  "%s must be static: its symbolic axis 0 would become an inner axis", what);
}

pal_status pal_matmul_want_depth(const pal_infer *call, int64_t a, int64_t b) {
  if (a == b) return PAL_OK;
  return pal_fail(call->error, PAL_E_SHAPE, "the operands sum over %lld and %lld elements",
                  (long long)a, (long long)b);
}

pal_cost pal_matmul_product_cost(const pal_run *run, double m, double n, double k) {
  double elements = 0;
  for (int i = 0; i < run->n_in; i++)
    if (run->in_type[i].dtype) elements += (double)pal_active(&run->in_type[i], run->in_rows[i]);
  elements += (double)pal_active(&run->out_type[0], run->out_rows[0]);
  return (pal_cost){.flops = 2 * m * n * k, .bytes = elements * sizeof(float)};
}

int64_t pal_matmul_sample_depth(pal_case *random) {
  return pal_case_int(random, 0, 4) == 0 ? pal_case_int(random, 256, 530) : pal_case_size(random);
}
int64_t pal_matmul_sample_width(pal_case *random) {
  return pal_case_int(random, 0, 3) == 0 ? pal_case_int(random, 41, 150) : pal_case_size(random);
}

int64_t pal_matmul_sample_few(pal_case *random) { return pal_case_int(random, 1, 9); }
int64_t pal_matmul_sample_many(pal_case *random) { return pal_case_int(random, 120, 280); }

/* Cases with bf16 are fixed inputs without a gradient test, because rounding is not a smooth
 * function. */
void pal_matmul_draw_precision(pal_case *random) {
  const bool bf16 = pal_case_int(random, 0, 2) == 0;
  pal_graph_set_precision(pal_case_graph(random), bf16 ? PAL_PRECISION_BF16 : PAL_PRECISION_F32);
}

pal_value pal_matmul_case(pal_case *random, pal_type type) {
  return pal_graph_precision(pal_case_graph(random)) ? pal_case_fixed(random, type, -1, 1)
                                                     : pal_case_f32(random, type, -1, 1);
}

pal_status pal_matmul_want_precision(const pal_infer *call, int64_t precision) {
  if (precision == PAL_PRECISION_F32 || precision == PAL_PRECISION_BF16) return PAL_OK;
  return pal_fail(call->error, PAL_E_ARGUMENT, "precision is 0 (f32) or 1 (bf16), not %lld",
                  (long long)precision);
}

double pal_matmul_rounded(double x, int64_t precision) {
  if (precision == PAL_PRECISION_F32 || !isfinite(x)) return x;
  if (fabs(x) < 0x1p-126) return 0;
  int exponent; /* of a fraction in [1/2, 1), of which 8 bits are kept */
  const double fraction = frexp((double)(float)x, &exponent);
  return ldexp(nearbyint(ldexp(fraction, 8)), exponent - 8);
}

pal_value pal_matmul_of(pal_graph *g, pal_value a, pal_value b, bool transpose_a, bool transpose_b,
                        int64_t precision) {
  const pal_matmul_attrs attrs = {.transpose_b = transpose_b, .precision = precision};
  return pal_apply(g, transpose_a ? "matmul_transposed" : "matmul", (const pal_value[]){a, b}, 2,
                   &attrs, NULL);
}

/* ---- x times a packed operand: matmul and linear ------------------------------------------- */

/* The static operand, input 1, seen as a matrix [K, N]. */
typedef struct operand {
  int64_t k, n, row, col; /* element (k, n) is at index k * row + n * col */
  bool bf16;
} operand;

static operand operand_of(const pal_type *b, bool transposed, int64_t precision) {
  const bool bf16 = precision == PAL_PRECISION_BF16;
  if (transposed)
    return (operand){.k = b->dim[1], .n = b->dim[0], .row = 1, .col = b->dim[1], .bf16 = bf16};
  return (operand){.k = b->dim[0], .n = b->dim[1], .row = b->dim[1], .col = 1, .bf16 = bf16};
}

static pal_gemm_kind kind_of(const pal_run *run, operand b) {
  return b.bf16 ? PAL_GEMM_PACKED : pal_gemm_kind_of(run->in_rows[0], b.n, b.k, b.col == 1);
}
/* Whether the kernel reads the operand where it reads_in_place, so that nothing is packed. */
static bool reads_in_place(const pal_run *run, operand b) {
  const pal_gemm_kind kind = kind_of(run, b);
  return kind == PAL_GEMM_ROWS || (kind == PAL_GEMM_TRANSPOSED && b.row == 1);
}

static size_t packed_bytes(const pal_run *run, operand b) {
  return reads_in_place(run, b) ? 0 : (size_t)pal_gemm_packed_size(b.k, b.n) * sizeof(float);
}
static size_t room_bytes(operand b) {
  return b.bf16 ? (size_t)pal_gemm_bf16_room(b.k) * sizeof(float) : 0;
}

static int64_t panels(const pal_run *run, operand b) {
  return reads_in_place(run, b) ? 0 : pal_kernels_of(run->isa)->gemm.panels(b.n);
}

/* The layout of the packed operand depends on the number of rows; see `form` of pal_phase. */
static int64_t form(const pal_run *run, operand b) { return (int64_t)kind_of(run, b); }

/* Packs an operand with few columns for the kernels of thin products: [K, PAL_GEMM_THIN_MAX] with
 * zeros behind the columns if `narrow`, else transposed, [N, K]. */
static void pack_few(const pal_run *run, operand b, bool narrow) {
  const float *from = run->in[1];
  float *to = run->scratch;
  for (int64_t k = 0; k < b.k; k++)
    for (int64_t j = 0; j < (narrow ? PAL_GEMM_THIN_MAX : b.n); j++)
      to[narrow ? k * PAL_GEMM_THIN_MAX + j : j * b.k + k] =
          j < b.n ? from[k * b.row + j * b.col] : 0;
}

static pal_status pack(const pal_run *run, operand b) {
  const pal_gemm_kind kind = kind_of(run, b);
  if (run->begin == run->end || b.n == 0 || b.k == 0) return PAL_OK;
  if (b.bf16)
    pal_gemm_bf16_of(run->isa)->pack(run->in[1], b.row, b.col, b.k, b.n, run->begin, run->end,
                                     run->scratch);
  else if (kind == PAL_GEMM_PACKED)
    pal_kernels_of(run->isa)->gemm.pack(run->in[1], b.row, b.col, b.k, b.n, run->begin, run->end,
                                        run->scratch);
  else pack_few(run, b, kind == PAL_GEMM_NARROW);
  return PAL_OK;
}

/* The result for K = 0: 0 + bias. The operands have no elements then, and may have no address. */
static void multiply_nothing(float *out, int64_t rows, int64_t n, const float *bias) {
  for (int64_t i = 0; i < rows * n; i++) out[i] = bias ? 0.0f + bias[i % n] : 0.0f;
}

static pal_status multiply(const pal_run *run, operand b, const float *bias) {
  const int64_t first = pal_first_row(run, &run->out_type[0]);
  const int64_t rows = pal_last_row(run, &run->out_type[0]) - first;
  if (rows == 0 || b.n == 0) return PAL_OK; /* the kernels need at least one element */
  if (b.k == 0) {
    multiply_nothing((float *)run->out[0] + first * b.n, rows, b.n, bias);
    return PAL_OK;
  }
  const pal_gemm_product product = {
      .kind = kind_of(run, b),
      .m = rows,
      .n = b.n,
      .k = b.k,
      .a = (const float *)run->in[0] + first * b.k,
      .a_row = b.k,
      .b = reads_in_place(run, b) ? run->in[1] : run->scratch,
      .c = (float *)run->out[0] + first * b.n,
      .c_row = b.n,
      .epilogue = {.bias = bias},
  };
  if (b.bf16) pal_gemm_bf16_of(run->isa)->product(&product, run->task_scratch);
  else pal_kernels_of(run->isa)->gemm.product(&product);
  return PAL_OK;
}

static void reference_product(const pal_reference *call, operand b, const double *bias) {
  const int64_t precision = b.bf16 ? PAL_PRECISION_BF16 : PAL_PRECISION_F32;
  for (int64_t t = 0; t < call->in_rows[0]; t++) {
    for (int64_t j = 0; j < b.n; j++) {
      double sum = 0;
      for (int64_t k = 0; k < b.k; k++)
        sum += pal_matmul_rounded(call->in[0][t * b.k + k], precision) *
               pal_matmul_rounded(call->in[1][k * b.row + j * b.col], precision);
      call->out[0][t * b.n + j] = bias ? sum + bias[j] : sum;
    }
  }
}

/* Checks inputs 0 and 1 of a product and sets the type of the result. The names are those of the
 * op's documentation, for messages; b_static names input 1 when it must be static. */
static pal_status infer_product(pal_infer *call, operand b, const char *a_name, const char *b_name,
                                const char *b_static) {
  const int64_t depth = call->in_type[0].dim[1];
  pal_status status = pal_matmul_want_matrix(call, 0, a_name);
  if (!status) status = pal_matmul_want_matrix(call, 1, b_name);
  if (!status) status = pal_matmul_want_static(call, 1, b_static);
  if (status) return status;
  call->n_out = 1;
  call->out_type[0] = call->in_type[0];
  call->out_type[0].dim[1] = b.n;
  return pal_matmul_want_depth(call, depth, b.k);
}

/* The extents of a random case: b is [k, n] and a is [rows * m, k], or [m, k] if `rows` is
 * static. */
typedef struct extents {
  pal_symbol rows;
  int64_t m, n, k;
} extents;

static extents sample_extents(pal_case *random, int64_t most_multiplier) {
  extents e = {.rows = PAL_STATIC};
  const bool thin = pal_case_int(random, 0, 4) == 0;
  e.k = pal_matmul_sample_depth(random);
  e.n = thin ? pal_matmul_sample_many(random) : pal_matmul_sample_width(random);
  if (!thin && pal_case_int(random, 0, 3)) e.rows = pal_case_rows(random);
  e.m = e.rows.id ? pal_case_int(random, 1, most_multiplier)
        : thin    ? pal_matmul_sample_few(random)
                  : pal_case_size(random);
  return e;
}

/* Defines the functions of an op NAME that multiplies input 0 by the operand that NAME_operand
 * describes and adds input 2, if there is one, as a bias. */
#define PRODUCT_FUNCTIONS(NAME)                                                                  \
  static operand NAME##_of(const pal_run *run) {                                                 \
    return NAME##_operand(run->in_type, run->attrs);                                             \
  }                                                                                              \
  static int64_t NAME##_panels(const pal_run *run) { return panels(run, NAME##_of(run)); }       \
  static int64_t NAME##_form(const pal_run *run) { return form(run, NAME##_of(run)); }           \
  static size_t NAME##_scratch(const pal_run *run) { return packed_bytes(run, NAME##_of(run)); } \
  static size_t NAME##_room(const pal_run *run) { return room_bytes(NAME##_of(run)); }           \
  static pal_status NAME##_pack(const pal_run *run) { return pack(run, NAME##_of(run)); }        \
  static pal_status NAME##_multiply(const pal_run *run) {                                        \
    return multiply(run, NAME##_of(run), run->n_in > 2 ? run->in[2] : NULL);                     \
  }                                                                                              \
  static pal_cost NAME##_cost(const pal_run *run) {                                              \
    const operand b = NAME##_of(run);                                                            \
    return pal_matmul_product_cost(run, (double)run->in_rows[0], (double)b.n, (double)b.k);      \
  }                                                                                              \
  static pal_status NAME##_reference(const pal_reference *call) {                                \
    reference_product(call, NAME##_operand(call->in_type, call->attrs),                          \
                      call->n_in > 2 ? call->in[2] : NULL);                                      \
    return PAL_OK;                                                                               \
  }
/* The members of the op's descriptor that hold them. */
#define PRODUCT_MEMBERS(NAME)                                                                    \
  .infer = NAME##_infer, .gradient = NAME##_gradient, .reference = NAME##_reference,             \
  .phase = {{.run = NAME##_pack, .tasks = NAME##_panels, .reads = 1u << 1, .form = NAME##_form}, \
            {.run = NAME##_multiply}},                                                           \
  .scratch = NAME##_scratch, .task_scratch = NAME##_room, .cost = NAME##_cost,                   \
  .sample = NAME##_sample

/* ---- matmul -------------------------------------------------------------------------------- */

static operand matmul_operand(const pal_type *in_type, const void *attrs) {
  const pal_matmul_attrs *a = attrs;
  return operand_of(&in_type[1], a->transpose_b != 0, a->precision);
}
PRODUCT_FUNCTIONS(matmul)

static pal_status matmul_infer(pal_infer *call) {
  const pal_matmul_attrs *attrs = call->attrs;
  const pal_status status = pal_matmul_want_precision(call, attrs->precision);
  return status ? status
                : infer_product(call, matmul_operand(call->in_type, attrs), "a", "b",
                                "b (unless a is transposed too)");
}

static pal_status matmul_gradient(pal_gradient_call *call) {
  const pal_matmul_attrs *attrs = call->attrs;
  const bool transposed = attrs->transpose_b != 0;
  const int64_t precision = attrs->precision;
  const pal_value a = call->in[0], b = call->in[1], dy = call->out_grad[0];
  if (pal_is_nil(dy)) return PAL_OK;
  if (call->wanted & 1)
    call->in_grad[0] = pal_matmul_of(call->graph, dy, b, false, !transposed, precision);
  if (call->wanted & 2)
    call->in_grad[1] = transposed ? pal_matmul_of(call->graph, dy, a, true, false, precision)
                                  : pal_matmul_of(call->graph, a, dy, true, false, precision);
  return PAL_OK;
}

static pal_value matmul_sample(pal_case *random) {
  pal_matmul_draw_precision(random);
  const bool transposed = pal_case_int(random, 0, 1) != 0;
  const extents e = sample_extents(random, 2);
  const pal_value a = pal_matmul_case(random, PAL_TYPE(PAL_F32, e.rows, e.m, e.k));
  const pal_value b = pal_matmul_case(
      random, PAL_TYPE(PAL_F32, PAL_STATIC, transposed ? e.n : e.k, transposed ? e.k : e.n));
  return pal_matmul(pal_case_graph(random), a, b, false, transposed);
}

static const pal_op matmul = {
    PAL_OP_HEAD(
        "matmul",
        "y = a b or a b^T (transpose_b).\n"
        "a f32 [M, K], rows may be symbolic; b f32 [K, N] or [N, K], static; y [M, N].\n"
        "y[m, n] = sum over k of a[m, k] b[k, n] as one chain of fused multiply-adds from 0, k\n"
        "ascending. Row m of y depends on row m of a only.\n"
        "precision: 0 is f32; 1 rounds the operands to bfloat16 and takes subnormal numbers\n"
        "for zeros.\n"
        "da = dy b^T or dy b; db = a^T dy or dy^T a (matmul_transposed)."),
    .min_in = 2,
    .max_in = 2,
    .fields = pal_matmul_fields,
    .n_fields = 2,
    .attrs_size = sizeof(pal_matmul_attrs),
    PRODUCT_MEMBERS(matmul),
};

/* ---- linear -------------------------------------------------------------------------------- */

typedef struct linear_attrs {
  int64_t precision;
} linear_attrs;
static const pal_attr_field linear_fields[] = {PAL_FIELD(linear_attrs, precision, PAL_ATTR_INT)};

static operand linear_operand(const pal_type *in_type, const void *attrs) {
  return operand_of(&in_type[1], true, ((const linear_attrs *)attrs)->precision);
}
PRODUCT_FUNCTIONS(linear)

static pal_status linear_infer(pal_infer *call) {
  const linear_attrs *attrs = call->attrs;
  const operand b = linear_operand(call->in_type, attrs);
  pal_status status = pal_matmul_want_precision(call, attrs->precision);
  if (!status) status = infer_product(call, b, "x", "weight", "weight");
  if (status || call->n_in < 3 || !call->in_type[2].dtype) return status;
  status = pal_want_dtype(call, 2, PAL_F32, "bias");
  if (!status) status = pal_want_rank(call, 2, 1, "bias");
  if (!status) status = pal_matmul_want_static(call, 2, "bias");
  if (!status && call->in_type[2].dim[0] != b.n)
    status = pal_fail(call->error, PAL_E_SHAPE, "bias must have %lld elements, not %lld",
                      (long long)b.n, (long long)call->in_type[2].dim[0]);
  return status;
}

static pal_status linear_gradient(pal_gradient_call *call) {
  const pal_value x = call->in[0], weight = call->in[1], dy = call->out_grad[0];
  const int64_t precision = ((const linear_attrs *)call->attrs)->precision;
  if (pal_is_nil(dy)) return PAL_OK;
  if (call->wanted & 1)
    call->in_grad[0] = pal_matmul_of(call->graph, dy, weight, false, false, precision);
  if (call->wanted & 2)
    call->in_grad[1] = pal_matmul_of(call->graph, dy, x, true, false, precision);
  if (call->wanted & 4) call->in_grad[2] = pal_sum(call->graph, dy, 0, false);
  return PAL_OK;
}

static pal_value linear_sample(pal_case *random) {
  pal_matmul_draw_precision(random);
  const extents e = sample_extents(random, 1);
  const pal_value x = pal_matmul_case(random, PAL_TYPE(PAL_F32, e.rows, e.m, e.k));
  const pal_value weight = pal_matmul_case(random, PAL_TYPE(PAL_F32, PAL_STATIC, e.n, e.k));
  const pal_value bias = pal_case_int(random, 0, 1)
                             ? pal_matmul_case(random, PAL_TYPE(PAL_F32, PAL_STATIC, e.n))
                             : PAL_NIL;
  return pal_linear(pal_case_graph(random), x, weight, bias);
}

static const pal_op linear = {
    PAL_OP_HEAD(
        "linear",
        "y = x weight^T + bias.\n"
        "x f32 [T, I], rows may be symbolic; weight f32 [O, I]; bias f32 [O] or none;\n"
        "y f32 [T, O].\n"
        "y[t, o] = (sum over i of x[t, i] weight[o, i] as one chain of fused multiply-adds from\n"
        "0, i ascending) + bias[o]. Row t of y depends on row t of x only.\n"
        "precision: as in matmul.\n"
        "dx = dy weight; dweight = dy^T x; dbias = sum of dy over rows."),
    .min_in = 2,
    .max_in = 3,
    .optional = 1u << 2,
    .fields = linear_fields,
    .n_fields = 1,
    .attrs_size = sizeof(linear_attrs),
    PRODUCT_MEMBERS(linear),
};

/* ---- builders ------------------------------------------------------------------------------ */

pal_value pal_matmul(pal_graph *g, pal_value a, pal_value b, bool transpose_a, bool transpose_b) {
  return pal_matmul_of(g, a, b, transpose_a, transpose_b, pal_graph_precision(g));
}

pal_value pal_linear(pal_graph *g, pal_value x, pal_value weight, pal_value bias) {
  const linear_attrs attrs = {.precision = pal_graph_precision(g)};
  return pal_apply(g, "linear", (const pal_value[]){x, weight, bias}, 3, &attrs, NULL);
}

const pal_op *const pal_ops_matmul[] = {&matmul, &pal_op_matmul_transposed, &linear, NULL};
