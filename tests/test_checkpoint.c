/* SPDX-License-Identifier: Apache-2.0 */
/* Files of training and evaluation: a resumed run gives the bits of an uninterrupted one; loading
 * an invalid file fails and changes nothing; weights files; losses of examples and their standard
 * errors. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/alloc.h"
#include "src/file.h"
#include "src/safetensors.h"
#include "tests/gym.h"
#include "tests/run.h"

/* ---- files
 * ------------------------------------------------------------------------------------------------
 */

static char folder[] = "/tmp/pal_train_XXXXXX";

static const char *in_folder(const char *name) {
  static char path[4][200];
  static int turn;
  turn = (turn + 1) % 4;
  snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
  return path[turn];
}

START_TEST(resume) {
  const recipe *r = &recipes[_i];
  const course whole = gym_course(r, 2, NULL, NULL);
  gym a, b;
  char path[200];
  snprintf(path, sizeof path, "%s/resume-%d", folder, _i);
  gym_open(&a, r, 2, NULL, NULL);
  for (int i = 0; i < 7; i++) gym_step(&a);
  pal_trainer_use_average(a.trainer, true);
  ck_assert_msg(!pal_trainer_save(a.trainer, path, &a.error), "%s", a.error.text);
  gym_close(&a);
  gym_open(&b, r, 1, NULL, NULL);
  gym_step(&b);
  pal_trainer_use_average(b.trainer, true);
  ck_assert_msg(!pal_trainer_load(b.trainer, path, &b.error), "%s", b.error.text);
  for (int i = 7; i < STEPS; i++) {
    const pal_step_report report = gym_step(&b);
    ck_assert_mem_eq(&report, &whole.report[i], sizeof report);
  }
  ck_assert(gym_is_as(&b, &whole.end));
  free(whole.end.bytes);
  gym_close(&b);
}
END_TEST

/* A trainer loads its own earlier checkpoint: examples drawn in advance since then are dropped. */
START_TEST(back_again) {
  const recipe *r = &recipes[_i];
  const char *path = in_folder("back");
  pal_step_report report[4];
  memory end = {0};
  gym b;
  gym_open(&b, r, 2, NULL, NULL);
  for (int i = 0; i < 3; i++) gym_step(&b);
  ck_assert_msg(!pal_trainer_save(b.trainer, path, &b.error), "%s", b.error.text);
  for (int turn = 0; turn < 3; turn++) {
    for (int i = 0; i < 4 - turn; i++) { /* 4 steps, 3 of them again, and 2 */
      const pal_step_report now = gym_step(&b);
      if (turn) ck_assert_mem_eq(&now, &report[i], sizeof now);
      else report[i] = now;
    }
    if (turn == 0) end = gym_remember(&b);
    if (turn < 2) ck_assert(!pal_trainer_load(b.trainer, path, &b.error));
  }
  for (int i = 2; i < 4; i++) gym_step(&b);
  ck_assert(gym_is_as(&b, &end));
  free(end.bytes);
  gym_close(&b);
}
END_TEST

/* The file is refused with that text, and nothing has changed. */
static void refuse_state(gym *b, const char *path, const char *says) {
  pal_error error = {0};
  const memory before = gym_remember(b);
  const uint64_t read = b->toy.next; /* the stream is ahead of its state in a checkpoint */
  ck_assert_msg(pal_trainer_load(b->trainer, path, &error), "%s is taken", path);
  ck_assert_uint_eq(b->toy.next, read);
  ck_assert_msg(error.code && strstr(error.text, says), "wanted \"%s\", got: %s", says, error.text);
  ck_assert(gym_is_as(b, &before));
  free(before.bytes);
}

/* Every bit of the metadata, which a resume goes by: counters, seed, model, checksum. */
static void refuse_flips(gym *b, char *bytes, size_t size) {
  const char *path = in_folder("flipped");
  size_t end = 8;
  while (bytes[end] != '{' || memcmp(bytes + end, "{\"step\"", 7) != 0) end++;
  const size_t begin = end;
  while (bytes[end] != '}') end++;
  const memory before = gym_remember(b);
  for (size_t bit = 8 * begin; bit < 8 * (end + 1); bit++) {
    pal_error error = {0};
    bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    ck_assert(!pal_file_write(path, bytes, size, &b->error));
    ck_assert_msg(pal_trainer_load(b->trainer, path, &error), "bit %zu is not missed", bit);
    bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
  }
  ck_assert(gym_is_as(b, &before));
  free(before.bytes);
}

START_TEST(hostile_state) {
  gym b, other;
  char *bytes;
  size_t size;
  const char *path = in_folder("state"), *broken = in_folder("broken");
  gym_open(&b, &recipes[2], 1, NULL, NULL);
  gym_step(&b);
  ck_assert(!pal_trainer_save(b.trainer, path, &b.error));
  gym_step(&b);
  refuse_state(&b, in_folder("nothing"), "nothing");
  ck_assert(!pal_file_read(path, (size_t)1 << 30, &bytes, &size, &b.error));
  for (size_t n = 0; n < size; n += 1 + size / 97) {
    ck_assert(!pal_file_write(broken, bytes, n, &b.error));
    refuse_state(&b, broken, "broken");
  }
  for (size_t n = 0; n < size; n += 1 + size / 101) {
    bytes[n] = (char)(bytes[n] ^ 0x20);
    ck_assert(!pal_file_write(broken, bytes, size, &b.error));
    bytes[n] = (char)(bytes[n] ^ 0x20);
    refuse_state(&b, broken, "broken");
  }
  refuse_flips(&b, bytes, size);
  pal_free(bytes);
  gym_open(&other, &recipes[2], 1, NULL, "seed=2");
  refuse_state(&other, path, "seed");
  gym_close(&other);
  gym_open(&other, &recipes[2], 1, NULL, "optimizer=sgd");
  refuse_state(&other, path, "sgd");
  gym_close(&other);
  gym_open(&other, &recipes[2], 1, NULL, "ema=0");
  refuse_state(&other, path, "is not a variable of this trainer");
  gym_close(&other);
  gym_open(&other, &recipes[0], 1, NULL, NULL);
  refuse_state(&other, path, "model");
  gym_close(&other);
  gym_close(&b);
}
END_TEST

/* A state that is well-formed but whose stream or counters are not. */
START_TEST(wrong_state) {
  static const char *const wrong[][3] = {{"step", "-4", "step"},
                                         {"step", "12e3", "step"},
                                         {"examples", "", "examples"},
                                         {"tokens", "9 9", "tokens"}};
  gym b;
  gym_open(&b, &recipes[0], 1, NULL, NULL);
  gym_step(&b);
  pal_tensor *tensor = calloc(pal_store_count(b.store) + 1, sizeof *tensor);
  pal_variable *v;
  int n = 0;
  for (size_t i = 0; (v = pal_store_at(b.store, i)) != NULL; i++)
    if (pal_variable_role(v) != PAL_SCRATCH)
      tensor[n++] = (pal_tensor){.name = pal_variable_name(v),
                                 .type = *pal_variable_type(v),
                                 .data = pal_variable_data(v)};
  const char *path = in_folder("wrong");
  tensor[n] =
      (pal_tensor){.name = "stream", .data = "12345678", .type = PAL_TYPE(PAL_U8, PAL_STATIC, 7)};
  pal_metadata metadata[] = {
      {"step", "1"}, {"examples", "23"}, {"tokens", "46"}, {"seed", "1"}, {"model", "arm"}};
  ck_assert(!pal_safetensors_write(path, tensor, (size_t)n + 1, metadata, 5, &b.error));
  refuse_state(&b, path, "no state of a toy");
  tensor[n].type = PAL_TYPE(PAL_U8, PAL_STATIC, 8);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    for (int k = 0; k < 5; k++)
      metadata[k].value = strcmp(metadata[k].key, wrong[i][0]) == 0 ? wrong[i][1]
                          : k == 4                                  ? "arm"
                                                                    : "1";
    ck_assert(!pal_safetensors_write(path, tensor, (size_t)n + 1, metadata, 5, &b.error));
    refuse_state(&b, path, wrong[i][2]);
  }
  metadata[0].value = metadata[1].value = metadata[2].value = metadata[3].value = "1";
  tensor[0].type.dim[0] *= tensor[0].type.dim[1];
  tensor[0].type.dim[1] = 1;
  ck_assert(!pal_safetensors_write(path, tensor, (size_t)n + 1, metadata, 5, &b.error));
  refuse_state(&b, path, "this trainer (were the settings the same?): ");
  ck_assert(!pal_safetensors_write(path, tensor + 1, (size_t)n, metadata, 5, &b.error));
  refuse_state(&b, path, "is not in the file");
  free(tensor);
  gym_close(&b);
}
END_TEST

START_TEST(weights) {
  gym b, fresh, other;
  const char *const metadata[] = {"step=3", "note=a=b"}, *const bad[] = {"nothing"};
  const char *raw = in_folder("raw"), *mean = in_folder("mean");
  gym_open(&b, &recipes[1], 1, NULL, NULL);
  for (int i = 0; i < 3; i++) gym_step(&b);
  ck_assert(!pal_weights_save(b.model, raw, false, metadata, 2, &b.error));
  ck_assert(!pal_weights_save(b.model, mean, true, NULL, 0, &b.error));
  pal_error error = {0};
  ck_assert_int_eq(pal_weights_save(b.model, raw, false, bad, 1, &error), PAL_E_ARGUMENT);
  pal_safetensors *file = pal_safetensors_read(raw, &b.error);
  ck_assert_str_eq(pal_safetensors_metadata(file, "note"), "a=b");
  ck_assert_str_eq(pal_safetensors_metadata(file, "model"), "masked-arm");
  pal_safetensors_free(file);
  for (int k = 0; k < 2; k++) { /* into a model that has not even its parameters yet */
    gym_open_model(&fresh, &recipes[1], 1, NULL, LONGEST);
    ck_assert_msg(!pal_weights_load(fresh.model, k ? mean : raw, true, NULL, &fresh.error), "%s",
                  fresh.error.text);
    pal_variable *v;
    for (size_t i = 0; (v = pal_store_at(fresh.store, i)) != NULL; i++) {
      char name[200];
      snprintf(name, sizeof name, "%s%s", k ? "ema." : "", pal_variable_name(v));
      ck_assert_mem_eq(pal_variable_data(v), pal_variable_data(pal_store_find(b.store, name)),
                       pal_variable_bytes(v));
    }
    gym_close(&fresh);
  }
  static const recipe wider = {
      "ap-mdm", {"layers=2", "width=32", "hidden=64", "norm=rms", NULL}, {NULL}};
  gym_open(&other, &wider, 1, NULL, "ema=0.5");
  const memory before = gym_remember(&other);
  error = (pal_error){0};
  ck_assert_int_eq(pal_weights_load(other.model, raw, true, NULL, &error), PAL_E_FORMAT);
  ck_assert_msg(strstr(error.text, "the weights are of model masked-arm;") &&
                    strstr(error.text, "model.block.0.mlp.in.weight") &&
                    strstr(error.text, "f32[128,32]"),
                "%s", error.text);
  ck_assert(gym_is_as(&other, &before));
  free(before.bytes);
  char *skipped;
  ck_assert(!pal_weights_load(other.model, raw, false, &skipped, &other.error));
  ck_assert_msg(strstr(skipped, "model.edit.bias is not in the file\n"), "%s", skipped);
  free(skipped);
  const char *const loaded[] = {"model.embedding.weight", "ema.model.embedding.weight"};
  for (int i = 0; i < 2; i++)
    ck_assert_mem_eq(pal_variable_data(pal_store_find(other.store, loaded[i])),
                     pal_variable_data(pal_store_find(b.store, loaded[0])), VOCABULARY * 32 * 4);
  gym_close(&other);
  gym_close(&b);
}
END_TEST

START_TEST(files_and_directories) {
  pal_error error = {0};
  struct stat info;
  const char *deep = in_folder("a/b/c"), *file = in_folder("a/b/c/note");
  for (int i = 0; i < 2; i++) ck_assert(!pal_directory_create(deep, &error));
  ck_assert(!pal_file_replace(file, "first", 5, &error));
  ck_assert(!pal_file_replace(file, "next", 4, &error));
  ck_assert(stat(file, &info) == 0 && info.st_size == 4);
  ck_assert_int_ne(pal_directory_create(file, &error), PAL_OK);
  error = (pal_error){0};
  ck_assert_int_ne(pal_file_replace(in_folder("no/such/place"), "x", 1, &error), PAL_OK);
}
END_TEST

/* ---- evaluation
 * ---------------------------------------------------------------------------------------------- */

static pal_likelihood evaluate(gym *b, int n, int draws, uint64_t seed) {
  pal_likelihood result;
  memset(&result, 0, sizeof result);
  ck_assert_msg(
      !pal_evaluate_loss(b->model, toy_instance, &b->toy, n, draws, seed, &result, &b->error), "%s",
      b->error.text);
  return result;
}

START_TEST(evaluation) {
  enum { N = 300, DRAWS = 8 };
  gym b;
  gym_open(&b, &recipes[_i], 2, NULL, NULL);
  for (int i = 0; i < 5; i++) gym_step(&b);
  pal_likelihood many = evaluate(&b, N, DRAWS, 1), other = evaluate(&b, N, DRAWS, 2);
  ck_assert_int_eq(many.examples, N);
  ck_assert_int_gt(many.tokens, N);
  static const pal_likelihood_kind kind[] = {PAL_LIKELIHOOD_EXACT, PAL_LIKELIHOOD_EXACT,
                                             PAL_LIKELIHOOD_BOUND, PAL_LIKELIHOOD_NONE};
  ck_assert_int_eq(many.kind, kind[_i]);
  ck_assert_int_eq(many.draws, _i == 0 ? 0 : DRAWS);
  if (_i == 0) { /* exact: no draws, and the same for any seed */
    ck_assert_double_eq(many.standard_error, 0);
    ck_assert_double_eq(many.nats, other.nats);
  } else {
    ck_assert_double_gt(many.standard_error, 0);
    ck_assert_double_lt(many.standard_error, 0.1 * many.nats);
    const double both = hypot(many.standard_error, other.standard_error);
    ck_assert_double_le(fabs(many.nats - other.nats), 5 * both);
    const pal_likelihood once = evaluate(&b, N, 1, 1);
    ck_assert_double_eq(once.standard_error, 0);
  }
  for (int threads = 1; threads <= 4; threads += 3) {
    pal_context_set_threads(b.context, threads);
    const pal_likelihood again = evaluate(&b, N, DRAWS, 1);
    ck_assert_mem_eq(&again, &many, sizeof many);
  }
  gym_close(&b);
}
END_TEST

START_TEST(learning) {
  gym b;
  gym_open(&b, &recipes[_i], 2, NULL, NULL);
  const pal_likelihood before = evaluate(&b, 100, 4, 1);
  b.toy.next = 0;
  for (int i = 0; i < 2 * STEPS; i++) gym_step(&b);
  const pal_likelihood after = evaluate(&b, 100, 4, 1);
  ck_assert_msg(after.nats < 0.9 * before.nats, "%s: from %g to %g", recipes[_i].definition,
                before.nats, after.nats);
  gym_close(&b);
}
END_TEST

/* The reported standard error is that of results with independent seeds. */
START_TEST(standard_error) {
  enum { SEEDS = 60 };
  gym b;
  gym_open(&b, &recipes[2], 1, NULL, NULL);
  for (int i = 0; i < 5; i++) gym_step(&b);
  double mean = 0, square = 0, claimed = 0;
  for (int s = 1; s <= SEEDS; s++) {
    const pal_likelihood l = evaluate(&b, 40, 4, (uint64_t)s);
    const double from = l.nats - mean;
    mean += from / s;
    square += from * (l.nats - mean);
    claimed += l.standard_error * l.standard_error / SEEDS;
  }
  const double ratio = square / (SEEDS - 1) / claimed;
  ck_assert_msg(ratio > 0.5 && ratio < 2, "variance %g times what is claimed", ratio);
  gym_close(&b);
}
END_TEST

static void no_answer(int index, const pal_decoded *decoded, void *data) {
  (void)index, (void)decoded, (void)data;
  ck_abort_msg("a model without numbers has answered");
}

/* A weight of NaN is refused by name; logits of NaN give an error and no answer. */
START_TEST(not_finite) {
  gym b;
  pal_error error = {0};
  char path[] = "/tmp/pal_weights_XXXXXX";
  close(mkstemp(path));
  gym_open(&b, &recipes[0], 1, NULL, NULL);
  gym_step(&b);
  float *gain = pal_variable_data(pal_store_find(b.store, "model.norm.gain"));
  const float before = gain[1];
  gain[1] = NAN;
  ck_assert(!pal_weights_save(b.model, path, false, NULL, 0, &b.error));
  gain[1] = before;
  ck_assert_int_eq(pal_weights_load(b.model, path, true, NULL, &error), PAL_E_FORMAT);
  ck_assert_msg(strstr(error.text, "element 1 of \"model.norm.gain\""), "%s", error.text);
  ck_assert_float_eq(gain[1], before);
  ck_assert(!pal_trainer_save(b.trainer, path, &b.error));
  gain[1] = NAN;
  const pal_decode_options options = {.sequences = 1, .max_steps = 3, .answer_room = 1};
  pal_decoder *d = pal_decoder_new(b.model, &options, &b.error);
  ck_assert_msg(d != NULL, "%s", b.error.text);
  const int32_t token[] = {1};
  const pal_example prompt = {.prompt = token, .n_prompt = 1};
  error = (pal_error){0};
  ck_assert_int_eq(pal_decode(d, &prompt, 1, no_answer, NULL, &error), PAL_E_NONFINITE);
  pal_decoder_free(d);
  gym_close(&b);
  unlink(path);
}
END_TEST

START_TEST(bad_evaluation) {
  gym b;
  pal_likelihood result;
  pal_error error = {0};
  gym_open(&b, &recipes[0], 1, NULL, NULL);
  ck_assert_int_eq(pal_evaluate_loss(b.model, toy_instance, &b.toy, 0, 1, 1, &result, &error),
                   PAL_E_ARGUMENT);
  error = (pal_error){0};
  b.toy.fail_at = 1000003;
  ck_assert_int_eq(pal_evaluate_loss(b.model, toy_instance, &b.toy, 9, 1, 1, &result, &error),
                   PAL_E_IO);
  b.toy.fail_at = 0;
  error = (pal_error){0};
  *(float *)pal_variable_data(pal_store_find(b.store, "model.norm.gain")) = INFINITY;
  ck_assert_int_eq(pal_evaluate_loss(b.model, toy_instance, &b.toy, 9, 1, 1, &result, &error),
                   PAL_E_NONFINITE);
  ck_assert_msg(strstr(error.text, "evaluating: ") != NULL, "%s", error.text);
  gym_close(&b);
}
END_TEST

static void make_folder(void) {
  static const char pattern[] = "/tmp/pal_train_XXXXXX";
  memcpy(folder, pattern, sizeof folder);
  ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void) {
  char command[256];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  if (system(command) != 0) fprintf(stderr, "%s stays behind\n", folder);
}

int main(void) {
  Suite *suite = suite_create("checkpoint");
  TCase *files = tcase_create("files"), *likelihoods = tcase_create("evaluation");
  tcase_add_checked_fixture(files, make_folder, remove_folder);
  tcase_add_loop_test(files, resume, 0, RECIPES);
  tcase_add_loop_test(files, back_again, 0, RECIPES);
  tcase_add_test(files, hostile_state);
  tcase_add_test(files, wrong_state);
  tcase_add_test(files, weights);
  tcase_add_test(files, files_and_directories);
  tcase_add_loop_test(likelihoods, evaluation, 0, RECIPES);
  tcase_add_loop_test(likelihoods, learning, 0, RECIPES);
  tcase_add_test(likelihoods, standard_error);
  tcase_add_test(likelihoods, bad_evaluation);
  tcase_add_test(likelihoods, not_finite);
  suite_add_tcase(suite, files);
  suite_add_tcase(suite, likelihoods);
  return run_suite(suite);
}
