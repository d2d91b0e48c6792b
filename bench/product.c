/* SPDX-License-Identifier: Apache-2.0 */
/* See product.h (floor 7). */
#include "bench/product.h"
#include "bench/probe.h"

const char *const bench_form_name[BENCH_FORMS] = {"NT", "NN", "TN"};

/* Linear layers [outputs, inputs] at widths 128 and 256: qkv, attention output, the two of the MLP,
 * and logits of 31 classes. */
static const int64_t layers[][2] = {{384, 128}, {128, 128}, {512, 128},  {128, 512},  {31, 128},
                                    {768, 256}, {256, 256}, {1024, 256}, {256, 1024}, {31, 256}};
/* Numbers of rows: 8 sequences of length 324, 256 of length 81. */
static const int64_t rows[] = {2592, 20736};
static const bench_product skinny[] = {
    {BENCH_NT, 1, 512, 128, true},   {BENCH_NT, 1, 1024, 256, true},
    {BENCH_NN, 1, 256, 1024, true},  {BENCH_NT, 20736, 1, 128, true},
    {BENCH_NT, 20736, 8, 128, true}, {BENCH_NT, 20736, 64, 128, true},
    {BENCH_TN, 3, 128, 20736, true}, {BENCH_NN, 20736, 128, 3, true}};
enum {
  LAYERS = sizeof layers / sizeof *layers,
  ROWS = sizeof rows / sizeof *rows,
  SKINNY = sizeof skinny / sizeof *skinny
};

bool bench_product_at(int i, bench_product *product) {
  if (i >= ROWS * LAYERS * BENCH_FORMS) {
    i -= ROWS * LAYERS * BENCH_FORMS;
    if (i < SKINNY) *product = skinny[i];
    return i < SKINNY;
  }
  const bench_form form = (bench_form)(i % BENCH_FORMS);
  const int64_t *layer = layers[i / BENCH_FORMS % LAYERS], t = rows[i / BENCH_FORMS / LAYERS];
  const int64_t outputs = layer[0], inputs = layer[1];
  *product = form == BENCH_NT   ? (bench_product){form, t, outputs, inputs, false}
             : form == BENCH_NN ? (bench_product){form, t, inputs, outputs, false}
                                : (bench_product){form, outputs, inputs, t, false};
  return true;
}

pal_status bench_product_plan(pal_context *context, const bench_product *p, bench_compiled *plan,
                              pal_error *error) {
  pal_graph *g = pal_graph_new(context, NULL);
  if (!g) return pal_fail(error, PAL_E_MEMORY, "no memory for a graph");
  const pal_symbol T = pal_symbol_new(g, "T", p->form == BENCH_TN ? p->k : p->m);
  const pal_value a = pal_input(g, "a", PAL_TYPE(PAL_F32, T, 1, p->form == BENCH_TN ? p->m : p->k));
  const pal_value b = pal_input(g, "b",
                                p->form == BENCH_TN   ? PAL_TYPE(PAL_F32, T, 1, p->n)
                                : p->form == BENCH_NT ? PAL_TYPE(PAL_F32, PAL_STATIC, p->n, p->k)
                                                      : PAL_TYPE(PAL_F32, PAL_STATIC, p->k, p->n));
  pal_output(g, "c",
             p->form == BENCH_NT ? pal_linear(g, a, b, PAL_NIL)
                                 : pal_matmul(g, a, b, p->form == BENCH_TN, false));
  const pal_status status = bench_compile(g, plan, error);
  if (status) return status;
  bench_fill(pal_exec_input(plan->exec, "a"), p->m * p->k, 1);
  bench_fill(pal_exec_input(plan->exec, "b"), p->k * p->n, 2);
  return PAL_OK;
}
