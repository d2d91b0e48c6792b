/* SPDX-License-Identifier: Apache-2.0 */
/* Reading safetensors files (floor 0). See safetensors.h.
 *
 * Invariant: files are not trusted. No number of a file is used as a size, index or offset before
 * it has been checked against the actual size of the file. */
#include "src/safetensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/alloc.h"
#include "src/file.h"
#include "src/half.h"
#include "src/safetensors_format.h"

struct pal_safetensors {
  char *data;     /* the whole file */
  json_t *header; /* owns the names and the metadata */
  pal_tensor *tensor;
  size_t n;
  float *widened; /* elements of the F16 tensors, converted */
};

void pal_safetensors_free(pal_safetensors *file) {
  if (!file) return;
  json_decref(file->header);
  pal_free(file->widened);
  pal_free(file->tensor);
  pal_free(file->data);
  pal_free(file);
}

static bool read_size(const json_t *value, size_t *size) {
  if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
  *size = (size_t)json_integer_value(value);
  return true;
}

/* Whether a dtype is IEEE 754 half precision. Nothing computes with it: tensors of this dtype are
 * read as bf16, which has the same size, and then converted to f32 (widen_halves). */
static bool is_half(const char *dtype) { return dtype && strcmp(dtype, "F16") == 0; }

/* Reads the type of a tensor; NULL, or what is wrong with it. */
static const char *read_type(const json_t *entry, pal_type *type, pal_status *code) {
  const char *dtype = json_string_value(json_object_get(entry, "dtype"));
  const json_t *shape = json_object_get(entry, "shape");
  int64_t dim[PAL_MAX_DIMS];
  int known = 0;
  *code = PAL_E_FORMAT;
  if (!dtype) return "has no dtype";
  if (!json_is_array(shape)) return "has no shape";
  const size_t rank = json_array_size(shape);
  for (size_t i = 0; i < rank; i++) {
    size_t size;
    if (!read_size(json_array_get(shape, i), &size)) return "has a dim that is no whole number";
    if (i < PAL_MAX_DIMS) dim[i] = (int64_t)size;
  }
  *code = PAL_E_UNSUPPORTED;
  const char *sized = is_half(dtype) ? "BF16" : dtype;
  while (known < SAFETENSORS_DTYPES && strcmp(safetensors_dtype[known].name, sized) != 0) known++;
  if (known == SAFETENSORS_DTYPES) return "has a dtype other than F32, F16, BF16, I32 and U8";
  if (rank > PAL_MAX_DIMS) return "has more than 6 dims";
  *type = pal_type_make(safetensors_dtype[known].dtype, PAL_STATIC, dim, (int)rank);
  return NULL;
}

/* Reads one entry of the header, with `room` bytes of tensors behind it. */
static const char *read_entry(const json_t *entry, char *begin, size_t room, pal_tensor *tensor,
                              pal_status *code) {
  if (!json_is_object(entry)) {
    *code = PAL_E_FORMAT;
    return "is no object";
  }
  const char *wrong = read_type(entry, &tensor->type, code);
  if (wrong) return wrong;
  *code = PAL_E_FORMAT;
  const json_t *offsets = json_object_get(entry, "data_offsets");
  size_t from, to, bytes;
  if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
      !read_size(json_array_get(offsets, 0), &from) || !read_size(json_array_get(offsets, 1), &to))
    return "has no pair of data_offsets";
  if (from > to || to > room) return "lies outside the file";
  if (!safetensors_bytes(&tensor->type, &bytes)) return "has a shape that is too large";
  if (bytes != to - from) return "has a shape that does not fit its data_offsets";
  tensor->data = begin + from;
  tensor->bytes = bytes;
  return NULL;
}

static int by_place(const void *left, const void *right) {
  const pal_tensor *a = left, *b = right;
  const char *x = a->data, *y = b->data;
  if (x != y) return x < y ? -1 : 1;
  return a->bytes < b->bytes ? -1 : a->bytes > b->bytes;
}

static int by_name(const void *left, const void *right) {
  const pal_tensor *a = left, *b = right;
  return strcmp(a->name, b->name);
}

/* Every byte belongs to exactly one tensor. Leaves them in order of names. */
static pal_status check_places(pal_safetensors *file, const char *begin, size_t room,
                               const char *path, pal_error *error) {
  const char *end = begin;
  qsort(file->tensor, file->n, sizeof *file->tensor, by_place);
  for (size_t i = 0; i < file->n; i++) {
    const pal_tensor *tensor = &file->tensor[i];
    if ((const char *)tensor->data != end)
      return pal_fail(error, PAL_E_FORMAT, "%s: tensor \"%.200s\" leaves a gap or overlaps another",
                      path, tensor->name);
    end += tensor->bytes;
  }
  if (end != begin + room)
    return pal_fail(error, PAL_E_FORMAT, "%s: %zu bytes at the end belong to no tensor", path,
                    (size_t)(begin + room - end));
  qsort(file->tensor, file->n, sizeof *file->tensor, by_name);
  return PAL_OK;
}

/* Compares the hashes that the file records, see safetensors.h, with those of its contents. */
static pal_status check_sums(pal_safetensors *file, char *begin, size_t room, const char *path,
                             pal_error *error) {
  const char *said = pal_safetensors_metadata(file, "xxh3");
  char found[SAFETENSORS_CHECKSUM + 1], recorded[SAFETENSORS_DIGITS];
  if (!said) return PAL_OK;
  const size_t size = (size_t)(begin - file->data);
  char *digits =
      strlen(said) == SAFETENSORS_DIGITS ? NULL : safetensors_header_digits(file->data, size);
  (void)snprintf(found, sizeof found, "%016" PRIx64, pal_hash64(begin, room));
  if (digits) {
    memcpy(recorded, digits, SAFETENSORS_DIGITS);
    memcpy(digits, SAFETENSORS_ZEROS, SAFETENSORS_DIGITS);
    (void)snprintf(found + SAFETENSORS_DIGITS, SAFETENSORS_DIGITS + 1, "%016" PRIx64,
                   pal_hash64(file->data, size));
    memcpy(digits, recorded, SAFETENSORS_DIGITS);
  }
  if (strcmp(said, found) == 0) return PAL_OK;
  return pal_fail(error, PAL_E_FORMAT,
                  "%s is damaged: its tensors and header have the checksum %s, not the recorded "
                  "%.40s; restore the file from a copy",
                  path, found, said);
}

static pal_status check_metadata(const pal_safetensors *file, const char *path, pal_error *error) {
  json_t *metadata = json_object_get(file->header, SAFETENSORS_METADATA), *value;
  const char *key;
  if (metadata && !json_is_object(metadata))
    return pal_fail(error, PAL_E_FORMAT, "%s: %s is not a JSON object", path, SAFETENSORS_METADATA);
  json_object_foreach(metadata, key, value) {
    if (!json_is_string(value))
      return pal_fail(error, PAL_E_FORMAT, "%s: metadata \"%.200s\" is not a string", path, key);
  }
  return PAL_OK;
}

enum { MOST_LEVELS = 64 };

/* The nesting depth of lists and objects in a JSON text. The parser is recursive, so a deep text
 * could overflow the stack; a valid header has three levels. */
static int nesting(const char *text, size_t size) {
  int depth = 0, most = 0;
  bool quoted = false;
  for (size_t i = 0; i < size; i++) {
    const char c = text[i];
    if (quoted && c == '\\') i++;
    else if (c == '"') quoted = !quoted;
    else if (!quoted && (c == '[' || c == '{') && ++depth > most) most = depth;
    else if (!quoted && (c == ']' || c == '}')) depth--;
  }
  return most;
}

/* Parses the JSON header and returns where the tensors begin, or NULL. */
static char *read_header(pal_safetensors *file, size_t size, const char *path, pal_error *error) {
  uint64_t length = 0;
  for (int i = 0; i < 8 && size >= 8; i++)
    length |= (uint64_t)(unsigned char)file->data[i] << (8 * i);
  if (size < 8 || length > size - 8 || length > SAFETENSORS_HEADER || length < 2) {
    pal_fail(error, PAL_E_FORMAT,
             "%s is no safetensors file: a header of %" PRIu64 " bytes in a file of %zu", path,
             length, size);
    return NULL;
  }
  const int levels = nesting(file->data + 8, (size_t)length);
  if (levels > MOST_LEVELS) {
    pal_fail(error, PAL_E_FORMAT,
             "%s: the header has %d levels of lists and objects, at most %d are read", path, levels,
             MOST_LEVELS);
    return NULL;
  }
  json_error_t why;
  file->header = json_loadb(file->data + 8, (size_t)length, JSON_REJECT_DUPLICATES, &why);
  if (!file->header || !json_is_object(file->header)) {
    pal_fail(error, PAL_E_FORMAT, "%s: the header does not parse: %s at byte %d", path,
             file->header ? "no object" : why.text, file->header ? 8 : 8 + why.position);
    return NULL;
  }
  return file->data + 8 + length;
}

/* Converts all F16 tensors to f32. */
static pal_status widen_halves(pal_safetensors *file, const char *path, pal_error *error) {
  size_t halves = 0;
  for (int pass = 0; pass < 2; pass++) {
    float *to = file->widened;
    for (size_t i = 0; i < file->n; i++) {
      pal_tensor *tensor = &file->tensor[i];
      const json_t *entry = json_object_get(file->header, tensor->name);
      if (!is_half(json_string_value(json_object_get(entry, "dtype")))) continue;
      const size_t n = tensor->bytes / sizeof(uint16_t);
      halves += n;
      if (pass == 0) continue;
      const char *from = tensor->data;
      for (size_t k = 0; k < n; k++) {
        uint16_t half;
        memcpy(&half, from + k * sizeof half, sizeof half);
        to[k] = pal_half_value(half);
      }
      tensor->type.dtype = PAL_F32;
      tensor->data = to;
      tensor->bytes = n * sizeof *to;
      to += n;
    }
    if (halves == 0) return PAL_OK;
    if (pass == 0 && !(file->widened = pal_alloc(halves * sizeof *file->widened)))
      return pal_fail(error, PAL_E_MEMORY, "out of memory: %zu numbers of %s", halves, path);
  }
  return PAL_OK;
}

static pal_status read_tensors(pal_safetensors *file, size_t size, const char *path,
                               pal_error *error) {
  char *begin = read_header(file, size, path, error);
  if (!begin) return PAL_E_FORMAT;
  const size_t room = size - (size_t)(begin - file->data);
  const size_t most = json_object_size(file->header);
  file->tensor = pal_calloc(most, sizeof *file->tensor);
  if (!file->tensor)
    return pal_fail(error, PAL_E_MEMORY, "out of memory: %zu tensors of %s", most, path);
  const char *key;
  json_t *entry;
  json_object_foreach(file->header, key, entry) {
    if (strcmp(key, SAFETENSORS_METADATA) == 0) continue;
    pal_status code;
    const char *wrong = read_entry(entry, begin, room, &file->tensor[file->n], &code);
    if (wrong) return pal_fail(error, code, "%s: tensor \"%.200s\" %s", path, key, wrong);
    file->tensor[file->n++].name = key;
  }
  pal_status status = check_places(file, begin, room, path, error);
  if (status == PAL_OK) status = check_metadata(file, path, error);
  if (status == PAL_OK) status = check_sums(file, begin, room, path, error);
  return status == PAL_OK ? widen_halves(file, path, error) : status;
}

pal_safetensors *pal_safetensors_parse(char *data, size_t size, const char *path,
                                       pal_error *error) {
  pal_safetensors *file = pal_calloc(1, sizeof *file);
  if (!file) {
    pal_free(data);
    pal_fail(error, PAL_E_MEMORY, "out of memory reading %s", path);
    return NULL;
  }
  file->data = data;
  if (read_tensors(file, size, path, error) == PAL_OK) return file;
  pal_safetensors_free(file);
  return NULL;
}

pal_safetensors *pal_safetensors_read(const char *path, pal_error *error) {
  char *data;
  size_t size;
  if (pal_file_read(path, SIZE_MAX / 4, &data, &size, error) != PAL_OK) return NULL;
  return pal_safetensors_parse(data, size, path, error);
}

const pal_tensor *pal_safetensors_find(const pal_safetensors *file, const char *name) {
  const pal_tensor key = {.name = name};
  if (file->n == 0) return NULL;
  return bsearch(&key, file->tensor, file->n, sizeof key, by_name);
}

const pal_tensor *pal_safetensors_at(const pal_safetensors *file, size_t index) {
  return index < file->n ? &file->tensor[index] : NULL;
}

/* Whether element i is finite, by its exponent bits. The data may be unaligned. */
static bool is_finite(const pal_tensor *tensor, size_t i) {
  const char *data = tensor->data;
  uint32_t single;
  uint16_t half;
  if (tensor->type.dtype == PAL_F32) {
    memcpy(&single, data + i * sizeof single, sizeof single);
    return (single & 0x7f800000u) != 0x7f800000u;
  }
  memcpy(&half, data + i * sizeof half, sizeof half);
  return (half & 0x7f80u) != 0x7f80u;
}

pal_status pal_safetensors_check_finite(const pal_tensor *tensor, const char *path,
                                        pal_error *error) {
  const pal_dtype dtype = tensor->type.dtype;
  if (dtype != PAL_F32 && dtype != PAL_BF16) return PAL_OK;
  for (size_t i = 0; i < tensor->bytes / pal_dtype_size(dtype); i++)
    if (!is_finite(tensor, i))
      return pal_fail(error, PAL_E_FORMAT,
                      "%s: element %zu of \"%.200s\" is infinite or not a number; give a file from "
                      "before the training diverged",
                      path, i, tensor->name);
  return PAL_OK;
}

const char *pal_safetensors_metadata(const pal_safetensors *file, const char *key) {
  return json_string_value(
      json_object_get(json_object_get(file->header, SAFETENSORS_METADATA), key));
}
