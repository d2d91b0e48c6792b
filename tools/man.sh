#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# man.sh PROGRAM [VERB]: writes the man page of the program, or of a verb, made of what its --help
# prints, so that both say the same.
program=${1:?usage: man.sh PROGRAM [VERB]}
verb=$2
text=$(COLUMNS=5000 "$program" help $verb) || exit 1
version=$("$program" --version | sed 's/^palimpsest \([^,]*\),.*/\1/')
printf '%s\n' "$text" | awk -v verb="$verb" -v version="$version" '
function plain(s) { # as roff shows it unchanged
  gsub(/\\/, "\\e", s)
  gsub(/-/, "\\-", s)
  return s ~ /^[.'\'']/ ? "\\&" s : s
}
function head(name) { print ".SH " name }
function entry(line,   n, words) { # "  NAME VALUE   description"
  sub(/^  /, "", line)
  n = match(line, /   *[^ ]/)
  words = n ? substr(line, 1, n - 1) : line
  print ".TP"
  if (match(words, / /)) print "\\fB" plain(substr(words, 1, RSTART - 1)) "\\fR \\fI" plain(substr(words, RSTART + 1)) "\\fR"
  else print "\\fB" plain(words) "\\fR"
  if (n) { sub(/^[^ ]*( [^ ]+)*  +/, "", line); print plain(line) }
}
NR == 1 {
  name = "palimpsest" (verb == "" ? "" : "-" verb)
  print ".TH " toupper(plain(name)) " 1 \"\" \"palimpsest " version "\" \"User Commands\""
  usage = substr($0, length("usage: ") + 1)
  next
}
NR == 3 {
  head("NAME")
  print plain(name) " \\- " plain(verb == "" ? "trains, evaluates and samples generative sequence models" : $0)
  head("SYNOPSIS")
  print ".B " plain(usage)
  if (verb != "") next
  head("VERBS")
}
/^$/ { if (literal) print ".fi"; literal = 0; next }
/^options$/ { head("OPTIONS"); next }
/^example$/ { head("EXAMPLE"); print ".nf"; literal = 1; next }
/^exit codes$/ { head("EXIT STATUS"); next }
literal { sub(/^  /, ""); print plain($0); next }
/^  [^ ]/ { entry($0); next }
{ sub(/^ +/, ""); print plain($0) }
END {
  if (literal) print ".fi"
  head("SEE ALSO")
  print verb == "" ? "A page for each verb, for instance\n.BR palimpsest\\-train (1)." : ".BR palimpsest (1)"
}'
