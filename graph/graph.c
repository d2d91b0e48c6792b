/* SPDX-License-Identifier: Apache-2.0 */
/* The builder of graphs (floor 1). See graph.h. */
#define PAL_NO_CALLER
#include "graph/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/alloc.h"
#include "src/number.h"

pal_graph *pal_graph_new(pal_context *context, pal_store *store) {
  pal_graph *graph = pal_calloc(1, sizeof *graph);
  if (!graph) return NULL;
  graph->context = context;
  graph->store = store;
  graph->file = "?";
  graph->scope = "";
  pal_node *nil = PAL_PUSH(graph->node);
  pal_value_record *nothing = PAL_PUSH(graph->value);
  pal_symbol_record *fixed = PAL_PUSH(graph->symbol);
  if (!nil || !nothing || !fixed) {
    pal_graph_free(graph);
    return NULL;
  }
  *nil = (pal_node){.scope = "", .file = "?", .name = ""};
  *nothing = (pal_value_record){.type = {.dtype = PAL_NONE}};
  *fixed = (pal_symbol_record){.name = "", .capacity = 1};
  return graph;
}

void pal_graph_free(pal_graph *graph) {
  if (!graph) return;
  pal_free(graph->scopes.at);
  pal_free(graph->node.at);
  pal_free(graph->value.at);
  pal_free(graph->symbol.at);
  pal_free(graph->output.at);
  pal_free(graph->assign.at);
  pal_free(graph->loop.at);
  pal_arena_free(&graph->arena);
  pal_free(graph);
}

const pal_error *pal_graph_error(const pal_graph *graph) { return &graph->error; }
void pal_graph_set_precision(pal_graph *graph, pal_precision precision) {
  graph->precision = precision;
}
pal_precision pal_graph_precision(const pal_graph *graph) { return graph->precision; }
bool pal_is_nil(pal_value value) { return value.id == 0; }

pal_graph *pal_here(pal_graph *graph, const char *file, int line) {
  if (graph && !graph->error.code) {
    graph->file = file;
    graph->line = line;
  }
  return graph;
}

/* ---- failures ------------------------------------------------------------------------ */

static pal_status refuse(pal_graph *graph, pal_status code, const char *format, va_list args) {
  char text[4096]; /* pal_fail shows the beginning and the end of a longer one */
  pal_number_print(text, sizeof text, format, args);
  if (graph->scope[0])
    return pal_fail(&graph->error, code, "%s:%d: %s (in scope \"%s\")", graph->file, graph->line,
                    text, graph->scope);
  return pal_fail(&graph->error, code, "%s:%d: %s", graph->file, graph->line, text);
}

pal_status pal_graph_refuse(pal_graph *graph, pal_status code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  pal_status status = refuse(graph, code, format, args);
  va_end(args);
  return status;
}

pal_value pal_graph_fail(pal_graph *graph, pal_status code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  refuse(graph, code, format, args);
  va_end(args);
  return PAL_NIL;
}

static pal_value out_of_memory(pal_graph *graph) {
  return pal_graph_fail(graph, PAL_E_MEMORY, "no memory for the graph");
}

/* ---- names ---------------------------------------------------------------------------- */

void pal_scope_push(pal_graph *graph, const char *format, ...) {
  char name[200];
  va_list args;
  va_start(args, format);
  const int length = pal_number_print(name, sizeof name, format, args);
  va_end(args);
  if (graph->error.code) return;
  if (length < 0 || (size_t)length >= sizeof name) {
    pal_graph_fail(graph, PAL_E_ARGUMENT, "the name of scope \"%s...\" is longer than %zu bytes",
                   name, sizeof name - 1);
    return;
  }
  const char *path = pal_path(graph, name);
  const char **old = path ? PAL_PUSH(graph->scopes) : NULL;
  if (!old) {
    out_of_memory(graph);
    return;
  }
  *old = graph->scope;
  graph->scope = path;
}

void pal_scope_pop(pal_graph *graph) {
  if (graph->error.code) return;
  if (graph->scopes.n == 0) {
    pal_graph_fail(graph, PAL_E_ARGUMENT, "pal_scope_pop without pal_scope_push");
    return;
  }
  graph->scope = graph->scopes.at[--graph->scopes.n];
}

const char *pal_path(pal_graph *graph, const char *name) {
  if (graph->error.code) return "";
  size_t a = strlen(graph->scope), b = strlen(name);
  char *path = pal_arena_alloc(&graph->arena, a + b + 2);
  if (!path) {
    out_of_memory(graph);
    return "";
  }
  snprintf(path, a + b + 2, "%s%s%s", graph->scope, a ? "." : "", name);
  return path;
}

/* A copy of a name in the graph's arena. */
static const char *copy_name(pal_graph *graph, const char *name) {
  const char *kept = pal_arena_strdup(&graph->arena, name);
  if (!kept) out_of_memory(graph);
  return kept;
}

/* ---- symbols and types ------------------------------------------------------------------ */

pal_symbol pal_symbol_new(pal_graph *graph, const char *name, int64_t capacity) {
  if (graph->error.code) return PAL_STATIC;
  if (capacity < 0 || capacity > INT32_MAX || graph->symbol.n >= UINT16_MAX) {
    pal_graph_fail(
        graph, PAL_E_ARGUMENT,
        "symbol \"%s\": capacity %lld is not in 0..2^31-1, or there are too many symbols", name,
        (long long)capacity);
    return PAL_STATIC;
  }
  for (size_t i = 1; i < graph->symbol.n; i++)
    if (strcmp(graph->symbol.at[i].name, name) == 0) {
      pal_graph_fail(graph, PAL_E_DUPLICATE, "a symbol named \"%s\" exists already", name);
      return PAL_STATIC;
    }
  const char *kept = copy_name(graph, name);
  pal_symbol_record *s = kept ? PAL_PUSH(graph->symbol) : NULL;
  if (!s) {
    out_of_memory(graph);
    return PAL_STATIC;
  }
  *s = (pal_symbol_record){.name = kept, .capacity = capacity};
  return (pal_symbol){(uint16_t)(graph->symbol.n - 1)};
}

int64_t pal_symbol_capacity(const pal_graph *graph, pal_symbol symbol) {
  return symbol.id < graph->symbol.n ? graph->symbol.at[symbol.id].capacity : 0;
}

char *pal_graph_type_print(const pal_graph *graph, const pal_type *type, char *text, size_t size) {
  const uint16_t id = type->symbol.id;
  if (id >= graph->symbol.n)
    return pal_type_print(type, text, size); /* of no symbol of this graph */
  return pal_type_print_named(type, graph->symbol.at[id].name, text, size);
}

int64_t pal_graph_rows_at_capacity(const pal_graph *graph, const pal_type *type) {
  return pal_type_rows(type, pal_symbol_capacity(graph, type->symbol));
}

size_t pal_graph_bytes(const pal_graph *graph, const pal_type *type, bool *overflow) {
  uint64_t bytes = pal_dtype_size(type->dtype);
  bool empty = false;
  for (int i = 0; i < type->rank;
       i++) { /* an extent of 0 must not hide an overflow of the others */
    empty |= type->dim[i] == 0;
    if (__builtin_mul_overflow(bytes, (uint64_t)(type->dim[i] ? type->dim[i] : 1), &bytes))
      *overflow = true;
  }
  if (type->symbol.id &&
      __builtin_mul_overflow(bytes, (uint64_t)pal_symbol_capacity(graph, type->symbol), &bytes))
    *overflow = true;
  if (bytes > PAL_MOST_BYTES) *overflow = true;
  return *overflow || empty ? 0 : (size_t)bytes;
}

/* Whether a tensor can have the type: known dtype and symbol, no negative extents, no overflow. If
 * not, the graph fails; `what` names the tensor. */
static bool type_is_sound(pal_graph *graph, const pal_type *type, const char *what) {
  char text[96];
  bool sound = type->dtype >= PAL_F32 && type->dtype <= PAL_U8 && type->rank <= PAL_MAX_DIMS &&
               type->symbol.id < graph->symbol.n && (type->rank > 0 || type->symbol.id == 0);
  for (int i = 0; sound && i < type->rank; i++) sound = type->dim[i] >= 0;
  bool overflow = false;
  if (sound) pal_graph_bytes(graph, type, &overflow);
  if (sound && !overflow) return true;
  pal_graph_refuse(graph, PAL_E_SHAPE, "%s: no tensor can have the type %s", what,
                   pal_graph_type_print(graph, type, text, sizeof text));
  return false;
}

pal_type pal_type_of(const pal_graph *graph, pal_value value) {
  return graph->value.at[value.id < graph->value.n ? value.id : 0].type;
}

pal_variable *pal_variable_of(const pal_graph *graph, pal_value value) {
  const pal_node *node = pal_node_of(graph, value);
  return node->kind == PAL_NODE_VARIABLE ? node->variable : NULL;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

pal_node *pal_graph_append(pal_graph *graph, pal_node node, const pal_type *out, int n_out) {
  node.scope = node.scope ? node.scope : graph->scope;
  node.file = node.file ? node.file : graph->file;
  node.line = node.line ? node.line : graph->line;
  node.first_out = (uint32_t)graph->value.n;
  node.n_out = n_out;
  uint32_t id = (uint32_t)graph->node.n;
  pal_node *place = PAL_PUSH(graph->node);
  if (place) *place = node;
  for (int i = 0; place && i < n_out; i++) {
    pal_value_record *v = PAL_PUSH(graph->value);
    if (v) *v = (pal_value_record){.type = out[i], .node = id, .index = i};
    else place = NULL;
  }
  if (!place) { /* undo a half-appended node */
    graph->node.n = id;
    graph->value.n = node.first_out;
    out_of_memory(graph);
  }
  return place;
}

pal_value pal_input(pal_graph *graph, const char *name, pal_type type) {
  if (graph->error.code || !type_is_sound(graph, &type, name)) return PAL_NIL;
  for (size_t i = 1; i < graph->node.n; i++)
    if (graph->node.at[i].kind == PAL_NODE_INPUT && strcmp(graph->node.at[i].name, name) == 0)
      return pal_graph_fail(graph, PAL_E_DUPLICATE, "an input named \"%s\" exists already", name);
  pal_node node = {.kind = PAL_NODE_INPUT, .name = copy_name(graph, name)};
  if (!node.name) return PAL_NIL;
  pal_node *made = pal_graph_append(graph, node, &type, 1);
  return made ? pal_node_out(made, 0) : PAL_NIL;
}

pal_value pal_constant(pal_graph *graph, pal_type type, const void *data) {
  if (graph->error.code || !type_is_sound(graph, &type, "constant")) return PAL_NIL;
  if (type.symbol.id)
    return pal_graph_fail(graph, PAL_E_SHAPE, "the type of a constant cannot have a symbol");
  bool overflow = false;
  size_t bytes = pal_graph_bytes(graph, &type, &overflow);
  pal_node node = {.kind = PAL_NODE_CONSTANT, .data = pal_arena_copy(&graph->arena, data, bytes)};
  if (!node.data) return out_of_memory(graph);
  pal_node *made = pal_graph_append(graph, node, &type, 1);
  return made ? pal_node_out(made, 0) : PAL_NIL;
}

pal_value pal_scalar(pal_graph *graph, double value) {
  float f = (float)value;
  return pal_constant(graph, pal_type_scalar(PAL_F32), &f);
}

pal_value pal_int(pal_graph *graph, int32_t value) {
  return pal_constant(graph, pal_type_scalar(PAL_I32), &value);
}

static pal_value variable_node(pal_graph *graph, pal_variable *variable) {
  for (size_t i = 1; i < graph->node.n; i++) /* a variable has one node, its first version */
    if (graph->node.at[i].kind == PAL_NODE_VARIABLE && graph->node.at[i].variable == variable)
      return pal_node_out(&graph->node.at[i], 0);
  pal_node node = {.kind = PAL_NODE_VARIABLE, .name = variable->name, .variable = variable};
  pal_node *made = pal_graph_append(graph, node, &variable->type, 1);
  return made ? pal_node_out(made, 0) : PAL_NIL;
}

pal_value pal_variable_new(pal_graph *graph, const char *name, pal_type type, pal_role role,
                           pal_init init) {
  if (graph->error.code || !type_is_sound(graph, &type, name)) return PAL_NIL;
  if (!graph->store)
    return pal_graph_fail(graph, PAL_E_ARGUMENT, "variable \"%s\": the graph has no store", name);
  pal_variable *variable = NULL;
  pal_error error = {0};
  if (pal_store_variable(graph->store, pal_path(graph, name), type, role, init, &variable, &error))
    return pal_graph_fail(graph, error.code, "%s", error.text);
  return variable_node(graph, variable);
}

pal_value pal_parameter_new(pal_graph *graph, const char *name, pal_type type, pal_init init,
                            pal_traits traits) {
  if (graph->error.code || !type_is_sound(graph, &type, name)) return PAL_NIL;
  if (!graph->store)
    return pal_graph_fail(graph, PAL_E_ARGUMENT, "parameter \"%s\": the graph has no store", name);
  pal_variable *variable = NULL;
  pal_error error = {0};
  if (pal_store_parameter(graph->store, pal_path(graph, name), type, init, traits, &variable,
                          &error))
    return pal_graph_fail(graph, error.code, "%s", error.text);
  return variable_node(graph, variable);
}

pal_value pal_variable_old(pal_graph *graph, const char *name) {
  if (graph->error.code) return PAL_NIL;
  pal_variable *variable = graph->store ? pal_store_find(graph->store, name) : NULL;
  if (!variable)
    return pal_graph_fail(graph, PAL_E_NOT_FOUND, "the store has no variable \"%s\"", name);
  return variable_node(graph, variable);
}

/* ---- what a run leaves behind ---------------------------------------------------------------- */

static pal_named_value *push_named(pal_graph *graph, pal_named_value item, const char *what) {
  if (graph->error.code) return NULL;
  if (pal_is_nil(item.value) || item.value.id >= graph->value.n || item.to.id >= graph->value.n) {
    pal_graph_refuse(graph, PAL_E_ARGUMENT, "%s of a nil value", what);
    return NULL;
  }
  pal_named_value *place = what[0] == 'o'   ? PAL_PUSH(graph->output)
                           : what[0] == 'a' ? PAL_PUSH(graph->assign)
                                            : PAL_PUSH(graph->loop);
  if (place) *place = item;
  else out_of_memory(graph);
  return place;
}

void pal_assign(pal_graph *graph, pal_value variable, pal_value value) {
  if (graph->error.code) return;
  if (pal_node_of(graph, variable)->kind != PAL_NODE_VARIABLE) {
    pal_graph_refuse(graph, PAL_E_ARGUMENT, "pal_assign: the first value is not a variable");
    return;
  }
  for (size_t i = 0; i < graph->assign.n; i++)
    if (graph->assign.at[i].to.id == variable.id) {
      pal_graph_refuse(graph, PAL_E_DUPLICATE, "variable \"%s\" is assigned twice",
                       pal_node_of(graph, variable)->name);
      return;
    }
  char a[96], b[96];
  pal_type want = pal_type_of(graph, variable), have = pal_type_of(graph, value);
  if (!pal_type_equal(&want, &have)) {
    pal_graph_refuse(graph, PAL_E_SHAPE, "pal_assign: variable \"%s\" is %s, but the value is %s",
                     pal_node_of(graph, variable)->name,
                     pal_graph_type_print(graph, &want, a, sizeof a),
                     pal_graph_type_print(graph, &have, b, sizeof b));
    return;
  }
  push_named(graph, (pal_named_value){.to = variable, .value = value}, "assign");
}

void pal_output(pal_graph *graph, const char *name, pal_value value) {
  if (graph->error.code) return;
  for (size_t i = 0; i < graph->output.n; i++)
    if (strcmp(graph->output.at[i].name, name) == 0) {
      pal_graph_refuse(graph, PAL_E_DUPLICATE, "an output named \"%s\" exists already", name);
      return;
    }
  const char *kept = copy_name(graph, name);
  if (kept) push_named(graph, (pal_named_value){.name = kept, .value = value}, "output");
}

void pal_loop(pal_graph *graph, pal_value input, pal_value value) {
  if (graph->error.code) return;
  pal_type a = pal_type_of(graph, input), b = pal_type_of(graph, value);
  pal_type like = b;
  like.symbol = a.symbol;
  char at[96], bt[96];
  if (pal_node_of(graph, input)->kind != PAL_NODE_INPUT || !pal_type_equal(&a, &like) ||
      (a.symbol.id == 0) != (b.symbol.id == 0)) {
    pal_graph_refuse(
        graph, PAL_E_SHAPE,
        "pal_loop needs an input and a value of the same dtype and dims, not %s and %s",
        pal_graph_type_print(graph, &a, at, sizeof at),
        pal_graph_type_print(graph, &b, bt, sizeof bt));
    return;
  }
  for (size_t i = 0; i < graph->loop.n; i++) {
    const pal_named_value *other = &graph->loop.at[i];
    if (other->to.id == input.id) {
      pal_graph_refuse(graph, PAL_E_DUPLICATE, "input \"%s\" is looped twice",
                       pal_node_of(graph, input)->name);
      return;
    }
    if (a.symbol.id && pal_type_of(graph, other->to).symbol.id == a.symbol.id &&
        pal_type_of(graph, other->value).symbol.id != b.symbol.id) {
      pal_graph_refuse(graph, PAL_E_SHAPE,
                       "pal_loop: symbol \"%s\" would get the counts of two different symbols",
                       graph->symbol.at[a.symbol.id].name);
      return;
    }
  }
  push_named(graph, (pal_named_value){.to = input, .value = value}, "loop");
}
