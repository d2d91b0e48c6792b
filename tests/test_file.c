/* SPDX-License-Identifier: Apache-2.0 */
/* Files of src/: bounded reading, atomic replacement, directories. */
#include "tests/scratch.h"

#include <palimpsest/type.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/alloc.h"
#include "src/file.h"

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
  ck_assert_int_eq(pal_writer_write(&writer, "x", 1, NULL), PAL_E_INTERNAL);
  ck_assert_int_eq(pal_writer_close(&writer, NULL), PAL_E_INTERNAL);

  ck_assert_int_eq(symlink("kept", at("link")), 0);
  ck_assert_int_eq(pal_writer_open(&writer, at("link"), NULL), PAL_OK);
  ck_assert_int_eq(pal_writer_write(&writer, "ne", 2, NULL), PAL_OK);
  ck_assert_int_eq(pal_writer_write(&writer, "w", 1, NULL), PAL_OK);
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

int main(void) {
  Suite *suite = suite_create("file");
  TCase *files = tcase_create("files");
  tcase_add_test(files, reading_is_bounded);
  tcase_add_test(files, writing_is_all_or_nothing);
  tcase_add_test(files, failed_writes_change_nothing);
  tcase_add_test(files, directories_are_made_with_parents);
  suite_add_tcase(suite, files);
  return run_in_scratch(suite);
}
