/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: where examples come from and how answers are judged (kind "task" in the registry).
 *
 * A task knows no model and no trainer. */
#ifndef PAL_TASK_H
#define PAL_TASK_H

#include <palimpsest/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pal_task pal_task;

/* How a decoded sequence is judged. */
typedef struct pal_score {
  bool exact; /* the one right answer */
  bool valid; /* an answer by its form and by the task's rules, right or not */
  bool kept;  /* what the prompt gives still stands */
} pal_score;

/* A decoded sequence, and how it was judged. */
typedef struct pal_judged {
  const pal_example *instance;
  pal_form form;
  const pal_decoded *decoded;
  pal_score score;
} pal_judged;

/* What a column of reports is. */
typedef enum pal_report_kind {
  PAL_REPORT_SHARE = 1, /* the share of a set's instances of which `value` is not 0, in per cent */
  PAL_REPORT_MEAN,      /* the mean of `value` over a set's instances */
  PAL_REPORT_COUNT,     /* a number that `total` knows of the training data; 0 is not reported */
  PAL_REPORT_FLAG       /* yes or no: whether `total` is not 0 */
} pal_report_kind;

/* A column of the reports on a task. What every task has is there without a declaration: exact, what
 * ended decoding, forward passes, parameters, steps and rows of training. */
typedef struct pal_report_column {
  const char
      *name; /* its heading, and its key in JSON: of a-z, 0-9 and _, and none of those above */
  const char *doc; /* what it means, in a line */
  pal_report_kind kind;
  double (*value)(const pal_task *task, const pal_judged *judged); /* SHARE, MEAN: of an instance */
  int64_t (*total)(const pal_task *task);                          /* COUNT, FLAG */
} pal_report_column;
enum { PAL_MAX_REPORT_COLUMNS = 12 };

/* A state as a grid of single characters, for people: rows x columns cells, thicker lines after every
 * `block` rows and columns (0: none). Cells are of sorts that the task names; sort 0 is what a model
 * still has to write. */
enum { PAL_PICTURE_CELLS = 256, PAL_PICTURE_SORTS = 6 };
typedef struct pal_picture {
  int rows, columns, block, sorts;
  const char *sort_name[PAL_PICTURE_SORTS];
  char glyph[PAL_PICTURE_CELLS]; /* printable ASCII, in reading order */
  uint8_t sort[PAL_PICTURE_CELLS];
} pal_picture;

typedef struct pal_task_definition {
  uint32_t abi_size; /* sizeof(pal_task_definition) */
  const char *name, *doc;
  const pal_setting *setting; /* e.g. data file, lengths */
  int n_settings;
  size_t settings_size; /* of the struct that they go into: pal_task_own */
  /* Called once, with the settings read: pal_task_set_self, pal_task_set_format. */
  pal_status (*open)(pal_task *task, pal_error *error);
  void (*close)(pal_task *task); /* if open has set a self, however it ended */
  /* Training examples of the wanted form; PAL_E_UNSUPPORTED when there are none of that form. */
  pal_status (*stream)(pal_task *task, pal_form form, uint64_t seed, pal_stream *stream,
                       pal_error *error);
  /* Names of the sets to evaluate on, in order; NULL past the end. */
  const char *(*set_name)(const pal_task *task, int set);
  /* Number of instances in a set. */
  int (*set_size)(const pal_task *task, int set);
  /* Instance i of a set, the same at every call: prompt, and the answer for likelihoods. */
  pal_status (*instance)(pal_task *task, int set, int i, pal_form form, pal_example *example,
                         pal_error *error);
  /* Longest answer in tokens of a prompt (0: unknown), and a cap on forward passes for it, both chosen on
   * training data. */
  int (*answer_room)(const pal_task *task, const pal_example *instance, pal_form form);
  int (*step_cap)(const pal_task *task, const pal_example *instance, pal_form form);
  pal_score (*score)(const pal_task *task, const pal_example *instance, pal_form form,
                     const int32_t *token, int n);
  /* One instance from a line of the task's own text form; an empty prompt (n_prompt 0) for a line that
   * holds none, as a header. NULL: there is no such form. */
  pal_status (*read)(pal_task *task, const char *line, pal_form form, uint64_t id,
                     pal_example *example, pal_error *error);
  /* The instance as a line that read takes back, without its end; at most size - 1 characters are
   * written, the length of the whole line is returned. NULL as read. */
  size_t (*write)(const pal_task *task, const pal_example *instance, pal_form form, char *text,
                  size_t size);
  /* The line a file of such lines begins with, which read takes for none; NULL, or returning NULL: it
   * begins with the first instance. */
  const char *(*heading)(const pal_task *task);
  /* Tokens as text for people; at most size - 1 characters are written, the length of the whole text is
   * returned, as by write. */
  size_t (*print)(const pal_task *task, const int32_t *token, int n, char *text, size_t size);
  /* How many instances the training examples are made of; NULL: not a fixed number. */
  int64_t (*train_size)(const pal_task *task);
  /* Training instance i of those; NULL as train_size. */
  pal_status (*train_instance)(pal_task *task, int64_t i, pal_form form, pal_example *example,
                               pal_error *error);
  /* What kind of instance it is, for reports that count kinds: a few words or phrases with commas, e.g.
   * "24 givens,guesses needed"; size and what is returned as in print. NULL: all are alike. */
  size_t (*traits)(const pal_task *task, const pal_example *instance, pal_form form, char *text,
                   size_t size);
  /* What a sequence on its way from the instance's prompt looks like. NULL: as its text. */
  void (*picture)(const pal_task *task, const pal_example *instance, pal_form form,
                  const int32_t *token, int n, pal_picture *picture);
  /* What a report must say beside the figures of this model, a line each: what the network is told,
   * where labels come from, what helps the decoder; at most size - 1 characters. NULL: nothing. */
  void (*notes)(const pal_task *task, const pal_model *model, pal_form form, char *text,
                size_t size);
  const pal_report_column *report; /* columns of its reports, in their order */
  int n_report;
  bool likelihood; /* evaluated by loss on held-out data, not by decoding */
} pal_task_definition;

/* Defines a task under its name; a member that is required and missing, or an unsound table of
 * settings, is refused by name. */
PAL_API pal_status pal_define_task(pal_context *context, const pal_task_definition *definition,
                                   pal_error *error);

/* A task of that name with settings "key=value"; unknown keys are PAL_E_ARGUMENT. NULL on failure. */
PAL_API pal_task *pal_task_new(pal_context *context, const char *name, const char *const *setting,
                               int n, pal_error *error);
PAL_API void pal_task_free(pal_task *task);
PAL_API const pal_task_definition *pal_task_definition_of(const pal_task *task);
PAL_API const pal_format *pal_task_format(const pal_task *task);
/* What a task answers, for programs: the members of the definition are called by these, and an answer that
 * makes no sense is refused (PAL_E_ARGUMENT) by the names of task and member before anybody relies on it:
 * a size, a room or a cap out of range, an example that is unsound (model.h). */
enum { PAL_MOST_SETS = 4096, PAL_MOST_INSTANCES = 1 << 28, PAL_MOST_STEPS = 1 << 28 };
/* How many sets set_name names, 0 to PAL_MOST_SETS. */
PAL_API pal_status pal_task_sets(const pal_task *task, int *n, pal_error *error);
/* 1 to PAL_MOST_INSTANCES. */
PAL_API pal_status pal_task_set_size(const pal_task *task, int set, int *n, pal_error *error);
PAL_API pal_status pal_task_instance(pal_task *task, int set, int i, pal_form form,
                                     pal_example *example, pal_error *error);
/* 0 (unknown) to PAL_MOST_EXAMPLE_ROWS. */
PAL_API pal_status pal_task_answer_room(const pal_task *task, const pal_example *instance,
                                        pal_form form, int *room, pal_error *error);
/* 1 to PAL_MOST_STEPS. */
PAL_API pal_status pal_task_step_cap(const pal_task *task, const pal_example *instance,
                                     pal_form form, int *cap, pal_error *error);
/* A stream whose examples are checked one by one; it is freed before the task. */
PAL_API pal_status pal_task_stream(pal_task *task, pal_form form, uint64_t seed, pal_stream *stream,
                                   pal_error *error);
/* Of tasks that have these members. */
PAL_API pal_status pal_task_read(pal_task *task, const char *line, pal_form form, uint64_t id,
                                 pal_example *example, pal_error *error);
PAL_API pal_status pal_task_train_size(const pal_task *task, int64_t *n, pal_error *error);
PAL_API pal_status pal_task_train_instance(pal_task *task, int64_t i, pal_form form,
                                           pal_example *example, pal_error *error);
PAL_API pal_status pal_task_picture(const pal_task *task, const pal_example *instance,
                                    pal_form form, const int32_t *token, int n,
                                    pal_picture *picture, pal_error *error);

/* For columns of reports: members of the score, as 0 or 1. */
PAL_API double pal_report_valid(const pal_task *task, const pal_judged *judged);
PAL_API double pal_report_kept(const pal_task *task, const pal_judged *judged);
/* Calls visit for every setting with its present value. */
PAL_API void pal_task_settings(const pal_task *task,
                               void (*visit)(const pal_setting *setting, void *data), void *data);

/* For definitions: the struct of the settings, what `open` has set, threads that it may use. */
PAL_API const void *pal_task_own(const pal_task *task);
PAL_API void *pal_task_self(const pal_task *task);
PAL_API int pal_task_threads(const pal_task *task);
PAL_API void pal_task_set_self(pal_task *task, void *self);
PAL_API void pal_task_set_format(pal_task *task, const pal_format *format);
/* Changes a setting, "key=value", from within `open`: what the run keeps and another run repeats. */
PAL_API pal_status pal_task_set(pal_task *task, const char *setting, pal_error *error);

/* Defines parity and text. */
PAL_API pal_status pal_register_tasks(pal_context *context, pal_error *error);

#ifdef __cplusplus
}
#endif
#endif
