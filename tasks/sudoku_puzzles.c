/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku: the set of training puzzles, generated or read, and look-up in it (floor 5). */
#include <stdlib.h>
#include <string.h>

#include "src/alloc.h"
#include "src/file.h"
#include "tasks/sudoku_task.h"

enum { MOST_FILE = 1 << 30 };

/* An entry of the index, which is sorted by invariant. */
typedef struct pal_sudoku_mark {
  uint64_t invariant;
  int at; /* number of the puzzle */
} mark;

static uint8_t *given_of(const pal_sudoku_puzzles *p, int i) {
  return p->given + (size_t)i * (size_t)p->shape->cells;
}

static uint8_t *solution_of(const pal_sudoku_puzzles *p, int i) {
  return p->solution + (size_t)i * (size_t)p->shape->cells;
}

static pal_status make_room(pal_sudoku_puzzles *p, int n, pal_error *error) {
  const size_t cells = (size_t)p->shape->cells;
  p->given = pal_alloc((size_t)n * cells);
  p->solution = pal_alloc((size_t)n * cells);
  p->mark = pal_alloc((size_t)n * sizeof *p->mark);
  if (p->given && p->solution && p->mark) return PAL_OK;
  return pal_fail(error, PAL_E_MEMORY, "no memory for %d puzzles", n);
}

void pal_sudoku_puzzles_free(pal_sudoku_puzzles *p) {
  pal_free(p->given);
  pal_free(p->solution);
  pal_free(p->mark);
  p->given = p->solution = NULL;
  p->mark = NULL;
}

/* ---- look-up --------------------------------------------------------------------------------- */

static int by_invariant(const void *a, const void *b) {
  const mark *x = a, *y = b;
  if (x->invariant != y->invariant) return x->invariant > y->invariant ? 1 : -1;
  return (x->at > y->at) - (x->at < y->at);
}

static void mark_all(pal_sudoku_puzzles *p) {
  for (int i = 0; i < p->n; i++)
    p->mark[i] = (mark){pal_sudoku_invariant(p->shape, given_of(p, i), solution_of(p, i)), i};
  qsort(p->mark, (size_t)p->n, sizeof *p->mark, by_invariant);
}

bool pal_sudoku_puzzles_contain(const pal_sudoku_puzzles *p, const uint8_t *given,
                                const uint8_t *solution) {
  const uint64_t invariant = pal_sudoku_invariant(p->shape, given, solution);
  int low = 0, high = p->n;
  while (low < high) {
    const int middle = low + (high - low) / 2;
    if (p->mark[middle].invariant < invariant) low = middle + 1;
    else high = middle;
  }
  for (; low < p->n && p->mark[low].invariant == invariant; low++) {
    const int at = p->mark[low].at;
    if (pal_sudoku_equivalent(p->shape, given, solution, given_of(p, at), solution_of(p, at)))
      return true;
  }
  return false;
}

uint64_t pal_sudoku_puzzles_digest(const pal_sudoku_puzzles *p) {
  const size_t bytes = (size_t)p->n * (size_t)p->shape->cells;
  const uint64_t part[] = {pal_hash64(p->given, bytes), pal_hash64(p->solution, bytes), p->augment};
  return pal_hash64(part, sizeof part);
}

void pal_sudoku_puzzles_draw(const pal_sudoku_puzzles *p, pal_rng *rng, uint8_t *given,
                             uint8_t *solution) {
  const int at = (int)pal_rng_below(rng, (uint32_t)p->n);
  if (!p->augment) {
    memcpy(given, given_of(p, at), (size_t)p->shape->cells);
    memcpy(solution, solution_of(p, at), (size_t)p->shape->cells);
    return;
  }
  pal_sudoku_symmetry symmetry;
  pal_sudoku_symmetry_draw(p->shape, rng, &symmetry);
  pal_sudoku_symmetry_apply(p->shape, &symmetry, given_of(p, at), given);
  pal_sudoku_symmetry_apply(p->shape, &symmetry, solution_of(p, at), solution);
}

/* ---- generated ------------------------------------------------------------------------------- */

static pal_status make_series(pal_sudoku_puzzles *p, const pal_sudoku_series *series, int n,
                              int threads, pal_error *error) {
  pal_error own = {0};
  pal_status status = make_room(p, n, error);
  if (status) return status;
  status = pal_sudoku_series_make(series, 0, n, threads, p->given, p->solution, &own);
  if (status) pal_fail(error, status, "%s (setting givens)", own.text);
  p->n = status ? 0 : n;
  if (!status) mark_all(p);
  return status;
}

pal_status pal_sudoku_puzzles_make(pal_sudoku_puzzles *p, pal_sudoku_range givens, uint64_t seed,
                                   int n, int threads, pal_error *error) {
  const pal_sudoku_series series = {p->shape, givens, seed, "sudoku.train", NULL, 0};
  return make_series(p, &series, n, threads, error);
}

pal_status pal_sudoku_puzzles_make_valid(pal_sudoku_puzzles *p, pal_sudoku_range givens,
                                         const pal_sudoku_puzzles *train, int n, int threads,
                                         pal_error *error) {
  const pal_sudoku_series series = {p->shape, givens, 1, "sudoku.valid", train, 0};
  return make_series(p, &series, n, threads, error);
}

pal_status pal_sudoku_puzzles_read_valid(pal_sudoku_puzzles *p, const char *path,
                                         const pal_sudoku_puzzles *train, pal_error *error) {
  const pal_status status = pal_sudoku_puzzles_read(p, path, 0, error);
  int shared = 0, first = 0;
  for (int i = 0; i < p->n && !status; i++)
    if (pal_sudoku_puzzles_contain(train, given_of(p, i), solution_of(p, i)) && !shared++)
      first = i + 1;
  if (!shared) return status;
  return pal_fail(error, PAL_E_ARGUMENT,
                  "%s: %d of its %d puzzles are training puzzles too, up to a symmetry; the first "
                  "is number %d. Puzzles to validate on must be others",
                  path, shared, p->n, first);
}

/* ---- read ------------------------------------------------------------------------------------ */

/* Takes a line, or NULL at the end of the file. */
static pal_status read_line(pal_sudoku_puzzles *p, pal_sudoku_lines *lines, const char *path,
                            int number, const char *line, pal_error *error) {
  pal_error own = {0};
  const char *puzzle;
  pal_status status = pal_sudoku_lines_next(p->shape, lines, line, &puzzle, &own);
  if (!status && puzzle && pal_sudoku_holds_puzzle(puzzle)) {
    status = pal_sudoku_read(p->shape, puzzle, given_of(p, p->n), solution_of(p, p->n), &own);
    p->n += !status;
  }
  return status ? pal_fail(error, status, "%s:%d: %s", path, number, own.text) : PAL_OK;
}

/* Skips a byte order mark, which some programs write at the beginning of UTF-8 files. */
static char *skip_mark(char *data) {
  static const char bytes[] = "\xEF\xBB\xBF";
  return data + (strncmp(data, bytes, strlen(bytes)) == 0 ? strlen(bytes) : 0);
}

pal_status pal_sudoku_puzzles_read(pal_sudoku_puzzles *p, const char *path, int most,
                                   pal_error *error) {
  char *data = NULL;
  size_t size = 0;
  pal_status status = pal_file_read(path, MOST_FILE, &data, &size, error);
  if (status) return status;
  if (most < 1 || most > PAL_SUDOKU_MOST_PUZZLES) most = PAL_SUDOKU_MOST_PUZZLES;
  int room = 1;
  for (size_t i = 0; i < size && room < most; i++) room += data[i] == '\n' || data[i] == '\r';
  status = make_room(p, room, error);
  p->n = 0;
  int number = 1;
  pal_sudoku_lines lines = {0};
  char *end;
  for (char *line = skip_mark(data); line < data + size && p->n < room && !status; line = end + 1) {
    for (end = line; end < data + size && *end != '\n' && *end != '\r';) end++;
    const size_t length = (size_t)(end - line);
    if (*end == '\r' && end[1] == '\n') *end++ = 0;
    *end = 0;
    if (strlen(line) < length)
      status = pal_fail(error, PAL_E_FORMAT, "%s:%d: the line holds a zero byte", path, number);
    else status = read_line(p, &lines, path, number, line, error);
    number++;
  }
  if (!status && p->n < room) status = read_line(p, &lines, path, number, NULL, error);
  pal_free(data);
  if (!status && p->n == 0) status = pal_fail(error, PAL_E_FORMAT, "%s holds no puzzle", path);
  if (!status) mark_all(p);
  return status;
}
