/* SPDX-License-Identifier: Apache-2.0 */
/* The states that a model definition declares, per row and per sequence, are carried from one
 * decoding step to the next: through edits, growth of the plan's capacity and the removal of
 * finished sequences. */
#include <string.h>

#include "tests/lab.h"
#include "tests/run.h"

enum { A, B, MASK, VOCABULARY };
enum { BORN, STEPS, DRAWN, STATES }; /* of rows, of sequences, of rows */
static const pal_format format = {
    .vocabulary = VOCABULARY, .mask = MASK, .bos = -1, .eos = -1, .context = 256};

static const pal_column states[] = {
    {"born", PAL_I32, false, -1}, {"steps", PAL_F32, true, 3}, {"drawn", PAL_I32, false, 0}};
static const char *const parts[] = {"none"};

static pal_status no_rows(const pal_model *model, const pal_example *example, pal_rng *rng,
                          bool evaluate, pal_batch *batch, pal_error *error) {
  (void)model, (void)example, (void)rng, (void)evaluate, (void)batch, (void)error;
  return PAL_E_UNSUPPORTED;
}

static void no_loss(const pal_model *model, pal_graph *graph, const pal_batch_values *in,
                    pal_value *part) {
  (void)model, (void)graph, (void)in, (void)part;
}

static int start(const pal_model *model, pal_start *s) {
  (void)model;
  const int n = s->example->n_prompt;
  memcpy(s->token, s->example->prompt, sizeof *s->token * (size_t)n);
  for (int i = 0; i < n; i++)
    ((int32_t *)s->state[DRAWN])[i] = (int32_t)pal_rng_below(s->rng, 1000);
  return n;
}

/* Every B has a mask inserted behind it, a mask becomes A; a sequence halts after as many steps as
 * its first row's draw says, modulo 5. A row knows the step in which it came to be. */
static void step(const pal_model *model, pal_graph *g, pal_decoding *d) {
  (void)model;
  const int32_t b = B, m = MASK;
  const pal_value none = pal_affine(g, d->token, 0, 0);
  const pal_value is_b =
      pal_compare(g, d->token, pal_constant(g, pal_type_scalar(PAL_I32), &b), PAL_EQ);
  const pal_edited e = pal_edit(g, d->token, none, none, is_b, none, d->begin, d->length, m, 0);
  d->next_token = e.tokens;
  d->next_begin = e.begin;
  d->next_length = e.length;
  /* gather gives 0 for an inserted row (source -1): born + 2 is 0 there, and 1 or more elsewhere */
  const pal_value born = pal_gather_rows(g, pal_affine(g, d->state[BORN], 1, 2), e.source);
  const pal_ragged index = pal_ragged_index(g, e.begin, e.length, e.tokens);
  const pal_value now = pal_gather_rows(g, pal_affine(g, d->age, 1, 2), index.sequence);
  const int32_t zero = 0;
  const pal_value fresh =
      pal_compare(g, born, pal_constant(g, pal_type_scalar(PAL_I32), &zero), PAL_EQ);
  d->next_state[BORN] = pal_affine(g, pal_where(g, fresh, now, born), 1, -2);
  d->next_state[DRAWN] = pal_gather_rows(g, d->state[DRAWN], e.source);
  d->next_state[STEPS] = pal_affine(g, d->state[STEPS], 1, 1);
  const pal_value first = pal_gather_rows(g, d->state[DRAWN], d->begin);
  const int32_t five = 5;
  const pal_value F = pal_constant(g, pal_type_scalar(PAL_I32), &five);
  const pal_value rest = pal_sub(
      g, first,
      pal_mul(g, pal_cast(g, pal_affine(g, pal_cast(g, first, PAL_F32), 0.2, 0.02), PAL_I32), F));
  d->done = pal_compare(g, d->age, rest, PAL_GE);
}

static const pal_model_definition grower = {.abi_size = sizeof(pal_model_definition),
                                            .name = "grower",
                                            .doc = "A test.",
                                            .form = PAL_FORM_ANSWER,
                                            .part = parts,
                                            .n_parts = 1,
                                            .state = states,
                                            .n_states = STATES,
                                            .rows = no_rows,
                                            .loss = no_loss,
                                            .start = start,
                                            .step = step};

enum { N = 60 }; /* so many that the plan has to grow */
static int seen[N], first_draw[N];

static void watch(int index, const pal_decoded *s, void *data) {
  (void)data;
  const int32_t *born = s->state[BORN], *drawn = s->state[DRAWN];
  const float *steps = s->state[STEPS];
  ck_assert_int_eq(seen[index]++, s->forward_passes);
  ck_assert_double_eq((double)*steps, 3 + s->forward_passes);
  if (s->forward_passes == 0) first_draw[index] = drawn[0];
  ck_assert_int_eq(drawn[0], first_draw[index]);
  /* The prompt is A B: behind the B stand rows from the newest to the oldest. */
  ck_assert_int_eq(s->n, 2 + s->forward_passes);
  ck_assert_int_eq(born[0], -1);
  ck_assert_int_eq(born[1], -1);
  for (int i = 2; i < s->n; i++) {
    ck_assert_int_eq(born[i], s->forward_passes + 1 - i);
    ck_assert_int_eq(drawn[i], 0);
  }
}

static void take(int index, const pal_decoded *s, void *data) {
  (void)data;
  ck_assert(s->halted);
  ck_assert_int_eq(s->forward_passes, first_draw[index] % 5 + 1);
  ck_assert_ptr_null(s->state[0]);
}

START_TEST(states_are_carried) {
  static const int32_t prompt[] = {A, B};
  pal_example e[N];
  lab l;
  lab_open(&l, 2, "arm", &format, NULL);
  pal_model_free(l.model);
  ck_assert_msg(!pal_define_model(l.context, &grower, &l.error), "%s", l.error.text);
  l.model = pal_model_new(l.context, l.store, "grower", &format, NULL, 0, &l.error);
  ck_assert_msg(l.model != NULL, "%s", l.error.text);
  for (int i = 0; i < N; i++)
    e[i] = (pal_example){.id = (uint64_t)i, .prompt = prompt, .n_prompt = 2};
  memset(seen, 0, sizeof seen);
  const pal_decode_options options = {.sequences = N, .max_steps = 50, .seed = 9, .watch = watch};
  pal_decoder *d = pal_decoder_new(l.model, &options, &l.error);
  ck_assert_msg(d != NULL, "%s", l.error.text);
  ck_assert_msg(!pal_decode(d, e, N, take, NULL, &l.error), "%s", l.error.text);
  pal_decoder_free(d);
  int different = 0;
  for (int i = 1; i < N; i++) different += first_draw[i] != first_draw[0];
  ck_assert_int_gt(different, N / 2);
  lab_close(&l);
}
END_TEST

/* What a definition must not declare. */
START_TEST(bad_definitions) {
  static const pal_column twice[] = {{"x", PAL_I32, false, 0}, {"x", PAL_F32, true, 0}};
  static const pal_column taken[] = {{"token", PAL_I32, false, 0}};
  static const pal_column bytes[] = {{"x", PAL_U8, false, 0}};
  static const char *const no_name[] = {""}, *const no_column[] = {"a,b"};
  typedef struct own {
    int64_t n;
    bool flag;
  } own;
  static const pal_setting overlap[] = {
      PAL_SET_WHOLE(own, n, "1", 0, 9, "doc"),
      {"m", "0", "doc", PAL_SETTING_FLAG, offsetof(own, n) + 7, 1, 0, 1, NULL, PAL_KEPT_USUALLY}};
  static const pal_setting clash[] = {
      PAL_SET_FLAG(own, flag, "1", "doc"),
      {"layers", "1", "doc", PAL_SETTING_WHOLE, 0, 8, 0, 9, NULL, PAL_KEPT_USUALLY}};
  static const pal_setting kind[] = {{"n", "1", "doc", PAL_SETTING_WHOLE, offsetof(own, flag),
                                      sizeof(bool), 0, 9, NULL, PAL_KEPT_USUALLY}};
  static const pal_setting value[] = {PAL_SET_WHOLE(own, n, "10", 0, 9, "doc")};
  static const pal_setting kept[] = {PAL_SET_WHOLE(own, n, "1", 0, 9, "doc", (pal_setting_kept)9)};
  static const char *const unknown[] = {"depth=3"};
  static const pal_setting one[] = {PAL_SET_WHOLE(own, n, "1", 0, 9, "doc")};
  static const pal_sampler sampler[] = {{"By N", "n=2", "doc"},
                                        {"m", "m=2", "doc"},
                                        {"n", "n=2", NULL},
                                        {"n", "n=2", "doc"},
                                        {"n", "n=3", "doc"}};
  struct {
    pal_model_definition d;
    const char *says;
  } bad[20];
  const int n = (int)(sizeof bad / sizeof *bad);
  for (int i = 0; i < n; i++) bad[i].d = grower;
  bad[0].d.rows = NULL, bad[0].says = "rows is missing";
  bad[1].d.loss = NULL, bad[1].says = "loss is missing";
  bad[2].d.step = NULL, bad[2].says = "step is missing";
  bad[3].d.doc = NULL, bad[3].says = "doc is missing";
  bad[4].d.n_parts = 0, bad[4].says = "loss parts";
  bad[5].d.part = no_name, bad[5].says = "no name";
  bad[6].d.column = twice, bad[6].d.n_columns = 2, bad[6].says = "declared twice";
  bad[7].d.column = taken, bad[7].d.n_columns = 1, bad[7].says = "uses";
  bad[8].d.state = bytes, bad[8].d.n_states = 1, bad[8].says = "i32 or f32";
  bad[9].d.setting = clash, bad[9].d.n_settings = 2, bad[9].says = "layers is the network's";
  bad[10].d.setting = kind, bad[10].d.n_settings = 1, bad[10].says = "size does not suit its kind";
  bad[11].d.setting = value, bad[11].d.n_settings = 1, bad[11].says = "not \"10\"";
  bad[12].d.network_default = unknown, bad[12].d.n_network_defaults = 1, bad[12].says = "depth";
  bad[13].d.setting = kept, bad[13].d.n_settings = 1, bad[13].says = "unknown value of `kept`";
  bad[15].d.part = no_column, bad[15].says = "of a-z, 0-9 and _";
  bad[14].d.setting = overlap, bad[14].d.n_settings = 2, bad[14].says = "n and m overlap";
  for (int i = 16; i < n; i++) {
    bad[i].d.setting = one, bad[i].d.n_settings = 1;
    bad[i].d.sampler = sampler + i - 16, bad[i].d.n_samplers = i == 19 ? 2 : 1;
  }
  bad[16].says = "a sampler has no name of a-z";
  bad[17].says = "\"m\"";
  bad[18].says = "a sampler has no setting or no doc";
  bad[19].says = "two samplers have one name";
  lab l;
  lab_open(&l, 1, "arm", &format, NULL);
  for (int i = 0; i < n; i++) {
    pal_error error = {0};
    bad[i].d.settings_size = sizeof(own);
    ck_assert_msg(pal_define_model(l.context, &bad[i].d, &error) != PAL_OK, "%d", i);
    ck_assert_msg(strstr(error.text, bad[i].says) && strstr(error.text, "grower"), "%d: %s", i,
                  error.text);
  }
  pal_model_definition other = grower;
  pal_error error = {0};
  other.abi_size--;
  ck_assert_int_eq(pal_define_model(l.context, &other, &error), PAL_E_ABI);
  lab_close(&l);
}
END_TEST

/* Other defaults for the network's settings, which the user's own still override. */
START_TEST(network_defaults) {
  static const char *const defaults[] = {"layers=2", "norm=rms"}, *const given[] = {"layers=3"};
  pal_model_definition d = grower;
  d.network_default = defaults;
  d.n_network_defaults = 2;
  lab l;
  lab_open(&l, 1, "arm", &format, NULL);
  pal_model_free(l.model);
  ck_assert(!pal_define_model(l.context, &d, &l.error));
  l.model = pal_model_new(l.context, l.store, "grower", &format, given, 1, &l.error);
  ck_assert_msg(l.model != NULL, "%s", l.error.text);
  ck_assert_int_eq(pal_model_network(l.model)->layers, 3);
  ck_assert_int_eq(pal_model_network(l.model)->norm, PAL_NORM_RMS);
  ck_assert_str_eq(pal_model_text(l.model, "norm"), "rms");
  ck_assert_ptr_null(pal_model_text(l.model, "depth"));
  lab_close(&l);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("states");
  TCase *c = tcase_create("states");
  tcase_add_test(c, states_are_carried);
  tcase_add_test(c, bad_definitions);
  tcase_add_test(c, network_defaults);
  suite_add_tcase(suite, c);
  return run_suite(suite);
}
