/* SPDX-License-Identifier: Apache-2.0 */
/* Generative processes as definitions (kind "model" in the registry).
 *
 * A definition says how an example becomes packed training rows, how the loss is built on
 * the shared network, and how one decoding step is built. ARM, Masked-ARM, MDM and AP-MDM are
 * constant definitions; a user's variant is one more, from a plug-in. */
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

/* What a task tells a model about its sequences. Arrays are borrowed. */
typedef struct pal_format {
  int32_t vocabulary;       /* tokens are 0 .. vocabulary - 1, the mask included */
  int32_t mask;             /* the mask token M */
  int32_t bos, eos;         /* -1 where there is none */
  int context;              /* rows of the longest sequence */
  int groups;               /* structure: position p belongs to group[p * groups + j], */
  const int32_t *group;     /* j < groups, e.g. row, column and box; NULL when there is none */
  int factors, factor_rows; /* token v has the factors factor[v * factors + f] < factor_rows */
  const int32_t *factor;    /* (digit, kind, ...); -1 for none; NULL: tokens are not factored */
  const int32_t
      *token_class; /* [vocabulary], from 0: classes with thresholds of their own; NULL: one */
} pal_format;

/* Labels of one any-process step for each row of a state, as pal_edit would carry them out: training
 * refuses others (PAL_E_ARGUMENT). */
typedef struct pal_transition {
  const int32_t *state;  /* n tokens */
  const int32_t *y;      /* target at masks, never the mask; -1: none. Idle at other tokens */
  const float *y_weight; /* of each target in the loss; NULL: 1 everywhere */
  const uint8_t *remask, *insert, *remove; /* 0 or 1 per row */
  int n;
} pal_transition;
/* The state after that step, as pal_edit would make it; a mask without a target stays a mask, and a NULL
 * y or flag is none for any row. Writes the first `room` tokens of it; returns its length, 2 n at most. */
PAL_API int pal_transition_apply(const pal_transition *transition, int32_t mask, int32_t *next,
                                 int room);

/* Tokens of a prompt, an answer or a state at most, and rows of answer_room. */
enum { PAL_MOST_EXAMPLE_ROWS = 1 << 24 };

/* One training or test example. What is not within its range is refused by its member's name
 * (PAL_E_ARGUMENT). Arrays belong to whoever made it, until its next call. The answer
 * follows the prompt or, where that holds masks, fills them in order (MDM and Masked-ARM; the ARM, if
 * infill=1, from what stands before each alone). */
typedef struct pal_example {
  uint64_t id; /* its own number: keys all its random draws */
  const int32_t *prompt;
  int n_prompt;
  const int32_t *answer;
  int n_answer;
  int answer_room; /* rows an answer may take after its prompt, eos included; 0: unknown */
  pal_transition transition; /* n > 0: a state with labels, instead of prompt and answer */
} pal_example;

typedef enum pal_form {
  PAL_FORM_ANSWER,    /* prompt and answer */
  PAL_FORM_REASONED,  /* prompt, then steps of reasoning, then the answer, as one answer */
  PAL_FORM_TRANSITION /* states with labels */
} pal_form;

/* An endless, restartable source of training examples. */
typedef struct pal_stream {
  void *self;
  pal_status (*next)(void *self, pal_example *example, pal_error *error);
  size_t (*save)(const void *self, void *state, size_t room); /* bytes needed; fills if they fit */
  pal_status (*load)(void *self, const void *state, size_t bytes, pal_error *error);
  void (*free)(void *self);
} pal_stream;

/* ---- packed rows -------------------------------------------------------------------- */

/* A definition may have so many loss parts, columns and states of each kind; more are refused when it
 * is defined. */
enum { PAL_MAX_PARTS = 32, PAL_MAX_COLUMNS = 32, PAL_MAX_STATES = 16 };

/* One column that a definition declares: a value of 4 bytes (PAL_I32 or PAL_F32) for every row or for
 * every sequence. Of training batches, see pal_batch; of decoding, see pal_decoding. */
typedef struct pal_column {
  const char *name; /* of the graph's input: lower-case letters, digits and underscores */
  pal_dtype dtype;
  bool per_sequence; /* else a value for every row */
  int32_t fill;      /* what new rows and sequences hold until they are given something else */
} pal_column;

/* The first two columns of every definition whose rows have tokens as targets: the target of a row
 * (-1: none) and its weight in the loss. The functions for masked rows need them. */
enum { PAL_COLUMN_TARGET, PAL_COLUMN_WEIGHT, PAL_OWN_COLUMNS };
#define PAL_TARGET_COLUMNS \
  {"target", PAL_I32, false, -1}, { "weight", PAL_F32, false, 0 }

/* Host arrays of one shard, which are the input buffers of a plan; see pal_batch_values for
 * shapes. Every batch has the arrays named here; column[k] is the array of the definition's column k.
 * count[k] is what part k of the loss is divided by, summed over the whole step: `rows` adds to it. */
typedef struct pal_batch {
  int64_t rows, sequences, row_room, sequence_room;
  int32_t *token, *position, *sequence, *sample; /* [T] */
  int32_t *begin, *length;                       /* [S] */
  const pal_column *declared;                    /* [columns] */
  int columns;
  void *column[PAL_MAX_COLUMNS]; /* [T] or [S], int32_t or float as declared */
  double count[PAL_MAX_PARTS];
} pal_batch;

/* Adds a sequence of n rows with tokens `token` (NULL: zeros, for the caller to fill in), positions
 * 0 .. n-1 and every declared column at its fill; returns its first row, or -1 with PAL_E_CAPACITY
 * when it does not fit. An example added in part before that leaves the batch unusable until it is
 * cleared. The sequence is number batch->sequences - 1. */
PAL_API int64_t pal_batch_add(pal_batch *batch, const int32_t *token, int n, uint64_t sample,
                              pal_error *error);
/* Empties it. */
PAL_API void pal_batch_clear(pal_batch *batch);
/* The array of declared column `column` as what it is. */
static inline int32_t *pal_batch_i32(const pal_batch *batch, int column) {
  return (int32_t *)batch->column[column];
}
static inline float *pal_batch_f32(const pal_batch *batch, int column) {
  return (float *)batch->column[column];
}

/* The same as graph inputs, named as here and as declared. */
typedef struct pal_batch_values {
  pal_symbol T, S;
  pal_value token, position, sequence, sample; /* i32 [T] */
  pal_value begin, length;                     /* i32 [S] */
  pal_value column[PAL_MAX_COLUMNS];           /* [T] or [S], as declared */
  pal_value time;                              /* the declared column "time" f32 [S], or nil */
  pal_value seed;                              /* i32 [3]: seed low, high, step */
  pal_value scale; /* f32 [n_parts]: weight_k / count_k of each part of the loss */
  bool training;   /* dropout is on */
  bool recompute;  /* the network's blocks are computed again for their gradients, see gradient.h */
} pal_batch_values;
struct pal_model_definition;
/* Inputs for batches of that definition. Symbols are named "T" and "S". */
PAL_API pal_batch_values pal_batch_inputs(pal_graph *graph,
                                          const struct pal_model_definition *definition,
                                          int64_t rows, int64_t sequences, bool training);
/* The arrays of a new instance of a plan that has these inputs, empty; its counts are still the
 * room there is. Set the counts "T" and "S" to batch.rows and batch.sequences before a run. */
PAL_API pal_batch pal_batch_of(pal_exec *exec, const struct pal_model_definition *definition);

/* ---- settings ----------------------------------------------------------------------------- */

typedef struct pal_model pal_model;

/* A model of `definition` (a name of kind "model") for sequences of `format`, its parameters in
 * `store`: every parameter there is taken for one of the model. Those of the backbone are under
 * "model.". `setting` are "key=value" texts that override defaults; an unknown key or
 * an unreadable value is PAL_E_ARGUMENT with the keys there are. NULL on failure. */
PAL_API pal_model *pal_model_new(pal_context *context, pal_store *store, const char *definition,
                                 const pal_format *format, const char *const *setting, int n,
                                 pal_error *error);
PAL_API void pal_model_free(pal_model *model);
PAL_API pal_context *pal_model_context(const pal_model *model);
PAL_API pal_store *pal_model_store(const pal_model *model);
PAL_API const pal_format *pal_model_format(const pal_model *model);
PAL_API const struct pal_model_definition *pal_model_definition_of(const pal_model *model);
/* Numbers in all parameters of the store, frozen ones too; known once a loss or a step has been built. */
PAL_API int64_t pal_model_parameters(const pal_model *model);
/* The struct of the definition's own settings, see pal_model_definition; NULL if it has none. */
PAL_API const void *pal_model_own(const pal_model *model);
/* The present value of any of its settings, of its own or of the network, as text; NULL where there is no
 * such setting. For reports; a definition reads its struct. */
PAL_API const char *pal_model_text(const pal_model *model, const char *name);
/* Calls visit for every setting of the model with its present value. */
PAL_API void pal_model_settings(const pal_model *model,
                                void (*visit)(const pal_setting *setting, void *data), void *data);

/* ---- decoding -------------------------------------------------------------------------------- */

/* One decoding step, as values. Inputs of the step plan are loops: what the step leaves in `next_*`
 * is its own next input. The decoder (decode.c) makes the inputs, calls `step`, then writes the
 * rows of finished sequences to the results and drops them. */
typedef struct pal_decoding {
  pal_symbol T, S;
  pal_value token, position, sequence; /* i32 [T] */
  pal_value begin, length;             /* i32 [S] */
  pal_value slot;                      /* i32 [S]: the sequence's place in the results */
  pal_value prompt_length;             /* i32 [S]: rows that were given, masks apart */
  pal_value age;                       /* i32 [S]: steps this sequence has taken before */
  pal_random random;                   /* seed, sample [T] and position [T] of this step */
  pal_value state[PAL_MAX_STATES];     /* those declared: [T] or [S] */
  /* Set by the definition: */
  pal_value next_token;                 /* i32 [T'] */
  pal_value next_begin, next_length;    /* i32 [S]; nil: unchanged (then T' is T) */
  pal_value done;                       /* i32 [S]: 1 where this sequence halts by itself */
  pal_value next_state[PAL_MAX_STATES]; /* [T'] or [S]; nil: unchanged (of rows, if T' is T) */
} pal_decoding;

/* What the mean loss of a definition's evaluation rows says of -log p(answer | prompt). */
typedef enum pal_likelihood_kind {
  PAL_LIKELIHOOD_NONE,  /* nothing: the loss is comparable with no other model's */
  PAL_LIKELIHOOD_BOUND, /* on average over draws it is at least as large */
  PAL_LIKELIHOOD_EXACT  /* it is that value, or an unbiased estimate where rows are drawn */
} pal_likelihood_kind;

/* What `start` reads and fills in: a prompt becomes the rows before the first step. */
typedef struct pal_start {
  const pal_example *example; /* its prompt and id */
  int answer_room; /* rows that an answer may take after its prompt, eos included; 0: unknown */
  pal_rng *rng;    /* keyed by the example's id and the decoder's seed */
  int room;        /* rows there are for the following */
  int32_t *token;  /* [room] */
  void *state[PAL_MAX_STATES]; /* those declared: [room], or one value; at their fill before */
} pal_start;

/* How the decoder runs a model's steps; from the definition's own settings. */
typedef struct pal_decode_settings {
  int64_t window; /* rows of a sequence that a step reads; the rest waits behind. 0: everything */
  double temperature; /* of cached steps; 0: the most likely token */
  int64_t top_k;      /* of cached steps; 0: all */
  double top_p;       /* of cached steps; 1: all */
  int64_t steps;      /* that the sampler takes: a cap below it leaves masks. 0: no such number */
  bool infill; /* cached steps go through the masks of a prompt, each filled from what stands before
                  it: a pass for every token from the first mask to the last. Else such a prompt is
                  PAL_E_UNSUPPORTED */
} pal_decode_settings;

typedef struct pal_model_definition {
  uint32_t abi_size; /* sizeof(pal_model_definition) */
  const char *name, *doc;
  pal_form form; /* of the examples it trains on */
  /* Its own settings (setting.h), which go into a struct of settings_size bytes: pal_model_own. Their
   * names differ from those of the network (layers.h). */
  const pal_setting *setting;
  int n_settings;
  size_t settings_size;
  /* Defaults of the network's settings that differ from those of layers.h, as "key=value". */
  const char *const *network_default;
  int n_network_defaults;
  const pal_column *column; /* of training batches, besides those that every batch has */
  int n_columns;
  const char *const *part; /* names of the loss's parts, at least one */
  int n_parts;
  const pal_column *state; /* that decoding carries from step to step, besides the tokens */
  int n_states;
  /* Appends the example to the batch: corruption, labels, weights, counts. All randomness comes
   * from `rng` (keyed by the example's id and the step). `evaluate`: rows whose summed loss is, on
   * average over draws, what `likelihood` says of -log p(answer | prompt), in nats. */
  pal_status (*rows)(const pal_model *model, const pal_example *example, pal_rng *rng,
                     bool evaluate, pal_batch *batch, pal_error *error);
  /* Builds part[k] = the weighted SUM over rows of part k of the loss, scalars f32, k < n_parts. */
  void (*loss)(const pal_model *model, pal_graph *graph, const pal_batch_values *in,
               pal_value *part);
  /* Host-side state before the first step: from prompt to rows. Returns how many there are, or a
   * negative number to refuse, and writes them if that is at most `room`. NULL: the prompt. */
  int (*start)(const pal_model *model, pal_start *start);
  /* Builds one step: reads and sets *d. NULL: the definition decodes with caches. */
  void (*step)(const pal_model *model, pal_graph *graph, pal_decoding *d);
  /* Causal models: pal_backbone under causal attention, then pal_output_logits, the mask excluded;
   * the decoder feeds new rows only and keeps keys and values in caches. Such a definition has no
   * states of its own. */
  bool cached;
  /* Sets what differs from: no window, temperature 0, top_k 0, top_p 1, no fixed number of steps. NULL:
   * nothing does. */
  void (*decode_settings)(const pal_model *model, pal_decode_settings *settings);
  /* Refuses settings that make no sense together (PAL_E_ARGUMENT); NULL: the table says all. */
  pal_status (*check)(const pal_model *model, pal_error *error);
  pal_likelihood_kind likelihood; /* what a report may say of its evaluation loss */
} pal_model_definition;

/* Defines a model under its name. Refuses, naming it: a definition built against other headers
 * (PAL_E_ABI), a member that is required and missing, unsound tables of settings, columns, parts or
 * states, a setting named as one of the network's. */
PAL_API pal_status pal_define_model(pal_context *context, const pal_model_definition *definition,
                                    pal_error *error);
/* Defines arm, masked-arm, mdm and ap-mdm. */
PAL_API pal_status pal_register_models(pal_context *context, pal_error *error);

typedef struct pal_decoder pal_decoder;
typedef struct pal_decoded {
  /* The final sequence, prompt included, valid during the call of `take`. Where the format has an
   * eos and the model writes answers, it ends before the first eos of the answer. */
  const int32_t *token;
  int n;
  int forward_passes; /* steps this sequence took */
  bool halted;        /* by itself; else by the cap */
  /* In `watch`: the declared states, [n] or one value each; NULL in `take`. */
  const void *state[PAL_MAX_STATES];
} pal_decoded;
typedef struct pal_decode_options {
  int sequences;   /* decoded together at most; fewer where they would take much memory */
  int max_length;  /* rows of one sequence; 0: the format's context. One that grows beyond is
                       stopped, as by the cap on steps */
  int max_steps;   /* cap on forward passes of one sequence */
  int answer_room; /* for prompts that do not say their own */
  uint64_t seed;
  /* Tracing, NULL for none: called with every sequence's state before each of its steps; the state
   * has been through forward_passes steps, and is valid during the call. What the last step leaves
   * goes to `take` alone. The rows of all sequences are read after every step then. */
  void (*watch)(int index, const pal_decoded *state, void *data);
  void *watch_data;
} pal_decode_options;
/* Decodes by the definition's steps, in a window of the setting "window" rows where the model has
 * that, or with caches. A sequence's result depends on its own example, the seed and the weights,
 * never on what is decoded beside it. Decoders of one store share its scratch variables: one
 * pal_decode at a time. NULL on failure. */
PAL_API pal_decoder *pal_decoder_new(pal_model *model, const pal_decode_options *options,
                                     pal_error *error);
PAL_API void pal_decoder_free(pal_decoder *decoder);
/* The plan of one step, for reports. It is compiled anew, and the pointer void, when pal_decode needs
 * more room. */
PAL_API const pal_plan *pal_decoder_plan(const pal_decoder *decoder);
/* Decodes n prompts (any n: in groups of options->sequences, finished ones leaving) and calls take
 * once for each, in order of prompts. One pal_exec_run per step; token rows are read at the end. */
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
