/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: one typed table per owner (a model, the network, a task, the trainer).
 *
 * A row of the table gives the name, default, meaning, kind and range of a setting, and the member
 * of the owner's struct that receives its value. Texts "key=value" are checked against the table
 * once; after that the owner reads its struct. A table is written with the macros below:
 *
 *   typedef struct my_settings { int64_t steps; double sigma; } my_settings;
 *   static const pal_setting settings[] = {
 *       PAL_SET_WHOLE(my_settings, groups, "4", 1, 64, "parts of the state that are attended to"),
 *       PAL_SET_REAL(my_settings, sigma, "0.1", 0, 1, "chance of a remask", PAL_KEPT_BY_NONE),
 *   };
 *
 * The doc may be followed by a pal_setting_kept, which says what fixes the value after training.
 * */
#ifndef PAL_SETTING_H
#define PAL_SETTING_H

#include <palimpsest/status.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The value of a list: numbers within the setting's range, separated by commas in the text. */
typedef struct pal_numbers {
  int n;            /* 0 for an empty text */
  const double *at; /* [n]; valid as long as the owner */
} pal_numbers;

/* What a setting's text must be, and the C type of the struct member that receives its value. */
typedef enum pal_setting_kind {
  PAL_SETTING_TEXT = 1, /* const char *: any text; valid as long as the owner */
  PAL_SETTING_CHOICE,   /* int: the index, from 0, of the word in `choices` */
  PAL_SETTING_FLAG,     /* bool: "0" or "1" */
  PAL_SETTING_WHOLE,    /* int64_t: a whole number within low .. high */
  PAL_SETTING_REAL,     /* double: a finite number within low .. high */
  PAL_SETTING_SEED,     /* uint64_t: a whole number from 0 of at most 19 digits */
  PAL_SETTING_LIST,     /* pal_numbers: each within low .. high */
  PAL_SETTING_FILE      /* const char *: as TEXT; the path of a file that is read, or empty. Other
                           texts are allowed too. Programs make paths absolute and record a hash */
} pal_setting_kind;

/* What fixes a setting's value once training has begun. */
typedef enum pal_setting_kept {
  PAL_KEPT_USUALLY = 0, /* default: BY_WEIGHTS for a model, BY_RUN for a task or the trainer */
  PAL_KEPT_BY_WEIGHTS,  /* the weights: they are meaningless with another value */
  PAL_KEPT_BY_RUN,      /* the run: resuming keeps it, but trained weights work with other values */
  PAL_KEPT_BY_NONE      /* nothing: e.g. how to evaluate or sample, or how long to train */
} pal_setting_kept;

typedef struct pal_setting {
  const char *name;
  /* The default as text. In what pal_..._settings passes to `visit`: the current value. */
  const char *value;
  const char *doc; /* one line: meaning and unit */
  pal_setting_kind kind;
  size_t offset, size; /* of the member in the owner's struct, in bytes */
  double low, high;    /* WHOLE, REAL, LIST: least and greatest value */
  const char *choices; /* CHOICE: the words, separated by spaces */
  pal_setting_kept kept;
} pal_setting;

#define PAL_SETTING_MEMBER(type, member) offsetof(type, member), sizeof(((type *)0)->member)
/* Split the last arguments of a row into its doc and the optional pal_setting_kept after it. */
#define PAL_SETTING_DOC(doc, ...) doc
#define PAL_SETTING_KEPT(doc, kept, ...) kept
#define PAL_SETTING_ROW(kind, type, member, value, low, high, choices, ...)                       \
  {                                                                                               \
#member, value, PAL_SETTING_DOC(__VA_ARGS__, 0), kind, PAL_SETTING_MEMBER(type, member), low, \
        high, choices, PAL_SETTING_KEPT(__VA_ARGS__, PAL_KEPT_USUALLY, 0)                         \
  }

#define PAL_SET_TEXT(type, member, value, ...) \
  PAL_SETTING_ROW(PAL_SETTING_TEXT, type, member, value, 0, 0, NULL, __VA_ARGS__)
#define PAL_SET_FILE(type, member, value, ...) \
  PAL_SETTING_ROW(PAL_SETTING_FILE, type, member, value, 0, 0, NULL, __VA_ARGS__)
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

/* Element `which`, from 0, of a list. Past its end that is the last element, so one number serves
 * for all; `otherwise` if the list is empty. */
static inline double pal_number_at(pal_numbers list, int which, double otherwise) {
  return list.n == 0 ? otherwise : list.at[which < list.n ? which : list.n - 1];
}

#ifdef __cplusplus
}
#endif
#endif
