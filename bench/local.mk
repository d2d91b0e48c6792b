# SPDX-License-Identifier: Apache-2.0
# Measurements against other libraries; built by `make bench`, never by `make check`. Nothing depends
# on them, and one whose library is not installed is left out.
bench_programs = %D%/gemm_onednn %D%/gemm_openblas
EXTRA_PROGRAMS = $(bench_programs)
CLEANFILES += $(bench_programs)
EXTRA_DIST += %D%/README.md %D%/compare_all.py %D%/compare_jax.py %D%/compare_torch.py \
	%D%/twin.py

bench_common = %D%/gemm_compare.c %D%/gemm_peer.h cli/bench_peak_generic.c cli/bench_probe.c \
	cli/bench_product.c cli/bench_time.c cli/progress.c
bench_libs = libpalimpsest.la $(CLI_PEAK_LIBS) $(JANSSON_LIBS)
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
