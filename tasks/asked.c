/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of a task's members with validation of what they return (floor 5). See task.h. */
#include <palimpsest/task.h>

#include <stdarg.h>
#include <stdio.h>

#include "models/models.h"
#include "src/alloc.h"
#include "src/number.h"

static pal_status refuse(const pal_task *task, pal_error *error, const char *format, ...)
    PAL_FORMAT(3, 4);
static pal_status refuse(const pal_task *task, pal_error *error, const char *format, ...) {
  char text[4096]; /* pal_fail shows the beginning and the end of a longer one */
  va_list arguments;
  va_start(arguments, format);
  pal_number_print(text, sizeof text, format, arguments);
  va_end(arguments);
  return pal_fail(error, PAL_E_ARGUMENT, "task \"%s\": %s", pal_task_definition_of(task)->name,
                  text);
}

/* Validates an example that the definition's `member` returned. `number` is its index for the
 * message, -1 if it has none. */
static pal_status check_example(const pal_task *task, const pal_example *e, const char *member,
                                int64_t number, pal_error *error) {
  char flaw[160], which[32] = "";
  if (!pal_example_flaw(e, pal_task_format(task), flaw, sizeof flaw)) return PAL_OK;
  if (number >= 0) snprintf(which, sizeof which, " %lld", (long long)number);
  return refuse(task, error, "%s%s gives an example that is unsound: %s", member, which, flaw);
}

/* ---- sets -------------------------------------------------------------------------------- */

pal_status pal_task_sets(const pal_task *task, int *n, pal_error *error) {
  const pal_task_definition *d = pal_task_definition_of(task);
  for (*n = 0; *n <= PAL_MOST_SETS; ++*n)
    if (!d->set_name(task, *n)) return PAL_OK;
  *n = 0;
  return refuse(task, error, "set_name names more than %d sets; it returns NULL past the last one",
                PAL_MOST_SETS);
}

pal_status pal_task_set_size(const pal_task *task, int set, int *n, pal_error *error) {
  const pal_task_definition *d = pal_task_definition_of(task);
  *n = d->set_size(task, set);
  if (*n >= 1 && *n <= PAL_MOST_INSTANCES) return PAL_OK;
  const char *name = d->set_name(task, set);
  const int said = *n;
  *n = 0;
  return refuse(task, error, "set_size of set %d (\"%.80s\") is %d; it is from 1 to %d", set,
                name ? name : "", said, PAL_MOST_INSTANCES);
}

pal_status pal_task_instance(pal_task *task, int set, int i, pal_form form, pal_example *example,
                             pal_error *error) {
  *example = (pal_example){.id = 0};
  const pal_status status =
      pal_task_definition_of(task)->instance(task, set, i, form, example, error);
  if (status) return pal_fail(error, status, "instance %d of set %d failed", i, set);
  char member[48];
  snprintf(member, sizeof member, "instance (of set %d)", set);
  return check_example(task, example, member, i, error);
}

/* ---- training and a user's lines ---------------------------------------------------------- */

pal_status pal_task_train_size(const pal_task *task, int64_t *n, pal_error *error) {
  *n = pal_task_definition_of(task)->train_size(task);
  if (*n >= 0) return PAL_OK;
  const long long said = (long long)*n;
  *n = 0;
  return refuse(task, error, "train_size is negative (%lld)", said);
}

pal_status pal_task_train_instance(pal_task *task, int64_t i, pal_form form, pal_example *example,
                                   pal_error *error) {
  *example = (pal_example){.id = 0};
  const pal_status status =
      pal_task_definition_of(task)->train_instance(task, i, form, example, error);
  if (status) return pal_fail(error, status, "training instance %lld failed", (long long)i);
  return check_example(task, example, "train_instance", i, error);
}

pal_status pal_task_read(pal_task *task, const char *line, pal_form form, uint64_t id,
                         pal_example *example, pal_error *error) {
  *example = (pal_example){.id = 0};
  const pal_status status =
      pal_task_definition_of(task)->read(task, line, form, id, example, error);
  if (status) return pal_fail(error, status, "the line cannot be read");
  return check_example(task, example, "read", -1, error);
}

pal_status pal_task_scan(const pal_task *task, const char *text, size_t size, const char *mark,
                         int32_t *token, int room, int *n, pal_error *error) {
  *n = 0;
  const pal_status status =
      pal_task_definition_of(task)->scan(task, text, size, mark, token, room, n, error);
  if (status) return pal_fail(error, status, "the text cannot be read");
  if (*n < 0) return refuse(task, error, "scan says that a text has %d tokens", *n);
  const pal_example e = {.prompt = token, .n_prompt = *n < room ? *n : room};
  return check_example(task, &e, "scan", -1, error);
}

/* A stream that wraps the task's own and validates each example. */
typedef struct checked {
  const pal_task *task;
  pal_stream of;
} checked;

static pal_status checked_next(void *self, pal_example *example, pal_error *error) {
  const checked *s = self;
  const pal_status status = s->of.next(s->of.self, example, error);
  if (status || check_example(s->task, example, "stream", -1, error))
    return status ? status : PAL_E_ARGUMENT;
  const pal_format *f = pal_task_format(s->task);
  const int n = pal_example_rows(example, f);
  if (n <= f->context) return PAL_OK;
  return refuse(s->task, error,
                "stream gives an example of %d tokens, but the format's context is %d; open must "
                "set it to the length of the longest sequence",
                n, f->context);
}

static size_t checked_save(const void *self, void *state, size_t room) {
  const checked *s = self;
  return s->of.save(s->of.self, state, room);
}

static pal_status checked_load(void *self, const void *state, size_t bytes, pal_error *error) {
  const checked *s = self;
  return s->of.load(s->of.self, state, bytes, error);
}

static void checked_free(void *self) {
  checked *s = self;
  if (s->of.free) s->of.free(s->of.self);
  pal_free(s);
}

typedef pal_status opener(pal_task *task, pal_form form, uint64_t seed, pal_stream *stream,
                          pal_error *error);

/* Opens a stream by the definition's `open`, and validates it. */
static pal_status open_checked(pal_task *task, opener *open, pal_form form, uint64_t seed,
                               pal_stream *stream, pal_error *error) {
  *stream = (pal_stream){.self = NULL};
  checked *s = pal_calloc(1, sizeof *s);
  if (!s) return pal_fail(error, PAL_E_MEMORY, "no memory for a stream");
  s->task = task;
  pal_status status = open(task, form, seed, &s->of, error);
  if (status) {
    pal_free(s);
    return pal_fail(error, status, "the stream cannot be opened");
  }
  const struct {
    const char *name;
    bool there;
  } member[] = {{"next", s->of.next != NULL},
                {"save", s->of.save != NULL},
                {"load", s->of.load != NULL},
                {"free", s->of.free != NULL}};
  for (size_t i = 0; i < sizeof member / sizeof *member && !status; i++)
    if (!member[i].there) status = refuse(task, error, "its stream has no %s", member[i].name);
  *stream = (pal_stream){s, checked_next, checked_save, checked_load, checked_free};
  if (!status) return PAL_OK;
  checked_free(s);
  *stream = (pal_stream){.self = NULL};
  return status;
}

pal_status pal_task_stream(pal_task *task, pal_form form, uint64_t seed, pal_stream *stream,
                           pal_error *error) {
  return open_checked(task, pal_task_definition_of(task)->stream, form, seed, stream, error);
}

pal_status pal_task_validation(pal_task *task, pal_form form, uint64_t seed, pal_stream *stream,
                               pal_error *error) {
  const pal_task_definition *d = pal_task_definition_of(task);
  *stream = (pal_stream){.self = NULL};
  if (d->validation) return open_checked(task, d->validation, form, seed, stream, error);
  return pal_fail(error, PAL_E_UNSUPPORTED, "task %s has no development data", d->name);
}

/* ---- decoding ---------------------------------------------------------------------------- */

pal_status pal_task_answer_room(const pal_task *task, const pal_example *instance, pal_form form,
                                int *room, pal_error *error) {
  *room = pal_task_definition_of(task)->answer_room(task, instance, form);
  if (*room >= 0 && *room <= PAL_MOST_EXAMPLE_ROWS) return PAL_OK;
  const int said = *room;
  *room = 0;
  return refuse(task, error, "answer_room is %d; it is from 0 (unknown) to %d", said,
                PAL_MOST_EXAMPLE_ROWS);
}

pal_status pal_task_step_cap(const pal_task *task, const pal_example *instance, pal_form form,
                             int *cap, pal_error *error) {
  *cap = pal_task_definition_of(task)->step_cap(task, instance, form);
  if (*cap >= 1 && *cap <= PAL_MOST_STEPS) return PAL_OK;
  const int said = *cap;
  *cap = 1;
  return refuse(task, error, "step_cap is %d; it is from 1 to %d", said, PAL_MOST_STEPS);
}

/* What is wrong with a picture, or NULL. */
static const char *flaw_of(const pal_picture *p) {
  const int wide = p->wide ? p->wide : 1;
  if (p->rows < 1 || p->columns < 1 || wide < 1 || p->rows > PAL_PICTURE_CELLS / p->columns ||
      p->rows * p->columns > PAL_PICTURE_CELLS / wide)
    return "has no 1 to 1024 characters";
  if (p->block < 0) return "has a negative block";
  if (p->sorts < 1 || p->sorts > PAL_PICTURE_SORTS) return "has no 1 to 6 sorts";
  for (int s = 0; s < p->sorts; s++)
    if (!p->sort_name[s]) return "has a sort without a name";
  for (int i = 0; i < p->rows * p->columns; i++)
    if (p->sort[i] >= p->sorts) return "has a cell of a sort that it does not name";
  for (int i = 0; i < p->rows * p->columns * wide; i++)
    if (p->glyph[i] < ' ' || p->glyph[i] > '~') return "has a cell that is no printable ASCII";
  return NULL;
}

pal_status pal_task_picture(const pal_task *task, const pal_example *instance, pal_form form,
                            const int32_t *token, int n, pal_picture *picture, pal_error *error) {
  *picture = (pal_picture){.rows = 0};
  pal_task_definition_of(task)->picture(task, instance, form, token, n, picture);
  const char *flaw = flaw_of(picture);
  return flaw ? refuse(task, error, "its picture %s", flaw) : PAL_OK;
}

static bool is_printable(const char *text, size_t size) {
  size_t n = 0;
  for (; n < size && text[n]; n++)
    if (text[n] < ' ' || text[n] > '~') return false;
  return n < size;
}

/* What is wrong with a diagram, or NULL. */
static const char *diagram_flaw(const pal_diagram *d) {
  if (d->nodes < 1 || d->nodes > PAL_DIAGRAM_NODES) return "has no 1 to 64 nodes";
  if (d->edges < 0 || d->edges > PAL_DIAGRAM_EDGES) return "has no 0 to 2304 edges";
  if (d->node_sorts < 1 || d->node_sorts > PAL_PICTURE_SORTS || d->edge_sorts < 1 ||
      d->edge_sorts > PAL_PICTURE_SORTS)
    return "has no 1 to 6 sorts of nodes and of edges";
  for (int s = 0; s < PAL_PICTURE_SORTS; s++)
    if ((s < d->node_sorts && !d->node_sort[s]) || (s < d->edge_sorts && !d->edge_sort[s]))
      return "has a sort without a name";
  for (int i = 0; i < d->nodes; i++) {
    const pal_diagram_node *at = &d->node[i];
    if (at->sort >= d->node_sorts) return "has a node of a sort that it does not name";
    if (!(at->x >= 0 && at->x <= 1 && at->y >= 0 && at->y <= 1)) return "has a node outside";
    if (!is_printable(at->label, sizeof at->label)) return "has a label that is no printable ASCII";
  }
  for (int i = 0; i < d->edges; i++) {
    if (d->edge[i].sort >= d->edge_sorts) return "has an edge of a sort that it does not name";
    if (d->edge[i].from >= d->nodes || d->edge[i].to >= d->nodes)
      return "has an edge of a node that it does not have";
  }
  return NULL;
}

pal_status pal_task_diagram(const pal_task *task, const pal_example *instance, pal_form form,
                            const int32_t *token, int n, pal_diagram *diagram, pal_error *error) {
  *diagram = (pal_diagram){.nodes = 0};
  pal_task_definition_of(task)->diagram(task, instance, form, token, n, diagram);
  const char *flaw = diagram_flaw(diagram);
  return flaw ? refuse(task, error, "its diagram %s", flaw) : PAL_OK;
}
