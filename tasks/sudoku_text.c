/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku: reading and writing boards (floor 5). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tasks/sudoku.h"

enum { MOST_GUESSES = 1000000, ROW_ITEMS = 4, MOST_DIGITS = 18, LEAST_CELLS = 16 };
enum { GIVEN }; /* the technique of a given, before those of pal_sudoku_technique */

static const char letter[] = ".123456789ABCDEFG";
static const char blanks[] = " \t\r\n";

/* ---- reading: boards ------------------------------------------------------------------------- */

typedef struct item {
  const char *text;
  size_t length; /* 0: there is none */
} item;

/* The column of a line of a table that begins at *at, without blanks and quotes around it; moves
 * *at to the next column. Columns end with a comma, semicolon or tab outside quotes. */
static item next_column(const char **at) {
  static const char ends[] = ",;\t";
  const char *text = *at + strspn(*at, " "), *end;
  const bool quoted = *text == '"' && (end = strchr(text + 1, '"')) != NULL;
  if (quoted) {
    text++;
    while (end[1] == '"' && strchr(end + 2, '"')) end = strchr(end + 2, '"'); /* "" is a quote */
    *at = end + strcspn(end, ends);
  } else {
    end = *at = text + strcspn(text, ends);
  }
  *at += **at != 0;
  size_t length = (size_t)(end - text);
  while (length > 0 && strchr(" \t\r\n\"", text[length - 1])) length--;
  for (; length > 0 && strchr(blanks, *text); length--) text++;
  return (item){text, length};
}

static bool is_named(item column, const char *const *name, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (strlen(name[i]) == column.length && strncasecmp(column.text, name[i], column.length) == 0)
      return true;
  return false;
}

/* A header names a column of puzzles, and every column has a name: it is empty or begins with a
 * letter and is short. It may be on any line, since files are sometimes concatenated. */
static bool is_header(const char *line, size_t length) {
  static const char *const known[] = {"quizzes",   "quiz",  "puzzles", "puzzle", "question",
                                      "questions", "board", "boards",  "grid",   "sudoku"};
  enum { LONGEST = 15 };
  const char *at = line, *end = line + length;
  bool puzzles = false, names = true;
  while (at < end && names) {
    const item one = next_column(&at);
    puzzles |= is_named(one, known, sizeof known / sizeof *known);
    names = one.length == 0 || (isalpha((unsigned char)*one.text) && one.length <= LONGEST);
    for (size_t i = 0; i < one.length; i++)
      names &= isalnum((unsigned char)one.text[i]) || strchr(" _-", one.text[i]);
  }
  return puzzles && names;
}

bool pal_sudoku_holds_puzzle(const char *line) {
  line += strspn(line, blanks);
  size_t length = strlen(line);
  while (length > 0 && strchr(blanks, line[length - 1])) length--;
  return length > 0 && *line != '#' && !is_header(line, length);
}

/* The digit that a character stands for; 0 for a blank, -1 for any other character. */
int pal_sudoku_digit_of(const pal_sudoku_shape *s, char c) {
  if (c == '.' || c == '0') return 0;
  for (int d = 1; d <= s->n; d++)
    if (toupper((unsigned char)c) == letter[d]) return d;
  return -1;
}

static pal_status read_cells(const pal_sudoku_shape *s, const char *text, size_t length,
                             uint8_t *board, pal_error *error) {
  for (size_t i = 0; i < length && i < (size_t)s->cells; i++) {
    const int d = pal_sudoku_digit_of(s, text[i]);
    if (d < 0) {
      const bool plain = isprint((unsigned char)text[i]) != 0;
      return pal_fail(error, PAL_E_FORMAT,
                      plain ? "place %zu holds \"%c\"; boards of size %d have . or 0 for a blank "
                              "and digits 1 to %c"
                            : "place %zu holds a character that is not printable (%02x); boards "
                              "of size %d have . or 0 for a blank and digits 1 to %c",
                      i + 1, plain ? text[i] : (unsigned char)text[i], s->n, letter[s->n]);
    }
    board[i] = (uint8_t)d;
  }
  if (length != (size_t)s->cells)
    return pal_fail(error, PAL_E_FORMAT, "a board of size %d has %d characters, this one has %zu",
                    s->n, s->cells, length);
  return PAL_OK;
}

/* ---- reading: rows --------------------------------------------------------------------------- */

/* The next item of a row from *at on; moves *at behind it. */
static item next_item(const char **at) {
  static const char gaps[] = " \t,;\r\n";
  const char *text = *at + strspn(*at, gaps);
  const item found = {text, strcspn(text, gaps)};
  *at = text + found.length;
  return found;
}

static size_t count_items(const char *at) {
  size_t n = 0;
  while (next_item(&at).length) n++;
  return n;
}

/* Whether a line is a row of integers. A line with boards has one or two items, of which the first
 * is long; more items may follow by mistake, which is then reported as such. */
static bool is_row(const pal_sudoku_shape *s, const char *line) {
  const size_t n = count_items(line);
  return n > 2 && (n > (size_t)s->cells || next_item(&line).length < LEAST_CELLS);
}

static bool whole_number(item i, int64_t *value) {
  *value = 0;
  for (size_t k = 0; k < i.length; k++) {
    if (i.text[k] < '0' || i.text[k] > '9') return false;
    *value = 10 * *value + (i.text[k] - '0');
  }
  return true;
}

/* In the message, characters that are not printable are shown as question marks. */
static pal_status bad_item(size_t place, item i, pal_error *error) {
  char shown[25];
  size_t n = 0;
  for (; n < i.length && n + 1 < sizeof shown; n++)
    shown[n] = isprint((unsigned char)i.text[n]) ? i.text[n] : '?';
  shown[n] = 0;
  return pal_fail(error, PAL_E_FORMAT,
                  "item %zu of the row is \"%s\", not a whole number of at most %d digits", place,
                  shown, MOST_DIGITS);
}

static pal_status read_numbers(const pal_sudoku_shape *s, const char *text, int64_t *number,
                               pal_error *error) {
  const size_t wanted = (size_t)(ROW_ITEMS * s->cells) + 1, n = count_items(text);
  for (size_t i = 0; i < n; i++) {
    const item one = next_item(&text);
    int64_t value = 0;
    if (one.length > MOST_DIGITS || !whole_number(one, &value)) return bad_item(i + 1, one, error);
    if (i < wanted) number[i] = value;
  }
  if (n == wanted) return PAL_OK;
  return pal_fail(error, PAL_E_FORMAT, "a row for size %d has %zu integers, this one has %zu", s->n,
                  wanted, n);
}

/* Reads cell i of a row of integers; `base` is the number of the first row and column, 0 or 1. */
static pal_status read_cell(const pal_sudoku_shape *s, const int64_t *number, int i, int64_t base,
                            uint8_t *given, uint8_t *solution, pal_error *error) {
  const int64_t givens = number[0], *at = number + 1 + ROW_ITEMS * i;
  const int64_t r = at[0] - base, c = at[1] - base, value = at[2], technique = at[3];
  const long long row = at[0], column = at[1];
  if (r < 0 || r >= s->n || c < 0 || c >= s->n || value < 1 || value > s->n)
    return pal_fail(error, PAL_E_FORMAT,
                    "cell %d of the row is row %lld, column %lld, value %lld, outside a board of "
                    "size %d",
                    i + 1, row, column, (long long)value, s->n);
  const int64_t cell = r * s->n + c;
  if (solution[cell])
    return pal_fail(error, PAL_E_FORMAT, "cell %d of the row names row %lld, column %lld again",
                    i + 1, row, column);
  if (i < givens && technique != GIVEN)
    return pal_fail(
        error, PAL_E_FORMAT,
        "cell %d of the row is one of its %d givens, but has technique %lld instead of 0", i + 1,
        (int)givens, (long long)technique);
  if (i >= givens && technique == GIVEN)
    return pal_fail(
        error, PAL_E_FORMAT,
        "cell %d of the row has technique 0 as a given, but the row has only %d, which stand first",
        i + 1, (int)givens);
  solution[cell] = (uint8_t)value;
  if (i < givens) given[cell] = (uint8_t)value;
  return PAL_OK;
}

/* Rows and columns count from 0 or from 1: the largest number, n - 1 or n, shows which. */
static pal_status read_row(const pal_sudoku_shape *s, const char *text, uint8_t *given,
                           uint8_t *solution, pal_error *error) {
  int64_t number[1 + ROW_ITEMS * PAL_SUDOKU_CELLS], largest = 0;
  pal_status status = read_numbers(s, text, number, error);
  if (status) return status;
  if (number[0] > s->cells)
    return pal_fail(error, PAL_E_FORMAT, "the row starts with %lld givens; a board has %d cells",
                    (long long)number[0], s->cells);
  for (int i = 0; i < s->cells; i++)
    for (int k = 1; k <= 2; k++)
      if (number[ROW_ITEMS * i + k] > largest) largest = number[ROW_ITEMS * i + k];
  memset(given, 0, (size_t)s->cells);
  memset(solution, 0, (size_t)s->cells);
  for (int i = 0; i < s->cells && !status; i++)
    status = read_cell(s, number, i, largest == s->n, given, solution, error);
  return status;
}

/* ---- reading: any form ----------------------------------------------------------------------- */

static pal_status check_givens(const pal_sudoku_shape *s, const uint8_t *given, pal_error *error) {
  static const char *const unit[] = {"row", "column", "box"};
  for (int u = 0; u < s->units; u++) {
    int times[PAL_SUDOKU_MOST + 1] = {0};
    for (int k = 0; k < s->n; k++) {
      const int d = given[s->unit[u][k]];
      if (d && times[d]++)
        return pal_fail(error, PAL_E_FORMAT, "contradictory givens: %c stands twice in %s %d",
                        letter[d], unit[u / s->n], u % s->n + 1);
    }
  }
  return PAL_OK;
}

/* Solves the puzzle; `claimed` is the solution that was given with it, or NULL. */
static pal_status solve(const pal_sudoku_shape *s, const uint8_t *given, const uint8_t *claimed,
                        uint8_t *solution, pal_error *error) {
  pal_sudoku_search search = {.limit = 2, .budget = MOST_GUESSES};
  pal_status status = check_givens(s, given, error);
  if (status) return status;
  if (pal_sudoku_givens(s, given) == s->cells)
    return pal_fail(error, PAL_E_FORMAT, "the board has no blank");
  const int n = pal_sudoku_solve(s, given, &search);
  if (n < 2 && search.gave_up)
    return pal_fail(error, PAL_E_FORMAT, "the solver gave up on the puzzle after %d guesses",
                    MOST_GUESSES);
  if (n != 1)
    return pal_fail(error, PAL_E_FORMAT,
                    n ? "the puzzle has several solutions" : "the puzzle has no solution");
  if (claimed && memcmp(claimed, search.solution, (size_t)s->cells) != 0)
    return pal_fail(error, PAL_E_FORMAT, "the solution given with the puzzle is not its solution");
  memcpy(solution, search.solution, (size_t)s->cells);
  return PAL_OK;
}

/* Whether a column is meant as a board: it is long, and most of its characters are those of
 * boards. */
static bool is_board(const pal_sudoku_shape *s, item column) {
  size_t fit = 0;
  for (size_t i = 0; i < column.length; i++) fit += pal_sudoku_digit_of(s, column.text[i]) >= 0;
  return 2 * column.length > (size_t)s->cells && 2 * fit > column.length;
}

/* Whether a column is a number such as a rating or an index, or a word. */
static bool is_label(item column) {
  enum { LONGEST = 8 };
  size_t points = 0, digits = 0;
  if (column.length > 0 && isalpha((unsigned char)*column.text)) return true;
  for (size_t i = 0; i < column.length; i++) {
    points += column.text[i] == '.';
    digits += isdigit((unsigned char)column.text[i]) != 0;
  }
  return digits > 0 && points < 2 && digits + points == column.length && column.length <= LONGEST;
}

/* Whether a line is one of a table: with more than two columns, with quotes, semicolons or tabs, or
 * with a label beside the board, and at least one column is a board. Other columns are ignored. */
static bool is_table(const pal_sudoku_shape *s, const char *line) {
  int boards = 0, columns = 0, labels = 0;
  for (const char *at = line; *at; columns++) {
    const item one = next_column(&at);
    boards += is_board(s, one);
    labels += !is_board(s, one) && is_label(one);
  }
  return boards > 0 &&
         (columns > 2 || labels || strpbrk(line, "\";") || (columns > 1 && strchr(line, '\t')));
}

/* Of two boards, the one with blanks is the puzzle; the order does not matter. */
static pal_status read_table(const pal_sudoku_shape *s, const char *line, uint8_t *given,
                             uint8_t *solution, pal_error *error) {
  uint8_t board[2][PAL_SUDOKU_CELLS];
  int n = 0;
  for (const char *at = line; *at;) {
    const item column = next_column(&at);
    if (!is_board(s, column)) continue;
    if (n == 2) return pal_fail(error, PAL_E_FORMAT, "there are more than two boards in the line");
    const pal_status status = read_cells(s, column.text, column.length, board[n++], error);
    if (status) return status;
  }
  const bool turned = n == 2 && pal_sudoku_givens(s, board[0]) == s->cells;
  memcpy(given, board[turned], (size_t)s->cells);
  return solve(s, given, n == 2 ? board[!turned] : NULL, solution, error);
}

pal_status pal_sudoku_read(const pal_sudoku_shape *s, const char *line, uint8_t *given,
                           uint8_t *solution, pal_error *error) {
  uint8_t claimed[PAL_SUDOKU_CELLS];
  line += strspn(line, blanks);
  if (is_table(s, line)) return read_table(s, line, given, solution, error);
  if (is_row(s, line)) {
    pal_status status = read_row(s, line, given, claimed, error);
    return status ? status : solve(s, given, claimed, solution, error);
  }
  const size_t length = strcspn(line, ", \t\r\n");
  pal_status status = read_cells(s, line, length, given, error);
  if (status) return status;
  const char *rest = line + length + strspn(line + length, blanks);
  if (*rest != ',') {
    if (*rest) return pal_fail(error, PAL_E_FORMAT, "there is \"%.20s\" after the board", rest);
    return solve(s, given, NULL, solution, error);
  }
  rest++;
  rest += strspn(rest, blanks);
  const size_t second = strcspn(rest, ", \t\r\n");
  if (rest[second + strspn(rest + second, blanks)])
    return pal_fail(error, PAL_E_FORMAT, "there is \"%.20s\" after the solution", rest + second);
  status = read_cells(s, rest, second, claimed, error);
  return status ? status : solve(s, given, claimed, solution, error);
}

/* ---- writing --------------------------------------------------------------------------------- */

void pal_sudoku_write_line(const pal_sudoku_shape *s, const uint8_t *board, char *text) {
  for (int c = 0; c < s->cells; c++) text[c] = letter[board[c]];
  text[s->cells] = 0;
}

void pal_sudoku_write_csv(const pal_sudoku_shape *s, const uint8_t *given, const uint8_t *solution,
                          char *text) {
  pal_sudoku_write_line(s, given, text);
  text[s->cells] = ',';
  pal_sudoku_write_line(s, solution, text + s->cells + 1);
}

void pal_sudoku_write_row(const pal_sudoku_shape *s, const uint8_t *given, const uint8_t *solution,
                          char *text) {
  uint8_t order[PAL_SUDOKU_CELLS], technique[PAL_SUDOKU_CELLS];
  const int n = pal_sudoku_order(s, given, solution, order, technique);
  size_t used = (size_t)snprintf(text, PAL_SUDOKU_TEXT, "%d", pal_sudoku_givens(s, given));
  for (int i = 0; i < s->cells + n; i++) {
    const int c = i < s->cells ? i : order[i - s->cells];
    if (i < s->cells && !given[c]) continue;
    used += (size_t)snprintf(text + used, PAL_SUDOKU_TEXT - used, " %d %d %d %d", c / s->n,
                             c % s->n, solution[c], i < s->cells ? 0 : technique[i - s->cells]);
  }
}
