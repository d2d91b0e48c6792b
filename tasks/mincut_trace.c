/* SPDX-License-Identifier: Apache-2.0 */
/* The task mincut: labels of states, by which graphs are edited (floor 5).
 *
 * The trace is Edmonds and Karp's algorithm. All labels of a pass are decided from the old tokens,
 * so that they are a function of the state, and every condition is about the tokens of one edge or
 * node, about what stands at a node that it names, or whether a token occurs at all:
 *
 *   grow     ( u v ) becomes ( u v OPEN CLOSED ), and ( id ) becomes ( id NEW id ), or
 *            ( id FRONT id ) for the source: three passes.
 *   search   Four passes for each layer. The status of FRONT nodes and the open slots that lead
 *            away from them become masks; then the slots become LIT; then the status becomes OLD,
 *            while status and parent of NEW nodes to which a LIT slot leads become masks; then
 *            these get an id from which a LIT slot leads as parent, the smallest unless the
 *            state has a `choice`, and the status
 *            FRONT, or PATH for the target.
 *   path     As soon as there is a PATH node: OLD becomes PATH, by way of a mask, where it is the
 *            parent of a PATH node. The slots of the edge between the two are swapped meanwhile,
 *            one after the other: LIT CLOSED, M CLOSED, CLOSED M, CLOSED OPEN.
 *   reset    When the source is on the path, nodes that are not NEW and LIT slots become as they
 *            were.
 *   cut      When no FRONT is left, DONE is appended. Then all slots, all status and parents, and
 *            the edges from an OLD node to a NEW one become masks, and all masks are removed. */
#include <string.h>

#include "src/alloc.h"
#include "tasks/mincut.h"

enum {
  MASK = PAL_MINCUT_MASK,
  OPEN = PAL_MINCUT_OPEN,
  CLOSED = PAL_MINCUT_CLOSED,
  LIT = PAL_MINCUT_LIT,
  NEW = PAL_MINCUT_NEW,
  FRONT = PAL_MINCUT_FRONT,
  OLD = PAL_MINCUT_OLD,
  PATH = PAL_MINCUT_PATH,
  HEADER = 6 /* PROMPT SRC s TGT t GRAPH */
};

pal_status pal_mincut_state_init(pal_mincut_state *s, int room, pal_error *error) {
  const size_t n = (size_t)room;
  *s = (pal_mincut_state){.room = room,
                          .token = pal_alloc(n * sizeof *s->token),
                          .next = pal_alloc(n * sizeof *s->next),
                          .y = pal_alloc(n * sizeof *s->y),
                          .remask = pal_alloc(n),
                          .insert = pal_alloc(n),
                          .remove = pal_alloc(n)};
  if (s->token && s->next && s->y && s->remask && s->insert && s->remove) return PAL_OK;
  pal_mincut_state_free(s);
  return pal_fail(error, PAL_E_MEMORY, "no memory for a state of %d rows", room);
}

void pal_mincut_state_free(pal_mincut_state *s) {
  pal_free(s->token);
  pal_free(s->next);
  pal_free(s->y);
  pal_free(s->remask);
  pal_free(s->insert);
  pal_free(s->remove);
  *s = (pal_mincut_state){.room = 0};
}

/* ---- reading a state --------------------------------------------------------------------- */

/* What stands between two brackets: its first row, and its tokens. */
typedef struct record {
  int at, n;
} record;

typedef struct node {
  record in;
  int32_t status, parent; /* -1: not there yet */
  bool claimed;           /* reached by a FRONT node, or next on the path */
  int32_t from;           /* id from which the search has come; PAL_MINCUT_IDS: none */
  uint32_t candidates;    /* how many there are */
} node;

typedef struct view {
  const int32_t *x;
  int edges, nodes, end; /* records; row of END */
  record edge[PAL_MINCUT_EDGES];
  int32_t id[PAL_MINCUT_IDS];    /* [nodes] */
  node node[PAL_MINCUT_IDS + 1]; /* by id; the last one stands for tokens that are no ids */
} view;

static bool occurs(const pal_mincut_state *s, int32_t token) {
  for (int i = HEADER; i < s->n; i++)
    if (s->token[i] == token) return true;
  return false;
}

static node *node_of(view *v, int32_t token) {
  return &v->node[pal_mincut_is_id(token) ? token : PAL_MINCUT_IDS];
}

/* The record at row `at`, which begins with `ids` ids and has at most two tokens more. */
static bool read_record(const pal_mincut_state *s, int at, int ids, record *r) {
  *r = (record){at + 1, 0};
  if (s->token[at] != PAL_MINCUT_LEFT) return false;
  while (r->at + r->n < s->n && s->token[r->at + r->n] != PAL_MINCUT_RIGHT) r->n++;
  if (r->at + r->n == s->n || r->n < ids || r->n > ids + 2) return false;
  for (int i = 0; i < ids; i++)
    if (!pal_mincut_is_id(s->token[r->at + i])) return false;
  return true;
}

static bool read_view(const pal_mincut_state *s, view *v) {
  const int32_t *x = s->token;
  int at = HEADER;
  *v = (view){.x = x};
  if (s->n < HEADER + 2 || !pal_mincut_is_id(x[2]) || !pal_mincut_is_id(x[4])) return false;
  for (; at < s->n && x[at] != PAL_MINCUT_NODES; v->edges++) {
    if (v->edges == PAL_MINCUT_EDGES || !read_record(s, at, 2, &v->edge[v->edges])) return false;
    at = v->edge[v->edges].at + v->edge[v->edges].n + 1;
  }
  for (at++; at < s->n && x[at] != PAL_MINCUT_END; v->nodes++) {
    record r;
    if (v->nodes == PAL_MINCUT_IDS || !read_record(s, at, 1, &r)) return false;
    v->id[v->nodes] = x[r.at];
    *node_of(v, x[r.at]) = (node){.in = r,
                                  .status = r.n > 1 ? x[r.at + 1] : -1,
                                  .parent = r.n > 2 ? x[r.at + 2] : -1,
                                  .from = PAL_MINCUT_IDS};
    at = r.at + r.n + 1;
  }
  v->end = at;
  return at < s->n;
}

/* ---- labels ------------------------------------------------------------------------------ */

static void write_row(pal_mincut_state *s, int row, int32_t y) {
  s->y[row] = y;
  s->remask[row] = 0;
}

/* A slot that is a mask, where `other` is the other slot of its edge and `tail` the node from which
 * it leads. */
static int32_t slot_of(int32_t other, const node *tail) {
  if (other != CLOSED) return CLOSED;
  return tail->status == MASK && pal_mincut_is_id(tail->parent) ? LIT : OPEN;
}

/* Edges without slots get them. On a path, slots are swapped; else they are written. */
static void label_slots(pal_mincut_state *s, view *v, record edge, bool path) {
  const int first = edge.at + 2, second = edge.at + 3;
  const int32_t *x = s->token;
  if (edge.n == 2) s->insert[edge.at + 1] = 1;
  else if (edge.n == 3) write_row(s, first, OPEN), s->insert[first] = 1;
  else if (path && x[first] == MASK) {
    write_row(s, first, x[second] == CLOSED ? CLOSED : OPEN);
    s->remask[second] = 1;
  } else if (path && x[second] == MASK) write_row(s, second, x[first] == CLOSED ? OPEN : CLOSED);
  else if (x[first] == MASK) write_row(s, first, slot_of(x[second], node_of(v, x[edge.at])));
  else if (x[second] == MASK) write_row(s, second, slot_of(x[first], node_of(v, x[edge.at + 1])));
}

/* The search over one direction of an edge, by the slot in that row. */
static void follow(pal_mincut_state *s, view *v, int32_t from, int32_t to, int row) {
  const node *a = node_of(v, from);
  node *b = node_of(v, to);
  s->remask[row] |= s->token[row] == OPEN && a->status == FRONT && pal_mincut_is_id(a->parent);
  if (s->token[row] != LIT) return;
  if (b->status == NEW) b->claimed = true;
  if (b->status != MASK || b->parent != MASK) return;
  b->candidates++;
  if (s->given && b->from == s->given[b->in.at + 2]) return;
  if (s->given && from == s->given[b->in.at + 2]) b->from = from;
  else if (s->choice ? pal_rng_below(s->choice, b->candidates) == 0 : from < b->from)
    b->from = from;
}

/* Nodes on which other nodes have an effect, and slots that change. */
static void look_around(pal_mincut_state *s, view *v, bool path, bool reset) {
  for (int e = 0; e < v->edges; e++) {
    const record edge = v->edge[e];
    const int32_t *x = v->x + edge.at;
    for (int k = 0; k < 2 && edge.n == 4; k++) {
      const int row = edge.at + 2 + k;
      const node *later = node_of(v, x[1 - k]);
      node *earlier = node_of(v, x[k]);
      if (!path) follow(s, v, x[k], x[1 - k], row);
      s->remask[row] |= reset && s->token[row] == LIT;
      if (later->status != PATH || later->parent != x[k] || earlier->status != OLD) continue;
      earlier->claimed = true;
      s->remask[edge.at + 2] = 1;
    }
  }
}

/* Whether a slot is a mask. */
static bool slots_are_masks(const view *v) {
  for (int e = 0; e < v->edges; e++)
    for (int i = 2; i < v->edge[e].n; i++)
      if (v->x[v->edge[e].at + i] == MASK) return true;
  return false;
}

/* A node whose status is a mask. */
static void label_masked(pal_mincut_state *s, const view *v, const node *a, bool path) {
  const int row = a->in.at + 1;
  const int32_t id = v->x[a->in.at];
  const bool source = id == v->x[2], found = pal_mincut_is_id(a->from);
  if (a->parent >= 0 && a->parent != MASK) {
    if (path || !slots_are_masks(v)) write_row(s, row, path ? PATH : OLD);
    return;
  }
  write_row(s, row, source ? FRONT : !found ? NEW : id == v->x[4] ? PATH : FRONT);
  if (a->parent < 0) s->insert[row] = 1;
  else write_row(s, row + 1, found ? a->from : id);
}

static void label_node(pal_mincut_state *s, view *v, int32_t id, bool path, bool reset) {
  const node *a = node_of(v, id);
  const int row = a->in.at + 1;
  if (a->status < 0) s->insert[row - 1] = 1;
  else if (a->status == MASK) label_masked(s, v, a, path);
  else if (a->parent == MASK) write_row(s, row + 1, id);
  else if (reset) s->remask[row] = s->remask[row + 1] = a->status != NEW;
  else if (path) s->remask[row] = a->claimed;
  else {
    s->remask[row] = a->status == FRONT || a->claimed;
    s->remask[row + 1] = a->claimed;
  }
}

/* The last two passes: what is not part of the answer becomes a mask. */
static void label_cut(pal_mincut_state *s, view *v) {
  for (int e = 0; e < v->edges; e++) {
    const record r = v->edge[e];
    const bool cut =
        node_of(v, v->x[r.at])->status == OLD && node_of(v, v->x[r.at + 1])->status == NEW;
    for (int i = cut ? -1 : 2; i < r.n + cut; i++) s->remask[r.at + i] = 1;
  }
  for (int k = 0; k < v->nodes; k++) {
    const record r = node_of(v, v->id[k])->in;
    for (int i = 1; i < r.n; i++) s->remask[r.at + i] = 1;
  }
}

bool pal_mincut_label(pal_mincut_state *s) {
  const bool masks = occurs(s, MASK), done = occurs(s, PAL_MINCUT_DONE);
  const bool path = occurs(s, PATH), front = occurs(s, FRONT);
  view v;
  for (int i = 0; i < s->n; i++) {
    s->y[i] = -1;
    s->insert[i] = 0;
    s->remove[i] = s->token[i] == MASK && done;
    s->remask[i] = s->token[i] == MASK && !done; /* until it is written below */
  }
  if (done && masks) return true;
  if (!read_view(s, &v)) return false;
  if (done) {
    label_cut(s, &v);
    return true;
  }
  if (v.end + 1 < s->n) write_row(s, v.end + 1, PAL_MINCUT_DONE);
  const bool reset = path && node_of(&v, v.x[2])->status == PATH;
  look_around(s, &v, path, reset);
  for (int e = 0; e < v.edges; e++) label_slots(s, &v, v.edge[e], path);
  for (int k = 0; k < v.nodes; k++) label_node(s, &v, v.id[k], path, reset);
  const bool grown = v.nodes > 0 && node_of(&v, v.id[0])->parent >= 0;
  if (grown && !masks && !front && !path) s->insert[v.end] = 1;
  return true;
}

pal_transition pal_mincut_transition(const pal_mincut_state *s) {
  return (pal_transition){.state = s->token,
                          .y = s->y,
                          .remask = s->remask,
                          .insert = s->insert,
                          .remove = s->remove,
                          .n = s->n};
}

bool pal_mincut_advance(pal_mincut_state *s) {
  const pal_transition step = pal_mincut_transition(s);
  const int n = pal_transition_apply(&step, MASK, s->next, s->room);
  const bool same = n == s->n && memcmp(s->next, s->token, sizeof *s->next * (size_t)n) == 0;
  int32_t *old = s->token;
  if (n > s->room) return false;
  s->token = s->next;
  s->next = old;
  s->n = n;
  return !same;
}

bool pal_mincut_step_right(pal_mincut_state *s, const int32_t *next, int n) {
  s->given = n == s->n ? next : NULL; /* a step that writes parents does nothing else */
  bool right = pal_mincut_label(s);
  s->given = NULL;
  if (!right) return false;
  const pal_transition step = pal_mincut_transition(s);
  return n <= s->room && pal_transition_apply(&step, MASK, s->next, s->room) == n &&
         memcmp(next, s->next, sizeof *next * (size_t)n) == 0;
}
