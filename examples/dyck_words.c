/* SPDX-License-Identifier: Apache-2.0 */
/* A report on generated words of the task dyck: how many are valid at each length, how many of all
 * words of 6 and 8 letters were seen, and how evenly.
 *
 *   cc dyck_words.c $(pkg-config --cflags --libs palimpsest) -lm -o dyck_words
 *   palimpsest eval RUN --answers words.jsonl
 *   ./dyck_words words.jsonl 2
 *
 * The second argument is the setting `pairs` of the task. Without any, it reports on the words that
 * the task's own stream draws, which is a perfect sampler given the length. */
#include <palimpsest/palimpsest.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTHS = 65, ROOM = 1 << 20, TRACKED = 8, MOST_STRINGS = 1 << 24 };
static const char letters[] = "aAbBcCdD";

typedef struct tally {
  int pairs;
  long samples, halted, valid;
  long of_length[LENGTHS + 1], valid_of_length[LENGTHS + 1]; /* the last one: longer */
  int *seen[TRACKED + 1];                                    /* for 6 and 8: of each string */
} tally;

/* Number of the string among those of its length; -1 if a character is no letter. */
static long number_of(const tally *t, const char *word, int n) {
  long at = 0;
  for (int i = 0; i < n; i++) {
    const char *letter = strchr(letters, word[i]);
    if (!letter || letter - letters >= 2 * t->pairs) return -1;
    at = at * 2 * t->pairs + (letter - letters);
  }
  return at;
}

/* Whether the n letters cancel; overwrites them. */
static int cancels(const tally *t, char *word, int n) {
  int left = 0;
  for (int i = 0; i < n; i++) {
    const char *letter = strchr(letters, word[i]);
    if (!letter || letter - letters >= 2 * t->pairs) return 0;
    if (left && word[left - 1] == letters[(letter - letters) ^ 1]) left--;
    else word[left++] = word[i];
  }
  return left == 0;
}

static void count(tally *t, char *word, int halted) {
  const int n = (int)strlen(word), at = n < LENGTHS ? n : LENGTHS;
  const long number = n <= TRACKED && t->seen[n] ? number_of(t, word, n) : -1;
  t->samples++;
  t->halted += halted;
  if (!halted) return;
  t->of_length[at]++;
  if (!cancels(t, word, n)) return;
  t->valid++;
  t->valid_of_length[at]++;
  if (number >= 0) t->seen[n][number]++;
}

static double entropy(const int *seen, long cells, long all) {
  double bits = 0;
  for (long i = 0; i < cells; i++)
    if (seen[i]) bits -= (double)seen[i] / (double)all * log2((double)seen[i] / (double)all);
  return bits;
}

/* Entropy in bits of m draws of one of `words` words each with the same probability. */
static double even_entropy(long words, long m) {
  int *seen = calloc((size_t)words, sizeof *seen);
  pal_rng rng = pal_rng_new(1, "dyck_words", 0, 0);
  for (long i = 0; seen && i < m; i++) seen[pal_rng_below(&rng, (uint32_t)words)]++;
  const double bits = seen ? entropy(seen, words, m) : 0;
  free(seen);
  return bits;
}

static void report_coverage(const tally *t, int n) {
  long strings = 1, words = 0, found = 0, draws = 0;
  for (int i = 0; i < n; i++) strings *= 2 * t->pairs;
  for (long at = 0; at < strings; at++) {
    char word[TRACKED + 1] = "";
    long rest = at;
    for (int i = n - 1; i >= 0; i--, rest /= 2 * t->pairs) word[i] = letters[rest % (2 * t->pairs)];
    words += cancels(t, word, n);
    found += t->seen[n][at] > 0;
    draws += t->seen[n][at];
  }
  printf("%d letters: %ld samples have %ld of all %ld words, a perfect sampler's %.1f on average\n",
         n, draws, found, words,
         (double)words * -expm1((double)draws * log1p(-1.0 / (double)words)));
  if (draws)
    printf("  entropy %.3f bits, of as many samples of a perfect sampler %.3f\n",
           entropy(t->seen[n], strings, draws), even_entropy(words, draws));
}

static void report(const tally *t) {
  double bits = 0, mean = 0;
  long halted = 0;
  printf("%ld samples: %ld halted, %ld valid (%.3f %%)\n", t->samples, t->halted, t->valid,
         100.0 * (double)t->valid / (double)t->samples);
  printf("letters  samples   valid\n");
  for (int n = 0; n <= LENGTHS; n++) {
    if (!t->of_length[n]) continue;
    const double share = (double)t->of_length[n] / (double)t->halted;
    printf("%6d%s %8ld %7.2f %%\n", n, n < LENGTHS ? " " : "+", t->of_length[n],
           100.0 * (double)t->valid_of_length[n] / (double)t->of_length[n]);
    if (n < LENGTHS) bits -= share * log2(share), mean += n * (double)t->of_length[n];
    if (n < LENGTHS) halted += t->of_length[n];
  }
  printf("to %d letters: mean length %.2f, entropy of the length %.3f bits\n", LENGTHS - 1,
         halted ? mean / (double)halted : 0, bits);
  for (int n = 6; n <= TRACKED; n += 2) report_coverage(t, n);
}

static int read_answers(tally *t, const char *path) {
  static char line[ROOM];
  FILE *file = fopen(path, "r");
  if (!file) return fprintf(stderr, "dyck_words: %s cannot be opened\n", path), 1;
  while (fgets(line, sizeof line, file)) {
    char *word = strstr(line, "\"answer\":\""), *end;
    const int halted = strstr(line, "\"halted\":true") != NULL;
    if (!word || !(end = strchr(word += strlen("\"answer\":\""), '"'))) continue;
    if (*word == '^') word++;
    else if (word < end) *word = '?'; /* no word without a beginning */
    *end = 0;
    if (end > word && end[-1] == '$') end[-1] = 0;
    count(t, word, halted);
  }
  fclose(file);
  return 0;
}

/* The words that the task draws as training examples. */
static int draw_words(tally *t, long samples) {
  pal_error error = {0};
  pal_context *context = pal_open(NULL, &error);
  pal_task *task = context ? pal_task_new(context, "dyck", NULL, 0, &error) : NULL;
  pal_stream stream;
  if (!task || pal_task_stream(task, PAL_FORM_ANSWER, 1, &stream, &error))
    return fprintf(stderr, "dyck_words: %s\n", error.text), 1;
  for (long i = 0; i < samples; i++) {
    char word[64];
    pal_example e;
    if (stream.next(stream.self, &e, &error)) return 1;
    for (int k = 0; k < e.n_answer; k++) word[k] = letters[e.answer[k]];
    word[e.n_answer] = 0;
    count(t, word, 1);
  }
  stream.free(stream.self);
  pal_task_free(task);
  pal_context_free(context);
  return t->valid != t->samples;
}

int main(int n, char **argument) {
  tally t = {.pairs = n > 2 ? atoi(argument[2]) : 2};
  if (t.pairs < 1 || t.pairs > 4) return fprintf(stderr, "dyck_words: pairs is 1 to 4\n"), 2;
  for (int length = 6; length <= TRACKED; length += 2)
    if (!(t.seen[length] = calloc(MOST_STRINGS, sizeof *t.seen[length]))) return 1;
  const int failed = n > 1 ? read_answers(&t, argument[1]) : draw_words(&t, 100000);
  if (!failed && t.samples) report(&t);
  free(t.seen[6]);
  free(t.seen[8]);
  return failed;
}
