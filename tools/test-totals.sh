#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Totals of the tests whose logs lie in the given build folders:   N passed, N failed, N skipped
# A log with Check's summary line counts its unit tests; any other counts once, by its .trs. A
# program that died, or failed beyond what its summary admits, adds one failure.
find "$@" -name '*.trs' | LC_ALL=C sort |
awk '
{
  result = ""; sum = 0; wrong = 0; seen = 0
  while ((getline line < $0) > 0)
    if (sub(/^:global-test-result:[ \t]*/, "", line)) result = line
  close($0)
  log_file = $0; sub(/\.trs$/, ".log", log_file)
  while ((getline line < log_file) > 0)
    if (line ~ /^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/) {
      gsub(/[^0-9 ]/, "", line); split(line, n, " ")
      sum += n[2]; wrong += n[3] + n[4]; seen = 1
    }
  close(log_file)
  if (result == "SKIP") { skipped++; next }
  if (!seen) { sum = 1; wrong = 0 }
  good = result == "PASS" || result == "XFAIL"
  if (!good && wrong == 0) { wrong = 1; if (seen) sum++ }
  passed += sum - wrong; failed += wrong
}
END {
  printf "%d passed, %d failed", passed, failed
  if (skipped) printf ", %d skipped", skipped
  printf "\n"
}'
