# SPDX-License-Identifier: Apache-2.0
# awk -f output.awk SHOWN OUTPUT: compares a program's OUTPUT with what a document shows. In SHOWN,
# "..." within a line stands for any text, and alone on a line for any number of lines. If they
# differ, prints the first line of SHOWN that was not found and exits with 1.
FNR == 1 { which++ }
which == 1 { shown[++shows] = $0 }
which == 2 { line[++lines] = $0 }

function like(text, form,   piece, n, i, at) {
  sub(/ +$/, "", text); sub(/ +$/, "", form) # blanks at the end of a line cannot be seen
  n = split(form, piece, /\.\.\./)
  if (n < 2) return text == form
  if (substr(text, 1, length(piece[1])) != piece[1]) return 0
  text = substr(text, length(piece[1]) + 1)
  for (i = 2; i < n; i++) {
    at = index(text, piece[i])
    if (!at) return 0
    text = substr(text, at + length(piece[i]))
  }
  at = length(text) - length(piece[n])
  return at >= 0 && substr(text, at + 1) == piece[n]
}

function matches(i, k) {
  if (i > reached) reached = i
  if (i > shows) return k > lines
  if (shown[i] == "...") {
    for (; k <= lines + 1; k++)
      if (matches(i + 1, k)) return 1
    return 0
  }
  return k <= lines && like(line[k], shown[i]) && matches(i + 1, k + 1)
}

END {
  if (matches(1, 1)) exit 0
  if (reached > shows) print "the output goes on after what is shown"
  else print "not found: " shown[reached]
  exit 1
}
