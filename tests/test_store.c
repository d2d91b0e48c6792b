/* SPDX-License-Identifier: Apache-2.0 */
/* Saving and loading the variables of a store: all bytes are kept; by role and by prefix; strict
 * and lenient loading; a file that is refused changes nothing. */
#include <check.h>
#include <math.h>
#include <palimpsest/store.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/parts.h"
#include "tests/run.h"

enum { W, V, HALF, COUNT, FLAGS, CACHE, VARIABLES };
static const struct {
  const char *name;
  pal_dtype dtype;
  pal_role role;
} own[VARIABLES] = {{"net.w", PAL_F32, PAL_PARAMETER}, {"net.v", PAL_F32, PAL_PARAMETER},
                    {"net.half", PAL_BF16, PAL_STATE}, {"count", PAL_I32, PAL_STATE},
                    {"net.flags", PAL_U8, PAL_STATE},  {"cache", PAL_F32, PAL_SCRATCH}};

static char path[] = "/tmp/pal_store_XXXXXX";
static pal_error error;

static pal_variable *make(pal_store *store, const char *name, pal_dtype dtype, pal_role role,
                          int64_t columns) {
  pal_variable *v = NULL;
  const pal_init init = dtype == PAL_F32 || dtype == PAL_BF16 ? PAL_NORMAL(1) : PAL_ONES;
  ck_assert_msg(!pal_store_variable(store, name, PAL_TYPE(dtype, PAL_STATIC, 3, columns), role,
                                    init, &v, &error),
                "%s", error.text);
  return v;
}

/* All of `own`; other seeds have other contents everywhere. */
static pal_store *fill(uint64_t seed, pal_variable **v) {
  pal_store *store = pal_store_new(seed);
  ck_assert_ptr_nonnull(store);
  for (int i = 0; i < VARIABLES; i++) {
    v[i] = make(store, own[i].name, own[i].dtype, own[i].role, 5);
    if (i == COUNT || i == FLAGS)
      memset(pal_variable_data(v[i]), (int)seed, pal_variable_bytes(v[i]));
  }
  return store;
}

static bool same(pal_variable *a, pal_variable *b) {
  return memcmp(pal_variable_data(a), pal_variable_data(b), pal_variable_bytes(a)) == 0;
}

/* Loading fails with that code and text, and changes no variable. */
static void refused(pal_store *store, const pal_store_filter *filter, bool strict, pal_status code,
                    const char *words) {
  pal_error e = {0};
  char before[VARIABLES][128], *skipped = path;
  pal_variable *v;
  for (size_t i = 0; (v = pal_store_at(store, i)) && i < VARIABLES; i++)
    memcpy(before[i], pal_variable_data(v), pal_variable_bytes(v));
  ck_assert_int_eq(pal_store_load(store, path, filter, strict, &skipped, &e), code);
  ck_assert_msg(strstr(e.text, words) != NULL, "\"%s\" lacks \"%s\"", e.text, words);
  ck_assert_ptr_null(skipped);
  for (size_t i = 0; (v = pal_store_at(store, i)) && i < VARIABLES; i++)
    ck_assert_mem_eq(before[i], pal_variable_data(v), pal_variable_bytes(v));
}

START_TEST(byte_for_byte) {
  static const char *const note[] = {"task=toy", "note=a=b"}, *const other[] = {"task=tale"};
  pal_variable *a[VARIABLES], *b[VARIABLES], *block;
  pal_store *from = fill(1, a), *to = fill(2, b);
  ck_assert(!pal_store_block(from, a, 2, &block, &error)); /* parts are saved, their block is not */
  ck_assert(!pal_store_block(to, b + V, 1, &block, &error));
  ck_assert(!pal_store_save(from, path, NULL, note, 2, &error));
  ck_assert_msg(!pal_store_load(to, path, NULL, true, NULL, &error), "%s", error.text);
  for (int i = 0; i < VARIABLES; i++) ck_assert_msg(same(a[i], b[i]) == (i != CACHE), "%d", i);
  ck_assert(!pal_store_check(path, note, 2, &error));
  ck_assert_int_eq(pal_store_check(path, other, 1, &error), PAL_E_FORMAT);
  ck_assert_msg(strstr(error.text, "task \"toy\", not \"tale\"") != NULL, "%s", error.text);
  pal_store_free(from);
  pal_store_free(to);
}
END_TEST

START_TEST(by_role_and_prefix) {
  static const pal_store_filter filter[] = {{1u << PAL_PARAMETER, NULL},
                                            {0, "net."},
                                            {1u << PAL_STATE, "net."},
                                            {1u << PAL_SCRATCH, NULL},
                                            {0, "count"}};
  static const char *const taken[] = {"110000", "111010", "001010", "000001", "000100"};
  for (int k = 0; k < 5; k++)
    for (int whole = 0; whole < 2; whole++) { /* a filter of what is written, of what is read */
      if (whole && !filter[k].prefix) continue;
      pal_variable *a[VARIABLES], *b[VARIABLES];
      pal_store *from = fill(1, a), *to = fill(2, b);
      const pal_store_filter roles = {filter[k].roles, NULL};
      ck_assert(!pal_store_save(from, path, whole ? &roles : &filter[k], NULL, 0, &error));
      ck_assert_msg(!pal_store_load(to, path, &filter[k], true, NULL, &error), "%s", error.text);
      for (int i = 0; i < VARIABLES; i++)
        ck_assert_msg(same(a[i], b[i]) == (taken[k][i] == '1'), "%d %d", k, i);
      pal_store_free(from);
      pal_store_free(to);
    }
}
END_TEST

START_TEST(what_does_not_fit) {
  static const pal_store_filter parameters = {1u << PAL_PARAMETER, NULL}, typo = {0, "nte."};
  pal_variable *a[VARIABLES], *b[2];
  pal_store *from = fill(1, a), *to = pal_store_new(2);
  b[0] = make(to, "net.w", PAL_F32, PAL_PARAMETER, 5);
  b[1] = make(to, "net.v", PAL_F32, PAL_PARAMETER, 4);
  make(to, "extra", PAL_F32, PAL_STATE, 1);
  make(to, "count", PAL_I32, PAL_PARAMETER, 5); /* in another role than the file's writer had it */
  ck_assert(!pal_store_save(from, path, NULL, NULL, 0, &error));
  refused(to, NULL, true, PAL_E_FORMAT,
          "net.v is f32[3,5], not f32[3,4];extra is not in the file;");
  refused(to, &parameters, true, PAL_E_FORMAT, "net.half is none of the selected variables");
  refused(to, &typo, false, PAL_E_NOT_FOUND, "begins with \"nte.\"");
  char *skipped;
  ck_assert(!pal_store_load(to, path, NULL, false, &skipped, &error));
  ck_assert_str_eq(skipped, "net.v is f32[3,5], not f32[3,4]\n"
                            "extra is not in the file\n"
                            "net.flags is none of the selected variables of the store\n"
                            "net.half is none of the selected variables of the store\n");
  free(skipped);
  ck_assert(same(a[W], b[0]));
  ck_assert(!pal_store_load(from, path, NULL, false, &skipped, &error));
  ck_assert_ptr_null(skipped);

  float *w = pal_variable_data(a[W]);
  const float before = w[7];
  w[7] = NAN;
  ck_assert(!pal_store_save(from, path, NULL, NULL, 0, &error));
  w[7] = before;
  refused(from, NULL, false, PAL_E_FORMAT, "element 7 of \"net.w\"");
  ck_assert_int_eq(pal_store_save(from, path, &typo, NULL, 0, &error), PAL_E_NOT_FOUND);
  refused(from, NULL, true, PAL_E_FORMAT, "element 7"); /* the file is as it was */
  ck_assert(!unlink(path));
  refused(from, NULL, true, PAL_E_NOT_FOUND, path);
  pal_store_free(from);
  pal_store_free(to);
}
END_TEST

/* bf16 of a file are converted for a variable of f32; f32 are not rounded to bf16. */
START_TEST(bf16_widens) {
  pal_store *from = pal_store_new(1), *to = pal_store_new(2);
  pal_variable *narrow = make(from, "w", PAL_BF16, PAL_PARAMETER, 5),
               *wide = make(to, "w", PAL_F32, PAL_PARAMETER, 5);
  const uint16_t *upper = pal_variable_data(narrow);
  const uint32_t *bits = pal_variable_data(wide);
  ck_assert(!pal_store_save(from, path, NULL, NULL, 0, &error));
  ck_assert_msg(!pal_store_load(to, path, NULL, true, NULL, &error), "%s", error.text);
  for (int i = 0; i < 15; i++) ck_assert_uint_eq(bits[i], (uint32_t)upper[i] << 16);
  ck_assert(!pal_store_save(to, path, NULL, NULL, 0, &error));
  error = (pal_error){0}; /* an error keeps its first failure, also that of another test */
  ck_assert_int_eq(pal_store_load(from, path, NULL, true, NULL, &error), PAL_E_FORMAT);
  ck_assert_ptr_nonnull(strstr(error.text, "w is f32[3,5], not bf16[3,5]"));
  error = (pal_error){0};
  ck_assert_int_eq(pal_store_load(from, path, NULL, false, NULL, &error), PAL_E_FORMAT);
  ck_assert_ptr_nonnull(strstr(error.text, "no tensor fits"));
  pal_store_free(from);
  pal_store_free(to);
}
END_TEST

static void make_path(void) {
  const int file = mkstemp(memcpy(path, "/tmp/pal_store_XXXXXX", sizeof path));
  ck_assert_int_ge(file, 0);
  close(file);
}

static void remove_path(void) { unlink(path); }

int main(void) {
  Suite *suite = suite_create("store");
  TCase *c = tcase_create("files");
  tcase_add_checked_fixture(c, make_path, remove_path);
  tcase_add_test(c, byte_for_byte);
  tcase_add_test(c, by_role_and_prefix);
  tcase_add_test(c, what_does_not_fit);
  tcase_add_test(c, bf16_widens);
  suite_add_tcase(suite, c);
  return run_suite(suite);
}
