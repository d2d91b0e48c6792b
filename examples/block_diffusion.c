/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in that defines block diffusion: autoregressive over blocks, masked diffusion within each
 * (Arriola et al., arXiv 2503.09573).
 *
 *   cc -shared -fPIC block_diffusion.c $(pkg-config --cflags --libs palimpsest) -o block_diffusion.so
 *   $ palimpsest compare parity --plugin ./block_diffusion.so --models arm,block-diffusion --budget free --set train.steps=40 --set train_max=4 --set lengths=2,3 --set per_length=20 --set layers=1 --set width=16 --set heads=2 --quiet
 *
 * A training sequence has two copies as rows. Clean rows attend to clean rows of their own and of
 * earlier blocks; noisy (masked) rows attend to the noisy rows of their own block and to the clean
 * rows of earlier ones. So one pass trains every block, given the true earlier ones. In decoding
 * all rows are clean. */
#include <math.h>
#include <palimpsest/palimpsest.h>

typedef struct block_settings {
  int64_t size, k;
} block_settings;

static const pal_setting settings[] = {
    PAL_SET_WHOLE(block_settings, size, "4", 1, 1 << 20, "rows of a block", PAL_KEPT_BY_RUN),
    PAL_SET_WHOLE(block_settings, k, "1", 1, 1 << 20, "masks of a block that a step writes",
                  PAL_KEPT_BY_NONE),
};
enum { KIND = PAL_OWN_COLUMNS, COLUMNS };
static const pal_column columns[] = {PAL_TARGET_COLUMNS, {"kind", PAL_I32, false, 0}};
static const char *const parts[] = {"elbo"};
/* Kinds: clean, noisy. */
static const int32_t visible[2 * 2] = {PAL_SEES_EARLIER_AND_SAME, PAL_SEES_NOTHING, /* clean */
                                       PAL_SEES_EARLIER, PAL_SEES_SAME};            /* noisy */

/* Masks each block as masked diffusion does: the expected sum over blocks is a bound of -log p. */
static pal_status rows(const pal_model *model, const pal_example *example, pal_rng *rng,
                       bool evaluate, pal_batch *batch, pal_error *error) {
  const int size = (int)((const block_settings *)pal_model_own(model))->size;
  const pal_answer clean = pal_answer_add_copies(batch, model, example, 2, error);
  (void)evaluate; /* training minimises the same bound */
  if (clean.first < 0) return error->code;
  batch->count[0] += clean.n;
  pal_answer noisy = clean;
  noisy.first += clean.rows;
  for (int i = 0; i < clean.rows; i++) pal_batch_i32(batch, KIND)[noisy.first + i] = 1;
  for (int i = 0; i < clean.rows; i += size)
    pal_answer_mask_elbo_within(&noisy, batch, rng, i, i + size);
  return PAL_OK;
}

static void see(const pal_model *model, pal_graph *g, pal_network *network, pal_value kind) {
  network->visible = pal_constant(g, PAL_TYPE(PAL_I32, PAL_STATIC, 2, 2), visible);
  network->kind = kind;
  const double size = (double)((const block_settings *)pal_model_own(model))->size;
  const pal_value position = pal_cast(g, network->position, PAL_F32);
  network->block = pal_cast(g, pal_affine(g, position, 1 / size, 0.5 / size), PAL_I32);
}

static void loss(const pal_model *model, pal_graph *g, const pal_batch_values *in,
                 pal_value *part) {
  pal_network network = pal_network_of_batch(g, in);
  see(model, g, &network, in->column[KIND]);
  pal_masked_loss_of(model, g, in, &network, part);
}

/* Writes the k most confident masks of the first block that has masks. */
static void step(const pal_model *model, pal_graph *g, pal_decoding *d) {
  pal_network network = pal_network_of_step(g, d);
  see(model, g, &network, pal_affine(g, d->position, 0, 0));
  const pal_masked_step now = pal_masked_predict(model, g, d, &network, 0);
  const pal_value never = pal_scalar(g, -INFINITY);
  const pal_value back = pal_affine(g, pal_cast(g, network.block, PAL_F32), -1, 0);
  const pal_value first =
      pal_segment_max(g, pal_where(g, now.masked, back, never), d->begin, d->length);
  const pal_value due = pal_compare(g, back, pal_gather_rows(g, first, d->sequence), PAL_EQ);
  const pal_value sure = pal_max(g, pal_log_softmax(g, now.logits), 1, false);
  const int k = (int)((const block_settings *)pal_model_own(model))->k;
  pal_masked_write(model, g, d, &now,
                   pal_masked_best(g, d, &now, pal_where(g, due, sure, never), k));
}

static const pal_model_definition block_diffusion = {
    .abi_size = sizeof(pal_model_definition),
    .name = "block-diffusion",
    .doc = "Left to right by blocks, masked diffusion within each.",
    .form = PAL_FORM_ANSWER,
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(block_settings),
    .column = columns,
    .n_columns = COLUMNS,
    .part = parts,
    .n_parts = 1,
    .rows = rows,
    .loss = loss,
    .start = pal_masked_start,
    .step = step,
    .likelihood = PAL_LIKELIHOOD_BOUND,
};

static pal_status define(pal_context *context, pal_error *error) {
  return pal_define_model(context, &block_diffusion, error);
}
PAL_API const pal_plugin palimpsest_plugin = {PAL_ABI, sizeof(pal_op), "block_diffusion", define};
