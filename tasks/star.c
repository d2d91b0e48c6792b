/* SPDX-License-Identifier: Apache-2.0 */
/* Task star: the path through a star graph (floor 5). See star.h.
 *
 * Rows: u v for every edge, SOURCE s GOAL g PATH, then the path. Models that answer write the path
 * and an eos behind the prompt. Edit models begin with the path's two ends, s and g, behind it.
 * Where nodes are missing between two that are there, a mask is inserted, and then becomes any of
 * the missing ones: the order of insertion is random, as in Insertion Language Models (Patel et
 * al., arXiv 2505.05755). In the whole path nothing is inserted, so that the end is taught. */
#include <palimpsest/task.h>

#include <stdio.h>
#include <string.h>

#include "src/alloc.h"
#include "src/file.h"
#include "tasks/counted.h"
#include "tasks/star.h"

enum { SOURCE, GOAL, PATH, EOS, MASK, MARKS }; /* behind the ids */
enum { MOST_ROWS = 2 * PAL_STAR_EDGES + 5 + 2 * PAL_STAR_NODES };

typedef struct star_settings {
  int level;
  int64_t graphs, tests, degree, shortest, longest, ids;
  uint64_t seed, test_seed;
} star_settings;
enum { EASY, MEDIUM, HARD };
/* Of Patel et al.: medium and hard have their junction anywhere. */
static const pal_star_kind levels[] = {
    {3, 5, 5, 20, true}, {3, 3, 6, 20, false}, {5, 6, 12, 56, false}};

static const pal_setting settings[] = {
    PAL_SET_CHOICE(
        star_settings, level, "easy", "easy medium hard",
        "size of the graphs: easy, 3 arms of 5 nodes from the source on, 20 ids; medium, "
        "3 arms of 3 to 6 nodes that meet anywhere, 20 ids; hard, 5 arms of 6 to 12, 56 "
        "ids",
        PAL_KEPT_BY_WEIGHTS),
    PAL_SET_WHOLE(star_settings, graphs, "50000", 0, 1 << 30,
                  "number of training graphs; 0: a new one for every example"),
    PAL_SET_WHOLE(star_settings, tests, "5000", 1, 1e6, "number of evaluated graphs",
                  PAL_KEPT_BY_NONE),
    PAL_SET_WHOLE(star_settings, degree, "0", 0, 64, "number of arms; 0: that of the level",
                  PAL_KEPT_BY_WEIGHTS),
    PAL_SET_WHOLE(star_settings, shortest, "0", 0, 128,
                  "fewest nodes of an arm; 0: that of the level", PAL_KEPT_BY_WEIGHTS),
    PAL_SET_WHOLE(star_settings, longest, "0", 0, 128, "most nodes of an arm; 0: that of the level",
                  PAL_KEPT_BY_WEIGHTS),
    PAL_SET_WHOLE(star_settings, ids, "0", 0, PAL_STAR_IDS,
                  "node ids from which those of a graph are drawn; 0: that of the level",
                  PAL_KEPT_BY_WEIGHTS),
    PAL_SET_SEED(star_settings, seed, "1", "seed of the training graphs"),
    PAL_SET_SEED(star_settings, test_seed, "2026", "seed of the evaluated graphs",
                 PAL_KEPT_BY_NONE),
};

/* One graph as rows; arrays of the examples point in here. */
typedef struct board {
  pal_star star;
  int32_t row[MOST_ROWS], y[MOST_ROWS];
  uint8_t remask[MOST_ROWS], insert[MOST_ROWS], remove[MOST_ROWS];
} board;

typedef struct task {
  pal_star_kind kind;
  board board; /* of the last instance */
} task;

/* ---- rows ------------------------------------------------------------------------------------ */

/* Writes the prompt without the path; returns its rows. */
static int lay_out(const pal_star *star, int ids, int32_t *row) {
  int n = 0;
  for (int e = 0; e < star->edges; e++) {
    row[n++] = star->from[e];
    row[n++] = star->to[e];
  }
  row[n++] = ids + SOURCE;
  row[n++] = star->source;
  row[n++] = ids + GOAL;
  row[n++] = star->goal;
  row[n++] = ids + PATH;
  return n;
}

/* The example of the board's graph. */
static void finish(board *b, const pal_star_kind *kind, pal_form form, uint64_t id,
                   pal_example *example) {
  int n = lay_out(&b->star, kind->ids, b->row);
  *example = (pal_example){.id = id, .prompt = b->row};
  if (form == PAL_FORM_TRANSITION) {
    b->row[n++] = b->star.source;
    b->row[n++] = b->star.goal;
  } else {
    example->answer = b->star.path;
    example->n_answer = b->star.nodes;
    example->answer_room = (b->star.nodes > kind->longest ? b->star.nodes : kind->longest) + 1;
  }
  example->n_prompt = n;
}

/* A state on the way to the path and its labels: each node between the ends is there or missing;
 * where some are missing there is no mask yet, or one, which becomes any of them. */
static void draw_state(board *b, int ids, pal_rng *rng, uint64_t id, pal_example *example) {
  const pal_star *star = &b->star;
  int n = lay_out(star, ids, b->row), inner = star->nodes - 2;
  const bool masked = pal_rng_below(rng, 2);
  int missing = (int)pal_rng_below(rng, (uint32_t)inner + 1), gap = 0;
  for (int i = 0; i < MOST_ROWS; i++) b->y[i] = -1;
  memset(b->remask, 0, sizeof b->remask);
  memset(b->remove, 0, sizeof b->remove);
  memset(b->insert, 0, sizeof b->insert);
  for (int i = 0; i < star->nodes; i++) {
    const bool between = i > 0 && i < star->nodes - 1;
    if (between && (int)pal_rng_below(rng, (uint32_t)inner--) < missing) {
      missing--;
      gap++;
      continue;
    }
    if (gap && masked) {
      b->row[n] = ids + MASK;
      b->y[n++] = star->path[i - 1 - (int)pal_rng_below(rng, (uint32_t)gap)];
    } else if (gap) {
      b->insert[n - 1] = 1;
    }
    gap = 0;
    b->row[n++] = star->path[i];
  }
  *example = (pal_example){.id = id,
                           .transition = {.state = b->row,
                                          .y = b->y,
                                          .remask = b->remask,
                                          .insert = b->insert,
                                          .remove = b->remove,
                                          .n = n}};
}

/* ---- training -------------------------------------------------------------------------------- */

typedef struct stream {
  board board;
  pal_star_kind kind;
  pal_form form;
  int64_t graphs;
  const char *graph; /* keys the draws of graphs, with graph_seed */
  uint64_t seed, graph_seed;
  pal_counted at;
} stream;

static void draw_graph(const pal_star_kind *kind, const char *path, uint64_t seed, uint64_t number,
                       pal_star *star) {
  pal_rng rng = pal_rng_new(seed, path, 0, number);
  pal_star_make(kind, &rng, star);
}

static pal_status stream_next(void *self, pal_example *example, pal_error *error) {
  stream *s = self;
  const uint64_t id = s->at.next++;
  (void)error;
  pal_rng rng = pal_rng_new(s->seed, "star.train", 0, id);
  const uint64_t number = s->graphs ? pal_rng_below(&rng, (uint32_t)s->graphs) : id;
  draw_graph(&s->kind, s->graph, s->graph_seed, number, &s->board.star);
  if (s->form == PAL_FORM_TRANSITION) draw_state(&s->board, s->kind.ids, &rng, id, example);
  else finish(&s->board, &s->kind, s->form, id, example);
  return PAL_OK;
}

static size_t stream_save(const void *self, void *state, size_t room) {
  return pal_counted_save(&((const stream *)self)->at, state, room);
}

static pal_status stream_load(void *self, const void *state, size_t bytes, pal_error *error) {
  return pal_counted_load(&((stream *)self)->at, "star", state, bytes, error);
}

/* A stream of that many graphs; 0: each example has one of its own. */
static pal_status stream_of(pal_task *t, pal_form form, int64_t graphs, const char *graph,
                            uint64_t seed, pal_stream *out, pal_error *error) {
  const star_settings *own = pal_task_own(t);
  const pal_star_kind *kind = &((const task *)pal_task_self(t))->kind;
  if (form == PAL_FORM_REASONED)
    return pal_fail(error, PAL_E_UNSUPPORTED, "star has no reasoning before its answer");
  stream *s = pal_calloc(1, sizeof *s);
  if (!s) return pal_fail(error, PAL_E_MEMORY, "no memory for a stream");
  *s = (stream){.kind = *kind,
                .form = form,
                .graphs = graphs,
                .graph = graph,
                .seed = seed,
                .graph_seed = own->seed};
  const uint64_t of[] = {form,
                         (uint64_t)graphs,
                         own->seed,
                         (uint64_t)kind->degree,
                         (uint64_t)kind->shortest,
                         (uint64_t)kind->longest,
                         (uint64_t)kind->ids,
                         kind->centre};
  s->at.of = pal_hash64(of, sizeof of);
  *out = (pal_stream){s, stream_next, stream_save, stream_load, pal_free};
  return PAL_OK;
}

static pal_status open_stream(pal_task *t, pal_form form, uint64_t seed, pal_stream *out,
                              pal_error *error) {
  const star_settings *own = pal_task_own(t);
  return stream_of(t, form, own->graphs, "star.graph", seed, out, error);
}

static pal_status open_validation(pal_task *t, pal_form form, uint64_t seed, pal_stream *out,
                                  pal_error *error) {
  return stream_of(t, form, 0, "star.valid", seed, out, error);
}

static int64_t train_size(const pal_task *t) {
  return ((const star_settings *)pal_task_own(t))->graphs;
}

static pal_status train_instance(pal_task *t, int64_t i, pal_form form, pal_example *example,
                                 pal_error *error) {
  task *self = pal_task_self(t);
  (void)error;
  draw_graph(&self->kind, "star.graph", ((const star_settings *)pal_task_own(t))->seed, (uint64_t)i,
             &self->board.star);
  finish(&self->board, &self->kind, form, (uint64_t)i, example);
  return PAL_OK;
}

/* ---- the task -------------------------------------------------------------------------------- */

static pal_status open_task(pal_task *t, pal_error *error) {
  const star_settings *own = pal_task_own(t);
  task *self = pal_calloc(1, sizeof *self);
  if (!self) return pal_fail(error, PAL_E_MEMORY, "no memory for a star graph");
  pal_task_set_self(t, self);
  pal_star_kind *kind = &self->kind;
  *kind = levels[own->level];
  if (own->degree) kind->degree = (int)own->degree;
  if (own->shortest) kind->shortest = (int)own->shortest;
  if (own->longest) kind->longest = (int)own->longest;
  if (own->ids) kind->ids = (int)own->ids;
  if (kind->shortest < 2 || kind->shortest > kind->longest)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "star: an arm has 2 nodes or more, and shortest=%d is at most longest=%d",
                    kind->shortest, kind->longest);
  if (pal_star_most_edges(kind) > PAL_STAR_EDGES)
    return pal_fail(error, PAL_E_ARGUMENT, "star: %d arms of %d nodes have more than %d edges",
                    kind->degree, kind->longest, PAL_STAR_EDGES);
  if (pal_star_most_nodes(kind) > kind->ids)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "star: %d arms of %d nodes have up to %d nodes, more than ids=%d", kind->degree,
                    kind->longest, pal_star_most_nodes(kind), kind->ids);
  const pal_format format = {.vocabulary = kind->ids + MARKS,
                             .mask = kind->ids + MASK,
                             .bos = -1,
                             .eos = kind->ids + EOS,
                             .context = 2 * pal_star_most_edges(kind) + 5 + 2 * kind->longest,
                             /* structure=names: rows with the same id; edges have no brackets */
                             .names = kind->ids,
                             .record = {kind->ids + SOURCE, kind->ids + GOAL}};
  pal_task_set_format(t, &format);
  return PAL_OK;
}

static void close_task(pal_task *t) { pal_free(pal_task_self(t)); }

static const char *set_name(const pal_task *t, int set) {
  static const char *const name[] = {"easy", "medium", "hard"};
  return set == 0 ? name[((const star_settings *)pal_task_own(t))->level] : NULL;
}

static int set_size(const pal_task *t, int set) {
  (void)set;
  return (int)((const star_settings *)pal_task_own(t))->tests;
}

static pal_status instance(pal_task *t, int set, int i, pal_form form, pal_example *example,
                           pal_error *error) {
  task *self = pal_task_self(t);
  (void)set, (void)error;
  draw_graph(&self->kind, "star.test", ((const star_settings *)pal_task_own(t))->test_seed,
             (uint64_t)i, &self->board.star);
  finish(&self->board, &self->kind, form, (uint64_t)i, example);
  return PAL_OK;
}

static int answer_room(const pal_task *t, const pal_example *e, pal_form form) {
  (void)t;
  return form == PAL_FORM_TRANSITION ? 0 : e->answer_room;
}

/* A path that is written one node at a time, two passes for each. */
static int step_cap(const pal_task *t, const pal_example *e, pal_form form) {
  (void)e, (void)form;
  return 2 * ((const task *)pal_task_self(t))->kind.longest + 4;
}

/* ---- judging, reading, printing ---------------------------------------------------------- */

/* The graph of a prompt; returns the row behind PATH, or 0 if it is no prompt. */
static int graph_of(const int32_t *row, int n, int ids, pal_star *star) {
  int at = 0;
  star->edges = 0;
  while (at + 1 < n && row[at] < ids && star->edges < PAL_STAR_EDGES) {
    star->from[star->edges] = row[at++];
    star->to[star->edges++] = row[at++];
  }
  if (at + 5 > n || row[at] != ids + SOURCE || row[at + 4] != ids + PATH) return 0;
  star->source = row[at + 1];
  star->goal = row[at + 3];
  return at + 5;
}

static bool joined(const pal_star *star, int32_t from, int32_t to) {
  for (int e = 0; e < star->edges; e++)
    if (star->from[e] == from && star->to[e] == to) return true;
  return false;
}

/* valid: a walk along edges from source to goal, which is what a path is. exact: the path that a
 * search finds, so that no answer of the generator is trusted. */
static pal_score score(const pal_task *t, const pal_example *e, pal_form form, const int32_t *token,
                       int n) {
  const int ids = ((const task *)pal_task_self(t))->kind.ids;
  pal_star star;
  const int before = graph_of(e->prompt, e->n_prompt, ids, &star);
  (void)form;
  pal_score s = {.kept = before > 0 && n >= before &&
                         memcmp(token, e->prompt, sizeof *token * (size_t)before) == 0};
  if (!s.kept || n - before < 2) return s;
  const int32_t *path = token + before;
  const int nodes = n - before;
  s.valid = path[0] == star.source && path[nodes - 1] == star.goal;
  for (int i = 1; i < nodes; i++) s.valid = s.valid && joined(&star, path[i - 1], path[i]);
  s.exact = s.valid && pal_star_solve(&star) == nodes &&
            memcmp(path, star.path, sizeof *path * (size_t)nodes) == 0;
  return s;
}

static pal_status read(pal_task *t, const char *line, pal_form form, uint64_t id,
                       pal_example *example, pal_error *error) {
  task *self = pal_task_self(t);
  *example = (pal_example){.id = id};
  if (!line[strspn(line, " \t")] || line[0] == '#') return PAL_OK;
  const pal_status status = pal_star_read(line, self->kind.ids, pal_star_most_edges(&self->kind),
                                          &self->board.star, error);
  if (!status) finish(&self->board, &self->kind, form, id, example);
  return status;
}

static size_t write(const pal_task *t, const pal_example *e, pal_form form, char *text,
                    size_t size) {
  pal_star star;
  (void)form;
  if (size) text[0] = 0;
  if (!graph_of(e->prompt, e->n_prompt, ((const task *)pal_task_self(t))->kind.ids, &star))
    return 0;
  return pal_star_write(&star, text, size);
}

/* A token by itself: "5", "from". */
static size_t word(const pal_task *t, int32_t token, char *text, size_t size) {
  static const char *const mark[] = {"from", "to", "path", "$", "_"};
  const int ids = ((const task *)pal_task_self(t))->kind.ids;
  if (token >= 0 && token < ids) return (size_t)snprintf(text, size, "%d", token);
  const bool known = token >= ids && token < ids + MARKS;
  return (size_t)snprintf(text, size, "%s", known ? mark[token - ids] : "?");
}

/* "3>5 5>7 from 3 to 7 path 3 5 7". */
static size_t print(const pal_task *t, const int32_t *token, int n, char *text, size_t size) {
  static const char *const mark[] = {"from ", " to ", " path", "$", " _"};
  const int ids = ((const task *)pal_task_self(t))->kind.ids;
  bool edges = true, path = false;
  size_t k = 0;
  if (size) text[0] = 0;
  for (int i = 0; i < n; i++) {
    char one[16];
    const int32_t x = token[i];
    edges = edges && x < ids;
    if (x < 0 || x >= ids + MARKS) snprintf(one, sizeof one, "?");
    else if (x >= ids) snprintf(one, sizeof one, "%s", mark[x - ids]);
    else
      snprintf(one, sizeof one, "%s%d%s", path ? " " : "", (int)x,
               !edges       ? ""
               : i % 2 == 0 ? ">"
                            : " ");
    path |= x == ids + PATH;
    const size_t more = strlen(one);
    if (k < size) snprintf(text + k, size - k, "%s", one);
    k += more;
  }
  return k;
}

static void notes(const pal_task *t, const pal_model *model, pal_form form, char *text,
                  size_t size) {
  const char *structure = pal_model_text(model, "structure");
  (void)t;
  snprintf(
      text, size, "%s%s",
      structure && strcmp(structure, "names") == 0
          ? "the network is told which rows hold the same id\n"
          : "",
      form == PAL_FORM_TRANSITION
          ? "the sequence begins with both ends of the path; states between them and the whole "
            "path, missing nodes in any order, are labelled from the known path\n"
          : "");
}

static const pal_report_column report[] = {
    {"valid", "edges from source to goal", PAL_REPORT_SHARE, pal_report_valid, NULL},
    {"kept", "the prompt still stands", PAL_REPORT_SHARE, pal_report_kept, NULL},
};

const pal_task_definition pal_task_star = {
    .abi_size = sizeof(pal_task_definition),
    .name = "star",
    .doc =
        "The path from source to goal in a star graph: directed arms that meet in one node. Lines "
        "of "
        "a data file: edges, then source and goal, 3>5 5>7 5>1 : 3 7.",
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(star_settings),
    .open = open_task,
    .close = close_task,
    .stream = open_stream,
    .validation = open_validation,
    .set_name = set_name,
    .set_size = set_size,
    .instance = instance,
    .answer_room = answer_room,
    .step_cap = step_cap,
    .score = score,
    .read = read,
    .write = write,
    .print = print,
    .word = word,
    .train_size = train_size,
    .train_instance = train_instance,
    .notes = notes,
    .report = report,
    .n_report = sizeof report / sizeof *report,
};
