/* SPDX-License-Identifier: Apache-2.0 */
/* What a definition of a model left out when it was called is refused by name: values of the loss
 * and of a decoding step, and counts of the rows. */
#include <math.h>
#include <palimpsest/masked.h>
#include <string.h>

#include "tests/gym.h"
#include "tests/run.h"

/* What the definition "forgetful" does wrong, and what the refusal says. */
typedef enum fault {
  NONE,
  PART_NIL,
  PART_ROWS,
  PART_WHOLE,
  COUNT_NONE,
  COUNT_NEGATIVE,
  COUNT_NAN,
  NO_TOKEN,
  NO_DONE,
  NO_LENGTH,
  NO_BEGIN,
  NO_STATE
} fault;
static fault doing;
static const char *const says[] = {
    [PART_NIL] = "part 1 of the loss, second, is not set",
    [PART_ROWS] = "part 1 of the loss, second, is no scalar f32",
    [PART_WHOLE] = "part 1 of the loss, second, is no scalar f32",
    [COUNT_NONE] = "part 1 of the loss, second, is 3, but count[1] is 0",
    [COUNT_NEGATIVE] = "part 1 of the loss, second, is 3, but count[1] is -",
    [COUNT_NAN] = "part 1 of the loss, second, is 3, but count[1] is ",
    [NO_TOKEN] = "did not set next_token",
    [NO_DONE] = "did not set done",
    [NO_LENGTH] = "did not set next_length, but next_begin",
    [NO_BEGIN] = "did not set next_begin, but next_length",
    [NO_STATE] = "did not set next_state[0], the state \"note\" of each row"};

enum { EXAMPLES = 3 };

static pal_status rows(const pal_model *model, const pal_example *example, pal_rng *rng,
                       bool evaluate, pal_batch *batch, pal_error *error) {
  (void)model, (void)rng, (void)evaluate;
  if (pal_batch_add(batch, example->prompt, example->n_prompt, example->id, error) < 0)
    return error ? error->code : PAL_E_CAPACITY;
  batch->count[0] += 1;
  batch->count[1] += doing == COUNT_NONE       ? 0
                     : doing == COUNT_NEGATIVE ? -1
                     : doing == COUNT_NAN      ? (double)NAN
                                               : 1;
  return PAL_OK;
}

/* The first part is a parameter, so that there is one to train; the second the number of
 * sequences. */
static void loss(const pal_model *model, pal_graph *g, const pal_batch_values *in,
                 pal_value *part) {
  (void)model;
  const pal_value w =
      pal_parameter_new(g, "model.w", pal_type_scalar(PAL_F32), PAL_ZEROS, (pal_traits){0});
  const pal_value each = pal_affine(g, pal_cast(g, in->length, PAL_F32), 0, 1);
  const pal_value number = pal_sum_all(g, each);
  part[0] = pal_mul(g, pal_mul(g, w, w), number);
  part[1] = doing == PART_NIL     ? PAL_NIL
            : doing == PART_ROWS  ? each
            : doing == PART_WHOLE ? pal_cast(g, number, PAL_I32)
                                  : number;
}

static void step(const pal_model *model, pal_graph *g, pal_decoding *d) {
  (void)model;
  const pal_value none = pal_affine(g, d->token, 0, 0);
  const pal_edited e = pal_edit(g, d->token, none, none, none, none, d->begin, d->length, MASK, 0);
  d->next_token = doing == NO_TOKEN ? PAL_NIL : e.tokens;
  d->next_begin = doing == NO_BEGIN ? PAL_NIL : e.begin;
  d->next_length = doing == NO_LENGTH ? PAL_NIL : e.length;
  if (doing != NO_STATE) d->next_state[0] = pal_gather_rows(g, d->state[0], e.source);
  if (doing != NO_DONE) d->done = pal_affine(g, d->age, 0, 1);
}

static void define(gym *b) {
  static const char *const part[] = {"first", "second"};
  static const pal_column note[] = {{"note", PAL_I32, false, 0}};
  static const pal_model_definition forgetful = {.abi_size = sizeof(pal_model_definition),
                                                 .name = "forgetful",
                                                 .doc = "A test.",
                                                 .form = PAL_FORM_ANSWER,
                                                 .part = part,
                                                 .n_parts = 2,
                                                 .state = note,
                                                 .n_states = 1,
                                                 .rows = rows,
                                                 .loss = loss,
                                                 .step = step};
  const pal_format format = *pal_model_format(b->model);
  ck_assert_msg(!pal_define_model(b->context, &forgetful, &b->error), "%s", b->error.text);
  pal_model_free(b->model);
  b->model = pal_model_new(b->context, b->store, "forgetful", &format, NULL, 0, &b->error);
  ck_assert_msg(b->model != NULL, "%s", b->error.text);
}

static void assert_refused(const pal_error *error) {
  ck_assert_int_eq(error->code, PAL_E_ARGUMENT);
  ck_assert_msg(strstr(error->text, says[doing]) && strstr(error->text, "\"forgetful\""), "%s",
                error->text);
}

static void ignore(int index, const pal_decoded *decoded, void *data) {
  (void)index, (void)decoded, (void)data;
}

/* The whole life of the model without a fault, so that a refusal below is due to its fault. */
START_TEST(nothing_left_out) {
  static const char *const setting[] = {"batch=3", "steps=1"};
  static const int32_t prompt[] = {0, 1};
  gym b;
  pal_likelihood got;
  doing = NONE;
  gym_open_model(&b, &recipes[ARM], 1, NULL, LONGEST);
  define(&b);
  b.trainer = pal_trainer_new(b.model, &b.stream, setting, 2, &b.error);
  ck_assert_msg(b.trainer != NULL, "%s", b.error.text);
  const pal_step_report report = gym_step(&b);
  ck_assert_double_eq(report.part[1], 1);
  ck_assert_msg(!pal_evaluate_loss(b.model, toy_instance, &b.toy, EXAMPLES, 1, 1, &got, &b.error),
                "%s", b.error.text);
  ck_assert_double_eq(got.nats, 1);
  const pal_example one = {.prompt = prompt, .n_prompt = 2};
  const pal_decode_options options = {.sequences = 1, .max_steps = 2};
  pal_decoder *d = pal_decoder_new(b.model, &options, &b.error);
  ck_assert_msg(d && !pal_decode(d, &one, 1, ignore, NULL, &b.error), "%s", b.error.text);
  pal_decoder_free(d);
  gym_close(&b);
}
END_TEST

/* A loss without one of its parts is refused when its plan is built, before any row is drawn. */
START_TEST(parts_of_the_loss) {
  static const char *const setting[] = {"batch=3", "steps=1"};
  gym b;
  pal_likelihood got;
  pal_error error = {0};
  doing = (fault)_i;
  gym_open_model(&b, &recipes[ARM], 1, NULL, LONGEST);
  define(&b);
  ck_assert_ptr_null(pal_trainer_new(b.model, &b.stream, setting, 2, &b.error));
  assert_refused(&b.error);
  ck_assert_uint_eq(b.toy.next, 0);
  ck_assert(pal_evaluate_loss(b.model, toy_instance, &b.toy, EXAMPLES, 1, 1, &got, &error) != 0);
  assert_refused(&error);
  gym_close(&b);
}
END_TEST

/* A part whose rows are not counted is refused, and the step that did so changes nothing. */
START_TEST(counts_of_the_rows) {
  static const char *const setting[] = {"batch=3", "steps=1"};
  gym b;
  pal_likelihood got;
  pal_error error = {0};
  doing = (fault)_i;
  gym_open_model(&b, &recipes[ARM], 1, NULL, LONGEST);
  define(&b);
  b.trainer = pal_trainer_new(b.model, &b.stream, setting, 2, &b.error);
  ck_assert_msg(b.trainer != NULL, "%s", b.error.text);
  memory before = gym_remember(&b);
  ck_assert_int_ne(pal_trainer_step(b.trainer, NULL, &b.error), PAL_OK);
  assert_refused(&b.error);
  ck_assert(gym_is_as(&b, &before));
  free(before.bytes);
  ck_assert(pal_evaluate_loss(b.model, toy_instance, &b.toy, EXAMPLES, 1, 1, &got, &error) != 0);
  assert_refused(&error);
  gym_close(&b);
}
END_TEST

START_TEST(values_of_a_step) {
  gym b;
  doing = (fault)_i;
  gym_open_model(&b, &recipes[ARM], 1, NULL, LONGEST);
  define(&b);
  const pal_decode_options options = {.sequences = 1, .max_steps = 2};
  ck_assert_ptr_null(pal_decoder_new(b.model, &options, &b.error));
  assert_refused(&b.error);
  gym_close(&b);
}
END_TEST

/* What a definition gets wrong in its tables. */
START_TEST(unsound_tables) {
  static const char *const part[] = {"tokens"};
  static const pal_column of_rows[] = {PAL_TARGET_COLUMNS, {"time", PAL_F32, false, 0}};
  const pal_model_definition sound = {.abi_size = sizeof sound,
                                      .name = "unsound",
                                      .doc = "A test.",
                                      .part = part,
                                      .n_parts = 1,
                                      .column = of_rows,
                                      .n_columns = PAL_OWN_COLUMNS,
                                      .rows = rows,
                                      .loss = pal_masked_loss,
                                      .step = step};
  pal_model_definition time = sound, parts = sound, columns = sound;
  time.n_columns = 3;
  parts.part = NULL;
  columns.n_columns = 1;
  gym b;
  gym_open_model(&b, &recipes[ARM], 1, NULL, LONGEST);
  ck_assert_int_eq(pal_define_model(b.context, &time, &b.error), PAL_E_ARGUMENT);
  ck_assert_msg(strstr(b.error.text, "column 2 (\"time\") must be f32 per sequence"), "%s",
                b.error.text);
  pal_error_clear(&b.error);
  ck_assert_int_eq(pal_define_model(b.context, &parts, &b.error), PAL_E_ARGUMENT);
  ck_assert_msg(strstr(b.error.text, "part is missing"), "%s", b.error.text);
  pal_error_clear(&b.error);
  const pal_format format = *pal_model_format(b.model);
  ck_assert_msg(!pal_define_model(b.context, &columns, &b.error), "%s", b.error.text);
  pal_model_free(b.model);
  b.model = pal_model_new(b.context, b.store, "unsound", &format, NULL, 0, &b.error);
  ck_assert_msg(b.model != NULL, "%s", b.error.text);
  ck_assert_ptr_null(pal_trainer_new(b.model, &b.stream, NULL, 0, &b.error));
  ck_assert_msg(strstr(b.error.text, "PAL_TARGET_COLUMNS as the first columns"), "%s",
                b.error.text);
  gym_close(&b);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("definition");
  TCase *c = tcase_create("definition");
  tcase_add_test(c, nothing_left_out);
  tcase_add_loop_test(c, parts_of_the_loss, PART_NIL, COUNT_NONE);
  tcase_add_loop_test(c, counts_of_the_rows, COUNT_NONE, NO_TOKEN);
  tcase_add_loop_test(c, values_of_a_step, NO_TOKEN, NO_STATE + 1);
  tcase_add_test(c, unsound_tables);
  suite_add_tcase(suite, c);
  return run_suite(suite);
}
