#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks that the shared library exports exactly what include/palimpsest/*.h declares with PAL_API,
# and that it calls no function that aborts, exits or prints. Run by `make check` in the build
# folder.
srcdir=${srcdir:-.}
library=${PAL_LIBRARY:-.libs/libpalimpsest.so}
: "${NM:=nm}"
LC_ALL=C; export LC_ALL

# Exported although no public header declares them: hooks for tests that use the shared library.
#   pal_alloc_fail_after  src/alloc.h, makes the n-th allocation fail
hooks="pal_alloc_fail_after"

test -f "$library" || { echo "no $library: configured without shared libraries"; exit 77; }
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT

# Names declared with PAL_API in the given headers: the last word before the first parenthesis (or
# the semicolon) of each declaration, comments and preprocessor lines aside.
declared() {
  cat "$@" </dev/null | awk '
    { if (skip || /^[ \t]*#/) { skip = /\\$/; next } text = text $0 "\n" }
    END {
      while ((at = index(text, "/*")) > 0) {
        rest = substr(text, at + 2)
        text = substr(text, 1, at - 1) " " substr(rest, index(rest, "*/") + 2)
      }
      n = split(text, part, "PAL_API")
      for (i = 2; i <= n; i++) {
        sub(/[(;\[=].*/, "", part[i])
        sub(/[ \t\n]+$/, "", part[i]); sub(/.*[ \t\n*]/, "", part[i])
        print part[i]
      }
    }' | sort
}

failed=0
report() { # title, file of names
  test -s "$2" || return 0
  echo "$1:"; sed 's/^/    /' "$2"; failed=1
}

declared "$srcdir"/include/palimpsest/*.h >"$work/public"
for name in $hooks; do echo "$name"; done | sort >"$work/hooks"
sort "$work/public" "$work/hooks" >"$work/wanted"
declared $(find "$srcdir"/src "$srcdir"/graph "$srcdir"/ops "$srcdir"/autograd "$srcdir"/models \
  "$srcdir"/train "$srcdir"/tasks "$srcdir"/pram -name '*.h') >"$work/internal"

# Symbols that the linker defines, and those of sanitizers, are left out.
"$NM" -D --defined-only "$library" | awk '{ print $NF }' | sed 's/@.*//' |
  grep -vx -e _init -e _fini -e _edata -e _end -e __bss_start -e '__odr_asan.*' -e '__[atu].san_.*' \
    -e '__start_asan.*' -e '__stop_asan.*' -e '___asan.*' | sort -u >"$work/exported"

uniq -d "$work/wanted" >"$work/list"
report "declared twice" "$work/list"
comm -23 "$work/wanted" "$work/exported" >"$work/list"
report "declared but not exported" "$work/list"
comm -13 "$work/wanted" "$work/exported" >"$work/list"
report "exported but not declared" "$work/list"
comm -3 "$work/internal" "$work/hooks" >"$work/list"
report "internal PAL_API declarations are not the hooks listed in this script" "$work/list"

# The external names of the static archive must not clash with names of the user's program.
archive=${library%.so}.a
if test -f "$archive"; then
  "$NM" -g --defined-only "$archive" 2>/dev/null | awk 'NF == 3 { print $3 }' |
    grep -v -e '^pal_' -e '^__' -e '^\.' | sort -u >"$work/list"
  report "external names of the static library that do not begin with pal_" "$work/list"
fi

if test -z "$PAL_SANITIZER_CFLAGS"; then
  "$NM" -D --undefined-only "$library" | awk '{ print $NF }' | sed 's/@.*//' |
    grep -x -e abort -e exit -e _exit -e _Exit -e quick_exit -e raise -e __assert_fail -e stdout \
      -e stderr -e printf -e vprintf -e puts -e putchar -e perror -e __printf_chk -e __vprintf_chk |
    sort >"$work/list"
  report "the library aborts, exits or prints through" "$work/list"
fi

echo "$(wc -l <"$work/exported") symbols exported, $(wc -l <"$work/wanted") expected"
exit $failed
