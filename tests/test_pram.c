/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of a parallel machine: the assembler's messages, the interpreter against traces computed
 * by hand, and the programs of examples/pram against direct computations. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <palimpsest/pram.h>

#include "tests/run.h"

static pal_pram *parse(const char *text, int n) {
  pal_error error = {0};
  pal_pram *program = pal_pram_parse(text, "t", n, &error);
  ck_assert_msg(program != NULL, "%s", error.text);
  return program;
}

static pal_pram_run *begin(const pal_pram *program, const int32_t *memory) {
  pal_error error = {0};
  pal_pram_run *run = pal_pram_run_new(program, memory, &error);
  ck_assert_msg(run != NULL, "%s", error.text);
  return run;
}

static void step(pal_pram_run *run) {
  pal_error error = {0};
  ck_assert_msg(!pal_pram_step(run, &error), "%s", error.text);
}

/* ---- traces by hand --------------------------------------------------------------------- */

/* One instruction "OP d, x, y" on words of 4 bits. */
static int compute(const char *op, int x, int y, bool constant) {
  char text[200], operand[16];
  snprintf(operand, sizeof operand, "%d", y);
  snprintf(text, sizeof text,
           ".word 4\n.processors 1\n.cells 2\n.steps 2\n.register x = %d\n.register y = %d\n"
           "%s x, x, %s\nstore [1], x\nhalt",
           x, y, op, constant ? operand : "y");
  pal_pram *program = parse(text, 1);
  pal_pram_run *run = begin(program, (const int32_t[]){0, 0});
  step(run);
  step(run);
  ck_assert(pal_pram_halted(run));
  const int result = run->memory[1];
  pal_pram_run_free(run);
  pal_pram_free(program);
  return result;
}

START_TEST(instructions) {
  static const struct {
    const char *op;
    int x, y, result;
  } want[] = {{"add", 9, 6, 15},  {"add", 9, 7, 0},   {"add", 15, 15, 14}, {"sub", 9, 7, 2},
              {"sub", 7, 9, 14},  {"sub", 0, 1, 15},  {"and", 12, 10, 8},  {"or", 12, 10, 14},
              {"xor", 12, 10, 6}, {"shl", 5, 1, 10},  {"shl", 5, 2, 4},    {"shl", 5, 0, 5},
              {"shl", 5, 4, 0},   {"shl", 5, 15, 0},  {"shr", 13, 1, 6},   {"shr", 13, 3, 1},
              {"shr", 13, 4, 0},  {"shr", 13, 15, 0}, {"eq", 7, 7, 1},     {"eq", 7, 15, 0},
              {"lt", 7, 8, 1},    {"lt", 8, 7, 0},    {"lt", 7, 7, 0},     {"lt", 0, 15, 1}};
  for (size_t i = 0; i < sizeof want / sizeof *want; i++)
    for (int constant = 0; constant < 2; constant++)
      ck_assert_msg(compute(want[i].op, want[i].x, want[i].y, constant) == want[i].result,
                    "%s %d %d gives %d", want[i].op, want[i].x, want[i].y,
                    compute(want[i].op, want[i].x, want[i].y, constant));
}
END_TEST

/* Three processors: all read cell 0 in the same step, then all write it; they swap cells 1 and 2 in
 * one step; they take different ways and halt at different times. */
START_TEST(steps_of_three_processors) {
  pal_pram *program = parse(".word 5\n"
                            ".processors 3\n"
                            ".cells 4\n"
                            ".steps 7\n"
                            ".register i = p\n"
                            ".register v\n"
                            "   load v, [0]\n"        /* 0 */
                            "   add v, v, i\n"        /* 1 */
                            "   store [0], v\n"       /* 2: processor 0 wins */
                            "   store [i], v\n"       /* 3 */
                            "   jz i, end\n"          /* 4 */
                            "   sub i, i, 1 ; down\n" /* 5 */
                            "back: jump end\n"        /* 6 */
                            "end: halt\n",            /* 7 */
                            1);
  static const int32_t want[7][4 + 3 + 3] = {
      /* cells        v of each    counters */
      {20, 1, 2, 3, 20, 20, 20, 1, 1, 1},   {20, 1, 2, 3, 20, 21, 22, 2, 2, 2},
      {20, 1, 2, 3, 20, 21, 22, 3, 3, 3},   {20, 21, 22, 3, 20, 21, 22, 4, 4, 4},
      {20, 21, 22, 3, 20, 21, 22, 7, 5, 5}, {20, 21, 22, 3, 20, 21, 22, 7, 6, 6},
      {20, 21, 22, 3, 20, 21, 22, 7, 7, 7}};
  pal_pram_run *run = begin(program, (const int32_t[]){20, 1, 2, 3});
  for (int t = 0; t < 7; t++) {
    ck_assert(!pal_pram_halted(run));
    step(run);
    for (int i = 0; i < 4; i++) ck_assert_int_eq(run->memory[i], want[t][i]);
    for (int p = 0; p < 3; p++) {
      ck_assert_int_eq(run->registers[2 * p + 1], want[t][4 + p]);
      ck_assert_int_eq(run->counter[p], want[t][7 + p]);
    }
  }
  ck_assert(pal_pram_halted(run));
  ck_assert_int_eq(run->time, 7);
  ck_assert_int_eq(run->work, 5 + 7 + 7);
  ck_assert_int_eq(pal_pram_state(program), 4 + 3 * 3);
  pal_pram_run_free(run);
  pal_pram_free(program);
}
END_TEST

/* Reads see the memory before the step, so two processors swap; of two writers the lower wins. */
START_TEST(reads_before_writes) {
  pal_pram *program = parse(".word 6\n.processors 3\n.cells n\n.steps 3\n"
                            ".register i = p ; \n.register other = (4 - p) / 2\n.register v\n"
                            ".register w = 40 + p\n"
                            "load v, [other]\nstore [i], v\nstore [3], w\nhalt",
                            4);
  pal_pram_run *run = begin(program, (const int32_t[]){1, 2, 3, 4});
  step(run);
  step(run); /* others: 2, 1, 1 */
  ck_assert_int_eq(run->memory[0], 3);
  ck_assert_int_eq(run->memory[1], 2);
  ck_assert_int_eq(run->memory[2], 2);
  step(run);
  ck_assert_int_eq(run->memory[3], 40);
  pal_pram_run_free(run);
  pal_pram_free(program);
  program = parse(".word 6\n.processors 2\n.cells 2\n.steps 2\n.register i = p\n"
                  ".register other = 1 - p\n load other, [other]\n store [i], other\n halt",
                  1);
  run = begin(program, (const int32_t[]){7, 9});
  step(run);
  step(run);
  ck_assert_int_eq(run->memory[0], 9);
  ck_assert_int_eq(run->memory[1], 7);
  pal_pram_run_free(run);
  pal_pram_free(program);
}
END_TEST

/* ---- what is refused -------------------------------------------------------------------- */

#define HEAD ".word 4\n.processors n\n.cells 9\n.steps 9\n.register a = p\n"

START_TEST(errors_of_the_assembler) {
  static const struct {
    const char *text, *message;
  } want[] = {
      {HEAD "  mul a, a, a\nhalt", "t:6:3: there is no instruction \"mul\""},
      {HEAD "add a, a, b\nhalt", "t:6:11: there is no register \"b\""},
      {HEAD "add a a, a\nhalt", "t:6:7: \",\" is expected here"},
      {HEAD "add a, 1, a\nhalt", "t:6:8: a register is expected here"},
      {HEAD "add a, a, n\nhalt", "t:6:11: there is no register \"n\""},
      {HEAD "add a, a, 16\nhalt", "t:6:11: a constant is 16, but must be within 0 .. 15"},
      {HEAD "add a, a, 1 1\nhalt", "t:6:13: nothing more is expected in this line"},
      {HEAD "load a, a\nhalt", "t:6:9: \"[\" is expected here"},
      {HEAD "load a, [a\nhalt", "t:6:11: \"]\" is expected here"},
      {HEAD "x: jump y\nhalt", "t:6:9: this jump goes nowhere: there is no label \"y\""},
      {HEAD "x: move a, 0\nx: halt", "t:7:1: the label \"x\" is in line 6 already"},
      {HEAD "move a, 0\n", "t:6:1: the last instruction must be halt or jump"},
      {HEAD "jz a, x\nhalt\nx: ", "t:8:1: no instruction follows label \"x\""},
      {HEAD ".register a\nhalt", "t:6:11: there is a register \"a\" already"},
      {HEAD ".register b = p + 13\nhalt",
       "t:6:15: the register's first value is 16, but must be within 0 .. 15"},
      {HEAD ".register b = m\nhalt", "t:6:15: \"m\" has no value here"},
      {HEAD ".let m = n / 0\nhalt", "t:6:12: division by zero"},
      {HEAD ".let m = 3 ^ 40\nhalt", "t:6:12: the value is beyond 2^40"},
      {HEAD ".let m = (n\nhalt", "t:6:12: \")\" is expected here"},
      {HEAD ".let m = log2(n - 4)\nhalt", "t:6:10: log2 of 0 has no value"},
      {HEAD ".input 5, n + 1, 0, 1\nhalt",
       "t:6:11: the number of cells is 5, but must be within 1 .. 4"},
      {HEAD ".input 5, n, 3, 2\nhalt",
       "t:6:17: the highest number is 2, but must be within 3 .. 15"},
      {HEAD ".words 3\nhalt", "t:6:1: there is no directive .words"},
      {HEAD ".word 5\nhalt", "t:6:1: .word is declared twice"},
      {HEAD, "t:6:1: the program has no instruction"},
      {".word 4\n.processors n\n.cells 17\n", "t:3:8: cells is 17, but must be within 1 .. 16"},
      {".word 3\n", "t:1:7: word is 3, but must be within 4 .. 16"},
      {".word 4\n.processors n\n.cells 2\nhalt", "t:4:1: the program does not declare .steps"},
      {".register a\n", "t:1:11: .word and .processors must come before .register"},
      {".cells 4\n", "t:1:1: .word must come first"},
      {HEAD "add a, a, 1 \x01\nhalt", "t:6:13: nothing more is expected in this line"},
      {HEAD "a_name_of_sixteen: halt", "t:6:1: a name has at most 15 characters"},
  };
  for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
    pal_error error = {0};
    ck_assert_msg(!pal_pram_parse(want[i].text, "t", 4, &error), "%s", want[i].message);
    ck_assert_msg(error.code == PAL_E_FORMAT &&
                      strncmp(error.text, want[i].message, strlen(want[i].message)) == 0,
                  "\"%s\" and not \"%s\"", error.text, want[i].message);
  }
  char many[2000] = HEAD;
  for (int i = 0; i < PAL_PRAM_MOST_REGISTERS; i++)
    sprintf(many + strlen(many), ".register r%d\n", i);
  pal_error error = {0};
  ck_assert(!pal_pram_parse(many, "t", 4, &error));
  ck_assert_str_eq(error.text, "t:21:11: a processor has at most 16 registers");
  error = (pal_error){0};
  ck_assert(!pal_pram_parse(HEAD "halt", "t", 0, &error) && error.code == PAL_E_ARGUMENT);
  error = (pal_error){0};
  ck_assert(!pal_pram_read("no-such.pram", 4, &error) && error.code == PAL_E_NOT_FOUND);
}
END_TEST

START_TEST(expressions) {
  static const struct {
    const char *text;
    int value;
  } want[] = {{"2 + 3 * 4", 14},
              {"(2 + 3) * 4", 20},
              {"2 ^ 3 ^ 2 / 64", 8},
              {"7 / 2 - 1", 2},
              {"10 - 4 - 3", 3},
              {"log2(1)", 0},
              {"log2(8)", 3},
              {"log2(9)", 4},
              {"(1 - 4)/2 + 9", 7},
              {"n*(n-1)/2", 10},
              {"m", 6},
              {"1 ^ 1000000", 1},
              {"(0 - 1) ^ 7 + 3", 2},
              {"(0-1)^8", 1},
              {"0 ^ 0", 1},
              {"0 ^ 5 + 1", 1}};
  for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
    char text[120];
    snprintf(text, sizeof text,
             ".word 8\n.let m = n + 1\n.processors 1\n.steps 1\n.cells %s+1\nhalt", want[i].text);
    pal_pram *program = parse(text, 5);
    ck_assert_msg(program->cells == want[i].value + 1, "%s is %d", want[i].text,
                  program->cells - 1);
    pal_pram_free(program);
  }
}
END_TEST

/* Runs the text to its end, which must be the failure with that message; the memory stays as it was
 * before the step that fails. */
static void assert_stops(const char *text, const char *message, int32_t cell) {
  pal_pram *program = parse(text, 4);
  pal_pram_run *run = begin(program, (const int32_t[]){0, 0, 0});
  pal_error error = {0};
  ck_assert_int_eq(pal_pram_finish(run, &error), PAL_E_ARGUMENT);
  ck_assert_str_eq(error.text, message);
  ck_assert_int_eq(run->memory[1], cell);
  pal_pram_run_free(run);
  pal_pram_free(program);
}

START_TEST(what_is_undefined) {
  const char *const head = ".word 4\n.processors 3\n.cells 3\n.steps 5\n.register a = p + 1\n";
  char text[300];
  snprintf(text, sizeof text, "%sload a, [a]\nhalt", head);
  assert_stops(text, "t:6: in step 1 processor 2 reads cell 3, but there are cells 0 to 2", 0);
  snprintf(text, sizeof text, "%sadd a, a, 1\nstore [a], a\nhalt", head);
  assert_stops(text, "t:7: in step 2 processor 1 writes cell 3, but there are cells 0 to 2", 0);
  snprintf(text, sizeof text, "%sstore [7], a\nhalt", head);
  assert_stops(text, "t:6: in step 1 processor 0 writes cell 7, but there are cells 0 to 2", 0);
  snprintf(text, sizeof text, "%sx: sub a, a, 1\nstore [1], a\njnz a, x\nhalt", head);
  assert_stops(text,
               "t:8: the program declares 5 steps for n=4, and after them processor 1 has not "
               "halted",
               0);
  pal_pram *program = parse(".word 4\n.processors 1\n.cells 2\n.steps 1\nhalt", 4);
  pal_error error = {0};
  ck_assert(!pal_pram_run_new(program, (const int32_t[]){0, 16}, &error));
  ck_assert_str_eq(error.text, "t: cell 1 is 16, which is no word of 4 bits");
  pal_pram_free(program);
}
END_TEST

/* ---- the programs of examples/pram ------------------------------------------------------ */

enum { WORDS = 1024 };

/* Asserts that `out`, the memory at the end, is right for the memory `in`. */
typedef void checker(int n, const int32_t *in, const int32_t *out);

static void check_prefix_sums(int n, const int32_t *in, const int32_t *out) {
  for (int i = 0, sum = 0; i < n; i++) {
    sum += in[i];
    ck_assert_int_eq(out[i], sum % WORDS);
  }
}

static void check_maximum(int n, const int32_t *in, const int32_t *out) {
  int most = 0;
  for (int i = 0; i < n; i++) most = in[i] > most ? in[i] : most;
  ck_assert_int_eq(out[0], most);
}

static void check_list_ranking(int n, const int32_t *in, const int32_t *out) {
  int ends = 0, longest = 0;
  for (int i = 0; i < n; i++) {
    int steps = 0, at = i;
    for (; in[at] != at && steps <= n; steps++) at = in[at];
    ck_assert_int_eq(out[n + i], steps);
    ck_assert_int_eq(out[i], at);
    ends += steps == 0;
    longest = steps > longest ? steps : longest;
  }
  ck_assert(ends == 1 && longest == n - 1); /* the instance is one list */
}

static void check_components(int n, const int32_t *in, const int32_t *out) {
  int of[1000];
  for (int v = 1; v <= n; v++) of[v] = v;
  for (bool changed = true; changed;) {
    changed = false;
    for (int e = 0; e < n; e++) {
      int *a = &of[in[n + 1 + e]], *b = &of[in[2 * n + 1 + e]];
      if (*a == *b) continue;
      *a = *b = *a < *b ? *a : *b;
      changed = true;
    }
  }
  for (int v = 1; v <= n; v++) ck_assert_int_eq(out[v], of[v]);
}

static void check_brackets(int n, const int32_t *in, const int32_t *out) {
  int depth = 0, least = 0;
  for (int i = 0; i < n; i++) {
    depth += in[i] ? -1 : 1;
    least = depth < least ? depth : least;
    ck_assert_int_eq(out[i], (depth + WORDS) % WORDS);
  }
  ck_assert_int_eq(out[n], least == 0 && depth == 0);
}

static int ascending(const void *a, const void *b) {
  return *(const int32_t *)a - *(const int32_t *)b;
}

static void check_sort(int n, const int32_t *in, const int32_t *out) {
  int32_t want[1000];
  memcpy(want, in, sizeof *want * (size_t)n);
  qsort(want, (size_t)n, sizeof *want, ascending);
  ck_assert(memcmp(out, want, sizeof *want * (size_t)n) == 0);
}

static void check_sequential(int n, const int32_t *in, const int32_t *out) {
  int32_t cell[16], sum = 0, at = 0;
  memcpy(cell, in, sizeof cell);
  for (int i = 0; i < 100 * n; i++) {
    sum = (sum + cell[at] + 7) % WORDS;
    cell[at] = sum;
    at = sum / 8 % 16;
  }
  ck_assert(memcmp(out, cell, sizeof cell) == 0);
}

/* The value of the formula with variables `level` to n - 1 set to the bits of `a`. */
static bool quantified(int n, const int32_t *in, int level, int a) {
  if (level > 0) {
    const bool zero = quantified(n, in, level - 1, a);
    const bool one = quantified(n, in, level - 1, a | 1 << (level - 1));
    return in[n + 2 + level - 1] ? zero && one : zero || one;
  }
  for (int c = 0; c < 2 * n; c++) {
    bool clause = false;
    for (int k = 0; k < 3; k++) {
      const int literal = in[2 * n + 2 + 3 * c + k];
      clause |= (a >> literal / 2 & 1) != literal % 2;
    }
    if (!clause) return false;
  }
  return true;
}

static int formulas, truths;

static void check_qbf(int n, const int32_t *in, const int32_t *out) {
  const bool want = quantified(n, in, n, 0);
  ck_assert_int_eq(out[0], want);
  formulas++;
  truths += want;
}

static pal_pram *example(const char *name, int n) {
  const char *folder = getenv("srcdir");
  char path[600];
  pal_error error = {0};
  snprintf(path, sizeof path, "%s/examples/pram/%s.pram", folder ? folder : ".", name);
  pal_pram *program = pal_pram_read(path, n, &error);
  ck_assert_msg(program != NULL, "%s", error.text);
  return program;
}

static void run_example(const pal_pram *program, const int32_t *memory, checker *check) {
  pal_error error = {0};
  pal_pram_run *run = begin(program, memory);
  ck_assert_msg(!pal_pram_finish(run, &error), "%s", error.text);
  check(program->n, memory, run->memory);
  pal_pram_run_free(run);
}

START_TEST(example_programs) {
  static const struct {
    const char *name;
    checker *check;
    int most, last; /* sizes 2 .. most, and one large size */
  } want[] = {
      {"prefix_sums", check_prefix_sums, 20, 300},   {"maximum", check_maximum, 20, 300},
      {"list_ranking", check_list_ranking, 20, 300}, {"components", check_components, 20, 64},
      {"brackets", check_brackets, 20, 300},         {"sort", check_sort, 20, 300},
      {"sequential", check_sequential, 5, 50},       {"qbf", check_qbf, 5, 8}};
  for (size_t i = 0; i < sizeof want / sizeof *want; i++)
    for (int n = 2; n <= want[i].last; n = n == want[i].most ? want[i].last : n + 1) {
      pal_pram *program = example(want[i].name, n);
      int32_t *memory = malloc(sizeof *memory * (size_t)program->cells);
      ck_assert_ptr_nonnull(memory);
      for (uint64_t k = 0; k < 20; k++) {
        pal_pram_instance(program, 5, k, memory);
        run_example(program, memory, want[i].check);
      }
      free(memory);
      pal_pram_free(program);
    }
  ck_assert(truths > formulas / 10 && truths < formulas * 9 / 10);
}
END_TEST

/* Every sequence of 2 to 10 brackets: random ones are hardly ever balanced. */
START_TEST(all_brackets) {
  for (int n = 2; n <= 10; n++) {
    pal_pram *program = example("brackets", n);
    for (int code = 0; code < 1 << n; code++) {
      int32_t memory[11] = {0};
      for (int i = 0; i < n; i++) memory[i] = code >> i & 1;
      run_example(program, memory, check_brackets);
    }
    pal_pram_free(program);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("pram");
  TCase *language = tcase_create("language");
  tcase_add_test(language, instructions);
  tcase_add_test(language, steps_of_three_processors);
  tcase_add_test(language, reads_before_writes);
  tcase_add_test(language, errors_of_the_assembler);
  tcase_add_test(language, expressions);
  tcase_add_test(language, what_is_undefined);
  suite_add_tcase(suite, language);
  TCase *programs = tcase_create("programs");
  tcase_add_test(programs, example_programs);
  tcase_add_test(programs, all_brackets);
  suite_add_tcase(suite, programs);
  return run_suite(suite);
}
