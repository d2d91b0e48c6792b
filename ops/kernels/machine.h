/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernels assume of the machine: register tiles, cache blocks, thresholds (floor 2).
 *
 * The values were chosen on a Zen 4 (level 1 cache of 32 KiB in 8 ways of 4 KiB; level 2 of 1 MiB;
 * 32 registers of 16 floats) with `palimpsest bench gemm` and `palimpsest bench train`. Changing a
 * value changes speed only, except where the comment says "part of the numbers": these decide the
 * order of additions and with it the bits of results. `make check` compares bits across instruction
 * sets, block sizes and row counts. */
#ifndef PAL_OPS_KERNELS_MACHINE_H
#define PAL_OPS_KERNELS_MACHINE_H

/* ---- registers, by instruction set -------------------------------------------------------- */

/* A register tile of a matrix product is GEMM_MR rows x GEMM_NV vectors (of 16 floats) of sums;
 * GEMM_NV vectors of b and one broadcast element of a have to fit too. AVX-512 has 32 registers of
 * a whole vector, AVX2 16 of half a vector, NEON 32 of a quarter. THIN_TALL is the number of rows
 * of the largest tile in products with at most 8 columns; ATTENTION_WIDE is the width in vectors of
 * the widest tile in attention. */
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

/* Products with at most this many rows or columns have kernels of their own: a packed panel would
 * be used too few times to pay for packing it. PAL_GEMM_TRANSPOSED_MAX is the limit of those that
 * transpose blocks of an operand in registers. */
enum { PAL_GEMM_THIN_MAX = 8, PAL_GEMM_TRANSPOSED_MAX = 4 };
/* The sum over k is split into slices of this length, so that the slice of a panel (at most 48
 * columns x 256 k, 48 KiB) stays in the level 1 and 2 caches while it is multiplied by all rows of
 * a. */
enum { GEMM_DEPTH = 256 };
/* Rows whose distance is a multiple of this many floats (4 KiB, the size of a way of the level 1
 * cache) map to the same cache sets and evict each other: cache-set aliasing. */
enum { GEMM_ALIAS_STRIDE = 1024 };
/* A sum of outer products (a^T b) works on blocks of c of TILE_M x TILE_N, over slices of DEPTH
 * rows, so that the packed blocks of a and b fit the level 2 cache. */
enum { PAL_GEMM_TILE_M = 128, PAL_GEMM_TILE_N = 256, PAL_GEMM_DEPTH = 192 };
/* In a sum of outer products operands with rows of at most SHORT_ROW floats are not packed. Blocks
 * of longer rows are spread over many pages and few cache sets, so they are packed, unless they are
 * used by at most GEMM_FEW_TILES register tiles. */
enum { GEMM_SHORT_ROW = 512, GEMM_FEW_TILES = 4 };
/* Columns that a thin product works on at a time. */
enum { THIN_SPAN = 128 };
/* Blocks of bf16 products whose operands are not packed: the converted copies fit the level 1 and 2
 * caches. */
enum { BLOCK_M = 64, BLOCK_N = 128, BLOCK_K = 128 };

/* ---- attention ------------------------------------------------------------------------------ */

enum {
  PAL_KEY_TILE = 128,   /* part of the numbers: the running softmax is rescaled after each tile */
  PAL_QUERY_BLOCK = 96, /* most queries of one call of the forward kernel */
  PAL_QUERY_GROUP = 24, /* queries whose scores are computed and used together */
  /* Limits of the kernel that puts heads of short sequences side by side, one in each lane: */
  PAL_SHORT_HEADS = 16,  /* heads of one call */
  PAL_SHORT_ROWS = 16,   /* queries, and keys, of a sequence */
  PAL_SHORT_FLOATS = 128 /* elements of each operand: rows times width of a head */
};

/* ---- sums of rows ---------------------------------------------------------------------------- */

/* Part of the numbers: sums over rows are blocked. The rows of a block of this many are added in
 * order, then the sums of the blocks in order. */
enum { ROWS_BLOCK = 64 };
#endif
