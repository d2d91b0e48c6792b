# SPDX-License-Identifier: Apache-2.0
# Floor 4: model definitions, layers, decoders.
libpal_core_la_SOURCES += \
	%D%/ap_mdm.c \
	%D%/arm.c \
	%D%/backbone.c \
	%D%/batch.c \
	%D%/corrupt.c \
	%D%/decode.c \
	%D%/decode_end.c \
	%D%/decode_graph.c \
	%D%/define.c \
	%D%/example.c \
	%D%/layers.c \
	%D%/masked.c \
	%D%/masked_arm.c \
	%D%/mdm.c \
	%D%/mdm_sampler.c \
	%D%/model.c \
	%D%/names.c \
	%D%/self_edits.c \
	%D%/table.c \
	%D%/transition.c
noinst_HEADERS += \
	%D%/corrupt.h \
	%D%/decode.h \
	%D%/mdm.h \
	%D%/models.h \
	%D%/self_edits.h
