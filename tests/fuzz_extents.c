/* SPDX-License-Identifier: Apache-2.0 */
/* A fuzzer for ops with extents of 0 and 1, huge attributes and inputs that do not match.
 *
 * Each execution takes an op with the operands of one of its samples and replaces extents,
 * capacities, counts and attributes. If the graph is not refused, it is run, sometimes with its
 * gradient, by the plan and by the reference interpreter. The fuzzer stops when only one of the two
 * fails or when their results differ; sanitizers find memory faults. In a build with
 * --enable-sanitizers=address,undefined:
 *   make tests/fuzz_extents && tests/fuzz_extents [SECONDS [SEED [OP]]]
 * All random draws come from the bytes of one buffer, so that libFuzzer can guide them: configure
 * with CC=clang, CFLAGS="-O1 -g -fsanitize=fuzzer-no-link" and CPPFLAGS=-DPAL_LIBFUZZER=1 beside
 * the sanitizers, then
 *   make tests/fuzz_extents LDFLAGS=-fsanitize=fuzzer && tests/fuzz_extents -max_total_time=60 */
#include <math.h>
#include <palimpsest/ops.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "autograd/accumulate.h"
#include "graph/case.h"
#include "graph/internal.h"

enum { MOST_OPS = 256, MOST_ELEMENTS = 4096, MOST_EXTENTS = 32, MOST_BYTES = 1 << 26 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static pal_context *contexts[PAL_ISA_COUNT];
static int n_contexts;
static const pal_op *ops[MOST_OPS];
static const char *only; /* this op, or NULL: all */
static int n_ops;
static unsigned long long refused, failed, compared;

/* ---- draws --------------------------------------------------------------------------------- */

static const uint8_t *next, *end;

static uint32_t draw(uint32_t below) {
  const uint32_t low = next < end ? *next++ : 0;
  const uint32_t high = below > 256 && next < end ? *next++ : 0;
  return (low | high << 8) % below;
}

static int64_t odd_number(void) {
  static const int64_t all[] = {
      -1, INT32_MAX,      INT32_MIN, (int64_t)1 << 32, INT64_MAX,    INT64_MIN, INT64_MAX / 2,
      -2, INT64_MAX / 16, 3,         (int64_t)1 << 58, INT32_MAX - 1};
  return all[draw(sizeof all / sizeof *all)];
}

static int64_t extent(int64_t old) {
  switch (draw(8)) {
    case 0:
    case 1: return 0;
    case 2:
    case 3: return 1;
    case 4: return 2 + draw(8);
    default: return old;
  }
}

/* Equal extents mostly stay equal, since otherwise every op would refuse its operands. */
typedef struct extents {
  int64_t from[MOST_EXTENTS], to[MOST_EXTENTS];
  int n;
} extents;

static int64_t mapped(extents *map, int64_t old) {
  for (int i = 0; i < map->n; i++)
    if (map->from[i] == old) return draw(16) ? map->to[i] : extent(old);
  if (map->n == MOST_EXTENTS) return old;
  map->from[map->n] = old;
  return map->to[map->n++] = extent(old);
}

static pal_type mapped_type(extents *map, pal_type type) {
  for (int d = 0; d < type.rank; d++) {
    if (!(d == 0 && type.symbol.id && draw(4))) type.dim[d] = mapped(map, type.dim[d]);
    if (draw(256) == 255) type.dim[d] = odd_number();
  }
  return type;
}

static int64_t mapped_attribute(extents *map, int64_t old) {
  return draw(12) == 11 ? odd_number() : draw(2) ? old : mapped(map, old);
}

/* ---- a graph like the sample's ----------------------------------------------------------- */

static void map_attributes(extents *map, const pal_op *op, void *attrs) {
  for (size_t i = 0; i < op->n_fields; i++) {
    char *at = (char *)attrs + op->fields[i].offset;
    if (op->fields[i].kind == PAL_ATTR_INT)
      *(int64_t *)(void *)at = mapped_attribute(map, *(int64_t *)(void *)at);
    if (op->fields[i].kind != PAL_ATTR_INTS) continue;
    pal_ints *list = (pal_ints *)(void *)at;
    int64_t *to = (int64_t *)(uintptr_t)list->at;
    for (size_t k = 0; k < list->n; k++) to[k] = mapped_attribute(map, to[k]);
    if (list->n && draw(16) == 15) list->n--;
  }
}

static void copy_symbols(const pal_graph *from, pal_graph *to) {
  for (size_t s = 1; s < from->symbol.n; s++) {
    const int64_t capacity = draw(3) ? (int64_t)draw(4) : from->symbol.at[s].capacity;
    pal_symbol_new(to, from->symbol.at[s].name, capacity);
  }
}

/* Whether a run is quick. Extents of 0 count as 1, since loops may run over the other extents. */
static bool is_small(const pal_graph *g, const pal_type *type, int64_t most) {
  int64_t n = type->symbol.id ? pal_symbol_capacity(g, type->symbol) : 1;
  for (int d = 0; d < type->rank && n <= most; d++) {
    if (type->dim[d] < 0 || type->dim[d] > most) return false;
    n *= type->dim[d] ? type->dim[d] : 1;
  }
  return n <= most;
}

/* The sample's op on inputs "in0", ... of `to`; false where it is refused. What is not small is
 * only compiled. */
static bool copy_node(const pal_graph *from, const pal_node *node, pal_graph *to, pal_value *in,
                      pal_value *out, bool *small) {
  *small = true;
  extents map = {.n = 0};
  copy_symbols(from, to);
  for (int i = 0; i < node->n_in; i++) {
    const bool absent = !node->in[i].id || ((node->op->optional >> i & 1) && draw(16) == 15);
    char name[16];
    in[i] = PAL_NIL;
    if (absent) continue;
    const pal_type type = mapped_type(&map, pal_type_of(from, node->in[i]));
    *small &= is_small(to, &type, MOST_ELEMENTS);
    if (!*small && node->op->writes >> i & 1) return false; /* a variable has its memory at once */
    snprintf(name, sizeof name, "in%d", i);
    in[i] = node->op->writes >> i & 1
                ? pal_variable_new(to, name, type, PAL_SCRATCH, PAL_UNIFORM(1.0))
                : pal_input(to, name, type);
    if (to->error.code) return false;
  }
  void *attrs = pal_attrs_copy(to, node->op, node->attrs);
  if (!attrs) return false;
  map_attributes(&map, node->op, attrs);
  const pal_value first = pal_apply(to, node->op->name, in, node->n_in, attrs, out);
  if (to->error.code || (node->n_out && !first.id)) return false;
  for (int i = 0; i < node->n_out && out[i].id; i++) {
    char name[16];
    const pal_type type = pal_type_of(to, out[i]);
    *small &= is_small(to, &type, 4 * MOST_ELEMENTS);
    snprintf(name, sizeof name, "out%d", i);
    pal_output(to, name, out[i]);
  }
  return !to->error.code;
}

static void add_gradients(pal_graph *g, const pal_node *node, const pal_value *in, pal_value loss) {
  pal_value wrt[PAL_MAX_INPUTS], grad[PAL_MAX_INPUTS];
  int n = 0;
  if (node->op->flags & PAL_OP_NO_GRADIENT || pal_type_of(g, loss).dtype != PAL_F32) return;
  for (int i = 0; i < node->n_in; i++)
    if (in[i].id && pal_type_of(g, in[i]).dtype == PAL_F32) wrt[n++] = in[i];
  if (!n || !draw(2)) return;
  pal_gradient(g, loss, wrt, n, grad);
  for (int i = 0; i < n; i++) {
    char name[16];
    snprintf(name, sizeof name, "grad%d", i);
    pal_output(g, name, grad[i]);
  }
}

/* ---- data -------------------------------------------------------------------------------- */

static int32_t whole(uint32_t mode) {
  static const int32_t wild[] = {INT32_MAX, INT32_MIN, -1, -2, INT32_MAX - 1, 1 << 30};
  if (mode == 0) return 0;
  if (mode == 7 && !draw(4)) return wild[draw(sizeof wild / sizeof *wild)];
  return mode < 4 ? (int32_t)draw(2) : (int32_t)draw(6) - 1;
}

static float real(uint32_t mode) {
  static const float wild[] = {INFINITY, -INFINITY, NAN, 3e38f, -0.0f, 1e-40f};
  if (mode == 7 && !draw(16)) return wild[draw(sizeof wild / sizeof *wild)];
  return (float)((int)draw(65) - 32) / 32.0f;
}

static bool fill(const pal_graph *g, pal_exec *exec) {
  bool plain = true;
  for (size_t s = 1; s < g->symbol.n; s++)
    if (!g->symbol.at[s].binder && draw(2))
      pal_exec_count(
          exec, g->symbol.at[s].name,
          draw((uint32_t)(g->symbol.at[s].capacity < 300 ? g->symbol.at[s].capacity : 300) + 1),
          NULL);
  for (size_t n = 1; n < g->node.n; n++) {
    if (g->node.at[n].kind != PAL_NODE_INPUT) continue;
    const pal_type *t = &g->value.at[g->node.at[n].first_out].type;
    const int64_t elements = pal_graph_rows_at_capacity(g, t) * pal_type_row(t);
    void *to = pal_exec_input(exec, g->node.at[n].name);
    const uint32_t mode = draw(8);
    plain &= mode != 7;
    for (int64_t i = 0; i < elements; i++) switch (t->dtype) {
        case PAL_F32: ((float *)to)[i] = real(mode); break;
        case PAL_BF16: ((uint16_t *)to)[i] = (uint16_t)(0x3f80u + draw(8)); break;
        case PAL_I32: ((int32_t *)to)[i] = whole(mode); break;
        case PAL_U8: ((uint8_t *)to)[i] = (uint8_t)draw(2); break;
        case PAL_NONE: break;
      }
  }
  return plain;
}

/* ---- what must hold ---------------------------------------------------------------------- */

static void stop(const pal_graph *g, const char *what, const char *more) {
  char *text = pal_graph_dump(g);
  fprintf(stderr, "%s\n%s: %s\n", text, what, more);
  abort();
}

/* Equal up to rounding: the comparison is to find rows that were not written, not wrong last
 * bits. */
static void compare(const pal_graph *g, const pal_exec *exec, const pal_reference_result *r) {
  for (size_t i = 0; i < g->output.n; i++) {
    int64_t rows, expected_rows;
    const pal_type *t = &g->value.at[g->output.at[i].value.id].type;
    const float *have = pal_exec_output(exec, g->output.at[i].name, &rows);
    const double *want = pal_reference_output(r, g->output.at[i].name, &expected_rows);
    if (rows != expected_rows) stop(g, "other rows", g->output.at[i].name);
    double largest = 1;
    for (int64_t e = 0; t->dtype == PAL_F32 && e < rows * pal_type_row(t); e++)
      if (isfinite(want[e])) largest = fmax(largest, fabs(want[e]));
    for (int64_t e = 0; t->dtype == PAL_F32 && e < rows * pal_type_row(t); e++) {
      char text[96];
      if (!isfinite(want[e]) || fabs((double)have[e] - want[e]) <= 0.05 * largest) continue;
      snprintf(text, sizeof text, "%s has %g, should have %g", g->output.at[i].name,
               (double)have[e], want[e]);
      stop(g, "other numbers", text);
    }
  }
}

static void run_both(pal_graph *g, bool runs, bool comparable) {
  pal_error error = {0}, other = {0};
  pal_plan *plan = pal_compile(g, &error);
  const bool small = runs && plan && pal_plan_statistics(plan).arena_bytes < MOST_BYTES &&
                     pal_plan_statistics(plan).task_scratch_bytes < MOST_BYTES;
  pal_exec *exec = small ? pal_exec_new(plan, &error) : NULL;
  if (exec) {
    const bool plain = fill(g, exec);
    pal_reference_result *r = pal_exec_reference(exec, &other); /* before variables change */
    const pal_status status = pal_exec_run_serial(exec, &error);
    if ((status != PAL_OK) != (r == NULL))
      stop(g, "one of plan and reference fails", status ? error.text : other.text);
    if (status) failed++;
    else if (comparable && plain) compare(g, exec, r);
    compared += !status;
    pal_reference_free(r);
  } else {
    refused++;
  }
  pal_exec_free(exec);
  pal_plan_free(plan);
}

/* ---- executions -------------------------------------------------------------------------- */

static void note_op(const char *name, const void *definition, void *data) {
  const pal_op *op = definition;
  (void)data;
  if (op->sample && (!only || strcmp(only, name) == 0) && n_ops < MOST_OPS) ops[n_ops++] = op;
}

static void open_contexts(void) {
  for (int isa = 0; isa < PAL_ISA_COUNT; isa++) {
    pal_error error = {0};
    const pal_options options = {.threads = 1, .isa = pal_isa_name((pal_isa)isa)};
    if (!pal_isa_available((pal_isa)isa)) continue;
    pal_context *c = pal_context_new(&options, &error);
    if (!c || pal_register_ops(c, &error) || pal_register_autograd(c, &error)) {
      fprintf(stderr, "%s\n", error.text);
      exit(EXIT_FAILURE);
    }
    contexts[n_contexts++] = c;
  }
  pal_each(contexts[0], "op", note_op, NULL);
  if (n_ops) return;
  fprintf(stderr, "no op is named \"%s\"\n", only);
  exit(EXIT_FAILURE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!n_contexts) open_contexts();
  next = data;
  end = data + size;
  pal_context *context = contexts[draw((uint32_t)n_contexts)];
  const pal_op *op = ops[draw((uint32_t)n_ops)];
  pal_store *store = pal_store_new(1), *sample_store = pal_store_new(1);
  pal_graph *sample = pal_graph_new(context, sample_store), *g = pal_graph_new(context, store);
  pal_case c;
  pal_case_init(&c, sample, draw(65536), 0, (pal_case_form){.capacity = {-1, -1}});
  const pal_value v = op->sample(&c);
  const pal_node *node = v.id ? pal_node_of(sample, v) : &sample->node.at[sample->node.n - 1];
  pal_value in[PAL_MAX_INPUTS], out[PAL_MAX_OUTPUTS];
  bool small = true;
  /* norm_backward divides by rstd, which no norm makes 0 */
  const bool comparable = !(op->flags & PAL_OP_RANDOM) && strcmp(op->name, "norm_backward") != 0;
  if (!sample->error.code && node->op == op && copy_node(sample, node, g, in, out, &small)) {
    if (node->n_out) add_gradients(g, node, in, out[0]);
    run_both(g, small, comparable);
  } else {
    refused++;
  }
  pal_case_free(&c);
  pal_graph_free(sample);
  pal_graph_free(g);
  pal_store_free(sample_store);
  pal_store_free(store);
  return 0;
}

#ifndef PAL_LIBFUZZER
int main(int argc, char **argv) {
  const double seconds = argc > 1 ? atof(argv[1]) : 10;
  uint64_t state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
  unsigned long long executions = 0;
  only = argc > 3 ? argv[3] : NULL;
  uint8_t data[4096];
  for (const time_t start = time(NULL); difftime(time(NULL), start) < seconds; executions++) {
    for (size_t i = 0; i < sizeof data; i++) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      data[i] = (uint8_t)(state >> 56);
    }
    LLVMFuzzerTestOneInput(data, sizeof data);
  }
  printf("%llu executions: %llu refused, %llu failed in both, %llu ran in both\n", executions,
         refused, failed, compared);
  for (int i = 0; i < n_contexts; i++) pal_context_free(contexts[i]);
  return EXIT_SUCCESS;
}
#endif
