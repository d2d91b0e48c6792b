/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/: status, types, allocation, random numbers, instruction sets, thread team.
 *
 * Tests run in forked children, so the parent must not start threads. The test of the team comes
 * last, for runs without forking (CK_FORK=no). */
#include <palimpsest/rng.h>
#include <palimpsest/type.h>

#include <check.h>
#include <fenv.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/alloc.h"
#include "src/arena.h"
#include "src/cpu.h"
#include "src/registry.h"
#include "src/team.h"
#include "tests/run.h"

/* ---- status, types ------------------------------------------------------------------------- */

START_TEST(first_failure_wins) {
  pal_error error = {0};
  ck_assert_int_eq(pal_fail(&error, PAL_E_SHAPE, "%s %d", "first", 1), PAL_E_SHAPE);
  ck_assert_int_eq(pal_fail(&error, PAL_E_IO, "second"), PAL_E_IO);
  ck_assert_int_eq(error.code, PAL_E_SHAPE);
  ck_assert_str_eq(error.text, "first 1");
  pal_error_clear(&error);
  ck_assert_int_eq(error.code, PAL_OK);
  ck_assert_str_eq(error.text, "");
  ck_assert_int_eq(pal_fail(NULL, PAL_E_ABI, "nobody listens"), PAL_E_ABI);
  char text[2000];
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = 0;
  pal_fail(&error, PAL_E_IO, "cannot open %s: no such file", text);
  ck_assert_uint_eq(strlen(error.text), sizeof error.text - 1);
  ck_assert_ptr_eq(strstr(error.text, "cannot open xxx"), error.text);
  ck_assert_ptr_nonnull(strstr(error.text, "xxx ... xxx"));
  ck_assert_ptr_nonnull(strstr(error.text, "xxx: no such file"));
}
END_TEST

START_TEST(every_status_has_its_name) {
  for (int i = PAL_OK; i <= PAL_E_INTERNAL; i++)
    for (int j = PAL_OK; j < i; j++)
      ck_assert_str_ne(pal_status_name((pal_status)i), pal_status_name((pal_status)j));
  ck_assert_str_eq(pal_status_name(PAL_E_SHAPE), "shape");
  ck_assert_str_eq(pal_status_name((pal_status)(PAL_E_INTERNAL + 1)), "unknown");
}
END_TEST

START_TEST(types_print_and_measure) {
  char text[64], tiny[6];
  const pal_symbol s = {3};
  const pal_type ragged = PAL_TYPE(PAL_F32, s, 2, 64), fixed = PAL_TYPE(PAL_I32, PAL_STATIC, 3, 4);
  const pal_type one = PAL_TYPE(PAL_BF16, s, 1), scalar = pal_type_scalar(PAL_U8);
  ck_assert_str_eq(pal_type_print(&ragged, text, sizeof text), "f32[2*s3,64]");
  ck_assert_str_eq(pal_type_print(&fixed, text, sizeof text), "i32[3,4]");
  ck_assert_str_eq(pal_type_print(&one, text, sizeof text), "bf16[s3]");
  ck_assert_str_eq(pal_type_print(&scalar, text, sizeof text), "u8[]");
  ck_assert_str_eq(pal_type_print(&ragged, tiny, sizeof tiny), "f32[2");
  ck_assert_int_eq(pal_type_rows(&ragged, 7), 14);
  ck_assert_int_eq(pal_type_rows(&fixed, 7), 3);
  ck_assert_int_eq(pal_type_rows(&scalar, 7), 1);
  ck_assert_int_eq(pal_type_row(&ragged), 64);
  ck_assert_int_eq(pal_type_row(&scalar), 1);
  const int64_t many[PAL_MAX_DIMS + 1] = {1, 1, 1, 1, 1, 1, 1};
  ck_assert_int_eq(pal_type_make(PAL_F32, s, many, PAL_MAX_DIMS + 1).dtype, PAL_NONE);
  pal_type other = ragged;
  ck_assert(pal_type_equal(&ragged, &other));
  other.dtype = PAL_BF16;
  ck_assert(!pal_type_equal(&ragged, &other) && pal_shape_equal(&ragged, &other));
  other.symbol.id = 4;
  ck_assert(!pal_shape_equal(&ragged, &other));
}
END_TEST

/* ---- allocation ---------------------------------------------------------------------------- */

START_TEST(nth_allocation_fails) {
  for (int64_t n = 1; n <= 3; n++) {
    pal_alloc_fail_after(n);
    for (int64_t i = 1; i <= 4; i++) {
      char *block = pal_alloc(10);
      ck_assert_int_eq(block == NULL, i == n);
      pal_free(block);
    }
  }
  pal_alloc_fail_after(1);
  ck_assert_ptr_null(pal_pages_map(4096));
  pal_alloc_fail_after(1);
  pal_alloc_fail_after(0);
  void *block = pal_alloc(0);
  ck_assert_ptr_nonnull(block);
  pal_free(block);
}
END_TEST

START_TEST(blocks_are_aligned_and_kept) {
  ck_assert_ptr_null(pal_calloc(SIZE_MAX / 2, 3));
  ck_assert_ptr_null(pal_alloc(SIZE_MAX - 3));
  unsigned char *block = pal_calloc(5, 7);
  ck_assert_uint_eq((uintptr_t)block % 64, 0);
  for (int i = 0; i < 35; i++) ck_assert_uint_eq(block[i], 0);
  memset(block, 7, 35);
  pal_alloc_fail_after(1);
  ck_assert_ptr_null(pal_grow(block, 35, 1000));
  ck_assert_uint_eq(block[34], 7);
  block = pal_grow(block, 35, 1000);
  ck_assert_uint_eq((uintptr_t)block % 64, 0);
  for (int i = 0; i < 35; i++) ck_assert_uint_eq(block[i], 7);
  pal_free(block);
  const size_t size = (size_t)8 << 20;
  unsigned char *pages = pal_pages_map(size);
  ck_assert_ptr_nonnull(pages);
  ck_assert_uint_eq(pages[0] | pages[size - 1], 0);
  pages[size - 1] = 1;
  pal_pages_unmap(pages, size);
}
END_TEST

START_TEST(arena_gives_zeroed_aligned_bytes) {
  pal_arena arena = {0};
  const char **text[300];
  static const unsigned char zeros[30000];
  for (size_t i = 0; i < 300; i++) {
    unsigned char *bytes = pal_arena_alloc(&arena, i * 100);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq((uintptr_t)bytes % 16, 0);
    ck_assert_int_eq(memcmp(bytes, zeros, i * 100), 0);
    memset(bytes, 0xff, i * 100);
    text[i] = pal_arena_alloc(&arena, sizeof **text);
    *text[i] = pal_arena_strdup(&arena, i % 2 ? "odd" : "even");
  }
  for (size_t i = 0; i < 300; i++) ck_assert_str_eq(*text[i], i % 2 ? "odd" : "even");
  ck_assert_ptr_nonnull(pal_arena_copy(&arena, NULL, 0));
  ck_assert_ptr_null(pal_arena_alloc(&arena, SIZE_MAX - 8));
  pal_arena_free(&arena);
  pal_alloc_fail_after(1);
  ck_assert_ptr_null(pal_arena_alloc(&arena, 1));
  ck_assert_ptr_nonnull(pal_arena_alloc(&arena, 1));
  pal_arena_free(&arena);
}
END_TEST

START_TEST(registry_refuses_doubles) {
  pal_registry registry = {0};
  pal_error error = {0};
  char name[16];
  static const int body[200];
  for (int i = 0; i < 200; i++) {
    (void)snprintf(name, sizeof name, "op%d", i);
    ck_assert_int_eq(pal_registry_add(&registry, "op", name, &body[i], &error), PAL_OK);
  }
  ck_assert_ptr_eq(pal_registry_find(&registry, "op", "op157"), &body[157]);
  ck_assert_ptr_null(pal_registry_find(&registry, "model", "op157"));
  ck_assert_int_eq(pal_registry_add(&registry, "model", "op157", body, &error), PAL_OK);
  ck_assert_int_eq(pal_registry_add(&registry, "op", "", body, NULL), PAL_E_INTERNAL);
  for (int n = 1; n <= 2; n++) {
    pal_alloc_fail_after(n);
    ck_assert_int_eq(pal_registry_add(&registry, "op", "late", body, NULL), PAL_E_MEMORY);
    pal_alloc_fail_after(0);
  }
  ck_assert_ptr_null(pal_registry_find(&registry, "op", "late"));
  ck_assert_int_eq(pal_registry_add(&registry, "op", "op3", body, &error), PAL_E_DUPLICATE);
  ck_assert_ptr_nonnull(strstr(error.text, "op3"));
  pal_registry_free(&registry);
}
END_TEST

/* ---- random numbers ------------------------------------------------------------------------ */

/* The known answers published with Random123 for philox4x32-10: counter, key, result. */
static const uint32_t known_answers[][10] = {
    {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
    {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e,
     0xa20bc7c6, 0x6d5451fd},
    {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb,
     0x5001e420, 0x24126ea1}};

START_TEST(philox_gives_the_known_answers) {
  for (size_t i = 0; i < sizeof known_answers / sizeof *known_answers; i++) {
    uint32_t out[4];
    pal_philox(known_answers[i], known_answers[i] + 4, out);
    ck_assert_mem_eq(out, known_answers[i] + 6, sizeof out);
  }
}
END_TEST

START_TEST(draws_are_functions_of_their_key) {
  const uint64_t key = pal_rng_key(1, "dropout", 7);
  ck_assert_uint_ne(key, pal_rng_key(2, "dropout", 7));
  ck_assert_uint_ne(key, pal_rng_key(1, "dropouu", 7));
  ck_assert_uint_ne(key, pal_rng_key(1, "dropout", 8));
  const uint32_t counter[4] = {5, 1, 9, 2}, halves[2] = {(uint32_t)key, (uint32_t)(key >> 32)};
  uint32_t out[4];
  pal_philox(counter, halves, out);
  for (uint32_t i = 0; i < 4; i++)
    ck_assert_uint_eq(pal_rng_bits(key, (uint64_t)1 << 32 | 5, 9, 8 + i), out[i]);
  pal_rng rng = pal_rng_new(1, "dropout", 7, 5);
  for (uint32_t i = 0; i < 10; i++)
    ck_assert_uint_eq(pal_rng_next(&rng), pal_rng_bits(key, 5, 0, i));
  pal_rng copy = {.key = rng.key, .sample = rng.sample, .used = rng.used}; /* all of the state */
  for (int i = 0; i < 10; i++) ck_assert_uint_eq(pal_rng_next(&rng), pal_rng_next(&copy));
}
END_TEST

START_TEST(draws_are_spread_as_they_should) {
  enum { N = 200000 };
  pal_rng rng = pal_rng_new(3, "test", 0, 0);
  double sum = 0, square = 0, cube = 0, mean = 0;
  int bin[7] = {0};
  for (int i = 0; i < N; i++) {
    const double x = pal_rng_normal(&rng), u = pal_rng_real(&rng);
    ck_assert(u > 0 && u < 1);
    sum += x, square += x * x, cube += x * x * x, mean += u;
    const uint32_t b = pal_rng_below(&rng, 7);
    ck_assert_uint_lt(b, 7);
    bin[b]++;
  }
  const double deviation = 1 / sqrt(N); /* five of them each */
  ck_assert_double_lt(fabs(sum / N), 5 * deviation);
  ck_assert_double_lt(fabs(square / N - 1), 5 * sqrt(2) * deviation);
  ck_assert_double_lt(fabs(cube / N), 5 * sqrt(15) * deviation);
  ck_assert_double_lt(fabs(mean / N - 0.5), 5 * sqrt(1 / 12.0) * deviation);
  for (int i = 0; i < 7; i++)
    ck_assert_double_lt(fabs(bin[i] / (double)N - 1 / 7.0), 5 * sqrt(6 / 49.0) * deviation);
  ck_assert_uint_eq(pal_rng_below(&rng, 1), 0);
  for (uint32_t i = 0; i < 1000; i++) {
    const float u = pal_rng_uniform(9, 1, 2, i);
    ck_assert(u > 0 && u < 1);
    ck_assert_float_eq(u, ((float)(pal_rng_bits(9, 1, 2, i) >> 9) + 0.5f) / 8388608.0f);
  }
}
END_TEST

/* ---- instruction sets, the team ------------------------------------------------------------ */

START_TEST(generic_is_always_there) {
  ck_assert(pal_isa_available(PAL_ISA_GENERIC));
  ck_assert(!pal_isa_available(PAL_ISA_COUNT));
  ck_assert(pal_isa_available(pal_cpu_best()));
  ck_assert_str_eq(pal_isa_name(PAL_ISA_GENERIC), "generic");
  ck_assert_str_eq(pal_isa_name(PAL_ISA_AVX512), "avx512");
  if (pal_isa_available(PAL_ISA_AVX512)) ck_assert_int_eq(pal_cpu_best(), PAL_ISA_AVX512);
}
END_TEST

typedef struct team_record {
  int size, seen[8], after[8], nested;
} team_record;

static void nested_body(void *data, int rank, int size) {
  (void)rank;
  *(int *)data = size;
  pal_team_barrier(); /* of one: must not wait for the outer team */
}

static void team_body(void *data, int rank, int size) {
  team_record *record = data;
  record->seen[rank] = 1;
  pal_team_barrier();
  if (rank == 0) {
    record->size = size;
    pal_team_run(4, nested_body, &record->nested);
  }
  for (int i = 0; i < size; i++) record->after[rank] += record->seen[i];
  pal_team_barrier();
}

START_TEST(team_meets_at_its_barrier) {
  ck_assert_int_ge(pal_team_default(), 1);
  for (int threads = 1; threads <= 8; threads++) {
    team_record record = {0};
    pal_team_run(threads, team_body, &record);
    ck_assert_int_ge(record.size, 1);
    ck_assert_int_le(record.size, threads);
    for (int i = 0; i < record.size; i++) ck_assert_int_eq(record.after[i], record.size);
    ck_assert_int_ge(record.nested, 1);
    if (record.size > 1) ck_assert_int_eq(record.nested, 1);
  }
}
END_TEST

/* Whether a sum is rounded upward in this thread; volatile keeps it from the compiler. */
static bool rounds_upward(void) {
  volatile float one = 1, little = 1e-10f, sum;
  sum = one + little;
  return sum > 1;
}

static void rounding_body(void *data, int rank, int size) {
  (void)size;
  ((int *)data)[rank] = rounds_upward() ? 1 : -1;
}

START_TEST(team_rounds_as_its_caller) {
  for (int upward = 0; upward <= 2; upward++) { /* there and back */
    int seen[4] = {0};
    ck_assert_int_eq(fesetround(upward == 1 ? FE_UPWARD : FE_TONEAREST), 0);
    pal_team_run(4, rounding_body, seen);
    const bool caller = rounds_upward();
    ck_assert_int_eq(fesetround(FE_TONEAREST), 0);
    ck_assert(caller == (upward == 1));
    for (int i = 0; i < 4; i++) ck_assert(seen[i] == 0 || seen[i] == (caller ? 1 : -1));
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("base");
  TCase *quick = tcase_create("quick");
  tcase_add_test(quick, first_failure_wins);
  tcase_add_test(quick, every_status_has_its_name);
  tcase_add_test(quick, types_print_and_measure);
  tcase_add_test(quick, nth_allocation_fails);
  tcase_add_test(quick, blocks_are_aligned_and_kept);
  tcase_add_test(quick, arena_gives_zeroed_aligned_bytes);
  tcase_add_test(quick, registry_refuses_doubles);
  tcase_add_test(quick, philox_gives_the_known_answers);
  tcase_add_test(quick, draws_are_functions_of_their_key);
  tcase_add_test(quick, draws_are_spread_as_they_should);
  tcase_add_test(quick, generic_is_always_there);
  suite_add_tcase(suite, quick);
  TCase *team = tcase_create("team");
  tcase_add_test(team, team_meets_at_its_barrier);
  tcase_add_test(team, team_rounds_as_its_caller);
  suite_add_tcase(suite, team);
  return run_suite(suite);
}
