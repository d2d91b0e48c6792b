/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: one typed table per owner (a model, the network, a task, the trainer).
 *
 * A row of the table says the name, default, meaning, kind and range of a setting, and the member of
 * the owner's struct that receives its value. Texts "key=value" are checked against the table once;
 * from then on the owner reads its struct. A table is written with the macros below:
 *
 *   typedef struct my_settings { int64_t steps; double sigma; } my_settings;
 *   static const pal_setting settings[] = {
 *       PAL_SET_WHOLE(my_settings, groups, "4", 1, 64, "parts of the state that are attended to"),
 *       PAL_SET_REAL(my_settings, sigma, "0.1", 0, 1, "chance of a remask", PAL_KEPT_BY_NONE),
 *   };
 *
 * The doc may be followed by who keeps the value (pal_setting_kept).
 */
#ifndef PAL_SETTING_H
#define PAL_SETTING_H

#include <palimpsest/status.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers from 0 to the setting's greatest value, separated by commas in the text. */
typedef struct pal_numbers {
  int n; /* 0 for an empty text */
  const double *at;
} pal_numbers;

/* What a setting's text must be, and the type of the struct member that receives it. */
typedef enum pal_setting_kind {
  PAL_SETTING_TEXT = 1, /* const char *: any text; valid as long as the owner */
  PAL_SETTING_CHOICE,   /* int: the place, from 0, of the text among `choices` */
  PAL_SETTING_FLAG,     /* bool: "0" or "1" */
  PAL_SETTING_WHOLE,    /* int64_t: a whole number within low .. high */
  PAL_SETTING_REAL,     /* double: a finite number within low .. high */
  PAL_SETTING_SEED,     /* uint64_t: a whole number from 0 of at most 19 digits */
  PAL_SETTING_LIST      /* pal_numbers: each within low .. high */
} pal_setting_kind;

/* Who keeps the value that a setting had in training: what must not be given another one later. */
typedef enum pal_setting_kept {
  PAL_KEPT_USUALLY = 0, /* of a model: by its weights; of a task or the trainer: by the run */
  PAL_KEPT_BY_WEIGHTS,  /* trained weights mean something under this value only */
  PAL_KEPT_BY_RUN, /* a run goes on with it when resumed; a trained model may be given others */
  PAL_KEPT_BY_NONE /* it may change at any time: how to evaluate, to sample, how long to train */
} pal_setting_kept;

typedef struct pal_setting {
  const char *name;
  const char *value; /* the default, as text */
  const char *doc;   /* one line: meaning and unit */
  pal_setting_kind kind;
  size_t offset, size; /* of the member of the owner's struct */
  double low, high;    /* WHOLE, REAL, LIST: least and greatest value */
  const char *choices; /* CHOICE: the words, separated by spaces */
  pal_setting_kept kept;
} pal_setting;

#define PAL_SETTING_MEMBER(type, member) offsetof(type, member), sizeof(((type *)0)->member)
/* A row's doc, and who keeps the value where that follows. */
#define PAL_SETTING_DOC(doc, ...) doc
#define PAL_SETTING_KEPT(doc, kept, ...) kept
#define PAL_SETTING_ROW(kind, type, member, value, low, high, choices, ...)                       \
  {                                                                                               \
#member, value, PAL_SETTING_DOC(__VA_ARGS__, 0), kind, PAL_SETTING_MEMBER(type, member), low, \
        high, choices, PAL_SETTING_KEPT(__VA_ARGS__, PAL_KEPT_USUALLY, 0)                         \
  }

#define PAL_SET_TEXT(type, member, value, ...) \
  PAL_SETTING_ROW(PAL_SETTING_TEXT, type, member, value, 0, 0, NULL, __VA_ARGS__)
#define PAL_SET_CHOICE(type, member, value, choices, ...) \
  PAL_SETTING_ROW(PAL_SETTING_CHOICE, type, member, value, 0, 0, choices, __VA_ARGS__)
#define PAL_SET_FLAG(type, member, value, ...) \
  PAL_SETTING_ROW(PAL_SETTING_FLAG, type, member, value, 0, 1, NULL, __VA_ARGS__)
#define PAL_SET_WHOLE(type, member, value, low, high, ...) \
  PAL_SETTING_ROW(PAL_SETTING_WHOLE, type, member, value, low, high, NULL, __VA_ARGS__)
#define PAL_SET_REAL(type, member, value, low, high, ...) \
  PAL_SETTING_ROW(PAL_SETTING_REAL, type, member, value, low, high, NULL, __VA_ARGS__)
#define PAL_SET_SEED(type, member, value, ...) \
  PAL_SETTING_ROW(PAL_SETTING_SEED, type, member, value, 0, 0, NULL, __VA_ARGS__)
#define PAL_SET_LIST(type, member, value, low, high, ...) \
  PAL_SETTING_ROW(PAL_SETTING_LIST, type, member, value, low, high, NULL, __VA_ARGS__)

/* The number of rows of a table. */
#define PAL_SETTINGS(table) ((int)(sizeof(table) / sizeof *(table)))

/* Number `which` of a list, the last one serving the places after it; `otherwise` if it is empty. */
static inline double pal_number_at(pal_numbers list, int which, double otherwise) {
  return list.n == 0 ? otherwise : list.at[which < list.n ? which : list.n - 1];
}

#ifdef __cplusplus
}
#endif
#endif
