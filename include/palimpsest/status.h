/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes and the error record.
 *
 * Every call that can fail returns a pal_status (or NULL) and describes the failure in a pal_error.
 * A pal_error holds the FIRST failure: while its code is not PAL_OK nothing overwrites it, so one
 * record can be passed through several calls and checked once. The library never aborts, exits or
 * prints. */
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
  PAL_E_MEMORY,      /* out of memory; the text says for what */
  PAL_E_ARGUMENT,    /* an argument outside its documented range */
  PAL_E_SHAPE,       /* dtypes or shapes that an op or variable does not accept */
  PAL_E_CAPACITY,    /* more active rows than a plan has room for; see pal_error.needed */
  PAL_E_NONFINITE,   /* a checked value is infinite or NaN */
  PAL_E_NOT_FOUND,   /* no op, model, task, variable, input, key or file of that name */
  PAL_E_DUPLICATE,   /* the name is in use already */
  PAL_E_FORMAT,      /* a file, dump or config that does not parse */
  PAL_E_IO,          /* the operating system refused a read or a write */
  PAL_E_ABI,         /* a plug-in built for another version of the headers */
  PAL_E_UNSUPPORTED, /* a combination that is documented as not available */
  PAL_E_INTERRUPTED, /* stopped at the caller's request; state is consistent */
  PAL_E_INTERNAL /* a fault of the library, not of its caller, for instance a plan that fails the
                        library's own check; please report it */
} pal_status;

/* The first failure. Zero-initialise before use. */
typedef struct pal_error {
  pal_status code;
  int64_t needed; /* PAL_E_CAPACITY: the capacity in rows that would suffice; otherwise 0 */
  char text[768]; /* one sentence: what, where, what to do; no trailing newline */
} pal_error;

/* Short name of a code, for example "shape"; never NULL. */
PAL_API const char *pal_status_name(pal_status status);

/* Records a failure in `error` (which may be NULL) unless it holds one already. Returns `code`, so
 * that a function can end with `return pal_fail(e, PAL_E_IO, ...)`. `format` is that of printf. */
PAL_API pal_status pal_fail(pal_error *error, pal_status code, const char *format, ...)
    PAL_FORMAT(3, 4);

/* Empties the record, so that it can receive the next failure. */
PAL_API void pal_error_clear(pal_error *error);

#ifdef __cplusplus
}
#endif
#endif
