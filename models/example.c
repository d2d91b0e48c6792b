/* SPDX-License-Identifier: Apache-2.0 */
/* Validation of examples, whatever their source (floor 4). */
#include <stdio.h>

#include "models/models.h"

/* An array of an example, with the names of its members for messages. */
typedef struct tokens {
  const char *count, *name; /* e.g. "n_prompt", "prompt" */
  int n;
  const int32_t *at; /* [n] */
} tokens;

/* A length out of range or a missing array. If there is one, describes it in `text` and returns
 * true. */
static bool say_length(const tokens *t, char *text, size_t size) {
  if (t->n < 0 || t->n > PAL_MOST_EXAMPLE_ROWS)
    return snprintf(text, size, "%s is %s (%d); it is from 0 to %d", t->count,
                    t->n < 0 ? "negative" : "too large", t->n, PAL_MOST_EXAMPLE_ROWS) > 0;
  if (t->n > 0 && !t->at)
    return snprintf(text, size, "%s is NULL where %s is %d", t->name, t->count, t->n) > 0;
  return false;
}

/* A value outside least .. end - 1, likewise. */
static bool say_value(const tokens *t, int32_t least, int32_t end, const char *what, char *text,
                      size_t size) {
  for (int i = 0; t->at && i < t->n; i++)
    if (t->at[i] < least || t->at[i] >= end)
      return snprintf(text, size, "%s[%d] is %d; %s are from %d to %d", t->name, i, t->at[i], what,
                      least, end - 1) > 0;
  return false;
}

int pal_example_rows(const pal_example *e, const pal_format *f) {
  if (e->transition.n > 0) return e->transition.n;
  for (int i = 0; i < e->n_prompt; i++)
    if (e->prompt[i] == f->mask) return e->n_prompt;
  return e->n_prompt + e->n_answer;
}

bool pal_example_flaw(const pal_example *e, const pal_format *f, char *text, size_t size) {
  const pal_transition *t = &e->transition;
  const tokens state = {"transition.n", "transition.state", t->n, t->state},
               prompt = {"n_prompt", "prompt", e->n_prompt, e->prompt},
               answer = {"n_answer", "answer", e->n_answer, e->answer},
               y = {"transition.n", "transition.y", t->n, t->y};
  if (say_length(&state, text, size) || say_length(&prompt, text, size) ||
      say_length(&answer, text, size))
    return true;
  if (t->n > 0 && !(t->y && t->remask && t->insert && t->remove))
    return snprintf(text, size, "a label of transition (y, remask, insert or remove) is NULL") > 0;
  if (e->answer_room < 0 || e->answer_room > PAL_MOST_EXAMPLE_ROWS)
    return snprintf(text, size, "answer_room is %s (%d); it is from 0 (unknown) to %d",
                    e->answer_room < 0 ? "negative" : "too large", e->answer_room,
                    PAL_MOST_EXAMPLE_ROWS) > 0;
  static const char vocabulary[] = "tokens of the format's vocabulary";
  return say_value(&state, 0, f->vocabulary, vocabulary, text, size) ||
         say_value(&y, -1, f->vocabulary, "targets (-1: none)", text, size) ||
         say_value(&prompt, 0, f->vocabulary, vocabulary, text, size) ||
         say_value(&answer, 0, f->vocabulary, vocabulary, text, size);
}
