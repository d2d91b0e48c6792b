#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks that every C file is formatted by .clang-format, that comments fit 100 columns, and that
# every source file names its licence. The format is compared only where clang-format 14 is installed, since other versions
# break lines differently; elsewhere the test is skipped after the licences have been checked.
cd "${srcdir:-$(dirname "$0")/..}" || exit 99
failed=0

sources() {
  find include src graph ops autograd models train tasks pram cli examples bench tests tools share \
    \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.mk' \) | LC_ALL=C sort
}

for file in $(sources); do
  head -n 2 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
    { echo "$file: no SPDX-License-Identifier in its first two lines"; failed=1; }
done

# clang-format does not break lines of comments. Commands in them, which are indented, may be longer.
sources | grep '\.[ch]$' | xargs grep -HnE '^ *(/\*| \*|\* ?[^ ])' | LC_ALL=C awk '
  { line = $0; sub(/^[^:]*:[0-9]*:/, "", line) }
  length(line) > 100 && line !~ /^ *\*   / { print $0 ": a comment of more than 100 columns"; n++ }
  END { exit n > 0 }' || failed=1

if ! clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
  test $failed = 0 || exit 1
  echo "clang-format 14 is not installed: formatting was not compared"
  exit 77
fi
sources | grep '\.[ch]$' | xargs clang-format --dry-run --Werror 2>&1 | grep 'error:' | head -n 20 |
  grep . && { echo "Run clang-format -i on the files named above."; failed=1; }
exit $failed
