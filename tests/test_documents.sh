#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks the code, the commands and the links in the documents: README.md and the like, and
# doc/*.md. The first line of a block says what is done with it:
#
#   ```c file=NAME.c      is compiled with public headers only, and saved as NAME.c for later commands
#   ```c from=PATH        must occur in that source file, line by line
#   ```sh run             is run with sh -e in a folder of the document's own, which contains examples/
#   ```text output        must be what the commands before it print to stdout; "..." as in output.awk
#   ```sh, ```text        are not checked: commands that install, pictures. C code is always checked
#
# Links to files must lead to existing files. Run by `make check`; with DOCUMENTS='doc/tour.md ...'
# in the environment, paths in the source tree, only these are checked.
. "${srcdir:-.}/tests/installed.sh"
for file in man1/palimpsest.1 man1/palimpsest-train.1 completions/palimpsest site-functions/_palimpsest \
  palimpsest/README.md doc/reference.md examples/remasking.c sudoku/quickstart.conf pram/sort.pram \
  ckpt/weights.safetensors recipes/parity.conf; do
  find "$root" -path "*/$file" | grep -q . || { echo "FAIL $file is not installed"; exit 1; }
done
COLUMNS=138 # the documents show lines that are not folded
export COLUMNS
failed=0 ran=0

# What documents call cc and pkg-config; also in the scripts that they run.
mkdir "$work/bin"
printf '#!/bin/sh\nexec %s "$@"\n' "$CC $strict" >"$work/bin/cc"
printf '#!/bin/sh\nexec %s "$@"\n' "$PKG_CONFIG $moved" >"$work/bin/pkg-config"
chmod +x "$work/bin/cc" "$work/bin/pkg-config"
PATH=$work/bin:$PATH

# Cuts a document to $cut/1, $cut/2, ..., and lists "number line info..." of its blocks.
cut_blocks() {
  awk -v cut="$cut" '
    /^ +```/ { print "indented", NR; next }
    /^```/ && !inside { inside = 1; n++; file = cut "/" n; printf "" >file
                        print n, NR, substr($0, 4); next }
    /^```/ { inside = 0; close(file); next }
    inside { print >file }
    END { if (inside) print "unfinished", NR }' "$1"
}

# The blocks of document $1, which links from folder $2; prints what is wrong.
check_document() {
  name=$(basename "$1")
  cut=$work/cut/$name here=$work/run/$name
  mkdir -p "$cut" "$here" && ln -s "$srcdir/examples" "$here/examples" && cd "$here" || exit 99
  cut_blocks "$1" >"$cut/list"
  printed=
  while read -r block line language what; do
    at=$name:$line:
    case "$language $what" in
      "c file="*.c)
        file=${what#file=}
        cp "$cut/$block" "$file"
        $CC $strict $cflags -fsyntax-only "$file" || echo "FAIL $at $file does not compile" ;;
      "c from="*)
        contains "$srcdir/${what#from=}" "$cut/$block" ||
          echo "FAIL $at these lines are not in ${what#from=}" ;;
      "sh run")
        ran=$((ran + 1)) printed=$cut/$block.out
        sh -e "$cut/$block" </dev/null >"$printed" 2>"$cut/err" ||
          { echo "FAIL $at exit code $?"; cat "$cut/$block" "$printed" "$cut/err"; } ;;
      "text output")
        if [ -z "$printed" ]; then echo "FAIL $at no command is run before this output"
        elif ! why=$(awk -f "$srcdir/tests/output.awk" "$cut/$block" "$printed"); then
          echo "FAIL $at another output: $why"; cat "$printed"
        fi ;;
      "sh " | "text ") ;;
      *) echo "FAIL $at no kind of block: $block $language $what" ;;
    esac
  done <"$cut/list"
  sed -n 's/](\([^)]*\))/\n\1\n/gp' "$1" | sed -n '/^[A-Za-z.][^ :]*$/{s/#.*//;p;}' |
    while read -r link; do
      test -z "$link" || test -e "$2/$link" || echo "FAIL $name: the link to $link leads nowhere"
    done
}

# Whether file $1 has the lines of file $2, one after the other.
contains() {
  awk 'FNR == 1 { which++ }
       which == 1 { whole = whole "\n" $0 }
       which == 2 { part = part "\n" $0 }
       END { exit part == "" || !index(whole "\n", part "\n") }' "$1" "$2"
}

if [ -n "$DOCUMENTS" ]; then cd "$srcdir" && set -- $DOCUMENTS; else cd "$srcdir" && set -- *.md doc/*.md; fi
for document; do
  document=$srcdir/$document
  check_document "$document" "$(dirname "$document")" >"$work/found"
  cat "$work/found"
  if grep -q '^FAIL' "$work/found"; then failed=1; else echo "ok $(basename "$document")"; fi
done
test $ran -gt 0 || { echo "FAIL no document has a command that is run"; failed=1; }

# It finds what is wrong: each of these documents has one fault.
wrong() {
  cat >"$work/wrong.md"
  rm -rf "$work/cut/wrong.md" "$work/run/wrong.md"
  check_document "$work/wrong.md" "$srcdir" >"$work/found" 2>&1
  grep -q "^FAIL wrong.md:.*$1" "$work/found" ||
    { echo "FAIL a wrong document passes, or for another reason: $1"; cat "$work/found"; failed=1; }
}
wrong "does not compile" <<'END'
```c file=a.c
#include <palimpsest/palimpsest.h>
int main(void) { return pal_no_such_call(); }
```
END
wrong "does not compile" <<'END'
```c file=a.c
#include "graph/steps.h"
```
END
wrong "not in examples/program.c" <<'END'
```c from=examples/program.c
enum { BITS = 1001 };
```
END
wrong "exit code 2" <<'END'
```sh run
palimpsest info op no-such-op
palimpsest --version
```
END
wrong "another output: not found: ADAMW" <<'END'
```sh run
palimpsest info optimizer
```
```text output
...
ADAMW
...
```
END
wrong "another output: the output goes on" <<'END'
```sh run
printf 'one 1\ntwo\nthree\n'
```
```text output
one ...
two
```
END
wrong "no command is run before" <<'END'
```text output
nothing
```
END
wrong "no kind of block" <<'END'
```c
int main(void);
```
END
wrong "no kind of block: unfinished" <<'END'
```sh
palimpsest
END
wrong "no-such.md leads nowhere" <<'END'
See [that](doc/no-such.md) and [this](README.md).
END
exit $failed
