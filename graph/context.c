/* SPDX-License-Identifier: Apache-2.0 */
/* The context: registry, instruction set, number of threads, plug-ins (floor 1). */
#include <palimpsest/op.h>

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/internal.h"
#include "graph/view.h"
#include "src/alloc.h"
#include "src/cpu.h"
#include "src/team.h"

enum { MAX_PLUGINS = 32 };

struct pal_context {
  pal_registry registry;
  pal_isa isa;
  int threads, threads_wanted;
  int n_plugins;
  void *plugin[MAX_PLUGINS];
};

pal_context *pal_context_new(const pal_options *options, pal_error *error) {
  pal_context *context = pal_calloc(1, sizeof *context);
  if (!context) {
    pal_fail(error, PAL_E_MEMORY, "no memory for a context");
    return NULL;
  }
  const char *cap = options && options->isa ? options->isa : getenv("PAL_ISA");
  context->isa = pal_cpu_best();
  if (cap && *cap) {
    int wanted = 0;
    while (wanted < PAL_ISA_COUNT && strcmp(cap, pal_isa_name((pal_isa)wanted)) != 0) wanted++;
    if (wanted == PAL_ISA_COUNT || !pal_isa_available((pal_isa)wanted)) {
      pal_fail(error, PAL_E_ARGUMENT,
               "instruction set \"%s\" is not available on this machine or in this build; "
               "\"generic\" always is",
               cap);
      pal_free(context);
      return NULL;
    }
    context->isa = (pal_isa)wanted;
  }
  pal_context_set_threads(context,
                          options && options->threads > 0 ? options->threads : pal_team_default());
  if (pal_define_op(context, &pal_stop_gradient_op, error)) {
    pal_context_free(context);
    return NULL;
  }
  return context;
}

void pal_context_free(pal_context *context) {
  if (!context) return;
  pal_registry_free(&context->registry);
  for (int i = 0; i < context->n_plugins; i++) dlclose(context->plugin[i]);
  pal_free(context);
}

pal_isa pal_context_isa(const pal_context *context) { return context->isa; }

int pal_context_threads(const pal_context *context) { return context->threads; }

int pal_context_threads_wanted(const pal_context *context) { return context->threads_wanted; }

void pal_context_set_threads(pal_context *context, int threads) {
  context->threads_wanted = threads > 0 ? threads : 1;
  context->threads = pal_team_probe(context->threads_wanted);
}

pal_registry *pal_context_registry(pal_context *context) { return &context->registry; }

const void *pal_lookup(const pal_context *context, const char *kind, const char *name) {
  return pal_registry_find(&context->registry, kind, name);
}

void pal_each(const pal_context *context, const char *kind,
              void (*visit)(const char *name, const void *definition, void *data), void *data) {
  for (size_t i = 0; i < context->registry.n; i++) {
    const pal_registry_entry *e = &context->registry.entry[i];
    if (strcmp(e->kind, kind) == 0) visit(e->name, e->definition, data);
  }
}

pal_status pal_plugin_load(pal_context *context, const char *path, pal_error *error) {
  if (context->n_plugins == MAX_PLUGINS)
    return pal_fail(error, PAL_E_CAPACITY, "%s: no more than %d plug-ins can be loaded", path,
                    MAX_PLUGINS);
  /* dlopen looks for a name without a slash in the system's folders only. */
  char here[PATH_MAX + 2];
  snprintf(here, sizeof here, "./%s", path);
  const bool local = !strchr(path, '/') && access(here, F_OK) == 0;
  void *handle = dlopen(local ? here : path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) return pal_fail(error, PAL_E_NOT_FOUND, "plug-in: %s", dlerror());
  const pal_plugin *plugin = dlsym(handle, "palimpsest_plugin");
  const size_t before = context->registry.n;
  pal_status status = PAL_OK;
  if (!plugin)
    status = pal_fail(error, PAL_E_ABI,
                      "%s: is no plug-in of Palimpsest: it exports no \"palimpsest_plugin\"", path);
  else if (plugin->abi != PAL_ABI || plugin->op_size != sizeof(pal_op))
    status = pal_fail(error, PAL_E_ABI,
                      "%s: built for ABI %u with op descriptors of %u bytes; this library has ABI "
                      "%d and %u bytes; rebuild the plug-in",
                      path, plugin->abi, plugin->op_size, PAL_ABI, (unsigned)sizeof(pal_op));
  else if (!plugin->name || !*plugin->name)
    status = pal_fail(error, PAL_E_ARGUMENT, "%s: palimpsest_plugin has no name", path);
  else if (!plugin->define)
    status = pal_fail(error, PAL_E_ARGUMENT,
                      "%s: plug-in \"%s\" has no define; set it to the function that makes its "
                      "definitions",
                      path, plugin->name);
  else status = plugin->define(context, error);
  if (!status) {
    context->plugin[context->n_plugins++] = handle;
    return PAL_OK;
  }
  pal_registry_cut(&context->registry, before); /* definitions are in the object's memory */
  dlclose(handle);
  return pal_fail(error, status, "%s: the define function of the plug-in failed without a message",
                  path);
}
