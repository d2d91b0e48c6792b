/* SPDX-License-Identifier: Apache-2.0 */
/* The task mincut (floor 5): a graph is edited until its minimum cut is gone.
 *
 * Edit models learn single passes of the trace (mincut_trace.c), each from a random graph and a
 * random place of its trace. Models that answer write the edges that are left, or with answer=trace
 * all edits one after the other and then these edges. */
#include <palimpsest/layers.h>
#include <palimpsest/task.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/alloc.h"
#include "tasks/mincut.h"

enum { MOST_TESTS = 1000000 };
typedef enum answer { EDGES, TRACE } answer;

typedef struct mincut_settings {
  const char *nodes, *edges, *test_nodes, *test_edges;
  int64_t ids, per_size;
  uint64_t seed;
  int answer, parent; /* enum answer; 1: any */
} mincut_settings;

#define MINCUT mincut_settings
static const pal_setting settings[] = {
    PAL_SET_TEXT(MINCUT, nodes, "4-6", "numbers of nodes of training graphs, e.g. 4-6 or 4,6,10"),
    PAL_SET_TEXT(MINCUT, edges, "",
                 "number of edges of a training graph, e.g. 10, 5-12 or 1n-3n (times the nodes); "
                 "empty: from one less than the nodes to all pairs"),
    PAL_SET_WHOLE(MINCUT, ids, "64", 2, PAL_MINCUT_IDS,
                  "node ids from which those of a graph are drawn"),
    PAL_SET_CHOICE(
        MINCUT, answer, "edges", "edges trace",
        "what models that answer write: edges, the edges that are left; trace, all edits "
        "one after the other, then these edges",
        PAL_KEPT_BY_WEIGHTS),
    PAL_SET_CHOICE(
        MINCUT, parent, "smallest", "smallest any",
        "from which of several nodes a node is reached in training states of edit models: "
        "smallest, that with the smallest id, as in the paper; any, one at random, so that a "
        "model may choose"),
    PAL_SET_TEXT(MINCUT, test_nodes, "",
                 "numbers of nodes of evaluated graphs, one set for each; empty: as nodes",
                 PAL_KEPT_BY_NONE),
    PAL_SET_TEXT(MINCUT, test_edges, "", "number of edges of an evaluated graph; empty: as edges",
                 PAL_KEPT_BY_NONE),
    PAL_SET_WHOLE(MINCUT, per_size, "1000", 1, MOST_TESTS, "evaluated graphs of each size",
                  PAL_KEPT_BY_NONE),
    PAL_SET_SEED(MINCUT, seed, "1", "seed of the evaluated graphs", PAL_KEPT_BY_NONE),
};

typedef struct mincut {
  pal_mincut_kind train, test;
  char name[PAL_MINCUT_IDS][16]; /* of the sets */
  pal_mincut_rows rows;          /* of training and evaluated graphs */
  pal_mincut_maker maker;
} mincut;

/* ---- settings ---------------------------------------------------------------------------- */

/* Reads "LEAST-MOST" or one number; `times` says which of them are followed by an n. Returns what
 * follows, or NULL. */
static const char *read_range(const char *text, int *least, int *most, int *times) {
  int *const to[] = {least, most};
  for (int k = 0; k < 2; k++) {
    const size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 4) return NULL;
    *to[k] = (int)strtol(text, NULL, 10);
    text += digits;
    if (times) times[k] = *text == 'n', text += times[k];
    if (k == 0 && *text == '-') text++;
    else if (k == 0) {
      *most = *least;
      if (times) times[1] = times[0];
      return text;
    }
  }
  return text;
}

static pal_status read_sizes(const char *name, const char *text, pal_mincut_kind *to,
                             pal_error *error) {
  const char *at = text;
  for (to->sizes = 0; at; at++) {
    int least, most;
    at = read_range(at, &least, &most, NULL);
    if (!at || least < 2 || most < least || most > PAL_MINCUT_IDS ||
        to->sizes + most - least >= PAL_MINCUT_IDS || (*at && *at != ','))
      break;
    if (most > to->ids)
      return pal_fail(error, PAL_E_ARGUMENT, "mincut: %s goes to %d nodes, more than the %d ids",
                      name, most, to->ids);
    for (int n = least; n <= most; n++) to->n[to->sizes++] = n;
    if (!*at) return PAL_OK;
  }
  return pal_fail(error, PAL_E_ARGUMENT,
                  "mincut: %s takes numbers from 2 to %d with commas, or LEAST-MOST, not \"%s\"",
                  name, PAL_MINCUT_IDS, text);
}

static pal_status read_edges(const char *name, const char *text, pal_mincut_kind *to,
                             pal_error *error) {
  pal_mincut_range *e = &to->edges;
  *e = (pal_mincut_range){.most = 0};
  if (!*text) return PAL_OK;
  const char *end = read_range(text, &e->least, &e->most, e->times_nodes);
  const bool mixed = e->times_nodes[0] != e->times_nodes[1];
  if (end && !*end && e->least >= 1 && (mixed || e->most >= e->least)) return PAL_OK;
  return pal_fail(error, PAL_E_ARGUMENT,
                  "mincut: %s takes a number of edges or LEAST-MOST, each perhaps with an n behind "
                  "it for \"times the nodes\", not \"%s\"",
                  name, text);
}

static pal_status read_settings(const mincut_settings *own, mincut *m, pal_error *error) {
  m->train.ids = m->test.ids = (int)own->ids;
  m->train.any_parent = own->parent;
  pal_status status = read_sizes("nodes", own->nodes, &m->train, error);
  if (!status) status = read_edges("edges", own->edges, &m->train, error);
  if (!status)
    status =
        read_sizes("test_nodes", *own->test_nodes ? own->test_nodes : own->nodes, &m->test, error);
  if (!status)
    status =
        read_edges("test_edges", *own->test_edges ? own->test_edges : own->edges, &m->test, error);
  for (int i = 0; i < m->test.sizes && !status; i++)
    snprintf(m->name[i], sizeof m->name[i], "nodes=%d", m->test.n[i]);
  m->maker.trace = own->answer == TRACE;
  return status;
}

/* ---- the task ---------------------------------------------------------------------------- */

static int most(int a, int b) { return a > b ? a : b; }

static void mincut_close(pal_task *task) {
  mincut *m = pal_task_self(task);
  pal_mincut_maker_free(&m->maker);
  pal_free(m);
}

static pal_status mincut_open(pal_task *task, pal_error *error) {
  mincut *m = pal_calloc(1, sizeof *m);
  if (!m) return pal_fail(error, PAL_E_MEMORY, "no memory for the mincut task");
  pal_task_set_self(task, m);
  pal_status status = read_settings(pal_task_own(task), m, error);
  if (status) return status;
  const bool trace = m->maker.trace;
  const pal_mincut_rows train = pal_mincut_rows_of(&m->train, trace),
                        test = pal_mincut_rows_of(&m->test, trace);
  if (trace && test.state > train.state)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "mincut: with answer=trace the evaluated graphs have at most as many rows as "
                    "the training graphs (%d), not %d, since every row has a token of its own",
                    train.state, test.state);
  const pal_mincut_rows all = {most(train.state, test.state), most(train.prompt, test.prompt),
                               most(train.answer, test.answer)};
  const pal_format format = {.vocabulary =
                                 trace ? PAL_MINCUT_ROW + train.state : PAL_MINCUT_VOCABULARY,
                             .mask = PAL_MINCUT_MASK,
                             .bos = PAL_MINCUT_PROMPT,
                             .eos = PAL_MINCUT_EOS,
                             .context = most(all.state, all.prompt + all.answer),
                             .names = PAL_MINCUT_IDS,
                             .record = {PAL_MINCUT_LEFT, PAL_MINCUT_RIGHT}};
  pal_task_set_format(task, &format);
  m->rows = all;
  return pal_mincut_maker_init(&m->maker, trace, all, error);
}

static pal_status check_form(pal_form form, pal_error *error) {
  if (form != PAL_FORM_REASONED) return PAL_OK;
  return pal_fail(error, PAL_E_UNSUPPORTED,
                  "mincut has no reasoned answers; answer=trace has the steps before the answer");
}

static pal_status mincut_stream(pal_task *task, pal_form form, uint64_t seed, pal_stream *out,
                                pal_error *error) {
  const mincut *m = pal_task_self(task);
  const pal_status status = check_form(form, error);
  return status ? status : pal_mincut_stream(&m->train, m->maker.trace, form, seed, out, error);
}

static const char *mincut_set_name(const pal_task *task, int set) {
  const mincut *m = pal_task_self(task);
  return set < m->test.sizes ? m->name[set] : NULL;
}

static int mincut_set_size(const pal_task *task, int set) {
  (void)set;
  return (int)((const mincut_settings *)pal_task_own(task))->per_size;
}

static pal_status mincut_instance(pal_task *task, int set, int i, pal_form form,
                                  pal_example *example, pal_error *error) {
  mincut *m = pal_task_self(task);
  const int n = m->test.n[set];
  const uint64_t id = (uint64_t)n << 32 | (uint64_t)i;
  pal_rng rng =
      pal_rng_new(((const mincut_settings *)pal_task_own(task))->seed, "mincut.test", 0, id);
  const pal_status status = check_form(form, error);
  if (status) return status;
  pal_mincut_draw(&rng, n, m->test.ids, m->test.edges, &m->maker.graph);
  return pal_mincut_make(&m->maker, form, id, example, error);
}

static pal_status mincut_read(pal_task *task, const char *line, pal_form form, uint64_t id,
                              pal_example *example, pal_error *error) {
  mincut *m = pal_task_self(task);
  pal_mincut_graph *g = &m->maker.graph;
  *example = (pal_example){.id = id};
  pal_status status = check_form(form, error);
  if (!status) status = pal_mincut_read_line(line, g, error);
  if (status || g->n == 0) return status;
  const int state = pal_mincut_state_rows(g->n, g->m);
  const int room = pal_mincut_answer_rows(m->maker.trace, g->n, g->m, pal_mincut_flow_bound(g));
  if (state > m->rows.state || room > m->rows.answer)
    return pal_fail(error, PAL_E_FORMAT,
                    "a graph of %d nodes and %d edges takes states of %d rows and answers of %d, "
                    "more than the %d and %d of the largest graphs by the settings nodes, edges, "
                    "test_nodes and test_edges",
                    g->n, g->m, state, room, m->rows.state, m->rows.answer);
  return pal_mincut_make(&m->maker, form, id, example, error);
}

static pal_mincut_graph graph_of(const pal_example *instance) {
  pal_mincut_graph g;
  pal_mincut_read_prompt(instance->prompt, instance->n_prompt, &g);
  return g;
}

static size_t mincut_write(const pal_task *task, const pal_example *instance, pal_form form,
                           char *text, size_t size) {
  const pal_mincut_graph g = graph_of(instance);
  (void)task, (void)form;
  return pal_mincut_write_line(&g, text, size);
}

static int mincut_answer_room(const pal_task *task, const pal_example *instance, pal_form form) {
  (void)task, (void)form;
  return instance->answer_room;
}

/* One pass more than the trace can take, in which nothing changes; or one for each token. */
static int mincut_step_cap(const pal_task *task, const pal_example *instance, pal_form form) {
  const pal_mincut_graph g = graph_of(instance);
  (void)task;
  return 1 + (form == PAL_FORM_TRANSITION ? pal_mincut_most_passes(g.n, pal_mincut_flow_bound(&g))
                                          : instance->answer_room);
}

/* ---- scores ------------------------------------------------------------------------------ */

/* Judges the edges that the sequence leaves. *kept: source, target and nodes, or the whole prompt,
 * are as they were. */
static pal_mincut_verdict judge(const pal_task *task, const pal_example *instance, pal_form form,
                                const int32_t *token, int n, bool *kept) {
  const mincut *m = pal_task_self(task);
  const pal_mincut_graph g = graph_of(instance);
  const int prompt = instance->n_prompt;
  uint8_t edge[PAL_MINCUT_EDGES][2];
  int left = -1;
  if (form == PAL_FORM_TRANSITION) {
    *kept = pal_mincut_read_end(&g, token, n, edge, &left);
  } else {
    *kept = n >= prompt && memcmp(token, instance->prompt, sizeof *token * (size_t)prompt) == 0;
    int begin = prompt;
    if (m->maker.trace)
      for (begin = n; begin > prompt && token[begin - 1] != PAL_MINCUT_RESULT;) begin--;
    const bool there = *kept && (!m->maker.trace || begin > prompt);
    if (there) left = pal_mincut_read_edges(token + begin, n - begin, edge);
  }
  if (!*kept || left < 0) return (pal_mincut_verdict){.exact = false};
  return pal_mincut_verify(&g, (const uint8_t(*)[2])edge, left);
}

static pal_score mincut_score(const pal_task *task, const pal_example *instance, pal_form form,
                              const int32_t *token, int n) {
  bool kept;
  const pal_mincut_verdict v = judge(task, instance, form, token, n, &kept);
  return (pal_score){.exact = v.exact, .valid = v.subgraph, .kept = kept};
}

static double minimum(const pal_task *task, const pal_judged *j) {
  bool kept;
  return judge(task, j->instance, j->form, j->decoded->token, j->decoded->n, &kept).minimum;
}

static size_t mincut_print(const pal_task *task, const int32_t *token, int n, char *text,
                           size_t size) {
  (void)task;
  return pal_mincut_print(token, n, text, size);
}

static void mincut_diagram(const pal_task *task, const pal_example *instance, pal_form form,
                           const int32_t *token, int n, pal_diagram *diagram) {
  const mincut *m = pal_task_self(task);
  const pal_mincut_graph g = graph_of(instance);
  int from = form == PAL_FORM_TRANSITION ? 0 : instance->n_prompt;
  for (int i = from; m->maker.trace && from && i < n; i++)
    if (token[i] == PAL_MINCUT_RESULT) from = i;
  pal_mincut_diagram(&g, token, n, from, diagram);
}

static size_t mincut_traits(const pal_task *task, const pal_example *instance, pal_form form,
                            char *text, size_t size) {
  const pal_mincut_graph g = graph_of(instance);
  bool side[PAL_MINCUT_IDS];
  (void)task, (void)form;
  return (size_t)snprintf(text, size, "cut of %d", pal_mincut_solve(&g, side));
}

static bool mincut_step_right(const pal_task *task, const int32_t *state, int n,
                              const int32_t *next, int n_next) {
  mincut *m = pal_task_self(task);
  pal_mincut_state *s = &m->maker.state;
  if (n > s->room) return false;
  s->n = n;
  memcpy(s->token, state, sizeof *state * (size_t)n);
  return pal_mincut_step_right(s, next, n_next);
}

static void mincut_notes(const pal_task *task, const pal_model *model, pal_form form, char *text,
                         size_t size) {
  const mincut *m = pal_task_self(task);
  const bool told = pal_model_network(model)->structure == PAL_STRUCTURE_NAMES;
  snprintf(text, size,
           "the network is %stold which rows belong to edges and nodes with the same "
           "id\n%s",
           told ? "" : "not ",
           form == PAL_FORM_TRANSITION
               ? "a program that runs Edmonds and Karp's algorithm labels the training states\n"
           : m->maker.trace ? "the answer replays the edits of the trace, each with the number of "
                              "its row\n"
                            : "");
}

static const pal_report_column report[] = {
    {"minimum", "the graph without a minimum cut, whichever of several", PAL_REPORT_SHARE, minimum,
     NULL},
    {"valid", "edges of the graph in their order, and the form of an answer", PAL_REPORT_SHARE,
     pal_report_valid, NULL},
    {"kept", "what is given still stands", PAL_REPORT_SHARE, pal_report_kept, NULL},
};

const pal_task_definition pal_task_mincut = {
    .abi_size = sizeof(pal_task_definition),
    .name = "mincut",
    .doc = "Edit a graph until its minimum cut is gone. Lines of a data file: source, target and "
           "edges, as in 5 9 5>12 12>9",
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(mincut_settings),
    .open = mincut_open,
    .close = mincut_close,
    .stream = mincut_stream,
    .validation = mincut_stream,
    .set_name = mincut_set_name,
    .set_size = mincut_set_size,
    .instance = mincut_instance,
    .answer_room = mincut_answer_room,
    .step_cap = mincut_step_cap,
    .score = mincut_score,
    .read = mincut_read,
    .write = mincut_write,
    .print = mincut_print,
    .diagram = mincut_diagram,
    .traits = mincut_traits,
    .step_right = mincut_step_right,
    .notes = mincut_notes,
    .report = report,
    .n_report = sizeof report / sizeof *report,
};
