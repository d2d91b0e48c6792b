# SPDX-License-Identifier: Apache-2.0
# Floor 6: programs of a parallel random access machine, and networks that are computed.
libpal_core_la_SOURCES += \
	%D%/assemble.c \
	%D%/compile.c \
	%D%/compile_attention.c \
	%D%/compile_mlp.c \
	%D%/expression.c \
	%D%/layout.c \
	%D%/open.c \
	%D%/run.c \
	%D%/simulate.c \
	%D%/simulate_compare.c \
	%D%/simulate_layers.c \
	%D%/task.c
noinst_HEADERS += \
	%D%/compiler.h \
	%D%/expression.h \
	%D%/layout.h \
	%D%/simulator.h
