/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the text of a program: position, words, and expressions of n (floor 6). */
#ifndef PAL_PRAM_EXPRESSION_H
#define PAL_PRAM_EXPRESSION_H

#include <palimpsest/pram.h>

enum { PRAM_MOST_NAMES = 64 };

/* A place in the text, the names that expressions may use, and where the first error goes. */
typedef struct pal_pram_reader {
  const char *path, *at, *line_begin;
  int line;
  struct {
    char name[PAL_PRAM_NAME];
    int64_t value;
  } let[PRAM_MOST_NAMES];
  int n_let;
  int depth; /* of parentheses */
  pal_error *error;
} pal_pram_reader;

/* Records "path:line:column: ..." for the place `where` in the current line. */
pal_status pal_pram_fail(const pal_pram_reader *r, const char *where, const char *format, ...)
    PAL_FORMAT(3, 4);
/* Skips blanks; then whether the line ends here, a comment counting as its end. */
bool pal_pram_at_end(pal_pram_reader *r);
/* Goes past the character c, or fails. */
pal_status pal_pram_expect(pal_pram_reader *r, char c);
/* Copies the name at this place (a letter or _, then letters, digits and _) and goes past it;
 * otherwise fails with `what` was expected. */
pal_status pal_pram_name(pal_pram_reader *r, const char *what, char name[PAL_PRAM_NAME]);
/* Adds a name for expressions, or gives it another value. */
pal_status pal_pram_let(pal_pram_reader *r, const char *where, const char *name, int64_t value);
/* Evaluates the expression at this place, which must be within low .. high; `what` is its name in
 * messages. */
pal_status pal_pram_number(pal_pram_reader *r, const char *what, int64_t low, int64_t high,
                           int64_t *value);
#endif
