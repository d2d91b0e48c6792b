/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in for test_plugin.c and test_odd.sh. Its task "odd" is parity, except that the
 * environment variable ODD makes one function return a wrong value: with ODD="set_size -3",
 * set_size returns -3. */
#include <limits.h>
#include <palimpsest/palimpsest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pal_task_definition parity, odd;

/* Whether ODD names the member; *number becomes the number that it shall return. */
static bool is_odd(const char *member, int *number) {
  const char *told = getenv("ODD");
  const size_t n = strlen(member);
  if (!told || strncmp(told, member, n) != 0 || told[n] != ' ') return false;
  *number = atoi(told + n);
  return true;
}

/* Changes one member of the example if ODD says so. */
static void bend(pal_example *e) {
  static int32_t prompt[3] = {2, 0, 1}, answer[1], state[1];
  static int32_t zeros[4000];
  static uint8_t no[1];
  int n;
  if (is_odd("zeros", &n)) *e = (pal_example){.prompt = zeros, .n_prompt = n};
  if (is_odd("n_prompt", &n)) e->n_prompt = n;
  if (is_odd("prompt", &n)) prompt[2] = n, e->prompt = prompt, e->n_prompt = 3;
  if (is_odd("no_prompt", &n)) e->prompt = NULL, e->n_prompt = n;
  if (is_odd("n_answer", &n)) e->n_answer = n;
  if (is_odd("answer", &n)) answer[0] = n, e->answer = answer, e->n_answer = 1;
  if (is_odd("room", &n)) e->answer_room = n;
  if (is_odd("n", &n)) e->transition.n = n;
  if (is_odd("state", &n))
    state[0] = n, e->transition = (pal_transition){state, state, NULL, no, no, no, 1};
}

/* n letters x and a number; static. */
static const char *long_name(int n, int number) {
  static char text[2048];
  if (n > (int)sizeof text - 16) abort();
  memset(text, 'x', (size_t)n);
  snprintf(text + n, 16, "%d", number);
  return text;
}

static const char *set_name(const pal_task *task, int set) {
  static char name[32];
  int n;
  if (is_odd("names", &n) && parity.set_name(task, set)) return long_name(n, set);
  if (!is_odd("set_name", &n)) return parity.set_name(task, set);
  snprintf(name, sizeof name, "set %d", set);
  return set < n ? name : NULL;
}

static int set_size(const pal_task *task, int set) {
  int n;
  return is_odd("set_size", &n) ? n : parity.set_size(task, is_odd("set_name", &n) ? 0 : set);
}

static pal_status instance(pal_task *task, int set, int i, pal_form form, pal_example *e,
                           pal_error *error) {
  int n;
  const pal_status status =
      parity.instance(task, is_odd("set_name", &n) ? 0 : set, i, form, e, error);
  if (!status) bend(e);
  return status;
}

static int answer_room(const pal_task *task, const pal_example *e, pal_form form) {
  int n;
  return is_odd("answer_room", &n) ? n : parity.answer_room(task, e, form);
}

static int step_cap(const pal_task *task, const pal_example *e, pal_form form) {
  int n;
  return is_odd("step_cap", &n) ? n : parity.step_cap(task, e, form);
}

static pal_status read_line(pal_task *task, const char *line, pal_form form, uint64_t id,
                            pal_example *e, pal_error *error) {
  const pal_status status = parity.read(task, line, form, id, e, error);
  if (!status) bend(e);
  return status;
}

static int64_t train_size(const pal_task *task) {
  int n;
  (void)task;
  return is_odd("train_size", &n) ? n : 2;
}

static pal_status train_instance(pal_task *task, int64_t i, pal_form form, pal_example *e,
                                 pal_error *error) {
  return instance(task, 0, (int)i, form, e, error);
}

static size_t write_line(const pal_task *task, const pal_example *e, pal_form form, char *text,
                         size_t size) {
  int n;
  return is_odd("write", &n) ? (size_t)n : parity.write(task, e, form, text, size);
}

/* Two kinds of instances, and a note, with long names. */
static size_t traits(const pal_task *task, const pal_example *e, pal_form form, char *text,
                     size_t size) {
  int n;
  (void)task, (void)form;
  if (!is_odd("names", &n)) return (size_t)snprintf(text, size, "%s", "");
  return (size_t)snprintf(text, size, "%s", long_name(n, (int)(e->id % 2)));
}

static size_t outcome(const pal_task *task, const pal_judged *judged, char *text, size_t size) {
  int n;
  (void)task, (void)judged;
  return (size_t)snprintf(text, size, "%s", is_odd("names", &n) ? long_name(n, 7) : "");
}

static void notes(const pal_task *task, const pal_model *model, pal_form form, char *text,
                  size_t size) {
  int n;
  if (is_odd("names", &n)) snprintf(text, size, "first\n%s last\n", long_name(n, 1));
  else parity.notes(task, model, form, text, size);
}

/* The stream of parity, whose examples are changed if ODD says so. */
static pal_stream inner;
static pal_status next(void *self, pal_example *e, pal_error *error) {
  const pal_status status = inner.next(self, e, error);
  if (!status) bend(e);
  return status;
}

static pal_status stream(pal_task *task, pal_form form, uint64_t seed, pal_stream *out,
                         pal_error *error) {
  int n;
  const pal_status status = parity.stream(task, form, seed, &inner, error);
  *out = inner;
  out->next = next;
  if (is_odd("save", &n)) out->save = NULL;
  return status;
}

/* Two cells, of sort and glyph as told. */
static void picture(const pal_task *task, const pal_example *e, pal_form form, const int32_t *token,
                    int length, pal_picture *p) {
  int n;
  (void)task, (void)e, (void)form, (void)token, (void)length;
  *p = (pal_picture){.rows = 1, .columns = 2, .sorts = 1, .sort_name = {"all"}, .glyph = "ab"};
  if (is_odd("rows", &n)) p->rows = n;
  if (is_odd("sorts", &n)) p->sorts = n;
  if (is_odd("sort", &n)) p->sort[1] = (uint8_t)n;
  if (is_odd("glyph", &n)) p->glyph[1] = (char)n;
}

static pal_status define(pal_context *context, pal_error *error) {
  odd = parity = *(const pal_task_definition *)pal_lookup(context, "task", "parity");
  odd.name = "odd";
  odd.set_name = set_name;
  odd.set_size = set_size;
  odd.instance = instance;
  odd.answer_room = answer_room;
  odd.step_cap = step_cap;
  odd.read = read_line;
  odd.write = write_line;
  odd.train_size = train_size;
  odd.train_instance = train_instance;
  odd.traits = traits;
  odd.outcome = outcome;
  odd.notes = notes;
  odd.stream = stream;
  odd.picture = picture;
  return pal_define_task(context, &odd, error);
}

PAL_API extern const pal_plugin palimpsest_plugin;
const pal_plugin palimpsest_plugin = {
    .abi = PAL_ABI, .op_size = sizeof(pal_op), .name = "odd", .define = define};
