/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest bench pram: how fast a compiled program of a parallel machine runs, and what bounds it
 * (floor 7). A step of a processor that has not halted counts once, whatever it costs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/probe.h"
#include "bench/timing.h"

enum { BATCHES = 2, MOST_TOGETHER = 16 };
static const int together[BATCHES] = {1, MOST_TOGETHER};
static const char *const models[] = {"ap-mdm", "mdm", "arm"};
enum { MODELS = sizeof models / sizeof *models };

/* A compiled program with its instances. */
typedef struct machine {
  pal_task *task;
  pal_store *store;
  pal_model *model;
  pal_decoder *decoder;
  pal_example prompt[MOST_TOGETHER]; /* all of them the same instance */
  int64_t passes, work, time;        /* of one instance: forward passes, the processors' steps, T */
  int rows;
  pal_pram_layout layout;
} machine;

/* One decoding of n of its instances. */
typedef struct decoding {
  machine *m;
  int n;
} decoding;

static void count(int index, const pal_decoded *decoded, void *data) {
  (void)index;
  ((machine *)data)->passes = decoded->forward_passes;
}

static pal_status run(void *data, pal_error *error) {
  const decoding *d = data;
  return pal_decode(d->m->decoder, d->m->prompt, d->n, count, d->m, error);
}

/* The interpreter's numbers of instance 0. */
static pal_status interpret(machine *m, const pal_pram *program, pal_error *error) {
  int32_t *memory = calloc((size_t)program->cells, sizeof *memory);
  if (!memory) return pal_fail(error, PAL_E_MEMORY, "no memory for an instance");
  pal_pram_instance(program, 1, 0, memory);
  pal_pram_run *interpreted = pal_pram_run_new(program, memory, error);
  free(memory);
  if (!interpreted) return error->code;
  const pal_status status = pal_pram_finish(interpreted, error);
  m->work = interpreted->work;
  m->time = interpreted->time;
  pal_pram_run_free(interpreted);
  return status;
}

static pal_status open_model(bench *b, machine *m, const char *model, pal_error *error) {
  char setting[PAL_PRAM_SETTINGS][PAL_PRAM_SETTING];
  const char *list[PAL_PRAM_SETTINGS];
  const pal_pram *program = pal_pram_of_task(m->task, &m->layout);
  const int n = pal_pram_settings(program, m->layout, setting);
  for (int i = 0; i < n; i++) list[i] = setting[i];
  m->store = pal_store_new(1);
  if (!m->store) return pal_fail(error, PAL_E_MEMORY, "no memory for a store");
  m->model = pal_model_new(b->context, m->store, model, pal_task_format(m->task), list, n, error);
  return m->model ? pal_pram_compile(program, m->model, error) : error->code;
}

static pal_status open_machine(bench *b, machine *m, const char *model, const bench_request *r,
                               pal_error *error) {
  const pal_form form =
      ((const pal_model_definition *)pal_lookup(b->context, "model", model))->form;
  const size_t room = strlen(r->name) + sizeof "program=";
  const char *setting[BENCH_MOST_SET + 2];
  char layout[64];
  char *program = malloc(room);
  if (!program) return pal_fail(error, PAL_E_MEMORY, "no memory for a name");
  snprintf(program, room, "program=%s", r->name);
  for (int i = 0; i < r->n_set; i++) setting[i] = r->set[i];
  snprintf(layout, sizeof layout, "layout=%s", model);
  setting[r->n_set] = program;
  setting[r->n_set + 1] = layout;
  m->task = pal_task_new(b->context, PAL_PRAM_TASK, setting, r->n_set + 2, error);
  free(program);
  pal_status status = m->task ? open_model(b, m, model, error) : error->code;
  if (!status) status = interpret(m, pal_pram_of_task(m->task, NULL), error);
  if (!status) status = pal_task_instance(m->task, 0, 0, form, &m->prompt[0], error);
  if (status) return status;
  for (int i = 1; i < MOST_TOGETHER; i++) m->prompt[i] = m->prompt[0];
  m->rows = pal_task_format(m->task)->context;
  pal_decode_options options = {.sequences = MOST_TOGETHER, .max_length = m->rows, .seed = 1};
  status = pal_task_step_cap(m->task, &m->prompt[0], form, &options.max_steps, error);
  if (!status)
    status = pal_task_answer_room(m->task, &m->prompt[0], form, &options.answer_room, error);
  m->decoder = status ? NULL : pal_decoder_new(m->model, &options, error);
  return status ? status : m->decoder ? PAL_OK : error->code;
}

static void close_machine(machine *m) {
  if (m->decoder) pal_decoder_free(m->decoder);
  if (m->model) pal_model_free(m->model);
  if (m->store) pal_store_free(m->store);
  if (m->task) pal_task_free(m->task);
}

/* FLOP of one pass over one sequence: the matrices of the blocks, the output layer, attention. An
 * ARM computes its prompt and then, with a cache, a row in each pass, which sees half of the rows
 * on average. */
typedef struct flops {
  double blocks, output, attention;
} flops;

static flops flops_of(const machine *m) {
  const pal_network_settings *net = pal_model_network(m->model);
  const double width = (double)net->width, layers = (double)net->layers;
  const bool whole = m->layout != PAL_PRAM_ARM;
  const double rows = whole ? m->rows : 1 + (double)m->prompt[0].n_prompt / (double)m->passes;
  const double keys = whole ? m->rows : m->rows / 2.0;
  const double attended =
      net->head_width > 0 ? (double)net->heads * (double)net->head_width : width;
  return (flops){layers * rows * (8 * width * attended + 4 * width * (double)net->hidden),
                 2 * rows * width * pal_task_format(m->task)->vocabulary,
                 layers * 4 * rows * keys * attended};
}

static void report(bench *b, const char *model, const machine *m, int sequences,
                   const bench_timed *t) {
  const flops f = flops_of(m);
  const double all = f.blocks + f.output + f.attention, steps = (double)m->work * sequences;
  char text[32];
  printf("  %-8s %3d together  %-10s %11.0f processor steps/s %8.3f ms/pass %5.1f %% of peak"
         "   spread %4.1f %%\n",
         model, sequences, bench_team(b, t->team, text, sizeof text), steps / t->median,
         1e3 * t->median / (double)m->passes, 100 * t->rate / t->peak, 100 * t->spread);
  bench_add(b, "pram",
            json_pack("{s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "model", model,
                      "sequences", sequences, "threads", b->threads[t->team],
                      "processor_steps_per_s", steps / t->median, "ms_per_pass",
                      1e3 * t->median / (double)m->passes, "fraction", t->rate / t->peak,
                      "of_blocks", f.blocks / all, "of_output", f.output / all, "of_attention",
                      f.attention / all, "spread", t->spread));
}

static pal_status measure(bench *b, machine *m, const char *model, pal_error *error) {
  bench_timed timed[BATCHES * BENCH_TEAMS] = {{0}};
  decoding d[BATCHES];
  for (int i = 0; i < BATCHES; i++) d[i] = (decoding){m, together[i]};
  pal_status status = run(&d[0], error); /* counts the passes */
  const flops f = flops_of(m);
  const double all = f.blocks + f.output + f.attention;
  const int n = BATCHES * b->teams;
  for (int i = 0; i < n; i++)
    timed[i] = (bench_timed){.run = run,
                             .data = &d[i % BATCHES],
                             .team = i / BATCHES,
                             .work = all * (double)m->passes * together[i % BATCHES]};
  if (!status) status = bench_time(b, timed, n, error);
  if (status) return status;
  printf(
      "  %-8s T %lld, %lld processor steps, %lld passes of %d rows; multiply-adds: blocks %.0f %%,"
      " output %.0f %%, attention %.0f %%\n",
      model, (long long)m->time, (long long)m->work, (long long)m->passes, m->rows,
      100 * f.blocks / all, 100 * f.output / all, 100 * f.attention / all);
  for (int i = 0; i < n; i++) report(b, model, m, together[i % BATCHES], &timed[i]);
  return PAL_OK;
}

pal_status bench_pram(bench *b, const bench_request *request, pal_error *error) {
  pal_status status = PAL_OK;
  printf("program %s, percent of the multiply-adds' peak\n", request->name);
  for (int i = 0; i < MODELS && !status; i++) {
    machine m = {0};
    status = open_machine(b, &m, models[i], request, error);
    if (!status) status = measure(b, &m, models[i], error);
    close_machine(&m);
  }
  return status;
}
