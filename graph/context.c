/* SPDX-License-Identifier: Apache-2.0 */
/* The context: registry, instruction set, threads, plug-ins (floor 1). */
#include <palimpsest/op.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

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
      pal_fail(
          error, PAL_E_ARGUMENT,
          "instruction set \"%s\" is not one this machine and build have; \"generic\" always is",
          cap);
      pal_free(context);
      return NULL;
    }
    context->isa = (pal_isa)wanted;
  }
  pal_context_set_threads(context,
                          options && options->threads > 0 ? options->threads : pal_team_default());
  if (pal_define(context, "op", pal_stop_gradient_op.name, &pal_stop_gradient_op, error)) {
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

static bool has_field(const pal_op *op, const char *name, pal_attr_kind kind) {
  for (size_t i = 0; i < op->n_fields; i++)
    if (op->fields[i].kind == kind && strcmp(op->fields[i].name, name) == 0) return true;
  return false;
}

/* An op is refused here when its descriptor cannot be run, so that a plug-in's mistake is
 * named when it loads and not when somebody's model runs. */
static pal_status check_op(const pal_op *op, pal_error *error) {
  if (op->abi_size != sizeof(pal_op))
    return pal_fail(error, PAL_E_ABI,
                    "an op descriptor has %u bytes where this library has %u; rebuild it against "
                    "the installed headers",
                    op->abi_size, (unsigned)sizeof(pal_op));
  if (!op->name || !op->doc || !op->infer || !op->reference)
    return pal_fail(error, PAL_E_ARGUMENT, "op \"%s\" lacks a name, doc, infer or reference",
                    op->name ? op->name : "?");
  if (!op->gradient && !(op->flags & PAL_OP_NO_GRADIENT))
    return pal_fail(error, PAL_E_ARGUMENT,
                    "op \"%s\" has no gradient and does not declare PAL_OP_NO_GRADIENT", op->name);
  if (!op->phase[0].run && !(op->flags & PAL_OP_VIEW))
    return pal_fail(error, PAL_E_ARGUMENT, "op \"%s\" has no phase to run", op->name);
  if (!op->sample && !op->no_case)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "op \"%s\" has neither a case generator (sample) nor a reason (no_case)",
                    op->name);
  if (((op->flags & PAL_OP_RANDOM) && !has_field(op, "path", PAL_ATTR_STRING)) ||
      ((op->flags & PAL_OP_BINDS) && !has_field(op, "binds", PAL_ATTR_SYMBOL)))
    return pal_fail(error, PAL_E_ARGUMENT,
                    "op \"%s\" draws or binds without the attribute \"path\" or \"binds\"",
                    op->name);
  if (op->max_in > PAL_MAX_INPUTS || op->min_in > op->max_in || op->min_in < 0)
    return pal_fail(error, PAL_E_ARGUMENT, "op \"%s\": inputs %d to %d, at most %d", op->name,
                    op->min_in, op->max_in, PAL_MAX_INPUTS);
  if (op->writes && (!op->undo || !op->phase[1].run))
    return pal_fail(error, PAL_E_ARGUMENT,
                    "op \"%s\" writes in place: it needs undo, and a phase that saves the old rows "
                    "before the phase that writes",
                    op->name);
  if (op->writes && ((op->writes & (op->writes - 1)) || op->writes >> op->min_in))
    return pal_fail(error, PAL_E_ARGUMENT,
                    "op \"%s\" must write one input, and one that cannot be left out", op->name);
  return PAL_OK;
}

pal_status pal_define(pal_context *context, const char *kind, const char *name,
                      const void *definition, pal_error *error) {
  if (!kind || !name || !*name || !definition)
    return pal_fail(error, PAL_E_ARGUMENT, "a definition needs a kind, a name and a body");
  if (strcmp(kind, "op") == 0) {
    pal_status status = check_op(definition, error);
    if (status) return status;
  }
  return pal_registry_add(&context->registry, kind, name, definition, error);
}

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
    return pal_fail(error, PAL_E_CAPACITY, "%s: no more than %d plug-ins", path, MAX_PLUGINS);
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) return pal_fail(error, PAL_E_NOT_FOUND, "plug-in: %s", dlerror());
  const pal_plugin *plugin = dlsym(handle, "palimpsest_plugin");
  const size_t before = context->registry.n;
  pal_status status = PAL_OK;
  if (!plugin) status = pal_fail(error, PAL_E_ABI, "%s: exports no \"palimpsest_plugin\"", path);
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
  pal_registry_cut(&context->registry, before); /* they point into the object */
  dlclose(handle);
  return pal_fail(error, status, "%s: the plug-in refused and did not say why", path);
}
