#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# browser.sh [PROGRAM [DIR]]: the page of a trace in headless Chromium, where there is one; not part of make
# check. It types keys and clicks as a reader would, and fails on any message of the console. The
# pages and their pictures, in light and dark and on a phone, are left in DIR to be looked at.
#
#   sh tests/browser.sh build/palimpsest pictures
program=${1:-./palimpsest} dir=${2:-}
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
  { echo "no chromium: apt-get install chromium"; exit 77; }
test -n "$dir" || { dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT; }
mkdir -p "$dir" && dir=$(cd "$dir" && pwd) || exit 99
source=$(cd "$(dirname "$0")/.." && pwd)
failed=0

# open PAGE OPTIONS...: loads the page and lets 10 seconds of its time pass.
open() {
  page=$1
  shift
  timeout 120 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --virtual-time-budget=10000 \
    --user-data-dir="$dir/profile" --enable-logging=stderr --v=0 "$@" "file://$page" 2>"$dir/messages"
  if grep 'CONSOLE' "$dir/messages"; then echo "FAIL messages on the console of $page"; failed=1; fi
}

# Traces of a task with boards, one with a graph, and one with neither.
"$program" instances sudoku --n 13 | sed -n '1p;$p' >"$dir/board"
"$program" sample "$source/examples/sudoku/checkpoint" --data "$dir/board" --html "$dir/board.html" || exit 1
rm -rf "$dir/graph" "$dir/bits"
small="--quiet --set layers=1 --set width=16 --set heads=2 --set train.steps=40"
"$program" train mincut --model ap-mdm --out "$dir/graph" $small --set nodes=5 --set per_size=3 >"$dir/out" || exit 1
"$program" sample "$dir/graph" --n 3 --bits sample --temperature 1 --max-steps 20 --html "$dir/graph.html" || exit 1
"$program" train parity --model ap-mdm --out "$dir/bits" $small --set window=3 --set lengths=6 --set per_length=3 \
  >"$dir/out" || exit 1
"$program" sample "$dir/bits" --n 2 --html "$dir/bits.html" || exit 1

# What a reader does, at the end of a copy of the page. Its result is the title of the page.
cat >"$dir/reader" <<'END'
<script>
"use strict";
const key = name => document.dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true}));
const seen = () => document.getElementById("caption").textContent;
const wrong = [];
const check = (holds, what) => { if (!holds) wrong.push(what) };
setTimeout(() => {
  const last = instances[0].passes.length - 1;
  check(at === last && timer === null, "the first instance is not played to its end");
  check(seen().includes(instances[0].end.verdict), "no verdict");
  key("Home"); check(at === 0 && seen().startsWith("start"), "Home");
  key("ArrowRight"); check(at === 1 && seen().startsWith("pass 1 of"), "right");
  check(location.hash === "#1.1", "the address names another pass: " + location.hash);
  key("ArrowLeft"); check(at === 0, "left");
  key("End"); check(at === last, "End");
  key(" "); check(timer !== null && at === 0, "space does not play"); key(" "); check(timer === null, "nor stop");
  const slider = document.getElementById("pass");
  slider.value = 2; slider.dispatchEvent(new Event("input")); check(at === Math.min(2, last), "the slider");
  for (const button of document.querySelectorAll("#views button")) {
    button.click();
    check(view === button.textContent && document.getElementById("view").children.length === 1, "view " + view);
  }
  document.getElementById("more").open = true;
  for (let i = 0; i < instances.length; i++) {
    check(which === i, "Page Down");
    for (let k = 0; k < instances[i].passes.length; k++) {
      show(k);
      const after = rowsOf(k).filter(row => row.kind !== "delete").map(row => row.token);
      const told = instances[i].passes[k].tokens.concat(after.slice(instances[i].passes[k].length));
      check(JSON.stringify(after) === JSON.stringify(told), `edits of pass ${k} of instance ${i + 1}`);
    }
    key("PageDown");
  }
  location.hash = "#1.1";
  setTimeout(() => {
    check(which === 0 && at === 1, "the address does not lead to a pass");
    check(document.documentElement.scrollWidth <= innerWidth, "the page is wider than the window");
    document.title = wrong.length ? "WRONG " + wrong.join("; ") : "ALL RIGHT";
  }, 100);
}, 8500);
</script>
END
for name in board graph bits; do
  cat "$dir/$name.html" "$dir/reader" >"$dir/read.html"
  open "$dir/read.html" --window-size=390,800 --dump-dom >"$dir/dom"
  title=$(sed -n 's/.*<title>\(.*\)<\/title>.*/\1/p' "$dir/dom" | head -n 1)
  if test "$title" = "ALL RIGHT"; then echo "ok $name"; else echo "FAIL $name: $title"; failed=1; fi
  open "$dir/$name.html#1.3" --window-size=900,900 --screenshot="$dir/$name-light.png"
  open "$dir/$name.html#1.3" --window-size=900,900 --blink-settings=preferredColorScheme=0 --screenshot="$dir/$name-dark.png"
  open "$dir/$name.html#1.3" --window-size=500,900 --screenshot="$dir/$name-phone.png"
done
rm -rf "$dir/profile" "$dir/read.html" "$dir/dom" "$dir/messages" "$dir/out" "$dir/reader"
test $failed -ne 0 || echo "3 passed, 0 failed"
exit $failed
