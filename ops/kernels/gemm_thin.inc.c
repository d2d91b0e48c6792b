/* SPDX-License-Identifier: Apache-2.0 */
/* Products of f32 as their kind has it (floor 2). Included after the files of all kinds.
 *
 * Of few rows or columns the few are broadcast, the many lie along the lanes. An element is the chain of
 * gemm.h whichever operand it meets in the lanes. */

static void gemm_any(const pal_gemm_product *p) {
  if (!p->m) return;
  switch (p->kind) {
    case PAL_GEMM_PACKED: gemm_product(p); break;
    case PAL_GEMM_NARROW: thin_narrow(p); break;
    case PAL_GEMM_ROWS:
      thin_rows(&(thin_sum){.k = p->k,
                            .few = p->m,
                            .many = p->n,
                            .x = p->a,
                            .x_few = p->a_row,
                            .x_k = 1,
                            .y = p->b,
                            .y_row = p->n,
                            .c = p->c,
                            .c_row = p->c_row,
                            .bias = p->epilogue.bias});
      break;
    case PAL_GEMM_TURNED:
      if (p->n <= PAL_GEMM_TURNED_FEW) thin_turned_columns(p);
      else thin_turned_rows(p);
      break;
  }
}

#define PAL_GEMM_KERNELS \
  { gemm_panels, gemm_pack, gemm_any, gemm_outer_any }
