/* SPDX-License-Identifier: Apache-2.0 */
/* edit: the transition g of any-process generation over a whole batch of packed sequences (floor
 * 2).
 *
 * One sequence of five rows, with M the mask, predictions y, and flags of which 1s are shown:
 *
 *   tokens   a    M    M    b    c          result   a    y1   M    M    c
 *   y        .    y1   .    .    .          source   0    1    -1   3    4
 *   insert        1
 *   remove             1                    row 1: mask -> y1, then one mask inserted behind it
 *   remask                  1               row 2: a mask is removed; row 3: b -> mask
 *
 * Phase 0 finds the new length of each sequence. Phase 1 computes the begins, a prefix sum, and the
 * number of new rows, and compares it with the capacity. Phase 2 writes the rows, packed without
 * gaps. */
#define PAL_NO_CALLER
#include "ops/edit.h"

#include "ops/ragged.h"

typedef struct edit_attrs {
  int64_t mask, capacity;
  pal_symbol binds;
} edit_attrs;

static const pal_attr_field fields[] = {
    PAL_FIELD(edit_attrs, mask, PAL_ATTR_INT),
    PAL_FIELD(edit_attrs, capacity, PAL_ATTR_INT),
    PAL_FIELD(edit_attrs, binds, PAL_ATTR_SYMBOL),
};

enum { TOKENS, Y, REMASK, INSERT, REMOVE, BEGIN, LENGTH, N_IN };
enum { NEW_TOKENS, SOURCE, NEW_BEGIN, NEW_LENGTH, CHANGED, N_OUT };

static pal_status infer(pal_infer *call) {
  const edit_attrs *a = call->attrs;
  pal_status status;
  if ((status = pal_want_vectors(call, TOKENS, REMOVE, "tokens, y, remask, insert and remove")) ||
      (status = pal_want_vectors(call, BEGIN, LENGTH, "begin and length")))
    return status;
  if (!a->binds.id || a->capacity < 0)
    return pal_fail(call->error, PAL_E_ARGUMENT, "edit needs a symbol to bind and its capacity");
  if (a->mask < INT32_MIN || a->mask > INT32_MAX)
    return pal_fail(call->error, PAL_E_ARGUMENT, "the mask %lld is no i32 token",
                    (long long)a->mask);
  call->n_out = N_OUT;
  call->out_type[NEW_TOKENS] = call->out_type[SOURCE] = PAL_TYPE(PAL_I32, a->binds, 1);
  for (int i = NEW_BEGIN; i < N_OUT; i++) call->out_type[i] = call->in_type[BEGIN];
  return PAL_OK;
}

static inline int transition(const int32_t *const *in, int64_t i, int32_t mask, int32_t *token) {
  return pal_edit_row(in[TOKENS][i], in[Y][i], in[REMASK][i], in[INSERT][i], in[REMOVE][i], mask,
                      token);
}

static int64_t blocks(const pal_run *run) {
  return pal_blocks(run->in_rows[BEGIN], PAL_SEQUENCE_BLOCK);
}

static int64_t one(const pal_run *run) {
  (void)run;
  return 1;
}

static size_t scratch(const pal_run *run) { return sizeof(int64_t) * (size_t)run->in_rows[BEGIN]; }

/* The new length of sequence s, and whether its tokens or length change. */
static int64_t measure(const int32_t *const *in, int64_t s, int32_t mask, int32_t *changed) {
  const int64_t first = in[BEGIN][s], length = in[LENGTH][s];
  int64_t n = 0;
  bool differs = false;
  for (int64_t i = 0; i < length; i++) {
    int32_t token = 0;
    const int made = transition(in, first + i, mask, &token);
    if (made > 0) differs |= n >= length || in[TOKENS][first + n] != token;
    if (made > 1) differs |= n + 1 >= length || in[TOKENS][first + n + 1] != mask;
    n += made;
  }
  *changed = differs || n != length;
  return n;
}

static pal_status run_lengths(const pal_run *run) {
  const edit_attrs *a = run->attrs;
  const int32_t *const *in = (const int32_t *const *)run->in;
  int64_t *count = run->scratch;
  const int64_t end = pal_least(run->end * PAL_SEQUENCE_BLOCK, run->in_rows[BEGIN]);
  for (int64_t s = run->begin * PAL_SEQUENCE_BLOCK; s < end; s++) {
    const pal_status status =
        pal_check_sequence(run->error, s, in[BEGIN][s], in[LENGTH][s], run->in_rows[TOKENS]);
    if (status) return status;
    count[s] = measure(in, s, (int32_t)a->mask, (int32_t *)run->out[CHANGED] + s);
  }
  return PAL_OK;
}

static pal_status run_begins(const pal_run *run) {
  const edit_attrs *a = run->attrs;
  const int64_t *count = run->scratch;
  const int64_t sequences = run->in_rows[BEGIN];
  int32_t *begin = run->out[NEW_BEGIN], *length = run->out[NEW_LENGTH];
  int64_t total = 0;
  for (int64_t s = 0; s < sequences; s++) total += count[s];
  if (total > a->capacity) {
    run->error->needed = run->error->code ? run->error->needed : total;
    return pal_fail(run->error, PAL_E_CAPACITY,
                    "edit: the new sequences need %lld rows, the capacity is %lld",
                    (long long)total, (long long)a->capacity);
  }
  total = 0;
  for (int64_t s = 0; s < sequences; s++) {
    begin[s] = (int32_t)total;
    length[s] = (int32_t)count[s];
    total += count[s];
  }
  *run->bound = total;
  return PAL_OK;
}

static pal_status run_write(const pal_run *run) {
  const edit_attrs *a = run->attrs;
  const int32_t *const *in = (const int32_t *const *)run->in;
  const int32_t mask = (int32_t)a->mask;
  int32_t *tokens = run->out[NEW_TOKENS], *source = run->out[SOURCE];
  const int64_t end = pal_least(run->end * PAL_SEQUENCE_BLOCK, run->in_rows[BEGIN]);
  for (int64_t s = run->begin * PAL_SEQUENCE_BLOCK; s < end; s++) {
    int64_t to = ((const int32_t *)run->out[NEW_BEGIN])[s];
    for (int64_t i = in[BEGIN][s], last = i + in[LENGTH][s]; i < last; i++) {
      int32_t token = 0;
      const int made = transition(in, i, mask, &token);
      if (made > 0) {
        tokens[to] = token;
        source[to++] = (int32_t)i;
      }
      if (made > 1) {
        tokens[to] = mask;
        source[to++] = -1;
      }
    }
  }
  return PAL_OK;
}

/* The transition as it is defined: appends the new rows one by one. */
static pal_status reference(const pal_reference *call) {
  const edit_attrs *a = call->attrs;
  const double mask = (double)a->mask;
  const int64_t room = call->out_rows[NEW_TOKENS];
  int64_t n = 0;
  const pal_status status = pal_reference_sequences(call, BEGIN, call->in_rows[TOKENS], false);
  if (status) return status;
  for (int64_t s = 0; s < call->in_rows[BEGIN]; s++) {
    const int64_t b = (int64_t)call->in[BEGIN][s], l = (int64_t)call->in[LENGTH][s], first = n;
    for (int64_t i = b; i < b + l; i++) {
      const double x = call->in[TOKENS][i];
      if (x == mask && call->in[REMOVE][i] != 0) continue;
      if (n + 2 > pal_least(a->capacity, room) + (call->in[INSERT][i] == 0))
        return pal_fail(call->error, PAL_E_CAPACITY,
                        "the new sequences need more rows than the capacity, %lld",
                        (long long)pal_least(a->capacity, room));
      double next = x;
      if (call->in[REMASK][i] != 0) next = mask;
      else if (x == mask) next = call->in[Y][i];
      call->out[NEW_TOKENS][n] = next;
      call->out[SOURCE][n++] = (double)i;
      if (call->in[INSERT][i] == 0) continue;
      call->out[NEW_TOKENS][n] = mask;
      call->out[SOURCE][n++] = -1;
    }
    call->out[NEW_BEGIN][s] = (double)first;
    call->out[NEW_LENGTH][s] = (double)(n - first);
    double changed = n - first != l;
    for (int64_t i = 0; i < l && i < n - first; i++)
      if (call->out[NEW_TOKENS][first + i] != call->in[TOKENS][b + i]) changed = 1;
    call->out[CHANGED][s] = changed;
  }
  *call->bound = n;
  return PAL_OK;
}

static pal_value sample(pal_case *random) {
  const pal_type rows = PAL_TYPE(PAL_I32, pal_case_rows(random), 1);
  const int64_t mask = pal_case_int(random, 0, 4);
  pal_value begin, length, flag[3];
  pal_case_ragged(random, &begin, &length, NULL, NULL);
  const pal_value tokens = pal_case_whole(random, rows, 0, 4);
  const pal_value y = pal_case_whole(random, rows, 0, 4);
  for (int i = 0; i < 3; i++) flag[i] = pal_case_whole(random, rows, 0, 1);
  return pal_edit(pal_case_graph(random), tokens, y, flag[0], flag[1], flag[2], begin, length,
                  (int32_t)mask, 0)
      .tokens;
}

static const pal_op edit_op = {
    PAL_OP_HEAD("edit",
                "Inputs: tokens, y and the flags remask, insert, remove i32 [T]; begin, length\n"
                "i32 [S]. Outputs: tokens, source i32 [T']; begin, length, changed i32 [S].\n"
                "The transition g of an any-process model (arXiv 2510.06190). Each row of a\n"
                "sequence, with old token x, becomes:\n"
                "1. nothing, if remove is set and x is the mask (insert is then ignored);\n"
                "2. else the mask, if remask is set;  3. else y, if x is the mask;  4. else x;\n"
                "5. and, after 2 to 4, one more mask behind it if insert is set.\n"
                "A flag is set if it is not 0. source is the old row of each new row, -1 for an\n"
                "inserted mask; changed is 1 if a token or the length of the sequence differs.\n"
                "New sequences are packed in order; T' is a new symbol, bound at run time, of\n"
                "`capacity` rows. A sequence outside the active rows: PAL_E_ARGUMENT. Too many\n"
                "new rows: PAL_E_CAPACITY with the number needed, before any row is written.\n"
                "There is no gradient; move f32 rows along with gather_rows by source."),
    .min_in = N_IN,
    .max_in = N_IN,
    .flags = PAL_OP_NO_GRADIENT | PAL_OP_BINDS,
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .attrs_size = sizeof(edit_attrs),
    .infer = infer,
    .reference = reference,
    .phase = {{.run = run_lengths, .tasks = blocks},
              {.run = run_begins, .tasks = one},
              {.run = run_write, .tasks = blocks}},
    .scratch = scratch,
    .sample = sample,
};

pal_edited pal_edit(pal_graph *g, pal_value tokens, pal_value y, pal_value remask, pal_value insert,
                    pal_value remove, pal_value begin, pal_value length, int32_t mask,
                    int64_t capacity) {
  const pal_value in[N_IN] = {tokens, y, remask, insert, remove, begin, length};
  pal_value out[PAL_MAX_OUTPUTS];
  const int64_t room = capacity ? capacity : 2 * pal_capacity_of(g, tokens);
  const edit_attrs attrs = {mask, room, pal_symbol_fresh(g, "edit", room)};
  pal_apply(g, edit_op.name, in, N_IN, &attrs, out);
  return (pal_edited){out[NEW_TOKENS], out[SOURCE],  out[NEW_BEGIN],
                      out[NEW_LENGTH], out[CHANGED], attrs.binds};
}

const pal_op *const pal_ops_edit[] = {&edit_op, NULL};
