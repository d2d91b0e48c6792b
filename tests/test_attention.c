/* Memory of attention: nothing in its plan, forward or backward, may grow with the square of the
 * number of rows. */
#include <check.h>
#include <palimpsest/palimpsest.h>
#include <stdlib.h>

#include "tests/run.h"

enum { HEADS = 2, WIDTH = 32, SEQUENCES = 4 };

/* Bytes of the arena and of a worker's scratch for attention and its gradients over `rows` rows. */
static size_t bytes_at(pal_context *context, int64_t rows) {
  pal_error error = {0};
  pal_graph *g = pal_graph_new(context, NULL);
  pal_symbol t = pal_symbol_new(g, "T", rows), s = pal_symbol_new(g, "S", SEQUENCES);
  pal_value x[3], gradient[3];
  static const char *const name[3] = {"q", "k", "v"};
  for (int i = 0; i < 3; i++) x[i] = pal_input(g, name[i], PAL_TYPE(PAL_F32, t, 1, WIDTH));
  pal_attention options = {.heads = HEADS, .causal = true,
                           .q_begin = pal_input(g, "begin", PAL_TYPE(PAL_I32, s, 1)),
                           .q_length = pal_input(g, "length", PAL_TYPE(PAL_I32, s, 1))};
  pal_value y = pal_scaled_dot_product_attention(g, x[0], x[1], x[2], &options);
  pal_gradient(g, pal_sum_all(g, pal_mul(g, y, y)), x, 3, gradient);
  for (int i = 0; i < 3; i++) pal_output(g, name[i], gradient[i]);
  pal_plan *plan = pal_compile(g, &error);
  ck_assert_msg(plan != NULL, "%s", error.text);
  pal_plan_stats stats = pal_plan_statistics(plan);
  pal_plan_free(plan);
  pal_graph_free(g);
  return stats.arena_bytes + stats.task_scratch_bytes;
}

START_TEST(memory_is_linear_in_rows) {
  pal_error error = {0};
  pal_context *context = pal_open(NULL, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
  size_t one = bytes_at(context, 4096), two = bytes_at(context, 8192), four = bytes_at(context, 16384);
  /* Linear growth: the second doubling adds twice what the first did; quadratic would add four times. */
  ck_assert_msg((double)(four - two) < 2.1 * (double)(two - one), "%zu, %zu, %zu bytes", one, two, four);
  ck_assert_uint_lt(four, (size_t)16384 * 16384);
  pal_context_free(context);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("attention");
  TCase *c = tcase_create("attention");
  tcase_add_test(c, memory_is_linear_in_rows);
  suite_add_tcase(suite, c);
  return run_suite(suite);
}
