/* SPDX-License-Identifier: Apache-2.0 */
/* See export.h (floor 7). */
#include "bench/export.h"
#include "bench/probe.h"
#include "bench/json_text.h"

#include <stdlib.h>
#include <string.h>

/* Gives parameters that are initialised to zero random values: through zeros no gradient would
 * flow, so those behind them could not be compared. */
static void shake(pal_store *store) {
  static const double SCALE = 0.1;
  pal_variable *v;
  for (size_t i = 0; (v = pal_store_at(store, i)) != NULL; i++) {
    float *x = pal_variable_data(v);
    const size_t n = pal_variable_bytes(v) / sizeof *x;
    bool zero = pal_variable_role(v) == PAL_PARAMETER;
    for (size_t e = 0; e < n && zero; e++) zero = x[e] == 0;
    pal_rng rng = pal_rng_new(2, pal_variable_name(v), 0, 0);
    for (size_t e = 0; e < n && zero; e++) x[e] = (float)(SCALE * pal_rng_normal(&rng));
  }
}

/* Arrays of n numbers; *lost is set without memory. */
static json_t *integers(const int32_t *x, int64_t n, bool *lost) {
  json_t *list = json_array();
  for (int64_t i = 0; i < n; i++) *lost |= json_array_append_new(list, json_integer(x[i])) != 0;
  return list;
}

static json_t *reals(const float *x, int64_t n, bool *lost) {
  json_t *list = json_array();
  for (int64_t i = 0; i < n; i++) *lost |= json_array_append_new(list, json_real(x[i])) != 0;
  return list;
}

/* Writes case.json: settings of the network, one batch and its loss. */
static pal_status write_case(const bench_net *net, const pal_batch *batch, double loss,
                             const char *path, pal_error *error) {
  const bench_net_case *c = net->c;
  json_t *all = json_pack(
      "{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:b, s:f, s:f, s:f}", "case", c->name, "layers",
      c->layers, "width", c->width, "heads", c->heads, "hidden", c->hidden, "length", c->length,
      "batch", c->batch, "vocabulary", c->vocabulary, "bias", (int)c->biased, "flops_per_step",
      3 * c->batch * bench_net_flops(c), "count", batch->count[0], "loss", loss);
  bool lost = false; /* a part of it, for lack of memory */
  const struct {
    const char *key;
    json_t *item;
  } part[] = {
      {"mask", json_integer(pal_model_format(net->model)->mask)},
      {"rotary_base", json_real(pal_model_network(net->model)->rotary_base)},
      {"token", integers(batch->token, batch->rows, &lost)},
      {"target", integers(pal_batch_i32(batch, PAL_COLUMN_TARGET), batch->rows, &lost)},
      {"weight", reals(pal_batch_f32(batch, PAL_COLUMN_WEIGHT), batch->rows, &lost)},
  };
  for (size_t i = 0; i < sizeof part / sizeof *part; i++)
    lost |= json_object_set_new(all, part[i].key, part[i].item) != 0;
  char *text = !lost ? bench_json_text(all, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
  json_decref(all);
  if (!text) return pal_fail(error, PAL_E_MEMORY, "%s: no memory for a batch as JSON", path);
  const pal_status status = pal_file_replace(path, text, strlen(text), error);
  free(text);
  return status;
}

/* Saves the gradients as a weights file, by way of a second model of the same kind. */
static pal_status write_gradients(const bench_net *net, pal_context *context, pal_exec *exec,
                                  const char *const *set, int n, const char *path,
                                  pal_error *error) {
  bench_net twin;
  pal_status status = bench_net_open(&twin, context, net->c, "mdm", set, n, error);
  pal_graph *g =
      status ? NULL : bench_net_step(&twin, 1, false, false, error); /* makes its variables */
  if (!status && !g) status = error->code;
  if (g && pal_graph_error(g)->code) {
    *error = *pal_graph_error(g);
    status = error->code;
  }
  if (g) pal_graph_free(g);
  pal_variable *v;
  for (size_t i = 0; !status && (v = pal_store_at(twin.store, i)) != NULL; i++) {
    char name[256];
    snprintf(name, sizeof name, "gradient.%s", pal_variable_name(v));
    const void *gradient = pal_exec_output(exec, name, NULL);
    if (gradient) memcpy(pal_variable_data(v), gradient, pal_variable_bytes(v));
  }
  if (!status) status = pal_weights_save(twin.model, path, false, NULL, 0, error);
  bench_net_close(&twin);
  return status;
}

/* Runs one step and writes weights, gradients and the description of the case. */
static pal_status export_to(const char *weights, const char *gradients, const char *description,
                            bench *b, const bench_net_case *c, const char *const *set, int n,
                            pal_error *error) {
  bench_net net;
  bench_compiled plan = {NULL, NULL};
  pal_batch batch;
  pal_status status = bench_net_open(&net, b->context, c, "mdm", set, n, error);
  pal_graph *g = status ? NULL : bench_net_step(&net, c->batch, true, false, error);
  if (!status) status = g ? bench_compile(g, &plan, error) : error->code;
  if (!status) shake(net.store);
  if (!status) status = bench_net_feed(&net, plan.exec, c->batch, &batch, error);
  if (!status) status = pal_exec_run(plan.exec, error);
  if (!status) status = pal_weights_save(net.model, weights, false, NULL, 0, error);
  if (!status)
    status =
        write_case(&net, &batch, (double)*(const float *)pal_exec_output(plan.exec, "loss", NULL),
                   description, error);
  if (!status) status = write_gradients(&net, b->context, plan.exec, set, n, gradients, error);
  bench_release(&plan);
  bench_net_close(&net);
  return status;
}

pal_status bench_export(bench *b, const bench_net_case *c, const char *const *set, int n,
                        const char *directory, pal_error *error) {
  static const char *const name[3] = {"weights.safetensors", "gradients.safetensors", "case.json"};
  const size_t room = strlen(directory) + 64;
  char *file[3] = {NULL};
  pal_status status = PAL_OK;
  for (int i = 0; i < 3 && !status; i++) {
    file[i] = malloc(room);
    if (file[i]) snprintf(file[i], room, "%s/%s", directory, name[i]);
    status = file[i] ? pal_file_try(file[i], error)
                     : pal_fail(error, PAL_E_MEMORY, "no memory for the name of a file");
  }
  if (!status) status = export_to(file[0], file[1], file[2], b, c, set, n, error);
  for (int i = 0; i < 3; i++) free(file[i]);
  if (!status) printf("case %s written to %s\n", c->name, directory);
  return status;
}
