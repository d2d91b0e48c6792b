# SPDX-License-Identifier: Apache-2.0
# Tests. A new unit test needs two lines like those below; it is linked with the library's objects,
# so that it can call internal functions. A test exits with 0 on success; a script that cannot run
# here exits with 77.
noinst_HEADERS += %D%/columns.h %D%/run.h

if HAVE_CHECK
check_PROGRAMS += %D%/test_attention
%C%_test_attention_SOURCES = %D%/test_attention.c

check_PROGRAMS += %D%/test_visibility
%C%_test_visibility_SOURCES = %D%/test_visibility.c

check_PROGRAMS += %D%/test_base
%C%_test_base_SOURCES = %D%/test_base.c

check_PROGRAMS += %D%/test_bf16
%C%_test_bf16_SOURCES = %D%/test_bf16.c %D%/gym.c %D%/gym.h

check_PROGRAMS += %D%/test_block
%C%_test_block_SOURCES = %D%/test_block.c

check_PROGRAMS += %D%/test_check_op
%C%_test_check_op_SOURCES = %D%/test_check_op.c %D%/bend.c %D%/bend.h

check_PROGRAMS += %D%/test_dyck
%C%_test_dyck_SOURCES = %D%/test_dyck.c

check_PROGRAMS += %D%/test_edit
%C%_test_edit_SOURCES = %D%/test_edit.c %D%/rows.c %D%/rows.h

check_PROGRAMS += %D%/test_names
%C%_test_names_SOURCES = %D%/test_names.c %D%/lab.c %D%/lab.h

check_PROGRAMS += %D%/test_ragged
%C%_test_ragged_SOURCES = %D%/test_ragged.c %D%/rows.c %D%/rows.h

check_PROGRAMS += %D%/test_file
%C%_test_file_SOURCES = %D%/test_file.c %D%/scratch.h

check_PROGRAMS += %D%/test_safetensors
%C%_test_safetensors_SOURCES = %D%/test_safetensors.c %D%/scratch.h

check_PROGRAMS += %D%/test_extents
%C%_test_extents_SOURCES = %D%/test_extents.c

# No test: `make tests/fuzz_extents` builds it, its first comment says how it is run.
EXTRA_PROGRAMS += %D%/fuzz_extents
CLEANFILES += %D%/fuzz_extents
%C%_fuzz_extents_SOURCES = %D%/fuzz_extents.c

check_PROGRAMS += %D%/test_gradient
%C%_test_gradient_SOURCES = %D%/test_gradient.c %D%/bend.c %D%/bend.h

check_PROGRAMS += %D%/test_graph
%C%_test_graph_SOURCES = %D%/test_graph.c %D%/fixture.c %D%/fixture.h \
	%D%/toy.c %D%/toy.h

check_PROGRAMS += %D%/test_ops
%C%_test_ops_SOURCES = %D%/test_ops.c %D%/bend.c %D%/bend.h

check_PROGRAMS += %D%/test_optim
%C%_test_optim_SOURCES = %D%/test_optim.c

check_PROGRAMS += %D%/test_plan
%C%_test_plan_SOURCES = %D%/test_plan.c %D%/fixture.c %D%/fixture.h \
	%D%/toy.c %D%/toy.h

check_PROGRAMS += %D%/test_plugin
%C%_test_plugin_SOURCES = %D%/test_plugin.c
%C%_test_plugin_LDFLAGS = -export-dynamic
EXTRA_%C%_test_plugin_DEPENDENCIES = %D%/half_plugin.la
check_LTLIBRARIES += %D%/half_plugin.la
%C%_half_plugin_la_SOURCES = %D%/half_plugin.c
%C%_half_plugin_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
check_LTLIBRARIES += %D%/odd_plugin.la
%C%_odd_plugin_la_SOURCES = %D%/odd_plugin.c
%C%_odd_plugin_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
# For test_input.sh.
check_LTLIBRARIES += %D%/crash_plugin.la
%C%_crash_plugin_la_SOURCES = %D%/crash_plugin.c
%C%_crash_plugin_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere

# With the files of the program that write reports and metrics.
check_PROGRAMS += %D%/test_report
%C%_test_report_SOURCES = %D%/test_report.c %D%/gym.c %D%/gym.h bench/json_text.c cli/figures.c cli/json.c \
	cli/log.c cli/metrics.c cli/page.c cli/plugins.c cli/provenance.c cli/row.c cli/standard.c cli/table_json.c cli/text.c
%C%_test_report_LDFLAGS = -Wl,--wrap=write -Wl,--wrap=read -Wl,--wrap=fsync \
	-Wl,--wrap=getline

check_PROGRAMS += %D%/test_refusal
%C%_test_refusal_SOURCES = %D%/test_refusal.c %D%/fixture.c %D%/fixture.h \
	%D%/toy.c %D%/toy.h

check_PROGRAMS += %D%/test_store
%C%_test_store_SOURCES = %D%/test_store.c

check_PROGRAMS += %D%/test_team
%C%_test_team_SOURCES = %D%/test_team.c %D%/fixture.c %D%/fixture.h \
	%D%/toy.c %D%/toy.h
%C%_test_team_LDFLAGS = -Wl,--wrap=pthread_create

check_PROGRAMS += %D%/test_verify
%C%_test_verify_SOURCES = %D%/test_verify.c %D%/fixture.c %D%/fixture.h \
	%D%/toy.c %D%/toy.h
%C%_test_verify_LDFLAGS = -Wl,--wrap=pal_plan_stages -Wl,--wrap=pal_plan_memory

check_PROGRAMS += %D%/test_caller
%C%_test_caller_SOURCES = %D%/test_caller.c %D%/lab.c %D%/lab.h

check_PROGRAMS += %D%/test_cache
%C%_test_cache_SOURCES = %D%/test_cache.c %D%/lab.c %D%/lab.h %D%/letters.c %D%/letters.h

check_PROGRAMS += %D%/test_samplers
%C%_test_samplers_SOURCES = %D%/test_samplers.c %D%/lab.c %D%/lab.h

check_PROGRAMS += %D%/test_decode
%C%_test_decode_SOURCES = %D%/test_decode.c %D%/lab.c %D%/lab.h %D%/letters.c %D%/letters.h

check_PROGRAMS += %D%/test_definition
%C%_test_definition_SOURCES = %D%/test_definition.c %D%/gym.c %D%/gym.h

check_PROGRAMS += %D%/test_golden
%C%_test_golden_SOURCES = %D%/test_golden.c

check_PROGRAMS += %D%/test_infill
%C%_test_infill_SOURCES = %D%/test_infill.c %D%/lab.c %D%/lab.h

check_PROGRAMS += %D%/test_kinds
%C%_test_kinds_SOURCES = %D%/test_kinds.c %D%/lab.c %D%/lab.h

check_PROGRAMS += %D%/test_likelihood
%C%_test_likelihood_SOURCES = %D%/test_likelihood.c %D%/lab.c %D%/lab.h

check_PROGRAMS += %D%/test_locale
%C%_test_locale_SOURCES = %D%/test_locale.c

check_PROGRAMS += %D%/test_mincut
%C%_test_mincut_SOURCES = %D%/test_mincut.c %D%/holds.h

check_PROGRAMS += %D%/test_mincut_task
%C%_test_mincut_task_SOURCES = %D%/test_mincut_task.c %D%/holds.h

check_PROGRAMS += %D%/test_transitions
%C%_test_transitions_SOURCES = %D%/test_transitions.c %D%/scratch.h

check_PROGRAMS += %D%/test_self_edits
%C%_test_self_edits_SOURCES = %D%/test_self_edits.c %D%/lab.c %D%/lab.h

check_PROGRAMS += %D%/test_models
%C%_test_models_SOURCES = %D%/test_models.c %D%/lab.c %D%/lab.h

check_PROGRAMS += %D%/test_star
%C%_test_star_SOURCES = %D%/test_star.c

check_PROGRAMS += %D%/test_states
%C%_test_states_SOURCES = %D%/test_states.c %D%/lab.c %D%/lab.h

check_PROGRAMS += %D%/test_steps
%C%_test_steps_SOURCES = %D%/test_steps.c %D%/lab.c %D%/lab.h
%C%_test_steps_LDFLAGS = -Wl,--wrap=pal_exec_run -Wl,--wrap=pal_exec_run_serial \
	-Wl,--wrap=pal_exec_input -Wl,--wrap=pal_exec_output -Wl,--wrap=pal_variable_data

check_PROGRAMS += %D%/test_pram
%C%_test_pram_SOURCES = %D%/test_pram.c

check_PROGRAMS += %D%/test_pram_compile
%C%_test_pram_compile_SOURCES = %D%/test_pram_compile.c %D%/machine.c %D%/machine.h

check_PROGRAMS += %D%/test_simulate
%C%_test_simulate_SOURCES = %D%/test_simulate.c

# No test: random programs by thousands, `make tests/fuzz_pram && tests/fuzz_pram MODEL COUNT SEED`.
EXTRA_PROGRAMS += %D%/fuzz_pram
CLEANFILES += %D%/fuzz_pram
%C%_fuzz_pram_SOURCES = %D%/fuzz_pram.c %D%/machine.c %D%/machine.h

check_PROGRAMS += %D%/test_sudoku
%C%_test_sudoku_SOURCES = %D%/test_sudoku.c %D%/boards.c %D%/boards.h

check_PROGRAMS += %D%/test_sudoku_oracle
%C%_test_sudoku_oracle_SOURCES = %D%/test_sudoku_oracle.c %D%/lab.c %D%/lab.h

check_PROGRAMS += %D%/test_sudoku_policy
%C%_test_sudoku_policy_SOURCES = %D%/test_sudoku_policy.c %D%/boards.c %D%/boards.h

check_PROGRAMS += %D%/test_sudoku_task
%C%_test_sudoku_task_SOURCES = %D%/test_sudoku_task.c %D%/boards.c %D%/boards.h

check_PROGRAMS += %D%/test_sudoku_text
%C%_test_sudoku_text_SOURCES = %D%/test_sudoku_text.c %D%/boards.c %D%/boards.h

check_PROGRAMS += %D%/test_sudoku_walk
%C%_test_sudoku_walk_SOURCES = %D%/test_sudoku_walk.c %D%/boards.c %D%/boards.h

check_PROGRAMS += %D%/test_hold
%C%_test_hold_SOURCES = %D%/test_hold.c
check_PROGRAMS += %D%/test_window
%C%_test_window_SOURCES = %D%/test_window.c %D%/lab.c %D%/lab.h

check_PROGRAMS += %D%/test_checkpoint
%C%_test_checkpoint_SOURCES = %D%/test_checkpoint.c %D%/gym.c %D%/gym.h

check_PROGRAMS += %D%/test_update
%C%_test_update_SOURCES = %D%/test_update.c

check_PROGRAMS += %D%/test_train
%C%_test_train_SOURCES = %D%/test_train.c %D%/gym.c %D%/gym.h

check_PROGRAMS += %D%/test_train_step
%C%_test_train_step_SOURCES = %D%/test_train_step.c %D%/gym.c %D%/gym.h

check_PROGRAMS += %D%/test_traits
%C%_test_traits_SOURCES = %D%/test_traits.c %D%/gym.c %D%/gym.h
else
check-local:
	@echo "*** The unit tests need the Check library (Debian package: check)."; \
	echo "*** Install it, run configure again, then 'make check'."; exit 1
endif

# What every program without an LDADD of its own, that is every unit test, is built with.
AM_CPPFLAGS += $(CHECK_CFLAGS)
LDADD = libpal_core.la $(CHECK_LIBS)

dist_check_SCRIPTS += %D%/test_configure.sh %D%/test_cxx.sh %D%/test_documents.sh %D%/test_floors.sh %D%/test_input.sh %D%/test_manual.sh %D%/test_new.sh %D%/test_odd.sh %D%/test_outputs.sh %D%/test_plots.sh %D%/test_program.sh %D%/test_runs.sh %D%/test_sample.sh %D%/test_trace.sh tools/check-exports.sh tools/check-floors.sh tools/check-format.sh tools/check-isa.sh \
	tools/check-lists.sh
EXTRA_DIST += %D%/browser.sh %D%/expect.sh %D%/installed.sh %D%/output.awk %D%/golden tools/golden.py tools/mutation.sh tools/released_counts.py tools/test-totals.sh

TESTS = $(check_PROGRAMS) $(dist_check_SCRIPTS)
TEST_EXTENSIONS = .sh

# Two threads, so that races have a chance on any machine; passive waiting, so that `make -j check`
# does not spin away the other tests' time. No report of a sanitizer goes unnoticed, and no test is
# forked under one: a sanitized OpenMP program may hang in the child.
AM_TESTS_ENVIRONMENT = \
	OMP_NUM_THREADS=$${OMP_NUM_THREADS-2}; export OMP_NUM_THREADS; \
	OMP_WAIT_POLICY=$${OMP_WAIT_POLICY-passive}; export OMP_WAIT_POLICY; \
	CK_DEFAULT_TIMEOUT=$${CK_DEFAULT_TIMEOUT-300}; export CK_DEFAULT_TIMEOUT; \
	PAL_LIBRARY=.libs/libpalimpsest.so; export PAL_LIBRARY; \
	PAL_SANITIZER_CFLAGS='$(SANITIZER_CFLAGS)'; export PAL_SANITIZER_CFLAGS; \
	NM='$(NM_PATH)'; export NM; \
	CC='$(CC)'; export CC; \
	CFLAGS='$(CFLAGS)'; export CFLAGS; \
	MAKE='$(MAKE)'; export MAKE; \
	PKG_CONFIG='$(PKG_CONFIG)'; export PKG_CONFIG; \
	prefix='$(prefix)'; export prefix; \
	bindir='$(bindir)'; export bindir; \
	libdir='$(libdir)'; export libdir; \
	includedir='$(includedir)'; export includedir;
if SANITIZERS
AM_TESTS_ENVIRONMENT += \
	CK_FORK=$${CK_FORK-no}; export CK_FORK; \
	UBSAN_OPTIONS=$${UBSAN_OPTIONS-print_stacktrace=1}; export UBSAN_OPTIONS; \
	TSAN_OPTIONS=$${TSAN_OPTIONS-ignore_noninstrumented_modules=1}; export TSAN_OPTIONS;
endif
