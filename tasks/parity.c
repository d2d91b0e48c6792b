/* SPDX-License-Identifier: Apache-2.0 */
/* Parity of a bit string (floor 5).
 *
 * Edit models (those of form transition) reduce a string until only its parity is left:
 *
 *   BOS 1 1 0 1  ->  BOS M M 0 1  ->  BOS 0 1  ->  BOS M 1  ->  BOS 1        odd; even: BOS
 *
 * Each step looks at the first two bits: a 0 beside a 1 is masked and then deleted, and so are two
 * equal bits. The whole training set is the transitions of states of at most two bits, the table
 * `rules`; longer strings are decoded in a window of three rows, in which no other states appear.
 * The first seven rules are those of the paper (arXiv 2510.06190). The last four are for a lone 0
 * and for the two final states, which the paper gives no label.
 *
 * For models that answer, the prompt is BOS bits EOS, and the answer is the parity, or the parity
 * after each bit (running parities). With answer=infill each bit of the prompt has a mask behind
 * it, which is filled by the running parity. */
#include <palimpsest/task.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/alloc.h"
#include "src/file.h"
#include "tasks/counted.h"

enum { ZERO, ONE, BOS, EOS, MASK, VOCABULARY };
enum { MAX_SETS = 32, MAX_LENGTH = 1 << 20 };

typedef struct parity {
  int longest;                                /* most bits of a training string */
  int sets, length[MAX_SETS], size[MAX_SETS]; /* evaluated sets: bits of a string; strings */
  char name[MAX_SETS][32];
  int32_t *prompt, *answer; /* buffers for one example */
  int room;                 /* their capacity, as the bits of a string */
  bool infill;
} parity;

typedef struct parity_settings {
  int64_t train_max, per_length;
  const char *lengths;
  uint64_t seed;
  int answer; /* APPEND or INFILL */
} parity_settings;
enum { APPEND, INFILL };

static const pal_setting settings[] = {
    PAL_SET_WHOLE(
        parity_settings, train_max, "20", 2, MAX_LENGTH,
        "longest training string, in bits, of models that answer; the shortest has 2 bits"),
    PAL_SET_TEXT(parity_settings, lengths, "2,3,5,10,20,30,100,1000,10000",
                 "lengths of the evaluated strings, in bits, separated by commas",
                 PAL_KEPT_BY_NONE),
    PAL_SET_WHOLE(parity_settings, per_length, "1000", 1, 1e6, "evaluated strings of each length",
                  PAL_KEPT_BY_NONE),
    PAL_SET_SEED(parity_settings, seed, "1", "seed of the evaluated strings"),
    PAL_SET_CHOICE(
        parity_settings, answer, "append", "append infill",
        "where models that answer write: append, behind the string; infill, running parities, "
        "each at a mask behind its bit",
        PAL_KEPT_BY_WEIGHTS),
};

/* ---- the transitions -------------------------------------------------------------------- */

/* A state and its labels; no rule writes or inserts. */
typedef struct rule {
  int n;
  int32_t state[3];
  uint8_t remask[3], remove[3];
} rule;

static const rule rules[] = {
    {3, {BOS, ZERO, ONE}, {0, 1, 0}, {0, 0, 0}},
    {3, {BOS, MASK, ONE}, {0, 0, 0}, {0, 1, 0}},
    {3, {BOS, ONE, ZERO}, {0, 0, 1}, {0, 0, 0}},
    {3, {BOS, ONE, MASK}, {0, 0, 0}, {0, 0, 1}},
    {3, {BOS, ZERO, ZERO}, {0, 1, 1}, {0, 0, 0}},
    {3, {BOS, ONE, ONE}, {0, 1, 1}, {0, 0, 0}},
    {3, {BOS, MASK, MASK}, {0, 0, 0}, {0, 1, 1}},
    {2, {BOS, ZERO}, {0, 1}, {0, 0}},
    {2, {BOS, MASK}, {0, 0}, {0, 1}},
    {1, {BOS}, {0}, {0}},
    {2, {BOS, ONE}, {0, 0}, {0, 0}},
};
enum { RULES = sizeof rules / sizeof *rules };
static const int32_t no_y[3] = {-1, -1, -1};
static const uint8_t no_insert[3];

static void rule_example(int i, uint64_t id, pal_example *example) {
  const rule *r = &rules[i];
  *example = (pal_example){.id = id,
                           .transition = {.state = r->state,
                                          .y = no_y,
                                          .n = r->n,
                                          .remask = r->remask,
                                          .insert = no_insert,
                                          .remove = r->remove}};
}

/* ---- strings ------------------------------------------------------------------------------- */

static pal_status make_room(parity *p, int n, pal_error *error) {
  if (p->room >= n) return PAL_OK;
  int32_t *prompt = pal_alloc(sizeof *prompt * (2 * (size_t)n + 2));
  int32_t *answer = pal_alloc(sizeof *answer * ((size_t)n + 2));
  if (!prompt || !answer) {
    pal_free(prompt);
    pal_free(answer);
    return pal_fail(error, PAL_E_MEMORY, "no memory for a string of %d bits", n);
  }
  pal_free(p->prompt);
  pal_free(p->answer);
  p->prompt = prompt;
  p->answer = answer;
  p->room = n;
  return PAL_OK;
}

/* The example with answer=infill of the bits in prompt[1 .. n]: BOS, then each bit and a mask. */
static void finish_infill(parity *p, int n, uint64_t id, pal_example *example) {
  int32_t odd = 0;
  p->prompt[0] = BOS;
  for (int i = 0; i < n; i++) p->answer[i] = odd ^= p->prompt[1 + i];
  for (int i = n - 1; i >= 0; i--) {
    p->prompt[1 + 2 * i] = p->prompt[1 + i];
    p->prompt[2 + 2 * i] = MASK;
  }
  *example = (pal_example){
      .id = id, .prompt = p->prompt, .n_prompt = 2 * n + 1, .answer = p->answer, .n_answer = n};
}

/* The example of the bits in prompt[1 .. n]. */
static void finish(parity *p, int n, pal_form form, uint64_t id, pal_example *example) {
  int32_t odd = 0;
  if (p->infill && form != PAL_FORM_TRANSITION) {
    finish_infill(p, n, id, example);
    return;
  }
  p->prompt[0] = BOS;
  for (int i = 0; i < n; i++) {
    odd ^= p->prompt[1 + i];
    p->answer[form == PAL_FORM_REASONED ? i : 0] = odd;
  }
  p->prompt[n + 1] = EOS;
  bool edits = form == PAL_FORM_TRANSITION; /* they start from the string alone */
  if (edits) p->answer[0] = BOS, p->answer[1] = ONE;
  *example = (pal_example){.id = id,
                           .prompt = p->prompt,
                           .n_prompt = n + 2 - edits,
                           .answer = p->answer,
                           .n_answer = edits                       ? 1 + odd
                                       : form == PAL_FORM_REASONED ? n
                                                                   : 1,
                           .answer_room = edits                       ? 0
                                          : form == PAL_FORM_REASONED ? n
                                                                      : 1};
}

static pal_status draw(parity *p, pal_rng *rng, int n, pal_form form, uint64_t id,
                       pal_example *example, pal_error *error) {
  pal_status status = make_room(p, n, error);
  if (status) return status;
  for (int i = 0; i < n; i++) p->prompt[1 + i] = pal_rng_next(rng) & 1 ? ONE : ZERO;
  finish(p, n, form, id, example);
  return PAL_OK;
}

/* ---- the task ------------------------------------------------------------------------------- */

static pal_status read_lengths(parity *p, const char *text, int size, pal_error *error) {
  while (*text) {
    char *end;
    long n = strtol(text, &end, 10);
    if (end == text || n < 1 || n > MAX_LENGTH || (*end && *end != ',') || p->sets == MAX_SETS)
      return pal_fail(
          error, PAL_E_ARGUMENT,
          "parity: lengths takes at most %d numbers from 1 to %d with commas, not \"%s\"", MAX_SETS,
          MAX_LENGTH, text);
    p->length[p->sets] = (int)n;
    p->size[p->sets] = size;
    snprintf(p->name[p->sets++], sizeof p->name[0], "length=%ld", n);
    text = *end ? end + 1 : end;
  }
  return PAL_OK;
}

static void parity_close(pal_task *task) {
  parity *p = pal_task_self(task);
  pal_free(p->prompt);
  pal_free(p->answer);
  pal_free(p);
}

static pal_status parity_open(pal_task *task, pal_error *error) {
  const parity_settings *own = pal_task_own(task);
  parity *p = pal_calloc(1, sizeof *p);
  if (!p) return pal_fail(error, PAL_E_MEMORY, "no memory for the parity task");
  pal_task_set_self(task, p);
  p->longest = (int)own->train_max;
  p->infill = own->answer == INFILL;
  const pal_format format = {
      .vocabulary = VOCABULARY, .mask = MASK, .bos = BOS, .eos = -1, .context = 2 * p->longest + 2};
  pal_task_set_format(task, &format);
  return read_lengths(p, own->lengths, (int)own->per_length, error);
}

typedef struct stream {
  parity strings; /* buffers of its own */
  pal_form form;
  uint64_t seed;
  pal_counted at;
} stream;

static pal_status stream_next(void *self, pal_example *example, pal_error *error) {
  stream *s = self;
  uint64_t id = s->at.next++;
  pal_rng rng = pal_rng_new(s->seed, "parity.train", 0, id);
  if (s->form == PAL_FORM_TRANSITION) {
    rule_example((int)pal_rng_below(&rng, RULES), id, example);
    return PAL_OK;
  }
  int n = 2 + (int)pal_rng_below(&rng, (uint32_t)(s->strings.longest - 1));
  return draw(&s->strings, &rng, n, s->form, id, example, error);
}

static size_t stream_save(const void *self, void *state, size_t room) {
  return pal_counted_save(&((const stream *)self)->at, state, room);
}

static pal_status stream_load(void *self, const void *state, size_t bytes, pal_error *error) {
  return pal_counted_load(&((stream *)self)->at, "parity", state, bytes, error);
}

static void stream_free(void *self) {
  stream *s = self;
  pal_free(s->strings.prompt);
  pal_free(s->strings.answer);
  pal_free(s);
}

static pal_status parity_stream(pal_task *task, pal_form form, uint64_t seed, pal_stream *out,
                                pal_error *error) {
  const parity *p = pal_task_self(task);
  stream *s = pal_calloc(1, sizeof *s);
  if (!s) return pal_fail(error, PAL_E_MEMORY, "no memory for a stream");
  const uint64_t of[] = {(uint64_t)p->longest, form | (uint64_t)p->infill << 8};
  *s = (stream){.strings = {.longest = p->longest, .infill = p->infill},
                .form = form,
                .seed = seed,
                .at.of = pal_hash64(of, sizeof of)};
  *out = (pal_stream){s, stream_next, stream_save, stream_load, stream_free};
  return PAL_OK;
}

static const char *parity_set_name(const pal_task *task, int set) {
  const parity *p = pal_task_self(task);
  return set < p->sets ? p->name[set] : NULL;
}

static int parity_set_size(const pal_task *task, int set) {
  return ((const parity *)pal_task_self(task))->size[set];
}

static pal_status parity_instance(pal_task *task, int set, int i, pal_form form,
                                  pal_example *example, pal_error *error) {
  parity *p = pal_task_self(task);
  uint64_t id = ((uint64_t)p->length[set] << 32) | (uint64_t)i;
  pal_rng rng =
      pal_rng_new(((const parity_settings *)pal_task_own(task))->seed, "parity.test", 0, id);
  return draw(p, &rng, p->length[set], form, id, example, error);
}

static pal_status parity_read(pal_task *task, const char *line, pal_form form, uint64_t id,
                              pal_example *example, pal_error *error) {
  parity *p = pal_task_self(task);
  size_t n = strspn(line, "01");
  if (n == 0 || n > MAX_LENGTH || line[n])
    return pal_fail(error, PAL_E_FORMAT,
                    "a line is a string of 1 to %d digits 0 and 1, not \"%.40s\"", MAX_LENGTH,
                    line);
  pal_status status = make_room(p, (int)n, error);
  if (status) return status;
  for (size_t b = 0; b < n; b++) p->prompt[1 + b] = line[b] == '1' ? ONE : ZERO;
  finish(p, (int)n, form, id, example);
  return PAL_OK;
}

static bool is_infill(const pal_task *task, pal_form form) {
  return ((const parity *)pal_task_self(task))->infill && form != PAL_FORM_TRANSITION;
}

static int bits_of(const pal_task *task, const pal_example *instance, pal_form form) {
  if (is_infill(task, form)) return (instance->n_prompt - 1) / 2;
  return instance->n_prompt - 2 + (form == PAL_FORM_TRANSITION);
}

/* Index of bit i in the prompt. */
static int place_of(const pal_task *task, int i, pal_form form) {
  return 1 + (is_infill(task, form) ? 2 * i : i);
}

static size_t parity_write(const pal_task *task, const pal_example *instance, pal_form form,
                           char *text, size_t size) {
  const size_t bits = (size_t)bits_of(task, instance, form);
  size_t n = 0;
  for (; n < bits && n + 1 < size; n++)
    text[n] = instance->prompt[place_of(task, (int)n, form)] == ONE ? '1' : '0';
  if (size) text[n] = 0;
  return bits;
}

static int parity_answer_room(const pal_task *task, const pal_example *instance, pal_form form) {
  if (form == PAL_FORM_TRANSITION || is_infill(task, form)) return 0;
  return form == PAL_FORM_REASONED ? bits_of(task, instance, form) : 1;
}

/* Two steps delete at least one bit, and a last step finds that nothing changes. */
static int parity_step_cap(const pal_task *task, const pal_example *instance, pal_form form) {
  return 2 * bits_of(task, instance, form) + 4;
}

/* Score of a filled prompt, of which the last running parity is the parity. */
static pal_score score_infill(const pal_example *instance, int32_t odd, const int32_t *token,
                              int n) {
  pal_score score = {.kept = n == instance->n_prompt, .valid = n == instance->n_prompt};
  for (int i = 0; i < n && score.kept; i++) {
    if (instance->prompt[i] == MASK) score.valid &= token[i] == ZERO || token[i] == ONE;
    else score.kept = token[i] == instance->prompt[i];
  }
  score.valid &= score.kept;
  score.exact = score.valid && token[n - 1] == odd;
  return score;
}

static pal_score parity_score(const pal_task *task, const pal_example *instance, pal_form form,
                              const int32_t *token, int n) {
  int32_t odd = 0;
  int bits = bits_of(task, instance, form);
  for (int i = 0; i < bits; i++) odd ^= instance->prompt[place_of(task, i, form)];
  if (is_infill(task, form)) return score_infill(instance, odd, token, n);
  if (form == PAL_FORM_TRANSITION) {
    bool shape = n >= 1 && n <= 2 && token[0] == BOS && (n == 1 || token[1] == ONE);
    return (pal_score){
        .valid = shape, .kept = n >= 1 && token[0] == BOS, .exact = shape && n == 1 + odd};
  }
  bool kept = n > instance->n_prompt &&
              memcmp(token, instance->prompt, sizeof *token * (size_t)instance->n_prompt) == 0;
  bool shape = kept && n == instance->n_prompt + (form == PAL_FORM_REASONED ? bits : 1);
  for (int i = instance->n_prompt; shape && i < n; i++) shape = token[i] == ZERO || token[i] == ONE;
  return (pal_score){.valid = shape, .kept = kept, .exact = shape && token[n - 1] == odd};
}

static size_t parity_print(const pal_task *task, const int32_t *token, int n, char *text,
                           size_t size) {
  static const char letter[] = "01^$_";
  (void)task;
  size_t k = 0;
  for (int i = 0; i < n && k + 1 < size; i++)
    text[k++] = token[i] >= 0 && token[i] < VOCABULARY ? letter[token[i]] : '?';
  if (size) text[k] = 0;
  return (size_t)n;
}

static bool has(const pal_model *model, const char *setting, const char *value) {
  const char *now = pal_model_text(model, setting);
  return now && strcmp(now, value) == 0;
}

static void parity_notes(const pal_task *task, const pal_model *model, pal_form form, char *text,
                         size_t size) {
  const bool within = form == PAL_FORM_TRANSITION && has(model, "window", "3");
  const bool two = has(model, "attention_window", "2") && has(model, "layers", "1") &&
                   has(model, "positions", "none");
  snprintf(
      text, size, "%s%s%s",
      within ? "decided in a window of three rows, which never leaves the trained states\n" : "",
      is_infill(task, form) ? "the prompt has a place for the running parity behind each bit\n"
                            : "",
      is_infill(task, form) && two
          ? "each is decided from two rows, the parity before and the bit, which never leave the "
            "trained states\n"
          : "");
}

static const pal_report_column report[] = {
    {"valid", "an answer by its form, right or not", PAL_REPORT_SHARE, pal_report_valid, NULL},
    {"kept", "what is given still stands", PAL_REPORT_SHARE, pal_report_kept, NULL},
};

const pal_task_definition pal_task_parity = {
    .abi_size = sizeof(pal_task_definition),
    .name = "parity",
    .doc =
        "Is the number of ones odd? Edit models train on states of two bits, others on strings of "
        "2 to train_max bits. Lines of a data file: 0110...",
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(parity_settings),
    .open = parity_open,
    .close = parity_close,
    .stream = parity_stream,
    .validation = parity_stream,
    .set_name = parity_set_name,
    .set_size = parity_set_size,
    .instance = parity_instance,
    .answer_room = parity_answer_room,
    .step_cap = parity_step_cap,
    .score = parity_score,
    .report = report,
    .n_report = sizeof report / sizeof *report,
    .read = parity_read,
    .write = parity_write,
    .print = parity_print,
    .notes = parity_notes,
};
