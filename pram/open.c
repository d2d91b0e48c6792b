/* SPDX-License-Identifier: Apache-2.0 */
/* pal_open and pal_version (floor 6). pal_open defines everything that is built in, so this file
 * depends on all other files of the library. */
#include <palimpsest/palimpsest.h>

#include <stdio.h>

#include "autograd/accumulate.h"

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

pal_context *pal_open(const pal_options *options, pal_error *error) {
  pal_context *context = pal_context_new(options, error);
  if (!context) return NULL;
  if (pal_register_ops(context, error) || pal_register_autograd(context, error) ||
      pal_register_optimizers(context, error) || pal_register_models(context, error) ||
      pal_register_tasks(context, error) || pal_register_pram(context, error)) {
    pal_context_free(context);
    return NULL;
  }
  return context;
}

char *pal_version(const pal_context *context, char *text, size_t size) {
#ifdef _OPENMP
  int openmp = _OPENMP;
#else
  int openmp = 0;
#endif
  snprintf(text, size, "palimpsest %s, ABI %d, instruction set %s, OpenMP %d, SLEEF finz u10",
           PACKAGE_VERSION, PAL_ABI, pal_isa_name(pal_context_isa(context)), openmp);
  return text;
}
