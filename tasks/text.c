/* SPDX-License-Identifier: Apache-2.0 */
/* Text by characters (floor 5): any UTF-8 or byte file, 90 % for training, 10 % held out.
 *
 * Tokens are the distinct characters of the files (code points, or bytes with characters=bytes) in
 * ascending order, then the mask. They are stored as the value of the setting `characters`, which
 * is recorded with the weights: with these, another file is read with the same characters, and
 * refused if it has others. A training example is a random block of the first nine tenths: its
 * answer is `block` characters, and its prompt the character before them. The held-out tenth, or
 * the file `test` in its place, is cut into blocks that do not overlap, so each character is scored
 * once, except the first, which has none before it. Development examples are drawn like training
 * examples, from the file `valid` or from the end of the training text. */
#include <palimpsest/task.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/alloc.h"
#include "src/file.h"
#include "src/number.h"
#include "tasks/alphabet.h"
#include "tasks/counted.h"
#include "tasks/text_file.h"

/* A part of the characters: from .. to - 1. */
typedef struct part {
  int64_t from, to;
} part;

/* The files, in the order in which their characters are stored. */
enum { DATA, VALID, TEST, FILES };

typedef struct text {
  int32_t *token;          /* characters of all files */
  part file[FILES];        /* empty where there is none */
  part train, valid, test; /* what is trained on, validated on, scored; empty where there is none */
  int block;               /* characters of an example */
  pal_alphabet alphabet;
} text;

typedef struct text_settings {
  const char *data, *valid, *test, *characters;
  int64_t block;
} text_settings;

static const pal_setting settings[] = {
    PAL_SET_FILE(text_settings, data, "",
                 "the text file: UTF-8, or any bytes with characters=bytes", PAL_KEPT_BY_NONE),
    PAL_SET_FILE(text_settings, valid, "",
                 "development data for validation during training: a file, or how much of the "
                 "training text is set aside for it, such as 5%; empty: none",
                 PAL_KEPT_BY_NONE),
    PAL_SET_FILE(text_settings, test, "",
                 "a file that is scored as a whole, in place of the last tenth of the data, which "
                 "is then trained on too",
                 PAL_KEPT_BY_NONE),
    PAL_SET_WHOLE(text_settings, block, "64", 1, 1 << 16,
                  "characters of a training example and of a scored block"),
    PAL_SET_TEXT(
        text_settings, characters, "",
        "the alphabet: code points in hexadecimal such as a,20-7e; bytes:20-7e for bytes; bytes "
        "for the bytes that the file has; empty: the characters that the file has, in UTF-8",
        PAL_KEPT_BY_WEIGHTS),
};

static bool is_empty(part p) { return p.to <= p.from; }

/* The share of the training text that the setting `valid` sets aside; 0 when it names a file or
 * nothing, or no such share. */
static double share_of(const char *valid, pal_error *error) {
  char *end;
  const double percent = pal_number_parse(valid, &end);
  if (end == valid || strcmp(end, "%") != 0) return 0;
  if (percent > 0 && percent <= 50) return percent / 100;
  pal_fail(error, PAL_E_ARGUMENT, "text: valid is a file, or from 0%% to 50%%, not \"%s\"", valid);
  return 0;
}

static pal_status number_characters(text *t, const uint32_t *code, part of, const char *path,
                                    pal_error *error) {
  for (int64_t i = of.from, line = 1; i < of.to; i++) {
    t->token[i] = pal_alphabet_find(&t->alphabet, code[i]);
    if (t->token[i] < 0)
      return pal_fail(error, PAL_E_FORMAT,
                      "%s:%lld: character %x (hexadecimal) is none of the %d of the vocabulary",
                      path, (long long)line, code[i], t->alphabet.n);
    line += code[i] == '\n';
  }
  return PAL_OK;
}

/* Decides what is trained on, validated on and scored. */
static pal_status split(text *t, const text_settings *own, double share, pal_error *error) {
  const part all = t->file[DATA], test = t->file[TEST];
  const int64_t n = all.to, tenth = n * 9 / 10, least = t->block + 1;
  t->train = (part){0, is_empty(test) ? tenth : n};
  t->test = is_empty(test) ? (part){tenth, n} : test;
  t->valid = t->file[VALID];
  if (!*own->data) return PAL_OK;
  if (t->train.to < least || (is_empty(test) && n - tenth < least))
    return pal_fail(error, PAL_E_FORMAT,
                    "%s: %lld characters are too few; %s must hold a block of %d and one more",
                    own->data, (long long)n, is_empty(test) ? "a tenth" : "it", t->block);
  if (share > 0) {
    t->valid = (part){t->train.to - (int64_t)((double)t->train.to * share), t->train.to};
    t->train.to = t->valid.from;
  }
  if (*own->valid && (t->valid.to - t->valid.from < least || t->train.to < least))
    return pal_fail(error, PAL_E_FORMAT,
                    "text: valid=%s has %lld characters and leaves %lld to train on; each must "
                    "hold a block of %d and one more",
                    own->valid, (long long)(t->valid.to - t->valid.from), (long long)t->train.to,
                    t->block);
  return PAL_OK;
}

/* Reads the files. If the setting did not give the alphabet, it becomes the characters of all of
 * them. Without data nothing is trained on, so that development data are not read. */
static pal_status read_files(text *t, const text_settings *own, pal_error *error) {
  pal_error wrong = {0};
  const double share = share_of(own->valid, &wrong);
  const char *const path[FILES] = {own->data, share > 0 || !*own->data ? "" : own->valid,
                                   own->test};
  const bool known = t->alphabet.n > 0;
  pal_codes all = {.n = 0};
  pal_status status = wrong.code ? pal_fail(error, wrong.code, "%s", wrong.text) : PAL_OK;
  for (int f = 0; f < FILES && !status; f++) {
    t->file[f].from = all.n;
    if (*path[f]) status = pal_codes_read(&all, path[f], t->alphabet.bytes, error);
    t->file[f].to = all.n;
    if (!status && f == TEST && *path[f] && all.n - t->file[f].from < 2)
      status = pal_fail(error, PAL_E_FORMAT, "%s: fewer than two characters are too few to score",
                        path[f]);
  }
  if (!status) status = split(t, own, share, error);
  if (!status && !known)
    status = pal_alphabet_collect(all.code, all.n, own->data, &t->alphabet, error);
  if (!status && !(t->token = pal_alloc(sizeof *t->token * (size_t)(all.n + 1))))
    status = pal_fail(error, PAL_E_MEMORY, "no memory for %lld characters", (long long)all.n);
  for (int f = 0; f < FILES && !status; f++)
    status = number_characters(t, all.code, t->file[f], path[f], error);
  pal_free(all.code);
  return status;
}

/* Stores the alphabet as the value of the setting `characters`, which is recorded with a run. */
static pal_status record_characters(pal_task *task, pal_error *error) {
  static const char key[] = "characters=";
  char *now = pal_alphabet_print(&((text *)pal_task_self(task))->alphabet);
  char *setting = now ? pal_alloc(sizeof key + strlen(now)) : NULL;
  pal_status status = PAL_E_MEMORY;
  if (setting) {
    memcpy(setting, key, sizeof key);
    status = pal_task_set(task, strcat(setting, now), error);
  }
  pal_free(setting);
  pal_free(now);
  return pal_fail(error, status, "no memory for the text task");
}

static void text_close(pal_task *task) {
  text *t = pal_task_self(task);
  pal_free(t->token);
  pal_free(t->alphabet.code);
  pal_free(t);
}

static pal_status no_file(pal_error *error) {
  return pal_fail(error, PAL_E_ARGUMENT, "text: give a file with --data FILE (or --set data=FILE)");
}

/* Without a file, characters that were given suffice for prompts of a user's own. */
static pal_status text_open(pal_task *task, pal_error *error) {
  const text_settings *own = pal_task_own(task);
  text *t = pal_calloc(1, sizeof *t);
  if (!t) return pal_fail(error, PAL_E_MEMORY, "no memory for the text task");
  pal_task_set_self(task, t);
  if (!*own->data && !*own->characters) return no_file(error);
  t->block = (int)own->block;
  pal_status status =
      *own->characters ? pal_alphabet_read(own->characters, &t->alphabet, error) : PAL_OK;
  if (!status && (*own->data || *own->test)) status = read_files(t, own, error);
  if (!status) status = record_characters(task, error);
  const pal_format format = {.vocabulary = t->alphabet.n + 1,
                             .mask = t->alphabet.n,
                             .bos = -1,
                             .eos = -1,
                             .context = t->block + 1};
  pal_task_set_format(task, &format);
  return status;
}

typedef struct stream {
  const text *text;
  part of; /* what it draws from */
  uint64_t seed;
  const char *name; /* keys the random draws, with the seed */
  pal_counted at;
} stream;

/* The block behind character `at` of a part, or what is left of that part. */
static void block_at(const text *t, part of, int64_t at, uint64_t id, pal_example *example) {
  const int64_t left = of.to - at - 1;
  const int n = left < t->block ? (int)left : t->block;
  *example = (pal_example){.id = id,
                           .prompt = t->token + at,
                           .n_prompt = 1,
                           .answer = t->token + at + 1,
                           .n_answer = n,
                           .answer_room = n};
}

static pal_status stream_next(void *self, pal_example *example, pal_error *error) {
  (void)error;
  stream *s = self;
  const uint64_t id = s->at.next++;
  const int64_t places = s->of.to - s->of.from - s->text->block;
  pal_rng rng = pal_rng_new(s->seed, s->name, 0, id);
  block_at(s->text, s->of, s->of.from + pal_rng_below(&rng, (uint32_t)places), id, example);
  return PAL_OK;
}

static size_t stream_save(const void *self, void *state, size_t room) {
  return pal_counted_save(&((const stream *)self)->at, state, room);
}

static pal_status stream_load(void *self, const void *state, size_t bytes, pal_error *error) {
  return pal_counted_load(&((stream *)self)->at, "text", state, bytes, error);
}

static void stream_free(void *self) { pal_free(self); }

/* The digest recognizes the data: the file, the alphabet, the block, and what is trained on if that
 * is not the usual nine tenths. */
static pal_status open_stream(const text *t, part of, const char *name, uint64_t seed,
                              pal_stream *out, pal_error *error) {
  stream *s = pal_calloc(1, sizeof *s);
  if (!s) return pal_fail(error, PAL_E_MEMORY, "no memory for a stream");
  const part file = t->file[DATA];
  const bool usual = of.to == file.to * 9 / 10;
  const uint64_t digest[] = {
      pal_hash64(t->token, (size_t)file.to * sizeof *t->token),
      pal_hash64(t->alphabet.code, (size_t)t->alphabet.n * sizeof *t->alphabet.code),
      (uint64_t)t->block, (uint64_t)of.to};
  *s = (stream){t, of, seed, name, {0, pal_hash64(digest, sizeof *digest * (usual ? 3 : 4))}};
  *out = (pal_stream){s, stream_next, stream_save, stream_load, stream_free};
  return PAL_OK;
}

/* The model corrupts the answers itself, so examples of all forms are alike. */
static pal_status text_stream(pal_task *task, pal_form form, uint64_t seed, pal_stream *out,
                              pal_error *error) {
  const text *t = pal_task_self(task);
  (void)form;
  return is_empty(t->train) ? no_file(error)
                            : open_stream(t, t->train, "text.train", seed, out, error);
}

static pal_status text_validation(pal_task *task, pal_form form, uint64_t seed, pal_stream *out,
                                  pal_error *error) {
  const text *t = pal_task_self(task);
  (void)form;
  if (!is_empty(t->valid)) return open_stream(t, t->valid, "text.valid", seed, out, error);
  return pal_fail(error, PAL_E_ARGUMENT,
                  "text: no development data are set aside; name a file by --set valid=FILE, or "
                  "set a part of the training text aside, e.g. --set valid=5%%");
}

static const char *text_set_name(const pal_task *task, int set) {
  const text *t = pal_task_self(task);
  if (set > 0 || is_empty(t->test)) return NULL;
  return is_empty(t->file[TEST]) ? "held-out" : "test";
}

static int text_set_size(const pal_task *task, int set) {
  const text *t = pal_task_self(task);
  (void)set;
  return (int)((t->test.to - t->test.from - 1 + t->block - 1) / t->block);
}

static pal_status text_instance(pal_task *task, int set, int i, pal_form form, pal_example *example,
                                pal_error *error) {
  const text *t = pal_task_self(task);
  (void)set, (void)form, (void)error;
  block_at(t, t->test, t->test.from + (int64_t)i * t->block, (uint64_t)i, example);
  return PAL_OK;
}

static int text_answer_room(const pal_task *task, const pal_example *instance, pal_form form) {
  (void)instance, (void)form;
  return ((const text *)pal_task_self(task))->block;
}

static int text_step_cap(const pal_task *task, const pal_example *instance, pal_form form) {
  return 4 * text_answer_room(task, instance, form);
}

static pal_score text_score(const pal_task *task, const pal_example *instance, pal_form form,
                            const int32_t *token, int n) {
  (void)form;
  const int32_t mask = pal_task_format(task)->mask;
  const int given = instance->n_prompt;
  bool kept = n >= given, exact = n == given + instance->n_answer;
  for (int i = 0; kept && i < given; i++)
    kept = instance->prompt[i] == mask || token[i] == instance->prompt[i];
  for (int i = given; exact && i < n; i++) exact = token[i] == instance->answer[i - given];
  exact &= kept;
  return (pal_score){.exact = exact, .valid = kept, .kept = kept};
}

static size_t text_print(const pal_task *task, const int32_t *token, int n, char *out,
                         size_t size) {
  const text *t = pal_task_self(task);
  size_t k = 0, all = 0;
  for (int i = 0; i < n; i++) {
    char one[4] = "_";
    size_t length = 1;
    if (token[i] >= 0 && token[i] < t->alphabet.n) {
      if (t->alphabet.bytes) one[0] = (char)t->alphabet.code[token[i]];
      else length = pal_utf8_encode(t->alphabet.code[token[i]], one);
    }
    if (k == all && k + length < size) {
      memcpy(out + k, one, length);
      k += length;
    }
    all += length;
  }
  if (size) out[k] = 0;
  return all;
}

/* Sets *c to the character at `text`, `left` bytes before its end, and returns its length in bytes;
 * 0 if it is none. */
static size_t character_at(const text *t, const char *at, size_t left, uint32_t *c) {
  size_t used = 1;
  if (t->alphabet.bytes) *c = (unsigned char)*at;
  else *c = pal_utf8_decode((const unsigned char *)at, left, &used);
  return used;
}

static pal_status text_scan(const pal_task *task, const char *words, size_t size, const char *mark,
                            int32_t *token, int room, int *n, pal_error *error) {
  const text *t = pal_task_self(task);
  const size_t blank = mark ? strlen(mark) : 0;
  *n = 0;
  for (size_t at = 0, used; at < size; at += used, ++*n) {
    const bool marked = blank && blank <= size - at && memcmp(words + at, mark, blank) == 0;
    uint32_t c = 0;
    used = marked ? blank : character_at(t, words + at, size - at, &c);
    if (!used)
      return pal_fail(error, PAL_E_FORMAT, "byte %zu of the text (%02x) is not UTF-8", at + 1,
                      (unsigned char)words[at]);
    const int32_t now = marked ? pal_task_format(task)->mask : pal_alphabet_find(&t->alphabet, c);
    if (now < 0)
      return pal_fail(
          error, PAL_E_FORMAT,
          "character %d of the text, \"%.*s\" (%x in hexadecimal), is none of the %d that "
          "the model knows",
          *n + 1, c < ' ' ? 0 : (int)used, words + at, c, t->alphabet.n);
    if (*n < room) token[*n] = now;
  }
  return PAL_OK;
}

const pal_task_definition pal_task_text_definition = {
    .abi_size = sizeof(pal_task_definition),
    .name = "text",
    .doc = "Characters of any file, split 90/10; likelihood of the held-out tenth in nats per "
           "character.",
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(text_settings),
    .open = text_open,
    .close = text_close,
    .stream = text_stream,
    .validation = text_validation,
    .set_name = text_set_name,
    .set_size = text_set_size,
    .instance = text_instance,
    .answer_room = text_answer_room,
    .step_cap = text_step_cap,
    .score = text_score,
    .print = text_print,
    .scan = text_scan,
    .likelihood = true,
};
