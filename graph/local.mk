# SPDX-License-Identifier: Apache-2.0
# Floor 1: graph, plan, executor.
libpal_core_la_SOURCES += \
	%D%/apply.c \
	%D%/attrs.c \
	%D%/case.c \
	%D%/case_load.c \
	%D%/claim.c \
	%D%/context.c \
	%D%/define.c \
	%D%/dump.c \
	%D%/exec.c \
	%D%/graph.c \
	%D%/memory.c \
	%D%/packed_cache.c \
	%D%/parse.c \
	%D%/parts.c \
	%D%/plan.c \
	%D%/reference.c \
	%D%/report.c \
	%D%/rewrite.c \
	%D%/run.c \
	%D%/stage.c \
	%D%/store.c \
	%D%/store_file.c \
	%D%/text.c \
	%D%/verify.c \
	%D%/verify_plan.c \
	%D%/view.c
noinst_HEADERS += \
	%D%/case.h \
	%D%/define.h \
	%D%/exec.h \
	%D%/internal.h \
	%D%/machine.h \
	%D%/parts.h \
	%D%/steps.h \
	%D%/store_file.h \
	%D%/text.h \
	%D%/view.h
