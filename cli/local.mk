# SPDX-License-Identifier: Apache-2.0
# Floor 7: the program. It sees only what the shared library exports.
bin_PROGRAMS += palimpsest
palimpsest_SOURCES = \
	%D%/answers.c \
	%D%/bench.c \
	%D%/check_op.c \
	%D%/compare.c \
	%D%/curve.c \
	%D%/eval.c \
	%D%/evaluate.c \
	%D%/figures.c \
	%D%/info.c \
	%D%/instances.c \
	%D%/job.c \
	%D%/json.c \
	%D%/keep.c \
	%D%/lines.c \
	%D%/lock.c \
	%D%/main.c \
	%D%/notes.c \
	%D%/options.c \
	%D%/page.c \
	%D%/progress.c \
	%D%/reader.c \
	%D%/recipes.c \
	%D%/rundir.c \
	%D%/sample.c \
	%D%/steps.c \
	%D%/table.c \
	%D%/text.c \
	%D%/trace.c \
	%D%/trace_page.c \
	%D%/train.c
noinst_HEADERS += \
	%D%/cli.h \
	%D%/figures.h \
	%D%/json.h \
	%D%/lock.h \
	%D%/page.h \
	%D%/recipes.h \
	%D%/trace.h
palimpsest_LDADD = libpalimpsest.la $(BENCH_PEAK_LIBS) $(JANSSON_LIBS)
