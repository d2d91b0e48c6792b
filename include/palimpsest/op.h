/* SPDX-License-Identifier: Apache-2.0 */
/* The op descriptor: all the framework ever knows about an op.
 *
 * Built-in ops and a user's own are defined by the same call,
 *   pal_define_op(context, &op, error);
 * and applied by pal_apply (graph.h). An op has up to PAL_MAX_PHASES phases with a
 * barrier between them. A phase is either cut by rows (its work on a row depends on
 * that row of each row-wise input only, and chains of such phases run chunk by chunk without
 * barriers) or by tasks that write disjoint memory. A phase never learns which thread
 * runs it, so its numbers cannot depend on that. */
#ifndef PAL_OP_H
#define PAL_OP_H

#include <palimpsest/context.h>
#include <palimpsest/type.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { PAL_MAX_INPUTS = 24, PAL_MAX_OUTPUTS = 8, PAL_MAX_PHASES = 4 };

typedef struct pal_graph pal_graph;
/* A handle to a value of a graph; id 0 is nil. */
typedef struct pal_value {
  uint32_t id;
} pal_value;
#ifdef __cplusplus
#define PAL_NIL (pal_value{0})
#else
#define PAL_NIL ((pal_value){0})
#endif

/* ---- attributes: a plain struct described by a table -------------------------- */

typedef struct pal_ints {
  const int64_t *at;
  size_t n;
} pal_ints;

typedef enum pal_attr_kind {
  PAL_ATTR_INT,    /* int64_t */
  PAL_ATTR_FLOAT,  /* double */
  PAL_ATTR_SYMBOL, /* pal_symbol */
  PAL_ATTR_STRING, /* const char *, copied into the graph; NULL is "" */
  PAL_ATTR_INTS    /* pal_ints, copied into the graph */
} pal_attr_kind;

typedef struct pal_attr_field {
  const char *name;
  pal_attr_kind kind;
  size_t offset; /* offsetof in the attribute struct */
} pal_attr_field;

/* ---- what an op's functions are given ------------------------------------------ */

/* Types in, types out. infer sets *n_out and out_type[0 .. *n_out - 1]. An absent
 * optional input has dtype PAL_NONE. To refuse: return pal_fail(error, PAL_E_SHAPE, ...);
 * the graph adds the op's name, the shapes and the caller's line. */
typedef struct pal_infer {
  const void *attrs;
  int n_in;
  const pal_type *in_type;
  int n_out;
  pal_type *out_type;
  pal_error *error;
} pal_infer;

/* One phase on a range. Pointers of absent inputs are NULL; in cost and
 * scratch calls all data pointers are NULL and rows are at capacity. */
typedef struct pal_run {
  const void *attrs;
  int n_in, n_out;
  const pal_type *in_type, *out_type;
  const int64_t *in_rows, *out_rows; /* active extent of axis 0 (1 for scalars) */
  const void *const *in;
  void *const *out;
  void *scratch;      /* the op's own, kept between its phases; 64-byte aligned */
  void *task_scratch; /* of whoever runs the range; undefined contents */
  /* Row phase: rows [begin, end) in units of the symbol of output 0 (of input 0 without
   * outputs; multiply by dim[0] of a type for its rows), or plain rows when static. Task phase:
   * tasks [begin, end). */
  int64_t begin, end;
  int64_t *bound; /* PAL_OP_BINDS: set the new symbol's count here before the last phase ends */
  pal_isa isa;
  pal_error *error; /* this worker's own; fail with pal_fail and return its code */
} pal_run;

typedef struct pal_phase {
  pal_status (*run)(const pal_run *run);
  /* Number of tasks, 0 or more; NULL makes the phase row-local. */
  int64_t (*tasks)(const pal_run *run);
  /* Bit i: this phase reads input i. 0: all. A phase that reads weights only (packing)
   * can start before the activations exist. */
  uint32_t reads;
  /* Row phases, bit i: input i is read at other rows than one's own (the source of a
   * gather), so it must be complete first. Static operands count as such anyway. */
  uint32_t whole;
  /* Of a first phase with tasks, or NULL: it fills the op's scratch with what the inputs of `reads` and
   * this number, which tells the form, decide; later phases only read it. While these stay as they
   * are it may be left out (pal_exec_hold). */
  int64_t (*form)(const pal_run *run);
} pal_phase;

/* The same op in double precision; every dtype is held as double. Plain loops that
 * share no code with the kernels. */
typedef struct pal_reference {
  const void *attrs;
  int n_in, n_out;
  const pal_type *in_type, *out_type;
  const int64_t *in_rows, *out_rows; /* out_rows of a bound symbol: at capacity */
  const double *const *in;
  double *const *out;
  int64_t *bound;
  pal_error *error;
} pal_reference;

/* Builds the gradient of one node. in_grad[i] is preset to nil; set it, with the type
 * of in[i], for every i with bit i of `wanted` that has one. out_grad[j] is nil where no
 * gradient arrives. */
typedef struct pal_gradient_call {
  pal_graph *graph;
  const void *attrs;
  int n_in, n_out;
  const pal_value *in, *out, *out_grad;
  pal_value *in_grad;
  uint32_t wanted;
} pal_gradient_call;

typedef struct pal_cost {
  double flops; /* matrix and attention products only count 2 per multiply-add */
  double bytes; /* read and written once */
} pal_cost;

typedef struct pal_case pal_case; /* case.h: random test cases of an op */

/* ---- the descriptor ------------------------------------------------------------ */

typedef enum pal_op_flags {
  PAL_OP_NO_GRADIENT = 1u << 0, /* declared: gradients end here (integers, decisions) */
  PAL_OP_VIEW = 1u << 1,        /* output 0 is input 0's bytes under another type; no phases */
  PAL_OP_RANDOM = 1u << 2,      /* draws random numbers; must have a string attribute "path" */
  PAL_OP_ROOT = 1u << 3,        /* kept even if nothing uses its outputs (checks) */
  PAL_OP_BINDS = 1u << 4        /* binds the symbol in its attribute "binds" at run time */
} pal_op_flags;

typedef struct pal_op {
  uint32_t abi_size; /* sizeof(pal_op) */
  const char *name;  /* lower_case, after ONNX and PyTorch */
  uint32_t version;
  const char *doc;    /* shapes, formula, which rows are read; several lines */
  int min_in, max_in; /* inputs; trailing ones may be left out */
  uint32_t optional;  /* bit i: input i may be nil */
  uint32_t flags;
  uint32_t in_place; /* bit i: output 0 may take input i's buffer (same type; each element
                          is read before its place is written) */
  uint32_t writes;   /* bit i: input i is a version of a variable that this op changes in
                          place; output 0 is its next version (see pal_write_rows) */
  const pal_attr_field *fields; /* n_fields of them */
  size_t n_fields;
  size_t attrs_size; /* sizeof of the attribute struct, which has no members besides the fields */

  pal_status (*infer)(pal_infer *call);
  pal_status (*gradient)(pal_gradient_call *call); /* NULL only with PAL_OP_NO_GRADIENT */
  pal_status (*reference)(const pal_reference *call);
  pal_phase phase[PAL_MAX_PHASES];                    /* ends at the first NULL run */
  size_t (*scratch)(const pal_run *at_capacity);      /* bytes; NULL: none */
  size_t (*task_scratch)(const pal_run *at_capacity); /* bytes per worker; NULL: none */
  /* With `writes`: puts back what was there. The last phase writes; the phase before has saved the
   * old rows in an output, so undo may be called once that one is over. */
  pal_status (*undo)(const pal_run *run);
  pal_cost (*cost)(const pal_run *run); /* NULL: no flops, bytes of all operands */
  /* Builds a random instance for the checks (case.h, check.h); NULL with a reason in no_case. */
  pal_value (*sample)(pal_case *random);
  const char *no_case;
} pal_op;

/* Defines an op under its name; the descriptor is borrowed and must outlive the context. Refuses,
 * naming it: a descriptor built against other headers (PAL_E_ABI), a name that is taken
 * (PAL_E_DUPLICATE), a member that is required and missing, unknown flags, masks of inputs that do
 * not exist, and a field table that is not the attribute struct: fields that overlap, have one name
 * or lie outside attrs_size, and bytes of attrs_size that no field covers. Nodes are equal when
 * their fields are, so what no field covers would not tell them apart. */
PAL_API pal_status pal_define_op(pal_context *context, const pal_op *op, pal_error *error);

/* One entry of a field table: PAL_FIELD(struct, member, PAL_ATTR_INT). */
#define PAL_FIELD(type, member, kind) \
  { #member, kind, offsetof(type, member) }

#ifdef __cplusplus
}
#endif
#endif
