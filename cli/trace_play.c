/* SPDX-License-Identifier: Apache-2.0 */
/* Playing a trace on a terminal, see trace_show.h (floor 8).
 *
 * A frame is composed in memory as lines, then printed over the one before. A deleted token is
 * shown where it stood, so that all four kinds of edits can be seen. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "cli/trace_show.h"

typedef struct player {
  const cli_trace *trace;
  int instance, at;  /* the instance and its state that are shown */
  int lines;         /* of the frame that is on the terminal */
  double speed;      /* passes per second; 0: by the number of passes */
  bool keys, colour; /* it is played by keys; it has colours */
  bool plays, ends;
} player;

static const char normal[] = "\033[0m", reverse[] = "\033[7m", faint[] = "\033[2m";
static const char *const sort_colour[PAL_PICTURE_SORTS] = {"\033[2m",  "\033[1m",  "\033[32m",
                                                           "\033[33m", "\033[36m", "\033[35m"};
/* Of edits: written green, remasked yellow, inserted cyan, deleted red and struck out, rewritten
 * magenta. */
static const char *const edit_colour[CLI_EDITS] = {"\033[32;1m", "\033[33;7m", "\033[36;7m",
                                                   "\033[31;9m", "\033[35;1m"};

/* ---- frames ------------------------------------------------------------------------------ */

static const cli_traced *shown(const player *p) { return &p->trace->instance[p->instance]; }

static void put_rule(FILE *to, const cli_traced *t) {
  for (int c = 0; c < t->columns; c++) {
    if (t->block && c % t->block == 0) fprintf(to, "+-");
    for (int i = 0; i <= t->wide; i++) fputc('-', to);
  }
  fprintf(to, "+\n");
}

/* A board in colours; cells that the pass changed are in reverse video. */
static void put_board(FILE *to, const player *p) {
  const cli_traced *t = shown(p);
  const cli_pass *now = &t->pass[p->at];
  for (int r = 0; r < t->rows; r++) {
    if (t->block && r % t->block == 0) put_rule(to, t);
    for (int c = 0; c < t->columns; c++) {
      const int i = r * t->columns + c;
      fprintf(to, "%s%s%s%.*s%s", t->block && c % t->block == 0 ? c ? " | " : "| " : " ",
              sort_colour[now->sort[i] - '0'], cli_trace_changes(t, p->at, i) ? reverse : "",
              t->wide, now->glyph + i * t->wide, normal);
    }
    fprintf(to, t->block ? " |\n" : "\n");
  }
  if (t->block) put_rule(to, t);
}

static void put_legend(FILE *to, const player *p) {
  const cli_traced *t = shown(p);
  const json_t *name;
  size_t s;
  if (t->sorts && !p->colour) {
    cli_trace_put_marks(to, t);
  } else if (t->sorts) {
    json_array_foreach(t->sorts, s, name)
        fprintf(to, "%s%s%s%s", s ? ", " : "", sort_colour[s], json_string_value(name), normal);
    fprintf(to, ", %schanged in this pass%s\n", reverse, normal);
  } else if (p->colour) {
    for (int k = 0; k < CLI_REWRITE; k++)
      fprintf(to, "%s%s%s%s", k ? "  " : "", edit_colour[k], cli_edit_done[k], normal);
    fprintf(to, "\n");
  }
}

/* Characters of a text in UTF-8, whose control characters have been escaped. */
static int width_of(const char *text) {
  int n = 0;
  for (; *text; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
  return n;
}

/* Whether every token of the state is one character: then they are shown without blanks. */
static bool is_tight(const cli_trace_row *row, int n) {
  for (int i = 0; i < n; i++)
    if (row[i].token && width_of(row[i].token) > 1) return false;
  return true;
}

/* Prints a row of tokens, as many lines of it as fit from the first change on. */
static void put_tokens(FILE *to, const player *p, int most_lines) {
  const cli_traced *t = shown(p);
  int n = 0, used = 0, line = 0, first = -1;
  const int width = cli_columns(stdout) - 1;
  cli_trace_row *row = cli_trace_rows(t, p->at, &n);
  const bool tight = row && is_tight(row, n);
  for (int turn = 0; turn < 2; turn++) { /* the first one finds the line of the first change */
    const int from = first > most_lines / 2 ? first - most_lines / 2 : 0;
    line = used = 0;
    for (int i = 0; row && i < n; i++) {
      char text[80];
      if (row[i].edit == CLI_DELETE && !p->colour) continue;
      cli_escape(row[i].token ? row[i].token : t->mask, text, sizeof text);
      const int wide = width_of(text) + !tight;
      const bool breaks = used > 0 && used + wide > width;
      line += breaks;
      used = breaks ? wide : used + wide;
      if (turn == 0 && row[i].edit >= 0 && first < 0) first = line;
      if (turn == 0 || line < from || line >= from + most_lines) continue;
      if (breaks && line > from) fputc('\n', to);
      const char *colour = !p->colour         ? ""
                           : row[i].edit >= 0 ? edit_colour[row[i].edit]
                           : row[i].token     ? ""
                                              : faint;
      fprintf(to, "%s%s%s%s", colour, text, *colour ? normal : "", tight ? "" : " ");
    }
  }
  if (n) fputc('\n', to);
  free(row);
}

static void put_frame(FILE *to, const player *p) {
  enum { AROUND = 7 }; /* lines besides the tokens */
  const cli_traced *t = shown(p);
  char caption[160];
  const int high = cli_lines_high(stdout);
  if (p->keys || p->trace->n > 1)
    fprintf(to, "%.40s, %.40s, instance %d of %d\n", t->task, t->model, p->instance + 1,
            p->trace->n);
  cli_trace_caption(t, p->at, caption, sizeof caption);
  fprintf(to, "%s (%d passes, length %d)\n", caption, t->n - 1, t->pass[p->at].n);
  if (t->sorts && p->colour) put_board(to, p);
  for (int r = 0; t->sorts && !p->colour && r < t->rows; r++) {
    cli_trace_put_row(to, t, p->at, r, 0);
    fputc('\n', to);
  }
  if (!t->sorts) put_tokens(to, p, high > AROUND + 1 ? high - AROUND : 1);
  put_legend(to, p);
  if (p->at + 1 == t->n) fprintf(to, "%s\n", t->verdict);
  if (p->keys)
    fprintf(to, "%sspace %s  left right: step  [ ]: instance  + -: speed  q: end%s\n",
            p->colour ? faint : "", p->plays ? "stop" : "play", p->colour ? normal : "");
}

/* Prints n bytes, at most `width` characters of them; escape sequences take no room. */
static void put_clipped(const char *text, int n, int width) {
  bool escape = false;
  for (int i = 0, used = 0; i < n; i++) {
    const bool begins = text[i] == '\033', more = ((unsigned char)text[i] & 0xC0) == 0x80;
    if (!escape && !begins && !more) used++;
    if (escape || begins || used <= width) putchar(text[i]);
    escape = begins || (escape && text[i] != 'm');
  }
}

/* Prints the frame over the one before. */
static void draw(player *p) {
  char *text = NULL;
  size_t size = 0;
  FILE *to = open_memstream(&text, &size);
  if (!to) return;
  put_frame(to, p);
  if (fclose(to)) {
    free(text);
    return;
  }
  if (p->lines) printf("\033[%dA", p->lines);
  p->lines = 0;
  for (char *at = text, *end; (end = strchr(at, '\n')); at = end + 1, p->lines++) {
    putchar('\r');
    put_clipped(at, (int)(end - at), cli_columns(stdout) - 1);
    fputs("\033[K\n", stdout);
  }
  printf("\033[J");
  fflush(stdout);
  free(text);
}

/* ---- keys -------------------------------------------------------------------------------- */

static void go(player *p, int to) {
  const int last = shown(p)->n - 1;
  p->at = to < 0 ? 0 : to > last ? last : to;
}

static void go_to_instance(player *p, int to) {
  if (to < 0 || to >= p->trace->n) return;
  p->instance = to;
  p->at = 0;
}

/* Passes per second: 4, or as many as show all passes in 15 seconds. */
static double speed_of(const player *p) {
  const double least = 4, all = shown(p)->n / 15.0;
  return p->speed > 0 ? p->speed : all > least ? all : least;
}

/* Takes one key from n bytes that were read: its letter, for arrows and the like that of less(1);
 * 0 for another key. Returns the bytes that it took. */
static int take_key(const char *text, int n, char *letter) {
  *letter = text[0];
  if (text[0] != '\033' || n < 3) return 1;
  switch (text[2]) {
    case 'C':
    case 'B': *letter = 'l'; break;
    case 'D':
    case 'A': *letter = 'h'; break;
    case 'H':
    case '1': *letter = 'g'; break;
    case 'F':
    case '4': *letter = 'G'; break;
    default: *letter = 0;
  }
  return n > 3 && text[3] == '~' ? 4 : 3;
}

static void obey(player *p, char key) {
  const int last = shown(p)->n - 1;
  switch (key) {
    case ' ':
      if (!p->plays && p->at == last) go(p, 0);
      p->plays = !p->plays;
      return;
    case '+':
    case '=': p->speed = 1.5 * speed_of(p); return;
    case '-': p->speed = speed_of(p) / 1.5; return;
    case 'q':
    case 'Q':
    case 4: p->ends = true; return; /* 4: Ctrl-D */
    case '[': go_to_instance(p, p->instance - 1); return;
    case ']': go_to_instance(p, p->instance + 1); return;
    case 'l':
    case 'n': go(p, p->at + 1); break;
    case 'h':
    case 'p': go(p, p->at - 1); break;
    case 'g': go(p, 0); break;
    case 'G': go(p, last); break;
    default: return;
  }
  p->plays = false;
}

/* Waits until the next frame is due or a key comes. False at the end of the keys. */
static bool wait_for_key(player *p) {
  struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
  const double until = cli_seconds() + 1 / speed_of(p);
  for (;;) {
    const double left = until - cli_seconds();
    if (cli_signal() || p->ends || (p->plays && left <= 0)) return true;
    const int ready = poll(&in, p->keys, p->plays ? (int)(1000 * left) + 1 : -1);
    if (ready <= 0) continue;
    char typed[64], key;
    const int n = (int)read(STDIN_FILENO, typed, sizeof typed);
    if (n <= 0) return false;
    for (int i = 0; i < n && !p->ends; draw(p)) {
      i += take_key(typed + i, n - i, &key);
      obey(p, key);
    }
  }
}

/* ---- playing ----------------------------------------------------------------------------- */

static void play(player *p) {
  draw(p);
  while (!p->ends && !cli_signal()) {
    if (!wait_for_key(p)) break;
    if (p->ends || !p->plays || cli_signal()) continue;
    const bool last = p->at + 1 >= shown(p)->n;
    if (!last) go(p, p->at + 1);
    else if (p->instance + 1 < p->trace->n) go_to_instance(p, p->instance + 1);
    else p->plays = false;
    p->ends = !p->plays && !p->keys;
    if (!p->ends) draw(p);
  }
}

/* Whether every board fits on the terminal, so that the next can be drawn over it. */
static bool fits(const cli_trace *trace) {
  const int high = cli_lines_high(stdout), wide = cli_columns(stdout);
  for (int i = 0; i < trace->n; i++) {
    const cli_traced *t = &trace->instance[i];
    const int rules = t->block ? t->rows / t->block + 2 : 0,
              frame = t->block ? 2 * (t->columns / t->block) + 2 : 0;
    if (t->rows + rules + 5 > high || (1 + t->wide) * t->columns + frame >= wide) return false;
  }
  return true;
}

/* Has keys come one by one and without an echo; Ctrl-C still ends the program. */
static void take_keys(const struct termios *old) {
  struct termios raw = *old;
  raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
  raw.c_cc[VSUSP] = _POSIX_VDISABLE;
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

pal_status cli_trace_show(const cli_trace *trace, double speed, bool keys, pal_error *error) {
  struct termios old;
  keys = keys && isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &old) == 0;
  if (!(keys ? cli_rewrites(stdout) : cli_colours(stdout)) || !fits(trace)) {
    for (int i = 0; i < trace->n; i++) cli_trace_print(stdout, &trace->instance[i]);
    return PAL_OK;
  }
  player p = {
      .trace = trace, .speed = speed, .plays = true, .colour = cli_colours(stdout), .keys = keys};
  cli_catch_signals(true);
  if (p.keys) take_keys(&old);
  play(&p);
  if (p.keys) tcsetattr(STDIN_FILENO, TCSADRAIN, &old);
  cli_catch_signals(false);
  return cli_signal() ? pal_fail(error, PAL_E_INTERRUPTED, "stopped by a signal") : PAL_OK;
}
