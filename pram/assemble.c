/* SPDX-License-Identifier: Apache-2.0 */
/* The assembler: the text of a program to instructions and initial registers (floor 6).
 *
 * The text is read twice. The first pass counts instructions and finds labels, the second does
 * everything else; so jumps may go forward. */
#include <stdlib.h>
#include <string.h>

#include "pram/expression.h"
#include "src/alloc.h"
#include "src/file.h"

typedef struct label {
  char name[PAL_PRAM_NAME];
  int at, line;
} label;

typedef struct assembler {
  pal_pram_reader r;
  pal_pram *out;
  label *label; /* [PAL_PRAM_MOST_CODE] */
  int n_label, n_code;
  bool has[4]; /* the directives that must be there, in the order of `required` */
} assembler;

static const char *const required[] = {"word", "processors", "cells", "steps"};
static const int64_t MOST_STEPS = (int64_t)1 << 40;
enum { MOST_FILE = 1 << 20 };

/* Operands: d and x are registers, y a register or a constant, b y in brackets, l a label. */
static const struct {
  const char *name, *operands;
} ops[] = {
    [PAL_PRAM_ADD] = {"add", "dxy"},  [PAL_PRAM_SUB] = {"sub", "dxy"},
    [PAL_PRAM_AND] = {"and", "dxy"},  [PAL_PRAM_OR] = {"or", "dxy"},
    [PAL_PRAM_XOR] = {"xor", "dxy"},  [PAL_PRAM_SHL] = {"shl", "dxy"},
    [PAL_PRAM_SHR] = {"shr", "dxy"},  [PAL_PRAM_EQ] = {"eq", "dxy"},
    [PAL_PRAM_LT] = {"lt", "dxy"},    [PAL_PRAM_MOVE] = {"move", "dy"},
    [PAL_PRAM_LOAD] = {"load", "db"}, [PAL_PRAM_STORE] = {"store", "bx"},
    [PAL_PRAM_JUMP] = {"jump", "l"},  [PAL_PRAM_JZ] = {"jz", "xl"},
    [PAL_PRAM_JNZ] = {"jnz", "xl"},   [PAL_PRAM_HALT] = {"halt", ""},
};
enum { OPS = sizeof ops / sizeof *ops };

/* ---- directives ------------------------------------------------------------------------- */

/* .register NAME [= EXPRESSION], in which p is the processor's number. */
static pal_status read_register(assembler *a) {
  pal_pram_reader *r = &a->r;
  pal_pram *o = a->out;
  char name[PAL_PRAM_NAME];
  (void)pal_pram_at_end(r); /* goes to the name */
  const char *from = r->at;
  if (pal_pram_name(r, "the name of a register", name)) return r->error->code;
  if (!a->has[0] || !a->has[1])
    return pal_pram_fail(r, from, ".word and .processors must come before .register");
  for (int i = 0; i < o->registers; i++)
    if (strcmp(o->name[i], name) == 0)
      return pal_pram_fail(r, from, "there is a register \"%s\" already", name);
  if (o->registers == PAL_PRAM_MOST_REGISTERS)
    return pal_pram_fail(r, from, "a processor has at most %d registers", PAL_PRAM_MOST_REGISTERS);
  const int k = o->registers++;
  strcpy(o->name[k], name);
  if (pal_pram_at_end(r)) return PAL_OK;
  if (pal_pram_expect(r, '=')) return r->error->code;
  const char *expression = r->at;
  const int before = r->n_let;
  for (int p = 0; p < o->processors; p++) {
    int64_t value;
    r->at = expression;
    if (pal_pram_let(r, from, "p", p) ||
        pal_pram_number(r, "the register's first value", 0, (1 << o->word) - 1, &value))
      return r->error->code;
    o->start[p * PAL_PRAM_MOST_REGISTERS + k] = (int32_t)value;
  }
  r->n_let = before;
  return PAL_OK;
}

/* .input FIRST, COUNT, LOW, HIGH or .input FIRST, COUNT, list */
static pal_status read_input(assembler *a) {
  pal_pram_reader *r = &a->r;
  pal_pram *o = a->out;
  int64_t first, count, low = 0, high = 0;
  if (!a->has[0] || !a->has[2])
    return pal_pram_fail(r, r->at, ".word and .cells must come before .input");
  if (o->n_input == PAL_PRAM_MOST_INPUTS)
    return pal_pram_fail(r, r->at, "there are more than %d inputs", PAL_PRAM_MOST_INPUTS);
  const int64_t most = (1 << o->word) - 1;
  if (pal_pram_number(r, "the first cell", 0, o->cells - 1, &first) || pal_pram_expect(r, ',') ||
      pal_pram_number(r, "the number of cells", 1, o->cells - first, &count) ||
      pal_pram_expect(r, ','))
    return r->error->code;
  (void)pal_pram_at_end(r); /* goes to the next word */
  const bool list = strncmp(r->at, "list", 4) == 0;
  if (list) r->at += 4;
  else if (pal_pram_number(r, "the lowest number", 0, most, &low) || pal_pram_expect(r, ',') ||
           pal_pram_number(r, "the highest number", low, most, &high))
    return r->error->code;
  o->input[o->n_input++] = (pal_pram_input){(int)first, (int)count, (int)low, (int)high, list};
  return PAL_OK;
}

/* .let NAME = EXPRESSION */
static pal_status read_let(assembler *a) {
  pal_pram_reader *r = &a->r;
  char name[PAL_PRAM_NAME];
  int64_t value;
  (void)pal_pram_at_end(r);
  const char *from = r->at;
  if (pal_pram_name(r, "a name", name) || pal_pram_expect(r, '=') ||
      pal_pram_number(r, "the value", -MOST_STEPS, MOST_STEPS, &value))
    return r->error->code;
  return pal_pram_let(r, from, name, value);
}

/* One of the four numbers that every program declares. */
static pal_status read_required(assembler *a, int which, const char *from) {
  pal_pram_reader *r = &a->r;
  pal_pram *o = a->out;
  int64_t value;
  if (a->has[which]) return pal_pram_fail(r, from, ".%s is declared twice", required[which]);
  if (which != 0 && !a->has[0]) return pal_pram_fail(r, from, ".word must come first");
  const int64_t low = which == 0 ? PAL_PRAM_LEAST_WORD : which == 3 ? 0 : 1;
  const int64_t high = which == 0 ? PAL_PRAM_MOST_WORD : which == 3 ? MOST_STEPS : 1 << o->word;
  if (pal_pram_number(r, required[which], low, high, &value)) return r->error->code;
  a->has[which] = true;
  if (which == 0) o->word = (int)value;
  else if (which == 2) o->cells = (int)value;
  else if (which == 3) o->steps = value;
  else {
    o->processors = (int)value;
    o->start = pal_calloc((size_t)value * PAL_PRAM_MOST_REGISTERS, sizeof *o->start);
    if (!o->start) return pal_fail(r->error, PAL_E_MEMORY, "no memory for the registers");
  }
  return PAL_OK;
}

static pal_status read_directive(assembler *a) {
  pal_pram_reader *r = &a->r;
  char name[PAL_PRAM_NAME];
  const char *from = r->at++; /* the dot */
  if (pal_pram_name(r, "the name of a directive", name)) return r->error->code;
  for (int i = 0; i < 4; i++)
    if (strcmp(name, required[i]) == 0) return read_required(a, i, from);
  if (strcmp(name, "register") == 0) return read_register(a);
  if (strcmp(name, "input") == 0) return read_input(a);
  if (strcmp(name, "let") == 0) return read_let(a);
  return pal_pram_fail(r, from, "there is no directive .%s", name);
}

/* ---- instructions ----------------------------------------------------------------------- */

static int find_register(const pal_pram *o, const char *name) {
  for (int i = 0; i < o->registers; i++)
    if (strcmp(o->name[i], name) == 0) return i;
  return -1;
}

static pal_status read_target(assembler *a, int *target) {
  char name[PAL_PRAM_NAME];
  (void)pal_pram_at_end(&a->r);
  const char *from = a->r.at;
  if (pal_pram_name(&a->r, "a label", name)) return a->r.error->code;
  for (int i = 0; i < a->n_label; i++)
    if (strcmp(a->label[i].name, name) == 0) return *target = a->label[i].at, PAL_OK;
  return pal_pram_fail(&a->r, from, "this jump goes nowhere: there is no label \"%s\"", name);
}

/* A register, or with `constant` not NULL a constant also, after which *to is -1. */
static pal_status read_value(assembler *a, int *to, int *constant) {
  pal_pram_reader *r = &a->r;
  char name[PAL_PRAM_NAME];
  int64_t value;
  (void)pal_pram_at_end(r);
  const char *from = r->at;
  if (constant && *from >= '0' && *from <= '9') {
    const int n = r->n_let; /* constants are the same for every n: no names */
    r->n_let = 0;
    if (!pal_pram_number(r, "a constant", 0, (1 << a->out->word) - 1, &value))
      *constant = (int)value;
    r->n_let = n;
    return r->error->code;
  }
  if (pal_pram_name(r, constant ? "a register or a constant" : "a register", name))
    return r->error->code;
  *to = find_register(a->out, name);
  return *to >= 0 ? PAL_OK : pal_pram_fail(r, from, "there is no register \"%s\"", name);
}

static pal_status read_operand(assembler *a, char kind, pal_pram_code *c) {
  switch (kind) {
    case 'd': return read_value(a, &c->d, NULL);
    case 'x': return read_value(a, &c->x, NULL);
    case 'l': return read_target(a, &c->target);
    case 'y': return read_value(a, &c->y, &c->constant);
    default:
      if (pal_pram_expect(&a->r, '[') || read_value(a, &c->y, &c->constant))
        return a->r.error->code;
      return pal_pram_expect(&a->r, ']');
  }
}

static pal_status read_instruction(assembler *a, const char *from, const char *name) {
  pal_pram_code c = {.d = -1, .x = -1, .y = -1, .line = a->r.line};
  int op = 0;
  while (op < OPS && strcmp(name, ops[op].name) != 0) op++;
  if (op == OPS) return pal_pram_fail(&a->r, from, "there is no instruction \"%s\"", name);
  c.op = (pal_pram_op)op;
  for (const char *o = ops[op].operands; *o; o++)
    if ((o != ops[op].operands && pal_pram_expect(&a->r, ',')) || read_operand(a, *o, &c))
      return a->r.error->code;
  a->out->code[a->out->n_code++] = c;
  return PAL_OK;
}

/* ---- lines ------------------------------------------------------------------------------ */

/* In the first pass: records a label of the instruction that comes next. */
static pal_status add_label(assembler *a, const char *from, const char *name) {
  for (int i = 0; i < a->n_label; i++)
    if (strcmp(a->label[i].name, name) == 0)
      return pal_pram_fail(&a->r, from, "the label \"%s\" is in line %d already", name,
                           a->label[i].line);
  if (a->n_label == PAL_PRAM_MOST_CODE)
    return pal_pram_fail(&a->r, from, "there are more than %d labels", PAL_PRAM_MOST_CODE);
  label *l = &a->label[a->n_label++];
  strcpy(l->name, name);
  l->at = a->n_code;
  l->line = a->r.line;
  return PAL_OK;
}

/* Reads [label:]... [instruction | directive]. In the first pass it only looks at labels. */
static pal_status read_line(assembler *a, bool first) {
  pal_pram_reader *r = &a->r;
  char name[PAL_PRAM_NAME];
  while (!pal_pram_at_end(r)) {
    const char *from = r->at;
    if (*from == '.') {
      if (first) return PAL_OK;
      if (read_directive(a)) return r->error->code;
      break;
    }
    if (pal_pram_name(r, "an instruction, a label or a directive", name)) return r->error->code;
    (void)pal_pram_at_end(r);
    if (*r->at == ':') {
      r->at++;
      if (first && add_label(a, from, name)) return r->error->code;
      continue;
    }
    if (a->n_code == PAL_PRAM_MOST_CODE)
      return pal_pram_fail(r, from, "there are more than %d instructions", PAL_PRAM_MOST_CODE);
    if (first) return a->n_code++, PAL_OK;
    if (read_instruction(a, from, name)) return r->error->code;
    break;
  }
  return pal_pram_at_end(r) ? PAL_OK
                            : pal_pram_fail(r, r->at, "nothing more is expected in this line");
}

static pal_status read_lines(assembler *a, const char *text, bool first) {
  pal_status status = PAL_OK;
  a->r.at = text;
  a->r.line = 0;
  for (bool more = true; more && !status;) {
    a->r.line++;
    a->r.line_begin = a->r.at;
    status = read_line(a, first);
    a->r.at += strcspn(a->r.at, "\n");
    more = *a->r.at != 0;
    a->r.at += more;
  }
  return status;
}

/* What can be said only after the last line. */
static pal_status check_program(const assembler *a) {
  const pal_pram *o = a->out;
  const pal_pram_reader *r = &a->r;
  for (int i = 0; i < 4; i++)
    if (!a->has[i])
      return pal_pram_fail(r, r->line_begin, "the program does not declare .%s", required[i]);
  if (o->n_code == 0) return pal_pram_fail(r, r->line_begin, "the program has no instruction");
  const pal_pram_code *last = &o->code[o->n_code - 1];
  if (last->op != PAL_PRAM_HALT && last->op != PAL_PRAM_JUMP)
    return pal_fail(r->error, PAL_E_FORMAT,
                    "%.300s:%d:1: the last instruction must be halt or jump, since nothing follows",
                    r->path, last->line);
  for (int i = 0; i < a->n_label; i++)
    if (a->label[i].at == o->n_code)
      return pal_fail(r->error, PAL_E_FORMAT, "%.300s:%d:1: no instruction follows label \"%s\"",
                      r->path, a->label[i].line, a->label[i].name);
  if (o->n_code > 1 << o->word)
    return pal_pram_fail(r, r->line_begin, "a word of %d bits cannot number %d instructions",
                         o->word, o->n_code);
  if (pal_pram_state(o) > PAL_PRAM_MOST_STATE)
    return pal_pram_fail(r, r->line_begin, "the state has %lld words; at most %d are possible",
                         (long long)pal_pram_state(o), PAL_PRAM_MOST_STATE);
  return PAL_OK;
}

/* Moves the registers of each processor together: [P][MOST] to [P][K]. */
static void pack_registers(pal_pram *o) {
  for (int p = 1; p < o->processors; p++)
    memmove(o->start + (size_t)p * (size_t)o->registers, o->start + p * PAL_PRAM_MOST_REGISTERS,
            sizeof *o->start * (size_t)o->registers);
}

pal_pram *pal_pram_parse(const char *text, const char *path, int n, pal_error *error) {
  pal_error own = {0};
  pal_error *to = error ? error : &own;
  assembler a = {.r = {.path = path, .error = to}, .out = pal_calloc(1, sizeof *a.out)};
  a.label = pal_calloc(PAL_PRAM_MOST_CODE, sizeof *a.label);
  if (a.out) {
    a.out->path = pal_strdup(path);
    a.out->n = n;
    a.out->code = pal_calloc(PAL_PRAM_MOST_CODE, sizeof *a.out->code);
  }
  if (!a.label || !a.out || !a.out->path || !a.out->code)
    pal_fail(to, PAL_E_MEMORY, "no memory for a program");
  else if (n < 1) pal_fail(to, PAL_E_ARGUMENT, "n is %d; an instance has a size from 1 on", n);
  else if (!read_lines(&a, text, true) && !pal_pram_let(&a.r, text, "n", n) &&
           !read_lines(&a, text, false))
    (void)check_program(&a);
  pal_free(a.label);
  if (to->code) {
    pal_pram_free(a.out);
    return NULL;
  }
  pack_registers(a.out);
  return a.out;
}

pal_pram *pal_pram_read(const char *path, int n, pal_error *error) {
  char *text;
  size_t size;
  if (pal_file_read(path, MOST_FILE, &text, &size, error)) return NULL;
  pal_pram *program = NULL;
  if (strlen(text) == size) program = pal_pram_parse(text, path, n, error);
  else pal_fail(error, PAL_E_FORMAT, "%.300s holds a zero byte: it is no program", path);
  pal_free(text);
  return program;
}

void pal_pram_free(pal_pram *program) {
  if (!program) return;
  pal_free(program->path);
  pal_free(program->code);
  pal_free(program->start);
  pal_free(program);
}
