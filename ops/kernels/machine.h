/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernels assume of the machine: register tiles, cache blocks, thresholds (floor 2).
 *
 * They were chosen on a Zen 4 (32 KiB of level 1 cache, 8 ways of 4 KiB each; 1 MiB of level 2; 32
 * registers of 16 floats) by `palimpsest bench gemm` and `bench train`. Except where it says "part of
 * the numbers" a change alters speed only: `make check` compares bits across instruction sets, blocks
 * and counts. */
#ifndef PAL_OPS_KERNELS_MACHINE_H
#define PAL_OPS_KERNELS_MACHINE_H

/* ---- registers, by instruction set -------------------------------------------------------- */

/* A product keeps GEMM_MR rows x GEMM_NV vectors of sums in registers, with GEMM_NV of b and one of a:
 * AVX-512 has 32, AVX2 16 half vectors, NEON 32 quarter vectors. THIN_TALL rows are the tile of products
 * by half vectors, and ATTENTION_WIDE vectors the widest one of attention. */
#if defined(PAL_SIMD_AVX512)
enum { GEMM_MR = 8, GEMM_NV = 3, ATTENTION_WIDE = 4 };
#define THIN_TALL 16
#elif defined(PAL_SIMD_AVX2) || defined(PAL_SIMD_NEON)
enum { GEMM_MR = 6, GEMM_NV = 1, ATTENTION_WIDE = 1 };
#define THIN_TALL 12
#else
enum { GEMM_MR = 4, GEMM_NV = 1, ATTENTION_WIDE = 1 };
#define THIN_TALL 4
#endif

/* ---- products ------------------------------------------------------------------------------ */

/* Up to so many rows or columns have kernels of their own; a packed panel would be read once. */
enum { PAL_GEMM_FEW = 8, PAL_GEMM_TURNED_FEW = 4 };
/* k is cut here so that a panel's part stays in the level 1 cache while rows pass by. */
enum { GEMM_DEPTH = 256 };
/* Rows a multiple of so many floats apart, a page, meet in the same sets of that cache. */
enum { GEMM_CROWDED = 1024 };
/* The outer form works through c in blocks of this size, in cuts of so many rows: packed cuts of a and b
 * fit the level 2 cache. */
enum { PAL_GEMM_TILE_M = 128, PAL_GEMM_TILE_N = 256, PAL_GEMM_DEPTH = 192 };
/* Rows up to this long are read where they lie; the parts of longer ones meet in few cache sets and
 * lie on many pages, so they are copied first, unless they are read a few times only. */
enum { GEMM_SHORT_ROW = 512, GEMM_FEW = 4 };
/* Columns that a sum of few by many takes at once, where it copies or turns them. */
enum { THIN_SPAN = 128 };
/* Blocks of bf16 products: their units fit the level 1 and 2 caches. */
enum { BLOCK_M = 64, BLOCK_N = 128, BLOCK_K = 128 };

/* ---- attention ------------------------------------------------------------------------------ */

enum {
  PAL_KEY_TILE = 128,   /* part of the numbers: the softmax is rescaled at its borders */
  PAL_QUERY_BLOCK = 96, /* queries of a forward call at most */
  PAL_QUERY_GROUP = 24, /* queries whose scores are in flight together */
  /* Heads whose sequences are short go side by side: */
  PAL_SHORT_HEADS = 16,  /* so many at most */
  PAL_SHORT_ROWS = 16,   /* of queries and of keys at most so many rows, */
  PAL_SHORT_FLOATS = 128 /* and of each operand so many elements */
};

/* ---- sums of rows ---------------------------------------------------------------------------- */

enum { ROWS_BLOCK = 64 }; /* part of the numbers: so many rows are added in order, then the sums */
#endif
