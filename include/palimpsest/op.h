/* SPDX-License-Identifier: Apache-2.0 */
/* The op descriptor: everything that the framework knows about an op.
 *
 * Built-in ops and those of plug-ins are defined by the same call,
 *   pal_define_op(context, &op, error);
 * and applied by pal_apply (graph.h). How to write one is in doc/write-an-op.md.
 *
 * An op has up to PAL_MAX_PHASES phases. All of a phase is over before the next one of the same op
 * begins. A phase is of one of two kinds. In a row-local phase, row t of the outputs depends on row
 * t of the row-wise inputs only; the framework calls it for ranges of rows, and runs chains of such
 * phases chunk by chunk without barriers. Any other phase is split into tasks, which write disjoint
 * memory. A phase does not learn which thread runs it, so its results cannot depend on that; they
 * must not depend on how the range was split either. */
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

/* ---- attributes: a plain struct that a table describes -------------------------- */

/* A list of n integers. */
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

/* One member of the attribute struct; see PAL_FIELD. */
typedef struct pal_attr_field {
  const char *name;
  pal_attr_kind kind;
  size_t offset; /* offsetof in the attribute struct */
} pal_attr_field;

/* ---- arguments of an op's functions ------------------------------------------ */

/* The argument of `infer`, which checks the types of the inputs and sets n_out (0 before the call)
 * and out_type[0 .. n_out - 1]. An optional input that is not given has dtype PAL_NONE. To refuse
 * the inputs, return pal_fail(call->error, PAL_E_SHAPE, ...); the graph adds the op's name, the
 * shapes and the caller's line. */
typedef struct pal_infer {
  const void *attrs;
  int n_in;
  const pal_type *in_type;
  int n_out;
  pal_type *out_type;
  pal_error *error;
} pal_infer;

/* The argument of `run`: one phase on a range of rows or tasks. The data pointer of an input that
 * is not given is NULL. In calls of `cost`, `scratch` and `task_scratch` all data pointers are
 * NULL, and numbers of rows are those at capacity. */
typedef struct pal_run {
  const void *attrs;
  int n_in, n_out;
  const pal_type *in_type, *out_type;
  const int64_t *in_rows, *out_rows; /* active extents of axis 0; 1 for scalars */
  const void *const *in;
  void *const *out;
  void *scratch;      /* of the node: later phases read what earlier ones wrote; 64-byte aligned */
  void *task_scratch; /* of the worker that runs the range; contents undefined; 64-byte aligned */
  /* The range begin .. end - 1. In a row-local phase it counts units of the symbol of output 0 (of
   * input 0 if there are no outputs): a symbolic operand has dim[0] rows per unit. If that operand
   * is static the range counts its rows. In a phase with tasks it counts tasks. */
  int64_t begin, end;
  int64_t
      *bound;  /* PAL_OP_BINDS: counts of the new symbols, to be set before the last phase ends */
  pal_isa isa; /* the instruction set whose kernels are to be used */
  pal_error *error; /* this worker's; to fail, return pal_fail(run->error, code, ...) */
} pal_run;

/* One phase of an op. */
typedef struct pal_phase {
  pal_status (*run)(const pal_run *run);
  /* Number of tasks, 0 or more; NULL makes the phase row-local. */
  int64_t (*tasks)(const pal_run *run);
  /* Bit i: this phase reads input i; 0 stands for all inputs. A phase that reads weights only, such
   * as packing, can then start before the activations exist. */
  uint32_t reads;
  /* For a row-local phase, bit i: input i is read at other rows than those of the range, as the
   * source of a gather is, so all of it must be complete first. Static inputs are always
   * complete. */
  uint32_t whole;
  /* Makes the results of a first phase with tasks cacheable (packed weights); NULL: they are not.
   * The phase fills `scratch` with contents that depend only on the inputs in `reads` and on the
   * number that this function returns, for instance the layout that suits the number of rows; later
   * phases only read `scratch`. While the inputs and the number are the same as in the run before,
   * the phase may be skipped (pal_exec_hold). */
  int64_t (*form)(const pal_run *run);
} pal_phase;

/* The argument of `reference`, which computes the op in double precision, with elements of every
 * dtype given as double. It should be plain loops that share no code with the kernels, since tests
 * compare the two. It must refuse the same data as the kernels do. */
typedef struct pal_reference {
  const void *attrs;
  int n_in, n_out;
  const pal_type *in_type, *out_type;
  const int64_t *in_rows, *out_rows; /* active rows; at capacity for a symbol that the op binds */
  const double *const *in;
  double *const *out;
  int64_t *bound; /* as in pal_run */
  pal_error *error;
} pal_reference;

/* The argument of `gradient`, which builds the gradient of one node from other ops. in_grad[i] is
 * nil on entry; it is to be set, to a value of the type of in[i], for every input i that has a
 * gradient and whose bit in `wanted` is set. out_grad[j] is nil if no gradient reaches output j. */
typedef struct pal_gradient_call {
  pal_graph *graph;
  const void *attrs;
  int n_in, n_out;
  const pal_value *in, *out, *out_grad;
  pal_value *in_grad;
  uint32_t wanted;
} pal_gradient_call;

typedef struct pal_cost {
  double flops; /* of matrix and attention products only, 2 per multiply-add */
  double bytes; /* read and written, each operand once */
} pal_cost;

typedef struct pal_case pal_case; /* case.h: random test cases of an op */

/* ---- the descriptor ------------------------------------------------------------ */

typedef enum pal_op_flags {
  PAL_OP_NO_GRADIENT = 1u << 0, /* has no gradient, since its results are integers or decisions */
  PAL_OP_VIEW = 1u << 1,        /* output 0 is the bytes of input 0 with another type; no phases */
  PAL_OP_RANDOM = 1u << 2,      /* draws random numbers; must have a string attribute "path" */
  PAL_OP_ROOT = 1u << 3,        /* is not removed if nothing uses its outputs; for checks */
  PAL_OP_BINDS = 1u << 4        /* sets at run time the count of the symbol in attribute "binds" */
} pal_op_flags;

typedef struct pal_op {
  uint32_t abi_size;  /* sizeof(pal_op) */
  const char *name;   /* lower_case, after ONNX and PyTorch */
  uint32_t version;   /* 1, and more when the op's results change */
  const char *doc;    /* shapes, formula, which rows are read, errors; several lines */
  int min_in, max_in; /* numbers of inputs; those from min_in on may be left out */
  uint32_t optional;  /* bit i: input i may be nil */
  uint32_t flags;     /* of pal_op_flags */
  /* Bit i: output 0 may be written over input i, an in-place update. They must have the same type,
   * and each element must be read before the element in its place is written. */
  uint32_t in_place;
  /* Bit i: input i is a version of a variable, which this op changes in place; output 0 is its next
   * version. See pal_write_rows. */
  uint32_t writes;
  const pal_attr_field *fields; /* [n_fields] */
  size_t n_fields;
  size_t attrs_size; /* sizeof the attribute struct, which has no members besides the fields */

  pal_status (*infer)(pal_infer *call);
  pal_status (*gradient)(pal_gradient_call *call); /* NULL only with PAL_OP_NO_GRADIENT */
  pal_status (*reference)(const pal_reference *call);
  pal_phase phase[PAL_MAX_PHASES];                    /* up to the first whose `run` is NULL */
  size_t (*scratch)(const pal_run *at_capacity);      /* bytes; NULL: none */
  size_t (*task_scratch)(const pal_run *at_capacity); /* bytes per worker; NULL: none */
  /* Required with `writes`: puts the old contents back when a run fails. The last phase is the one
   * that writes, and the phase before it saves the old rows in an output; undo may be called as
   * soon as that phase is over. */
  pal_status (*undo)(const pal_run *run);
  pal_cost (*cost)(const pal_run *run); /* NULL: no flops, and the bytes of all operands */
  /* Builds a random instance for pal_check_op (case.h, check.h). If it is NULL, no_case must say
   * why. */
  pal_value (*sample)(pal_case *random);
  const char *no_case;
} pal_op;

/* Defines an op under its name. The descriptor is not copied and must outlive the context.
 *
 * Refuses, and says what is wrong: a descriptor built against other headers (PAL_E_ABI); a name
 * that is taken (PAL_E_DUPLICATE); a required member that is missing, unknown flags, and masks of
 * inputs that do not exist; and a field table that does not describe the attribute struct, because
 * fields overlap, have the same name or lie outside attrs_size, or because bytes of attrs_size are
 * covered by no field. The last matters since two nodes are merged when their inputs and fields are
 * equal: what no field covers would not be compared. */
PAL_API pal_status pal_define_op(pal_context *context, const pal_op *op, pal_error *error);

/* An entry of a field table: PAL_FIELD(type of the struct, member, PAL_ATTR_INT). */
#define PAL_FIELD(type, member, kind) \
  { #member, kind, offsetof(type, member) }

#ifdef __cplusplus
}
#endif
#endif
