/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: where examples come from and how answers are judged (kind "task" in the registry).
 *
 * A task does not depend on a particular model or on the trainer. `form` says which kind of
 * examples a model trains on (model.h). */
#ifndef PAL_TASK_H
#define PAL_TASK_H

#include <palimpsest/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pal_task pal_task;

/* How a decoded sequence is judged. */
typedef struct pal_score {
  bool exact; /* it is the correct answer */
  bool valid; /* it has the form of an answer and follows the task's rules, correct or not */
  bool kept;  /* the tokens that the prompt gives are unchanged */
} pal_score;

/* A decoded sequence and its score. */
typedef struct pal_judged {
  const pal_example *instance;
  pal_form form;
  const pal_decoded *decoded;
  pal_score score;
} pal_judged;

/* How a column of reports is computed and printed. */
typedef enum pal_report_kind {
  PAL_REPORT_SHARE = 1, /* per cent of a set's instances whose `value` is not 0 */
  PAL_REPORT_MEAN,      /* mean of `value` over a set's instances */
  PAL_REPORT_COUNT,     /* `total`, a number about the training data; not printed if 0 */
  PAL_REPORT_FLAG       /* yes or no: whether `total` is not 0 */
} pal_report_kind;

/* A column of reports that a task adds. Reports on every task have these columns without a
 * declaration: exact, what ended decoding, forward passes, parameters, steps and training rows. */
typedef struct pal_report_column {
  /* Heading, and key in JSON: of a-z, 0-9 and _; the keys of the common columns are refused. */
  const char *name;
  const char *doc; /* meaning, in one line */
  pal_report_kind kind;
  double (*value)(const pal_task *task, const pal_judged *judged); /* SHARE, MEAN: of an instance */
  int64_t (*total)(const pal_task *task);                          /* COUNT, FLAG */
} pal_report_column;
enum { PAL_MAX_REPORT_COLUMNS = 12 };

/* A picture of a state for people: a grid of rows x columns cells, with thicker lines after every
 * `block` rows and columns (0: none). A cell has `wide` characters (0: one) and is of a sort, which
 * decides how it is shown; the task names the sorts. Sort 0 is for cells that a model still has to
 * write. */
enum { PAL_PICTURE_CELLS = 1024, PAL_PICTURE_SORTS = 6 };
typedef struct pal_picture {
  int rows, columns, block, sorts, wide;
  const char *sort_name[PAL_PICTURE_SORTS];
  char glyph[PAL_PICTURE_CELLS];   /* [rows][columns][wide]: printable ASCII characters */
  uint8_t sort[PAL_PICTURE_CELLS]; /* [rows][columns]: below `sorts` */
} pal_picture;

/* A picture of a state as a graph: nodes in their places and edges from node to node, each of a
 * sort that the task names. Sort 0 is for what a model still has to write, as in pal_picture. A
 * node stays in its place from state to state. */
enum { PAL_DIAGRAM_NODES = 64, PAL_DIAGRAM_EDGES = 2304, PAL_DIAGRAM_LABEL = 12 };
typedef struct pal_diagram_node {
  char label[PAL_DIAGRAM_LABEL]; /* printable ASCII */
  float x, y;                    /* 0 (left, top) to 1 */
  uint8_t sort;                  /* below node_sorts */
} pal_diagram_node;
typedef struct pal_diagram_edge {
  uint8_t from, to; /* nodes */
  uint8_t sort;     /* below edge_sorts */
} pal_diagram_edge;
typedef struct pal_diagram {
  int nodes, edges, node_sorts, edge_sorts;
  const char *node_sort[PAL_PICTURE_SORTS], *edge_sort[PAL_PICTURE_SORTS];
  pal_diagram_node node[PAL_DIAGRAM_NODES];
  pal_diagram_edge edge[PAL_DIAGRAM_EDGES];
} pal_diagram;

typedef struct pal_task_definition {
  uint32_t abi_size; /* sizeof(pal_task_definition) */
  const char *name, *doc;
  const pal_setting *setting; /* e.g. data file, lengths */
  int n_settings;
  size_t settings_size; /* of the struct that receives their values, see pal_task_own */
  /* Called once, after the settings were read. Calls pal_task_set_self and pal_task_set_format. */
  pal_status (*open)(pal_task *task, pal_error *error);
  /* Called if `open` has called pal_task_set_self, even if it failed after that. */
  void (*close)(pal_task *task);
  /* Opens a stream of training examples of that form; PAL_E_UNSUPPORTED if the task has none. */
  pal_status (*stream)(pal_task *task, pal_form form, uint64_t seed, pal_stream *stream,
                       pal_error *error);
  /* Opens a stream of development examples in the same way: neither training examples nor in a set
   * to evaluate on. Training measures its loss on them and keeps the best weights by it. A task
   * that draws fresh examples from the seed can name its `stream` here too. NULL: it has none. */
  pal_status (*validation)(pal_task *task, pal_form form, uint64_t seed, pal_stream *stream,
                           pal_error *error);
  /* Names of the sets to evaluate on, in order; NULL past the end. */
  const char *(*set_name)(const pal_task *task, int set);
  /* Number of instances in a set. */
  int (*set_size)(const pal_task *task, int set);
  /* Instance i of a set, the same at every call: a prompt, and its answer, by which likelihoods are
   * computed. */
  pal_status (*instance)(pal_task *task, int set, int i, pal_form form, pal_example *example,
                         pal_error *error);
  /* The longest answer to a prompt in tokens (0: unknown), and a cap on the forward passes of its
   * decoding. Both must be chosen on training data, not on the evaluated answers. */
  int (*answer_room)(const pal_task *task, const pal_example *instance, pal_form form);
  int (*step_cap)(const pal_task *task, const pal_example *instance, pal_form form);
  pal_score (*score)(const pal_task *task, const pal_example *instance, pal_form form,
                     const int32_t *token, int n);
  /* Reads an instance from a line of the task's own text format. For a line without an instance,
   * such as a header, it returns PAL_OK and an example with n_prompt 0. So do all but the last
   * line of an instance of several lines; after such lines it is also given empty lines, and two at
   * the end of the file. NULL: there is no such format. */
  pal_status (*read)(pal_task *task, const char *line, pal_form form, uint64_t id,
                     pal_example *example, pal_error *error);
  /* Writes the instance as a line that `read` accepts, without the end of line: at most size - 1
   * characters and a NUL. Returns the length of the whole line, as snprintf does. NULL if and only
   * if `read` is. */
  size_t (*write)(const pal_task *task, const pal_example *instance, pal_form form, char *text,
                  size_t size);
  /* The header line of a file of such lines, for which `read` returns no instance. If the member or
   * its result is NULL, a file has no header. */
  const char *(*heading)(const pal_task *task);
  /* Writes tokens as text for people; size and result as for `write`. */
  size_t (*print)(const pal_task *task, const int32_t *token, int n, char *text, size_t size);
  /* Reads a text of `size` bytes as tokens, the reverse of `print`, so that users can give prompts
   * of their own. Each occurrence of `mark` (NULL: none) becomes the mask token. Writes the first
   * `room` tokens and sets *n to the number of all. PAL_E_FORMAT for a text that is not made of the
   * task's tokens. It must work without the file that a setting `data` names, if the other settings
   * are those of a trained run. NULL: the task has no such texts. */
  pal_status (*scan)(const pal_task *task, const char *text, size_t size, const char *mark,
                     int32_t *token, int room, int *n, pal_error *error);
  /* Number of instances from which training examples are made. NULL: not a fixed number. */
  int64_t (*train_size)(const pal_task *task);
  /* Training instance i of those. NULL if and only if train_size is. */
  pal_status (*train_instance)(pal_task *task, int64_t i, pal_form form, pal_example *example,
                               pal_error *error);
  /* Properties of an instance, by which reports can break results down: phrases separated by
   * commas, e.g. "24 givens,guesses needed". Size and result as for `print`. NULL: there are
   * none. */
  size_t (*traits)(const pal_task *task, const pal_example *instance, pal_form form, char *text,
                   size_t size);
  /* Whether `next` [n_next] is a right result of one edit step from `state` [n], for tasks whose
   * labels are not the only right ones. NULL: the labelled result alone is right. */
  bool (*step_right)(const pal_task *task, const int32_t *state, int n, const int32_t *next,
                     int n_next);
  /* What has become of a decoded sequence, in the same form, for tasks whose instances are alike
   * and whose answers differ, e.g. in their length. NULL: nothing is said. */
  size_t (*outcome)(const pal_task *task, const pal_judged *judged, char *text, size_t size);
  /* Writes one token as text; size and result as for `print`. NULL: `print` does it. */
  size_t (*word)(const pal_task *task, int32_t token, char *text, size_t size);
  /* Draws a sequence that is being decoded from the instance's prompt, as a grid of characters or
   * as a graph. All states of an instance have the same shape and sorts. NULL: it has no such
   * picture, and its text is shown. */
  void (*picture)(const pal_task *task, const pal_example *instance, pal_form form,
                  const int32_t *token, int n, pal_picture *picture);
  void (*diagram)(const pal_task *task, const pal_example *instance, pal_form form,
                  const int32_t *token, int n, pal_diagram *diagram);
  /* Remarks that belong beside this model's results in a report, one per line: what the network is
   * told about the task's rules, where labels come from, which heuristics the decoder uses. Writes
   * at most size - 1 characters and a NUL. NULL: there are none. */
  void (*notes)(const pal_task *task, const pal_model *model, pal_form form, char *text,
                size_t size);
  /* Lines of the data that `open` has read and refused, each with the reason and an end of line; a
   * task shows at most ten and then their number. Size and result as for `print`. NULL: a refused
   * line makes `open` fail. */
  size_t (*refused)(const pal_task *task, char *text, size_t size);
  const pal_report_column *report; /* columns of its reports, in their order */
  int n_report;
  /* An instance is judged by its state after step_cap steps, whether or not the model has ended it
   * there, e.g. after a single step. */
  bool single_step;
  bool likelihood; /* evaluated by loss on held-out data, not by decoding */
} pal_task_definition;

/* Defines a task under its name. A required member that is missing, or an invalid table of settings
 * or report columns, is refused with a message that names it. */
PAL_API pal_status pal_define_task(pal_context *context, const pal_task_definition *definition,
                                   pal_error *error);

/* Opens the task of that name with n settings "key=value"; an unknown key is PAL_E_ARGUMENT. NULL
 * on failure. */
PAL_API pal_task *pal_task_new(pal_context *context, const char *name, const char *const *setting,
                               int n, pal_error *error);
PAL_API void pal_task_free(pal_task *task);
PAL_API const pal_task_definition *pal_task_definition_of(const pal_task *task);
PAL_API const pal_format *pal_task_format(const pal_task *task);
/* Programs call set_name, score, print and the like in the definition itself, and the members below
 * through the following functions, which validate what the members return. An invalid result (a
 * size, answer_room or cap out of range, or an invalid example, see model.h) is PAL_E_ARGUMENT, and
 * the message names the task and the member. */
enum { PAL_MOST_SETS = 4096, PAL_MOST_INSTANCES = 1 << 28, PAL_MOST_STEPS = 1 << 28 };
/* Number of sets to evaluate on, 0 to PAL_MOST_SETS. */
PAL_API pal_status pal_task_sets(const pal_task *task, int *n, pal_error *error);
/* Number of instances of a set, 1 to PAL_MOST_INSTANCES. */
PAL_API pal_status pal_task_set_size(const pal_task *task, int set, int *n, pal_error *error);
PAL_API pal_status pal_task_instance(pal_task *task, int set, int i, pal_form form,
                                     pal_example *example, pal_error *error);
/* In tokens, 0 (unknown) to PAL_MOST_EXAMPLE_ROWS. */
PAL_API pal_status pal_task_answer_room(const pal_task *task, const pal_example *instance,
                                        pal_form form, int *room, pal_error *error);
/* In forward passes, 1 to PAL_MOST_STEPS. */
PAL_API pal_status pal_task_step_cap(const pal_task *task, const pal_example *instance,
                                     pal_form form, int *cap, pal_error *error);
/* A stream that validates each of its examples. It must be freed before the task. */
PAL_API pal_status pal_task_stream(pal_task *task, pal_form form, uint64_t seed, pal_stream *stream,
                                   pal_error *error);
/* Likewise, of development examples; PAL_E_UNSUPPORTED when the task has none. */
PAL_API pal_status pal_task_validation(pal_task *task, pal_form form, uint64_t seed,
                                       pal_stream *stream, pal_error *error);
/* Only for tasks whose definition has the member of that name. */
PAL_API pal_status pal_task_read(pal_task *task, const char *line, pal_form form, uint64_t id,
                                 pal_example *example, pal_error *error);
PAL_API pal_status pal_task_scan(const pal_task *task, const char *text, size_t size,
                                 const char *mark, int32_t *token, int room, int *n,
                                 pal_error *error);
PAL_API pal_status pal_task_train_size(const pal_task *task, int64_t *n, pal_error *error);
PAL_API pal_status pal_task_train_instance(pal_task *task, int64_t i, pal_form form,
                                           pal_example *example, pal_error *error);
PAL_API pal_status pal_task_picture(const pal_task *task, const pal_example *instance,
                                    pal_form form, const int32_t *token, int n,
                                    pal_picture *picture, pal_error *error);
PAL_API pal_status pal_task_diagram(const pal_task *task, const pal_example *instance,
                                    pal_form form, const int32_t *token, int n,
                                    pal_diagram *diagram, pal_error *error);

/* `value` functions for report columns: the member of the score as 0 or 1. */
PAL_API double pal_report_valid(const pal_task *task, const pal_judged *judged);
PAL_API double pal_report_kept(const pal_task *task, const pal_judged *judged);
/* Calls visit for every setting with its current value. */
PAL_API void pal_task_settings(const pal_task *task,
                               void (*visit)(const pal_setting *setting, void *data), void *data);

/* For definitions: the struct with the values of the settings; the pointer that `open` has set with
 * pal_task_set_self; and the number of threads that the task may use. The format is copied; the
 * arrays that it points to are borrowed. */
PAL_API const void *pal_task_own(const pal_task *task);
PAL_API void *pal_task_self(const pal_task *task);
PAL_API int pal_task_threads(const pal_task *task);
PAL_API void pal_task_set_self(pal_task *task, void *self);
PAL_API void pal_task_set_format(pal_task *task, const pal_format *format);
/* Changes a setting, "key=value", from within `open`. The new value is what a run directory records
 * and a resumed run uses; the text task records its alphabet this way. */
PAL_API pal_status pal_task_set(pal_task *task, const char *setting, pal_error *error);

/* Defines dyck, mincut, parity, star, sudoku, text and transitions. */
PAL_API pal_status pal_register_tasks(pal_context *context, pal_error *error);

#ifdef __cplusplus
}
#endif
#endif
