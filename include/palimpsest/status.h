/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes and the first-error record.
 *
 * Every call that can fail returns a pal_status and describes the failure in a
 * pal_error. A pal_error keeps the FIRST failure: once its code is not PAL_OK
 * nothing overwrites it. The library never aborts, exits or prints. */
#ifndef PAL_STATUS_H
#define PAL_STATUS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define PAL_API __attribute__((visibility("default")))
#define PAL_FORMAT(string, first) __attribute__((format(printf, string, first)))
#else
#define PAL_API
#define PAL_FORMAT(string, first)
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pal_status {
  PAL_OK = 0,
  PAL_E_MEMORY,      /* out of memory; the text says how many bytes were wanted */
  PAL_E_ARGUMENT,    /* an argument outside its documented range */
  PAL_E_SHAPE,       /* dtypes or shapes that do not fit an op */
  PAL_E_CAPACITY,    /* more active rows than a plan has room for; see pal_error.needed */
  PAL_E_NONFINITE,   /* a checked value is infinite or not a number */
  PAL_E_NOT_FOUND,   /* no op, model, task, variable, input, key or file of that name */
  PAL_E_DUPLICATE,   /* a name that is taken */
  PAL_E_FORMAT,      /* a file, dump or config that does not parse */
  PAL_E_IO,          /* the operating system refused a read or a write */
  PAL_E_ABI,         /* a plug-in built for another version of the headers */
  PAL_E_UNSUPPORTED, /* a combination that is declared as not available */
  PAL_E_INTERRUPTED, /* stopped by the caller's request; state is consistent */
  PAL_E_INTERNAL /* the library is at fault, not its caller: a rule that it keeps for itself does
                        not hold, as when a plan fails its own check; please report it */
} pal_status;

/* The first failure. Zero-initialise before use. */
typedef struct pal_error {
  pal_status code;
  int64_t needed; /* PAL_E_CAPACITY: rows that would have been enough, else 0 */
  char text[768]; /* one sentence: what, where, what to do; no trailing newline */
} pal_error;

/* Short name of a code, e.g. "shape"; never NULL. */
PAL_API const char *pal_status_name(pal_status status);

/* Records a failure in `error` (which may be NULL) unless one is already there;
 * returns `code`, so that `return pal_fail(e, PAL_E_IO, ...)` reads well. */
PAL_API pal_status pal_fail(pal_error *error, pal_status code, const char *format, ...)
    PAL_FORMAT(3, 4);

/* Empties the record for a new attempt. */
PAL_API void pal_error_clear(pal_error *error);

#ifdef __cplusplus
}
#endif
#endif
