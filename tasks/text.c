/* SPDX-License-Identifier: Apache-2.0 */
/* Text by characters (floor 5): any UTF-8 or byte file, 90 % for training, 10 % held out.
 *
 * Tokens are the distinct characters of the file (code points, or bytes with characters=bytes) in
 * ascending order, then the mask. They are stored as the value of the setting `characters`, which
 * is recorded with the weights: with these, another file is read with the same characters, and
 * refused if it has others. A training example is a random block of the first nine tenths: its
 * answer is `block` characters, and its prompt the character before them. The held-out tenth is cut
 * into blocks that do not overlap, so each character is scored once, except the first, which has
 * none before it. */
#include <palimpsest/task.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/alloc.h"
#include "src/file.h"
#include "tasks/alphabet.h"
#include "tasks/counted.h"

enum { MOST_BYTES = 1 << 30 };

typedef struct text {
  int32_t *token;   /* [n]: the whole file */
  int64_t n, split; /* characters; index of the first that is held out */
  int block;        /* characters of an example */
  pal_alphabet alphabet;
} text;

typedef struct text_settings {
  const char *data, *characters;
  int64_t block;
} text_settings;

static const pal_setting settings[] = {
    PAL_SET_TEXT(text_settings, data, "",
                 "the text file: UTF-8, or any bytes with characters=bytes", PAL_KEPT_BY_NONE),
    PAL_SET_WHOLE(text_settings, block, "64", 1, 1 << 16,
                  "characters of a training example and of a scored block"),
    PAL_SET_TEXT(
        text_settings, characters, "",
        "the alphabet: code points in hexadecimal such as a,20-7e; bytes:20-7e for bytes; bytes "
        "for the bytes that the file has; empty: the characters that the file has, in UTF-8",
        PAL_KEPT_BY_WEIGHTS),
};

/* Decodes one code point at p, where n bytes are left. Sets *used to its length in bytes, or to 0
 * if it is not valid UTF-8. */
static uint32_t decode(const unsigned char *p, size_t n, size_t *used) {
  static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
  size_t length = p[0] < 0x80       ? 1
                  : p[0] >> 5 == 6  ? 2
                  : p[0] >> 4 == 14 ? 3
                  : p[0] >> 3 == 30 ? 4
                                    : 0;
  *used = 0;
  if (!length || length > n) return 0;
  uint32_t c = length == 1 ? p[0] : p[0] & (0x7Fu >> length);
  for (size_t i = 1; i < length; i++) {
    if (p[i] >> 6 != 2) return 0;
    c = c << 6 | (p[i] & 63u);
  }
  if (c < least[length] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return 0;
  *used = length;
  return c;
}

/* Writes the code points of the file to `code` [size], without a byte order mark at its
 * beginning. */
static pal_status decode_all(text *t, const unsigned char *p, size_t size, uint32_t *code,
                             const char *path, pal_error *error) {
  long long line = 1;
  t->n = 0;
  for (size_t at = 0, used; at < size; at += used) {
    const uint32_t c = decode(p + at, size - at, &used);
    if (!used)
      return pal_fail(error, PAL_E_FORMAT,
                      "%s:%lld: byte %zu of the file (%02x) is not UTF-8; mend the file, or set "
                      "characters=bytes to take its bytes for characters",
                      path, line, at + 1, p[at]);
    if (at > 0 || c != 0xFEFF) code[t->n++] = c;
    line += c == '\n';
  }
  return PAL_OK;
}

static pal_status number_characters(text *t, const uint32_t *code, const char *path,
                                    pal_error *error) {
  t->token = pal_alloc(sizeof *t->token * (size_t)t->n);
  if (!t->token)
    return pal_fail(error, PAL_E_MEMORY, "%s: no memory for %lld characters", path,
                    (long long)t->n);
  for (int64_t i = 0, line = 1; i < t->n; i++) {
    t->token[i] = pal_alphabet_find(&t->alphabet, code[i]);
    if (t->token[i] < 0)
      return pal_fail(error, PAL_E_FORMAT,
                      "%s:%lld: character %x (hexadecimal) is none of the %d of the vocabulary",
                      path, (long long)line, code[i], t->alphabet.n);
    line += code[i] == '\n';
  }
  return PAL_OK;
}

/* Writes the code points or bytes of the file to `code` [size] and splits it. If the setting did
 * not give the alphabet, sets it to the characters of the file. */
static pal_status decode_file(text *t, const unsigned char *data, size_t size, uint32_t *code,
                              const char *path, pal_error *error) {
  const bool known = t->alphabet.n > 0;
  if (t->alphabet.bytes) {
    for (size_t i = 0; i < size; i++) code[i] = data[i];
    t->n = (int64_t)size;
  } else if (decode_all(t, data, size, code, path, error)) {
    return error->code;
  }
  t->split = t->n * 9 / 10;
  if (t->split < t->block + 1 || t->n - t->split < t->block + 1)
    return pal_fail(error, PAL_E_FORMAT,
                    "%s: %lld characters are too few; a tenth must hold a block of %d and one more",
                    path, (long long)t->n, t->block);
  return known ? PAL_OK : pal_alphabet_collect(code, t->n, path, &t->alphabet, error);
}

static pal_status read_file(text *t, const char *path, pal_error *error) {
  char *data = NULL;
  size_t size = 0;
  pal_status status = pal_file_read(path, MOST_BYTES, &data, &size, error);
  if (status) return status;
  uint32_t *code = pal_alloc(sizeof *code * (size + 1));
  if (!code) status = pal_fail(error, PAL_E_MEMORY, "%s: no memory for %zu bytes", path, size);
  if (!status) status = decode_file(t, (const unsigned char *)data, size, code, path, error);
  if (!status) status = number_characters(t, code, path, error);
  pal_free(code);
  pal_free(data);
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
  if (!status && *own->data) status = read_file(t, own->data, error);
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
  uint64_t seed;
  pal_counted at;
} stream;

static void block_at(const text *t, int64_t at, uint64_t id, pal_example *example) {
  int64_t left = t->n - at - 1;
  *example = (pal_example){.id = id,
                           .prompt = t->token + at,
                           .n_prompt = 1,
                           .answer = t->token + at + 1,
                           .n_answer = left < t->block ? (int)left : t->block,
                           .answer_room = left < t->block ? (int)left : t->block};
}

static pal_status stream_next(void *self, pal_example *example, pal_error *error) {
  (void)error;
  stream *s = self;
  uint64_t id = s->at.next++;
  pal_rng rng = pal_rng_new(s->seed, "text.train", 0, id);
  block_at(s->text, pal_rng_below(&rng, (uint32_t)(s->text->split - s->text->block)), id, example);
  return PAL_OK;
}

static size_t stream_save(const void *self, void *state, size_t room) {
  return pal_counted_save(&((const stream *)self)->at, state, room);
}

static pal_status stream_load(void *self, const void *state, size_t bytes, pal_error *error) {
  return pal_counted_load(&((stream *)self)->at, "text", state, bytes, error);
}

static void stream_free(void *self) { pal_free(self); }

static pal_status text_stream(pal_task *task, pal_form form, uint64_t seed, pal_stream *out,
                              pal_error *error) {
  if (form == PAL_FORM_TRANSITION) form = PAL_FORM_ANSWER; /* the model corrupts these itself */
  const text *t = pal_task_self(task);
  if (!t->n) return no_file(error);
  stream *s = pal_calloc(1, sizeof *s);
  if (!s) return pal_fail(error, PAL_E_MEMORY, "no memory for a stream");
  const uint64_t of[] = {
      pal_hash64(t->token, (size_t)t->n * sizeof *t->token),
      pal_hash64(t->alphabet.code, (size_t)t->alphabet.n * sizeof *t->alphabet.code),
      (uint64_t)t->block};
  *s = (stream){t, seed, {0, pal_hash64(of, sizeof of)}};
  *out = (pal_stream){s, stream_next, stream_save, stream_load, stream_free};
  return PAL_OK;
}

static const char *text_set_name(const pal_task *task, int set) {
  return set == 0 && ((const text *)pal_task_self(task))->n > 0 ? "held-out" : NULL;
}

static int text_set_size(const pal_task *task, int set) {
  const text *t = pal_task_self(task);
  (void)set;
  return (int)((t->n - t->split - 1 + t->block - 1) / t->block);
}

static pal_status text_instance(pal_task *task, int set, int i, pal_form form, pal_example *example,
                                pal_error *error) {
  const text *t = pal_task_self(task);
  (void)set, (void)form, (void)error;
  block_at(t, t->split + (int64_t)i * t->block, (uint64_t)i, example);
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

static size_t encode(uint32_t c, char out[4]) {
  if (c < 0x80) return out[0] = (char)c, (size_t)1;
  size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  for (size_t i = n; i-- > 1; c >>= 6) out[i] = (char)(0x80 | (c & 63));
  out[0] = (char)((0xF00u >> n & 0xFFu) | c);
  return n;
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
      else length = encode(t->alphabet.code[token[i]], one);
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
  else *c = decode((const unsigned char *)at, left, &used);
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
