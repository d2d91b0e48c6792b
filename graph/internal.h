/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of graph/ and autograd/ know of a graph (floor 1).
 *
 * Invariants: nodes are appended in topological order; node 0 and value 0 are nil; the
 * outputs of a node are consecutive values; after an error nothing is appended. */
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
  const pal_op *op;       /* OP */
  const void *attrs;      /* OP; in the graph's arena */
  pal_value *in;          /* OP; n_in values, nil for absent */
  uint32_t first_out;     /* id of output 0 */
  const char *name;       /* INPUT, VARIABLE */
  const void *data;       /* CONSTANT */
  pal_variable *variable; /* VARIABLE */
  const char *scope, *file;
  int line;
  uint32_t section; /* recompute section it was built in, 0 for none */
  uint32_t copy;    /* > 0: a recomputed copy, never merged with what it copies */
} pal_node;

typedef struct pal_value_record {
  pal_type type;
  uint32_t node;
  int index; /* which output of its node */
} pal_value_record;

typedef struct pal_symbol_record {
  const char *name;
  int64_t capacity;
  uint32_t binder; /* node that binds it at run time, 0 for the caller */
} pal_symbol_record;

typedef struct pal_named_value {
  const char *name; /* of an output */
  pal_value to;     /* assign: the variable; loop: the input */
  pal_value value;
} pal_named_value;

/* Growing arrays of the graph. */
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
  const char *file; /* the caller's place */
  int line;
  const char *scope; /* "" or "a.b" */
  PAL_LIST(const char *) scopes;
  PAL_LIST(pal_node) node;
  PAL_LIST(pal_value_record) value;
  PAL_LIST(pal_symbol_record) symbol; /* symbol 0 is static */
  PAL_LIST(pal_named_value) output, assign, loop;
  uint32_t sections, section; /* made so far; the open one or 0 */
  uint32_t copies;            /* recomputed copies made so far */
  pal_precision precision;    /* of products to be built */
  unsigned char attrs_fill;   /* of copied attributes where no field is; the op checker varies it */
};

/* Room for one more element; false when out of memory. */
bool pal_list_grow(void **at, size_t *room, size_t n, size_t element);
#define PAL_PUSH(list)                                                                   \
  ((list).n < (list).room ||                                                             \
           pal_list_grow((void **)&(list).at, &(list).room, (list).n, sizeof *(list).at) \
       ? &(list).at[(list).n++]                                                          \
       : NULL)

/* The node that makes a value; the nil node for nil and for no value of this graph. */
static inline pal_node *pal_node_of(const pal_graph *graph, pal_value value) {
  return &graph->node.at[graph->value.at[value.id < graph->value.n ? value.id : 0].node];
}
static inline pal_value pal_node_out(const pal_node *node, int i) {
  return (pal_value){node->first_out + (uint32_t)i};
}

/* Records the graph's first failure with the caller's file:line and scope. */
pal_status pal_graph_refuse(pal_graph *graph, pal_status code, const char *format, ...)
    PAL_FORMAT(3, 4);
/* Appends a node with its outputs' types; NULL when out of memory (the graph has failed). */
pal_node *pal_graph_append(pal_graph *graph, pal_node node, const pal_type *out, int n_out);
/* pal_apply for a known descriptor. */
pal_value pal_apply_op(pal_graph *graph, const pal_op *op, const pal_value *in, int n_in,
                       const void *attrs, pal_value *out);
/* A deep copy of the fields of an attribute struct in the graph's arena; NULL when out of memory. */
void *pal_attrs_copy(pal_graph *graph, const pal_op *op, const void *attrs);
/* Hash and equality of attribute structs by their fields. */
uint64_t pal_attrs_hash(const pal_op *op, const void *attrs);
bool pal_attrs_equal(const pal_op *op, const void *a, const void *b);
/* The symbols an op with PAL_OP_BINDS binds, attributes "binds" and "binds2"; returns how many. */
int pal_attrs_bound(const pal_op *op, const void *attrs, pal_symbol bound[2]);

/* More than any machine can address, and so little that no arithmetic on the sizes of operands, as for
 * packed copies and sums of values, overflows 64 bits. */
#define PAL_MOST_BYTES \
  ((uint64_t)(SIZE_MAX / 8 < (uint64_t)1 << 47 ? SIZE_MAX / 8 : (uint64_t)1 << 47))
/* Bytes of a value at the capacities of the graph's symbols; 0 and *overflow when they are more than
 * PAL_MOST_BYTES, extents of 0 counting as 1. */
size_t pal_graph_bytes(const pal_graph *graph, const pal_type *type, bool *overflow);
int64_t pal_graph_rows_at_capacity(const pal_graph *graph, const pal_type *type);

/* ---- passes ------------------------------------------------------------------------ */
/* A new graph: dead code gone, common subexpressions merged, constants folded; verified. Inputs are
 * all kept. NULL on failure. */
pal_graph *pal_rewrite(const pal_graph *graph, pal_error *error);
/* Checks the invariants every pass must leave intact; types are inferred again. */
pal_status pal_verify(const pal_graph *graph, pal_error *error);

/* ---- the registry inside a context, and its store's insides ------------------------------ */
pal_registry *pal_context_registry(pal_context *context);

struct pal_variable {
  char *name;
  pal_type type;
  pal_role role;
  pal_init init;
  pal_traits traits;
  uint64_t seed;
  size_t bytes;
  void *data[2]; /* present contents and the next; the other one is made on first need */
  int present;
  /* See parts.h. */
  pal_variable
      *whole;    /* where the present contents are: the block it is a part of, or NULL: its own */
  size_t offset; /* in the block, bytes */
  pal_variable **part; /* of a block, */
  int parts, left;     /* how many, and how many of them are elsewhere now */
};
/* Whether its traits are those of a variable that declares none. */
bool pal_traits_usual(const pal_variable *variable);
/* Makes the buffers that are absent. */
pal_status pal_variable_need_next(pal_variable *variable, pal_error *error);
/* The next contents become the present ones. */
void pal_variable_advance(pal_variable *variable);

/* ---- reference interpreter ---------------------------------------------------------------- */
struct pal_reference_result {
  const pal_graph *graph;
  size_t values;
  double **value; /* per value id, at capacity; NULL before it is computed */
  int64_t *count; /* per symbol */
};
/* An interpreter of `graph` whose leaves (inputs from `exec`, variables, constants) are loaded. */
pal_reference_result *pal_reference_new(const pal_graph *graph, const pal_exec *exec,
                                        pal_error *error);
/* Computes every op node from the leaves now in `value`. */
pal_status pal_reference_compute(pal_reference_result *result, pal_error *error);
#endif
