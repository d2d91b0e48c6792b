/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in with a diffusion variant of one's own: masked diffusion whose sampler takes back what it
 * is least sure of, after the idea of ReMDM (Wang et al., arXiv 2503.00307).
 *
 *   cc -shared -fPIC remasking.c $(pkg-config --cflags --libs palimpsest) -o remasking.so
 *   $ palimpsest compare parity --plugin ./remasking.so --models mdm,remasking --budget free --set train.steps=40 --set train_max=4 --set lengths=2,3 --set per_length=20 --set layers=1 --set width=16 --set heads=2 --quiet
 *
 * Training is that of an MDM with the linear schedule. A step writes the surest mask; while a sequence
 * is younger than `steps`, each written answer token becomes a mask again with probability `sigma` times
 * the chance the network gives to other tokens. Everything else (network, trainer, decoder, tasks) is shared. */
#include <palimpsest/palimpsest.h>

#include <math.h>

typedef struct settings {
  double sigma;
  int64_t steps;
} settings;

static const pal_setting table[] = {
    PAL_SET_REAL(settings, sigma, "0.5", 0, 1, "how readily a written token is taken back"),
    PAL_SET_WHOLE(settings, steps, "16", 0, 1 << 20,
                  "steps in which tokens may be taken back; then the masks left are written"),
};
static const pal_column columns[] = {PAL_TARGET_COLUMNS};
static const char *const parts[] = {"elbo"};

/* Prompt and answer as one sequence; every answer token a mask with probability t, weight 1 / t. */
static pal_status rows(const pal_model *model, const pal_example *example, pal_rng *rng,
                       bool evaluate, pal_batch *batch, pal_error *error) {
  int n = example->n_prompt + example->n_answer;
  int64_t first = pal_batch_add(batch, NULL, n, example->id, error);
  if (first < 0) return PAL_E_CAPACITY;
  /* Evaluation draws how many masks, which bounds -log p (as in the built-in MDM). */
  int left = example->n_answer;
  int wanted = left ? 1 + (int)pal_rng_below(rng, (uint32_t)left) : 0;
  double t = 0.001 + 0.999 * pal_rng_real(rng), weight = evaluate ? (double)left / wanted : 1 / t;
  for (int i = 0; i < n; i++) {
    int64_t row = first + i;
    int at = i - example->n_prompt;
    batch->token[row] = at < 0 ? example->prompt[i] : example->answer[at];
    if (at < 0) continue;
    bool hide =
        evaluate ? (int)pal_rng_below(rng, (uint32_t)(left - at)) < wanted : pal_rng_real(rng) < t;
    if (!hide) continue;
    wanted--;
    pal_batch_i32(batch, PAL_COLUMN_TARGET)[row] = batch->token[row];
    pal_batch_f32(batch, PAL_COLUMN_WEIGHT)[row] = (float)weight;
    batch->token[row] = pal_model_format(model)->mask;
  }
  batch->count[0] += example->n_answer;
  return PAL_OK;
}

static pal_value logits_of(const pal_model *model, pal_graph *g, const pal_network *network) {
  const int64_t mask = pal_model_format(model)->mask; /* never predicted */
  pal_value hidden = pal_backbone(g, model, network);
  return pal_exclude(g, pal_output_logits(g, model, hidden), (pal_ints){&mask, 1});
}

static void loss(const pal_model *model, pal_graph *g, const pal_batch_values *in,
                 pal_value *part) {
  pal_network network = pal_network_of_batch(g, in);
  pal_value logits = logits_of(model, g, &network);
  part[0] = pal_sum_all(g, pal_cross_entropy(g, logits, in->column[PAL_COLUMN_TARGET],
                                             in->column[PAL_COLUMN_WEIGHT], (pal_ints){0}));
}

static int start(const pal_model *model, pal_start *s) {
  const int n = s->example->n_prompt, all = n + s->answer_room;
  for (int i = 0; i < all && i < s->room; i++)
    s->token[i] = i < n ? s->example->prompt[i] : pal_model_format(model)->mask;
  return all;
}

static void step(const pal_model *model, pal_graph *g, pal_decoding *d) {
  int32_t mask = pal_model_format(model)->mask;
  pal_value M = pal_constant(g, pal_type_scalar(PAL_I32), &mask);
  pal_network network = pal_network_of_step(g, d);
  pal_value logits = logits_of(model, g, &network), log_p = pal_log_softmax(g, logits);
  pal_value masked = pal_compare(g, d->token, M, PAL_EQ), best = pal_argmax(g, logits, 1, false);

  /* The surest mask of each sequence is written. */
  pal_value score = pal_where(g, masked, pal_max(g, log_p, 1, false), pal_scalar(g, -INFINITY));
  pal_value one = pal_affine(g, d->length, 0, 1);
  pal_value write = pal_segment_top_k(g, score, d->begin, d->length, one);

  /* A written answer token is taken back by chance: sigma (1 - p of that token), while young. */
  const settings *set = pal_model_own(model);
  int32_t steps = (int32_t)set->steps;
  pal_value limit = pal_constant(g, pal_type_scalar(PAL_I32), &steps);
  pal_value own = pal_one_hot(g, d->token, pal_model_format(model)->vocabulary);
  pal_value p = pal_sum(g, pal_mul(g, pal_exp(g, log_p), own), 1, false);
  pal_value drawn =
      pal_bernoulli(g, pal_clamp(g, pal_affine(g, p, -set->sigma, set->sigma), 0, 1), d->random);
  pal_value given = pal_gather_rows(g, d->prompt_length, d->sequence);
  pal_value answer = pal_compare(g, d->position, given, PAL_GE);
  pal_value young = pal_gather_rows(g, pal_compare(g, d->age, limit, PAL_LT), d->sequence);
  pal_value free = pal_and(g, pal_and(g, answer, young), pal_not(g, masked));
  pal_value back = pal_and(g, drawn, free);

  d->next_token = pal_where(g, write, best, pal_where(g, back, M, d->token));
  pal_value left = pal_compare(g, d->next_token, M, PAL_EQ);
  d->done = pal_not(g, pal_segment_any(g, left, d->begin, d->length));
}

static const pal_model_definition remasking = {
    .abi_size = sizeof(pal_model_definition),
    .name = "remasking",
    .doc = "Masked diffusion that takes unsure tokens back while it decodes.",
    .form = PAL_FORM_ANSWER,
    .setting = table,
    .n_settings = PAL_SETTINGS(table),
    .settings_size = sizeof(settings),
    .column = columns,
    .n_columns = 2,
    .part = parts,
    .n_parts = 1,
    .rows = rows,
    .loss = loss,
    .start = start,
    .step = step,
    .likelihood = PAL_LIKELIHOOD_BOUND,
};

static pal_status define(pal_context *context, pal_error *error) {
  return pal_define_model(context, &remasking, error);
}

PAL_API const pal_plugin palimpsest_plugin = {PAL_ABI, sizeof(pal_op), "remasking", define};
