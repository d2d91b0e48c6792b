/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations that the files of the task mincut share (floor 5).
 *
 * An instance is a directed graph without antiparallel edges, every edge of capacity 1, with a
 * source and a target that can be reached from it. The answer is the graph without its minimum cut,
 * the one closest to the source where there are several. */
#ifndef PAL_TASKS_MINCUT_H
#define PAL_TASKS_MINCUT_H

#include <palimpsest/task.h>

enum {
  PAL_MINCUT_IDS = 64, /* the pool of node ids, and so the most nodes */
  PAL_MINCUT_EDGES = PAL_MINCUT_IDS * (PAL_MINCUT_IDS - 1) / 2,
  PAL_MINCUT_LINE = 32 + 7 * PAL_MINCUT_EDGES + 3 * PAL_MINCUT_IDS /* a line of text, with NUL */
};

/* Tokens. Those below PAL_MINCUT_IDS are node ids. */
enum {
  PAL_MINCUT_MASK = PAL_MINCUT_IDS,
  PAL_MINCUT_EOS,    /* behind answers, appended by models */
  PAL_MINCUT_PROMPT, /* begin of sequence */
  PAL_MINCUT_SRC,    /* the source follows */
  PAL_MINCUT_TGT,    /* the target follows */
  PAL_MINCUT_GRAPH,  /* the edges follow */
  PAL_MINCUT_LEFT,   /* ( */
  PAL_MINCUT_RIGHT,  /* ) */
  PAL_MINCUT_NODES,  /* the nodes follow */
  PAL_MINCUT_END,    /* end of the instance */
  PAL_MINCUT_DONE,   /* the search is over, and the cut goes */
  PAL_MINCUT_OPEN,   /* slot of an edge: one more unit can flow in this direction */
  PAL_MINCUT_CLOSED,
  PAL_MINCUT_LIT,   /* open, and the node from which it leads is reached */
  PAL_MINCUT_NEW,   /* status of a node: not yet reached */
  PAL_MINCUT_FRONT, /* reached in the last step of the search */
  PAL_MINCUT_OLD,   /* reached earlier */
  PAL_MINCUT_PATH,  /* on the path from source to target, as far as it is known */
  PAL_MINCUT_VOCABULARY,
  /* Only with answer=trace: the edits of a pass as a text of tokens. */
  PAL_MINCUT_STEP = PAL_MINCUT_VOCABULARY, /* a pass begins */
  PAL_MINCUT_ERASE,                        /* the row becomes a mask */
  PAL_MINCUT_ADD,                          /* a mask is inserted behind the row */
  PAL_MINCUT_DROP,                         /* the mask is removed */
  PAL_MINCUT_RESULT,                       /* the edges that are left follow */
  PAL_MINCUT_ROW                           /* row 0 of the state, followed by rows 1, 2, ... */
};

/* Whether a token is a node id. */
static inline bool pal_mincut_is_id(int32_t token) { return token >= 0 && token < PAL_MINCUT_IDS; }

/* ---- graphs ------------------------------------------------------------------------------ */

typedef struct pal_mincut_graph {
  int n, m;                          /* nodes, edges */
  uint8_t source, target;            /* ids */
  uint8_t node[PAL_MINCUT_IDS];      /* [n] ids, in the order of the sequence */
  uint8_t edge[PAL_MINCUT_EDGES][2]; /* [m] from and to */
} pal_mincut_graph;

/* A number of edges: from `least` to `most`, or these times the number of nodes. most 0: from n - 1
 * to n (n - 1) / 2, which is what n nodes can have. */
typedef struct pal_mincut_range {
  int least, most;
  int times_nodes[2]; /* 1, not 0: whether least and most are per node */
} pal_mincut_range;
/* The most edges that a graph of n nodes gets by the range. */
int pal_mincut_most_edges(pal_mincut_range edges, int n);
/* Draws a graph of n nodes (2 or more) with ids below `ids`: nodes, source, target and edges at
 * random, under the condition that the target can be reached. */
void pal_mincut_draw(pal_rng *rng, int n, int ids, pal_mincut_range edges, pal_mincut_graph *graph);
/* Returns the value of a maximum flow by Ford and Fulkerson's method, with paths by depth-first
 * search, independently of the trace. `side` [PAL_MINCUT_IDS], by id: whether the node is reached
 * from the source in the residual graph. The edges from there to other nodes are a minimum cut, and
 * this set of nodes is the same for every maximum flow. */
int pal_mincut_solve(const pal_mincut_graph *graph, bool *side);
/* What a sequence leaves of a graph. */
typedef struct pal_mincut_verdict {
  bool subgraph; /* its edges are edges of the graph, in their order */
  bool minimum;  /* and they are the graph without a minimum cut */
  bool exact;    /* namely without the one closest to the source */
} pal_mincut_verdict;
/* Judges n edges, `left` [n] as pairs of ids. */
pal_mincut_verdict pal_mincut_verify(const pal_mincut_graph *graph, const uint8_t (*left)[2],
                                     int n);

/* ---- states ------------------------------------------------------------------------------ */

/* A state with its labels, in arrays for `room` rows. */
typedef struct pal_mincut_state {
  int room, n;
  int32_t *token, *next, *y;
  uint8_t *remask, *insert, *remove;
  /* Draws the parent of a node that the search reaches from several; NULL: the smallest id. */
  pal_rng *choice;
  /* [n] or NULL: where it is one of several, the parent that stands in this state is preferred. */
  const int32_t *given;
} pal_mincut_state;
pal_status pal_mincut_state_init(pal_mincut_state *state, int room, pal_error *error);
void pal_mincut_state_free(pal_mincut_state *state);
/* Sets the labels of the state, a function of its tokens, `choice` and `given`. False if it is
 * no state of a trace. */
bool pal_mincut_label(pal_mincut_state *state);
pal_transition pal_mincut_transition(const pal_mincut_state *state);
/* Whether `next` is what the labels of the state make of it, whichever parents they choose. */
bool pal_mincut_step_right(pal_mincut_state *state, const int32_t *next, int n);
/* Executes the labels. False if they change nothing: the trace is at its end. */
bool pal_mincut_advance(pal_mincut_state *state);

/* ---- sequences --------------------------------------------------------------------------- */

/* Rows of the first state, which is the prompt of every form; of the longest state; and of the last
 * state, of a graph with so many nodes and edges. */
int pal_mincut_prompt_rows(int n, int m);
int pal_mincut_state_rows(int n, int m);
/* Upper bound on the passes of a trace and on the tokens of a flat trace, its result included, for
 * a graph whose maximum flow is at most `flow`. */
int pal_mincut_most_passes(int n, int flow);
int pal_mincut_flat_rows(int n, int m, int flow);
/* An upper bound on the flow that is read off the prompt: edges that leave the source, or enter the
 * target. */
int pal_mincut_flow_bound(const pal_mincut_graph *graph);
/* Each writes tokens and returns their number: the first state, the last one, the edges left over
 * as `( u v ) ...`, and the whole trace as one text. `state` is scratch for the last. */
int pal_mincut_write_prompt(const pal_mincut_graph *graph, int32_t *token);
int pal_mincut_write_end(const pal_mincut_graph *graph, int32_t *token);
int pal_mincut_write_left(const pal_mincut_graph *graph, int32_t *token);
int pal_mincut_write_flat(const pal_mincut_graph *graph, pal_mincut_state *state, int32_t *token,
                          int room);
/* Reads the graph of a prompt that pal_mincut_write_prompt has written. */
void pal_mincut_read_prompt(const int32_t *token, int n, pal_mincut_graph *graph);
/* Reads n tokens as edges; returns their number, or -1 if the tokens have another form. */
int pal_mincut_read_edges(const int32_t *token, int n, uint8_t (*edge)[2]);
/* Whether n tokens have the form of a last state and have the source, target and nodes of the
 * graph; then its edges are read. */
bool pal_mincut_read_end(const pal_mincut_graph *graph, const int32_t *token, int n,
                         uint8_t (*edge)[2], int *n_edges);

/* ---- examples ---------------------------------------------------------------------------- */

/* Graphs to draw: each of one of these numbers of nodes, with ids below `ids`. Zero-initialise it,
 * since it is hashed. */
typedef struct pal_mincut_kind {
  int ids, sizes, n[PAL_MINCUT_IDS];
  int any_parent; /* 0 or 1: of several nodes any becomes the parent, not the smallest */
  pal_mincut_range edges;
} pal_mincut_kind;
/* The most rows that a state, a prompt and an answer with its end token take. */
typedef struct pal_mincut_rows {
  int state, prompt, answer;
} pal_mincut_rows;
pal_mincut_rows pal_mincut_rows_of(const pal_mincut_kind *kind, bool trace);
/* The rows of an answer for one graph; `trace`: the answer is the flat trace. */
int pal_mincut_answer_rows(bool trace, int n, int m, int flow);

/* A graph, with the arrays of the example that is made of it. */
typedef struct pal_mincut_maker {
  bool trace; /* answers are flat traces */
  pal_mincut_graph graph;
  pal_mincut_state state, kept; /* of the trace; the state that was chosen from it */
  int32_t *prompt, *answer;
  int answer_room; /* tokens allocated */
} pal_mincut_maker;
/* The maker must be freed, also on failure. */
pal_status pal_mincut_maker_init(pal_mincut_maker *maker, bool trace, pal_mincut_rows rows,
                                 pal_error *error);
void pal_mincut_maker_free(pal_mincut_maker *maker);
/* Makes the maker's graph an example with prompt and answer. Of edit models the prompt is the first
 * state, and the answer the last. */
pal_status pal_mincut_make(pal_mincut_maker *maker, pal_form form, uint64_t id,
                           pal_example *example, pal_error *error);
/* Opens an endless stream of training examples: random states of traces, or answers. */
pal_status pal_mincut_stream(const pal_mincut_kind *kind, bool trace, pal_form form, uint64_t seed,
                             pal_stream *stream, pal_error *error);

/* ---- text -------------------------------------------------------------------------------- */

/* Reads a line such as "5 9 5>12 12>9 5>9", see doc/mincut.md. PAL_E_FORMAT with what is wrong.
 * graph->n is 0 for an empty line and for a comment. */
pal_status pal_mincut_read_line(const char *line, pal_mincut_graph *graph, pal_error *error);
/* Writes such a line with its nodes: at most size - 1 characters and a NUL. Returns the length of
 * the whole line. */
size_t pal_mincut_write_line(const pal_mincut_graph *graph, char *text, size_t size);
/* Draws a state of an instance. `from`: where edges are read from, behind the prompt for answers
 * and 0 for states that are edited. */
void pal_mincut_diagram(const pal_mincut_graph *graph, const int32_t *token, int n, int from,
                        pal_diagram *diagram);
/* Writes tokens as text for people; size and result likewise. */
size_t pal_mincut_print(const int32_t *token, int n, char *text, size_t size);
#endif
