/* SPDX-License-Identifier: Apache-2.0 */
/* window_refill: keeps a decoding window of bounded length, with the rest of a sequence, its tail,
 * in a stack (floor 2).
 *
 * The network sees the window only, at most `window` rows per sequence. When the window has grown
 * beyond that, by insertions, its last rows are pushed onto the stack; when it is shorter, rows are
 * popped:
 *
 *   window rows                      tail of the sequence, as rows of a variable
 *   | a  b  c  d  e  f |             | .  .  .  .  .  .  x  y  z |
 *                                      ^tail_begin       ^cursor  ^tail_end
 *   length 6 > window 4: e and f are pushed to rows cursor - 2 and cursor - 1
 *   | a  b  c  d |                   | .  .  .  .  e  f  x  y  z |
 *                                                  ^cursor'
 *
 * The op itself writes no tail; push_index says where each row is to go, and write_rows puts it
 * there. Phase 0 computes lengths, cursors and begins in one pass over the sequences. Phase 1 has
 * two kinds of tasks: blocks of sequences, which write the windows, and chunks of old rows, which
 * write push_index. At most `window` tokens of a tail are read, whatever its length. */
#define PAL_NO_CALLER
#include "ops/ragged.h"

typedef struct refill_attrs {
  int64_t window;
  pal_symbol binds;
} refill_attrs;

static const pal_attr_field fields[] = {
    PAL_FIELD(refill_attrs, window, PAL_ATTR_INT),
    PAL_FIELD(refill_attrs, binds, PAL_ATTR_SYMBOL),
};

enum { TOKENS, BEGIN, LENGTH, TAIL, CURSOR, TAIL_BEGIN, TAIL_END, N_IN };
enum { NEW_TOKENS, NEW_BEGIN, NEW_LENGTH, NEW_CURSOR, PUSH_INDEX, N_OUT };

static pal_status infer(pal_infer *call) {
  const refill_attrs *a = call->attrs;
  pal_status status;
  if ((status = pal_want_vectors(call, TOKENS, TOKENS, "tokens")) ||
      (status = pal_want_vectors(call, BEGIN, LENGTH, "begin and length")) ||
      (status = pal_want_vectors(call, TAIL, TAIL, "tail")) ||
      (status = pal_want_vectors(call, CURSOR, TAIL_END, "cursor, tail_begin and tail_end")) ||
      (status = pal_want_rows(call, BEGIN, CURSOR, "begin and cursor")))
    return status;
  if (!a->binds.id || a->window < 1 || a->window > INT32_MAX)
    return pal_fail(call->error, PAL_E_ARGUMENT,
                    "window_refill needs a symbol for its rows and a window of 1 to 2^31 - 1 rows");
  call->n_out = N_OUT;
  call->out_type[NEW_TOKENS] = PAL_TYPE(PAL_I32, a->binds, 1);
  for (int i = NEW_BEGIN; i <= NEW_CURSOR; i++) call->out_type[i] = call->in_type[BEGIN];
  call->out_type[PUSH_INDEX] = call->in_type[TOKENS];
  return PAL_OK;
}

static int64_t one(const pal_run *run) {
  (void)run;
  return 1;
}

static int64_t blocks(const pal_run *run) {
  return pal_blocks(run->in_rows[BEGIN], PAL_SEQUENCE_BLOCK);
}

static int64_t blocks_and_chunks(const pal_run *run) {
  return blocks(run) + pal_blocks(run->in_rows[TOKENS], PAL_ROW_CHUNK);
}

/* Computes the cursor of sequence s after the refill; fails if the inputs of s are not valid. */
static pal_status move_cursor(const pal_run *run, int64_t s, int64_t *cursor) {
  const refill_attrs *a = run->attrs;
  const int32_t *const *in = (const int32_t *const *)run->in;
  const int64_t low = in[TAIL_BEGIN][s], at = in[CURSOR][s], high = in[TAIL_END][s];
  const int64_t length = in[LENGTH][s];
  const pal_status status =
      pal_check_sequence(run->error, s, in[BEGIN][s], length, run->in_rows[TOKENS]);
  if (status) return status;
  if (low < 0 || at < low || high < at || high > run->in_rows[TAIL])
    return pal_fail(run->error, PAL_E_ARGUMENT,
                    "window_refill: sequence %lld: tail_begin %lld, cursor %lld, tail_end %lld "
                    "must be in ascending order within 0..%lld",
                    (long long)s, (long long)low, (long long)at, (long long)high,
                    (long long)run->in_rows[TAIL]);
  *cursor = pal_least(at + a->window - length, high);
  if (*cursor >= low) return PAL_OK;
  if (!run->error->code) run->error->needed = high - *cursor;
  return pal_fail(run->error, PAL_E_CAPACITY,
                  "window_refill: the tail of sequence %lld needs %lld rows, it has %lld",
                  (long long)s, (long long)(high - *cursor), (long long)(high - low));
}

static pal_status run_counts(const pal_run *run) {
  const int32_t *length = run->in[LENGTH], *cursor = run->in[CURSOR];
  int32_t *new_begin = run->out[NEW_BEGIN], *new_length = run->out[NEW_LENGTH];
  int64_t total = 0;
  for (int64_t s = 0; s < run->in_rows[BEGIN]; s++) {
    int64_t moved = 0;
    const pal_status status = move_cursor(run, s, &moved);
    if (status) return status;
    /* the rows between the old and the new cursor were popped or pushed */
    const int64_t n = length[s] + moved - cursor[s];
    new_begin[s] = (int32_t)total;
    new_length[s] = (int32_t)n;
    ((int32_t *)run->out[NEW_CURSOR])[s] = (int32_t)moved;
    total += n;
  }
  *run->bound = total;
  return PAL_OK;
}

static void write_window(const pal_run *run, int64_t s) {
  const int32_t *const *in = (const int32_t *const *)run->in;
  const int64_t n = ((const int32_t *)run->out[NEW_LENGTH])[s];
  const int64_t kept = pal_least(in[LENGTH][s], n);
  const int32_t *row = in[TOKENS] + in[BEGIN][s], *next = in[TAIL] + in[CURSOR][s];
  int32_t *to = (int32_t *)run->out[NEW_TOKENS] + ((const int32_t *)run->out[NEW_BEGIN])[s];
  for (int64_t i = 0; i < kept; i++) to[i] = row[i];
  for (int64_t i = kept; i < n; i++) to[i] = next[i - kept];
}

/* Sets push_index of old rows first .. last - 1. The first row that is pushed out, begin + window,
 * goes to the new cursor, so it is the first to be popped again. */
static pal_status write_push(const pal_run *run, int64_t first, int64_t last) {
  const int32_t *const *in = (const int32_t *const *)run->in;
  const int32_t *new_length = run->out[NEW_LENGTH], *new_cursor = run->out[NEW_CURSOR];
  int32_t *push = run->out[PUSH_INDEX];
  for (int64_t i = first; i < last; i++) push[i] = -1;
  for (int64_t s = 0; s < run->in_rows[BEGIN]; s++) {
    const int64_t out = (int64_t)in[BEGIN][s] + new_length[s];
    const int64_t end = pal_least((int64_t)in[BEGIN][s] + in[LENGTH][s], last);
    for (int64_t i = pal_most(out, first); i < end; i++) {
      if (push[i] != -1)
        return pal_fail(run->error, PAL_E_ARGUMENT,
                        "window_refill: sequence %lld overlaps another at row %lld", (long long)s,
                        (long long)i);
      push[i] = (int32_t)(new_cursor[s] + i - out);
    }
  }
  return PAL_OK;
}

static pal_status run_write(const pal_run *run) {
  const int64_t n_blocks = blocks(run);
  for (int64_t task = run->begin; task < run->end; task++) {
    if (task < n_blocks) {
      const int64_t end = pal_least((task + 1) * PAL_SEQUENCE_BLOCK, run->in_rows[BEGIN]);
      for (int64_t s = task * PAL_SEQUENCE_BLOCK; s < end; s++) write_window(run, s);
    } else {
      const int64_t first = (task - n_blocks) * PAL_ROW_CHUNK;
      const pal_status status =
          write_push(run, first, pal_least(first + PAL_ROW_CHUNK, run->in_rows[TOKENS]));
      if (status) return status;
    }
  }
  return PAL_OK;
}

/* The definition, with an explicit stack: pushes the last row while the window is too long, pops
 * while it is too short. */
static pal_status reference(const pal_reference *call) {
  const refill_attrs *a = call->attrs;
  int64_t n = 0;
  const pal_status status = pal_reference_sequences(call, BEGIN, call->in_rows[TOKENS], false);
  if (status) return status;
  for (int64_t i = 0; i < call->in_rows[TOKENS]; i++) call->out[PUSH_INDEX][i] = -1;
  for (int64_t s = 0; s < call->in_rows[BEGIN]; s++) {
    const int64_t begin = (int64_t)call->in[BEGIN][s], first = n;
    int64_t length = (int64_t)call->in[LENGTH][s], cursor = (int64_t)call->in[CURSOR][s];
    const double low = call->in[TAIL_BEGIN][s], high = call->in[TAIL_END][s];
    if (!(low >= 0 && low <= (double)cursor && (double)cursor <= high &&
          high <= (double)call->in_rows[TAIL]))
      return pal_fail(call->error, PAL_E_ARGUMENT,
                      "sequence %lld: tail_begin %g, cursor %lld, tail_end %g must be in\n"
                      "ascending order within "
                      "0..%lld",
                      (long long)s, low, (long long)cursor, high, (long long)call->in_rows[TAIL]);
    while (length > a->window) {
      if (cursor <= (int64_t)call->in[TAIL_BEGIN][s])
        return pal_fail(call->error, PAL_E_CAPACITY, "window_refill: the tail is full");
      if (call->out[PUSH_INDEX][begin + length - 1] >= 0)
        return pal_fail(call->error, PAL_E_ARGUMENT, "sequence %lld overlaps another",
                        (long long)s);
      call->out[PUSH_INDEX][begin + --length] = (double)--cursor;
    }
    const int64_t fresh = pal_least(a->window - length, (int64_t)high - cursor);
    if (n + length + fresh > call->out_rows[NEW_TOKENS])
      return pal_fail(call->error, PAL_E_CAPACITY,
                      "the windows need more rows than the capacity, %lld",
                      (long long)call->out_rows[NEW_TOKENS]);
    for (int64_t i = 0; i < length; i++) call->out[NEW_TOKENS][n++] = call->in[TOKENS][begin + i];
    while (n - first < a->window && cursor < (int64_t)call->in[TAIL_END][s])
      call->out[NEW_TOKENS][n++] = call->in[TAIL][cursor++];
    call->out[NEW_BEGIN][s] = (double)first;
    call->out[NEW_LENGTH][s] = (double)(n - first);
    call->out[NEW_CURSOR][s] = (double)cursor;
  }
  *call->bound = n;
  return PAL_OK;
}

/* All sequences share one tail, which is possible since the op only reads it. MOST is more rows
 * than a case has, so that the tail is never full. */
static pal_value sample(pal_case *random) {
  enum { MOST = 400 };
  const pal_type each = PAL_TYPE(PAL_I32, pal_case_sequences(random), 1);
  pal_value begin, length;
  pal_case_ragged(random, &begin, &length, NULL, NULL);
  const pal_value tokens =
      pal_case_whole(random, PAL_TYPE(PAL_I32, pal_case_rows(random), 1), 0, 9);
  const pal_value tail = pal_case_whole(random, PAL_TYPE(PAL_I32, PAL_STATIC, 2 * MOST), 0, 9);
  const pal_value low = pal_case_whole(random, each, 0, 20);
  const pal_value cursor = pal_case_whole(random, each, MOST + 20, MOST + 30);
  const pal_value high = pal_case_whole(random, each, MOST + 30, MOST + 45);
  return pal_window_refill(pal_case_graph(random), tokens, begin, length, tail, cursor, low, high,
                           pal_case_int(random, 1, 12))
      .tokens;
}

static const pal_op refill_op = {
    PAL_OP_HEAD("window_refill",
                "Inputs: tokens i32 [T]; begin, length i32 [S]; tail i32 [N]; cursor, tail_begin,\n"
                "tail_end i32 [S]. Outputs: tokens i32 [T']; begin, length, cursor i32 [S];\n"
                "push_index i32 [T].\n"
                "Tail rows cursor .. tail_end - 1 of a sequence follow its window, in this order.\n"
                "If length > window, rows begin + window + k are to be pushed to tail rows\n"
                "cursor' + k, with cursor' = cursor - (length - window): push_index is the tail\n"
                "row of each, and -1 for all other rows. If length < window, up to window -\n"
                "length tokens from the cursor on are appended, and the cursor moves behind them.\n"
                "The result is packed; T' is a new symbol, bound at run time. The cost is\n"
                "O(window) per sequence. PAL_E_CAPACITY if cursor' < tail_begin (needed: rows\n"
                "that the tail would have to have). PAL_E_ARGUMENT unless 0 <= tail_begin <=\n"
                "cursor <= tail_end <= N. There is no gradient, since the results are integers."),
    .min_in = N_IN,
    .max_in = N_IN,
    .flags = PAL_OP_NO_GRADIENT | PAL_OP_BINDS,
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .attrs_size = sizeof(refill_attrs),
    .infer = infer,
    .reference = reference,
    .phase = {{.run = run_counts, .tasks = one}, {.run = run_write, .tasks = blocks_and_chunks}},
    .sample = sample,
};

pal_refilled pal_window_refill(pal_graph *g, pal_value tokens, pal_value begin, pal_value length,
                               pal_value tail, pal_value cursor, pal_value tail_begin,
                               pal_value tail_end, int64_t window) {
  const pal_value in[N_IN] = {tokens, begin, length, tail, cursor, tail_begin, tail_end};
  pal_value out[PAL_MAX_OUTPUTS];
  const int64_t sequences = pal_capacity_of(g, begin);
  const int64_t room = window > 0 && window <= INT32_MAX ? sequences * window : 0;
  const refill_attrs attrs = {window, pal_symbol_fresh(g, "window", room)};
  pal_apply(g, refill_op.name, in, N_IN, &attrs, out);
  return (pal_refilled){out[NEW_TOKENS], out[NEW_BEGIN],  out[NEW_LENGTH],
                        out[NEW_CURSOR], out[PUSH_INDEX], attrs.binds};
}

const pal_op *const pal_ops_refill[] = {&refill_op, NULL};
