/* SPDX-License-Identifier: Apache-2.0 */
/* Relations of rows by names: random sequences of records, well formed or not, against a plain
 * parser; and what is refused. test_program.sh decodes with a network that is told them. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab.h"
#include "tests/run.h"

enum { NAMES = 5, OTHER = NAMES, OPEN, CLOSE, MASK, TOKENS, ROWS = 400, MOST = 30 };

static const pal_format format = {.vocabulary = TOKENS,
                                  .mask = MASK,
                                  .bos = -1,
                                  .eos = -1,
                                  .context = 60,
                                  .names = NAMES,
                                  .record = {OPEN, CLOSE}};

/* The names of row i of x [n], -1 where there is none: the record is opened by the nearest bracket
 * in the row or before it. */
static void parse(const int32_t *x, int n, int i, int32_t name[3]) {
  int at = i;
  if (x[at] != OPEN)
    for (at--; at >= 0 && i - at < PAL_MOST_RECORD_ROWS && x[at] != OPEN && x[at] != CLOSE;) at--;
  const bool in = at >= 0 && i - at < PAL_MOST_RECORD_ROWS && x[at] == OPEN;
  name[0] = in && at + 1 < n ? x[at + 1] : -1;
  name[1] = in && at + 2 < n ? x[at + 2] : -1;
  name[2] = x[i];
  for (int k = 0; k < 3; k++)
    if (name[k] >= NAMES) name[k] = -1;
}

/* Mostly records such as ( 3 1 x ) and ( 2 x 4 ), with some tokens changed. */
static int draw(pal_rng *rng, int32_t *x) {
  int n = 0;
  while (n + 12 < MOST && pal_rng_below(rng, 8) != 0) {
    x[n++] = OPEN;
    for (int k = (int)pal_rng_below(rng, 9); k > 0; k--) x[n++] = (int32_t)pal_rng_below(rng, OPEN);
    x[n++] = CLOSE;
    if (pal_rng_below(rng, 3) == 0) x[n++] = (int32_t)pal_rng_below(rng, OPEN);
  }
  x[n++] = OPEN; /* so that a sequence ends within a record */
  for (int i = 0; i < n; i++)
    if (pal_rng_below(rng, 12) == 0) x[i] = (int32_t)pal_rng_below(rng, TOKENS);
  return n;
}

/* Whether the relations of all rows of one sequence are those of the parser. */
static bool agrees(const int32_t *x, int n, const int32_t *query, const int32_t *key) {
  for (int i = 0; i < n * n; i++) {
    const int a = i / n, b = i % n;
    int32_t of_a[3], of_b[3];
    parse(x, n, a, of_a);
    parse(x, n, b, of_b);
    for (int g = 0; g < PAL_NAME_GROUPS; g++) {
      const bool want = of_a[g / 3] >= 0 && of_a[g / 3] == of_b[g % 3];
      if ((query[a * PAL_NAME_GROUPS + g] == key[b * PAL_NAME_GROUPS + g]) != want) return false;
    }
  }
  return true;
}

START_TEST(relations) {
  lab l;
  lab_open(&l, 1, "mdm", &format, (const char *const[]){"structure=names", NULL});
  pal_graph *g = pal_graph_new(l.context, NULL);
  const pal_type rows = PAL_TYPE(PAL_I32, pal_symbol_new(g, "T", ROWS), 1);
  const pal_type each = PAL_TYPE(PAL_I32, pal_symbol_new(g, "S", ROWS), 1);
  const pal_network network = {.token = pal_input(g, "token", rows),
                               .sequence = pal_input(g, "sequence", rows),
                               .begin = pal_input(g, "begin", each),
                               .length = pal_input(g, "length", each)};
  const pal_name_relation names = pal_name_groups(g, l.model, &network);
  pal_output(g, "query", names.query);
  pal_output(g, "key", names.key);
  l.plan = pal_compile(g, &l.error);
  pal_graph_free(g);
  l.exec = l.plan ? pal_exec_new(l.plan, &l.error) : NULL;
  ck_assert_msg(l.exec != NULL, "%s", l.error.text);
  int32_t *token = pal_exec_input(l.exec, "token"), *of = pal_exec_input(l.exec, "sequence");
  int32_t *begin = pal_exec_input(l.exec, "begin"), *length = pal_exec_input(l.exec, "length");
  pal_rng rng = pal_rng_new(1, "names", 0, 0);
  for (int round = 0; round < WHOLE_OR_SHORT(200, 10); round++) {
    int n = 0, sequences = 0;
    for (; n + MOST <= ROWS; sequences++) {
      begin[sequences] = n;
      length[sequences] = draw(&rng, token + n);
      for (int i = 0; i < length[sequences]; i++) of[n++] = sequences;
    }
    pal_exec_count(l.exec, "T", n, &l.error);
    pal_exec_count(l.exec, "S", sequences, &l.error);
    ck_assert_msg(!pal_exec_run(l.exec, &l.error), "%s", l.error.text);
    int64_t count;
    const int32_t *query = pal_exec_output(l.exec, "query", &count);
    const int32_t *key = pal_exec_output(l.exec, "key", &count);
    for (int s = 0; s < sequences; s++)
      ck_assert(agrees(token + begin[s], length[s], query + begin[s] * PAL_NAME_GROUPS,
                       key + begin[s] * PAL_NAME_GROUPS));
  }
  lab_close(&l);
}
END_TEST

START_TEST(refusals) {
  static const struct {
    const char *model, *says;
    bool names;
  } bad[] = {{"mdm", "needs a task whose tokens are names", false},
             {"arm", "reads whole sequences", true}};
  for (int i = 0; i < 2; i++) {
    lab l;
    pal_format f = format;
    const char *const setting = "structure=names";
    lab_open(&l, 1, "mdm", &f, NULL);
    if (!bad[i].names) f.names = 0;
    ck_assert_ptr_null(pal_model_new(l.context, l.store, bad[i].model, &f, &setting, 1, &l.error));
    ck_assert_msg(strstr(l.error.text, bad[i].says), "%s", l.error.text);
    f.names = TOKENS + 1;
    ck_assert_ptr_null(pal_model_new(l.context, l.store, "mdm", &f, NULL, 0, &(pal_error){0}));
    lab_close(&l);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("names");
  TCase *all = tcase_create("names");
  tcase_set_timeout(all, 60);
  tcase_add_test(all, relations);
  tcase_add_test(all, refusals);
  suite_add_tcase(suite, all);
  return run_suite(suite);
}
