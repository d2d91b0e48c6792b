/* SPDX-License-Identifier: Apache-2.0 */
/* The safetensors format, in which weights and checkpoints are stored (floor 0).
 *
 *   offset 0    n: u64, little endian
 *   offset 8    n bytes of JSON: {"__metadata__": {key: text, ...},
 *                 name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...}
 *   offset 8+n  the tensors' bytes, little endian, row-major, without gaps or overlaps;
 *               data_offsets count from here
 *
 * The writer adds the metadata "xxh3", 32 hexadecimal digits: the XXH3 hash of the tensors' bytes,
 * then that of everything before them, computed with zeros in place of these last 16 digits. The
 * reader checks the hashes that are present: files of other programs have none, files of old
 * versions of Palimpsest only the first. */
#ifndef PAL_SRC_SAFETENSORS_H
#define PAL_SRC_SAFETENSORS_H

#include <palimpsest/type.h>

/* A tensor in memory; dtype f32, bf16, i32 or u8; static shape. */
typedef struct pal_tensor {
  const char *name;
  pal_type type;
  const void *data; /* row-major elements; those of a file may be unaligned, so use memcpy */
  size_t bytes;     /* size of data; set by the reader, ignored by the writer */
} pal_tensor;

typedef struct pal_metadata {
  const char *key, *value;
} pal_metadata;

/* Writes a file atomically (see file.h). Tensors are sorted by element size, 4 bytes first, so that
 * each is aligned. PAL_E_ARGUMENT for a name that is empty, reserved or not UTF-8, or a type that
 * cannot be stored; PAL_E_DUPLICATE for a name used twice. */
pal_status pal_safetensors_write(const char *path, const pal_tensor *tensor, size_t n,
                                 const pal_metadata *metadata, size_t n_metadata, pal_error *error);

typedef struct pal_safetensors pal_safetensors;

/* Reads and checks a file. Tensors of dtype F16 are converted to f32. NULL on failure:
 * PAL_E_NOT_FOUND, PAL_E_IO, PAL_E_MEMORY; PAL_E_FORMAT for a file that is inconsistent or damaged;
 * PAL_E_UNSUPPORTED for a dtype or rank that Palimpsest does not have. The message names file,
 * tensor and reason. All sizes and offsets of the result are valid. */
pal_safetensors *pal_safetensors_read(const char *path, pal_error *error);
/* The same for contents in a block of pal_alloc, which it frees, also on failure. `path` is for
 * messages. */
pal_safetensors *pal_safetensors_parse(char *data, size_t size, const char *path, pal_error *error);
void pal_safetensors_free(pal_safetensors *file);

/* NULL when absent. Everything returned lives as long as the object. */
const pal_tensor *pal_safetensors_find(const pal_safetensors *file, const char *name);
/* In order of names; NULL past the end. */
const pal_tensor *pal_safetensors_at(const pal_safetensors *file, size_t index);
/* PAL_E_FORMAT if a tensor of a file contains an infinite number or a NaN. */
pal_status pal_safetensors_check_finite(const pal_tensor *tensor, const char *path,
                                        pal_error *error);
/* The text of a metadata key; NULL when absent. */
const char *pal_safetensors_metadata(const pal_safetensors *file, const char *key);
#endif
