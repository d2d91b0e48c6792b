/* SPDX-License-Identifier: Apache-2.0 */
/* Safetensors: what is written comes back; damaged and hostile files are refused. */
#include "tests/scratch.h"

#include <jansson.h>
#include <palimpsest/type.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/alloc.h"
#include "src/file.h"
#include "src/safetensors.h"

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

/* Every bit flipped and every length cut short is noticed. A flip in the name of the checksum
 * itself makes a file of one that has none, with all else as it was: a trainer refuses it. */
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
  size_t key = 8, named = 0;
  while (memcmp(data + key, "xxh3", 4) != 0) key++;
  for (size_t bit = 0; bit < 8 * size; bit++) {
    char *copy = pal_alloc(size);
    memcpy(copy, data, size);
    copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
    pal_safetensors *file = pal_safetensors_parse(copy, size, "flipped", NULL);
    if (file) {
      ck_assert(bit / 8 >= key && bit / 8 < key + 4);
      ck_assert_str_eq(pal_safetensors_metadata(file, "note"), "a\nb");
      ck_assert_ptr_null(pal_safetensors_metadata(file, "xxh3"));
      named++;
    }
    for (size_t i = 0; file && pal_safetensors_at(file, i); i++) {
      const pal_tensor *t = pal_safetensors_at(file, i);
      ck_assert((const char *)t->data >= copy + header);
      ck_assert((const char *)t->data + t->bytes <= copy + size);
    }
    pal_safetensors_free(file);
  }
  ck_assert_uint_gt(named, 0);
  pal_free(data);
}
END_TEST

/* Files written before the header had a checksum hold 16 digits, and are read as before. */
START_TEST(older_files_are_read) {
  static const char form[] = "{\"__metadata__\":{\"xxh3\":\"%016llx\"},"
                             "\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}";
  for (int wrong = 0; wrong < 2; wrong++) {
    char header[200];
    const unsigned long long sum = pal_hash64("tensors!", 8) ^ (unsigned long long)wrong;
    const size_t n = (size_t)snprintf(header, sizeof header, form, sum);
    char *data = pal_calloc(1, 16 + n);
    data[0] = (char)n;
    memcpy(data + 8, header, n);
    memcpy(data + 8 + n, "tensors!", 8);
    pal_safetensors *file = pal_safetensors_parse(data, 16 + n, "old", NULL);
    ck_assert_int_eq(file != NULL, !wrong);
    pal_safetensors_free(file);
  }
}
END_TEST

/* Numbers of IEEE 754 half precision become the same numbers in f32. */
START_TEST(halves_become_singles) {
  static const char header[] = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                               "\"h\":{\"dtype\":\"F16\",\"shape\":[2,5],\"data_offsets\":[1,21]}}";
  static const uint16_t half[10] = {0x0000, 0x8000, 0x3c00, 0xc100, 0x7bff,
                                    0x0400, 0x0001, 0x83ff, 0x3555, 0x7c00};
  static const float single[10] = {0,        -0.0f,    1,           -2.5f,       65504,
                                   0x1p-14f, 0x1p-24f, -0x3ffp-24f, 0x1.554p-2f, INFINITY};
  const size_t n = sizeof header - 1;
  char *data = pal_calloc(1, 8 + n + 21);
  data[0] = (char)n;
  memcpy(data + 8, header, n);
  memcpy(data + 8 + n + 1, half, sizeof half);
  pal_error error = {0};
  pal_safetensors *file = pal_safetensors_parse(data, 8 + n + 21, "halves", &error);
  ck_assert_msg(file != NULL, "%s", error.text);
  const pal_tensor *t = pal_safetensors_find(file, "h");
  const pal_type type = PAL_TYPE(PAL_F32, PAL_STATIC, 2, 5);
  ck_assert(pal_type_equal(&t->type, &type));
  ck_assert_mem_eq(t->data, single, sizeof single);
  ck_assert_uint_eq(t->bytes, sizeof single);
  ck_assert_int_eq(pal_safetensors_check_finite(t, "halves", &error), PAL_E_FORMAT);
  pal_safetensors_free(file);
}
END_TEST

static int json_left; /* allocations of jansson until one fails; the others do not */

static void *json_memory(size_t size) { return json_left-- == 0 ? NULL : malloc(size); }

/* Whatever allocation of jansson fails, once: an error, or a file that is whole. */
START_TEST(json_without_memory) {
  int refused = 0, n = 0;
  bool failed = true;
  for (; failed; n++) {
    json_left = n;
    json_set_alloc_funcs(json_memory, free);
    const pal_status status = write_sample(at("j"), NULL);
    failed = json_left < 0;
    json_set_alloc_funcs(malloc, free);
    refused += status != PAL_OK;
    if (status != PAL_OK) continue;
    pal_safetensors *file = pal_safetensors_read(at("j"), NULL);
    ck_assert_ptr_nonnull(file);
    ck_assert_str_eq(pal_safetensors_metadata(file, "note"), "a\nb");
    ck_assert_ptr_nonnull(pal_safetensors_at(file, 4));
    pal_safetensors_free(file);
  }
  ck_assert_int_gt(refused, n / 2);
}
END_TEST

/* Parses a header of 2,000 lists in each other, on a stack of 128 KiB. */
static void *parse_nested(void *data) {
  enum { DEEP = 2000, LENGTH = 5 + 2 * DEEP + 1 };
  char *file = pal_calloc(1, 8 + LENGTH);
  file[0] = (char)(LENGTH & 255), file[1] = (char)(LENGTH >> 8);
  memcpy(file + 8, "{\"t\":", 5);
  memset(file + 13, '[', DEEP);
  memset(file + 13 + DEEP, ']', DEEP);
  file[8 + LENGTH - 1] = '}';
  pal_safetensors_free(pal_safetensors_parse(file, 8 + LENGTH, "nested", data));
  return NULL;
}

START_TEST(nesting_is_bounded) {
  pal_error error = {0};
  pthread_t thread;
  pthread_attr_t attributes;
  ck_assert_int_eq(pthread_attr_init(&attributes), 0);
  ck_assert_int_eq(pthread_attr_setstacksize(&attributes, 128 << 10), 0);
  ck_assert_int_eq(pthread_create(&thread, &attributes, parse_nested, &error), 0);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  ck_assert_int_eq(pthread_attr_destroy(&attributes), 0);
  ck_assert_int_eq(error.code, PAL_E_FORMAT);
  ck_assert_ptr_nonnull(strstr(error.text, "nested: "));
  ck_assert_ptr_nonnull(strstr(error.text, "levels"));
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
     "not a JSON object"},
    {"{\"__metadata__\":{\"k\":1},\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[0,8]}}",
     PAL_E_FORMAT, "not a string"},
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

int main(void) {
  Suite *suite = suite_create("safetensors");
  TCase *tensors = tcase_create("safetensors");
  tcase_add_test(tensors, tensors_come_back);
  tcase_add_test(tensors, no_tensors_are_a_file_too);
  tcase_add_test(tensors, damage_is_noticed);
  tcase_add_test(tensors, older_files_are_read);
  tcase_add_test(tensors, halves_become_singles);
  tcase_add_test(tensors, json_without_memory);
  tcase_add_test(tensors, nesting_is_bounded);
  tcase_add_test(tensors, writing_tensors_survives_failures);
  tcase_add_loop_test(tensors, hostile_files_are_refused, 0,
                      (int)(sizeof hostile / sizeof *hostile));
  tcase_add_test(tensors, header_lengths_are_bounded);
  suite_add_tcase(suite, tensors);
  return run_in_scratch(suite);
}
