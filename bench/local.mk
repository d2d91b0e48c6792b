# SPDX-License-Identifier: Apache-2.0
# Floor 7: `palimpsest bench`, a module of the program. It sees only what the shared library exports.
palimpsest_SOURCES += \
	%D%/ceilings.c \
	%D%/decode.c \
	%D%/export.c \
	%D%/gemm.c \
	%D%/json_text.c \
	%D%/measure.c \
	%D%/net.c \
	%D%/ops.c \
	%D%/peak_generic.c \
	%D%/plan.c \
	%D%/pram.c \
	%D%/probe.c \
	%D%/product.c \
	%D%/timing.c \
	%D%/train.c \
	%D%/window.c
noinst_HEADERS += %D%/bench.h %D%/export.h %D%/json_text.h %D%/measure.h %D%/net.h %D%/peak.h %D%/probe.h \
	%D%/product.h %D%/timing.h

# Loops of `palimpsest bench`, each compiled for one instruction set; empty without its flags, so
# that they may be linked anywhere. They are not to be listed above.
BENCH_PEAK_LIBS = libbench_peak_avx2.la libbench_peak_avx512.la libbench_peak_bf16.la libbench_peak_neon.la
noinst_LTLIBRARIES += $(BENCH_PEAK_LIBS)
libbench_peak_avx2_la_SOURCES = %D%/peak_avx2.c
libbench_peak_avx2_la_CFLAGS = $(AM_CFLAGS)
libbench_peak_avx512_la_SOURCES = %D%/peak_avx512.c
libbench_peak_avx512_la_CFLAGS = $(AM_CFLAGS)
libbench_peak_bf16_la_SOURCES = %D%/peak_bf16.c
libbench_peak_bf16_la_CFLAGS = $(AM_CFLAGS)
libbench_peak_neon_la_SOURCES = %D%/peak_neon.c
libbench_peak_neon_la_CFLAGS = $(AM_CFLAGS)
if ISA_AVX2
libbench_peak_avx2_la_CFLAGS += $(ISA_AVX2_CFLAGS)
endif
if ISA_AVX512
libbench_peak_avx512_la_CFLAGS += $(ISA_AVX512_CFLAGS)
endif
if ISA_AVX512BF16
libbench_peak_bf16_la_CFLAGS += $(ISA_AVX512BF16_CFLAGS)
endif
if ISA_NEON
libbench_peak_neon_la_CFLAGS += $(ISA_NEON_CFLAGS)
endif

# Measurements against other libraries; built by `make bench`, never by `make check`. Nothing depends
# on them, and one whose library is not installed is left out.
bench_programs = %D%/gemm_onednn %D%/gemm_openblas
EXTRA_PROGRAMS = $(bench_programs)
CLEANFILES += $(bench_programs)
EXTRA_DIST += %D%/README.md %D%/compare_all.py %D%/compare_jax.py %D%/compare_torch.py \
	%D%/twin.py

bench_common = %D%/gemm_compare.c %D%/gemm_peer.h %D%/peak_generic.c %D%/probe.c \
	%D%/product.c %D%/timing.c
bench_libs = libpalimpsest.la $(BENCH_PEAK_LIBS) $(JANSSON_LIBS)
%C%_gemm_onednn_SOURCES = %D%/gemm_onednn.c $(bench_common)
%C%_gemm_onednn_LDADD = $(bench_libs) -ldnnl
%C%_gemm_openblas_SOURCES = %D%/gemm_openblas.c $(bench_common)
%C%_gemm_openblas_LDADD = $(bench_libs) -lopenblas

bench: palimpsest$(EXEEXT)
	@for program in $(bench_programs); do \
	  $(MAKE) $(AM_MAKEFLAGS) $$program$(EXEEXT) || \
	    echo "*** $$program is not built; bench/README.md names the library it needs"; \
	done
.PHONY: bench
