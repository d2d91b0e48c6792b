#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Passes and context of compiled programs against n, as a table in CSV:
#
#     sh examples/pram/table.sh [SECONDS [MODEL [PROGRAM...]]]
#
# Every program of this folder is compiled for n = 2, 4, 8, ... and run on random instances on one
# thread: 1,000 of them where that is expected to take at most SECONDS (120), otherwise 20. An
# instance counts as `exact` if every cell, register and program counter comes out as in the
# interpreter, and as `on_time` if the passes are exactly those that T says. Sizes for which 20 would
# take longer are computed from the interpreter's T, P and S of one instance and not run: their
# column `run` is 0. `seconds` is processor time. PALIMPSEST names the program to call.
seconds=${1:-120}
model=${2:-ap-mdm}
test $# -gt 1 && shift 2 || shift $#
here=$(dirname "$0")
palimpsest=${PALIMPSEST:-palimpsest}
command -v "$palimpsest" >/dev/null || { echo "table.sh: there is no program $palimpsest" >&2; exit 2; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

figure() { # figure NAME: a number of the report; of several the first
  sed -n "s/^ *\"$1\": \([-0-9.e+]*\),*$/\1/p" "$work/json" | head -n 1
}

took() { # processor time between two outputs of `times`, which the shell itself must have written
  cat "$work/begin" "$work/end" | tr 'ms' '  ' |
    awk '{ at[NR] = 60 * $1 + $2 + 60 * $3 + $4 } END { printf "%.1f", at[4] - at[2] }'
}

# How many instances can be run in time: 1000, 20 or 0. A row of a pass takes 30 microseconds at 192
# columns and words of 10 bits (AMD EPYC, Zen 4), and attention to 800 rows as much again.
affordable() { # affordable PASSES ROWS
  awk -v passes="$1" -v rows="$2" -v seconds="$seconds" 'BEGIN {
    each = passes * rows * (1 + rows / 800) * 30e-6
    print 1000 * each <= seconds ? 1000 : 20 * each <= seconds ? 20 : 0
  }'
}

run() { # run INSTANCES
  rm -rf "$work/run"
  "$palimpsest" compile "$here/$program.pram" --model "$model" --set n="$n" --out "$work/run" \
    >/dev/null || return 1
  times >"$work/begin"
  "$palimpsest" eval "$work/run" --set instances="$1" --threads 1 --quiet --json "$work/json" \
    >/dev/null || return 1
  times >"$work/end"
  echo "$program,$model,$n,1,$(figure n),$(figure time),$(figure processors),$(figure space),$(
    figure forward_passes_mean),$(figure context),$(figure exact),$(figure on_time),$(took)"
}

echo "program,model,n,run,instances,T,P,S,passes,context,exact,on_time,seconds"
for program in ${*:-prefix_sums maximum list_ranking components brackets sort sequential qbf}; do
  for n in 2 4 8 16 32 64 128 256; do
    numbers=$("$palimpsest" pram "$here/$program.pram" --set n="$n" 2>/dev/null |
      sed -n 's/^T \([0-9]*\), P \([0-9]*\), .* S \([0-9]*\)$/\1 \2 \3/p')
    test "$numbers" || break # a word of the program is too small for this size
    time=${numbers%% *} space=${numbers##* } processors=${numbers#* }
    passes=$((time + 2)) rows=$((2 * space + 1))
    instances=$(affordable $passes $rows)
    if [ "$instances" = 0 ]; then
      echo "$program,$model,$n,0,0,$time,${processors% *},$space,$passes,$rows,,,"
    else run "$instances"; fi
  done
done
