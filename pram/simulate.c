/* SPDX-License-Identifier: Apache-2.0 */
/* A masked diffusion model of any order as a Masked-ARM (floor 6).
 *
 * Rows are moves that have been written, then masks. At the same time row c stands for place c of
 * the sequence that the simulated model sees. The first added block puts moves in place; the
 * model's own blocks follow; the last four find the choice and hand it to every row, so that it can
 * be written as the next move:
 *
 *   block     attention reads                        MLP computes
 *   0         the move that names this place         -
 *   1 .. L    as the simulated model                 as the simulated model
 *   L+1       the row itself: its logits, rounded    the rank of each token among them
 *   L+2       -                                      the best token, its margin
 *   L+3       the places with the largest margin     whether this place is one of them
 *   L+4       the lowest of these, and its token     -
 *
 * All this is in added columns. The model's own blocks have zeros there, and norms do not see them
 * (norm_width), so that the first columns hold the same bits as in the simulated model: a sum with
 * zeros behind it is the same sum, and a head's weight of 1 gives the value that it reads. Blocks
 * L+1 and following have the final norm's weights in front of their attention.
 *
 * What the added blocks compute is exact but for the rounding of logits. Scores of different keys
 * that matter differ by a point or more, which is at least 256 nats, or 128 after rounding of a
 * score of at most 2^22 points; exp(-128) is 0 in f32. Hidden units get whole multiples of 128,
 * for which all activations are max(0, x). A logit is at most B, a power of two: the vector behind
 * a norm has a length of at most sqrt(width), see logit_bound. It is rounded to whole units of
 * 2^-fraction with B = 2^21 units, so that sums of a few logits are whole numbers below 2^24.
 *
 * Bound. Rounding moves a logit by at most half a unit, and so the largest and the second by at
 * most half a unit each, a margin by 1 unit. The simulated model computes its margin, at most 2^22
 * units, with one rounding in f32, of at most 1/4 unit. So if its scores of two places differ by
 * more than 2.5 units, they are ordered the same way here. A token can differ only where the margin
 * is at most 1 unit. */
#include <palimpsest/simulate.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/models.h"
#include "pram/simulator.h"
#include "src/number.h"

enum { LARGEST = 21 /* log2 of B in units */, NAME = PAL_MOST_PARAMETER_NAME + 64 };

/* ---- what can be simulated ------------------------------------------------------------------ */

static const char *const kept[] = {"activation", "norm", "bias", "structure", "group_width"};

static pal_status refuse(const pal_model *from, pal_error *error) {
  const pal_network_settings *net = pal_model_network(from);
  const pal_format *f = pal_model_format(from);
  const char *name = pal_model_definition_of(from)->name;
  static const struct {
    const char *key, *value;
  } wanted[] = {{"order", "log_margin"}, {"k", "1"}, {"steps", "0"}, {"temperature", "0"}};
  if (strcmp(name, "mdm") != 0)
    return pal_fail(error, PAL_E_UNSUPPORTED,
                    "simulate takes a run of mdm, which writes masks in any order; this one is of "
                    "%s",
                    name);
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    const char *text = pal_model_text(from, wanted[i].key);
    if (pal_number_parse(text, NULL) != pal_number_parse(wanted[i].value, NULL) ||
        (i == 0 && strcmp(text, wanted[i].value) != 0))
      return pal_fail(
          error, PAL_E_UNSUPPORTED,
          "simulate decodes with %s=%s, and this run with %s=%s: give --set model.%s=%s",
          wanted[i].key, wanted[i].value, wanted[i].key, text, wanted[i].key, wanted[i].value);
  }
  const char *why =
      f->mask != 0 || f->eos >= 0 || !f->factor
          ? "the task's tokens are not a board's, with mask 0, factors and no end"
      : net->positions == PAL_POSITIONS_ROTARY ? "positions=rotary turns the added heads too"
      : net->time != PAL_TIME_NONE ? "a masked-arm is not told the time that time=adaln reads"
      : net->norm == PAL_NORM_NONE ? "with norm=none there is no bound on logits"
      : net->attention_window > 0  ? "with attention_window the added heads cannot see all rows"
      : net->norm_width > 0        ? "it has norm_width columns already"
      : net->decode_precision != 0 ? "its products must be f32 (decode_precision)"
                                   : NULL;
  return why ? pal_fail(error, PAL_E_UNSUPPORTED, "this run cannot be simulated: %s", why) : PAL_OK;
}

/* ---- sizes ---------------------------------------------------------------------------------- */

static int larger(int a, int b) { return a > b ? a : b; }
static int over(int a, int b) { return (a + b - 1) / b; }

/* Assigns the added columns. Sums run over columns in ascending order, so those whose terms cancel
 * come first: `one`, `open` and `rank` before `logit`, `spot` before `best`. */
static void assign_columns(pal_simulator *s) {
  const struct {
    int *first, n;
  } range[] = {{&s->one, 1},          {&s->place, 1},        {&s->open, 1},
               {&s->here, s->bits},   {&s->spot, s->places}, {&s->named, s->bits},
               {&s->own, s->factors}, {&s->rank, s->tokens}, {&s->logit, s->tokens},
               {&s->score, 1},        {&s->top, s->factors}, {&s->best, s->places},
               {&s->share, 1},        {&s->chosen, s->bits}, {&s->made, s->factors}};
  int at = (int)s->old->width;
  for (size_t i = 0; i < sizeof range / sizeof *range; i++) {
    *range[i].first = at;
    at += range[i].n;
  }
  s->width = over(at, 16) * 16;
}

static pal_status measure(pal_simulator *s, const pal_model *from, pal_error *error) {
  const pal_network_settings *old = pal_model_network(from);
  const pal_format *f = pal_model_format(from);
  *s = (pal_simulator){.from = from,
                       .f = f,
                       .old = old,
                       .error = error,
                       .places = f->context,
                       .tokens = f->vocabulary - 1,
                       .factors = f->factor_rows,
                       .bits = 1,
                       .head_width =
                           (int)(old->head_width ? old->head_width : old->width / old->heads)};
  s->blank = pal_simulator_factor(s, 0, 0);
  while (1 << s->bits < s->places) s->bits++;
  if (s->bits + 2 > s->head_width || s->tokens < 2)
    return pal_fail(error, PAL_E_UNSUPPORTED,
                    "this run cannot be simulated: %d places and %d tokens, which need heads of %d "
                    "columns or more, and it has %d",
                    s->places, s->tokens, s->bits + 2, s->head_width);
  s->heads = larger((int)old->heads, over(larger(s->factors + 2, s->places), s->head_width));
  s->heads = larger(s->heads, over(s->bits + s->factors, s->head_width));
  s->attended = s->heads * s->head_width;
  s->hidden = (int)(old->hidden ? old->hidden : 4 * old->width);
  s->hidden = larger(s->hidden, larger(s->tokens * (s->tokens - 1) + 1, 5 * s->tokens + 1));
  s->hidden = over(larger(s->hidden, s->places), 16) * 16;
  assign_columns(s);
  return PAL_OK;
}

pal_status pal_simulate_settings(const pal_model *from, char text[][PAL_SIMULATE_SETTING], int *n,
                                 pal_error *error) {
  pal_simulator s;
  pal_status status = refuse(from, error);
  if (!status) status = measure(&s, from, error);
  if (status) return status;
  const struct {
    const char *key;
    int value;
  } whole[] = {{"layers", (int)s.old->layers + PAL_SIMULATE_LAYERS},
               {"heads", s.heads},
               {"head_width", s.head_width},
               {"width", s.width},
               {"norm_width", (int)s.old->width},
               {"hidden", s.hidden}};
  *n = 0;
  strcpy(text[(*n)++], "task.answer=moves");
  strcpy(text[(*n)++], "model.positions=learned");
  for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
    snprintf(text[(*n)++], PAL_SIMULATE_SETTING, "model.%s=%d", whole[i].key, whole[i].value);
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
    snprintf(text[(*n)++], PAL_SIMULATE_SETTING, "model.%s=%s", kept[i],
             pal_model_text(from, kept[i]));
  return PAL_OK;
}

/* ---- weights -------------------------------------------------------------------------------- */

float *pal_simulator_weights(const pal_store *store, const char *prefix, const char *name) {
  char full[NAME];
  snprintf(full, sizeof full, "%.99s%.99s", prefix, name);
  pal_variable *v = pal_store_find(store, full);
  return v ? pal_variable_data(v) : NULL;
}

int pal_simulator_factor(const pal_simulator *s, int token, int i) {
  return s->f->factor[token * s->f->factors + i];
}

/* Whether tokens of `to` are moves, whose factors are those of the token and one for the place. */
static bool fits(const pal_simulator *s, const pal_format *to) {
  const int V = s->tokens, n = s->f->factors;
  if (to->mask != 0 || to->vocabulary != 1 + s->places * V || to->context != s->places ||
      to->factor_rows != s->factors + s->places || to->factors != n || to->groups != s->f->groups)
    return false;
  for (int v = 0; v < to->vocabulary; v++) {
    const int token = v ? (v - 1) % V + 1 : 0;
    int seen = 0, wanted = 0, place = 0;
    for (int i = 0; i < n; i++) {
      const int have = to->factor[v * n + i], own = pal_simulator_factor(s, token, i);
      if (v && own == s->blank) return false;
      wanted += own >= 0;
      place += v && have == s->factors + (v - 1) / V;
      for (int j = 0; j < n && own >= 0; j++) seen += to->factor[v * n + j] == own;
    }
    if (seen != wanted || place != (v > 0)) return false;
  }
  return true;
}

/* Copies a parameter of a block; heads that were added stand behind the model's own in each of q, k
 * and v, and so before the columns of structural heads. */
static pal_status copy_parameter(const pal_simulator *s, pal_variable *v, const char *to) {
  pal_variable *target = pal_store_find(s->store, to);
  const pal_type *a = pal_variable_type(v), *b = target ? pal_variable_type(target) : NULL;
  if (!b)
    return pal_fail(s->error, PAL_E_UNSUPPORTED, "this run cannot be simulated: it has %s",
                    pal_variable_name(v));
  const int64_t attended = s->old->heads * s->head_width, added = s->attended - attended;
  const int64_t columns = a->rank > 1 ? a->dim[1] : 1, wide = b->rank > 1 ? b->dim[1] : 1;
  const bool qkv = strstr(to, "attention.qkv"), mix = strstr(to, "attention.out.weight");
  const float *x = pal_variable_data(v);
  float *y = pal_variable_data(target);
  for (int64_t r = 0; r < a->dim[0]; r++)
    for (int64_t c = 0; c < columns; c++)
      y[(r + (qkv ? r / attended * added : 0)) * wide + c + (mix && c >= attended ? added : 0)] =
          x[r * columns + c];
  return PAL_OK;
}

/* Copies the model's own blocks, one number higher, and the final norm in front of the logits. */
static pal_status copy_blocks(const pal_simulator *s) {
  static const char own[] = "model.block.", final[] = "model.norm.";
  const pal_store *from = pal_model_store(s->from);
  pal_status status = PAL_OK;
  pal_variable *v;
  for (int i = 0; !status && (v = pal_store_parameter_at(from, i)) != NULL; i++) {
    const char *name = pal_variable_name(v), *part = NULL;
    char to[NAME], *end;
    int block = (int)s->old->layers + 1;
    if (strncmp(name, own, strlen(own)) == 0) {
      block = 1 + (int)strtol(name + strlen(own), &end, 10);
      part = end + 1; /* behind the dot */
    } else if (strncmp(name, final, strlen(final)) == 0) {
      part = name + strlen(final);
      status = copy_parameter(s, v, name);
    }
    if (!part) continue; /* embedding, positions and output are not copied as they are */
    snprintf(to, sizeof to, "model.block.%d.%s%.*s", block,
             block > s->old->layers ? "attention.norm." : "", PAL_MOST_PARAMETER_NAME, part);
    if (!status) status = copy_parameter(s, v, to);
  }
  return status;
}

/* A bound on the size of all logits: that of a token is w . (g x + h) with norm's gain g and shift
 * h, its factors' weights w, and x of length at most sqrt(width). */
static double logit_bound(const pal_simulator *s) {
  const pal_store *from = pal_model_store(s->from);
  const int64_t w = s->old->width;
  const float *gain = pal_simulator_weights(from, "model.norm", ".gain"),
              *shift = pal_simulator_weights(from, "model.norm", ".bias"),
              *bias = pal_simulator_weights(from, "model.output", ".bias"),
              *table = pal_simulator_weights(
                  from, s->old->tied ? "model.embedding" : "model.output", ".weight");
  double most = 0;
  for (int v = 1; v <= s->tokens; v++) {
    double squares = 0, rest = 0;
    for (int64_t i = 0; i < w; i++) {
      double sum = 0;
      for (int k = 0; k < s->f->factors; k++)
        if (pal_simulator_factor(s, v, k) >= 0)
          sum += (double)table[pal_simulator_factor(s, v, k) * w + i];
      squares += sum * sum * (double)gain[i] * (double)gain[i];
      rest += shift ? sum * (double)shift[i] : 0;
    }
    for (int k = 0; k < s->f->factors && bias; k++)
      if (pal_simulator_factor(s, v, k) >= 0) rest += (double)bias[pal_simulator_factor(s, v, k)];
    most = fmax(most, sqrt(squares * (double)w) + fabs(rest));
  }
  return 1.001 * most; /* for rounding in f32 */
}

/* The vectors of positions: those of the model, and what each row knows of its place. */
static void fill_positions(const pal_simulator *s, float *table) {
  const pal_store *from = pal_model_store(s->from);
  const float *learned = pal_simulator_weights(from, "model.position", ".weight"),
              *group = pal_simulator_weights(from, "model.position", ".group");
  const int64_t w = s->old->width;
  const int groups = s->f->groups;
  int each = 0;
  for (int i = 0; i < s->places * groups; i++) each = larger(each, s->f->group[i] + 1);
  for (int c = 0; c < s->places; c++, table += s->width) {
    for (int64_t i = 0; i < w && learned; i++) table[i] = learned[c * w + i];
    for (int g = 0; g < groups && group; g++)
      for (int64_t i = 0; i < w && s->f->group[c * groups + g] >= 0; i++)
        table[i] += group[(g * each + s->f->group[c * groups + g]) * w + i];
    table[s->one] = table[s->spot + c] = 1;
    table[s->place] = (float)c;
    for (int b = 0; b < s->bits; b++) table[s->here + b] = c >> b & 1 ? 1 : -1;
  }
}

/* Embedding and output, a row for each factor of a move. The move that was chosen has all its
 * factors, any other fewer; a factor counts SURE nats. */
static void fill_ends(const pal_simulator *s, float *embedding, float *output) {
  const float sure = 32;
  for (int f = 0; f < s->factors; f++, embedding += s->width, output += s->width) {
    embedding[s->own + f] = 1;
    output[s->made + f] = sure;
  }
  for (int c = 0; c < s->places; c++, embedding += s->width, output += s->width)
    for (int b = 0; b < s->bits; b++) {
      embedding[s->named + b] = c >> b & 1 ? 1 : -1;
      output[s->chosen + b] = c >> b & 1 ? sure : -sure;
    }
}

static bool open_block(pal_simulator *s, int block) {
  char prefix[NAME];
  snprintf(prefix, sizeof prefix, "model.block.%d.", block);
  s->qkv = pal_simulator_weights(s->store, prefix, "attention.qkv.weight");
  s->qkv_bias = pal_simulator_weights(s->store, prefix, "attention.qkv.bias");
  s->mix = pal_simulator_weights(s->store, prefix, "attention.out.weight");
  s->in = pal_simulator_weights(s->store, prefix, "mlp.in.weight");
  s->back = pal_simulator_weights(s->store, prefix, "mlp.out.weight");
  s->head = s->value = s->unit = s->n_score = 0;
  float *bias = pal_simulator_weights(s->store, prefix, "attention.structure");
  const int relations = 1 << s->f->groups;
  for (int h = 0; h < s->f->groups && h < s->heads && bias; h++) /* cancels the prior */
    for (int r = 0; r < relations; r++)
      bias[h * relations + r] = r >> h & 1 ? -PAL_STRUCTURE_PRIOR : 0;
  return s->qkv && s->mix && s->in && s->back;
}

static pal_status fill(pal_simulator *s) {
  void (*const added[])(pal_simulator *) = {pal_simulator_place, pal_simulator_rank,
                                            pal_simulator_margin, pal_simulator_best,
                                            pal_simulator_choose};
  float *embedding = pal_simulator_weights(s->store, "model.embedding", ".weight"),
        *place = pal_simulator_weights(s->store, "model.position", ".weight"),
        *output = pal_simulator_weights(s->store, "model.output", ".weight");
  pal_variable *v;
  for (int i = 0; (v = pal_store_parameter_at(s->store, i)) != NULL; i++)
    memset(pal_variable_data(v), 0, pal_variable_bytes(v));
  const pal_status status = copy_blocks(s);
  if (status) return status;
  fill_positions(s, place);
  fill_ends(s, embedding, output);
  for (int i = 0; i < PAL_SIMULATE_LAYERS; i++) {
    if (!open_block(s, i ? (int)s->old->layers + i : 0))
      return pal_fail(s->error, PAL_E_ARGUMENT, "block %d of the model has no weights", i);
    added[i](s);
  }
  return PAL_OK;
}

/* A decoder creates the parameters of a model. */
static pal_status create(pal_model *model, pal_error *error) {
  const pal_decode_options options = {.sequences = 1, .max_steps = 1};
  pal_decoder *decoder = pal_decoder_new(model, &options, error);
  pal_decoder_free(decoder);
  return decoder ? PAL_OK : PAL_E_ARGUMENT;
}

static bool has_settings(const pal_simulator *s, const pal_model *to) {
  const pal_network_settings *net = pal_model_network(to);
  bool same = net->layers == s->old->layers + PAL_SIMULATE_LAYERS && net->width == s->width &&
              net->heads == s->heads && net->head_width == s->head_width &&
              net->hidden == s->hidden && net->norm_width == s->old->width && !net->tied &&
              net->positions == PAL_POSITIONS_LEARNED && net->time == PAL_TIME_NONE;
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
    same &= strcmp(pal_model_text(s->from, kept[i]), pal_model_text(to, kept[i])) == 0;
  return same && strcmp(pal_model_definition_of(to)->name, PAL_SIMULATE_MODEL) == 0;
}

pal_status pal_simulate(const pal_model *from, pal_model *to, double *bound, pal_error *error) {
  pal_error own = {0};
  pal_simulator s;
  if (!error) error = &own;
  pal_status status = refuse(from, error);
  if (!status) status = measure(&s, from, error);
  if (status) return status;
  s.store = pal_model_store(to);
  if (!has_settings(&s, to) || !fits(&s, pal_model_format(to)))
    return pal_fail(error, PAL_E_UNSUPPORTED,
                    "the task's moves are not those of this run: it must fill a board in place "
                    "(answer=infill)");
  status = create(to, error);
  if (status) return status;
  if (!pal_simulator_weights(pal_model_store(from), "model.norm", ".gain"))
    return pal_fail(error, PAL_E_ARGUMENT, "the run that is simulated has no weights");
  const double most = logit_bound(&s);
  s.fraction = LARGEST - (most > 1 ? (int)ceil(log2(most)) : 0);
  if (!(most < 1 << LARGEST))
    return pal_fail(error, PAL_E_UNSUPPORTED,
                    "this run cannot be simulated: its logits reach %g, too much for f32", most);
  s.mixed = s.attended +
            (s.old->structure == PAL_STRUCTURE_HEADS ? s.f->groups * (int)s.old->group_width : 0);
  *bound = ldexp(2.5, -s.fraction);
  return fill(&s);
}
