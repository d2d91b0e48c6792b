/* SPDX-License-Identifier: Apache-2.0 */
/* The plan's schedule: steps, units, items and stages (floor 1).
 *
 *   step   an op node that is scheduled (views are not: they are only another name of their input)
 *   unit   one phase of one step
 *   item   what workers claim ranges of: a chain of row units, or one unit that stands alone
 *   stage  items that may run at the same time; a barrier separates one stage from the next
 *
 *   stage 0              | stage 1                              | stage 2
 *   item: pack (tasks)   | item: chain over T                   | item: reduce (tasks)
 *                        |   rows 0..63    linear, gelu, add    |
 *   item: gather (rows)  |   rows 64..127  linear, gelu, add    |
 *                        |   ...                                |
 *                     barrier                                barrier
 *
 * Row units of one stage over the same symbol form one chain. A worker takes a range of rows
 * through all units of the chain before it claims another, so the range stays in its cache and no
 * barrier is needed between them. Lifetimes in the memory plan are counted in stages. */
#ifndef PAL_GRAPH_STEPS_H
#define PAL_GRAPH_STEPS_H

#include "graph/internal.h"

typedef enum pal_place {
  PAL_PLACE_NONE,
  PAL_PLACE_ARENA,
  PAL_PLACE_CONSTANT,     /* the graph's own copy of the data */
  PAL_PLACE_INPUT,        /* present buffer of an input */
  PAL_PLACE_INPUT_NEXT,   /* second buffer of a looped input: its contents in the next run */
  PAL_PLACE_VARIABLE,     /* present contents of a variable */
  PAL_PLACE_VARIABLE_NEXT /* second buffer of a variable: its contents after the run */
} pal_place;

/* Where a value's bytes are. Views and results of in-place updates share the storage of their
 * input. */
typedef struct pal_storage {
  pal_place place;
  uint32_t index;  /* input or variable number; constant: node id */
  size_t bytes;    /* at capacity */
  size_t offset;   /* in the arena, in bytes */
  int first, last; /* first and last stage of its lifetime */
} pal_storage;

typedef struct pal_step {
  uint32_t node;
  int phases;                /* number of phases of its op */
  int stage[PAL_MAX_PHASES]; /* stage of each phase, ascending */
  int order;                 /* rank in the execution order */
  size_t scratch;            /* offset in the arena, in bytes */
  size_t scratch_bytes;
  int last_stage;      /* stage of its last phase */
  bool cacheable;      /* its first phase fills the scratch from weights alone (packing) */
  size_t cache_offset; /* when cacheable: offset in the packed-weight cache, in bytes */
} pal_step;

typedef struct pal_unit {
  int step, phase;
} pal_unit;

/* What workers claim ranges of in a stage: a chain of row units, or one unit. */
typedef struct pal_item {
  int first_unit, n_units; /* in plan->unit */
  uint16_t symbol;         /* that counts the rows of a chain; 0 for static rows or tasks */
  bool rows;               /* true: ranges of rows; false: ranges of tasks */
  int64_t chunk;           /* rows per range, chosen so that a chain's range fits the cache */
} pal_item;

typedef struct pal_stage {
  int first_item, n_items;
  bool binds; /* some unit's op binds a symbol, so counts change after this stage */
} pal_stage;

/* An input or a variable of the plan, with what becomes of it at the end of a run. */
typedef struct pal_slot {
  const char *name;
  uint32_t value;         /* the leaf's value id */
  pal_variable *variable; /* variables only */
  uint32_t next;          /* storage of its next contents, 0 when the plan does not change it */
  uint32_t copy;          /* storage to copy the next contents from at the end of the run; 0: the
                             producing op writes them to `next` directly */
  uint32_t looped;        /* inputs: id of the value fed back to it by pal_loop, or 0 */
  size_t bytes;           /* of each of its buffers */
} pal_slot;

struct pal_plan {
  pal_graph *graph;              /* rewritten; owned */
  uint32_t *storage_of;          /* [value id] index in storage */
  PAL_LIST(pal_storage) storage; /* storage 0 is none */
  PAL_LIST(pal_step) step;
  PAL_LIST(pal_unit) unit;
  PAL_LIST(pal_item) item;
  PAL_LIST(pal_stage) stage;
  PAL_LIST(pal_slot) input, variable;
  pal_plan_stats stats;
  /* For the op checker; 0 in other plans: */
  int64_t chunk; /* rows per range, in place of each item's own */
  size_t guard;  /* guard bytes after each block of the arena; blocks then never share bytes */
  /* Estimated time of a run on one thread at capacity. */
  double serial_seconds;
};

/* Rows and types of a node's operands at capacity. pal_node_at_capacity fills them and a pal_run
 * that points to them; its data pointers are NULL. */
typedef struct pal_shape_rows {
  pal_type in_type[PAL_MAX_INPUTS], out_type[PAL_MAX_OUTPUTS];
  int64_t in_rows[PAL_MAX_INPUTS], out_rows[PAL_MAX_OUTPUTS];
} pal_shape_rows;
void pal_node_at_capacity(const pal_graph *graph, const pal_node *node, pal_shape_rows *shapes,
                          pal_run *run);
/* Number of phases that the descriptor defines. */
int pal_op_phases(const pal_op *op);

/* Runs every phase of a node without symbols on the calling thread; for constant folding. */
pal_status pal_node_run_whole(const pal_graph *graph, const pal_node *node, const void *const *in,
                              void *const *out, pal_error *error);

/* pal_compile with `guard` unused bytes after every result and scratch in the arena, none of which
 * share bytes. The op checker looks there for writes past the end. */
pal_plan *pal_compile_guarded(pal_graph *graph, size_t guard, pal_error *error);

/* The passes of pal_compile in their order, each followed by an independent check of its result. */
pal_status pal_plan_stages(pal_plan *plan, pal_error *error);
pal_status pal_verify_stages(const pal_plan *plan, pal_error *error);
pal_status pal_plan_memory(pal_plan *plan, pal_error *error);
pal_status pal_verify_memory(const pal_plan *plan, pal_error *error);
/* Lays out the packed-weight cache; see packed_cache.c. */
void pal_plan_packed_cache(pal_plan *plan);
#endif
