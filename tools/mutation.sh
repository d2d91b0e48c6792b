#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Mutation test: plants one fault at a time in a copy of the tree and checks that a test fails.
#
#   tools/mutation.sh            in the source folder; some minutes
#
# Each line of the table: fault | file | perl substitution | test programs, one of which must fail.
# The script fails when a substitution does not match its file any more, or when no test notices a
# fault.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # `sh tools/mutation.sh` works too
set -u
cd "$(dirname "$0")/.." && [ -f configure.ac ] || exit 1

faults='
a swapped sign in a product kernel | ops/kernels/gemm.inc.c | s/GEMM_MULTIPLY_ADD vf_fma\n/GEMM_MULTIPLY_ADD vf_fnma\n/ | test_ops
a dropped barrier between stages | graph/run.c | s/if \(workers > 1\) pal_team_barrier\(\);\n    \/\*/\/*/ | test_graph test_plan test_ops
lifetimes off by one | graph/memory.c | s/p->last < b->first/p->last <= b->first/ | test_graph
a failed run commits all the same | graph/run.c | s/undo_writes\(e\);\n/commit(e);\n/ | test_graph
equal nodes in spite of attributes | graph/rewrite.c | s/pal_attrs_equal\(a->op, a->attrs, b->attrs\)/true/ | test_ops test_gradient test_models
g deletes ordinary tokens | ops/edit.h | s/if \(remove && x == mask\)/if (remove)/ | test_edit
the loss gradient forgets the target | ops/kernels/norm.inc.c | s/vf_fma\(p, all, vf_neg\(target\)\)/vf_mul(p, all)/ | test_ops test_golden
causal attention sees one row ahead | ops/kernels/attention_pairs.inc.c | s/hi = distance \+ 1;/hi = distance + 2;/ | test_ops test_golden test_cache
a wrong block of random numbers | src/rng.c | s/position, index \/ 4, out/position, index \/ 8, out/ | test_base test_ops
AdamW without its bias correction | ops/kernels/update.inc.c | s/vf_mul\(first, correct1\)/first/ | test_optim test_ops
packed weights reused in another format | graph/packed_cache.c | s/e->call\[s\]\.cached_form == form_of\(e, s\)/true/ | test_hold
a part that left its block stays away | graph/store.c | s/if \(variable->whole\) variable->whole->left\+\+;// | test_block
an average of the old parameter | ops/kernels/update.inc.c | s/vf_mul\(average_rest, next\)/vf_mul(average_rest, old)/ | test_update test_ops
the evaluation weight of an MDM | models/masked.c | s/\(double\)all \/ n\)/1.0)/ | test_likelihood
the host looks at token rows between steps | models/decode.c | s/else step\+\+;/else step += 1 + (*(int32_t *)pal_exec_input(d->exec, "token") > 1000);/ | test_steps
boards rated by the naked singles alone | tasks/sudoku_order.c | s/view\.forced\[c\] \?/false ?/ | test_sudoku
guesses taught as deduced | tasks/sudoku_policy.c | s/forced \? kind : PAL_SUDOKU_SPECULATIVE/kind/ | test_sudoku_policy
walks that are never damaged | tasks/sudoku_walk.c | s/DAMAGE = 0\.15/DAMAGE = 0/ | test_sudoku_walk
a stream that forgets whose turn it was | tasks/sudoku_walk.c | s/w->turn = \(uint32_t\)header\[3\];// | test_sudoku_walk
a compiler that lets high processors win | pram/compile.c | s/o->processors - to\.number\)/to.number + 1)/ | test_pram_compile
a compiler that loses a carry | pram/compile_mlp.c | s/for \(int b = 1; b < c->word; b\+\+\) \{\n    clear/for (int b = 2; b < c->word; b++) {\n    clear/ | test_pram_compile
a compiler whose reads see masks | pram/compile_attention.c | s/(void pal_compile_counter_head.*?)flags\(c, ONE, SHOWN, 1\);/$1/s | test_pram_compile
a compiler whose reads take the first write | pram/compile_attention.c | s/(void pal_compile_read_head.*?)ORDER, ORDERS\)/$1ORDER, -ORDERS)/s | test_pram_compile
a compiler that lets the mdm write every mask at once | pram/compile_mlp.c | s/c->form\[WAIT\] = c->form\[ANY_RUNS\] = 1/c->form[WAIT] = c->form[ANY_RUNS] = 0/ | test_pram_compile
a compiler that leaves the blocks after halt | pram/compile_mlp.c | s/c->form\[WAIT\] = c->form\[ANY_RUNS\] = 1;(.*?)relu\(c, -1, LATE/c->form[WAIT] = 1;$1relu(c, 0, LATE/s | test_pram_compile
a compiler whose arm lists another cell | pram/compile.c | s/pal_pram_listed\(o, to\) : 0/(pal_pram_listed(o, to) + 1) % o->cells : 0/ | test_pram_compile
a compiler whose arm ends too late | pram/compile.c | s/to\.time - 1 - pal_pram_listing\(o\)/to.time - 2 - pal_pram_listing(o)/ | test_pram_compile
a compiler whose attention is soft | pram/compiler.h | s/POINT = 1024/POINT = 8/ | test_pram_compile
a simulation whose ties go to the highest place | pram/simulate_layers.c | s/s->place, -1\);\n  copy\(s, s->here/s->place, 1);\n  copy(s, s->here/ | test_simulate
a simulation that chooses places already filled | pram/simulate_layers.c | s/term\(s, s->open, MOST \* 2\)/term(s, s->one, MOST * 2)/ | test_simulate
a simulation that misplaces added heads | pram/simulate.c | s/r \/ attended \* added/0/ | test_simulate
an interpreter in which the highest wins | pram/run.c | s/p = o->processors - 1; p >= 0; p--/p = 0; p < o->processors; p++/ | test_pram
a lost half of the gradient tree | train/tree.c | s/add\(other, mine, tree->floats\);/(void)add;/ | test_train
'

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cp -r . "$work/tree" && cd "$work/tree" && rm -rf build build-* || exit 1
echo "building the copy"
{ ./bootstrap && mkdir build && cd build && ../configure CFLAGS=-O1 && make -j"$(nproc)" &&
    make -j"$(nproc)" check TESTS=; } >"$work/log" 2>&1 || { tail -n 30 "$work/log"; exit 1; }
cd "$work/tree" || exit 1
export srcdir=$work/tree

unnoticed=0
while IFS='|' read -r what file edit tests; do
  what=$(echo "$what" | sed 's/ *$//') file=$(echo "$file" | tr -d ' ') edit=$(echo "$edit" | sed 's/^ *//; s/ *$//')
  [ -n "$file" ] || continue
  cp "$file" "$work/original"
  perl -0pi -e "$edit" "$file"
  if cmp -s "$file" "$work/original"; then
    echo "DOES NOT FIT  $what ($file)"
    unnoticed=1
    continue
  fi
  seen=
  for test in $tests; do
    make -C build "tests/$test" >"$work/log" 2>&1 || { seen="the compiler"; break; }
    (cd build && timeout 300 "tests/$test" >"$work/log" 2>&1) || { seen=$test; break; }
  done
  if [ -n "$seen" ]; then echo "noticed       $what: $seen"
  else echo "UNNOTICED     $what ($file)"; unnoticed=1; fi
  cp "$work/original" "$file"
done <<<"$faults"
exit $unnoticed
