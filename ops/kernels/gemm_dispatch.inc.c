/* SPDX-License-Identifier: Apache-2.0 */
/* The f32 product that dispatches on its kind, and the kernel table (floor 2). Included after the
 * files of all kinds.
 *
 * In the kernels for few rows or columns the elements of the few are broadcast and the many lie
 * along the lanes of the vectors. Every element is the chain of gemm.h all the same, since a
 * product does not depend on the order of its two factors. */

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
    case PAL_GEMM_TRANSPOSED:
      if (p->n <= PAL_GEMM_TRANSPOSED_MAX) thin_transposed_columns(p);
      else thin_transposed_rows(p);
      break;
  }
}

#define PAL_GEMM_KERNELS \
  { gemm_panels, gemm_pack, gemm_any, gemm_outer_any }
