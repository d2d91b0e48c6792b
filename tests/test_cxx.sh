#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The public headers and their macros compile as C++17 too, with warnings as errors.
root="${srcdir:-$(dirname "$0")/..}"
command -v g++ >/dev/null || { echo "there is no g++"; exit 77; }
g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -I"$root/include" -x c++ -fsyntax-only - <<'END'
#include <palimpsest/palimpsest.h>
struct attrs { int64_t axis; };
extern const pal_attr_field fields[];
const pal_attr_field fields[] = {PAL_FIELD(attrs, axis, PAL_ATTR_INT)};
pal_type rows(pal_symbol symbol) { return PAL_TYPE(PAL_F32, symbol, 1, 64); }
pal_type fixed() { return PAL_TYPE(PAL_I32, PAL_STATIC, 3); }
struct own { int64_t steps; double sigma; };
extern const pal_setting settings[];
const pal_setting settings[] = {
    PAL_SET_WHOLE(own, steps, "1", 1, 9, "how many"),
    PAL_SET_REAL(own, sigma, "0.5", 0, 1, "how readily", PAL_KEPT_BY_NONE)};
pal_value nothing() { return PAL_NIL; }
END
