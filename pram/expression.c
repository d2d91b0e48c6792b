/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the text of a program (floor 6).
 *
 *   expression = term { (+ | -) term }        term = power { (* | /) power }
 *   power = factor [ ^ power ]
 *   factor = number | name | log2 ( expression ) | ( expression )
 *
 * Division rounds down; log2 rounds up, so that 2^log2(x) >= x. Every value on the way must be
 * within -2^40 .. 2^40, so nothing overflows. */
#include "pram/expression.h"

#include <stdarg.h>
#include <string.h>

#include "src/number.h"

static const int64_t MOST = (int64_t)1 << 40;
enum { MOST_DEPTH = 64 };

pal_status pal_pram_fail(const pal_pram_reader *r, const char *where, const char *format, ...) {
  char text[400];
  va_list list;
  va_start(list, format);
  pal_number_print(text, sizeof text, format, list);
  va_end(list);
  return pal_fail(r->error, PAL_E_FORMAT, "%.300s:%d:%d: %s", r->path, r->line,
                  (int)(where - r->line_begin) + 1, text);
}

static void skip_blanks(pal_pram_reader *r) {
  while (*r->at == ' ' || *r->at == '\t' || *r->at == '\r') r->at++;
}

bool pal_pram_at_end(pal_pram_reader *r) {
  skip_blanks(r);
  return !*r->at || *r->at == '\n' || *r->at == ';';
}

pal_status pal_pram_expect(pal_pram_reader *r, char c) {
  skip_blanks(r);
  if (*r->at != c) return pal_pram_fail(r, r->at, "\"%c\" is expected here", c);
  r->at++;
  return PAL_OK;
}

static bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool digit(char c) { return c >= '0' && c <= '9'; }

pal_status pal_pram_name(pal_pram_reader *r, const char *what, char name[PAL_PRAM_NAME]) {
  skip_blanks(r);
  const char *from = r->at;
  if (!letter(*from)) return pal_pram_fail(r, from, "%s is expected here", what);
  while (letter(*r->at) || digit(*r->at)) r->at++;
  const size_t n = (size_t)(r->at - from);
  if (n >= PAL_PRAM_NAME)
    return pal_pram_fail(r, from, "a name has at most %d characters", PAL_PRAM_NAME - 1);
  memcpy(name, from, n);
  name[n] = 0;
  return PAL_OK;
}

pal_status pal_pram_let(pal_pram_reader *r, const char *where, const char *name, int64_t value) {
  int i = 0;
  while (i < r->n_let && strcmp(r->let[i].name, name) != 0) i++;
  if (i == PRAM_MOST_NAMES)
    return pal_pram_fail(r, where, "there are more than %d names", PRAM_MOST_NAMES);
  if (i == r->n_let) strcpy(r->let[r->n_let++].name, name);
  r->let[i].value = value;
  return PAL_OK;
}

/* ---- expressions ------------------------------------------------------------------------ */

static pal_status sum(pal_pram_reader *r, int64_t *value);

static pal_status named(pal_pram_reader *r, int64_t *value) {
  const char *from = r->at;
  char name[PAL_PRAM_NAME];
  if (pal_pram_name(r, "a number, a name or \"(\"", name)) return r->error->code;
  if (strcmp(name, "log2") == 0) {
    int64_t x;
    if (pal_pram_expect(r, '(') || sum(r, &x) || pal_pram_expect(r, ')')) return r->error->code;
    if (x < 1) return pal_pram_fail(r, from, "log2 of %lld has no value", (long long)x);
    for (*value = 0; (int64_t)1 << *value < x;) ++*value;
    return PAL_OK;
  }
  for (int i = 0; i < r->n_let; i++)
    if (strcmp(r->let[i].name, name) == 0) return *value = r->let[i].value, PAL_OK;
  return pal_pram_fail(r, from, "\"%s\" has no value here", name);
}

static pal_status factor(pal_pram_reader *r, int64_t *value) {
  skip_blanks(r);
  if (*r->at == '(') {
    const char *from = r->at++;
    if (++r->depth > MOST_DEPTH)
      return pal_pram_fail(r, from, "parentheses are nested deeper than %d", MOST_DEPTH);
    if (sum(r, value) || pal_pram_expect(r, ')')) return r->error->code;
    r->depth--;
    return PAL_OK;
  }
  if (!digit(*r->at)) return named(r, value);
  const char *from = r->at;
  for (*value = 0; digit(*r->at); r->at++) {
    *value = 10 * *value + (*r->at - '0');
    if (*value > MOST) return pal_pram_fail(r, from, "this number is larger than 2^40");
  }
  return PAL_OK;
}

/* *a = *a operator b. */
static pal_status combine(pal_pram_reader *r, const char *where, char sign, int64_t *a, int64_t b) {
  int64_t x = *a;
  if (sign == '/' && b == 0) return pal_pram_fail(r, where, "division by zero");
  if (sign == '^' && b < 0) return pal_pram_fail(r, where, "a negative exponent");
  if (sign == '+') x += b;
  else if (sign == '-') x -= b;
  else if (sign == '/') x = x / b - (x % b != 0 && (x < 0) != (b < 0));
  else if (sign == '*') {
    const int64_t most = b ? MOST / (b < 0 ? -b : b) : MOST;
    x = x > most || x < -most ? MOST + 1 : x * b;
  } else
    for (x = 1; b > 0 && x <= MOST && x >= -MOST; b--) {
      const int64_t size = *a < 0 ? -*a : *a;
      if (size <= 1 && b > 2) b = 2 - b % 2; /* the powers of 0, 1 and -1 repeat */
      x = size && (x > MOST / size || x < -MOST / size) ? MOST + 1 : x * *a;
    }
  if (x > MOST || x < -MOST) return pal_pram_fail(r, where, "the value is beyond 2^40");
  *a = x;
  return PAL_OK;
}

static pal_status power(pal_pram_reader *r, int64_t *value) {
  int64_t b;
  if (factor(r, value)) return r->error->code;
  skip_blanks(r);
  if (*r->at != '^') return PAL_OK;
  const char *where = r->at++;
  if (++r->depth > MOST_DEPTH) return pal_pram_fail(r, where, "too many powers of powers");
  if (power(r, &b)) return r->error->code;
  r->depth--;
  return combine(r, where, '^', value, b);
}

static pal_status term(pal_pram_reader *r, int64_t *value) {
  if (power(r, value)) return r->error->code;
  for (skip_blanks(r); *r->at == '*' || *r->at == '/'; skip_blanks(r)) {
    int64_t b;
    const char *where = r->at++;
    if (power(r, &b) || combine(r, where, *where, value, b)) return r->error->code;
  }
  return PAL_OK;
}

static pal_status sum(pal_pram_reader *r, int64_t *value) {
  if (term(r, value)) return r->error->code;
  for (skip_blanks(r); *r->at == '+' || *r->at == '-'; skip_blanks(r)) {
    int64_t b;
    const char *where = r->at++;
    if (term(r, &b) || combine(r, where, *where, value, b)) return r->error->code;
  }
  return PAL_OK;
}

pal_status pal_pram_number(pal_pram_reader *r, const char *what, int64_t low, int64_t high,
                           int64_t *value) {
  skip_blanks(r);
  const char *from = r->at;
  r->depth = 0;
  if (sum(r, value)) return r->error->code;
  if (*value >= low && *value <= high) return PAL_OK;
  return pal_pram_fail(r, from, "%s is %lld, but must be within %lld .. %lld", what,
                       (long long)*value, (long long)low, (long long)high);
}
