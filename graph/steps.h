/* SPDX-License-Identifier: Apache-2.0 */
/* Steps: op nodes as the planner and the executor see them (floor 1).
 *
 * A unit is one phase of one step. Units are grouped into stages with a barrier between
 * them. In a stage, row units over the same symbol form one chain that is run chunk of rows by
 * chunk of rows; every other unit stands alone. Times of the memory plan are stages. */
#ifndef PAL_GRAPH_STEPS_H
#define PAL_GRAPH_STEPS_H

#include "graph/internal.h"

typedef enum pal_place {
  PAL_PLACE_NONE,
  PAL_PLACE_ARENA,
  PAL_PLACE_CONSTANT,
  PAL_PLACE_INPUT,      /* present buffer of an input */
  PAL_PLACE_INPUT_NEXT, /* what a looped input becomes */
  PAL_PLACE_VARIABLE,   /* present contents */
  PAL_PLACE_VARIABLE_NEXT
} pal_place;

/* Where a value's bytes are. Views and in-place results share the storage of what they alias. */
typedef struct pal_storage {
  pal_place place;
  uint32_t index;  /* input or variable number; constant: node id */
  size_t bytes;    /* at capacity */
  size_t offset;   /* in the arena */
  int first, last; /* stages in which it is alive */
} pal_storage;

typedef struct pal_step {
  uint32_t node;
  int phases;
  int stage[PAL_MAX_PHASES];
  int order;      /* place in the execution order */
  size_t scratch; /* offset in the arena */
  size_t scratch_bytes;
  int last_stage;
  bool keeps;  /* its first phase makes of weights alone what is in its scratch */
  size_t kept; /* then: offset among what a held instance keeps */
} pal_step;

typedef struct pal_unit {
  int step, phase;
} pal_unit;

/* What is claimed by workers in a stage: a chain of row units, or one unit. */
typedef struct pal_item {
  int first_unit, n_units; /* in plan->unit */
  uint16_t symbol;         /* of a chain; 0 for static rows or tasks */
  bool rows;               /* row units: ranges are rows */
  int64_t chunk;           /* rows of a range */
} pal_item;

typedef struct pal_stage {
  int first_item, n_items;
  bool binds; /* some unit is of an op that binds a symbol */
} pal_stage;

/* A named slot: an input or a variable of the plan. */
typedef struct pal_slot {
  const char *name;
  uint32_t value;         /* the leaf's value id */
  pal_variable *variable; /* variables only */
  uint32_t next;          /* storage of its next contents, 0 when it does not change */
  uint32_t copy;   /* storage to copy next contents from at the end of the run, 0: made in place */
  uint32_t looped; /* inputs: id of the value it becomes, or 0 */
  size_t bytes;    /* of each of its buffers */
} pal_slot;

struct pal_plan {
  pal_graph *graph;              /* rewritten; owned */
  uint32_t *storage_of;          /* per value */
  PAL_LIST(pal_storage) storage; /* 0: none */
  PAL_LIST(pal_step) step;
  PAL_LIST(pal_unit) unit;
  PAL_LIST(pal_item) item;
  PAL_LIST(pal_stage) stage;
  PAL_LIST(pal_slot) input, variable;
  pal_plan_stats stats;
  int64_t chunk; /* rows of every range instead of the items' own; 0: theirs (for checks) */
  size_t guard;  /* unused bytes after each block of the arena, which is never shared then */
  double serial_seconds; /* estimate at capacity, to decide whether a team pays */
};

/* Rows and types of a node at capacity in a run struct without data. */
typedef struct pal_shape_rows {
  pal_type in_type[PAL_MAX_INPUTS], out_type[PAL_MAX_OUTPUTS];
  int64_t in_rows[PAL_MAX_INPUTS], out_rows[PAL_MAX_OUTPUTS];
} pal_shape_rows;
void pal_node_at_capacity(const pal_graph *graph, const pal_node *node, pal_shape_rows *shapes,
                          pal_run *run);
int pal_op_phases(const pal_op *op);

/* Runs every phase of a static node on the calling thread. */
pal_status pal_node_run_whole(const pal_graph *graph, const pal_node *node, const void *const *in,
                              void *const *out, pal_error *error);

/* pal_compile, with `guard` unused bytes behind every result and scratch in the arena, none of
 * which share their place: whoever writes too far writes there (for checks). */
pal_plan *pal_compile_guarded(pal_graph *graph, size_t guard, pal_error *error);

/* Passes of pal_compile, in this order, each with the check of what it has made. */
pal_status pal_plan_stages(pal_plan *plan, pal_error *error);
pal_status pal_verify_stages(const pal_plan *plan, pal_error *error);
pal_status pal_plan_memory(pal_plan *plan, pal_error *error);
pal_status pal_verify_memory(const pal_plan *plan, pal_error *error);
/* Finds what a held instance keeps. */
void pal_plan_keep(pal_plan *plan);
#endif
