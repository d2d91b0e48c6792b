# SPDX-License-Identifier: Apache-2.0
# Floor 2: the built-in ops, and their kernels once per instruction set.
libpal_core_la_SOURCES += \
	%D%/activation.c \
	%D%/attention.c \
	%D%/attention_backward.c \
	%D%/attention_inputs.c \
	%D%/attention_reference.c \
	%D%/broadcast.c \
	%D%/cast.c \
	%D%/categorical.c \
	%D%/common.c \
	%D%/confidence.c \
	%D%/cumsum.c \
	%D%/edit.c \
	%D%/elementwise.c \
	%D%/embedding.c \
	%D%/factored.c \
	%D%/factored_logits.c \
	%D%/finite.c \
	%D%/gather.c \
	%D%/logic.c \
	%D%/loss.c \
	%D%/loss_backward.c \
	%D%/loss_binary.c \
	%D%/matmul.c \
	%D%/matmul_transposed.c \
	%D%/max_backward.c \
	%D%/norm.c \
	%D%/norm_backward.c \
	%D%/ragged.c \
	%D%/random.c \
	%D%/reduce.c \
	%D%/reduce_rows.c \
	%D%/refill.c \
	%D%/rotary.c \
	%D%/segment.c \
	%D%/segment_group.c \
	%D%/segment_budget.c \
	%D%/segment_pick.c \
	%D%/shape.c \
	%D%/slice.c \
	%D%/squares.c \
	%D%/softmax.c \
	%D%/table.c \
	%D%/update.c \
	%D%/kernels/isa_generic.c \
	%D%/kernels/kernels.c
noinst_HEADERS += \
	%D%/attention.h \
	%D%/broadcast.h \
	%D%/common.h \
	%D%/edit.h \
	%D%/factored.h \
	%D%/heap.h \
	%D%/loss.h \
	%D%/machine.h \
	%D%/matmul.h \
	%D%/norm.h \
	%D%/ragged.h \
	%D%/random.h \
	%D%/reduce.h \
	%D%/segment.h \
	%D%/shape.h \
	%D%/update.h \
	%D%/kernels/attention.h \
	%D%/kernels/elementwise.h \
	%D%/kernels/gemm.h \
	%D%/kernels/gemm_bf16.h \
	%D%/kernels/kernels.h \
	%D%/kernels/machine.h \
	%D%/kernels/norm.h \
	%D%/kernels/reduce.h \
	%D%/kernels/rows.h \
	%D%/kernels/update.h

# The kernels proper are included by every isa_*.c.
EXTRA_DIST += \
	%D%/kernels/attention.inc.c \
	%D%/kernels/attention_backward.inc.c \
	%D%/kernels/attention_pairs.inc.c \
	%D%/kernels/attention_prefetch.inc.c \
	%D%/kernels/attention_product.inc.c \
	%D%/kernels/attention_short.inc.c \
	%D%/kernels/attention_single.inc.c \
	%D%/kernels/elementwise.inc.c \
	%D%/kernels/gemm.inc.c \
	%D%/kernels/gemm_bf16.inc.c \
	%D%/kernels/gemm_dispatch.inc.c \
	%D%/kernels/gemm_narrow.inc.c \
	%D%/kernels/gemm_rows.inc.c \
	%D%/kernels/gemm_transposed.inc.c \
	%D%/kernels/norm.inc.c \
	%D%/kernels/norm_narrow.inc.c \
	%D%/kernels/reduce.inc.c \
	%D%/kernels/rotary.inc.c \
	%D%/kernels/rows.inc.c \
	%D%/kernels/table.inc.c \
	%D%/kernels/update.inc.c

if ISA_AVX2
noinst_LTLIBRARIES += libpal_avx2.la
libpal_avx2_la_SOURCES = %D%/kernels/isa_avx2.c
libpal_avx2_la_CFLAGS = $(AM_CFLAGS) $(ISA_AVX2_CFLAGS)
libpal_core_la_LIBADD += libpal_avx2.la
endif

if ISA_AVX512
noinst_LTLIBRARIES += libpal_avx512.la
libpal_avx512_la_SOURCES = %D%/kernels/isa_avx512.c
libpal_avx512_la_CFLAGS = $(AM_CFLAGS) $(ISA_AVX512_CFLAGS)
libpal_core_la_LIBADD += libpal_avx512.la
endif

if ISA_AVX512BF16
noinst_LTLIBRARIES += libpal_avx512bf16.la
libpal_avx512bf16_la_SOURCES = %D%/kernels/isa_avx512bf16.c
libpal_avx512bf16_la_CFLAGS = $(AM_CFLAGS) $(ISA_AVX512BF16_CFLAGS)
libpal_core_la_LIBADD += libpal_avx512bf16.la
endif

if ISA_NEON
noinst_LTLIBRARIES += libpal_neon.la
libpal_neon_la_SOURCES = %D%/kernels/isa_neon.c
libpal_neon_la_CFLAGS = $(AM_CFLAGS) $(ISA_NEON_CFLAGS)
libpal_core_la_LIBADD += libpal_neon.la
endif
