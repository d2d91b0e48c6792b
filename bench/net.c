/* SPDX-License-Identifier: Apache-2.0 */
/* See net.h (floor 7). */
#include "bench/net.h"

#include <stdlib.h>
#include <string.h>

static const bench_net_case cases[] = {
    {"A", 4, 128, 2, 512, 324, 32, 31, 8, false},
    {"B", 6, 256, 4, 1024, 324, 16, 31, 4, false},
    {"C", 3, 128, 4, 512, 81, 256, 11, 32, false},
    {"D", 1, 4, 1, 40, 3, 64, 10, 64, true}, /* 558 parameters */
};
enum {
  CASES = sizeof cases / sizeof *cases,
  OWN_SETTINGS = 5,
  MOST_SETTINGS = BENCH_MOST_SET + OWN_SETTINGS
};

const bench_net_case *bench_net_at(int i) { return i < CASES ? &cases[i] : NULL; }

const bench_net_case *bench_net_find(const char *name, pal_error *error) {
  for (int i = 0; i < CASES; i++)
    if (strcmp(cases[i].name, name) == 0) return &cases[i];
  pal_fail(error, PAL_E_NOT_FOUND, "there are cases A, B, C and D, and rows, not \"%s\"", name);
  return NULL;
}

double bench_net_flops(const bench_net_case *c) {
  const double w = c->width, h = c->hidden, n = c->length;
  const double matrices = c->layers * (4 * w * w + 2 * w * h) + w * c->vocabulary;
  return n * (2 * matrices + c->layers * 4 * n * w);
}

/* ---- sequences -------------------------------------------------------------------------- */

pal_example bench_net_example(bench_source *source, uint64_t number) {
  pal_rng rng = {.key = source->key, .sample = number};
  const int prompt = source->length / 3;
  for (int i = 0; i < source->length; i++) /* any token but the last one, which is the mask */
    source->token[i] = (int32_t)pal_rng_below(&rng, (uint32_t)source->vocabulary - 1);
  return (pal_example){.id = number,
                       .prompt = source->token,
                       .n_prompt = prompt,
                       .answer = source->token + prompt,
                       .n_answer = source->length - prompt};
}

/* The functions of pal_stream for random sequences. */
static pal_status next(void *self, pal_example *example, pal_error *error) {
  bench_source *source = self;
  (void)error;
  *example = bench_net_example(source, source->next++);
  return PAL_OK;
}

static size_t save(const void *self, void *state, size_t room) {
  const bench_source *source = self;
  if (room >= sizeof source->next) memcpy(state, &source->next, sizeof source->next);
  return sizeof source->next;
}

static pal_status load(void *self, const void *state, size_t bytes, pal_error *error) {
  bench_source *source = self;
  if (bytes != sizeof source->next)
    return pal_fail(error, PAL_E_FORMAT, "the state of a stream has %zu bytes, not %zu",
                    sizeof source->next, bytes);
  memcpy(&source->next, state, bytes);
  return PAL_OK;
}

static void free_nothing(void *self) { (void)self; }

/* ---- model ------------------------------------------------------------------------------ */

pal_status bench_net_open(bench_net *net, pal_context *context, const bench_net_case *c,
                          const char *definition, const char *const *set, int n, pal_error *error) {
  char text[OWN_SETTINGS][32];
  const char *setting[MOST_SETTINGS];
  int settings = 0;
  *net = (bench_net){.c = c,
                     .source = {.key = pal_rng_key(1, "bench", 0),
                                .length = c->length,
                                .vocabulary = c->vocabulary}};
  net->stream = (pal_stream){
      .self = &net->source, .next = next, .save = save, .load = load, .free = free_nothing};
  if (n > BENCH_MOST_SET)
    return pal_fail(error, PAL_E_ARGUMENT, "at most %d settings are taken here", BENCH_MOST_SET);
  snprintf(text[0], sizeof text[0], "layers=%d", c->layers);
  snprintf(text[1], sizeof text[1], "width=%d", c->width);
  snprintf(text[2], sizeof text[2], "heads=%d", c->heads);
  snprintf(text[3], sizeof text[3], "hidden=%d", c->hidden);
  snprintf(text[4], sizeof text[4], "bias=%d", c->biased);
  for (int i = 0; i < OWN_SETTINGS; i++) setting[settings++] = text[i];
  for (int i = 0; i < n; i++) setting[settings++] = set[i];
  const pal_format format = {.vocabulary = c->vocabulary,
                             .mask = c->vocabulary - 1,
                             .bos = -1,
                             .eos = -1,
                             .context = c->length};
  net->store = pal_store_new(1);
  if (!net->store) return pal_fail(error, PAL_E_MEMORY, "no memory for a store");
  net->model = pal_model_new(context, net->store, definition, &format, setting, settings, error);
  return net->model ? PAL_OK : error->code;
}

void bench_net_close(bench_net *net) {
  if (net->model) pal_model_free(net->model);
  if (net->store) pal_store_free(net->store);
  net->model = NULL;
  net->store = NULL;
}

/* ---- a training step as one graph ------------------------------------------------------- */

/* Adds the gradients of all parameters as outputs, and AdamW, each when wanted. */
static void add_gradients(const bench_net *net, pal_graph *g, pal_value loss, bool gradients,
                          bool update) {
  static const pal_role role = PAL_PARAMETER;
  const pal_optimizer *adamw = pal_lookup(pal_model_context(net->model), "optimizer", "adamw");
  const pal_value rate = pal_input(g, "rate", pal_type_scalar(PAL_F32));
  const pal_value step = pal_input(g, "step", pal_type_scalar(PAL_F32));
  const size_t all = pal_store_count(net->store);
  pal_value *parameter = calloc(2 * all + 1, sizeof *parameter),
            *gradient = parameter ? parameter + all : NULL;
  int n = 0;
  if (!parameter) {
    pal_graph_fail(g, PAL_E_MEMORY, "no memory for %zu gradients", all);
    return;
  }
  for (size_t i = 0; i < all; i++) {
    const pal_variable *v = pal_store_at(net->store, i);
    if (pal_variable_role(v) == role) parameter[n++] = pal_variable_old(g, pal_variable_name(v));
  }
  pal_gradient(g, loss, parameter, n, gradient);
  for (int i = 0; i < n; i++) {
    char name[256];
    const pal_variable *v = pal_variable_of(g, parameter[i]);
    snprintf(name, sizeof name, "gradient.%s", v ? pal_variable_name(v) : "");
    if (gradients) pal_output(g, name, gradient[i]);
    if (update)
      pal_optimize(g, adamw,
                   (pal_optim_call){.options = &adamw->defaults,
                                    .parameter = parameter[i],
                                    .gradient = gradient[i],
                                    .rate = rate,
                                    .step = step});
  }
  free(parameter);
}

pal_graph *bench_net_step(const bench_net *net, int64_t sequences, bool gradients, bool update,
                          pal_error *error) {
  const pal_model_definition *d = pal_model_definition_of(net->model);
  pal_graph *g = pal_graph_new(pal_model_context(net->model), net->store);
  if (!g) {
    pal_fail(error, PAL_E_MEMORY, "no memory for a graph");
    return NULL;
  }
  const pal_batch_values in = pal_batch_inputs(g, d, sequences * net->c->length, sequences, true);
  pal_value part[PAL_MAX_PARTS] = {{0}}, loss = PAL_NIL;
  d->loss(net->model, g, &in, part);
  for (int k = 0; k < d->n_parts; k++) {
    const pal_value scale = pal_sum_all(g, pal_slice(g, in.scale, 0, k, k + 1));
    const pal_value scaled = pal_mul(g, part[k], scale);
    loss = k ? pal_add(g, loss, scaled) : scaled;
  }
  pal_output(g, "loss", loss);
  if (gradients || update) add_gradients(net, g, loss, gradients, update);
  return g;
}

static void put_scalar(pal_exec *exec, const char *name, float value) {
  float *x = pal_exec_input(exec, name);
  if (x) *x = value;
}

pal_status bench_net_feed(bench_net *net, pal_exec *exec, int n, pal_batch *batch,
                          pal_error *error) {
  const pal_model_definition *d = pal_model_definition_of(net->model);
  pal_status status = PAL_OK;
  *batch = pal_batch_of(exec, d);
  for (int i = 0; i < n && !status; i++) {
    const pal_example e = bench_net_example(&net->source, (uint64_t)i);
    pal_rng rng = pal_rng_new(1, "rows", 1, e.id);
    status = d->rows(net->model, &e, &rng, false, batch, error);
  }
  float *scale = pal_exec_input(exec, "scale");
  int32_t *seed = pal_exec_input(exec, "seed");
  for (int k = 0; scale && k < d->n_parts; k++)
    scale[k] = batch->count[k] > 0 ? (float)(1 / batch->count[k]) : 0;
  if (seed) seed[0] = seed[1] = seed[2] = 1;
  put_scalar(exec, "rate", 1e-4f);
  put_scalar(exec, "step", 1);
  if (!status) status = pal_exec_count(exec, "T", batch->rows, error);
  if (!status) status = pal_exec_count(exec, "S", batch->sequences, error);
  return status;
}
