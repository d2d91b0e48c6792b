/* SPDX-License-Identifier: Apache-2.0 */
/* The stable text form of a graph (floor 1); parse.c reads it back.
 *
 *   palimpsest-graph 1
 *   symbol "T" 128
 *   input "x" f32[s1*1,64]
 *   variable "w" f32[64,64] role 0 init 1 0x1.47ae14p-6
 *   variable "e" f32[9,64] role 0 init 1 0x1p-1 traits 0 0 0 0x1p+0
 *   constant i32[2] 0100000002000000
 *   op "linear" in 1 2 0 copy 0 section 0 attrs p=0x1p+0 n=3 t=s1 path="a.b" l=[1 2]
 *     scope "block" -> f32[2]          (on the same line)
 *   output "y" 4
 *   assign 2 5
 *   loop 1 6
 *
 * Values are numbered from 1 in the order in which lines produce them; 0 is nil. In a type, "s1*2"
 * is twice the count of the first symbol. After `traits` come decays, matrix, frozen and rate;
 * default traits are not written. `section` is the recompute section that an op was built in;
 * `copy` is not 0 for an op that the gradient recomputes, which must not be merged with its
 * original. */
#define PAL_NO_CALLER
#include "graph/internal.h"
#include "graph/text.h"

static void dump_type(pal_text *out, const pal_type *t) {
  pal_text_add(out, "%s[", pal_dtype_name(t->dtype));
  for (int i = 0; i < t->rank; i++) {
    if (i == 0 && t->symbol.id) pal_text_add(out, "s%d*", t->symbol.id);
    pal_text_add(out, "%lld%s", (long long)t->dim[i], i + 1 < t->rank ? "," : "");
  }
  pal_text_add(out, "]");
}

static void dump_traits(pal_text *out, const pal_variable *v) {
  if (pal_traits_are_default(v)) return;
  pal_text_add(out, " traits %d %d %d %a", v->traits.decays, v->traits.matrix, v->traits.frozen,
               v->traits.rate);
}

static void dump_attrs(pal_text *out, const pal_op *op, const void *attrs) {
  for (size_t i = 0; i < op->n_fields; i++) {
    const pal_attr_field *f = &op->fields[i];
    const char *at = (const char *)attrs + f->offset;
    switch (f->kind) {
      case PAL_ATTR_INT:
        pal_text_add(out, " %s=%lld", f->name, (long long)*(const int64_t *)(const void *)at);
        break;
      case PAL_ATTR_FLOAT:
        pal_text_add(out, " %s=%a", f->name, *(const double *)(const void *)at);
        break;
      case PAL_ATTR_SYMBOL:
        pal_text_add(out, " %s=s%d", f->name, ((const pal_symbol *)(const void *)at)->id);
        break;
      case PAL_ATTR_STRING:
        pal_text_add(out, " %s=", f->name);
        pal_text_quote(out, *(const char *const *)(const void *)at);
        break;
      case PAL_ATTR_INTS: {
        const pal_ints *list = (const pal_ints *)(const void *)at;
        pal_text_add(out, " %s=[", f->name);
        for (size_t k = 0; k < list->n; k++)
          pal_text_add(out, "%s%lld", k ? " " : "", (long long)list->at[k]);
        pal_text_add(out, "]");
        break;
      }
    }
  }
}

static void dump_node(pal_text *out, const pal_graph *g, const pal_node *node) {
  const pal_type *type = &g->value.at[node->first_out].type;
  bool overflow = false;
  switch (node->kind) {
    case PAL_NODE_NIL: return;
    case PAL_NODE_INPUT:
      pal_text_add(out, "input ");
      pal_text_quote(out, node->name);
      pal_text_add(out, " ");
      dump_type(out, type);
      break;
    case PAL_NODE_VARIABLE:
      pal_text_add(out, "variable ");
      pal_text_quote(out, node->name);
      pal_text_add(out, " ");
      dump_type(out, type);
      pal_text_add(out, " role %d init %d %a", node->variable->role, node->variable->init.kind,
                   node->variable->init.scale);
      dump_traits(out, node->variable);
      break;
    case PAL_NODE_CONSTANT:
      pal_text_add(out, "constant ");
      dump_type(out, type);
      pal_text_add(out, " ");
      for (size_t i = 0; i < pal_graph_bytes(g, type, &overflow); i++)
        pal_text_add(out, "%02x", ((const uint8_t *)node->data)[i]);
      break;
    case PAL_NODE_OP:
      pal_text_add(out, "op ");
      pal_text_quote(out, node->op->name);
      pal_text_add(out, " in");
      for (int i = 0; i < node->n_in; i++) pal_text_add(out, " %u", node->in[i].id);
      pal_text_add(out, " copy %u section %u attrs", node->copy, node->section);
      dump_attrs(out, node->op, node->attrs);
      pal_text_add(out, " scope ");
      pal_text_quote(out, node->scope);
      pal_text_add(out, " ->");
      for (int i = 0; i < node->n_out; i++) {
        pal_text_add(out, " ");
        dump_type(out, &g->value.at[node->first_out + (uint32_t)i].type);
      }
      break;
  }
  pal_text_add(out, "\n");
}

char *pal_graph_dump(const pal_graph *graph) {
  pal_text out = {0};
  pal_text_add(&out, "palimpsest-graph 1\n");
  for (size_t s = 1; s < graph->symbol.n; s++) {
    pal_text_add(&out, "symbol ");
    pal_text_quote(&out, graph->symbol.at[s].name);
    pal_text_add(&out, " %lld\n", (long long)graph->symbol.at[s].capacity);
  }
  for (size_t n = 1; n < graph->node.n; n++) dump_node(&out, graph, &graph->node.at[n]);
  for (size_t i = 0; i < graph->output.n; i++) {
    pal_text_add(&out, "output ");
    pal_text_quote(&out, graph->output.at[i].name);
    pal_text_add(&out, " %u\n", graph->output.at[i].value.id);
  }
  for (size_t i = 0; i < graph->assign.n; i++)
    pal_text_add(&out, "assign %u %u\n", graph->assign.at[i].to.id, graph->assign.at[i].value.id);
  for (size_t i = 0; i < graph->loop.n; i++)
    pal_text_add(&out, "loop %u %u\n", graph->loop.at[i].to.id, graph->loop.at[i].value.id);
  return pal_text_finish(&out);
}
