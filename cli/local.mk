# SPDX-License-Identifier: Apache-2.0
# Floor 6: the program. It sees only what the shared library exports.
bin_PROGRAMS += palimpsest
palimpsest_SOURCES = \
	%D%/answers.c \
	%D%/bench.c \
	%D%/bench_ceilings.c \
	%D%/bench_decode.c \
	%D%/bench_export.c \
	%D%/bench_gemm.c \
	%D%/bench_net.c \
	%D%/bench_ops.c \
	%D%/bench_peak_generic.c \
	%D%/bench_plan.c \
	%D%/bench_probe.c \
	%D%/bench_product.c \
	%D%/bench_time.c \
	%D%/bench_train.c \
	%D%/bench_window.c \
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
	%D%/bench.h \
	%D%/bench_export.h \
	%D%/bench_net.h \
	%D%/bench_peak.h \
	%D%/bench_product.h \
	%D%/cli.h \
	%D%/figures.h \
	%D%/json.h \
	%D%/lock.h \
	%D%/page.h \
	%D%/recipes.h \
	%D%/trace.h
palimpsest_LDADD = libpalimpsest.la $(CLI_PEAK_LIBS) $(JANSSON_LIBS)

# Loops of `palimpsest bench`, each compiled for one instruction set; empty without its flags, so
# that they may be linked anywhere. They are not to be listed above.
CLI_PEAK_LIBS = libcli_peak_avx2.la libcli_peak_avx512.la libcli_peak_bf16.la libcli_peak_neon.la
noinst_LTLIBRARIES += $(CLI_PEAK_LIBS)
libcli_peak_avx2_la_SOURCES = %D%/bench_peak_avx2.c
libcli_peak_avx2_la_CFLAGS = $(AM_CFLAGS)
libcli_peak_avx512_la_SOURCES = %D%/bench_peak_avx512.c
libcli_peak_avx512_la_CFLAGS = $(AM_CFLAGS)
libcli_peak_bf16_la_SOURCES = %D%/bench_peak_bf16.c
libcli_peak_bf16_la_CFLAGS = $(AM_CFLAGS)
libcli_peak_neon_la_SOURCES = %D%/bench_peak_neon.c
libcli_peak_neon_la_CFLAGS = $(AM_CFLAGS)
if ISA_AVX2
libcli_peak_avx2_la_CFLAGS += $(ISA_AVX2_CFLAGS)
endif
if ISA_AVX512
libcli_peak_avx512_la_CFLAGS += $(ISA_AVX512_CFLAGS)
endif
if ISA_AVX512BF16
libcli_peak_bf16_la_CFLAGS += $(ISA_AVX512BF16_CFLAGS)
endif
if ISA_NEON
libcli_peak_neon_la_CFLAGS += $(ISA_NEON_CFLAGS)
endif
