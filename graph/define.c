/* SPDX-License-Identifier: Apache-2.0 */
/* pal_define_op: checks the descriptor of an op before it is registered (floor 1).
 *
 * A mistake in a plug-in is thus reported when the plug-in is loaded, not when a model runs. */
#include "graph/define.h"

#include <stdarg.h>
#include <string.h>

#include "graph/internal.h"
#include "src/number.h"

/* ---- every kind -------------------------------------------------------------------------- */

pal_status pal_definition_check(const char *kind, const void *definition, size_t size,
                                pal_error *error) {
  const pal_definition *d = definition;
  if (!d) return pal_fail(error, PAL_E_ARGUMENT, "the %s definition is NULL", kind);
  if (d->abi_size != size)
    return pal_fail(
        error, PAL_E_ABI,
        "the %s definition was built against other headers (%u bytes, not %zu); rebuild it "
        "with abi_size set to the sizeof of its struct",
        kind, d->abi_size, size);
  if (!d->name || !*d->name)
    return pal_fail(error, PAL_E_ARGUMENT, "the %s definition has no name", kind);
  return PAL_OK;
}

pal_status pal_definition_add(pal_context *context, const char *kind, const void *definition,
                              pal_error *error) {
  const pal_definition *d = definition;
  return pal_registry_add(pal_context_registry(context), kind, d->name, definition, error);
}

/* ---- attributes -------------------------------------------------------------------------- */

static pal_status refuse(const pal_op *op, pal_error *error, const char *format, ...)
    PAL_FORMAT(3, 4);
static pal_status refuse(const pal_op *op, pal_error *error, const char *format, ...) {
  char text[4096]; /* pal_fail shows the beginning and the end of a longer one */
  va_list arguments;
  va_start(arguments, format);
  pal_number_print(text, sizeof text, format, arguments);
  va_end(arguments);
  return pal_fail(error, PAL_E_ARGUMENT, "op \"%s\": %s", op->name, text);
}

/* Size and alignment of a member of that kind; false for an unknown kind. */
static bool kind_layout(pal_attr_kind kind, size_t *size, size_t *align) {
#define LAYOUT(type) (*size = sizeof(type), *align = _Alignof(type), true)
  switch (kind) {
    case PAL_ATTR_INT: return LAYOUT(int64_t);
    case PAL_ATTR_FLOAT: return LAYOUT(double);
    case PAL_ATTR_SYMBOL: return LAYOUT(pal_symbol);
    case PAL_ATTR_STRING: return LAYOUT(const char *);
    case PAL_ATTR_INTS: return LAYOUT(pal_ints);
  }
#undef LAYOUT
  return false;
}

static size_t field_end(const pal_attr_field *field) {
  size_t size = 0, align = 1;
  kind_layout(field->kind, &size, &align);
  return field->offset + size;
}

static bool is_word(const char *name) {
  return name && *name &&
         !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")];
}

/* Checks one field of the table, by itself and against the fields before it. */
static pal_status check_field(const pal_op *op, size_t i, pal_error *error) {
  const pal_attr_field *f = &op->fields[i];
  size_t size, align;
  if (!is_word(f->name))
    return refuse(op, error, "attribute %zu needs a name of letters, digits and underscores", i);
  if (!kind_layout(f->kind, &size, &align))
    return refuse(op, error, "attribute \"%s\" has an unknown kind, %d", f->name, (int)f->kind);
  if (op->attrs_size < size || f->offset > op->attrs_size - size)
    return refuse(op, error,
                  "attribute \"%s\" lies outside the %zu bytes of attrs_size, which must be the "
                  "sizeof of the attribute struct",
                  f->name, op->attrs_size);
  if (f->offset % align)
    return refuse(op, error, "attribute \"%s\" begins at byte %zu, where no member of its kind can",
                  f->name, f->offset);
  for (size_t k = 0; k < i; k++) {
    const pal_attr_field *other = &op->fields[k];
    if (strcmp(other->name, f->name) == 0)
      return refuse(op, error, "attribute \"%s\" is declared twice", f->name);
    if (f->offset < field_end(other) && other->offset < field_end(f))
      return refuse(op, error, "attributes \"%s\" and \"%s\" overlap", other->name, f->name);
  }
  return PAL_OK;
}

static size_t round_up(size_t at, size_t align) { return (at + align - 1) / align * align; }

/* Every byte of the struct must belong to a field or be padding: nodes whose fields are equal are
 * merged, so a member without a field would be ignored. A gap counts as padding if it is exactly
 * what the alignment of the next member requires. */
static pal_status check_coverage(const pal_op *op, pal_error *error) {
  size_t at = 0, widest = 1;
  for (;;) {
    const pal_attr_field *next = NULL;
    for (size_t i = 0; i < op->n_fields; i++)
      if (op->fields[i].offset >= at && (!next || op->fields[i].offset < next->offset))
        next = &op->fields[i];
    size_t size, align = widest;
    if (next) kind_layout(next->kind, &size, &align);
    const size_t end = next ? next->offset : op->attrs_size;
    if (round_up(at, align) != end)
      return refuse(
          op, error,
          "bytes %zu to %zu of the attributes belong to no field, so nodes that differ in "
          "them would be merged: list every member in fields, and correct n_fields or "
          "attrs_size",
          at, end - 1);
    if (!next) return PAL_OK;
    if (align > widest) widest = align;
    at = field_end(next);
  }
}

static bool has_field(const pal_op *op, const char *name, pal_attr_kind kind) {
  for (size_t i = 0; i < op->n_fields; i++)
    if (op->fields[i].kind == kind && strcmp(op->fields[i].name, name) == 0) return true;
  return false;
}

static pal_status check_attributes(const pal_op *op, pal_error *error) {
  pal_status status = PAL_OK;
  if (op->fields && !op->n_fields)
    return refuse(op, error, "fields is set but n_fields is 0; set it to the number of fields");
  if (op->n_fields && !op->fields)
    return refuse(op, error, "n_fields is %zu but fields is missing", op->n_fields);
  for (size_t i = 0; i < op->n_fields && !status; i++) status = check_field(op, i, error);
  if (!status) status = check_coverage(op, error);
  if (status) return status;
  if ((op->flags & PAL_OP_RANDOM) && !has_field(op, "path", PAL_ATTR_STRING))
    return refuse(op, error, "PAL_OP_RANDOM needs a string attribute \"path\"");
  const bool binds = has_field(op, "binds", PAL_ATTR_SYMBOL);
  if ((op->flags & PAL_OP_BINDS) && !binds)
    return refuse(op, error, "PAL_OP_BINDS needs a symbol attribute \"binds\"");
  if (binds && !(op->flags & PAL_OP_BINDS))
    return refuse(op, error, "it has a symbol attribute \"binds\" but not the flag PAL_OP_BINDS");
  return PAL_OK;
}

/* ---- members ----------------------------------------------------------------------------- */

/* Names the first required member that is missing, with its alternative; NULL when none is. */
static const char *missing(const pal_op *op) {
  if (!op->doc) return "doc is missing";
  if (!op->infer) return "infer is missing";
  if (!op->reference) return "reference is missing";
  if (!op->gradient && !(op->flags & PAL_OP_NO_GRADIENT))
    return "gradient is missing, and PAL_OP_NO_GRADIENT is not declared";
  if (!op->phase[0].run && !(op->flags & PAL_OP_VIEW))
    return "phase[0].run is missing, and the op is not declared a PAL_OP_VIEW";
  if (!op->sample && !(op->no_case && *op->no_case))
    return "sample is missing, and no_case gives no reason for that";
  return NULL;
}

static pal_status check_flags(const pal_op *op, pal_error *error) {
  const uint32_t known =
      PAL_OP_NO_GRADIENT | PAL_OP_VIEW | PAL_OP_RANDOM | PAL_OP_ROOT | PAL_OP_BINDS;
  if (op->flags & ~known) return refuse(op, error, "unknown flags 0x%x", op->flags & ~known);
  if (op->min_in < 0 || op->min_in > op->max_in || op->max_in > PAL_MAX_INPUTS)
    return refuse(op, error, "inputs %d to %d, where 0 to %d can be", op->min_in, op->max_in,
                  PAL_MAX_INPUTS);
  uint32_t whole = 0;
  for (int i = 0; i < PAL_MAX_PHASES; i++) whole |= op->phase[i].whole;
  const struct {
    const char *name;
    uint32_t bits;
  } mask[] = {{"optional", op->optional},
              {"in_place", op->in_place},
              {"writes", op->writes},
              {"a phase's whole", whole}};
  for (size_t i = 0; i < sizeof mask / sizeof *mask; i++)
    if (mask[i].bits >> op->max_in)
      return refuse(op, error, "%s has bit %d or one above, but inputs end at %d", mask[i].name,
                    op->max_in, op->max_in - 1);
  for (int i = 0; i < PAL_MAX_PHASES;
       i++) /* higher bits are allowed: masks such as ~1u mean "all but" */
    if (op->phase[i].reads && !(op->phase[i].reads & ((1u << op->max_in) - 1)))
      return refuse(op, error, "phase[%d].reads names no input", i);
  return PAL_OK;
}

static pal_status check_phases(const pal_op *op, pal_error *error) {
  int n = 0;
  while (n < PAL_MAX_PHASES && op->phase[n].run) n++;
  for (int i = n; i < PAL_MAX_PHASES; i++)
    if (op->phase[i].run || op->phase[i].tasks || op->phase[i].form)
      return refuse(op, error, "phase[%d].run is missing", i > n ? n : i);
  if ((op->flags & PAL_OP_VIEW) && n) return refuse(op, error, "a PAL_OP_VIEW has no phases");
  for (int i = 0; i < n; i++)
    if (op->phase[i].form && (i || !op->phase[i].tasks))
      return refuse(op, error, "phase[%d].form is for a first phase with tasks", i);
  if (op->undo && !op->writes) return refuse(op, error, "undo is set but writes is 0");
  if (!op->writes) return PAL_OK;
  if (!op->undo) return refuse(op, error, "undo is missing: writes changes a variable in place");
  if (n < 2)
    return refuse(op, error,
                  "writes needs a phase that saves the old rows before the one that writes");
  if ((op->writes & (op->writes - 1)) || op->writes >> op->min_in)
    return refuse(op, error, "writes must name one input, and one that cannot be left out");
  return PAL_OK;
}

pal_status pal_define_op(pal_context *context, const pal_op *op, pal_error *error) {
  _Static_assert(offsetof(pal_op, name) == offsetof(pal_definition, name), "see pal_definition");
  pal_status status = pal_definition_check("op", op, sizeof *op, error);
  if (status) return status;
  const char *lack = missing(op);
  if (lack) return refuse(op, error, "%s", lack);
  if ((status = check_flags(op, error)) || (status = check_phases(op, error)) ||
      (status = check_attributes(op, error)))
    return status;
  return pal_definition_add(context, "op", op, error);
}
