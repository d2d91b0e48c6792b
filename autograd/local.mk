# SPDX-License-Identifier: Apache-2.0
# Floor 3: gradients as graph transformations, gradient check, optimizers.
libpal_core_la_SOURCES += \
	%D%/accumulate.c \
	%D%/adamw.c \
	%D%/check.c \
	%D%/compare.c \
	%D%/gradient.c \
	%D%/muon.c \
	%D%/optim.c \
	%D%/recompute.c \
	%D%/sgd.c \
	%D%/taylor.c \
	%D%/trial.c
noinst_HEADERS += \
	%D%/accumulate.h \
	%D%/check.h \
	%D%/gradient.h \
	%D%/optim.h
