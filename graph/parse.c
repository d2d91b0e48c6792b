/* SPDX-License-Identifier: Apache-2.0 */
/* Parses the text form of a graph (floor 1); the grammar is in dump.c.
 *
 * The text is not trusted: every number is checked against its bounds and every name looked up
 * before use, and the graph is built by the same calls that users make. */
#define PAL_NO_CALLER
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "graph/internal.h"
#include "src/alloc.h"
#include "src/number.h"

enum { NAME = 512 /* bytes of a name */, MARKS = 1 << 20 /* largest section or copy mark */ };

typedef struct scan {
  const char *at;
  int line;
  bool failed;
  pal_graph *g;
  pal_arena arena; /* attribute lists and strings, until the graph has copied them */
  pal_error *error;
} scan;

static void wrong(scan *s, const char *what) {
  if (!s->failed) pal_fail(s->error, PAL_E_FORMAT, "graph text, line %d: %s", s->line, what);
  s->failed = true;
}

static void no_memory(scan *s) {
  if (!s->failed) pal_fail(s->error, PAL_E_MEMORY, "no memory for a graph");
  s->failed = true;
}

static void blanks(scan *s) {
  while (*s->at == ' ') s->at++;
}

static bool word(scan *s, const char *text) {
  blanks(s);
  size_t n = strlen(text);
  if (strncmp(s->at, text, n) != 0) return false;
  s->at += n;
  return true;
}

static void expect(scan *s, const char *text) {
  if (!word(s, text)) wrong(s, "a word or sign is missing");
}

static int64_t whole(scan *s, int64_t low, int64_t high) {
  blanks(s);
  char *end;
  errno = 0;
  long long v = strtoll(s->at, &end, 10);
  if (end == s->at || errno || v < low || v > high) {
    wrong(s, "an integer is missing or out of range");
    return low;
  }
  s->at = end;
  return v;
}

static double real(scan *s) {
  blanks(s);
  char *end;
  double v = pal_number_parse(s->at, &end);
  if (end == s->at) wrong(s, "a number is missing");
  s->at = end;
  return v;
}

static void quoted(scan *s, char name[NAME]) {
  size_t n = 0;
  expect(s, "\"");
  while (!s->failed && *s->at != '"') {
    if (!*s->at || *s->at == '\n' || n == NAME - 1) {
      wrong(s, "a quoted name does not end");
    } else if (*s->at == '\\' && s->at[1] == 'x' && isxdigit((unsigned char)s->at[2]) &&
               isxdigit((unsigned char)s->at[3])) {
      char hex[3] = {s->at[2], s->at[3], 0};
      name[n++] = (char)strtol(hex, NULL, 16);
      s->at += 4;
    } else {
      if (*s->at == '\\' && s->at[1]) s->at++;
      name[n++] = *s->at++;
    }
  }
  name[n] = 0;
  if (!s->failed) s->at++;
}

static pal_type type(scan *s) {
  pal_type t = {.dtype = PAL_NONE};
  for (pal_dtype d = PAL_F32; d <= PAL_U8 && !t.dtype; d++)
    if (word(s, pal_dtype_name(d))) t.dtype = d;
  if (!t.dtype) wrong(s, "a type is missing");
  expect(s, "[");
  while (!s->failed && !word(s, "]")) {
    if (t.rank == PAL_MAX_DIMS) {
      wrong(s, "too many axes");
      break;
    }
    if (t.rank) expect(s, ",");
    if (t.rank == 0 && word(s, "s")) {
      t.symbol.id = (uint16_t)whole(s, 1, (int64_t)s->g->symbol.n - 1);
      expect(s, "*");
    }
    t.dim[t.rank++] = whole(s, 0, INT64_MAX / 16);
  }
  return t;
}

static pal_value value(scan *s) {
  return (pal_value){(uint32_t)whole(s, 0, (int64_t)s->g->value.n - 1)};
}

static void parse_constant(scan *s) {
  pal_type t = type(s);
  bool overflow = false;
  size_t bytes = pal_graph_bytes(s->g, &t, &overflow);
  blanks(s);
  if (s->failed || overflow || bytes > strlen(s->at) / 2) {
    wrong(s, "a constant has less data than its type says");
    return;
  }
  uint8_t *data = pal_alloc(bytes + 1);
  if (!data) {
    no_memory(s);
    return;
  }
  for (size_t i = 0; i < bytes && !s->failed; i++, s->at += 2) {
    char hex[3] = {s->at[0], s->at[1], 0};
    if (!isxdigit((unsigned char)hex[0]) || !isxdigit((unsigned char)hex[1]))
      wrong(s, "a constant's data is not hexadecimal");
    data[i] = (uint8_t)strtol(hex, NULL, 16);
  }
  if (!s->failed) pal_constant(s->g, t, data);
  pal_free(data);
}

static void parse_variable(scan *s) {
  char name[NAME];
  quoted(s, name);
  pal_type t = type(s);
  expect(s, "role");
  pal_role role = (pal_role)whole(s, PAL_PARAMETER, PAL_SCRATCH);
  expect(s, "init");
  pal_init init = {.kind = (pal_init_kind)whole(s, PAL_INIT_CONSTANT, PAL_INIT_UNIFORM)};
  init.scale = real(s);
  const bool declared = word(s, "traits");
  pal_traits traits = {0};
  if (declared) {
    if (role != PAL_PARAMETER) wrong(s, "only a parameter, of role 0, has traits");
    traits.decays = whole(s, 0, 1);
    traits.matrix = whole(s, 0, 1);
    traits.frozen = whole(s, 0, 1);
    traits.rate = real(s);
  }
  if (s->failed) return;
  if (declared) pal_parameter_new(s->g, name, t, init, traits);
  else pal_variable_new(s->g, name, t, role, init);
}

static pal_ints list(scan *s) {
  enum { MOST = 1 << 16 };
  pal_ints ints = {0};
  expect(s, "[");
  const char *close = strchr(s->at, ']');
  size_t most = close ? (size_t)(close - s->at) / 2 + 1 : 0;
  if (!most || most >= MOST) wrong(s, "a list does not end or is too long");
  int64_t *at = s->failed ? NULL : pal_arena_alloc(&s->arena, most * sizeof *at);
  if (!at) no_memory(s);
  while (!s->failed && !word(s, "]")) at[ints.n++] = whole(s, INT64_MIN, INT64_MAX);
  ints.at = at;
  return ints;
}

static void attribute(scan *s, const pal_attr_field *f, char *attrs) {
  expect(s, f->name);
  expect(s, "=");
  if (s->failed) return;
  void *at = attrs + f->offset;
  switch (f->kind) {
    case PAL_ATTR_INT: *(int64_t *)at = whole(s, INT64_MIN, INT64_MAX); break;
    case PAL_ATTR_FLOAT: *(double *)at = real(s); break;
    case PAL_ATTR_SYMBOL:
      expect(s, "s");
      ((pal_symbol *)at)->id = (uint16_t)whole(s, 0, (int64_t)s->g->symbol.n - 1);
      break;
    case PAL_ATTR_STRING: {
      char name[NAME];
      quoted(s, name);
      const char *kept = pal_arena_strdup(&s->arena, name);
      if (kept) *(const char **)at = kept;
      else no_memory(s);
      break;
    }
    case PAL_ATTR_INTS: *(pal_ints *)at = list(s); break;
  }
}

/* The types after "->" are redundant: infer gives them, and they must agree. */
static void check_outputs(scan *s, uint32_t first) {
  expect(s, "->");
  while (!s->failed && s->g->error.code == PAL_OK && first < s->g->value.n) {
    pal_type t = type(s);
    if (!s->failed && !pal_type_equal(&t, &s->g->value.at[first++].type))
      wrong(s, "an output's type is not what the op infers");
  }
}

static void parse_op(scan *s) {
  char name[NAME];
  pal_value in[PAL_MAX_INPUTS];
  int n_in = 0;
  quoted(s, name);
  const pal_op *op = s->failed ? NULL : pal_lookup(s->g->context, "op", name);
  if (!op) {
    wrong(s, "no op of that name is defined");
    return;
  }
  expect(s, "in");
  while (!s->failed && !word(s, "copy")) {
    if (n_in == PAL_MAX_INPUTS) wrong(s, "too many inputs");
    else in[n_in++] = value(s);
  }
  uint32_t copy = (uint32_t)whole(s, 0, MARKS);
  expect(s, "section");
  s->g->section = (uint32_t)whole(s, 0, MARKS);
  if (s->g->section > s->g->sections) s->g->sections = s->g->section;
  if (copy > s->g->copies) s->g->copies = copy; /* marks of copies made later must differ */
  expect(s, "attrs");
  char *attrs = pal_arena_alloc(&s->arena, op->attrs_size + 1);
  if (!attrs) no_memory(s);
  for (size_t i = 0; i < op->n_fields && !s->failed; i++) attribute(s, &op->fields[i], attrs);
  char scope[NAME];
  expect(s, "scope");
  quoted(s, scope);
  if (s->failed) return;
  uint32_t first = (uint32_t)s->g->value.n;
  const char *kept = pal_arena_strdup(&s->g->arena, scope);
  if (!kept) {
    no_memory(s);
    return;
  }
  s->g->scope = kept;
  pal_apply_op(s->g, op, in, n_in, attrs, NULL);
  s->g->scope = "";
  s->g->section = 0;
  if (!s->g->error.code) s->g->node.at[s->g->node.n - 1].copy = copy;
  check_outputs(s, first);
}

static void parse_line(scan *s) {
  char name[NAME];
  s->g->file = "graph text";
  s->g->line = s->line;
  if (word(s, "symbol ")) {
    quoted(s, name);
    int64_t capacity = whole(s, 0, INT32_MAX);
    if (!s->failed) pal_symbol_new(s->g, name, capacity);
  } else if (word(s, "input ")) {
    quoted(s, name);
    pal_type t = type(s);
    if (!s->failed) pal_input(s->g, name, t);
  } else if (word(s, "variable ")) {
    parse_variable(s);
  } else if (word(s, "constant ")) {
    parse_constant(s);
  } else if (word(s, "op ")) {
    parse_op(s);
  } else if (word(s, "output ")) {
    quoted(s, name);
    pal_value v = value(s);
    if (!s->failed) pal_output(s->g, name, v);
  } else if (word(s, "assign ")) {
    pal_value to = value(s), v = value(s);
    if (!s->failed) pal_assign(s->g, to, v);
  } else if (word(s, "loop ")) {
    pal_value to = value(s), v = value(s);
    if (!s->failed) pal_loop(s->g, to, v);
  } else {
    wrong(s, "the line starts with an unknown word");
  }
  if (s->g->error.code) return; /* the graph's error is more precise than a syntax error */
  blanks(s);
  if (!s->failed && *s->at != '\n' && *s->at) wrong(s, "unexpected text at the end of the line");
  if (*s->at == '\n') s->at++;
  s->line++;
}

pal_graph *pal_graph_parse(pal_context *context, pal_store *store, const char *text,
                           pal_error *error) {
  pal_error own = {0};
  scan s = {.at = text, .line = 1, .g = pal_graph_new(context, store), .error = &own};
  if (!s.g) pal_fail(&own, PAL_E_MEMORY, "no memory for a graph");
  else if (!word(&s, "palimpsest-graph 1\n"))
    wrong(&s, "it does not start with \"palimpsest-graph 1\"");
  s.line = 2;
  while (s.g && !s.failed && !s.g->error.code && *s.at) parse_line(&s);
  if (s.g && s.g->error.code && !own.code) own = s.g->error;
  pal_arena_free(&s.arena);
  if (!own.code) return s.g;
  if (error && !error->code) *error = own;
  pal_graph_free(s.g);
  return NULL;
}
