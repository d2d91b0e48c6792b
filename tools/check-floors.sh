#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks that dependencies point down only. Every folder is on a floor; see the table below, where a
# new folder or public header must be added. Three rules:
#
#   - a file includes only headers of its own folder or of a lower floor;
#   - an object uses only symbols of its own folder or of a lower floor, and what a header declares is
#     defined on the header's floor (checked where the tree is built);
#   - a function or table of the library is used by another object, be it a test's, or declared in a
#     public header; otherwise it is dead or should be static (checked where the tests are built).
#
# Prints every violation with the reason.
#
#   sh tools/check-floors.sh [BUILD]    BUILD: where the objects are, by default the current folder
: "${NM:=nm}"
build=$(cd "${1:-.}" && pwd) || exit 99
cd "${srcdir:-$(dirname "$0")/..}" || exit 99
root=$PWD
folders="src graph ops autograd models train tasks pram bench cli"
failed=0

table='
BEGIN {
  floor["src"] = 0; floor["graph"] = 1; floor["ops"] = 2; floor["autograd"] = 3
  floor["models"] = 4; floor["train"] = 5; floor["tasks"] = 5; floor["pram"] = 6; floor["bench"] = 7
  floor["cli"] = 8; floor["examples"] = 9

  # Public headers. The umbrella palimpsest.h is for programs and for pal_open, which registers all
  # built-in definitions and so is at the top of the library.
  public["status"] = 0; public["type"] = 0; public["isa"] = 0; public["rng"] = 0
  public["setting"] = 0
  public["context"] = 1; public["op"] = 1; public["graph"] = 1; public["store"] = 1
  public["plan"] = 1; public["case"] = 1
  public["ops"] = 2
  public["gradient"] = 3; public["check"] = 3; public["optim"] = 3
  public["model"] = 4; public["layers"] = 4; public["masked"] = 4
  public["train"] = 5; public["task"] = 5
  public["pram"] = 6; public["simulate"] = 6
  public["palimpsest"] = 6
}

# Folders of programs: they include public headers and their own, but no internal header of the
# library.
function program(folder) { return folder == "bench" || folder == "cli" || folder == "examples" }

# Name of a public header without its folder and ending, or "".
function header(path) {
  if (path !~ /^palimpsest\/[^\/]+\.h$/) return ""
  sub(/^palimpsest\//, "", path); sub(/\.h$/, "", path)
  return path
}
'

find include $folders examples -name '*.[ch]' | LC_ALL=C sort |
xargs awk "$table"'
function complain(why) {
  printf "%s:%d: %s\n    %s\n", FILENAME, FNR, why, $0
  bad++
}

FNR == 1 {
  files++
  here = FILENAME; sub(/^\.\//, "", here)
  if (here ~ /^include\//) {
    folder = "include"; sub(/^include\//, "", here)
    own = (header(here) in public) ? public[header(here)] : -1
    if (own < 0) complain("this public header has no floor in tools/check-floors.sh")
  } else {
    folder = here; sub(/\/.*/, "", folder)
    own = floor[folder]
  }
}

match($0, /\(floor [0-9]+\)/) && folder != "include" && substr($0, RSTART + 7) + 0 != own {
  complain(folder "/ is floor " own)
}

/^[ \t]*#[ \t]*pragma[ \t]+omp/ && here != "src/team.c" && folder != "examples" {
  complain("OpenMP belongs to src/team.c alone")
}

# Numbers in text must not depend on the locale. The program, which may not include internal
# headers, sets the C locale in main() instead.
/(^|[^_a-zA-Z])(strto(d|f|ld)|atof|[sf]?scanf|v[sf]?n?printf)\(/ && !program(folder) && here != "src/number.c" {
  complain("numbers in text follow the locale here: use src/number.h")
}

/(^|[^_a-zA-Z])((set|new|use)locale|localeconv)\(/ && here != "src/number.c" && here != "cli/main.c" {
  complain("locales belong to src/number.c and cli/main.c alone")
}

# From a call of snprintf up to its end.
/(^|[^_a-zA-Z])snprintf\(/ && !program(folder) { printing = 1 }
printing && /%[-+ #0-9.*]*l?[aefgAEFG]/ {
  complain("a real number is printed here: use src/number.h")
}
printing && /;[ \t]*$/ { printing = 0 }

/^[ \t]*#[ \t]*include/ {
  line = $0; sub(/^[ \t]*#[ \t]*include[ \t]*/, "", line)
  quoted = substr(line, 1, 1) == "\""
  path = substr(line, 2); sub(/[">].*/, "", path)
  includes++
  if (path ~ /^palimpsest\//) {
    if (!(header(path) in public)) complain("no floor is known for this public header")
    else if (own >= 0 && public[header(path)] > own)
      complain("floor " own " includes floor " public[header(path)])
    next
  }
  if (!quoted) next
  if (path == "config.h") {
    if (folder == "include" || folder == "examples") complain("config.h is not installed")
    next
  }
  target = path; sub(/\/.*/, "", target)
  if (!(target in floor)) { complain("includes are written from the top of the tree"); next }
  if (folder == "include") complain("a public header includes an internal one")
  else if (folder == "examples") complain("an example includes an internal header")
  else if (program(folder) && !program(target)) complain("a program includes an internal header")
  else if (floor[target] > own) complain("floor " own " includes floor " floor[target])
  else if (floor[target] == own && target != folder)
    complain(folder "/ and " target "/ know nothing of each other")
}

END {
  if (files == 0) { print "no source file found"; bad++ }
  printf "%d include lines of %d files, %d point up or astray\n", includes, files, bad
  exit bad > 0
}' || failed=1

# ---- symbols -------------------------------------------------------------------------------

# The objects whose sources exist; others are left over from an older build.
objects=$(cd "$build" && for folder in $folders; do
  find "$folder" -name '*.o' 2>/dev/null
done | LC_ALL=C sort | while read -r object; do
  source=$(echo "$object" | sed 's|/\.libs/|/|; s|/lib[^/]*_la-|/|; s|\.o$|.c|')
  test ! -f "$root/$source" || echo "$object"
done)
if test -z "$objects"; then
  test ! -f "$build/config.status" || { echo "no object file in $build"; failed=1; }
  echo "nothing is built in $build: symbols are not checked"
  exit $failed
fi
command -v "$NM" >/dev/null || { echo "no nm"; test $failed = 0 && exit 77; exit $failed; }

symbols=$(mktemp) || exit 99
trap 'rm -f "$symbols"' EXIT
tests=$(cd "$build" && find tests -name '*.o' 2>/dev/null)
(cd "$build" && echo "$objects" $tests | xargs "$NM" -A -P) >"$symbols" || failed=1

# Reads first the symbols, lines "OBJECT: NAME TYPE ...", then the headers.
find include $folders -name '*.h' | LC_ALL=C sort | xargs awk "$table"'
function complain(text) { print text; bad++ }

# Finds the functions and extern data that the text of the header `file` declares.
function declarations(   at, rest, n, part, i, name) {
  while ((at = index(text, "/*")) > 0) {
    rest = substr(text, at + 2)
    text = substr(text, 1, at - 1) " " substr(rest, index(rest, "*/") + 2)
  }
  gsub(/extern "C" \{/, "", text)
  while (match(text, /\{[^{}]*\}/))
    text = substr(text, 1, RSTART - 1) ";" substr(text, RSTART + RLENGTH)
  n = split(text, part, ";")
  for (i = 1; i <= n; i++) {
    if (part[i] ~ /(^|[^a-z_])(typedef|static)[^a-z_]/) continue
    if (part[i] ~ /(^|[ \t\n])extern[ \t\n]/) declare_all(part[i])
    else if (match(part[i], /[a-z_][a-z0-9_]*[ \t\n]*\(/)) {
      name = substr(part[i], RSTART, RLENGTH); sub(/[ \t\n]*\($/, "", name)
      declare(name)
    }
  }
}

function declare_all(text,   n, word, i) {
  n = split(text, word, /[^A-Za-z0-9_]+/)
  for (i = 1; i <= n; i++) declare(word[i])
}

function declare(name,   own, parts) {
  if (!(name in folder)) return
  declared++
  split(file, parts, "/")
  if (parts[1] == "include") {
    exported[name] = 1
    own = public[header(parts[2] "/" parts[3])]
    if (own != floor[folder[name]])
      complain(file ": declares " name " on floor " own ", " folder[name] "/ defines it on floor " \
               floor[folder[name]])
  } else if (parts[1] != folder[name])
    complain(file ": declares " name ", which " folder[name] "/ defines")
}

FILENAME == ARGV[1] {
  object = $1; sub(/:$/, "", object)
  home = object; sub(/\/.*/, "", home)
  if (home == "tests") { tests = 1; if ($3 == "U") wanted[$2] = 1; next }
  if ($3 ~ /^[TDBRVCGSW]$/) { if (!($2 in folder) || $3 != "W") folder[$2] = home }
  else if ($3 == "U") { used++; by[used] = object; what[used] = $2 }
  next
}
FNR == 1 { if (file != "") declarations(); file = FILENAME; text = ""; skip = 0 }
skip || /^[ \t]*#/ { skip = /\\$/; next }
{ text = text $0 "\n" }

END {
  declarations()
  for (i = 1; i <= used; i++) {
    wanted[what[i]] = 1
    if (!(what[i] in folder)) continue # of another library
    uses++
    home = by[i]; sub(/\/.*/, "", home)
    target = folder[what[i]]
    if (floor[target] > floor[home])
      complain(by[i] ": floor " floor[home] " uses " what[i] " of " target "/, floor " floor[target])
    else if (floor[target] == floor[home] && target != home)
      complain(by[i] ": uses " what[i] ", but " home "/ and " target "/ know nothing of each other")
  }
  for (name in folder)
    if (tests && name ~ /^pal_/ && !(name in wanted) && !(name in exported))
      complain(folder[name] "/: no other object uses " name "; make it static or remove it")
  if (!uses) complain("no object uses a symbol of another")
  if (!declared) complain("no header declares a symbol")
  printf "%d uses and %d declarations of symbols, %d point up or astray\n", uses, declared, bad
  exit bad > 0
}' "$symbols" || failed=1
exit $failed
