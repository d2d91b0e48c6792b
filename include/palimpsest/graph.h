/* SPDX-License-Identifier: Apache-2.0 */
/* The graph: append-only, built once, compiled many times (plan.h).
 *
 * Builder calls return small handles. The first error is kept in the graph with the
 * op, the shapes and the caller's file and line; every later call is a no-op that
 * returns nil, so one check at pal_compile is enough. */
#ifndef PAL_GRAPH_H
#define PAL_GRAPH_H

#include <palimpsest/op.h>
#include <palimpsest/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* `store` may be NULL for a graph without variables; both are borrowed. NULL when out of
 * memory. */
PAL_API pal_graph *pal_graph_new(pal_context *context, pal_store *store);
PAL_API void pal_graph_free(pal_graph *graph);
PAL_API const pal_error *pal_graph_error(const pal_graph *graph);

/* The numeric class of matrix products (pal_matmul, pal_linear), each a different set of numbers:
 *   f32   operands and sums in f32
 *   bf16  operands rounded to bfloat16, to nearest even, and summed in f32 in the same order;
 *         subnormal numbers count as zeros. Values between ops, and so variables, remain f32. The
 *         same bits on every instruction set; fast where the processor has AVX512-BF16.
 * Holds for products built from then on, and for their gradients whenever those are built. A new
 * graph is f32. */
typedef enum pal_precision { PAL_PRECISION_F32, PAL_PRECISION_BF16 } pal_precision;
PAL_API void pal_graph_set_precision(pal_graph *graph, pal_precision precision);
PAL_API pal_precision pal_graph_precision(const pal_graph *graph);

/* Remembers the caller's place for error messages; returns `graph`. Every public builder is a macro
 * of its own name that calls it, so that an error names the line that called the builder. A file of
 * builders of one's own defines PAL_NO_CALLER before its first include: its calls then keep the place
 * of whoever called it. */
PAL_API pal_graph *pal_here(pal_graph *graph, const char *file, int line);
/* Fails the graph from a builder of one's own, with the caller's place; returns nil. */
PAL_API pal_value pal_graph_fail(pal_graph *graph, pal_status code, const char *format, ...)
    PAL_FORMAT(3, 4);

/* Names made between push and pop are prefixed "name."; scopes nest. */
PAL_API void pal_scope_push(pal_graph *graph, const char *format, ...) PAL_FORMAT(2, 3);
PAL_API void pal_scope_pop(pal_graph *graph);
/* "<scope>.<name>" in the graph's memory; the stable path of a random op or variable. */
PAL_API const char *pal_path(pal_graph *graph, const char *name);

/* A row count that is chosen at run time, 0 <= count <= capacity. */
PAL_API pal_symbol pal_symbol_new(pal_graph *graph, const char *name, int64_t capacity);
PAL_API int64_t pal_symbol_capacity(const pal_graph *graph, pal_symbol symbol);

/* Writes a type of this graph with its symbol's name, e.g. "f32[2*T,64]", for messages; see
 * pal_type_print. */
PAL_API char *pal_graph_type_print(const pal_graph *graph, const pal_type *type, char *text,
                                   size_t size);

/* A value the caller provides at every run; `name` is not scoped and is unique. */
PAL_API pal_value pal_input(pal_graph *graph, const char *name, pal_type type);
/* Static data, copied. */
PAL_API pal_value pal_constant(pal_graph *graph, pal_type type, const void *data);
/* A scalar f32 constant. */
PAL_API pal_value pal_scalar(pal_graph *graph, double value);
/* A scalar i32 constant. */
PAL_API pal_value pal_int(pal_graph *graph, int32_t value);
/* The contents, at the start of the run, of the store's variable "<scope>.<name>", which
 * is made if absent. */
PAL_API pal_value pal_variable_new(pal_graph *graph, const char *name, pal_type type, pal_role role,
                                   pal_init init);
/* The same for a parameter with traits of its own, see store.h. */
PAL_API pal_value pal_parameter_new(pal_graph *graph, const char *name, pal_type type,
                                    pal_init init, pal_traits traits);
/* The same for a variable the store already has; `name` is its full name. */
PAL_API pal_value pal_variable_old(pal_graph *graph, const char *name);
/* When the run succeeds, the variable read by `variable` becomes `value` (same type). */
PAL_API void pal_assign(pal_graph *graph, pal_value variable, pal_value value);
/* A value the caller can read after a run; `name` is not scoped and is unique. */
PAL_API void pal_output(pal_graph *graph, const char *name, pal_value value);
/* After a run that succeeds, input `input` of the next run is `value`: same dtype and
 * dims; where their symbols differ, the input's symbol takes the count of the value's. */
PAL_API void pal_loop(pal_graph *graph, pal_value input, pal_value value);

/* Applies op `name` to inputs (nil for absent optional ones); writes the op's outputs to
 * `out` when that is not NULL (PAL_MAX_OUTPUTS places, nil past the op's own); returns output 0. `attrs` may be NULL for ops without. */
PAL_API pal_value pal_apply(pal_graph *graph, const char *name, const pal_value *in, int n_in,
                            const void *attrs, pal_value *out);

/* The type of a value; a type of dtype PAL_NONE for nil. */
PAL_API pal_type pal_type_of(const pal_graph *graph, pal_value value);
PAL_API bool pal_is_nil(pal_value value);
/* The value itself, through which no gradient flows. */
PAL_API pal_value pal_stop_gradient(pal_graph *graph, pal_value value);
/* The store variable a value reads, or NULL when it is not a pal_variable_*. */
PAL_API pal_variable *pal_variable_of(const pal_graph *graph, pal_value value);

/* A stable text form, freed by the caller with free(); NULL when out of memory. */
PAL_API char *pal_graph_dump(const pal_graph *graph);
/* The graph of such a text; ops are looked up in `context`, variables made in `store`.
 * NULL on failure (PAL_E_FORMAT with the line). */
PAL_API pal_graph *pal_graph_parse(pal_context *context, pal_store *store, const char *text,
                                   pal_error *error);

#ifndef PAL_NO_CALLER /* the library's own builders keep the user's place instead */
#define PAL_HERE(graph) pal_here((graph), __FILE__, __LINE__)
#define pal_scope_push(g, ...) pal_scope_push(PAL_HERE(g), __VA_ARGS__)
#define pal_scope_pop(g) pal_scope_pop(PAL_HERE(g))
#define pal_path(g, ...) pal_path(PAL_HERE(g), __VA_ARGS__)
#define pal_symbol_new(g, ...) pal_symbol_new(PAL_HERE(g), __VA_ARGS__)
#define pal_input(g, ...) pal_input(PAL_HERE(g), __VA_ARGS__)
#define pal_constant(g, ...) pal_constant(PAL_HERE(g), __VA_ARGS__)
#define pal_scalar(g, ...) pal_scalar(PAL_HERE(g), __VA_ARGS__)
#define pal_int(g, ...) pal_int(PAL_HERE(g), __VA_ARGS__)
#define pal_variable_new(g, ...) pal_variable_new(PAL_HERE(g), __VA_ARGS__)
#define pal_parameter_new(g, ...) pal_parameter_new(PAL_HERE(g), __VA_ARGS__)
#define pal_variable_old(g, ...) pal_variable_old(PAL_HERE(g), __VA_ARGS__)
#define pal_assign(g, ...) pal_assign(PAL_HERE(g), __VA_ARGS__)
#define pal_output(g, ...) pal_output(PAL_HERE(g), __VA_ARGS__)
#define pal_loop(g, ...) pal_loop(PAL_HERE(g), __VA_ARGS__)
#define pal_apply(g, ...) pal_apply(PAL_HERE(g), __VA_ARGS__)
#define pal_stop_gradient(g, ...) pal_stop_gradient(PAL_HERE(g), __VA_ARGS__)
#endif

#ifdef __cplusplus
}
#endif
#endif
