/* SPDX-License-Identifier: Apache-2.0 */
/* Names of tokens, and lines of JSON with one step each (floor 5). See doc/formats.md. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "src/alloc.h"
#include "tasks/transitions.h"

enum { UNKNOWN = -2 };

/* ---- names ----------------------------------------------------------------------------------- */

static int32_t add_name(pal_step_names *names, const char *name) {
  if (names->n == PAL_STEP_TOKENS || json_array_append_new(names->list, json_string(name)) ||
      json_object_set_new(names->number, name, json_integer(names->n)))
    return UNKNOWN;
  return names->n++;
}

/* The token of a name, PAL_STEP_MASK for that of the mask; -2 if it is unknown and not added. */
static int32_t token_of(pal_step_names *names, const char *name) {
  if (strcmp(name, names->mask) == 0) return PAL_STEP_MASK;
  const json_t *number = json_object_get(names->number, name);
  if (number) return (int32_t)json_integer_value(number);
  return names->open ? add_name(names, name) : UNKNOWN;
}

/* Forgets names beyond the first n. */
static void forget(pal_step_names *names, int n) {
  for (; names->n > n; names->n--) {
    json_object_del(names->number, pal_step_name(names, names->n - 1));
    json_array_remove(names->list, (size_t)names->n - 1);
  }
}

const char *pal_step_name(const pal_step_names *names, int32_t token) {
  if (token < 0 || token >= names->n) return names->mask;
  return json_string_value(json_array_get(names->list, (size_t)token));
}

pal_status pal_step_names_open(pal_step_names *names, const char *text, const char *mask,
                               pal_error *error) {
  *names = (pal_step_names){.list = json_array(), .number = json_object(), .mask = mask};
  if (!names->list || !names->number)
    return pal_fail(error, PAL_E_MEMORY, "no memory for names of tokens");
  names->open = true;
  if (!*text) return PAL_OK;
  json_t *list = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *name;
  bool sound = json_is_array(list);
  size_t i;
  json_array_foreach(list, i, name) {
    const char *one = json_string_value(name);
    sound = sound && one && *one && strcmp(one, mask) != 0 && token_of(names, one) == (int)i;
  }
  json_decref(list);
  names->open = false;
  if (sound && names->n > 0) return PAL_OK;
  return pal_fail(
      error, PAL_E_FORMAT,
      "tokens is an array of different names in JSON, without the mask's \"%s\", such as "
      "[\"a\",\"b\"], not %.60s",
      mask, text);
}

void pal_step_names_free(pal_step_names *names) {
  json_decref(names->list);
  json_decref(names->number);
  names->list = names->number = NULL;
}

char *pal_step_names_print(const pal_step_names *names) {
  enum { HOW = JSON_COMPACT | JSON_ENSURE_ASCII };
  const size_t size = json_dumpb(names->list, NULL, 0, HOW);
  char *text = pal_alloc(size + 1);
  if (text && json_dumpb(names->list, text, size, HOW) == size) return text[size] = 0, text;
  pal_free(text);
  return NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

static pal_status take(pal_step_names *names, const char *name, const char *key, int i,
                       int32_t *token, pal_error *error) {
  *token = token_of(names, name);
  if (*token != UNKNOWN) return PAL_OK;
  if (names->open)
    return pal_fail(error, PAL_E_UNSUPPORTED, "%s[%d]: more than %d different tokens", key, i,
                    PAL_STEP_TOKENS);
  return pal_fail(error, PAL_E_FORMAT, "%s[%d] is \"%.40s\", none of the %d tokens that are known",
                  key, i, name, names->n);
}

/* Reads a string, of which each character is a token. */
static pal_status read_text(pal_step_names *names, const char *text, const char *key, int32_t *to,
                            int *n, pal_error *error) {
  pal_status status = PAL_OK;
  for (*n = 0; *text && !status; ++*n) {
    char one[8] = "";
    size_t size = 1; /* jansson has checked that it is UTF-8 */
    while (((unsigned char)text[size] & 0xC0) == 0x80) size++;
    memcpy(one, text, size);
    text += size;
    if (*n == PAL_STEP_ROWS)
      return pal_fail(error, PAL_E_FORMAT, "%s has more than %d rows", key, PAL_STEP_ROWS);
    status = take(names, one, key, *n, &to[*n], error);
  }
  return status;
}

/* Reads a list of tokens: an array of strings, whole numbers and null, or a string. */
static pal_status read_tokens(pal_step_names *names, const json_t *value, const char *key,
                              int32_t *to, int *n, pal_error *error) {
  if (json_is_string(value)) return read_text(names, json_string_value(value), key, to, n, error);
  if (!json_is_array(value) || json_array_size(value) > PAL_STEP_ROWS)
    return pal_fail(error, PAL_E_FORMAT,
                    "%s is a string of one-character tokens or an array of at most %d tokens", key,
                    PAL_STEP_ROWS);
  pal_status status = PAL_OK;
  *n = (int)json_array_size(value);
  for (int i = 0; i < *n && !status; i++) {
    const json_t *one = json_array_get(value, (size_t)i);
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long)json_integer_value(one));
    const char *name = json_is_integer(one) ? number : json_string_value(one);
    to[i] = PAL_STEP_MASK;
    if (json_is_null(one)) continue;
    if (!name || !*name)
      return pal_fail(error, PAL_E_FORMAT,
                      "%s[%d] is no token: a text that is not empty, a whole number, or null for a "
                      "mask",
                      key, i);
    status = take(names, name, key, i, &to[i], error);
  }
  return status;
}

/* Reads an array of n flags; without it all are 0. */
static pal_status read_flags(const json_t *value, const char *key, uint8_t *to, int n,
                             pal_error *error) {
  memset(to, 0, (size_t)n);
  if (!value) return PAL_OK;
  if (!json_is_array(value) || json_array_size(value) != (size_t)n)
    return pal_fail(error, PAL_E_FORMAT,
                    "%s is an array of 0 and 1, one for each of the %d rows of x", key, n);
  for (int i = 0; i < n; i++) {
    const json_t *one = json_array_get(value, (size_t)i);
    const json_int_t number = json_is_integer(one) ? json_integer_value(one) : -1;
    if (!json_is_boolean(one) && number != 0 && number != 1)
      return pal_fail(error, PAL_E_FORMAT, "%s[%d] is neither 0 nor 1", key, i);
    to[i] = json_is_true(one) || number == 1;
  }
  return PAL_OK;
}

static pal_status check_labels(const pal_step_line *s, pal_error *error) {
  for (int i = 0; i < s->n; i++) {
    const bool masked = s->x[i] == PAL_STEP_MASK;
    const char *why = NULL;
    if (s->remove[i] && !masked) why = "is deleted, but only masks are";
    else if (s->remove[i] && s->insert[i]) why = "is deleted and inserts a mask behind it";
    else if (masked && s->y[i] < 0 && !s->remask[i] && !s->remove[i])
      why = "is a mask that is neither written (y), kept (remask) nor deleted";
    if (why) return pal_fail(error, PAL_E_FORMAT, "row %d of x %s", i, why);
  }
  return PAL_OK;
}

/* Reads the labels of x, computes the next state, and compares it with that of the line. */
static pal_status read_labels(pal_step_names *names, const json_t *line, pal_step_line *s,
                              pal_error *error) {
  const json_t *y = json_object_get(line, "y"), *next = json_object_get(line, "next");
  int n = s->n, said = 0;
  for (int i = 0; i < s->n; i++) s->y[i] = -1;
  pal_status status = y ? read_tokens(names, y, "y", s->y, &n, error) : PAL_OK;
  if (!status && n != s->n)
    status = pal_fail(error, PAL_E_FORMAT, "y has %d rows where x has %d", n, s->n);
  if (!status)
    status = read_flags(json_object_get(line, "remask"), "remask", s->remask, s->n, error);
  if (!status)
    status = read_flags(json_object_get(line, "insert"), "insert", s->insert, s->n, error);
  if (!status)
    status = read_flags(json_object_get(line, "delete"), "delete", s->remove, s->n, error);
  if (!status) status = check_labels(s, error);
  if (status) return status;
  if (next) status = read_tokens(names, next, "next", s->next, &said, error);
  if (status) return status;
  int32_t *made = pal_alloc(2 * PAL_STEP_ROWS * sizeof *made);
  if (!made) return pal_fail(error, PAL_E_MEMORY, "no memory for a step");
  const pal_transition t = pal_step_transition(s);
  s->n_next = pal_transition_apply(&t, PAL_STEP_MASK, made, 2 * PAL_STEP_ROWS);
  if (next && (said != s->n_next || memcmp(made, s->next, sizeof *made * (size_t)said) != 0))
    status = pal_fail(error, PAL_E_FORMAT, "its labels lead to another state than its next");
  else if (s->n_next > PAL_STEP_ROWS)
    status = pal_fail(error, PAL_E_FORMAT, "its labels lead to more than %d rows", PAL_STEP_ROWS);
  else memcpy(s->next, made, sizeof *made * (size_t)s->n_next);
  pal_free(made);
  return status;
}

static pal_status check_keys(json_t *line, bool *labels, pal_error *error) {
  static const char *const known[] = {"x", "next", "y", "remask", "insert", "delete"};
  const char *key;
  json_t *value;
  *labels = false;
  json_object_foreach(line, key, value) {
    size_t k = 0;
    while (k < 6 && strcmp(key, known[k]) != 0) k++;
    if (k == 6)
      return pal_fail(error, PAL_E_FORMAT,
                      "it has \"%.40s\"; a line has x and next, or x and y, remask, insert, delete",
                      key);
    *labels = *labels || k > 1;
  }
  if (!json_object_get(line, "x")) return pal_fail(error, PAL_E_FORMAT, "it has no x");
  if (*labels || json_object_get(line, "next")) return PAL_OK;
  return pal_fail(error, PAL_E_FORMAT,
                  "it has neither next nor labels (y, remask, insert, delete)");
}

static pal_status read_step(pal_step_names *names, json_t *line, pal_step_line *s,
                            pal_error *error) {
  bool labels;
  pal_status status = check_keys(line, &labels, error);
  if (!status) status = read_tokens(names, json_object_get(line, "x"), "x", s->x, &s->n, error);
  if (!status && s->n == 0) status = pal_fail(error, PAL_E_FORMAT, "x has no rows");
  if (status || labels) return status ? status : read_labels(names, line, s, error);
  status = read_tokens(names, json_object_get(line, "next"), "next", s->next, &s->n_next, error);
  return status ? status : pal_step_derive(s, error);
}

pal_status pal_step_read(pal_step_names *names, const char *line, pal_step_line *s,
                         pal_error *error) {
  const int before = names->n;
  json_error_t why;
  json_t *parsed = json_loads(line, JSON_REJECT_DUPLICATES, &why);
  pal_status status = PAL_OK;
  if (!parsed) status = pal_fail(error, PAL_E_FORMAT, "it is no JSON: %s", why.text);
  else if (!json_is_object(parsed)) status = pal_fail(error, PAL_E_FORMAT, "it is no JSON object");
  else status = read_step(names, parsed, s, error);
  json_decref(parsed);
  if (status) forget(names, before);
  return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

static json_t *array_of(const pal_step_names *names, const int32_t *token, int n) {
  json_t *all = json_array();
  for (int i = 0; i < n; i++)
    json_array_append_new(all, token[i] < 0 || token[i] >= names->n
                                   ? json_null()
                                   : json_string(pal_step_name(names, token[i])));
  return all;
}

size_t pal_step_write(const pal_step_names *names, const int32_t *x, int n, const int32_t *next,
                      int n_next, char *text, size_t size) {
  json_t *line =
      json_pack("{s:o, s:o}", "x", array_of(names, x, n), "next", array_of(names, next, n_next));
  char *made = line ? json_dumps(line, JSON_COMPACT) : NULL;
  const size_t length = made ? strlen(made) : 0;
  if (size) snprintf(text, size, "%s", made ? made : "");
  free(made);
  json_decref(line);
  return length;
}
