/* Sudoku: reading and writing boards (floor 5). */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/sudoku.h"

enum { MOST_GUESSES = 1000000, ROW_FIELDS = 4 };

static const char letter[] = ".123456789ABCDEFG";
static const char blanks[] = " \t\r\n";

/* ---- reading --------------------------------------------------------------------------------- */

bool pal_sudoku_holds_puzzle(const char *line) {
  line += strspn(line, blanks);
  return *line && *line != '#' && strncmp(line, "quizzes", 7) != 0 && strncmp(line, "puzzle", 6) != 0;
}

/* Digit of a character, 0 for a blank, -1 for neither. */
static int digit_of(const pal_sudoku_shape *s, char c) {
  if (c == '.' || c == '0') return 0;
  for (int d = 1; d <= s->n; d++)
    if (toupper((unsigned char)c) == letter[d]) return d;
  return -1;
}

static pal_status read_cells(const pal_sudoku_shape *s, const char *text, size_t length,
                             uint8_t *board, pal_error *error) {
  for (size_t i = 0; i < length && i < (size_t)s->cells; i++) {
    const int d = digit_of(s, text[i]);
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

/* The next integer of a row; false at its end or at anything else. */
static bool next_integer(const char **text, long *value) {
  const char *at = *text + strspn(*text, " \t,;\r\n");
  char *end;
  *value = strtol(at, &end, 10);
  if (end == at || (*end && !strchr(" \t,;\r\n", *end))) return false;
  *text = end;
  return true;
}

static int count_integers(const char *text) {
  int n = 0;
  for (long value; n <= ROW_FIELDS * PAL_SUDOKU_CELLS + 1 && next_integer(&text, &value);) n++;
  return text[strspn(text, " \t,;\r\n")] ? 0 : n;
}

/* Rows and columns count from 0, or all of them from 1, as is told by their largest. */
static pal_status read_row(const pal_sudoku_shape *s, const char *text, uint8_t *given,
                           uint8_t *solution, pal_error *error) {
  long field[PAL_SUDOKU_CELLS][ROW_FIELDS], givens, largest = 0;
  next_integer(&text, &givens);
  for (int i = 0; i < s->cells; i++)
    for (int k = 0; k < ROW_FIELDS; k++) {
      next_integer(&text, &field[i][k]);
      if (k < 2 && field[i][k] > largest) largest = field[i][k];
    }
  const long base = largest == s->n;
  if (givens < 0 || givens > s->cells)
    return pal_fail(error, PAL_E_FORMAT, "the row starts with %ld givens; a board has %d cells",
                    givens, s->cells);
  memset(given, 0, (size_t)s->cells);
  memset(solution, 0, (size_t)s->cells);
  for (int i = 0; i < s->cells; i++) {
    const long r = field[i][0] - base, c = field[i][1] - base, value = field[i][2];
    if (r < 0 || r >= s->n || c < 0 || c >= s->n || value < 1 || value > s->n)
      return pal_fail(error, PAL_E_FORMAT,
                      "cell %d of the row is row %ld, column %ld, value %ld, outside a board of "
                      "size %d", i + 1, field[i][0], field[i][1], value, s->n);
    const long cell = r * s->n + c;
    if (solution[cell])
      return pal_fail(error, PAL_E_FORMAT, "cell %d of the row names row %ld, column %ld again",
                      i + 1, field[i][0], field[i][1]);
    solution[cell] = (uint8_t)value;
    if (i < givens) given[cell] = (uint8_t)value;
  }
  return PAL_OK;
}

static pal_status check_givens(const pal_sudoku_shape *s, const uint8_t *given,
                               pal_error *error) {
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

/* Solves; `claimed` is the solution that came with the puzzle, or NULL. */
static pal_status solve(const pal_sudoku_shape *s, const uint8_t *given, const uint8_t *claimed,
                        uint8_t *solution, pal_error *error) {
  pal_sudoku_search search = {.limit = 2, .budget = MOST_GUESSES};
  pal_status status = check_givens(s, given, error);
  if (status) return status;
  const int n = pal_sudoku_solve(s, given, &search);
  if (n < 2 && search.gave_up)
    return pal_fail(error, PAL_E_FORMAT, "the puzzle was not decided within %d guesses",
                    MOST_GUESSES);
  if (n != 1)
    return pal_fail(error, PAL_E_FORMAT, n ? "the puzzle has several solutions"
                                           : "the puzzle has no solution");
  if (claimed && memcmp(claimed, search.solution, (size_t)s->cells) != 0)
    return pal_fail(error, PAL_E_FORMAT, "the solution given with the puzzle is not its solution");
  memcpy(solution, search.solution, (size_t)s->cells);
  return PAL_OK;
}

pal_status pal_sudoku_read(const pal_sudoku_shape *s, const char *line, uint8_t *given,
                           uint8_t *solution, pal_error *error) {
  uint8_t claimed[PAL_SUDOKU_CELLS];
  line += strspn(line, blanks);
  const int integers = count_integers(line);
  if (integers == ROW_FIELDS * s->cells + 1) {
    pal_status status = read_row(s, line, given, claimed, error);
    return status ? status : solve(s, given, claimed, solution, error);
  }
  if (integers > 2)
    return pal_fail(error, PAL_E_FORMAT, "a row for size %d has %d integers, this one has %d", s->n,
                    ROW_FIELDS * s->cells + 1, integers);
  const size_t length = strcspn(line, ", \t\r\n");
  pal_status status = read_cells(s, line, length, given, error);
  if (status) return status;
  const char *rest = line + length + strspn(line + length, blanks);
  if (*rest != ',') {
    if (*rest)
      return pal_fail(error, PAL_E_FORMAT, "there is \"%.20s\" after the board", rest);
    return solve(s, given, NULL, solution, error);
  }
  rest++;
  rest += strspn(rest, blanks);
  const size_t second = strcspn(rest, blanks);
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
