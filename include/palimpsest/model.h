/* SPDX-License-Identifier: Apache-2.0 */
/* Generative processes as definitions (kind "model" in the registry).
 *
 * A definition says how an example becomes packed training rows, how the loss is built on
 * the shared network, and how one decoding step is built. ARM, Masked-ARM, MDM and AP-MDM are
 * constant definitions; a user's variant is one more, from a plug-in.
 *
 * In shapes, T is the number of rows (tokens) of a batch, S the number of its sequences, and V the
 * size of the vocabulary. Sequences of different lengths are packed one behind another, without
 * padding:
 *
 *   row        0    1    2    3    4    5    6    7         T = 8
 *   token      a0   a1   a2   b0   b1   c0   c1   c2
 *   sequence   0    0    0    1    1    2    2    2    [T]
 *   position   0    1    2    0    1    0    1    2    [T]
 *   begin      0              3         5              [S]  S = 3
 *   length     3              2         3              [S] */
#ifndef PAL_MODEL_H
#define PAL_MODEL_H

#include <palimpsest/graph.h>
#include <palimpsest/ops.h>
#include <palimpsest/plan.h>
#include <palimpsest/rng.h>
#include <palimpsest/setting.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- data ------------------------------------------------------------------------ */

enum { PAL_MOST_RECORD_ROWS = 8 }; /* of a pal_format's records, with both brackets */

/* What a task tells a model about its sequences. Arrays are borrowed. */
typedef struct pal_format {
  int32_t vocabulary; /* V: tokens are 0 .. vocabulary - 1, the mask included */
  int32_t mask;       /* the mask token */
  int32_t bos, eos;   /* tokens for begin and end of sequence; -1 where there is none */
  int context;        /* length of the longest sequence, in tokens */
  /* Structure of positions: in grouping j, position p belongs to group[p * groups + j]. Sudoku has
   * three groupings, which give the row, column and box of a cell. */
  int groups;           /* number of groupings */
  const int32_t *group; /* [context][groups]; negative: in no group. NULL: no structure */
  /* Structure of tokens: those from 0 to names - 1 are names, for instance the ids of nodes, and a
   * record is what stands between the tokens record[0] and record[1], these included, and has at
   * most PAL_MOST_RECORD_ROWS rows. Rows of records with the same name are related; see
   * structure=names. names 0: no such structure. */
  int32_t names, record[2];
  /* Factored tokens: the embedding of token v is the sum of rows factor[v * factors + f] of one
   * table, e.g. one row for its digit and one for its kind. */
  int factors, factor_rows; /* factors of a token; rows of the table */
  const int32_t *factor;    /* [vocabulary][factors]; -1: none. NULL: tokens are not factored */
  /* [vocabulary]: the class of each token, from 0. A decoder may have one threshold per class.
   * NULL: all tokens are in class 0. */
  const int32_t *token_class;
} pal_format;

/* A state of n tokens, and the labels of one any-process step from it (operation of each row as in
 * pal_edit). Training refuses labels that pal_edit could not execute (PAL_E_ARGUMENT). */
typedef struct pal_transition {
  const int32_t *state; /* [n] tokens */
  /* [n]: what a mask is to become, never the mask itself; -1: no target. Not read at other rows. */
  const int32_t *y;
  const float *y_weight; /* [n]: weight of each target in the loss; NULL: 1 everywhere */
  const uint8_t *remask, *insert, *remove; /* [n]: 0 or 1 */
  int n;
} pal_transition;
/* Computes the state after that step, with the rules of pal_edit. A mask without a target stays a
 * mask. NULL for y: no row has a target; NULL for a flag: it is 0 in every row. Writes the first
 * `room` tokens to `next`; returns the length of the whole state, at most 2 n. */
PAL_API int pal_transition_apply(const pal_transition *transition, int32_t mask, int32_t *next,
                                 int room);

/* The largest length of a prompt, an answer or a state in tokens, and the largest answer_room. */
enum { PAL_MOST_EXAMPLE_ROWS = 1 << 24 };

/* One training or test example. A member that is out of range is refused by name
 * (PAL_E_ARGUMENT). The arrays belong to the producer of the example and stay valid until its next
 * call. If the prompt holds masks, the answer's tokens are what these become, in order (MDM,
 * Masked-ARM, and the ARM with infill=1, which fills each mask from the tokens before it only).
 * Else the answer follows the prompt. See masked.h for the whole contract. */
typedef struct pal_example {
  uint64_t id; /* identifies the example: all its random draws are keyed by it */
  const int32_t *prompt;
  int n_prompt;
  const int32_t *answer;
  int n_answer;
  int answer_room;           /* most rows of an answer after its prompt, eos included; 0: unknown */
  pal_transition transition; /* n > 0: a state with labels, instead of prompt and answer */
} pal_example;

typedef enum pal_form {
  PAL_FORM_ANSWER,    /* prompt and answer */
  PAL_FORM_REASONED,  /* prompt, then steps of reasoning, then the answer, as one answer */
  PAL_FORM_TRANSITION /* states with labels */
} pal_form;

/* An endless source of training examples. A stream that loads a saved state gives the same examples
 * again as the one that saved it; this is how a run is resumed exactly. */
typedef struct pal_stream {
  void *self;
  pal_status (*next)(void *self, pal_example *example, pal_error *error);
  /* Returns the size of the state in bytes, and writes it to `state` if that is at most `room`. */
  size_t (*save)(const void *self, void *state, size_t room);
  pal_status (*load)(void *self, const void *state, size_t bytes, pal_error *error);
  void (*free)(void *self);
} pal_stream;

/* ---- packed rows -------------------------------------------------------------------- */

/* Limits of one definition: loss parts, columns of its batches, and states of its decoding. A
 * definition with more is refused by pal_define_model. */
enum { PAL_MAX_PARTS = 32, PAL_MAX_COLUMNS = 32, PAL_MAX_STATES = 16 };

/* A column that a definition declares: one value of 4 bytes (PAL_I32 or PAL_F32) per row or per
 * sequence. Training batches have such columns (pal_batch), and so has decoding, where they are
 * called states (pal_decoding). */
typedef struct pal_column {
  const char *name; /* of the graph's input: lower-case letters, digits and underscores */
  pal_dtype dtype;
  bool per_sequence; /* shape [S]; else [T] */
  int32_t fill;      /* initial value in new rows or sequences, converted to dtype */
} pal_column;

/* The first two columns of every definition whose rows have tokens as targets: the target of a row
 * (-1: none) and its weight in the loss. The functions of masked.h require them. */
enum { PAL_COLUMN_TARGET, PAL_COLUMN_WEIGHT, PAL_OWN_COLUMNS };
#define PAL_TARGET_COLUMNS \
  {"target", PAL_I32, false, -1}, { "weight", PAL_F32, false, 0 }

/* Packed rows of one shard in host arrays, which may be the input buffers of a plan. Every batch
 * has the arrays named here; column[k] is the array of the definition's column k. */
typedef struct pal_batch {
  int64_t rows, sequences;         /* T and S: rows and sequences in use */
  int64_t row_room, sequence_room; /* capacity of the arrays */
  int32_t *token;                  /* [T] */
  int32_t *position;               /* [T]: place in the sequence, from 0 */
  int32_t *sequence;               /* [T]: number of the row's sequence in the batch */
  int32_t *sample;                 /* [T]: 32 bits of the example's id, which key random ops */
  int32_t *begin, *length;         /* [S]: first row of each sequence, and number of its rows */
  const pal_column *declared;      /* [columns] */
  int columns;
  void *column[PAL_MAX_COLUMNS]; /* [T] or [S], int32_t or float as declared */
  /* This shard's share of the divisor of each part of the loss. The definition's `rows` adds to it,
   * usually the number of tokens that the part scores; the trainer sums it over all shards. A part
   * that is not 0 while its divisor is, is PAL_E_ARGUMENT. */
  double count[PAL_MAX_PARTS];
} pal_batch;

/* Adds a sequence of n rows with tokens `token` (NULL: zeros, for the caller to fill in), positions
 * 0 .. n-1 and every declared column at its fill. Returns its first row, or -1: PAL_E_ARGUMENT for
 * a negative n, PAL_E_CAPACITY when it does not fit. If a part of the same example was added before
 * that failure, the batch must be cleared. The new sequence has number batch->sequences - 1. */
PAL_API int64_t pal_batch_add(pal_batch *batch, const int32_t *token, int n, uint64_t sample,
                              pal_error *error);
/* Empties the batch; its capacity stays. */
PAL_API void pal_batch_clear(pal_batch *batch);
/* The array of declared column `column`, which must have that type. */
static inline int32_t *pal_batch_i32(const pal_batch *batch, int column) {
  return (int32_t *)batch->column[column];
}
static inline float *pal_batch_f32(const pal_batch *batch, int column) {
  return (float *)batch->column[column];
}

/* The arrays of a batch as graph inputs, whose names are those of the members below and those of
 * the declared columns. */
typedef struct pal_batch_values {
  pal_symbol T, S;                             /* rows, sequences */
  pal_value token, position, sequence, sample; /* i32 [T] */
  pal_value begin, length;                     /* i32 [S] */
  pal_value column[PAL_MAX_COLUMNS];           /* [T] or [S], as declared */
  pal_value time;                              /* the declared column "time" f32 [S], or nil */
  pal_value seed;                              /* i32 [3]: seed low, high, step */
  pal_value scale; /* f32 [n_parts]: weight_k / count_k of each part of the loss */
  bool training;   /* dropout is on */
  bool recompute;  /* activations of blocks are recomputed in the backward pass, see gradient.h */
} pal_batch_values;
struct pal_model_definition;
/* Adds the inputs for batches of that definition, with room for `rows` rows and `sequences`
 * sequences. The symbols are named "T" and "S". */
PAL_API pal_batch_values pal_batch_inputs(pal_graph *graph,
                                          const struct pal_model_definition *definition,
                                          int64_t rows, int64_t sequences, bool training);
/* An empty batch whose arrays are the input buffers of `exec`, a new instance of a plan with these
 * inputs. Call it before any pal_exec_count: the counts "T" and "S" of a new instance are its
 * capacity, which is read here. Before a run, set them to batch.rows and batch.sequences. */
PAL_API pal_batch pal_batch_of(pal_exec *exec, const struct pal_model_definition *definition);

/* ---- settings ----------------------------------------------------------------------------- */

typedef struct pal_model pal_model;

/* A model of `definition` (a name of kind "model") for sequences of `format`. Its parameters are in
 * `store`, which should hold no others: every parameter there counts as the model's. Names of those
 * of the backbone begin with "model.". `setting` are n texts "key=value" that override defaults; an
 * unknown key or an unreadable value is PAL_E_ARGUMENT, and the message lists the known keys. NULL
 * on failure. */
PAL_API pal_model *pal_model_new(pal_context *context, pal_store *store, const char *definition,
                                 const pal_format *format, const char *const *setting, int n,
                                 pal_error *error);
PAL_API void pal_model_free(pal_model *model);
PAL_API pal_context *pal_model_context(const pal_model *model);
PAL_API pal_store *pal_model_store(const pal_model *model);
PAL_API const pal_format *pal_model_format(const pal_model *model);
PAL_API const struct pal_model_definition *pal_model_definition_of(const pal_model *model);
/* The form of the examples that the model trains on and decodes, with its settings. */
PAL_API pal_form pal_model_form(const pal_model *model);
/* Number of elements of all parameters of the store, frozen ones included. It is complete once a
 * loss or a step has been built, since that creates the parameters. */
PAL_API int64_t pal_model_parameters(const pal_model *model);
/* The struct of the definition's own settings, see pal_model_definition; NULL if it has none. */
PAL_API const void *pal_model_own(const pal_model *model);
/* The current value of a setting as text, one of the definition or of the network; NULL where there
 * is no such setting. For reports; a definition reads its struct (pal_model_own). */
PAL_API const char *pal_model_text(const pal_model *model, const char *name);
/* Calls visit for every setting of the model with its current value. */
PAL_API void pal_model_settings(const pal_model *model,
                                void (*visit)(const pal_setting *setting, void *data), void *data);

/* ---- decoding -------------------------------------------------------------------------------- */

/* The bits of a row that pal_edit takes. */
enum { PAL_REMASK, PAL_INSERT, PAL_REMOVE, PAL_BITS };

/* One decoding step as values of a graph. The plan of a step runs in a loop: what it sets in
 * `next_*` becomes its own input in the next run. The decoder makes the inputs and calls the
 * definition's `step`. After each step it writes the rows of finished sequences to the results and
 * removes these sequences from the batch. */
typedef struct pal_decoding {
  pal_symbol T, S;                     /* rows and sequences that are still being decoded */
  pal_value token, position, sequence; /* i32 [T] */
  pal_value begin, length;             /* i32 [S] */
  pal_value slot;                      /* i32 [S]: number of the sequence in the results */
  pal_value prompt_length;             /* i32 [S]: tokens of the prompt that are not masks */
  pal_value age;                       /* i32 [S]: steps this sequence has taken before */
  pal_random random;                   /* seed, sample [T] and position [T] of this step */
  pal_value state[PAL_MAX_STATES];     /* the declared states: [T] or [S] */
  /* Set by the definition; T' is the number of rows after the step: */
  pal_value next_token;                 /* i32 [T'], required */
  pal_value next_begin, next_length;    /* i32 [S]; nil: unchanged, and T' is T */
  pal_value done;                       /* i32 [S], required: 1 where this sequence has ended */
  pal_value next_state[PAL_MAX_STATES]; /* [T'] or [S]; nil: unchanged (of rows, only if T' is T) */
  /* For traces (`edits` of pal_decode_options), about the rows before the step; nil: not known.
   * Computed only where a trace asks for them. */
  pal_value token_chance;         /* f32 [T]: probability of the token that a mask would become */
  pal_value bit[PAL_BITS];        /* i32 [T]: the bits that pal_edit was given */
  pal_value bit_chance[PAL_BITS]; /* f32 [T]: their probabilities */
} pal_decoding;

/* How the evaluation loss of a definition relates to the negative log-likelihood
 * -log p(answer | prompt). */
typedef enum pal_likelihood_kind {
  PAL_LIKELIHOOD_NONE,  /* not at all: it cannot be compared with other models */
  PAL_LIKELIHOOD_BOUND, /* its expectation over random draws is an upper bound (negative ELBO) */
  PAL_LIKELIHOOD_EXACT  /* it is equal or, where rows are drawn at random, an unbiased estimate */
} pal_likelihood_kind;

/* Input and output of a definition's `start`, which turns a prompt into the rows before the first
 * step. */
typedef struct pal_start {
  const pal_example *example; /* its prompt and id */
  int answer_room; /* most rows of an answer after its prompt, eos included; 0: unknown */
  pal_rng *rng;    /* keyed by the example's id and the decoder's seed */
  int room;        /* capacity of the following arrays, in rows */
  int32_t *token;  /* [room], to be written */
  /* The declared states: [room], or one value per sequence. They hold their fill at first. */
  void *state[PAL_MAX_STATES];
} pal_start;

/* How the decoder runs the steps of a model; from the definition's own settings. */
typedef struct pal_decode_settings {
  int64_t window;     /* a step reads the first `window` rows of a sequence; the others wait in a
                         queue and move up as rows are removed. 0: a step reads all rows */
  double temperature; /* of cached steps; 0: the most likely token */
  int64_t top_k;      /* of cached steps; 0: all */
  double top_p;       /* of cached steps; 1: all */
  int64_t steps;      /* steps that the sampler needs; decoding with a lower cap leaves masks.
                         0: their number is not fixed */
  bool infill; /* cached steps fill the masks of a prompt from left to right, each from the tokens
                  before it, with one pass per token from the first mask to the last. false: such
                  prompts are PAL_E_UNSUPPORTED */
} pal_decode_settings;

/* A way to decode that users choose by its name, e.g. by `palimpsest sample --sampler NAME`. */
typedef struct pal_sampler {
  const char *name;    /* of a-z, 0-9 and "-" */
  const char *setting; /* of the definition, "key=value", that chooses it; others are its numbers */
  const char *doc;     /* what it does, with its source */
} pal_sampler;
enum { PAL_MAX_SAMPLERS = 64 };

typedef struct pal_model_definition {
  uint32_t abi_size; /* sizeof(pal_model_definition) */
  const char *name, *doc;
  pal_form form; /* of the examples it trains on */
  /* The form with the settings of this model. NULL: always `form`. */
  pal_form (*form_of)(const pal_model *model);
  /* Its own settings (setting.h), whose values are stored in a struct of settings_size bytes, see
   * pal_model_own. No name may be one of the network's settings (layers.h). */
  const pal_setting *setting;
  int n_settings;
  size_t settings_size;
  /* Defaults of the network's settings that differ from those of layers.h, as "key=value". */
  const char *const *network_default;
  int n_network_defaults;
  const pal_column *column; /* of training batches, in addition to those that every batch has */
  int n_columns;
  const char *const *part; /* names of the loss's parts, of a-z, 0-9 and _; at least one */
  int n_parts;
  const pal_column *state; /* values that decoding carries from step to step, besides tokens */
  int n_states;
  /* Appends the example to the batch: corruption, labels, weights, counts. All randomness comes
   * from `rng` (keyed by the example's id and the step). With `evaluate`, the rows are such that
   * the expectation of their summed loss over draws, in nats, relates to -log p(answer | prompt) as
   * `likelihood` says. */
  pal_status (*rows)(const pal_model *model, const pal_example *example, pal_rng *rng,
                     bool evaluate, pal_batch *batch, pal_error *error);
  /* Builds part[k], k < n_parts: the weighted SUM over rows of part k of the loss, a scalar f32.
   * The trainer divides by the counts of the whole step. */
  void (*loss)(const pal_model *model, pal_graph *graph, const pal_batch_values *in,
               pal_value *part);
  /* Writes the rows of a sequence before its first step, on the host. Returns their number, or a
   * negative number to refuse the prompt; writes them only if they fit `room`. NULL: the rows are
   * the prompt. */
  int (*start)(const pal_model *model, pal_start *start);
  /* Builds one step: reads and sets *d. NULL: the definition is `cached`. */
  void (*step)(const pal_model *model, pal_graph *graph, pal_decoding *d);
  /* For causal models instead of `step`: the decoder itself builds pal_backbone with causal
   * attention and pal_output_logits, and samples a token other than the mask. It computes new rows
   * only, since keys and values of earlier ones are in a KV cache. Such a definition declares no
   * states. */
  bool cached;
  /* Sets the members that differ from the defaults: no window, temperature 0, top_k 0, top_p 1, no
   * fixed number of steps, no infill. NULL: all have their defaults. */
  void (*decode_settings)(const pal_model *model, pal_decode_settings *settings);
  /* Refuses settings that contradict each other (PAL_E_ARGUMENT). NULL: the ranges in the table are
   * the only conditions. */
  pal_status (*check)(const pal_model *model, pal_error *error);
  const pal_sampler *sampler; /* how it can decode */
  int n_samplers;
  pal_likelihood_kind likelihood; /* how its evaluation loss relates to the likelihood */
} pal_model_definition;

/* Defines a model under its name. Refused, with a message that names the member: a definition
 * compiled with headers of another ABI (PAL_E_ABI), a required member that is missing, an invalid
 * table of settings, columns, parts or states (PAL_E_ARGUMENT), and a setting with the name of one
 * of the network's (PAL_E_DUPLICATE). */
PAL_API pal_status pal_define_model(pal_context *context, const pal_model_definition *definition,
                                    pal_error *error);
/* Defines arm, masked-arm, mdm and ap-mdm. */
PAL_API pal_status pal_register_models(pal_context *context, pal_error *error);

typedef struct pal_decoder pal_decoder;
typedef struct pal_decoded {
  /* [n] tokens of the sequence, prompt included, valid during the callback. Where the format has an
   * eos and the model's form (pal_model_form) is not that of transitions, the sequence ends before
   * the first eos of the answer. */
  const int32_t *token;
  int n;
  int forward_passes; /* steps this sequence has taken */
  bool halted;        /* the model ended it; false: a cap on steps or length did */
  /* In `watch`: the declared states, [n] or one value each. NULL in `take`. */
  const void *state[PAL_MAX_STATES];
} pal_decoded;
/* What one step decided about n rows of a sequence, from row `first` of the state before it on. A
 * pointer is NULL where the model does not say. Of a causal model it is the one row that the step
 * writes or adds. */
typedef struct pal_edits {
  int first, n;
  const float *token_chance;         /* [n]: probability of the token that the row is to become */
  const int32_t *bit[PAL_BITS];      /* [n]: the bits that pal_edit was given */
  const float *bit_chance[PAL_BITS]; /* [n]: their probabilities */
} pal_edits;
typedef struct pal_decode_options {
  int sequences;   /* most sequences to decode together; fewer if they would take much memory */
  int max_length;  /* most rows of one sequence; 0: the format's context. A longer one is stopped,
                      as by the cap on steps */
  int max_steps;   /* cap on forward passes of one sequence */
  int answer_room; /* for examples whose own answer_room is 0 */
  uint64_t seed;
  /* For traces, may be NULL: called before each step of a sequence with its state, which
   * forward_passes steps have made. The state after the last step goes to `take` only. With it,
   * rows are copied to the host after every step, which makes decoding slower. */
  void (*watch)(int index, const pal_decoded *state, void *data);
  /* For traces, may be NULL: called after each step of a sequence with what it decided. The tokens
   * are the same with it and without it. */
  void (*edits)(int index, const pal_edits *edits, void *data);
  /* May be NULL: asked where `watch` is called, after it; true ends the sequence with that state,
   * as a cap does. It costs as much as `watch`. */
  bool (*enough)(int index, const pal_decoded *state, void *data);
  void *watch_data; /* of all three */
} pal_decode_options;
/* A decoder that runs the definition's steps, in a window where pal_decode_settings has one, or
 * with a KV cache. The result of a sequence depends on its own example, the seed and the weights,
 * never on the sequences that are decoded with it. Decoders of one store share its scratch
 * variables, so only one pal_decode may run at a time. NULL on failure. */
PAL_API pal_decoder *pal_decoder_new(pal_model *model, const pal_decode_options *options,
                                     pal_error *error);
PAL_API void pal_decoder_free(pal_decoder *decoder);
/* The plan of one step, for reports. When pal_decode needs more capacity it compiles another plan,
 * after which this pointer is invalid. */
PAL_API const pal_plan *pal_decoder_plan(const pal_decoder *decoder);
/* Decodes n prompts, in groups of at most options->sequences, and calls take once for each, in the
 * order of the prompts. A step is one pal_exec_run for all unfinished sequences of a group. */
PAL_API pal_status pal_decode(pal_decoder *decoder, const pal_example *prompt, int n,
                              void (*take)(int index, const pal_decoded *decoded, void *data),
                              void *data, pal_error *error);

#ifndef PAL_NO_CALLER
#define pal_batch_inputs(g, ...) pal_batch_inputs(PAL_HERE(g), __VA_ARGS__)
#endif

#ifdef __cplusplus
}
#endif
#endif
