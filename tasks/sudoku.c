/* SPDX-License-Identifier: Apache-2.0 */
/* The task sudoku (floor 5): training examples, held-out puzzles and scores.
 *
 * Edit models (those of form transition) learn labelled states, either of the restart policy
 * (sudoku_policy.c) or of the traces released with the paper (sudoku_released.c). Models that
 * answer learn to fill the puzzle. Training puzzles are generated from a seed or read from a file.
 * A held-out puzzle is a function of its number, and is generated when it is first needed. A
 * candidate that is equivalent to a training puzzle under the symmetries of sudoku is replaced by
 * another. */
#include <palimpsest/layers.h>
#include <palimpsest/task.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/alloc.h"
#include "src/file.h"
#include "tasks/counted.h"
#include "tasks/sudoku_task.h"

enum {
  MOST_TESTS = 100000,
  MOST_GUESSES = 100,
  MOST_CAP = 10000000,
  TOGETHER = 32,
  VALIDATED = 64 /* generated development puzzles */
};

typedef enum lines { CSV, BOARD, ROW } lines;
typedef enum trace { RESTART, RELEASED } trace;
typedef enum order { READING, SOLVER } order;

typedef struct sudoku_settings {
  int64_t size, puzzles, test_puzzles, test_guesses, cap;
  const char *data, *valid, *givens, *test_givens;
  uint64_t seed, test_seed;
  bool augment;
  int trace, answer, order, lines; /* trace, pal_sudoku_layout, order, lines */
} sudoku_settings;

typedef struct sudoku {
  pal_sudoku_shape shape;
  pal_sudoku_range givens, test_givens;
  uint64_t seed, test_seed;
  int tests, test_guesses, cap;
  lines lines;                         /* text form in which instances are written */
  pal_sudoku_puzzles train, valid;     /* valid: n is 0 until it is first needed */
  pal_error absent;                    /* the data file is not there: why `train` is empty */
  uint8_t *test_given, *test_solution; /* [tests][cells]; a solution of 0s: not yet generated */
  pal_sudoku_tables tables;
  pal_sudoku_encoding encoding;
  pal_sudoku_lines read; /* of the board that is being read */
} sudoku;

#define SUDOKU sudoku_settings
static const pal_setting settings[] = {
    PAL_SET_WHOLE(SUDOKU, size, "9", 4, 16, "rows of a board: 4, 9 or 16", PAL_KEPT_BY_WEIGHTS),
    PAL_SET_WHOLE(SUDOKU, puzzles, "100", 0, PAL_SUDOKU_MOST_PUZZLES,
                  "number of training puzzles. With a file: at most so many of it, 0 for all"),
    PAL_SET_FILE(
        SUDOKU, data, "",
        "file of training puzzles: lines of 81 characters, CSV with puzzle and solution, 325 "
        "integers, or boards of nine lines; empty: puzzles are generated",
        PAL_KEPT_BY_NONE),
    PAL_SET_FILE(SUDOKU, valid, "",
                 "file of development puzzles, for validation during training; empty: generated",
                 PAL_KEPT_BY_NONE),
    PAL_SET_SEED(SUDOKU, seed, "1", "seed of the generated training puzzles"),
    PAL_SET_TEXT(
        SUDOKU, givens, "",
        "givens of a generated puzzle, drawn uniformly from LEAST-MOST; empty: 4-8, 20-28 or "
        "100-130 by size"),
    PAL_SET_FLAG(SUDOKU, augment, "1", "1: training puzzles appear under random symmetries"),
    PAL_SET_CHOICE(
        SUDOKU, trace, "restart", "restart released",
        "training states of edit models: restart, one token for each cell; released, the paper's "
        "four tokens for each cell",
        PAL_KEPT_BY_WEIGHTS),
    PAL_SET_CHOICE(
        SUDOKU, answer, "infill", "infill append pairs moves",
        "what other models answer: infill, the masks of the board; append, the whole board again; "
        "pairs, a place and a digit for each blank; moves, one token for both",
        PAL_KEPT_BY_WEIGHTS),
    PAL_SET_CHOICE(
        SUDOKU, order, "reading", "reading solver",
        "order of answer=pairs and moves: reading order, or solver, the order in which a solver finds the "
        "digits",
        PAL_KEPT_BY_WEIGHTS),
    PAL_SET_WHOLE(SUDOKU, test_puzzles, "1000", 1, MOST_TESTS, "number of held-out puzzles",
                  PAL_KEPT_BY_NONE),
    PAL_SET_TEXT(SUDOKU, test_givens, "",
                 "givens of held-out puzzles; empty: as the setting givens", PAL_KEPT_BY_NONE),
    PAL_SET_WHOLE(
        SUDOKU, test_guesses, "0", 0, MOST_GUESSES,
        "least number of right guesses that a held-out puzzle needs where naked and hidden "
        "singles lead no further",
        PAL_KEPT_BY_NONE),
    PAL_SET_SEED(SUDOKU, test_seed, "1", "seed of the held-out puzzles", PAL_KEPT_BY_NONE),
    PAL_SET_WHOLE(SUDOKU, cap, "2000", 1, MOST_CAP,
                  "most forward passes of an edit model on one puzzle", PAL_KEPT_BY_NONE),
    PAL_SET_CHOICE(
        SUDOKU, lines, "csv", "csv board row",
        "format that palimpsest instances writes: csv, puzzle and solution; board, the board "
        "alone; row, 325 integers (size 9 only)",
        PAL_KEPT_BY_NONE),
};

/* ---- settings -------------------------------------------------------------------------------- */

/* Reads "N" or "LEAST-MOST" as a range of givens. A puzzle of size 9 with exactly one solution has
 * at least 17 givens (McGuire, Tugemann and Civario 2012), one of size 4 at least 4; for size 16 no
 * such number is proven. */
static pal_status read_range(const char *name, const char *text, const pal_sudoku_shape *shape,
                             pal_sudoku_range *out, pal_error *error) {
  const int fewest = shape->n == 4 ? 4 : shape->n == 9 ? 17 : 1, cells = shape->cells;
  char *end, *last;
  const long least = strtol(text, &end, 10);
  const long most = *end == '-' ? strtol(end + 1, &last, 10) : (last = end, least);
  if (end == text || *last || least < fewest || most < least || most >= cells)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "sudoku: %s is a number of givens or LEAST-MOST, from %d to %d, not \"%s\"%s",
                    name, fewest, cells - 1, text,
                    end > text && least < fewest ? ": none with fewer has one solution" : "");
  *out = (pal_sudoku_range){(int)least, (int)most};
  return PAL_OK;
}

static pal_status read_settings(const sudoku_settings *own, sudoku *s, pal_error *error) {
  const int size = (int)own->size;
  if (!pal_sudoku_shape_init(&s->shape, size))
    return pal_fail(error, PAL_E_ARGUMENT, "sudoku: size is 4, 9 or 16, not %d", size);
  if (own->puzzles == 0 && !*own->data)
    return pal_fail(error, PAL_E_ARGUMENT, "sudoku: puzzles is 1 or more unless data is a file");
  if (own->trace == RELEASED && size != 9)
    return pal_fail(error, PAL_E_UNSUPPORTED, "sudoku: trace=released is defined for size 9 only");
  const char *standard = size == 4 ? "4-8" : size == 9 ? "20-28" : "100-130";
  const char *givens = *own->givens ? own->givens : standard;
  pal_status status = read_range("givens", givens, &s->shape, &s->givens, error);
  if (!status)
    status = read_range("test_givens", *own->test_givens ? own->test_givens : givens, &s->shape,
                        &s->test_givens, error);
  s->train.n = (int)own->puzzles;
  s->tests = (int)own->test_puzzles;
  s->test_guesses = (int)own->test_guesses;
  s->cap = (int)own->cap;
  s->seed = own->seed;
  s->test_seed = own->test_seed;
  s->lines = (lines)own->lines;
  s->train.shape = s->valid.shape = &s->shape;
  s->train.augment = s->valid.augment = own->augment;
  s->encoding.shape = &s->shape;
  s->encoding.layout = (pal_sudoku_layout)own->answer;
  s->encoding.solver_order = own->order == SOLVER;
  s->encoding.released = own->trace == RELEASED;
  return status;
}

/* ---- the task -------------------------------------------------------------------------------- */

static void sudoku_close(pal_task *task) {
  sudoku *s = pal_task_self(task);
  pal_sudoku_puzzles_free(&s->train);
  pal_sudoku_puzzles_free(&s->valid);
  pal_free(s->test_given);
  pal_free(s->test_solution);
  pal_sudoku_tables_free(&s->tables);
  pal_free(s);
}

static pal_status sudoku_open(pal_task *task, pal_error *error) {
  sudoku *s = pal_calloc(1, sizeof *s);
  if (!s) return pal_fail(error, PAL_E_MEMORY, "no memory for the sudoku task");
  const sudoku_settings *own = pal_task_own(task);
  pal_task_set_self(task, s);
  pal_format format;
  pal_status status = read_settings(own, s, error);
  if (!status) status = pal_sudoku_format(&s->encoding, &s->tables, &format, error);
  if (status) return status;
  pal_task_set_format(task, &format);
  if (!*own->data)
    return pal_sudoku_puzzles_make(&s->train, s->givens, s->seed, s->train.n,
                                   pal_task_threads(task), error);
  pal_error absent = {0};
  status = pal_sudoku_puzzles_read(&s->train, own->data, s->train.n, &absent);
  if (status != PAL_E_NOT_FOUND) return pal_fail(error, status, "%s", absent.text);
  s->absent = absent; /* boards of a user can be decoded without the training puzzles */
  s->train.n = 0;
  return PAL_OK;
}

/* Fails if the training puzzles are in a file that is not there. */
static pal_status check_puzzles(const sudoku *s, pal_error *error) {
  return s->absent.code ? pal_fail(error, s->absent.code, "%s", s->absent.text) : PAL_OK;
}

typedef struct stream {
  const pal_sudoku_puzzles *puzzles;
  pal_sudoku_encoding encoding; /* buffers of its own */
  pal_form form;
  uint64_t seed;
  pal_counted at;
} stream;

static pal_status stream_next(void *self, pal_example *example, pal_error *error) {
  (void)error;
  stream *s = self;
  const uint64_t id = s->at.next++;
  pal_rng rng = pal_rng_new(s->seed, "sudoku.answer", 0, id);
  uint8_t given[PAL_SUDOKU_CELLS], solution[PAL_SUDOKU_CELLS];
  pal_sudoku_puzzles_draw(s->puzzles, &rng, given, solution);
  pal_sudoku_encode(&s->encoding, s->form, given, solution, id, example);
  return PAL_OK;
}

static size_t stream_save(const void *self, void *state, size_t room) {
  return pal_counted_save(&((const stream *)self)->at, state, room);
}

static pal_status stream_load(void *self, const void *state, size_t bytes, pal_error *error) {
  return pal_counted_load(&((stream *)self)->at, "sudoku", state, bytes, error);
}

static void stream_free(void *self) { pal_free(self); }

static pal_status check_form(const sudoku *s, pal_form form, pal_error *error) {
  if (form == PAL_FORM_REASONED)
    return pal_fail(error, PAL_E_UNSUPPORTED, "sudoku has no reasoned answers");
  if (form == PAL_FORM_ANSWER && s->encoding.released)
    return pal_fail(error, PAL_E_UNSUPPORTED, "sudoku: trace=released is for edit models only");
  return PAL_OK;
}

static pal_status stream_of(const sudoku *s, const pal_sudoku_puzzles *puzzles, pal_form form,
                            uint64_t seed, pal_stream *out, pal_error *error) {
  pal_status status = check_form(s, form, error);
  if (!status) status = check_puzzles(s, error);
  if (status) return status;
  if (form == PAL_FORM_TRANSITION)
    return pal_sudoku_walks_new(puzzles, s->encoding.released, seed, out, error);
  stream *own = pal_alloc(sizeof *own);
  if (!own) return pal_fail(error, PAL_E_MEMORY, "no memory for a stream");
  const uint64_t of[] = {pal_sudoku_puzzles_digest(puzzles), s->encoding.layout,
                         s->encoding.solver_order};
  *own = (stream){puzzles, s->encoding, form, seed, {0, pal_hash64(of, sizeof of)}};
  *out = (pal_stream){own, stream_next, stream_save, stream_load, stream_free};
  return PAL_OK;
}

static pal_status sudoku_stream(pal_task *task, pal_form form, uint64_t seed, pal_stream *out,
                                pal_error *error) {
  const sudoku *s = pal_task_self(task);
  return stream_of(s, &s->train, form, seed, out, error);
}

static pal_status sudoku_validation(pal_task *task, pal_form form, uint64_t seed, pal_stream *out,
                                    pal_error *error) {
  sudoku *s = pal_task_self(task);
  const char *file = ((const sudoku_settings *)pal_task_own(task))->valid;
  pal_status status = check_puzzles(s, error);
  if (!status && !s->valid.n)
    status = *file ? pal_sudoku_puzzles_read_valid(&s->valid, file, &s->train, error)
                   : pal_sudoku_puzzles_make_valid(&s->valid, s->givens, &s->train, VALIDATED,
                                                   pal_task_threads(task), error);
  return status ? status : stream_of(s, &s->valid, form, seed, out, error);
}

static const char *sudoku_set_name(const pal_task *task, int set) {
  (void)task;
  return set == 0 ? "held-out" : NULL;
}

static int sudoku_set_size(const pal_task *task, int set) {
  (void)set;
  return ((const sudoku *)pal_task_self(task))->tests;
}

/* Puzzle i of the held-out set. At its first use the TOGETHER puzzles around it are generated at
 * once, so that several threads can share the work. */
static pal_status held_out(const pal_task *task, int i, uint8_t **given, uint8_t **solution,
                           pal_error *error) {
  sudoku *s = pal_task_self(task);
  const size_t cells = (size_t)s->shape.cells;
  if (check_puzzles(s, error)) return s->absent.code; /* held-out ones must not be among them */
  if (!s->test_given) s->test_given = pal_calloc((size_t)s->tests, cells);
  if (!s->test_solution) s->test_solution = pal_calloc((size_t)s->tests, cells);
  if (!s->test_given || !s->test_solution)
    return pal_fail(error, PAL_E_MEMORY, "no memory for %d puzzles", s->tests);
  *given = s->test_given + (size_t)i * cells;
  *solution = s->test_solution + (size_t)i * cells;
  if (**solution) return PAL_OK;
  const pal_sudoku_series series = {&s->shape,     s->test_givens, s->test_seed,
                                    "sudoku.test", &s->train,      s->test_guesses};
  const int from = i - i % TOGETHER, to = from + TOGETHER < s->tests ? from + TOGETHER : s->tests;
  const size_t at = (size_t)from * cells;
  pal_error own = {0};
  pal_status status = pal_sudoku_series_make(&series, from, to, pal_task_threads(task),
                                             s->test_given + at, s->test_solution + at, &own);
  if (!status) return PAL_OK;
  memset(s->test_solution + at, 0, (size_t)(to - from) * cells);
  return pal_fail(error, status, "%s (setting %s%s)", own.text,
                  *((const sudoku_settings *)pal_task_own(task))->test_givens ? "test_givens"
                                                                              : "givens",
                  s->test_guesses ? " or test_guesses" : "");
}

static pal_status sudoku_instance(pal_task *task, int set, int i, pal_form form,
                                  pal_example *example, pal_error *error) {
  sudoku *s = pal_task_self(task);
  uint8_t *given = NULL, *solution = NULL;
  (void)set;
  pal_status status = check_form(s, form, error);
  if (!status) status = held_out(task, i, &given, &solution, error);
  if (!status) pal_sudoku_encode(&s->encoding, form, given, solution, (uint64_t)i, example);
  return status;
}

static pal_status sudoku_read(pal_task *task, const char *line, pal_form form, uint64_t id,
                              pal_example *example, pal_error *error) {
  sudoku *s = pal_task_self(task);
  uint8_t given[PAL_SUDOKU_CELLS], solution[PAL_SUDOKU_CELLS];
  pal_status status = check_form(s, form, error);
  if (status) return status;
  const char *puzzle;
  status = pal_sudoku_lines_next(&s->shape, &s->read, line, &puzzle, error);
  if (status) return status;
  if (!puzzle || !pal_sudoku_holds_puzzle(puzzle)) {
    *example = (pal_example){.id = id};
    return PAL_OK;
  }
  status = pal_sudoku_read(&s->shape, puzzle, given, solution, error);
  if (!status) pal_sudoku_encode(&s->encoding, form, given, solution, id, example);
  return status;
}

static size_t sudoku_write(const pal_task *task, const pal_example *instance, pal_form form,
                           char *text, size_t size) {
  const sudoku *s = pal_task_self(task);
  uint8_t given[PAL_SUDOKU_CELLS], solution[PAL_SUDOKU_CELLS];
  char line[PAL_SUDOKU_TEXT];
  pal_sudoku_decode_example(&s->encoding, instance, form, given, solution);
  if (s->lines == CSV) pal_sudoku_write_csv(&s->shape, given, solution, line);
  else if (s->lines == BOARD) pal_sudoku_write_line(&s->shape, given, line);
  else pal_sudoku_write_row(&s->shape, given, solution, line);
  return (size_t)snprintf(text, size, "%s", line);
}

static const char *sudoku_heading(const pal_task *task) {
  return ((const sudoku *)pal_task_self(task))->lines == CSV ? "quizzes,solutions" : NULL;
}

static int sudoku_answer_room(const pal_task *task, const pal_example *instance, pal_form form) {
  const sudoku *s = pal_task_self(task);
  if (form == PAL_FORM_TRANSITION || s->encoding.layout == PAL_SUDOKU_INFILL) return 0;
  const int rows = pal_sudoku_context(&s->shape, s->encoding.layout);
  return s->encoding.layout == PAL_SUDOKU_APPEND ? s->shape.cells : rows - instance->n_prompt;
}

/* For models that answer: one pass per token, and one that finds the end. */
static int sudoku_step_cap(const pal_task *task, const pal_example *instance, pal_form form) {
  const sudoku *s = pal_task_self(task);
  (void)instance;
  return form == PAL_FORM_TRANSITION ? s->cap : 2 * s->shape.cells + 1;
}

static pal_score sudoku_score(const pal_task *task, const pal_example *instance, pal_form form,
                              const int32_t *token, int n) {
  const sudoku *s = pal_task_self(task);
  uint8_t given[PAL_SUDOKU_CELLS], solution[PAL_SUDOKU_CELLS], board[PAL_SUDOKU_CELLS];
  pal_sudoku_decode_example(&s->encoding, instance, form, given, solution);
  const bool shape = pal_sudoku_decode_sequence(&s->encoding, instance, form, token, n, board);
  const pal_sudoku_verdict v = pal_sudoku_verify(&s->shape, given, solution, board);
  return (pal_score){
      .exact = shape && v.exact, .valid = shape && v.complete && v.valid, .kept = shape && v.kept};
}

static void sudoku_picture(const pal_task *task, const pal_example *instance, pal_form form,
                           const int32_t *token, int n, pal_picture *picture) {
  pal_sudoku_picture(&((const sudoku *)pal_task_self(task))->encoding, instance, form, token, n,
                     picture);
}

static size_t sudoku_print(const pal_task *task, const int32_t *token, int n, char *text,
                           size_t size) {
  static const char letter[] = ".123456789ABCDEFG";
  const sudoku *s = pal_task_self(task);
  const pal_sudoku_shape *shape = &s->shape;
  const int extra = 3 * shape->n + 1, step = s->encoding.released ? 4 : 1;
  size_t used = 0, all = 0;
  if (size) *text = 0;
  for (int i = 0; i < n; i += step) {
    int32_t t = token[i];
    const int cell = s->encoding.layout == PAL_SUDOKU_MOVES ? pal_sudoku_move(shape, &t) : -1;
    const int32_t place = t - extra;
    char one[40];
    if (cell >= 0)
      snprintf(one, sizeof one, "%sr%dc%d=%c", i ? " " : "", cell / shape->n + 1,
               cell % shape->n + 1, letter[pal_sudoku_digit(shape, t)]);
    else if (step == 4) snprintf(one, sizeof one, "%c", t >= 0 && t <= 9 ? letter[t] : '_');
    else if (place >= 0 && s->encoding.layout == PAL_SUDOKU_PAIRS)
      snprintf(one, sizeof one, "%sr%dc%d=", i ? " " : "", place / shape->n + 1,
               place % shape->n + 1);
    else
      snprintf(one, sizeof one, "%s%c",
               i == shape->cells && s->encoding.layout == PAL_SUDOKU_APPEND ? " " : "",
               t >= 0 && place < 0 ? letter[pal_sudoku_digit(shape, t)] : '.');
    const size_t length = strlen(one);
    if (used == all && used + length < size) {
      memcpy(text + used, one, length + 1);
      used += length;
    }
    all += length;
  }
  return all;
}

/* Without the file of puzzles, whoever asks for the first one learns that it is not there. */
static int64_t sudoku_train_size(const pal_task *task) {
  const sudoku *s = pal_task_self(task);
  return s->absent.code ? 1 : s->train.n;
}

static int64_t sudoku_puzzles(const pal_task *task) {
  return ((const sudoku *)pal_task_self(task))->train.n;
}

static pal_status sudoku_train_instance(pal_task *task, int64_t i, pal_form form,
                                        pal_example *example, pal_error *error) {
  sudoku *s = pal_task_self(task);
  const size_t at = (size_t)i * (size_t)s->shape.cells;
  const pal_status status = check_form(s, form, error);
  if (!status && check_puzzles(s, error)) return s->absent.code;
  if (!status)
    pal_sudoku_encode(&s->encoding, form, s->train.given + at, s->train.solution + at, (uint64_t)i,
                      example);
  return status;
}

static size_t sudoku_traits(const pal_task *task, const pal_example *instance, pal_form form,
                            char *text, size_t size) {
  const sudoku *s = pal_task_self(task);
  uint8_t given[PAL_SUDOKU_CELLS], solution[PAL_SUDOKU_CELLS];
  pal_sudoku_decode_example(&s->encoding, instance, form, given, solution);
  const int guesses = pal_sudoku_rate(&s->shape, given, solution);
  char more[32] = "";
  if (guesses) snprintf(more, sizeof more, ",guesses: %2d", guesses);
  return (size_t)snprintf(text, size, "%d givens,%s%s", pal_sudoku_givens(&s->shape, given),
                          guesses ? "guesses needed" : "singles suffice", more);
}

/* Whether the model has a setting of that name whose value is not 0. */
static bool is_on(const pal_model *model, const char *name) {
  const char *text = pal_model_text(model, name);
  return text && strspn(text, "0.") != strlen(text);
}

static void sudoku_notes(const pal_task *task, const pal_model *model, pal_form form, char *text,
                         size_t size) {
  const sudoku *s = pal_task_self(task);
  const bool edits = form == PAL_FORM_TRANSITION;
  const pal_network_settings *net = pal_model_network(model);
  const bool told = pal_task_format(task)->group && (net->structure != PAL_STRUCTURE_NONE ||
                                                     net->positions == PAL_POSITIONS_FACTORED);
  const bool guesses = is_on(model, "guess"), jitters = is_on(model, "jitter");
  snprintf(text, size, "%s%s%s",
           told ? "the network is told which cells share a row, column or box\n" : "",
           edits && !s->encoding.released
               ? "a program that knows the rules labels every training state, on and off its own "
                 "path: the number of puzzles does not measure the supervision\n"
               : "",
           !edits ? ""
           : guesses && jitters
               ? "the decoder guesses where it is stuck and varies its threshold of "
                 "remasking at random\n"
           : guesses ? "the decoder guesses where it is stuck\n"
           : jitters ? "the decoder varies its threshold of remasking at random\n"
                     : "");
}

static int64_t sudoku_augmented(const pal_task *task) {
  return ((const sudoku_settings *)pal_task_own(task))->augment;
}

static const pal_report_column report[] = {
    {"puzzles", "what training examples are made of", PAL_REPORT_COUNT, NULL, sudoku_puzzles},
    {"augmented", "the puzzles appear under random symmetries", PAL_REPORT_FLAG, NULL,
     sudoku_augmented},
    {"valid", "full and by the rules, right or not", PAL_REPORT_SHARE, pal_report_valid, NULL},
    {"kept", "with the givens as they were", PAL_REPORT_SHARE, pal_report_kept, NULL},
};

const pal_task_definition pal_task_sudoku = {
    .abi_size = sizeof(pal_task_definition),
    .name = "sudoku",
    .doc = "Sudoku from few puzzles. Lines of a data file: n x n characters (. or 0 blank), or "
           "puzzle,solution, or 325 integers.",
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(sudoku_settings),
    .open = sudoku_open,
    .close = sudoku_close,
    .stream = sudoku_stream,
    .validation = sudoku_validation,
    .set_name = sudoku_set_name,
    .set_size = sudoku_set_size,
    .instance = sudoku_instance,
    .answer_room = sudoku_answer_room,
    .step_cap = sudoku_step_cap,
    .score = sudoku_score,
    .read = sudoku_read,
    .write = sudoku_write,
    .heading = sudoku_heading,
    .print = sudoku_print,
    .train_size = sudoku_train_size,
    .train_instance = sudoku_train_instance,
    .traits = sudoku_traits,
    .notes = sudoku_notes,
    .report = report,
    .n_report = sizeof report / sizeof *report,
    .picture = sudoku_picture,
};
