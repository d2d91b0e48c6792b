/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in that defines uniform diffusion: noise makes tokens random, not masks (Austin et al.,
 * arXiv 2107.03006, with the uniform transition; Schiff et al., arXiv 2412.10193).
 *
 *   cc -shared -fPIC uniform_diffusion.c $(pkg-config --cflags --libs palimpsest) -o uniform_diffusion.so
 *   $ palimpsest compare parity --plugin ./uniform_diffusion.so --models mdm,uniform-diffusion --budget free --set train.steps=40 --set train_max=4 --set lengths=2,3 --set per_length=20 --set layers=1 --set width=16 --set heads=2 --quiet
 *
 * At time t, from 0 (data) to 1 (noise), an answer token is random with probability t. The network
 * gets t and predicts the data. A step predicts, then adds the noise of the next lower time. */
#include <palimpsest/palimpsest.h>

typedef struct uniform_settings {
  int64_t steps;
} uniform_settings;
static const pal_setting settings[] = {PAL_SET_WHOLE(uniform_settings, steps, "16", 1, 1 << 20,
                                                     "steps of the sampler", PAL_KEPT_BY_NONE)};
static const char *const network[] = {"time=adaln"};
enum { TIME = PAL_OWN_COLUMNS, COLUMNS };
static const pal_column columns[] = {PAL_TARGET_COLUMNS, {"time", PAL_F32, true, 0}};
static const pal_column states[] = {PAL_ANSWER_STATE};
static const char *const parts[] = {"x0"};

static int32_t noise(const pal_format *format, pal_rng *rng) { /* any token but the mask */
  const int32_t token = (int32_t)pal_rng_below(rng, (uint32_t)format->vocabulary - 1);
  return token + (token >= format->mask);
}

static pal_status rows(const pal_model *model, const pal_example *example, pal_rng *rng,
                       bool evaluate, pal_batch *batch, pal_error *error) {
  const pal_answer answer = pal_answer_add(batch, model, example, error);
  if (answer.first < 0) return error->code;
  const double t = pal_rng_real(rng);
  batch->count[0] += answer.n;
  (void)evaluate;
  pal_batch_f32(batch, TIME)[batch->sequences - 1] = (float)t;
  for (int i = 0; i < answer.rows; i++) {
    if (!pal_answer_has(&answer, i)) continue;
    int32_t *token = &batch->token[answer.first + i], data = *token;
    pal_answer_mask(&answer, batch, i, 1); /* sets the target to the token */
    *token = pal_rng_real(rng) < t ? noise(pal_model_format(model), rng) : data;
  }
  return PAL_OK;
}

static int start(const pal_model *model, pal_start *s) { /* random answer tokens */
  const int n = pal_masked_start(model, s);
  for (int i = 0; i < n && n <= s->room; i++)
    if (((const int32_t *)s->state[0])[i]) s->token[i] = noise(pal_model_format(model), s->rng);
  return n;
}

static void decode_settings(const pal_model *model, pal_decode_settings *to) {
  to->steps = ((const uniform_settings *)pal_model_own(model))->steps;
}

static void step(const pal_model *model, pal_graph *g, pal_decoding *d) {
  const pal_format *format = pal_model_format(model);
  const double steps = (double)((const uniform_settings *)pal_model_own(model))->steps;
  pal_network told = pal_network_of_step(g, d);
  told.time = pal_affine(g, pal_cast(g, d->age, PAL_F32), -1 / steps, 1);
  const pal_masked_step now = pal_masked_predict(model, g, d, &told, 1); /* drawn */
  const pal_value later = pal_clamp(g, pal_affine(g, told.time, 1, -1 / steps), 0, 1);
  d->done = pal_compare(g, pal_affine(g, d->age, 1, 1), pal_int(g, (int32_t)steps), PAL_GE);
  const pal_value best = pal_argmax(g, now.logits, 1, false);
  const pal_value data = pal_where(g, pal_gather_rows(g, d->done, d->sequence), best, now.y);
  const pal_value u = pal_max(g, pal_uniform(g, d->random, 1), 1, false);
  const pal_value drawn = pal_cast(g, pal_affine(g, u, format->vocabulary - 1, 0), PAL_I32);
  const pal_value at_mask = pal_compare(g, drawn, pal_int(g, format->mask), PAL_GE);
  const pal_value noisy = pal_bernoulli(g, pal_gather_rows(g, later, d->sequence), d->random);
  const pal_value next = pal_where(g, noisy, pal_add(g, drawn, at_mask), data);
  d->next_token = pal_where(g, d->state[0], next, d->token);
}

static const pal_model_definition uniform_diffusion = {
    .abi_size = sizeof(pal_model_definition),
    .name = "uniform-diffusion",
    .doc = "Diffusion whose noise is random tokens: every token may change at every step.",
    .form = PAL_FORM_ANSWER,
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(uniform_settings),
    .network_default = network,
    .n_network_defaults = 1,
    .column = columns,
    .n_columns = COLUMNS,
    .part = parts,
    .n_parts = 1,
    .state = states,
    .n_states = 1,
    .rows = rows,
    .loss = pal_masked_loss,
    .start = start,
    .step = step,
    .decode_settings = decode_settings,
};

static pal_status define(pal_context *context, pal_error *error) {
  return pal_define_model(context, &uniform_diffusion, error);
}
PAL_API const pal_plugin palimpsest_plugin = {PAL_ABI, sizeof(pal_op), "uniform_diffusion", define};
