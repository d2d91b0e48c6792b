# SPDX-License-Identifier: Apache-2.0
# Floor 0: base.
libpal_core_la_SOURCES += \
	%D%/alloc.c \
	%D%/arena.c \
	%D%/cpu.c \
	%D%/file.c \
	%D%/number.c \
	%D%/registry.c \
	%D%/rng.c \
	%D%/safetensors.c \
	%D%/safetensors_write.c \
	%D%/setting.c \
	%D%/status.c \
	%D%/team.c \
	%D%/type.c
noinst_HEADERS += \
	%D%/alloc.h \
	%D%/arena.h \
	%D%/cpu.h \
	%D%/file.h \
	%D%/half.h \
	%D%/number.h \
	%D%/registry.h \
	%D%/safetensors.h \
	%D%/safetensors_format.h \
	%D%/setting.h \
	%D%/simd.h \
	%D%/simd_avx2.h \
	%D%/simd_avx512.h \
	%D%/simd_generic.h \
	%D%/simd_neon.h \
	%D%/team.h
