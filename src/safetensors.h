/* SPDX-License-Identifier: Apache-2.0 */
/* Weights and trainer state on disk: the safetensors format (floor 0).
 *
 *   u64 little endian    n, bytes of the header
 *   n bytes              JSON: {"__metadata__": {key: text}, name: {"dtype", "shape",
 *                        "data_offsets": [begin, end)}, ...}
 *   the rest             the tensors' bytes, without gaps or overlaps, in little endian
 *
 * The writer adds metadata "xxh3": XXH3 of the rest as 16 hexadecimal digits, then 16 more of all that
 * is before the rest, taken while these 16 are zeros. The reader checks what is present: files of
 * other programs have no such entry, older ones of Palimpsest only the first 16 digits. */
#ifndef PAL_SRC_SAFETENSORS_H
#define PAL_SRC_SAFETENSORS_H

#include <palimpsest/type.h>

/* A tensor in memory; dtype f32, bf16, i32 or u8; static shape. */
typedef struct pal_tensor {
  const char *name;
  pal_type type;
  const void *data; /* of one that was read: at any address, to be copied, not dereferenced */
  size_t bytes;     /* set by the reader; ignored by the writer */
} pal_tensor;

typedef struct pal_metadata {
  const char *key, *value;
} pal_metadata;

/* Writes a file atomically (see file.h). Tensors are stored by element size, 4 bytes first, so that
 * each is aligned. PAL_E_ARGUMENT or PAL_E_DUPLICATE for a name that is empty, reserved, not UTF-8
 * or used twice, or a type that cannot be stored. */
pal_status pal_safetensors_write(const char *path, const pal_tensor *tensor, size_t n,
                                 const pal_metadata *metadata, size_t n_metadata, pal_error *error);

typedef struct pal_safetensors pal_safetensors;

/* NULL on failure: PAL_E_NOT_FOUND, PAL_E_IO, PAL_E_MEMORY; PAL_E_FORMAT for anything that does
 * not hold together, PAL_E_UNSUPPORTED for a dtype or rank Palimpsest has no use for. The text
 * names file, tensor and reason. What is returned can be trusted in every bound. */
pal_safetensors *pal_safetensors_read(const char *path, pal_error *error);
/* The same from memory of pal_alloc, taken over even on failure; `path` is for messages. */
pal_safetensors *pal_safetensors_parse(char *data, size_t size, const char *path, pal_error *error);
void pal_safetensors_free(pal_safetensors *file);

/* NULL when absent. Everything returned lives as long as the object. */
const pal_tensor *pal_safetensors_find(const pal_safetensors *file, const char *name);
/* In order of names; NULL past the end. */
const pal_tensor *pal_safetensors_at(const pal_safetensors *file, size_t index);
/* PAL_E_FORMAT where a number of a tensor that was read is infinite or not a number. */
pal_status pal_safetensors_want_finite(const pal_tensor *tensor, const char *path,
                                       pal_error *error);
/* The text of a metadata key; NULL when absent. */
const char *pal_safetensors_metadata(const pal_safetensors *file, const char *key);
#endif
