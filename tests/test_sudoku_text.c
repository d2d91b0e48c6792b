/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku boards as text: the three forms are written and read back, and invalid lines are refused
 * with the reason. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/boards.h"
#include "tests/run.h"

static const char good[] =
    "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79";
static const char solved[] =
    "534678912672195348198342567859761423426853791713924856961537284287419635345286179";

START_TEST(text_forms_round_trip) {
  const struct {
    const pal_sudoku_shape *shape;
    int givens;
  } run[] = {{&shape4, 6}, {&shape9, 24}, {&shape16, 120}};
  for (int i = 0; i < 3; i++) {
    const pal_sudoku_shape *s = run[i].shape;
    uint8_t given[PAL_SUDOKU_CELLS], solution[PAL_SUDOKU_CELLS];
    char text[PAL_SUDOKU_TEXT];
    make(s, run[i].givens, given, solution);
    for (int form = 0; form < 3; form++) {
      uint8_t back[2][PAL_SUDOKU_CELLS];
      pal_error error = {0};
      if (form == 0) pal_sudoku_write_line(s, given, text);
      else if (form == 1) pal_sudoku_write_csv(s, given, solution, text);
      else pal_sudoku_write_row(s, given, solution, text);
      ck_assert_msg(!pal_sudoku_read(s, text, back[0], back[1], &error), "%s", error.text);
      ck_assert_mem_eq(back[0], given, (size_t)s->cells);
      ck_assert_mem_eq(back[1], solution, (size_t)s->cells);
    }
  }
  uint8_t given[81], solution[81];
  char text[PAL_SUDOKU_TEXT];
  HOLDS(!pal_sudoku_read(&shape9, good, given, solution, NULL));
  pal_sudoku_write_csv(&shape9, given, solution, text);
  HOLDS(strncmp(text, good, 81) == 0 && text[81] == ',' && strcmp(text + 82, solved) == 0);
}
END_TEST

START_TEST(rows_count_from_zero_or_one) {
  uint8_t given[81], solution[81], back[2][81];
  char text[PAL_SUDOKU_TEXT], shifted[PAL_SUDOKU_TEXT];
  HOLDS(!pal_sudoku_read(&shape9, good, given, solution, NULL));
  pal_sudoku_write_row(&shape9, given, solution, text);
  const char *at = text;
  size_t used = 0;
  for (int i = 0; i < 325; i++) {
    char *end;
    const long v = strtol(at, &end, 10);
    at = end;
    used += (size_t)snprintf(shifted + used, sizeof shifted - used, i ? ",%ld" : "%ld",
                             i && (i - 1) % 4 < 2 ? v + 1 : v);
  }
  HOLDS(!pal_sudoku_read(&shape9, shifted, back[0], back[1], NULL));
  ck_assert_mem_eq(back[0], given, 81);
  ck_assert_mem_eq(back[1], solution, 81);
}
END_TEST

START_TEST(bad_boards_are_refused) {
  char long_line[100], bad[400], csv[400], more[400], unlike[400], row[PAL_SUDOKU_TEXT];
  uint8_t given[81], solution[81];
  snprintf(long_line, sizeof long_line, "%s.", good);
  snprintf(bad, sizeof bad, "%sx%s", "53..7....", good + 10);
  snprintf(csv, sizeof csv, "%s,%s9", good, solved);
  snprintf(more, sizeof more, "%s,%s,%s", good, solved, solved);
  snprintf(unlike, sizeof unlike, "%s,%.79s97", good, solved);
  HOLDS(!pal_sudoku_read(&shape9, good, given, solution, NULL));
  pal_sudoku_write_row(&shape9, given, solution, row);
  row[strlen(row) - 4] = '\0';
  const struct {
    const char *line, *says;
  } table[] = {
      {"", "has 81 characters, this one has 0"},
      {"53..7", "this one has 5"},
      {long_line, "this one has 82"},
      {bad, "place 10 holds \"x\""},
      {"53..7\001", "not printable (01)"},
      {"55..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79",
       "5 stands twice in row 1"},
      {"53..7....6..195....98....6.8...6...34..8.3..17...2...656....28....419..5....8..79",
       "5 stands twice in column 1"},
      {"53..7....68.195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79",
       "8 stands twice in box 1"},
      {"531.7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79",
       "no solution"},
      {"53..7....6...95....98....6.8...6...34..8.3...7...2...6.6....28....419..5....8....",
       "several solutions"},
      {".................................................................................",
       "several solutions"},
      {csv, "this one has 82"},
      {more, "more than two boards"},
      {unlike, "is not its solution"},
      {row, "has 325 integers, this one has 32"},
      {"1 2 3 4", "has 325 integers, this one has 4"},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    pal_error error = {0};
    SAME(pal_sudoku_read(&shape9, table[i].line, given, solution, &error), PAL_E_FORMAT);
    ck_assert_msg(strstr(error.text, table[i].says), "%zu: %s", i, error.text);
  }
  pal_error error = {0};
  snprintf(bad, sizeof bad, "%s tail", good);
  HOLDS(pal_sudoku_read(&shape9, bad, given, solution, &error) == PAL_E_FORMAT);
  HOLDS(strstr(error.text, "after the board"));
}
END_TEST

/* ---- rows ------------------------------------------------------------------------------------ */

enum { ROW = 325, GIVENS = 30 }; /* `good` has 30 givens, and singles do for the others */

/* The row of `good` as numbers, and numbers as a row, with something behind them. */
static void good_row(long *number) {
  uint8_t given[81], solution[81];
  char text[PAL_SUDOKU_TEXT], *at = text;
  HOLDS(!pal_sudoku_read(&shape9, good, given, solution, NULL));
  pal_sudoku_write_row(&shape9, given, solution, text);
  for (int i = 0; i < ROW; i++) number[i] = strtol(at, &at, 10);
  HOLDS(!*at && number[0] == GIVENS);
}

static char *row_text(const long *number, int n, const char *behind) {
  static char text[PAL_SUDOKU_TEXT];
  size_t used = 0;
  for (int i = 0; i < n; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, i ? " %ld" : "%ld", number[i % ROW]);
  snprintf(text + used, sizeof text - used, "%s", behind);
  return text;
}

static void refused(const char *line, const char *says) {
  pal_error error = {0};
  uint8_t given[81], solution[81];
  SAME(pal_sudoku_read(&shape9, line, given, solution, &error), PAL_E_FORMAT);
  ck_assert_msg(strstr(error.text, says), "not \"%s\": %s", says, error.text);
}

/* Givens come first and have technique 0, the others follow and have another: numbers of techniques
 * differ between programs, so any will do. */
START_TEST(techniques_agree_with_the_number_of_givens) {
  long number[ROW];
  uint8_t given[81], solution[81];
  for (int change = -1; change < 3; change++) {
    good_row(number);
    if (change == 0) number[0] = 40;
    if (change == 1) number[0] = 29;
    if (change == 2) number[4] = 1; /* of the first cell, a given */
    static const char *const says[] = {
        "cell 31 of the row is one of its 40 givens, but has technique 1",
        "cell 30 of the row has technique 0 as a given, but the row has only 29",
        "cell 1 of the row is one of its 30 givens, but has technique 1"};
    if (change >= 0) refused(row_text(number, ROW, ""), says[change]);
    else HOLDS(!pal_sudoku_read(&shape9, row_text(number, ROW, ""), given, solution, NULL));
  }
  good_row(number);
  for (int i = GIVENS; i < 81; i++) number[4 + 4 * i] = 2345678;
  HOLDS(!pal_sudoku_read(&shape9, row_text(number, ROW, ""), given, solution, NULL));
  SAME(pal_sudoku_givens(&shape9, given), GIVENS);
}
END_TEST

START_TEST(rows_are_refused_for_what_is_wrong) {
  long number[ROW];
  good_row(number);
  refused(row_text(number, 1100, ""), "has 325 integers, this one has 1100");
  refused(row_text(number, 324, ""), "has 325 integers, this one has 324");
  refused(row_text(number, ROW, " x"), "item 326 of the row is \"x\"");
  refused(row_text(number, 4, " 30.5 7"), "item 5 of the row is \"30.5\"");
  refused(row_text(number, 8, " -1"), "item 9 of the row is \"-1\", not a whole number");
  number[0] = 82;
  refused(row_text(number, ROW, ""), "starts with 82 givens");
  good_row(number);
  number[3] = 10;
  refused(row_text(number, ROW, ""), "cell 1 of the row is row 0, column 0, value 10");
  good_row(number);
  number[5] = number[1], number[6] = number[2];
  refused(row_text(number, ROW, ""), "cell 2 of the row names row 0, column 0 again");
}
END_TEST

/* Numbers that no integer holds, in rows that count from 0 and from 1. */
START_TEST(rows_of_huge_numbers) {
  static const char *const huge[] = {"99999999999999999999", "-99999999999999999999",
                                     "9223372036854775807", "-9223372036854775808"};
  long number[ROW];
  for (size_t h = 0; h < sizeof huge / sizeof *huge; h++)
    for (int place = 0; place < 5; place++)
      for (int base = 0; base < 2; base++) {
        char text[2 * PAL_SUDOKU_TEXT];
        size_t used = 0;
        good_row(number);
        for (int i = 0; i < ROW; i++) {
          const long value = number[i] + (i > 0 && (i - 1) % 4 < 2 ? base : 0);
          used += (size_t)(i == place ? snprintf(text + used, sizeof text - used, "%s ", huge[h])
                                      : snprintf(text + used, sizeof text - used, "%ld ", value));
        }
        char says[80];
        snprintf(says, sizeof says, "item %d of the row is \"%.20s", place + 1, huge[h]);
        refused(text, says);
      }
}
END_TEST

/* ---- other lines ----------------------------------------------------------------------------- */

/* Columns beside puzzle and solution are passed over, wherever they stand. */
START_TEST(tables_of_other_columns) {
  static const char *const form[] = {"17,%s,%s,29,2.2",
                                     "puzzles0_kaggle,%s,%s,0",
                                     "%s,%s,easy,1",
                                     "7;%s;%s",
                                     "%s;%s",
                                     "%s\t%s",
                                     "x\t\"%s\"\t%s\t2",
                                     "\"a, \"\"b\"\"\",%s,%s,3",
                                     "\"%s\",\"%s\"",
                                     "1, \"%s\" , %s\r"};
  uint8_t given[81], solution[81], want[81], board[81];
  char line[300];
  HOLDS(!pal_sudoku_read(&shape9, good, want, board, NULL));
  for (size_t i = 0; i < sizeof form / sizeof *form; i++)
    for (int turned = 0; turned < 2; turned++) {
      pal_error error = {0};
      snprintf(line, sizeof line, form[i], turned ? solved : good, turned ? good : solved);
      pal_sudoku_read(&shape9, line, given, solution, &error);
      ck_assert_msg(!error.code, "%s: %s", line, error.text);
      HOLDS(memcmp(given, want, 81) == 0 && memcmp(solution, board, 81) == 0);
    }
  snprintf(line, sizeof line, "17,%s", good);
  HOLDS(!pal_sudoku_read(&shape9, strcat(line, ",easy"), given, solution, NULL));
  static const char *const label[] = {"%s,29", "%s,2.25", "12,%s", "easy,%s", "%s,hard"};
  for (size_t i = 0; i < sizeof label / sizeof *label; i++) {
    snprintf(line, sizeof line, label[i], good);
    HOLDS(!pal_sudoku_read(&shape9, line, given, solution, NULL));
    HOLDS(memcmp(given, want, 81) == 0 && memcmp(solution, board, 81) == 0);
  }
  snprintf(line, sizeof line, "%s,6174..", good);
  refused(line, "has 81 characters, this one has 6");
  snprintf(line, sizeof line, "17,%s,%.80s,29", good, solved);
  refused(line, "has 81 characters, this one has 80");
  snprintf(line, sizeof line, "17,%s,%.80sx,29", good, solved);
  refused(line, "place 81 holds \"x\"");
  refused("6.7.952..", "has 81 characters, this one has 9");
}
END_TEST

START_TEST(full_boards_are_refused) {
  char csv[200];
  snprintf(csv, sizeof csv, "%s,%s", solved, solved);
  refused(solved, "no blank");
  refused(csv, "no blank");
}
END_TEST

START_TEST(only_headers_are_passed_over) {
  static const char *const nothing[] = {"",
                                        " \t\r",
                                        "# puzzle",
                                        "quizzes,solutions",
                                        "puzzle,solution",
                                        "puzzles,solutions\r",
                                        " quiz,solution ",
                                        "puzzle",
                                        "quizzes",
                                        "puzzle, solution",
                                        "quizzes,solutions,rating",
                                        "source,question,answer,rating",
                                        "id,puzzle,solution,clues,difficulty",
                                        ",\"puzzle\",\"solution\"",
                                        "Puzzle;Solution;Rating",
                                        "id\tboard\tsolution",
                                        "index,quizzes,solutions,num_solutions,level 1"};
  static const char *const something[] = {
      "puzzle51..", "quizzes,solutions,53", "puzzle solution", "solution", "quizzes 5", "puzzling",
      "puzzle,5"};
  for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
    ck_assert_msg(!pal_sudoku_holds_puzzle(nothing[i]), "%s", nothing[i]);
  for (size_t i = 0; i < sizeof something / sizeof *something; i++)
    ck_assert_msg(pal_sudoku_holds_puzzle(something[i]), "%s", something[i]);
  refused("puzzle51..", "place 1 holds \"p\"");
}
END_TEST

/* Boards of several lines, as programs and people write them, and what is said of wrong ones. */
START_TEST(boards_of_nine_lines) {
  enum { MOST = 40 };
  static const char wide[] = "53..7....", *const row[] = {"6..195...", ".98....6.", "8...6...3",
                                                          "4..8.3..1", "7...2...6", ".6....28.",
                                                          "...419..5", "....8..79"};
  const struct {
    const char *head, *form, *band, *tail;
  } style[] = {{"", "%.3s%.3s%.3s", "", ""},
               {"", "%.3s %.3s %.3s", "\n", ""},
               {"*-----------*\n", "|%.3s|%.3s|%.3s|", "|---+---+---|\n", "*-----------*\n"},
               {"#A someone\n[Puzzle]\n", "%.3s%.3s%.3s", "", "[State]\n534678912\n672195348\n"}};
  for (size_t k = 0; k < sizeof style / sizeof *style; k++) {
    char text[800] = "", line[80];
    for (int copy = 0; copy < 2; copy++) {
      strcat(text, style[k].head);
      for (int r = 0; r < 9; r++) {
        const char *cells = r ? row[r - 1] : wide;
        snprintf(line, sizeof line, style[k].form, cells, cells + 3, cells + 6);
        strcat(strcat(text, line), "\n");
        if (r == 2 || r == 5) strcat(text, style[k].band);
      }
      strcat(text, style[k].tail);
    }
    pal_sudoku_lines lines = {.rows = 0};
    pal_error error = {0};
    int found = 0;
    for (char *at = text, *end; *at; at = end + 1) {
      const char *puzzle;
      end = strchr(at, '\n');
      *end = 0;
      pal_sudoku_lines_next(&shape9, &lines, at, &puzzle, &error);
      ck_assert_msg(!error.code, "style %zu, %s: %s", k, at, error.text);
      found += puzzle && strcmp(puzzle, good) == 0;
      HOLDS(!puzzle || strcmp(puzzle, good) == 0);
    }
    SAME(found, 2);
    const char *none;
    HOLDS(!pal_sudoku_lines_next(&shape9, &lines, NULL, &none, &error) && !none);
  }
  static const char *const bad[][MOST] = {
      {"53..7....", "6..195...", ""},                  /* ends amid a band */
      {"53..7....", "6..195...", ".98....6.", "", ""}, /* two empty lines */
      {"53..7....", "6..195...", ".98....6.", NULL},   /* the end of the file */
      {"53..7....", "6..1x5..."},                      /* no row */
      {"53..7....", good},
      {"53..7....", "[Puzzle]"}};
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
    pal_sudoku_lines lines = {.rows = 0};
    pal_error error = {0};
    const char *puzzle;
    for (int i = 0; i < 5 && !error.code; i++)
      pal_sudoku_lines_next(&shape9, &lines, bad[k][i], &puzzle, &error);
    ck_assert_msg(strstr(error.text, "of its 9 rows"), "%zu: %s", k, error.text);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("sudoku_text");
  TCase *text = tcase_create("text");
  tcase_add_checked_fixture(text, boards_set_up, NULL);
  tcase_add_test(text, text_forms_round_trip);
  tcase_add_test(text, rows_count_from_zero_or_one);
  tcase_add_test(text, bad_boards_are_refused);
  tcase_add_test(text, techniques_agree_with_the_number_of_givens);
  tcase_add_test(text, rows_are_refused_for_what_is_wrong);
  tcase_add_test(text, rows_of_huge_numbers);
  tcase_add_test(text, tables_of_other_columns);
  tcase_add_test(text, boards_of_nine_lines);
  tcase_add_test(text, full_boards_are_refused);
  tcase_add_test(text, only_headers_are_passed_over);
  suite_add_tcase(suite, text);
  return run_suite(suite);
}
