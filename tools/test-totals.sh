#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the totals of the tests whose logs are in the given build folders: N passed, N failed, N
# skipped. Where a log has the summary line of the Check library, its unit tests count; any other
# log counts as one test, with the result in its .trs file. A program that failed although its
# summary has no failure, by a crash for instance, adds one failure.
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
