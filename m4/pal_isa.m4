dnl SPDX-License-Identifier: Apache-2.0
dnl Instruction sets: each is one convenience library of its own with its own flags, so that
dnl nothing else is ever compiled for a machine that may not be the user's. "generic" is always built.

dnl PAL_ISA(NAME, HOST-CPU-PATTERN, FLAGS, HEADER, EXPRESSION)
dnl Sets ISA_<NAME>_CFLAGS, the conditional ISA_<NAME> and the macro PAL_HAVE_<NAME> when wanted,
dnl and when HEADER and EXPRESSION (a call of SLEEF on zeros) compile with FLAGS and link.
AC_DEFUN([PAL_ISA], [
  m4_pushdef([pal_upper], m4_toupper([$1]))dnl
  pal_build=no
  AS_CASE([$host_cpu], [$2], [
    AS_CASE([",$with_isa,"], [*,$1,*|,auto,], [
      AC_CACHE_CHECK([whether $1 kernels compile and link], [pal_cv_isa_$1], [
        pal_saved_cflags=$CFLAGS; pal_saved_libs=$LIBS
        CFLAGS="$CFLAGS $3 $SLEEF_CFLAGS"; LIBS="$SLEEF_LIBS $LIBS"
        AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <$4>
          #include <sleef.h>
          static float out@<:@16@:>@;]], [[$5; return out@<:@0@:>@ > 2.0f;]])],
          [pal_cv_isa_$1=yes], [pal_cv_isa_$1=no])
        CFLAGS=$pal_saved_cflags; LIBS=$pal_saved_libs])
      pal_build=$pal_cv_isa_$1])])
  AS_IF([test "x$pal_build" = xyes], [
    AC_DEFINE([PAL_HAVE_]pal_upper, [1], [Define to 1 when the $1 kernels are built.])
    AS_VAR_APPEND([pal_isa_built], [", $1"])],
    [AS_CASE([",$with_isa,"], [*,$1,*],
      [AC_MSG_ERROR([--with-isa: $CC for $host_cpu with this SLEEF cannot build $1])])])
  AC_SUBST([ISA_]pal_upper[_CFLAGS], ["$3"])
  AM_CONDITIONAL([ISA_]pal_upper, [test "x$pal_build" = xyes])
  m4_popdef([pal_upper])dnl
])

dnl AVX512-BF16 comes with avx512 where the compiler knows it: a faster way to the same numbers, not
dnl a set of its own. -> ISA_AVX512BF16_CFLAGS, the conditional ISA_AVX512BF16, PAL_HAVE_AVX512BF16.
AC_DEFUN([PAL_AVX512BF16], [
  pal_dots=no
  AM_COND_IF([ISA_AVX512], [
    AC_CACHE_CHECK([whether $CC has bfloat16 dot products], [pal_cv_isa_avx512bf16], [
      pal_saved_cflags=$CFLAGS
      CFLAGS="$CFLAGS $ISA_AVX512_CFLAGS -mavx512bf16"
      AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <immintrin.h>
        static float out@<:@16@:>@;]],
        [[__m512 x = _mm512_setzero_ps();
          __m512bh pairs = _mm512_cvtne2ps_pbh(x, x);
          _mm512_storeu_ps(out, _mm512_dpbf16_ps(x, pairs, pairs));
          return out@<:@0@:>@ > 2.0f;]])],
        [pal_cv_isa_avx512bf16=yes], [pal_cv_isa_avx512bf16=no])
      CFLAGS=$pal_saved_cflags])
    pal_dots=$pal_cv_isa_avx512bf16])
  AS_IF([test "x$pal_dots" = xyes], [
    AC_DEFINE([PAL_HAVE_AVX512BF16], [1], [Define to 1 when the AVX512-BF16 kernels are built.])
    AS_VAR_APPEND([pal_isa_built], [" with bfloat16 dot products"])])
  AC_SUBST([ISA_AVX512BF16_CFLAGS], ["$ISA_AVX512_CFLAGS -mavx512bf16"])
  AM_CONDITIONAL([ISA_AVX512BF16], [test "x$pal_dots" = xyes])
])

AC_DEFUN([PAL_ISA_LIBRARIES], [
  AC_ARG_WITH([isa],
    [AS_HELP_STRING([--with-isa=LIST],
      [instruction sets besides generic: avx2,avx512,neon; or none; default all that compile])],
    [], [with_isa=auto])
  AS_CASE([$with_isa], [yes], [with_isa=auto], [no|none], [with_isa=none])
  pal_isa_left=`echo "$with_isa" | tr , '\n' |
    grep -vx -e avx2 -e avx512 -e neon -e generic -e auto -e none`
  AS_IF([test -n "$pal_isa_left"],
    [AC_MSG_ERROR([--with-isa: unknown instruction set $pal_isa_left; known: avx2 avx512 neon])])
  pal_isa_built=

  dnl The generic table calls SLEEF's scalar functions with the arithmetic of the vector ones. Its
  dnl header shows them only to compilers told of FMA, hence the declaration.
  AC_CACHE_CHECK([whether SLEEF has the finz functions], [pal_cv_sleef_finz], [
    pal_saved_libs=$LIBS; LIBS="$SLEEF_LIBS $LIBS"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[float Sleef_finz_expf1_u10purecfma(float);
      float Sleef_finz_logf1_u10purecfma(float);
      float Sleef_finz_tanhf1_u10purecfma(float);
      float Sleef_finz_erff1_u10purecfma(float);]],
      [[float x = Sleef_finz_expf1_u10purecfma(0.0f) + Sleef_finz_logf1_u10purecfma(1.0f) +
                  Sleef_finz_tanhf1_u10purecfma(0.0f) + Sleef_finz_erff1_u10purecfma(0.0f);
        return x > 2.0f;]])],
      [pal_cv_sleef_finz=yes], [pal_cv_sleef_finz=no])
    LIBS=$pal_saved_libs])
  AS_IF([test "x$pal_cv_sleef_finz" != xyes],
    [AC_MSG_ERROR([this SLEEF lacks Sleef_finz_expf1_u10purecfma and its sisters; 3.5 or later with
  the deterministic functions (BUILD_INERT_LIB off) is needed])])

  PAL_ISA([avx2], [x86_64|i?86], [-mavx2 -mfma], [immintrin.h],
    [_mm256_storeu_ps(out, Sleef_finz_expf8_u10avx2(_mm256_setzero_ps()))])
  PAL_ISA([avx512], [x86_64|i?86], [-mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma],
    [immintrin.h], [_mm512_storeu_ps(out, Sleef_finz_expf16_u10avx512f(_mm512_setzero_ps()))])
  PAL_AVX512BF16
  PAL_ISA([neon], [aarch64*], [], [arm_neon.h],
    [vst1q_f32(out, Sleef_finz_expf4_u10advsimd(vdupq_n_f32(0.0f)))])
])
