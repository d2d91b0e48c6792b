/* Floor 0: status, types, allocation, random numbers, instruction sets, team, files, safetensors.
 *
 * Runs in a scratch directory of its own, removed at the end. The parent of the forked tests never
 * opens a parallel region, and the team's test comes last for when nothing is forked. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* mkdtemp, symlink */
#endif
#include <palimpsest/rng.h>
#include <palimpsest/type.h>

#include <check.h>
#include <fenv.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/alloc.h"
#include "src/arena.h"
#include "src/cpu.h"
#include "src/file.h"
#include "src/registry.h"
#include "src/safetensors.h"
#include "src/team.h"

static char scratch[] = "/tmp/pal-base-XXXXXX";

/* Path of `name` in the scratch directory; holds until the fourth call from now. */
static const char *at(const char *name) {
  static char path[4][256];
  static int turn;
  turn = (turn + 1) % 4;
  (void)snprintf(path[turn], sizeof path[turn], "%s/%s", scratch, name);
  return path[turn];
}

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
  pal_fail(&error, PAL_E_IO, "%s", text);
  ck_assert_uint_eq(strlen(error.text), sizeof error.text - 1);
}
END_TEST

START_TEST(every_status_has_its_name) {
  for (int i = PAL_OK; i <= PAL_E_INTERRUPTED; i++)
    for (int j = PAL_OK; j < i; j++)
      ck_assert_str_ne(pal_status_name((pal_status)i), pal_status_name((pal_status)j));
  ck_assert_str_eq(pal_status_name(PAL_E_SHAPE), "shape");
  ck_assert_str_eq(pal_status_name((pal_status)99), "unknown");
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
  ck_assert_int_eq(pal_registry_add(&registry, "op", "", body, NULL), PAL_E_ARGUMENT);
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
    {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d,
     0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
    {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
     0x94fdcceb, 0x5001e420, 0x24126ea1}};

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
  pal_rng copy = rng; /* saving (key, sample, used) saves the state */
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

/* ---- files --------------------------------------------------------------------------------- */

/* Asserts that the file holds exactly `text`. */
static void expect_file(const char *path, const char *text) {
  char *data;
  size_t size;
  ck_assert_int_eq(pal_file_read(path, 1000, &data, &size, NULL), PAL_OK);
  ck_assert_uint_eq(size, strlen(text));
  ck_assert_str_eq(data, text);
  pal_free(data);
}

/* Entries of the scratch directory whose name tells of a temporary. */
static int temporaries(void) {
  char command[128], text[16] = "";
  (void)snprintf(command, sizeof command, "ls -A %s | grep -c tmp-", scratch);
  FILE *pipe = popen(command, "r");
  ck_assert_ptr_nonnull(pipe);
  ck_assert_ptr_nonnull(fgets(text, sizeof text, pipe));
  (void)pclose(pipe);
  return atoi(text);
}

START_TEST(reading_is_bounded) {
  char *data = NULL;
  size_t size = 0;
  pal_error error = {0};
  ck_assert_int_eq(pal_file_write(at("ten"), "0123456789", 10, &error), PAL_OK);
  ck_assert_int_eq(pal_file_read(at("ten"), 9, &data, &size, &error), PAL_E_FORMAT);
  ck_assert_ptr_nonnull(strstr(error.text, at("ten")));
  ck_assert_ptr_null(data);
  ck_assert_int_eq(pal_file_read(at("ten"), 10, &data, &size, NULL), PAL_OK);
  pal_free(data);
  expect_file(at("ten"), "0123456789");
  ck_assert_int_eq(pal_file_write(at("none"), NULL, 0, NULL), PAL_OK);
  expect_file(at("none"), "");
  pal_error_clear(&error);
  ck_assert_int_eq(pal_file_read(at("absent"), 10, &data, &size, &error), PAL_E_NOT_FOUND);
  ck_assert_ptr_nonnull(strstr(error.text, "absent"));
  ck_assert_int_eq(pal_file_read(scratch, 10, &data, &size, NULL), PAL_E_IO);
  ck_assert_int_eq(pal_file_read("/dev/zero", 100000, &data, &size, NULL), PAL_E_FORMAT);
  for (int n = 1; n <= 2; n++) { /* a device has no size: the buffer grows */
    pal_alloc_fail_after(n);
    ck_assert_int_eq(pal_file_read("/dev/zero", 100000, &data, &size, NULL), PAL_E_MEMORY);
  }
}
END_TEST

START_TEST(writing_is_all_or_nothing) {
  pal_writer writer = {0};
  ck_assert_int_eq(pal_file_write(at("kept"), "old", 3, NULL), PAL_OK);
  ck_assert_int_eq(pal_writer_open(&writer, at("kept"), NULL), PAL_OK);
  ck_assert_int_eq(pal_writer_write(&writer, "ne", 2, NULL), PAL_OK);
  expect_file(at("kept"), "old");
  ck_assert_int_eq(temporaries(), 1);
  pal_writer_abandon(&writer);
  pal_writer_abandon(&writer);
  expect_file(at("kept"), "old");
  ck_assert_int_eq(temporaries(), 0);
  ck_assert_int_eq(pal_writer_write(&writer, "x", 1, NULL), PAL_E_ARGUMENT);
  ck_assert_int_eq(pal_writer_close(&writer, NULL), PAL_E_ARGUMENT);

  ck_assert_int_eq(symlink("kept", at("link")), 0);
  ck_assert_int_eq(pal_writer_open(&writer, at("link"), NULL), PAL_OK);
  ck_assert_int_eq(pal_writer_write(&writer, "ne", 2, NULL), PAL_OK);
  ck_assert_int_eq(pal_writer_write(&writer, "w", 1, NULL), PAL_OK);
  ck_assert_uint_eq(pal_writer_hash(&writer), pal_hash64("new", 3));
  ck_assert_int_eq(pal_writer_close(&writer, NULL), PAL_OK);
  expect_file(at("kept"), "new");
  struct stat about;
  ck_assert_int_eq(lstat(at("link"), &about), 0);
  ck_assert(S_ISLNK(about.st_mode));
  ck_assert_int_eq(temporaries(), 0);
}
END_TEST

START_TEST(failed_writes_change_nothing) {
  pal_error error = {0};
  ck_assert_int_eq(pal_file_write("/dev/full", "text", 4, &error), PAL_E_IO);
  ck_assert_ptr_nonnull(strstr(error.text, "/dev/full"));
  struct stat about;
  ck_assert_int_eq(stat("/dev/full", &about), 0);
  ck_assert(S_ISCHR(about.st_mode)); /* not replaced by a file, root or not */
  ck_assert_int_eq(pal_file_write(at("no/such"), "text", 4, NULL), PAL_E_NOT_FOUND);
  ck_assert_int_eq(pal_file_write(scratch, "text", 4, NULL), PAL_E_IO);
  ck_assert_int_eq(symlink("nowhere", at("dangling")), 0);
  ck_assert_int_eq(pal_file_write(at("dangling"), "text", 4, NULL), PAL_E_NOT_FOUND);
  ck_assert_int_eq(pal_file_write(at("held"), "old", 3, NULL), PAL_OK);
  int refused = 0;
  pal_status status;
  do {
    pal_alloc_fail_after(++refused);
    status = pal_file_write(at("held"), "new", 3, NULL);
    pal_alloc_fail_after(0);
    ck_assert_int_eq(temporaries(), 0);
    expect_file(at("held"), status == PAL_OK ? "new" : "old");
  } while (status != PAL_OK);
  ck_assert_int_ge(refused, 3);
  ck_assert_int_eq(pal_file_write(at("held"), "old", 3, NULL), PAL_OK);
  if (geteuid() != 0) { /* nothing is forbidden to root */
    ck_assert_int_eq(mkdir(at("locked"), 0700), 0);
    ck_assert_int_eq(pal_file_write(at("locked/held"), "old", 3, NULL), PAL_OK);
    ck_assert_int_eq(chmod(at("locked"), 0500), 0);
    ck_assert_int_eq(pal_file_write(at("locked/held"), "new", 3, NULL), PAL_E_IO);
    expect_file(at("locked/held"), "old");
    ck_assert_int_eq(chmod(at("locked"), 0700), 0);
  }
}
END_TEST

START_TEST(directories_are_made_with_parents) {
  pal_error error = {0};
  ck_assert_int_eq(pal_directory_make(at("a/b/c"), &error), PAL_OK);
  ck_assert_int_eq(pal_directory_make(at("a/b/c/"), &error), PAL_OK);
  ck_assert_int_eq(pal_file_write(at("a/b/c/file"), "x", 1, &error), PAL_OK);
  ck_assert_int_eq(pal_directory_make("/", &error), PAL_OK);
  ck_assert_int_eq(pal_directory_make(at("a/b/c/file"), &error), PAL_E_IO);
  ck_assert_ptr_nonnull(strstr(error.text, "a/b/c/file"));
  ck_assert_int_ne(pal_directory_make(at("a/b/c/file/d"), NULL), PAL_OK);
}
END_TEST

/* ---- safetensors --------------------------------------------------------------------------- */

static const float weights[6] = {1, -2, 3.5f, 0, 1e30f, -0.0f};
static const uint8_t flags[3] = {1, 0, 255};
static const uint16_t halves[5] = {1, 2, 3, 4, 5};

static pal_status write_sample(const char *path, pal_error *error) {
  const pal_tensor tensor[] = {
      {.name = "flags", .type = PAL_TYPE(PAL_U8, PAL_STATIC, 3), .data = flags},
      {.name = "block.0.weight", .type = PAL_TYPE(PAL_F32, PAL_STATIC, 2, 3), .data = weights},
      {.name = "halves \"\xc3\xa9\"", .type = PAL_TYPE(PAL_BF16, PAL_STATIC, 5), .data = halves},
      {.name = "scalar", .type = pal_type_scalar(PAL_F32), .data = weights},
      {.name = "empty", .type = PAL_TYPE(PAL_I32, PAL_STATIC, 0, 7), .data = NULL}};
  const pal_metadata metadata[] = {{"model", "arm"}, {"note", "a\nb"}};
  return pal_safetensors_write(path, tensor, 5, metadata, 2, error);
}

START_TEST(tensors_come_back) {
  pal_error error = {0};
  ck_assert_int_eq(write_sample(at("t"), &error), PAL_OK);
  pal_safetensors *file = pal_safetensors_read(at("t"), &error);
  ck_assert_msg(file != NULL, "%s", error.text);
  const pal_tensor *t = pal_safetensors_find(file, "block.0.weight");
  ck_assert_ptr_nonnull(t);
  const pal_type type = PAL_TYPE(PAL_F32, PAL_STATIC, 2, 3);
  ck_assert(pal_type_equal(&t->type, &type));
  ck_assert_uint_eq(t->bytes, sizeof weights);
  ck_assert_uint_eq((uintptr_t)t->data % 64, 0); /* the first, where the writer pads to */
  ck_assert_mem_eq(t->data, weights, sizeof weights);
  ck_assert_mem_eq(pal_safetensors_find(file, "flags")->data, flags, sizeof flags);
  ck_assert_mem_eq(pal_safetensors_find(file, "halves \"\xc3\xa9\"")->data, halves, sizeof halves);
  ck_assert_int_eq(pal_safetensors_find(file, "scalar")->type.rank, 0);
  ck_assert_uint_eq(pal_safetensors_find(file, "empty")->bytes, 0);
  ck_assert_ptr_null(pal_safetensors_find(file, "absent"));
  ck_assert_ptr_null(pal_safetensors_find(file, "__metadata__"));
  ck_assert_str_eq(pal_safetensors_at(file, 0)->name, "block.0.weight");
  ck_assert_ptr_nonnull(pal_safetensors_at(file, 4));
  ck_assert_ptr_null(pal_safetensors_at(file, 5));
  ck_assert_str_eq(pal_safetensors_metadata(file, "note"), "a\nb");
  ck_assert_ptr_nonnull(pal_safetensors_metadata(file, "xxh3"));
  ck_assert_ptr_null(pal_safetensors_metadata(file, "absent"));
  pal_safetensors_free(file);
  pal_safetensors_free(NULL);
}
END_TEST

START_TEST(no_tensors_are_a_file_too) {
  ck_assert_int_eq(pal_safetensors_write(at("zero"), NULL, 0, NULL, 0, NULL), PAL_OK);
  pal_safetensors *file = pal_safetensors_read(at("zero"), NULL);
  ck_assert_ptr_nonnull(file);
  ck_assert_ptr_null(pal_safetensors_at(file, 0));
  ck_assert_ptr_null(pal_safetensors_find(file, "x"));
  pal_safetensors_free(file);
}
END_TEST

/* Every bit flipped and every length cut short is noticed, or harmless to the tensors. */
START_TEST(damage_is_noticed) {
  char *data;
  size_t size;
  ck_assert_int_eq(write_sample(at("d"), NULL), PAL_OK);
  ck_assert_int_eq(pal_file_read(at("d"), 10000, &data, &size, NULL), PAL_OK);
  for (size_t cut = 0; cut < size; cut++) {
    char *copy = pal_alloc(cut);
    memcpy(copy, data, cut);
    ck_assert_ptr_null(pal_safetensors_parse(copy, cut, "cut", NULL));
  }
  const size_t header = 8 + (size_t)(unsigned char)data[8 - 8] + 256u * (unsigned char)data[1];
  for (size_t bit = 0; bit < 8 * size; bit++) {
    char *copy = pal_alloc(size);
    memcpy(copy, data, size);
    copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
    pal_safetensors *file = pal_safetensors_parse(copy, size, "flipped", NULL);
    ck_assert(file == NULL || (bit / 8 >= 8 && bit / 8 < header));
    for (size_t i = 0; file && pal_safetensors_at(file, i); i++) {
      const pal_tensor *t = pal_safetensors_at(file, i);
      ck_assert((const char *)t->data >= copy + header);
      ck_assert((const char *)t->data + t->bytes <= copy + size);
    }
    pal_safetensors_free(file);
  }
  pal_free(data);
}
END_TEST

START_TEST(writing_tensors_survives_failures) {
  pal_error error = {0};
  int n = 0;
  ck_assert_int_eq(pal_file_write(at("s"), "old", 3, NULL), PAL_OK);
  for (;;) {
    pal_alloc_fail_after(++n);
    if (write_sample(at("s"), &error) == PAL_OK) break;
    ck_assert_int_eq(error.code, PAL_E_MEMORY);
    expect_file(at("s"), "old");
    pal_error_clear(&error);
  }
  pal_alloc_fail_after(0);
  for (int failing = 1; failing <= 3; failing++) {
    pal_alloc_fail_after(failing);
    ck_assert_ptr_null(pal_safetensors_read(at("s"), &error));
    ck_assert_int_eq(error.code, PAL_E_MEMORY);
    pal_error_clear(&error);
  }
  ck_assert_int_eq(write_sample("/dev/full", &error), PAL_E_IO);
  const pal_type row = PAL_TYPE(PAL_F32, PAL_STATIC, 1);
  const pal_tensor twice[] = {{"a", row, weights, 0}, {"a", row, weights, 0}};
  ck_assert_int_eq(pal_safetensors_write(at("s"), twice, 2, NULL, 0, NULL), PAL_E_DUPLICATE);
  static const char *const bad_names[] = {"", "__metadata__", "\xff\xfe", NULL};
  for (int i = 0; i < 4; i++) {
    const pal_tensor named = {bad_names[i], row, weights, 0};
    ck_assert_int_eq(pal_safetensors_write(at("s"), &named, 1, NULL, 0, NULL), PAL_E_ARGUMENT);
  }
  const pal_tensor ragged = {"r", PAL_TYPE(PAL_F32, ((pal_symbol){1}), 1), weights, 0};
  ck_assert_int_eq(pal_safetensors_write(at("s"), &ragged, 1, NULL, 0, NULL), PAL_E_ARGUMENT);
  const pal_tensor none = {"n", pal_type_scalar(PAL_NONE), weights, 0};
  ck_assert_int_eq(pal_safetensors_write(at("s"), &none, 1, NULL, 0, NULL), PAL_E_ARGUMENT);
  const pal_metadata reserved = {"xxh3", "0"};
  ck_assert_int_eq(pal_safetensors_write(at("s"), NULL, 0, &reserved, 1, NULL), PAL_E_DUPLICATE);
}
END_TEST

/* Headers put before 8 bytes of tensors, and what a reader must say. */
static const struct {
  const char *header;
  pal_status code;
  const char *says;
} hostile[] = {
#define F32 "\"dtype\":\"F32\","
    {"{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[0,8]}}", PAL_OK, ""},
    {"{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[0,8]}}   \n", PAL_OK, ""},
    {"", PAL_E_FORMAT, "no safetensors"},
    {"[]", PAL_E_FORMAT, "no object"},
    {"{\"a\":", PAL_E_FORMAT, "does not parse"},
    {"{} x", PAL_E_FORMAT, "does not parse"},
    {"{}", PAL_E_FORMAT, "belong to no tensor"},
    {"{\"a\":3}", PAL_E_FORMAT, "is no object"},
    {"{\"\\u0000\":{}}", PAL_E_FORMAT, "does not parse"},
    {"{\"\xff\":{}}", PAL_E_FORMAT, "does not parse"},
    {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", PAL_E_FORMAT, "no dtype"},
    {"{\"a\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", PAL_E_FORMAT, "no dtype"},
    {"{\"a\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}", PAL_E_UNSUPPORTED,
     "dtype"},
    {"{\"a\":{" F32 "\"data_offsets\":[0,8]}}", PAL_E_FORMAT, "no shape"},
    {"{\"a\":{" F32 "\"shape\":[2.0],\"data_offsets\":[0,8]}}", PAL_E_FORMAT, "whole"},
    {"{\"a\":{" F32 "\"shape\":[-2],\"data_offsets\":[0,8]}}", PAL_E_FORMAT, "whole"},
    {"{\"a\":{" F32 "\"shape\":[\"2\"],\"data_offsets\":[0,8]}}", PAL_E_FORMAT, "whole"},
    {"{\"a\":{" F32 "\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}}", PAL_E_FORMAT,
     "does not parse"},
    {"{\"a\":{" F32 "\"shape\":[1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}", PAL_E_UNSUPPORTED,
     "dims"},
    {"{\"a\":{" F32 "\"shape\":[4611686018427387904,4],\"data_offsets\":[0,8]}}", PAL_E_FORMAT,
     "too large"},
    {"{\"a\":{" F32 "\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", PAL_E_FORMAT,
     "too large"},
    {"{\"a\":{" F32 "\"shape\":[3],\"data_offsets\":[0,8]}}", PAL_E_FORMAT, "does not fit"},
    {"{\"a\":{" F32 "\"shape\":[2]}}", PAL_E_FORMAT, "data_offsets"},
    {"{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[0]}}", PAL_E_FORMAT, "data_offsets"},
    {"{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[0,8,9]}}", PAL_E_FORMAT, "data_offsets"},
    {"{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[-8,0]}}", PAL_E_FORMAT, "data_offsets"},
    {"{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[8,0]}}", PAL_E_FORMAT, "outside"},
    {"{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[4,12]}}", PAL_E_FORMAT, "outside"},
    {"{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[0,9223372036854775807]}}", PAL_E_FORMAT,
     "outside"},
    {"{\"a\":{" F32 "\"shape\":[1],\"data_offsets\":[4,8]}}", PAL_E_FORMAT, "gap"},
    {"{\"a\":{" F32 "\"shape\":[1],\"data_offsets\":[0,4]}}", PAL_E_FORMAT, "belong to no"},
    {"{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[0,8]},"
     "\"b\":{" F32 "\"shape\":[1],\"data_offsets\":[4,8]}}",
     PAL_E_FORMAT, "overlaps"},
    {"{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[0,8]},"
     "\"b\":{" F32 "\"shape\":[2],\"data_offsets\":[0,8]}}",
     PAL_E_FORMAT, "overlaps"},
    {"{\"a\":{" F32 "\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"a\":{" F32 "\"shape\":[1],\"data_offsets\":[4,8]}}",
     PAL_E_FORMAT, "duplicate"},
    {"{\"__metadata__\":[],\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[0,8]}}", PAL_E_FORMAT,
     "no object"},
    {"{\"__metadata__\":{\"k\":1},\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[0,8]}}",
     PAL_E_FORMAT, "no text"},
    {"{\"__metadata__\":{\"xxh3\":\"0\"},\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[0,8]}}",
     PAL_E_FORMAT, "damaged"},
#undef F32
};

/* A file of this header, 8 bytes of tensors, and `length` in front. */
static char *hostile_file(const char *header, uint64_t length, size_t *size) {
  const size_t n = strlen(header);
  char *data = pal_alloc(16 + n);
  for (int i = 0; i < 8; i++) data[i] = (char)(length >> (8 * i) & 0xff);
  memcpy(data + 8, header, n);
  memcpy(data + 8 + n, "tensors!", 8);
  *size = 16 + n;
  return data;
}

START_TEST(hostile_files_are_refused) {
  pal_error error = {0};
  size_t size;
  char *data = hostile_file(hostile[_i].header, strlen(hostile[_i].header), &size);
  pal_safetensors *file = pal_safetensors_parse(data, size, "evil.safetensors", &error);
  ck_assert_msg(error.code == hostile[_i].code, "%s: %s", hostile[_i].header, error.text);
  ck_assert_int_eq(file != NULL, hostile[_i].code == PAL_OK);
  if (!file) ck_assert_ptr_nonnull(strstr(error.text, "evil.safetensors"));
  ck_assert_msg(strstr(error.text, hostile[_i].says) != NULL, "%s: %s", hostile[_i].header,
                error.text);
  pal_safetensors_free(file);
}
END_TEST

START_TEST(header_lengths_are_bounded) {
  static const uint64_t length[] = {0, 1, 11, 1000, UINT64_MAX, (uint64_t)1 << 63, UINT32_MAX};
  for (size_t i = 0; i < sizeof length / sizeof *length; i++) {
    pal_error error = {0};
    size_t size;
    char *data = hostile_file("{}", length[i], &size);
    ck_assert_ptr_null(pal_safetensors_parse(data, size, "evil", &error));
    ck_assert_int_eq(error.code, PAL_E_FORMAT);
  }
  char *deep = pal_alloc(100001); /* nested deeper than any stack should follow */
  memset(deep, '[', 100000);
  deep[100000] = 0;
  size_t size;
  char *data = hostile_file(deep, 100000, &size);
  ck_assert_ptr_null(pal_safetensors_parse(data, size, "deep", NULL));
  pal_free(deep);
}
END_TEST

static Suite *base_suite(void) {
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
  TCase *files = tcase_create("files");
  tcase_add_test(files, reading_is_bounded);
  tcase_add_test(files, writing_is_all_or_nothing);
  tcase_add_test(files, failed_writes_change_nothing);
  tcase_add_test(files, directories_are_made_with_parents);
  tcase_add_test(files, tensors_come_back);
  tcase_add_test(files, no_tensors_are_a_file_too);
  tcase_add_test(files, damage_is_noticed);
  tcase_add_test(files, writing_tensors_survives_failures);
  tcase_add_loop_test(files, hostile_files_are_refused, 0,
                      (int)(sizeof hostile / sizeof *hostile));
  tcase_add_test(files, header_lengths_are_bounded);
  suite_add_tcase(suite, files);
  TCase *team = tcase_create("team");
  tcase_add_test(team, team_meets_at_its_barrier);
  tcase_add_test(team, team_rounds_as_its_caller);
  suite_add_tcase(suite, team);
  return suite;
}

int main(void) {
  if (!mkdtemp(scratch)) return 2;
  SRunner *runner = srunner_create(base_suite());
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  char command[64];
  (void)snprintf(command, sizeof command, "rm -rf %s", scratch);
  return system(command) != 0 || failed > 0;
}
