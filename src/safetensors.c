/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing safetensors files (floor 0). See safetensors.h.
 *
 * Invariant of the reader: files are not trusted. No number of a file is used as a size, index or
 * offset before it has been checked against the actual size of the file. */
#include "src/safetensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "src/alloc.h"
#include "src/file.h"
#include "src/half.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tensors are stored as they lie in memory, which has to be little endian"
#endif

static const size_t largest_header = 100u * 1000 * 1000; /* the format's own limit */
static const char reserved[] = "__metadata__";

static const struct {
  const char *name;
  pal_dtype dtype;
} stored[] = {{"F32", PAL_F32}, {"I32", PAL_I32}, {"BF16", PAL_BF16}, {"U8", PAL_U8}};
enum { N_STORED = sizeof stored / sizeof *stored };

/* Hexadecimal digits of one hash, and of both: that of the tensors, then that of the header. */
enum { DIGITS = 16, CHECKSUM = 2 * DIGITS };
static const char zeros[] = "0000000000000000", checksum_key[] = "\"xxh3\":\"";

/* Finds, in the first `size` bytes of a file (length and JSON), the digits of the header's hash; or
 * NULL. Searching the text for the key with its quotes is safe: inside a JSON string quotes are
 * escaped. */
static char *header_digits(char *text, size_t size) {
  const size_t key = sizeof checksum_key - 1;
  for (size_t i = 8; i + key + CHECKSUM < size; i++)
    if (memcmp(text + i, checksum_key, key) == 0) return text + i + key + DIGITS;
  return NULL;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* Bytes of a tensor, or false when the type cannot be stored. */
static bool tensor_bytes(const pal_type *type, size_t *bytes) {
  size_t n = pal_dtype_size(type->dtype);
  if (n == 0 || type->symbol.id) return false;
  for (int i = 0; i < type->rank; i++) {
    const int64_t dim = type->dim[i];
    if (dim < 0 || (dim > 0 && n > (size_t)(INT64_MAX / dim))) return false;
    n *= (size_t)dim;
  }
  *bytes = n;
  return true;
}

/* Adds one tensor at `offset` to the header and moves the offset on. */
static pal_status describe(json_t *header, const pal_tensor *tensor, size_t *offset,
                           const char *path, pal_error *error) {
  size_t bytes;
  const char *dtype = NULL, *name = tensor->name ? tensor->name : "";
  for (int i = 0; i < N_STORED; i++)
    if (stored[i].dtype == tensor->type.dtype) dtype = stored[i].name;
  if (!*name || strcmp(name, reserved) == 0)
    return pal_fail(error, PAL_E_ARGUMENT, "%s: \"%s\" cannot name a tensor", path, name);
  if (json_object_get(header, name))
    return pal_fail(error, PAL_E_DUPLICATE, "%s: two tensors are named \"%s\"", path, name);
  if (!dtype || !tensor_bytes(&tensor->type, &bytes) || bytes > SIZE_MAX / 2 - *offset)
    return pal_fail(error, PAL_E_ARGUMENT, "%s: tensor \"%s\" has a type that cannot be stored",
                    path, name);
  json_t *shape = json_array();
  int bad = !shape;
  for (int i = 0; i < tensor->type.rank; i++)
    bad |= json_array_append_new(shape, json_integer(tensor->type.dim[i]));
  json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype, "shape", shape, "data_offsets",
                            (json_int_t)*offset, (json_int_t)(*offset + bytes));
  if (bad || !entry) {
    json_decref(entry);
    return pal_fail(error, PAL_E_MEMORY, "out of memory describing \"%s\" of %s", name, path);
  }
  if (json_object_set_new(header, name, entry) != 0)
    return pal_fail(error, PAL_E_ARGUMENT, "%s: a tensor's name is not UTF-8", path);
  *offset += bytes;
  return PAL_OK;
}

/* Iterates over the tensors in the order of the file, by element size from 4 bytes down. */
static const pal_tensor *next_stored(const pal_tensor *tensor, size_t n, size_t *element,
                                     size_t *index) {
  for (; *element > 0; *element /= 2, *index = 0)
    for (; *index < n; ++*index)
      if (pal_dtype_size(tensor[*index].type.dtype) == *element) return &tensor[(*index)++];
  return NULL;
}

static pal_status describe_all(json_t *header, const pal_tensor *tensor, size_t n, const char *path,
                               pal_error *error) {
  size_t offset = 0, element = 4, index = 0;
  for (size_t i = 0; i < n; i++) /* types that next_stored does not visit are refused here */
    if (pal_dtype_size(tensor[i].type.dtype) == 0)
      return describe(header, &tensor[i], &offset, path, error);
  const pal_tensor *t;
  while ((t = next_stored(tensor, n, &element, &index))) {
    const pal_status status = describe(header, t, &offset, path, error);
    if (status != PAL_OK) return status;
  }
  return PAL_OK;
}

/* XXH3 of the tensors' bytes in the order of the file. */
static bool hash_all(const pal_tensor *tensor, size_t n, uint64_t *hash) {
  XXH3_state_t *state = XXH3_createState();
  if (!state) return false;
  (void)XXH3_64bits_reset(state);
  size_t element = 4, index = 0, bytes;
  const pal_tensor *t;
  while ((t = next_stored(tensor, n, &element, &index)))
    if (tensor_bytes(&t->type, &bytes) && bytes) (void)XXH3_64bits_update(state, t->data, bytes);
  *hash = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  return true;
}

static pal_status describe_metadata(json_t *header, const pal_tensor *tensor, size_t n,
                                    const pal_metadata *metadata, size_t n_metadata,
                                    const char *path, pal_error *error) {
  uint64_t hash;
  char digits[CHECKSUM + 1];
  json_t *object = json_object();
  if (!object || json_object_set_new(header, reserved, object) != 0 || !hash_all(tensor, n, &hash))
    return pal_fail(error, PAL_E_MEMORY, "out of memory writing %s", path);
  (void)snprintf(digits, sizeof digits, "%016" PRIx64 "%.16s", hash, zeros);
  for (size_t i = 0; i < n_metadata; i++) {
    if (json_object_get(object, metadata[i].key) || strcmp(metadata[i].key, "xxh3") == 0)
      return pal_fail(error, PAL_E_DUPLICATE, "%s: metadata \"%s\" is given twice", path,
                      metadata[i].key);
    if (json_object_set_new(object, metadata[i].key, json_string(metadata[i].value)) != 0)
      return pal_fail(error, PAL_E_ARGUMENT, "%s: metadata \"%s\" is not UTF-8", path,
                      metadata[i].key);
  }
  if (json_object_set_new(object, "xxh3", json_string(digits)) != 0)
    return pal_fail(error, PAL_E_MEMORY, "out of memory writing %s", path);
  return PAL_OK;
}

/* Length and text of the header, padded with blanks: the tensors begin at a multiple of 64. */
static char *header_text(const json_t *header, size_t *size, const char *path, pal_error *error) {
  const size_t length = json_dumpb(header, NULL, 0, JSON_COMPACT);
  const size_t whole = (8 + length + 63) / 64 * 64;
  if (length == 0 || whole - 8 > largest_header) {
    pal_fail(error, PAL_E_ARGUMENT, "%s: a header of %zu bytes cannot be stored", path, length);
    return NULL;
  }
  char *text = pal_alloc(whole);
  if (!text) {
    pal_fail(error, PAL_E_MEMORY, "out of memory: %zu bytes for the header of %s", whole, path);
    return NULL;
  }
  memset(text, ' ', whole);
  for (int i = 0; i < 8; i++) text[i] = (char)((uint64_t)(whole - 8) >> (8 * i) & 0xff);
  /* Without memory the second pass may write less than the first has counted. */
  char digits[DIGITS + 1], *at = NULL;
  if (json_dumpb(header, text + 8, length, JSON_COMPACT) == length) at = header_digits(text, whole);
  if (!at) {
    pal_free(text);
    pal_fail(error, PAL_E_MEMORY, "out of memory writing the header of %s", path);
    return NULL;
  }
  (void)snprintf(digits, sizeof digits, "%016" PRIx64, pal_hash64(text, whole));
  memcpy(at, digits, DIGITS);
  *size = whole;
  return text;
}

static pal_status write_all(const char *path, const char *text, size_t size,
                            const pal_tensor *tensor, size_t n, pal_error *error) {
  pal_writer writer;
  pal_status status = pal_writer_open(&writer, path, error);
  if (status == PAL_OK) status = pal_writer_write(&writer, text, size, error);
  size_t element = 4, index = 0, bytes;
  const pal_tensor *t;
  while (status == PAL_OK && (t = next_stored(tensor, n, &element, &index)))
    if (tensor_bytes(&t->type, &bytes)) status = pal_writer_write(&writer, t->data, bytes, error);
  return status == PAL_OK ? pal_writer_close(&writer, error) : status;
}

pal_status pal_safetensors_write(const char *path, const pal_tensor *tensor, size_t n,
                                 const pal_metadata *metadata, size_t n_metadata,
                                 pal_error *error) {
  json_t *header = json_object();
  if (!header) return pal_fail(error, PAL_E_MEMORY, "out of memory writing %s", path);
  pal_error own = {0};
  char *text = NULL;
  size_t size = 0;
  /* Tensors first: this checks the types that hashing relies on. */
  if (describe_all(header, tensor, n, path, &own) == PAL_OK &&
      describe_metadata(header, tensor, n, metadata, n_metadata, path, &own) == PAL_OK)
    text = header_text(header, &size, path, &own);
  json_decref(header);
  if (text) write_all(path, text, size, tensor, n, &own);
  pal_free(text);
  return own.code == PAL_OK ? PAL_OK : pal_fail(error, own.code, "%s", own.text);
}

/* ---- reading ------------------------------------------------------------------------------- */

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
  while (known < N_STORED && strcmp(stored[known].name, sized) != 0) known++;
  if (known == N_STORED) return "has a dtype other than F32, F16, BF16, I32 and U8";
  if (rank > PAL_MAX_DIMS) return "has more than 6 dims";
  *type = pal_type_make(stored[known].dtype, PAL_STATIC, dim, (int)rank);
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
  if (!tensor_bytes(&tensor->type, &bytes)) return "has a shape that is too large";
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
  char found[CHECKSUM + 1], recorded[DIGITS];
  if (!said) return PAL_OK;
  const size_t size = (size_t)(begin - file->data);
  char *digits = strlen(said) == DIGITS ? NULL : header_digits(file->data, size);
  (void)snprintf(found, sizeof found, "%016" PRIx64, pal_hash64(begin, room));
  if (digits) {
    memcpy(recorded, digits, DIGITS);
    memcpy(digits, zeros, DIGITS);
    (void)snprintf(found + DIGITS, DIGITS + 1, "%016" PRIx64, pal_hash64(file->data, size));
    memcpy(digits, recorded, DIGITS);
  }
  if (strcmp(said, found) == 0) return PAL_OK;
  return pal_fail(error, PAL_E_FORMAT,
                  "%s is damaged: its tensors and header have the checksum %s, not the recorded "
                  "%.40s; restore the file from a copy",
                  path, found, said);
}

static pal_status check_metadata(const pal_safetensors *file, const char *path, pal_error *error) {
  json_t *metadata = json_object_get(file->header, reserved), *value;
  const char *key;
  if (metadata && !json_is_object(metadata))
    return pal_fail(error, PAL_E_FORMAT, "%s: %s is not a JSON object", path, reserved);
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
  if (size < 8 || length > size - 8 || length > largest_header || length < 2) {
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
    if (strcmp(key, reserved) == 0) continue;
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
  return json_string_value(json_object_get(json_object_get(file->header, reserved), key));
}
