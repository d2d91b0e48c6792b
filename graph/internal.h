/* SPDX-License-Identifier: Apache-2.0 */
/* The private layout of a graph, shared by the files of graph/ and autograd/ (floor 1).
 *
 * A graph is two arrays. A node is an input, a constant, a variable or an op; a value is one output
 * of a node. Edges are value ids:
 *
 *   node   0 nil | 1 input "x" | 2 variable "w" | 3 op linear, in {1, 2}, first_out 3, n_out 1
 *   value  0 nil | 1 (node 1)  | 2 (node 2)     | 3 (node 3, index 0)
 *
 * Invariants: nodes are appended in topological order; node 0 and value 0 are nil; the outputs of a
 * node are consecutive values; after an error nothing is appended. */
#ifndef PAL_GRAPH_INTERNAL_H
#define PAL_GRAPH_INTERNAL_H

#include <palimpsest/plan.h>

#include "src/arena.h"
#include "src/registry.h"

typedef enum pal_node_kind {
  PAL_NODE_NIL,
  PAL_NODE_INPUT,
  PAL_NODE_CONSTANT,
  PAL_NODE_VARIABLE,
  PAL_NODE_OP
} pal_node_kind;

typedef struct pal_node {
  pal_node_kind kind;
  int n_in, n_out;
  const pal_op *op;         /* OP */
  const void *attrs;        /* OP; a copy in the graph's arena */
  pal_value *in;            /* OP; n_in values, nil for an absent optional input */
  uint32_t first_out;       /* id of output 0 */
  const char *name;         /* INPUT, VARIABLE */
  const void *data;         /* CONSTANT; row-major elements */
  pal_variable *variable;   /* VARIABLE */
  const char *scope, *file; /* where the caller built it, for error messages */
  int line;
  uint32_t section; /* recompute section it was built in, 0 for none */
  uint32_t copy;    /* > 0: a recomputed copy; never merged with its original */
} pal_node;

typedef struct pal_value_record {
  pal_type type;
  uint32_t node; /* id of the node that produces it */
  int index;     /* which output of that node */
} pal_value_record;

typedef struct pal_symbol_record {
  const char *name;
  int64_t capacity; /* largest count, in rows */
  uint32_t binder;  /* node that sets the count at run time; 0: the caller sets it */
} pal_symbol_record;

/* One entry of the lists `output`, `assign` and `loop`. */
typedef struct pal_named_value {
  const char *name; /* output: its name */
  pal_value to;     /* assign: the variable; loop: the input */
  pal_value value;  /* what is read, assigned or fed back */
} pal_named_value;

/* A growing array: `n` elements in use, memory for `room`. */
#define PAL_LIST(type) \
  struct {             \
    type *at;          \
    size_t n, room;    \
  }

struct pal_graph {
  pal_context *context;
  pal_store *store;
  pal_arena arena;
  pal_error error;
  const char *file; /* where the present builder call was made; see pal_here */
  int line;
  const char *scope; /* "" or "a.b" */
  PAL_LIST(const char *) scopes;
  PAL_LIST(pal_node) node;
  PAL_LIST(pal_value_record) value;
  PAL_LIST(pal_symbol_record) symbol; /* symbol 0 is static */
  PAL_LIST(pal_named_value) output, assign, loop;
  uint32_t sections;        /* recompute sections made so far */
  uint32_t section;         /* the open recompute section, 0 for none */
  uint32_t copies;          /* sections copied for recomputation so far; numbers the marks */
  pal_precision precision;  /* numeric class of the matrix products built from now on */
  unsigned char attrs_fill; /* byte that fills the padding of copied attribute structs; the op
                               checker varies it to find ops that read undeclared members */
};

/* Room for one more element; false when out of memory. */
bool pal_list_grow(void **at, size_t *room, size_t n, size_t element);
#define PAL_PUSH(list)                                                                   \
  ((list).n < (list).room ||                                                             \
           pal_list_grow((void **)&(list).at, &(list).room, (list).n, sizeof *(list).at) \
       ? &(list).at[(list).n++]                                                          \
       : NULL)

/* The node that produces a value; the nil node for nil and for an id outside the graph. */
static inline pal_node *pal_node_of(const pal_graph *graph, pal_value value) {
  return &graph->node.at[graph->value.at[value.id < graph->value.n ? value.id : 0].node];
}
static inline pal_value pal_node_out(const pal_node *node, int i) {
  return (pal_value){node->first_out + (uint32_t)i};
}

/* Records a failure, unless the graph has failed already, with the caller's file:line and scope. */
pal_status pal_graph_refuse(pal_graph *graph, pal_status code, const char *format, ...)
    PAL_FORMAT(3, 4);
/* Appends a node with its outputs' types; NULL when out of memory (the graph has failed). */
pal_node *pal_graph_append(pal_graph *graph, pal_node node, const pal_type *out, int n_out);
/* pal_apply for an op whose descriptor is at hand, without the look-up by name. */
pal_value pal_apply_op(pal_graph *graph, const pal_op *op, const pal_value *in, int n_in,
                       const void *attrs, pal_value *out);
/* A deep copy, in the graph's arena, of the declared fields of an attribute struct; NULL when out
 * of memory. */
void *pal_attrs_copy(pal_graph *graph, const pal_op *op, const void *attrs);
/* Hash and equality of attribute structs by their declared fields. */
uint64_t pal_attrs_hash(const pal_op *op, const void *attrs);
bool pal_attrs_equal(const pal_op *op, const void *a, const void *b);
/* The symbols that an op with PAL_OP_BINDS binds, those of its attributes "binds" and "binds2";
 * returns how many. */
int pal_attrs_bound(const pal_op *op, const void *attrs, pal_symbol bound[2]);

/* The largest size of a value, in bytes. No machine has that much memory, and sums and padded
 * copies of sizes up to it cannot overflow 64 bits. */
#define PAL_MOST_BYTES \
  ((uint64_t)(SIZE_MAX / 8 < (uint64_t)1 << 47 ? SIZE_MAX / 8 : (uint64_t)1 << 47))
/* Bytes of a value when every symbol is at its capacity. More than PAL_MOST_BYTES gives 0 and sets
 * *overflow; for that test an extent of 0 counts as 1, so that it cannot hide the others. */
size_t pal_graph_bytes(const pal_graph *graph, const pal_type *type, bool *overflow);
/* Rows of a value (extent of axis 0) when its symbol is at capacity. */
int64_t pal_graph_rows_at_capacity(const pal_graph *graph, const pal_type *type);

/* ---- passes ------------------------------------------------------------------------ */
/* A new graph after dead-code elimination, common-subexpression elimination and constant folding.
 * It has passed pal_verify. Inputs stay even if unused, so that callers can fill them. NULL on
 * failure. */
pal_graph *pal_rewrite(const pal_graph *graph, pal_error *error);
/* Checks the invariants that every pass must leave intact, among them each node's inferred
 * types. */
pal_status pal_verify(const pal_graph *graph, pal_error *error);

/* ---- the registry inside a context, and variables of a store ------------------------------ */
pal_registry *pal_context_registry(pal_context *context);

struct pal_variable {
  char *name;
  pal_type type;
  pal_role role;
  pal_init init;
  pal_traits traits;
  uint64_t seed; /* the store's */
  size_t bytes;
  /* Double buffer: data[present] holds the contents, the other one receives the next contents and
   * is allocated when the first plan that assigns the variable needs it. */
  void *data[2];
  int present; /* 0 or 1 */
  /* Blocks, see parts.h. A variable that is a part: */
  pal_variable *whole; /* the block that holds its contents; NULL: they are in data[present] */
  size_t offset;       /* of its contents in that block, in bytes */
  /* A variable that is a block: */
  pal_variable **part; /* [parts] */
  int parts;           /* number of parts, 0 when it is no block */
  int left;            /* parts whose contents are outside the block at present */
};
/* Whether the variable has the default traits, those of a variable that declares none. */
bool pal_traits_are_default(const pal_variable *variable);
/* Allocates the buffers of `data` that are absent. */
pal_status pal_variable_make_buffers(pal_variable *variable, pal_error *error);
/* Swaps the double buffer: the next contents become the present ones. A part leaves its block. */
void pal_variable_advance(pal_variable *variable);

/* ---- reference interpreter ---------------------------------------------------------------- */
struct pal_reference_result {
  const pal_graph *graph;
  size_t values;
  double **value; /* [value id] row-major elements, at capacity; NULL until computed */
  int64_t *count; /* [symbol id] active count */
};
/* An interpreter of `graph` whose leaves (inputs from `exec`, variables, constants) are loaded. */
pal_reference_result *pal_reference_new(const pal_graph *graph, const pal_exec *exec,
                                        pal_error *error);
/* Computes every op node from the leaves now in `value`. */
pal_status pal_reference_compute(pal_reference_result *result, pal_error *error);
#endif
