/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of settings and their values (floor 0): what models, tasks and the trainer share. */
#ifndef PAL_SRC_SETTING_H
#define PAL_SRC_SETTING_H

#include <palimpsest/setting.h>

/* One table with the values that an owner was given. */
typedef struct pal_settings {
  const pal_setting *table;
  int n;
  char **text; /* [n] present values as text */
  void *self;  /* the owner's struct */
} pal_settings;

/* Whether a table is sound: names that differ, kinds and member sizes that agree, members apart from each
 * other within a struct of `size` bytes, defaults that pass their own checks. `owner` is named in the error. */
pal_status pal_settings_check(const char *owner, const pal_setting *table, int n, size_t size,
                              pal_error *error);
/* Every setting at its default; the struct has `size` bytes. Close also what failed to open. */
pal_status pal_settings_open(pal_settings *settings, const char *owner, const pal_setting *table,
                             int n, size_t size, pal_error *error);
void pal_settings_close(pal_settings *settings);
/* Sets what "key=value" texts say in the first of the settings that has the key. A key that none
 * has, a text without "=", or a value that its table does not allow, is PAL_E_ARGUMENT. */
pal_status pal_settings_set(pal_settings *const *settings, int n_settings, const char *owner,
                            const char *const *given, int n, pal_error *error);
/* Row of that name, or -1. */
int pal_settings_find(const pal_setting *table, int n, const char *name);
/* Calls visit for every setting, with its present value in place of the default. */
void pal_settings_visit(const pal_settings *settings,
                        void (*visit)(const pal_setting *setting, void *data), void *data);
#endif
