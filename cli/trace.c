/* SPDX-License-Identifier: Apache-2.0 */
/* See trace.h (floor 8). Lines are checked one by one: what a line must hold, and that the edits of
 * a pass lead from the state before it to the one that it states. */
#include "cli/trace.h"

#include <stdlib.h>
#include <string.h>

#include "cli/lines.h"

const char *const cli_edit_key[CLI_EDITS] = {"write", "remask", "insert", "delete", "rewrite"};
const char *const cli_edit_done[CLI_EDITS] = {"written", "remasked", "inserted", "deleted",
                                              "rewritten"};

static pal_status refuse(pal_error *error, const char *format, ...) PAL_FORMAT(2, 3);
static pal_status refuse(pal_error *error, const char *format, ...) {
  char text[300];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return pal_fail(error, PAL_E_FORMAT, "%s", text);
}

static bool is_text(const json_t *value) { return json_is_string(value); }

/* ---- edits ------------------------------------------------------------------------------- */

static json_int_t row_of(const json_t *edit) {
  const json_t *row = json_object_get(edit, "row");
  return json_is_integer(row) ? json_integer_value(row) : -2;
}

static double chance_of(const json_t *edit) {
  const json_t *p = json_object_get(edit, "p");
  return json_is_number(p) ? json_number_value(p) : -1;
}

/* The edit of each of the n rows of the state before, and the rows inserted behind them. */
typedef struct plan {
  const json_t *edit[CLI_EDITS];
  const json_t **on; /* [n]: the edit of a row; NULL: none */
  int *kind;         /* [n]: its kind */
  int n;
} plan;

/* Notes the edits of one kind on their rows. */
static pal_status note(plan *p, const cli_pass *before, int kind, pal_error *error) {
  const json_t *edit;
  size_t k;
  json_array_foreach(p->edit[kind], k, edit) {
    const json_int_t row = row_of(edit);
    if (row < (kind == CLI_INSERT ? -1 : 0) || row >= p->n)
      return refuse(error, "edits.%s[%zu] has no \"row\" of the %d of the state before it",
                    cli_edit_key[kind], k, p->n);
    const bool writes = kind == CLI_WRITE || kind == CLI_REWRITE;
    if (writes && !is_text(json_object_get(edit, "token")))
      return refuse(error, "edits.%s[%zu] has no \"token\"", cli_edit_key[kind], k);
    const bool masked = row >= 0 && json_is_null(json_array_get(before->tokens, (size_t)row));
    if ((kind == CLI_WRITE && !masked) || ((kind == CLI_REWRITE || kind == CLI_REMASK) && masked))
      return refuse(error, "edits.%s[%zu]: row %lld is %s mask", cli_edit_key[kind], k,
                    (long long)row, masked ? "a" : "no");
    if (kind == CLI_INSERT) continue;
    if (p->on[row]) return refuse(error, "row %lld has two edits", (long long)row);
    p->on[row] = edit;
    p->kind[row] = kind;
  }
  return PAL_OK;
}

/* Collects the edits of a pass. Call plan_free in any case. */
static pal_status plan_edits(plan *p, const json_t *edits, const cli_pass *before,
                             pal_error *error) {
  *p = (plan){.n = before->n};
  p->on = calloc((size_t)p->n + 1, sizeof *p->on);
  p->kind = calloc((size_t)p->n + 1, sizeof *p->kind);
  if (!p->on || !p->kind) return pal_fail(error, PAL_E_MEMORY, "no memory for edits");
  for (int kind = 0; kind < CLI_EDITS; kind++) {
    p->edit[kind] = json_object_get(edits, cli_edit_key[kind]);
    if (p->edit[kind] && !json_is_array(p->edit[kind]))
      return refuse(error, "edits.%s is no list", cli_edit_key[kind]);
    const pal_status status = note(p, before, kind, error);
    if (status) return status;
  }
  return PAL_OK;
}

static void plan_free(plan *p) {
  free(p->on);
  free(p->kind);
}

/* Puts the rows that are inserted behind `row`. */
static int put_inserted(const plan *p, int row, cli_trace_row *to) {
  const json_t *edit;
  size_t k;
  int n = 0;
  json_array_foreach(p->edit[CLI_INSERT], k, edit) {
    if (row_of(edit) != row) continue;
    to[n++] = (cli_trace_row){json_string_value(json_object_get(edit, "token")), CLI_INSERT,
                              chance_of(edit)};
  }
  return n;
}

static cli_trace_row *rows_of(const plan *p, const cli_pass *before, int *n) {
  const size_t most = (size_t)p->n + json_array_size(p->edit[CLI_INSERT]) + 1;
  cli_trace_row *row = calloc(most, sizeof *row);
  if (!row) return NULL;
  *n = put_inserted(p, -1, row);
  for (int i = 0; i < p->n; i++) {
    const char *token = json_string_value(json_array_get(before->tokens, (size_t)i));
    cli_trace_row own = {token, p->on[i] ? p->kind[i] : -1, p->on[i] ? chance_of(p->on[i]) : -1};
    if (own.edit == CLI_REMASK) own.token = NULL;
    if (own.edit == CLI_WRITE || own.edit == CLI_REWRITE)
      own.token = json_string_value(json_object_get(p->on[i], "token"));
    row[(*n)++] = own;
    if (json_array_size(p->edit[CLI_INSERT])) *n += put_inserted(p, i, row + *n);
  }
  return row;
}

cli_trace_row *cli_trace_rows(const cli_traced *t, int k, int *n) {
  plan p = {.n = t->pass[k].n};
  pal_error ignored = {0};
  cli_trace_row *row = NULL;
  if (k > 0 && !plan_edits(&p, t->pass[k].edits, &t->pass[k - 1], &ignored))
    row = rows_of(&p, &t->pass[k - 1], n);
  plan_free(&p);
  if (k > 0) return row;
  row = calloc((size_t)p.n + 1, sizeof *row);
  for (*n = 0; row && *n < p.n; ++*n)
    row[*n] =
        (cli_trace_row){json_string_value(json_array_get(t->pass[0].tokens, (size_t)*n)), -1, -1};
  return row;
}

/* Whether the edits lead to the tokens of `pass`, the last `cut` rows left out. */
static pal_status check_edits(const cli_pass *before, const cli_pass *pass, json_int_t cut,
                              pal_error *error) {
  plan p;
  pal_status status = plan_edits(&p, pass->edits, before, error);
  int n = 0, at = 0;
  cli_trace_row *row = status ? NULL : rows_of(&p, before, &n);
  if (!status && !row) status = pal_fail(error, PAL_E_MEMORY, "no memory for edits");
  for (int i = 0; i < n && !status; i++) {
    if (row[i].edit == CLI_DELETE) continue;
    const char *token = json_string_value(json_array_get(pass->tokens, (size_t)at));
    const bool same =
        token && row[i].token ? strcmp(token, row[i].token) == 0 : token == row[i].token;
    if (at < pass->n && !same)
      status = refuse(error, "the edits do not make row %d what \"tokens\" says", at);
    at++;
  }
  if (!status && at != pass->n + cut)
    status = refuse(error, "the edits make %d rows, less %lld that are cut, not %d", at,
                    (long long)cut, pass->n);
  free(row);
  plan_free(&p);
  return status;
}

/* ---- lines ------------------------------------------------------------------------------- */

static pal_status misses(pal_error *error, const json_error_t *why) {
  return refuse(error, "%s", why->text);
}

static bool are_texts(const json_t *list, bool masks) {
  const json_t *one;
  size_t k;
  json_array_foreach(list, k, one) if (!is_text(one) && !(masks && json_is_null(one))) return false;
  return json_is_array(list);
}

static bool are_sorts(const json_t *list) {
  const size_t n = json_array_size(list);
  return are_texts(list, false) && n >= 1 && n <= PAL_PICTURE_SORTS;
}

static pal_status add_instance(cli_trace *t, json_t *line, pal_error *error) {
  json_t *board = NULL, *diagram = NULL;
  json_error_t why;
  int schema = 0;
  cli_traced one = {.line = line};
  if (t->n == t->room) {
    const int room = t->room ? 2 * t->room : 8;
    cli_traced *grown = realloc(t->instance, sizeof *grown * (size_t)room);
    if (!grown) return pal_fail(error, PAL_E_MEMORY, "no memory for a trace");
    t->instance = grown;
    t->room = room;
  }
  if (json_unpack_ex(line, &why, 0, "{s:i, s:s, s:s, s:s, s?o, s?o}", "schema", &schema, "task",
                     &one.task, "model", &one.model, "mask", &one.mask, "board", &board, "diagram",
                     &diagram))
    return misses(error, &why);
  if (schema != CLI_TRACE_SCHEMA)
    return refuse(error, "schema %d is not known; this program reads %d", schema, CLI_TRACE_SCHEMA);
  if (board &&
      json_unpack_ex(board, &why, 0, "{s:i, s:i, s:i, s:i, s:o}", "rows", &one.rows, "columns",
                     &one.columns, "wide", &one.wide, "block", &one.block, "sorts", &one.sorts))
    return misses(error, &why);
  if (board && (one.rows < 1 || one.columns < 1 || one.wide < 1 || one.block < 0 ||
                one.rows > PAL_PICTURE_CELLS / one.columns ||
                one.rows * one.columns > PAL_PICTURE_CELLS / one.wide || !are_sorts(one.sorts)))
    return refuse(error, "\"board\" has no 1 to %d characters of 1 to %d sorts", PAL_PICTURE_CELLS,
                  PAL_PICTURE_SORTS);
  if (diagram && json_unpack_ex(diagram, &why, 0, "{s:o, s:o}", "nodes", &one.node_sorts, "edges",
                                &one.edge_sorts))
    return misses(error, &why);
  if (diagram && (!are_sorts(one.node_sorts) || !are_sorts(one.edge_sorts)))
    return refuse(error, "\"diagram\" does not name 1 to %d sorts of nodes and of edges",
                  PAL_PICTURE_SORTS);
  t->instance[t->n++] = one;
  json_incref(line);
  return PAL_OK;
}

static pal_status check_board(const cli_traced *t, const cli_pass *p, pal_error *error) {
  const size_t cells = (size_t)(t->rows * t->columns), glyphs = cells * (size_t)t->wide;
  const size_t sorts = json_array_size(t->sorts);
  if (strlen(p->glyph) != glyphs || strlen(p->sort) != cells)
    return refuse(error, "\"board\" has not %d x %d cells", t->rows, t->columns);
  for (size_t i = 0; i < glyphs; i++)
    if (p->glyph[i] < ' ' || p->glyph[i] > '~' ||
        (i < cells && (p->sort[i] < '0' || p->sort[i] >= '0' + (char)sorts)))
      return refuse(error, "cell %zu of \"board\" has a sort or a character that cannot be", i);
  return PAL_OK;
}

static bool is_below(const json_t *value, size_t limit) {
  return json_is_integer(value) && json_integer_value(value) >= 0 &&
         (size_t)json_integer_value(value) < limit;
}

static pal_status check_diagram(const cli_traced *t, const cli_pass *p, pal_error *error) {
  const json_t *one;
  size_t k;
  json_array_foreach(p->nodes, k, one) {
    const json_t *x = json_array_get(one, 1), *y = json_array_get(one, 2);
    const double at[] = {json_number_value(x), json_number_value(y)};
    if (!is_text(json_array_get(one, 0)) || !json_is_number(x) || !json_is_number(y) ||
        !(at[0] >= 0 && at[0] <= 1 && at[1] >= 0 && at[1] <= 1) ||
        !is_below(json_array_get(one, 3), json_array_size(t->node_sorts)))
      return refuse(error, "node %zu of \"diagram\" is not [label, x, y, sort]", k);
  }
  json_array_foreach(p->edges, k, one) if (
      !is_below(json_array_get(one, 0), json_array_size(p->nodes)) ||
      !is_below(json_array_get(one, 1), json_array_size(p->nodes)) ||
      !is_below(
          json_array_get(one, 2),
          json_array_size(
              t->edge_sorts))) return refuse(error,
                                             "edge %zu of \"diagram\" is not [from, to, sort]", k);
  return json_is_array(p->nodes) && json_is_array(p->edges)
             ? PAL_OK
             : refuse(error, "\"diagram\" has no lists of nodes and edges");
}

/* Reads the members of a pass's line. */
static pal_status read_pass(const cli_traced *t, cli_pass *p, int *number, json_int_t *cut,
                            pal_error *error) {
  json_t *board = NULL, *diagram = NULL;
  json_error_t why;
  if (json_unpack_ex(p->line, &why, 0, "{s:i, s:i, s:o, s:s, s?o, s?I, s?o, s?o}", "pass", number,
                     "length", &p->n, "tokens", &p->tokens, "printed", &p->text, "edits", &p->edits,
                     "cut", cut, "board", &board, "diagram", &diagram) ||
      (board &&
       json_unpack_ex(board, &why, 0, "{s:s, s:s}", "glyph", &p->glyph, "sort", &p->sort)) ||
      (diagram &&
       json_unpack_ex(diagram, &why, 0, "{s:o, s:o}", "nodes", &p->nodes, "edges", &p->edges)))
    return misses(error, &why);
  if (!are_texts(p->tokens, true)) return refuse(error, "\"tokens\" is no list of texts and nulls");
  if (json_array_size(p->tokens) != (size_t)p->n)
    return refuse(error, "\"length\" is %d, and there are %zu tokens", p->n,
                  json_array_size(p->tokens));
  if (*number != t->n) return refuse(error, "this is pass %d, where %d is due", *number, t->n);
  if (!board != !t->sorts || !diagram != !t->node_sorts)
    return refuse(error, "\"%s\" is in the line of the pass or of its instance only",
                  !board != !t->sorts ? "board" : "diagram");
  if (!p->edits != !t->n)
    return refuse(error, t->n ? "a pass needs \"edits\"" : "pass 0 is the start, without edits");
  return PAL_OK;
}

static pal_status add_pass(cli_traced *t, json_t *line, pal_error *error) {
  cli_pass p = {.line = line};
  int number;
  json_int_t cut = 0;
  if (t->n == t->room) {
    const int room = t->room ? 2 * t->room : 64;
    cli_pass *grown = realloc(t->pass, sizeof *grown * (size_t)room);
    if (!grown) return pal_fail(error, PAL_E_MEMORY, "no memory for a trace");
    t->pass = grown;
    t->room = room;
  }
  pal_status status = read_pass(t, &p, &number, &cut, error);
  if (!status && p.glyph) status = check_board(t, &p, error);
  if (!status && t->node_sorts) status = check_diagram(t, &p, error);
  if (!status && cut < 0) status = refuse(error, "\"cut\" is negative");
  if (!status && t->n) status = check_edits(&t->pass[t->n - 1], &p, cut, error);
  if (status) return status;
  for (int kind = 0; kind < CLI_EDITS; kind++)
    p.count[kind] = (int)json_array_size(json_object_get(p.edits, cli_edit_key[kind]));
  t->pass[t->n++] = p;
  json_incref(line);
  return PAL_OK;
}

static pal_status add_end(cli_traced *t, json_t *line, pal_error *error) {
  json_error_t why;
  int passes = 0, halted = 0;
  const char *verdict;
  if (json_unpack_ex(line, &why, 0, "{s:i, s:b, s:s}", "passes", &passes, "halted", &halted,
                     "verdict", &verdict))
    return misses(error, &why);
  if (passes != t->n - 1)
    return refuse(error, "\"passes\" is %d, and %d lines of passes are there", passes, t->n - 1);
  t->verdict = verdict;
  t->end = json_incref(line);
  return PAL_OK;
}

static pal_status add(cli_trace *t, json_t *line, pal_error *error) {
  const char *kind = json_string_value(json_object_get(line, "kind"));
  cli_traced *last = t->n ? &t->instance[t->n - 1] : NULL;
  const bool within = last && !last->end;
  if (!json_is_object(line)) return refuse(error, "a line is an object, {...}");
  if (!kind) return refuse(error, "no \"kind\", which is instance, pass or end");
  if (strcmp(kind, "instance") == 0 && !within) return add_instance(t, line, error);
  if (strcmp(kind, "pass") == 0 && within) return add_pass(last, line, error);
  if (strcmp(kind, "end") == 0 && within && last->n) return add_end(last, line, error);
  return refuse(error, "the kind \"%.40s\" is not what follows %s", kind,
                !last    ? "at the beginning"
                : within ? last->n ? "a pass" : "an instance"
                         : "an end");
}

pal_status cli_trace_add(cli_trace *t, json_t *line, pal_error *error) {
  const pal_status status = add(t, line, error);
  json_decref(line);
  return status;
}

pal_status cli_trace_check_end(const cli_trace *t, pal_error *error) {
  if (t->n && t->instance[t->n - 1].end) return PAL_OK;
  return refuse(error, t->n ? "the last instance has no line of kind \"end\"" : "no instance");
}

pal_status cli_trace_read(cli_trace *t, const char *path, pal_error *error) {
  cli_lines l;
  pal_status status = cli_lines_open(&l, path, error);
  if (status) return status;
  while (!status && !error->code && cli_lines_next(&l, error)) {
    json_error_t why;
    pal_error own = {0};
    if (l.length == 0) continue;
    json_t *line = json_loadb(l.text, l.length, JSON_REJECT_DUPLICATES, &why);
    if (line) status = cli_trace_add(t, line, &own);
    else status = refuse(&own, "no JSON: %s", why.text);
    if (status) pal_fail(error, status, "%s:%d: %s", path, l.number, own.text);
  }
  if (!error->code) {
    pal_error own = {0};
    if (cli_trace_check_end(t, &own)) pal_fail(error, PAL_E_FORMAT, "%s: %s", path, own.text);
  }
  cli_lines_close(&l);
  return error->code;
}

void cli_traced_free(cli_traced *t) {
  for (int k = 0; k < t->n; k++) json_decref(t->pass[k].line);
  json_decref(t->line);
  json_decref(t->end);
  free(t->pass);
}

void cli_trace_free(cli_trace *t) {
  for (int i = 0; i < t->n; i++) cli_traced_free(&t->instance[i]);
  free(t->instance);
  *t = (cli_trace){.n = 0};
}

bool cli_trace_changes(const cli_traced *t, int k, int cell) {
  const size_t wide = (size_t)t->wide, at = (size_t)cell * wide;
  const cli_pass *now = &t->pass[k], *before = k ? now - 1 : now;
  return before->sort[cell] != now->sort[cell] ||
         memcmp(before->glyph + at, now->glyph + at, wide) != 0;
}

void cli_trace_caption(const cli_traced *t, int k, char *text, size_t size) {
  const int *count = t->pass[k].count;
  if (k == 0) {
    snprintf(text, size, "start");
    return;
  }
  snprintf(text, size, "pass %d: %d written, %d remasked", k, count[CLI_WRITE], count[CLI_REMASK]);
  for (int kind = CLI_INSERT; kind < CLI_EDITS; kind++) {
    const size_t used = strlen(text);
    if (count[kind])
      snprintf(text + used, size - used, ", %d %s", count[kind], cli_edit_done[kind]);
  }
}
