/* SPDX-License-Identifier: Apache-2.0 */
/* Writing safetensors files (floor 0). See safetensors.h. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "src/alloc.h"
#include "src/file.h"
#include "src/safetensors_format.h"

/* Adds one tensor at `offset` to the header and moves the offset on. */
static pal_status describe(json_t *header, const pal_tensor *tensor, size_t *offset,
                           const char *path, pal_error *error) {
  size_t bytes;
  const char *dtype = NULL, *name = tensor->name ? tensor->name : "";
  for (int i = 0; i < SAFETENSORS_DTYPES; i++)
    if (safetensors_dtype[i].dtype == tensor->type.dtype) dtype = safetensors_dtype[i].name;
  if (!*name || strcmp(name, SAFETENSORS_METADATA) == 0)
    return pal_fail(error, PAL_E_ARGUMENT, "%s: \"%s\" cannot name a tensor", path, name);
  if (json_object_get(header, name))
    return pal_fail(error, PAL_E_DUPLICATE, "%s: two tensors are named \"%s\"", path, name);
  if (!dtype || !safetensors_bytes(&tensor->type, &bytes) || bytes > SIZE_MAX / 2 - *offset)
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
    if (safetensors_bytes(&t->type, &bytes) && bytes)
      (void)XXH3_64bits_update(state, t->data, bytes);
  *hash = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  return true;
}

static pal_status describe_metadata(json_t *header, const pal_tensor *tensor, size_t n,
                                    const pal_metadata *metadata, size_t n_metadata,
                                    const char *path, pal_error *error) {
  uint64_t hash;
  char digits[SAFETENSORS_CHECKSUM + 1];
  json_t *object = json_object();
  if (!object || json_object_set_new(header, SAFETENSORS_METADATA, object) != 0 ||
      !hash_all(tensor, n, &hash))
    return pal_fail(error, PAL_E_MEMORY, "out of memory writing %s", path);
  (void)snprintf(digits, sizeof digits, "%016" PRIx64 "%.16s", hash, SAFETENSORS_ZEROS);
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
  if (length == 0 || whole - 8 > SAFETENSORS_HEADER) {
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
  char digits[SAFETENSORS_DIGITS + 1], *at = NULL;
  if (json_dumpb(header, text + 8, length, JSON_COMPACT) == length)
    at = safetensors_header_digits(text, whole);
  if (!at) {
    pal_free(text);
    pal_fail(error, PAL_E_MEMORY, "out of memory writing the header of %s", path);
    return NULL;
  }
  (void)snprintf(digits, sizeof digits, "%016" PRIx64, pal_hash64(text, whole));
  memcpy(at, digits, SAFETENSORS_DIGITS);
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
    if (safetensors_bytes(&t->type, &bytes))
      status = pal_writer_write(&writer, t->data, bytes, error);
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
