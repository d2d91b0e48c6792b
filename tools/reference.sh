#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# reference.sh PROGRAM: prints doc/reference.md, made of what the program says about itself, so that
# the page is true. After a change of verbs, options or settings:
#
#   sh tools/reference.sh build/palimpsest >doc/reference.md
#
# `make check` fails when the page is another one (tests/test_manual.sh).
program=${1:?usage: reference.sh PROGRAM}
COLUMNS=5000
export COLUMNS
tick='`'

# Rows of a table of the lines "  NAME VALUE   description" on stdin, but for those in file $1.
options() {
  awk -v skip="$1" '
  BEGIN { while (skip != "" && (getline line <skip) > 0) known[line] = 1 }
  /^  -/ && !known[$0] {
    line = $0
    sub(/^  /, "", line)
    name = line
    sub(/   *.*/, "", name)
    text = substr(line, length(name) + 1)
    sub(/^ +/, "", text)
    gsub(/\|/, "\\|", name)
    gsub(/\|/, "\\|", text)
    print "| `" name "` | " text " |"
  }'
}

# The table of the settings on stdin: "  NAME           VALUE        description", where the value may
# be empty.
settings() {
  printf '| setting | default | |\n|---|---|---|\n'
  awk '/^  [a-z]/ {
    name = $1
    rest = substr($0, 4 + (length(name) < 14 ? 14 : length(name)))
    value = substr(rest, 1, 12)
    while (value ~ /[^ ]$/ && substr(rest, length(value) + 1, 1) ~ /[^ ]/)
      value = value substr(rest, length(value) + 1, 1)
    text = substr(rest, length(value) + 1)
    gsub(/^ +| +$/, "", value)
    gsub(/^ +| +$/, "", text)
    gsub(/\|/, "\\|", text)
    print "| `" name "` | " (value == "" ? "" : "`" value "`") " | " text " |"
  }'
  echo
}

# The lines of stdin between the line $1 and the next that is not indented.
part() { awk -v head="$1" '$0 == head { on = 1; next } /^[^ ]/ { on = 0 } on'; }

names() { "$program" info "$1" | sed -n 's/^  \([^ ]*\)$/\1/p'; }

common=$(mktemp) || exit 1
trap 'rm -f "$common"' EXIT
"$program" help help | sed -n '/^options/,/^$/p' >"$common"

page() {
cat <<'END_OF_TEXT'
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Made by tools/reference.sh; not to be edited. -->
# Reference

Every verb with its options, and every setting of models, network, trainer and tasks with its default, as
`palimpsest help VERB`, `palimpsest info model NAME` and `palimpsest info task NAME` print them; these also know plug-ins. A
setting KEY is given as `--set KEY=VALUE` or `--KEY VALUE`; where task, model or trainer have the same one, as
`task.KEY`, `model.KEY` or `train.KEY`. The ops are listed by `palimpsest info op`. What the verbs are for is in
[the program](program.md), how samplers decide in [samplers](samplers.md).

## Options of every verb

| option | |
|---|---|
END_OF_TEXT
options '' <"$common"
printf '\n## Verbs\n'
"$program" --help | sed -n '1,/^options/s/^  \([a-z][a-z-]*\) .*/\1/p' | while read -r verb; do
  text=$("$program" help "$verb") || exit 1
  printf '%s\n' "$text" | sed -n "1s/^usage: palimpsest \(.*\) \[OPTION\]\.\.\.$/\n### \1\n/p;3p"
  printf '\n'
  rows=$(printf '%s\n' "$text" | sed -n '/^options/,/^$/p' | options "$common")
  test -z "$rows" || printf '| option | |\n|---|---|\n%s\n\n' "$rows"
  printf '%s\n' "$tick$tick${tick}sh"
  printf '%s\n' "$text" | sed -n '/^example/,$s/^  //p'
  printf '%s\n' "$tick$tick$tick"
done || exit 1

printf '\n## Models\n'
for model in $(names model); do
  text=$("$program" info model "$model") || exit 1
  printf '\n### %s\n\n' "$model"
  printf '%s\n' "$text" | sed -n '2s/$/ /p;3s/^l\(.*\)/L\1./p' | tr -d '\n'
  printf '\n\n| sampler | |\n|---|---|\n'
  printf '%s\n' "$text" | part samplers: | sed -n 's/|/\\|/g;s/^  \([^ ]*\)  *\(.*\)/| `\1` | \2 |/p'
  printf '\n'
  printf '%s\n' "$text" | part 'settings of its own:' | settings
done
printf '## Settings of the network\n\n'
printf '%s\n' "$text" | part 'settings of the network:' | settings
printf '## Settings of the trainer\n\n'
printf '%s\n' "$text" | part 'settings of the trainer:' | settings
printf '## Optimizers\n\nValues of the settings `optimizer` and `matrix_optimizer` of the trainer.\n\n| optimizer | |\n|---|---|\n'
for optimizer in $(names optimizer); do
  "$program" info optimizer "$optimizer" | sed 1d | tr '\n' ' ' | sed "s/|/\\\\|/g;s/^/| $tick$optimizer$tick | /;s/ *$/ |/"
  echo
done
printf '\n## Tasks\n'
for task in $(names task); do
  text=$("$program" info task "$task") || exit 1
  printf '\n### %s\n\n' "$task"
  printf '%s\n' "$text" | sed -n 2p
  printf '\n'
  printf '%s\n' "$text" | part settings: | settings
done
}
page | cat -s | sed '${/^$/d;}'
