/* SPDX-License-Identifier: Apache-2.0 */
/* The graph: a static dataflow graph of ops on typed tensors, built once and compiled to plans
 * (plan.h).
 *
 *   pal_symbol rows = pal_symbol_new(g, "T", 512);                      // at most 512 rows
 *   pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, rows, 1, 64));    // [T, 64]
 *   pal_value w = pal_variable_new(g, "w", PAL_TYPE(PAL_F32, PAL_STATIC, 64, 64), PAL_PARAMETER,
 *                                  PAL_NORMAL(0.02));
 *   pal_output(g, "y", pal_matmul(g, x, w, false, false));
 *
 * Builder calls append to the graph and return small handles. The graph records the first error
 * with the op, the shapes and the caller's file and line; every later call does nothing and returns
 * nil, so one check at pal_compile is enough. */
#ifndef PAL_GRAPH_H
#define PAL_GRAPH_H

#include <palimpsest/op.h>
#include <palimpsest/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An empty graph. `store` may be NULL for a graph without variables. Context and store are borrowed
 * and must outlive the graph. NULL when out of memory. */
PAL_API pal_graph *pal_graph_new(pal_context *context, pal_store *store);
PAL_API void pal_graph_free(pal_graph *graph);
/* The graph's first error; its code is PAL_OK while there is none. */
PAL_API const pal_error *pal_graph_error(const pal_graph *graph);

/* The numeric class of matrix products (pal_matmul, pal_linear). Results of the two classes differ:
 *   f32   operands and sums in f32
 *   bf16  operands rounded to bfloat16, to nearest even, and summed in f32 in the same order;
 *         subnormal numbers count as zeros. Values between ops, and so variables, remain f32. The
 *         same bits on every instruction set; fast where the processor has AVX512-BF16.
 * The setting applies to products built after the call, and to their gradients whenever those are
 * built. A new graph is f32. */
typedef enum pal_precision { PAL_PRECISION_F32, PAL_PRECISION_BF16 } pal_precision;
PAL_API void pal_graph_set_precision(pal_graph *graph, pal_precision precision);
PAL_API pal_precision pal_graph_precision(const pal_graph *graph);

/* Records the caller's file and line for error messages; returns `graph`. Every public builder is
 * also a macro of the same name that calls pal_here, so that an error names the line that called
 * the builder. A file that implements builders of its own defines PAL_NO_CALLER before its first
 * include; errors then name the line that called those builders. */
PAL_API pal_graph *pal_here(pal_graph *graph, const char *file, int line);
/* For builders of your own: records an error in the graph with the caller's file and line; returns
 * nil. */
PAL_API pal_value pal_graph_fail(pal_graph *graph, pal_status code, const char *format, ...)
    PAL_FORMAT(3, 4);

/* Variables and paths made between push and pop have the prefix "name."; scopes nest. A name
 * has at most 199 bytes; the graph fails for a longer one. */
PAL_API void pal_scope_push(pal_graph *graph, const char *format, ...) PAL_FORMAT(2, 3);
PAL_API void pal_scope_pop(pal_graph *graph);
/* "<scope>.<name>", owned by the graph. Variables are named by it, and a random op draws its
 * numbers by it, so renaming a scope changes first contents and draws. */
PAL_API const char *pal_path(pal_graph *graph, const char *name);

/* A symbol: a row count that is chosen at run time (pal_exec_count), 0 <= count <= capacity. Names
 * are unique in a graph. */
PAL_API pal_symbol pal_symbol_new(pal_graph *graph, const char *name, int64_t capacity);
PAL_API int64_t pal_symbol_capacity(const pal_graph *graph, pal_symbol symbol);

/* Writes a type of this graph with the name of its symbol, e.g. "f32[2*T,64]", to at most `size`
 * bytes of `text`, and returns `text`. */
PAL_API char *pal_graph_type_print(const pal_graph *graph, const pal_type *type, char *text,
                                   size_t size);

/* A value that the caller provides before a run (pal_exec_input). `name` has no scope and is
 * unique. */
PAL_API pal_value pal_input(pal_graph *graph, const char *name, pal_type type);
/* A constant of a type without symbol; its row-major elements are copied from `data`. */
PAL_API pal_value pal_constant(pal_graph *graph, pal_type type, const void *data);
/* A scalar f32 constant. */
PAL_API pal_value pal_scalar(pal_graph *graph, double value);
/* A scalar i32 constant. */
PAL_API pal_value pal_int(pal_graph *graph, int32_t value);
/* The contents, at the start of a run, of the store's variable "<scope>.<name>", which is made with
 * `init` if absent. */
PAL_API pal_value pal_variable_new(pal_graph *graph, const char *name, pal_type type, pal_role role,
                                   pal_init init);
/* The same for a parameter (role PAL_PARAMETER) that declares its traits, see store.h. */
PAL_API pal_value pal_parameter_new(pal_graph *graph, const char *name, pal_type type,
                                    pal_init init, pal_traits traits);
/* The same for a variable the store already has; `name` is its full name. */
PAL_API pal_value pal_variable_old(pal_graph *graph, const char *name);
/* When a run succeeds, the variable read by `variable` gets the contents of `value`, of the same
 * type. */
PAL_API void pal_assign(pal_graph *graph, pal_value variable, pal_value value);
/* A value that the caller can read after a run (pal_exec_output). `name` has no scope and is
 * unique. */
PAL_API void pal_output(pal_graph *graph, const char *name, pal_value value);
/* Feeds a value back: after a run that succeeds, `input` has the contents of `value` in the next
 * run. Both have the same dtype and dims; if their symbols differ, the count of the value's symbol
 * becomes that of the input's symbol. */
PAL_API void pal_loop(pal_graph *graph, pal_value input, pal_value value);

/* Applies op `name` to n_in inputs (nil for an absent optional one) and returns output 0. Unless
 * `out` is NULL it has room for PAL_MAX_OUTPUTS values and receives all outputs, then nil. `attrs`
 * is the op's attribute struct; NULL for an op without attributes. */
PAL_API pal_value pal_apply(pal_graph *graph, const char *name, const pal_value *in, int n_in,
                            const void *attrs, pal_value *out);

/* The type of a value; dtype PAL_NONE for nil. */
PAL_API pal_type pal_type_of(const pal_graph *graph, pal_value value);
PAL_API bool pal_is_nil(pal_value value);
/* The value itself, through which no gradient flows. */
PAL_API pal_value pal_stop_gradient(pal_graph *graph, pal_value value);
/* The store variable that a value reads, or NULL when the value is not a variable. */
PAL_API pal_variable *pal_variable_of(const pal_graph *graph, pal_value value);

/* The graph as text, to be freed with free(); NULL when out of memory. Equal graphs give equal
 * text. */
PAL_API char *pal_graph_dump(const pal_graph *graph);
/* Builds the graph of such a text. Ops are looked up in `context`, variables are made in `store`.
 * NULL on failure: PAL_E_FORMAT with the line, or the error of the call that the line stands
 * for. */
PAL_API pal_graph *pal_graph_parse(pal_context *context, pal_store *store, const char *text,
                                   pal_error *error);

#ifndef PAL_NO_CALLER /* see pal_here */
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
