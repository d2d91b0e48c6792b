/* SPDX-License-Identifier: Apache-2.0 */
/* Settings given as "key=value" against tables of settings (floor 4): the one resolver that models,
 * tasks and the trainer share. */
#ifndef PAL_MODELS_SETTINGS_H
#define PAL_MODELS_SETTINGS_H

#include <palimpsest/model.h>

/* value[i] becomes a copy of the text of setting i, counted through all tables in turn: the
 * default, or the last "key=value" given. A key in no table, a text without "=", or a value that
 * is no number where the default is one, is PAL_E_ARGUMENT naming `owner` and the keys there
 * are. On failure nothing is left allocated in `value`. */
pal_status pal_settings_resolve(const char *owner, const pal_setting *const *table, const int *n,
                                int tables, const char *const *given, int n_given,
                                const char **value, pal_error *error);
/* Number `which` of a list such as "0.98,0.5", the last one serving the places after it; -1 unless
 * the list is one of numbers from 0 to `most`, as far as `which`. */
double pal_setting_listed(const char *list, int which, double most);
void pal_settings_free(const char **value, int n);
#endif
