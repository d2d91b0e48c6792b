/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier that runs between the passes of pal_compile. Each test plants one fault in the
 * result of a pass, and the compilation must fail. The linker inserts the faults after the passes
 * (--wrap, in local.mk). */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "graph/steps.h"
#include "tests/fixture.h"
#include "tests/run.h"
#include "tests/toy.h"

/* ---- slips ------------------------------------------------------------------------------- */

/* Applies the k-th variant of a fault; false when there is none. */
typedef bool fault(pal_plan *plan, int k);
static fault *after_stages, *after_memory;
static int variant;
static bool done;

pal_status __real_pal_plan_stages(pal_plan *plan, pal_error *e);
pal_status __real_pal_plan_memory(pal_plan *plan, pal_error *e);
pal_status __wrap_pal_plan_stages(pal_plan *plan, pal_error *e);
pal_status __wrap_pal_plan_memory(pal_plan *plan, pal_error *e);

pal_status __wrap_pal_plan_stages(pal_plan *plan, pal_error *e) {
  const pal_status status = __real_pal_plan_stages(plan, e);
  if (!status && after_stages) done = after_stages(plan, variant);
  return status;
}

pal_status __wrap_pal_plan_memory(pal_plan *plan, pal_error *e) {
  const pal_status status = __real_pal_plan_memory(plan, e);
  if (!status && after_memory) done = after_memory(plan, variant);
  return status;
}

/* Chains, a reduction, gathers, a bound symbol, a write in place read before and after. */
static pal_plan *plan(void) {
  pal_graph *h = pal_graph_new(context, store);
  const pal_symbol t = pal_symbol_new(h, "T", 9);
  const pal_value x = pal_input(h, "x", PAL_TYPE(PAL_F32, t, 1, 3));
  const pal_value index = pal_input(h, "index", PAL_TYPE(PAL_I32, t, 1));
  const pal_value table =
      pal_variable_new(h, "table", PAL_TYPE(PAL_F32, PAL_STATIC, 5, 3), PAL_STATE, PAL_ONES);
  const pal_value a = toy_neg(h, x), b = toy_mul(h, a, a),
                  c = toy_neg(h, toy_mul(h, b, toy_total(h, a)));
  const pal_value before = toy_pick(h, table, index), after = toy_put(h, table, index, c);
  const pal_value kept = toy_keep(h, toy_mul(h, toy_pick(h, after, index), before), "kept", 9);
  pal_output(h, "kept", toy_neg(h, toy_neg(h, kept)));
  pal_output(h, "b", toy_neg(h, b));
  pal_plan *made = pal_compile(h, &error);
  pal_graph_free(h);
  return made;
}

/* Every variant of the fault is noticed; returns how many there are. */
static int all_noticed(fault *stages, fault *memory) {
  for (variant = 0;; variant++) {
    after_stages = stages;
    after_memory = memory;
    pal_plan *made = plan();
    after_stages = after_memory = NULL;
    if (!done) {
      ck_assert_msg(made != NULL, "%s", error.text);
      pal_plan_free(made);
      return variant;
    }
    ck_assert_msg(!made, "variant %d went unnoticed", variant);
    ck_assert_msg(strstr(error.text, "unsound") != NULL, "%s", error.text);
    ck_assert_int_eq(error.code, PAL_E_INTERNAL);
    pal_error_clear(&error);
  }
}

/* ---- graphs ---------------------------------------------------------------------------------- */

static int inferred, lies_at;
static bool refuses;

/* Says another type, or refuses, when it is asked for the `lies_at`-th time. */
static pal_status fickle_infer(pal_infer *c) {
  c->n_out = 1;
  c->out_type[0] = c->in_type[0];
  if (++inferred != lies_at) return PAL_OK;
  if (refuses) return pal_fail(c->error, PAL_E_SHAPE, "no");
  c->out_type[0].dim[0]++;
  return PAL_OK;
}
static pal_status nothing(const pal_run *r) {
  (void)r;
  return PAL_OK;
}
static pal_status no_reference(const pal_reference *r) {
  (void)r;
  return PAL_OK;
}
static const pal_op fickle = {.abi_size = sizeof(pal_op),
                              .name = "fickle",
                              .version = 1,
                              .doc = "",
                              .no_case = "a toy of the tests",
                              .min_in = 1,
                              .max_in = 1,
                              .flags = PAL_OP_NO_GRADIENT,
                              .infer = fickle_infer,
                              .reference = no_reference,
                              .phase = {{.run = nothing}}};

/* The builder asks once, then the verifier after each of the two rewriting passes. */
START_TEST(every_rewriting_pass_is_verified) {
  refuses = _i;
  ck_assert_int_eq(pal_define_op(context, &fickle, &error), PAL_OK);
  for (lies_at = 2; lies_at <= 4; lies_at++) {
    inferred = 0;
    pal_graph *h = pal_graph_new(context, store);
    const pal_value x = pal_input(h, "x", PAL_TYPE(PAL_F32, PAL_STATIC, 3));
    pal_output(h, "y", pal_apply(h, "fickle", &x, 1, NULL, NULL));
    pal_plan *made = pal_compile(h, &error);
    ck_assert_int_eq(made == NULL, lies_at < 4);
    ck_assert_int_eq(inferred, lies_at < 4 ? lies_at : 3);
    ck_assert_int_eq(error.code, made ? PAL_OK : PAL_E_INTERNAL);
    if (!made) ck_assert_ptr_nonnull(strstr(error.text, refuses ? "accepted when" : "has changed"));
    pal_error_clear(&error);
    pal_plan_free(made);
    pal_graph_free(h);
  }
}
END_TEST

START_TEST(a_damaged_graph_is_refused) {
  for (int k = 0; k < 4; k++) {
    pal_plan *made = plan();
    pal_node *last = NULL;
    for (size_t n = 1; n < made->graph->node.n; n++)
      if (made->graph->node.at[n].kind == PAL_NODE_OP) last = &made->graph->node.at[n];
    ck_assert_int_eq(pal_verify(made->graph, &error), PAL_OK);
    if (k == 0) last->in[0] = pal_node_out(last, 0);
    if (k == 1) last->in[0].id = (uint32_t)made->graph->value.n;
    if (k == 2) made->graph->value.at[last->first_out].node--;
    if (k == 3) made->graph->value.at[last->first_out].type.dim[1]++;
    ck_assert_int_eq(pal_verify(made->graph, &error), PAL_E_INTERNAL);
    ck_assert_int_eq(error.code, PAL_E_INTERNAL);
    pal_error_clear(&error);
    pal_plan_free(made);
  }
}
END_TEST

/* ---- stages ------------------------------------------------------------------------------ */

/* The barrier after stage k is gone. */
static bool no_barrier(pal_plan *p, int k) {
  if (k + 1 >= (int)p->stage.n) return false;
  p->stage.at[k].n_items += p->stage.at[k + 1].n_items;
  p->stage.at[k].binds |= p->stage.at[k + 1].binds;
  memmove(&p->stage.at[k + 1], &p->stage.at[k + 2],
          (p->stage.n - (size_t)k - 2) * sizeof *p->stage.at);
  p->stage.n--;
  for (size_t s = 0; s < p->step.n; s++) {
    pal_step *step = &p->step.at[s];
    for (int i = 0; i < step->phases; i++) step->stage[i] -= step->stage[i] > k;
    step->last_stage = step->stage[step->phases - 1];
  }
  return true;
}

/* The k-th chain runs backwards. */
static bool backwards(pal_plan *p, int k) {
  for (size_t i = 0; i < p->item.n; i++) {
    const pal_item *item = &p->item.at[i];
    if (item->n_units < 2 || k--) continue;
    const pal_unit first = p->unit.at[item->first_unit];
    p->unit.at[item->first_unit] = p->unit.at[item->first_unit + item->n_units - 1];
    p->unit.at[item->first_unit + item->n_units - 1] = first;
    return true;
  }
  return false;
}

/* Unit k is forgotten, or runs for another. */
static bool forgotten(pal_plan *p, int k) {
  if (k + 1 >= (int)p->unit.n) return false;
  p->unit.at[k] = p->unit.at[k + 1];
  return true;
}

static bool not_taken_over(pal_plan *p, int k) {
  for (size_t s = 0; s < p->stage.n; s++) {
    if (!p->stage.at[s].binds || k--) continue;
    p->stage.at[s].binds = false;
    return true;
  }
  return false;
}

START_TEST(slips_of_the_stages_are_noticed) {
  ck_assert_int_ge(all_noticed(no_barrier, NULL), 4);
  ck_assert_int_ge(all_noticed(backwards, NULL), 1);
  ck_assert_int_ge(all_noticed(forgotten, NULL), 8);
  ck_assert_int_ge(all_noticed(not_taken_over, NULL), 1);
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------ */

static bool in_arena(const pal_plan *p, size_t i) {
  return p->storage.at[i].place == PAL_PLACE_ARENA && p->storage.at[i].bytes > 0;
}

/* The k-th pair of storages alive at once begins at the same byte. */
static bool shared_bytes(pal_plan *p, int k) {
  for (size_t i = 1; i < p->storage.n; i++)
    for (size_t j = i + 1; j < p->storage.n; j++) {
      pal_storage *a = &p->storage.at[i], *b = &p->storage.at[j];
      if (!in_arena(p, i) || !in_arena(p, j) || a->first > b->last || b->first > a->last || k--)
        continue;
      b->offset = a->offset;
      return true;
    }
  return false;
}

/* The k-th storage dies a stage too early. */
static bool short_life(pal_plan *p, int k) {
  for (size_t i = 1; i < p->storage.n; i++) {
    if (!in_arena(p, i) || k--) continue;
    p->storage.at[i].last--;
    return true;
  }
  return false;
}

/* Step k works in the place of an input that others still read. */
static bool taken_place(pal_plan *p, int k) {
  for (size_t s = 0; s < p->step.n; s++) {
    const pal_node *node = &p->graph->node.at[p->step.at[s].node];
    for (int i = 0; i < node->n_in; i++) {
      const uint32_t id = p->storage_of[node->in[i].id];
      bool wanted = false;
      for (size_t r = s + 1; r < p->step.n; r++) {
        const pal_node *reader = &p->graph->node.at[p->step.at[r].node];
        for (int j = 0; j < reader->n_in; j++)
          wanted |= reader->in[j].id == node->in[i].id &&
                    p->step.at[r].stage[0] > p->step.at[s].last_stage;
      }
      if (!wanted || !in_arena(p, id) || node->op->writes || k--) continue;
      p->storage_of[node->first_out] = id;
      return true;
    }
  }
  return false;
}

static bool small_arena(pal_plan *p, int k) {
  p->stats.arena_bytes -= 64;
  return k == 0;
}

START_TEST(slips_of_the_memory_plan_are_noticed) {
  ck_assert_int_ge(all_noticed(NULL, shared_bytes), 8);
  ck_assert_int_ge(all_noticed(NULL, short_life), 4);
  ck_assert_int_ge(all_noticed(NULL, taken_place), 1);
}
END_TEST

START_TEST(an_arena_too_small_is_noticed) {
  variant = 0;
  after_memory = small_arena;
  ck_assert_ptr_null(plan());
  after_memory = NULL;
}
END_TEST

int main(void) {
  Suite *suite = suite_create("verify");
  TCase *c = tcase_create("verify");
  tcase_add_checked_fixture(c, fixture_set_up, fixture_tear_down);
  tcase_add_loop_test(c, every_rewriting_pass_is_verified, 0, 2);
  tcase_add_test(c, a_damaged_graph_is_refused);
  tcase_add_test(c, slips_of_the_stages_are_noticed);
  tcase_add_test(c, slips_of_the_memory_plan_are_noticed);
  tcase_add_test(c, an_arena_too_small_is_noticed);
  suite_add_tcase(suite, c);
  return run_suite(suite);
}
