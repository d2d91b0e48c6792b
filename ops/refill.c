/* SPDX-License-Identifier: Apache-2.0 */
/* window_refill: a decoding window of bounded width over a tail kept as a stack (floor 2).
 *
 * Phase 0 finds counts, cursors and begins in one pass over the sequences; phase 1 has tasks of
 * two kinds, blocks of sequences that write the window and chunks of old rows that
 * write push_index. The tail is read at most `window` tokens deep, whatever its size. */
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
                    "window_refill needs a symbol to bind and a window of 1 to 2^31 - 1 rows");
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

/* Cursor of sequence s after the refill; fails on arguments that do not fit. */
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
                    "must ascend within 0..%lld",
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
    /* what the cursor moved over came in or went out */
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

/* Places in the tail of old rows first .. last - 1: row begin + window of a sequence goes to the
 * new cursor, so that it is the first to come back. */
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

/* A literal stack: pop while short, push from the last row while long. */
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
                      "sequence %lld: tail_begin %g, cursor %lld, tail_end %g must ascend within "
                      "0..%lld",
                      (long long)s, low, (long long)cursor, high, (long long)call->in_rows[TAIL]);
    while (length > a->window) {
      if (cursor <= (int64_t)call->in[TAIL_BEGIN][s])
        return pal_fail(call->error, PAL_E_CAPACITY, "window_refill: no room in the tail");
      if (call->out[PUSH_INDEX][begin + length - 1] >= 0)
        return pal_fail(call->error, PAL_E_ARGUMENT, "sequence %lld overlaps another",
                        (long long)s);
      call->out[PUSH_INDEX][begin + --length] = (double)--cursor;
    }
    const int64_t fresh = pal_least(a->window - length, (int64_t)high - cursor);
    if (n + length + fresh > call->out_rows[NEW_TOKENS])
      return pal_fail(call->error, PAL_E_CAPACITY,
                      "the windows need more than the %lld rows there is room for",
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

/* Sequences share one tail: the op only reads it, and names places to write. MOST is more rows than
 * a case has, so that every push finds room. */
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
                "tokens i32 [T], begin, length i32 [S], tail i32 [N], cursor, tail_begin,\n"
                "tail_end i32 [S] -> tokens i32 [T'], begin, length, cursor i32 [S], push_index\n"
                "i32 [T].\n"
                "Tail rows cursor .. tail_end - 1 of a sequence follow its window, next first.\n"
                "length > window: rows begin + window + k are pushed out to tail rows\n"
                "cursor' + k, cursor' = cursor - (length - window); push_index gives the place\n"
                "of each, -1 for all other rows. length < window: up to window - length tokens\n"
                "are appended from the cursor, which moves past them. The result is packed; T'\n"
                "is the bound symbol. O(window) per sequence. PAL_E_CAPACITY when cursor' <\n"
                "tail_begin (needed: rows that tail would have to have); PAL_E_ARGUMENT unless\n"
                "0 <= tail_begin <= cursor <= tail_end <= N. Integers: no gradient."),
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
