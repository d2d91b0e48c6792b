#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An include only points down. Reads the #include lines of every .c and .h and fails on one that
# points up, prints it, and says why. The table of floors is below; a new folder or public header
# without a floor is a failure too.
cd "${srcdir:-$(dirname "$0")/..}" || exit 99

find include src graph ops autograd models train tasks bench cli examples -name '*.[ch]' | LC_ALL=C sort |
xargs awk '
BEGIN {
  floor["src"] = 0; floor["graph"] = 1; floor["ops"] = 2; floor["autograd"] = 3
  floor["models"] = 4; floor["train"] = 5; floor["tasks"] = 5; floor["bench"] = 6
  floor["cli"] = 7; floor["examples"] = 8

  # Public headers. context.h is on floor 0 because the registry and the instruction set are;
  # check.h on 1 because an op descriptor draws its random cases through it. The umbrella is for the
  # top of the library, where pal_open gathers everything, and for programs.
  public["status"] = 0; public["type"] = 0; public["context"] = 0; public["rng"] = 0
  public["setting"] = 0
  public["op"] = 1; public["graph"] = 1; public["store"] = 1; public["plan"] = 1
  public["check"] = 1
  public["ops"] = 2
  public["optim"] = 3
  public["model"] = 4; public["layers"] = 4; public["masked"] = 4
  public["train"] = 5; public["task"] = 5
  public["palimpsest"] = 5
}

function complain(why) {
  printf "%s:%d: %s\n    %s\n", FILENAME, FNR, why, $0
  bad++
}

# Folders of programs: they include public headers and their own, none of the library inside.
function program(folder) { return folder == "bench" || folder == "cli" || folder == "examples" }

# Name of a public header without its folder and ending, or "".
function header(path) {
  if (path !~ /^palimpsest\/[^\/]+\.h$/) return ""
  sub(/^palimpsest\//, "", path); sub(/\.h$/, "", path)
  return path
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

/^[ \t]*#[ \t]*pragma[ \t]+omp/ && here != "src/team.c" && folder != "examples" {
  complain("OpenMP belongs to src/team.c alone")
}

# Text with numbers is the same under every locale. The program sees no internal header: its main()
# takes the C locale for itself.
/(^|[^_a-zA-Z])(strto(d|f|ld)|atof|[sf]?scanf|v[sf]?n?printf)\(/ && !program(folder) && here != "src/number.c" {
  complain("numbers in text follow the locale here: use src/number.h")
}

/(^|[^_a-zA-Z])((set|new|use)locale|localeconv)\(/ && here != "src/number.c" && here != "cli/main.c" {
  complain("locales belong to src/number.c and cli/main.c alone")
}

# A call of snprintf, to its end.
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
}'
