# SPDX-License-Identifier: Apache-2.0
# Floor 5: sharded steps, trainer, schedules, evaluation, checkpoints.
libpal_core_la_SOURCES += \
	%D%/artifact.c \
	%D%/checkpoint.c \
	%D%/drawn.c \
	%D%/evaluate.c \
	%D%/options.c \
	%D%/parameters.c \
	%D%/schedule.c \
	%D%/shard.c \
	%D%/staging.c \
	%D%/trainer.c \
	%D%/tree.c \
	%D%/update.c \
	%D%/weights.c
noinst_HEADERS += \
	%D%/drawn.h \
	%D%/parameters.h \
	%D%/schedule.h \
	%D%/shard.h \
	%D%/staging.h \
	%D%/trainer.h \
	%D%/tree.h \
	%D%/update.h
