dnl SPDX-License-Identifier: Apache-2.0
dnl Compiler flags, tried before they are used.

dnl PAL_TRY_CFLAG(FLAG, [IF-ACCEPTED], [IF-NOT])
dnl -Werror because clang only warns about a warning flag that it does not know.
AC_DEFUN([PAL_TRY_CFLAG], [
  AS_VAR_PUSHDEF([cached], [pal_cv_cflag_$1])dnl
  AC_CACHE_CHECK([whether $CC accepts $1], [cached], [
    pal_saved_cflags=$CFLAGS
    CFLAGS="$CFLAGS -Werror $1"
    AC_COMPILE_IFELSE([AC_LANG_SOURCE([[int pal_try(void); int pal_try(void) { return 0; }]])],
      [AS_VAR_SET([cached], [yes])], [AS_VAR_SET([cached], [no])])
    CFLAGS=$pal_saved_cflags])
  AS_VAR_IF([cached], [yes], [$2], [$3])
  AS_VAR_POPDEF([cached])dnl
])

dnl PAL_CHECK_CFLAGS(VARIABLE, FLAGS): substitutes the accepted ones.
AC_DEFUN([PAL_CHECK_CFLAGS], [
  $1=
  m4_foreach_w([pal_flag], [$2],
    [PAL_TRY_CFLAG(m4_defn([pal_flag]), [AS_VAR_APPEND([$1], " pal_flag")])])
  AC_SUBST([$1])
])

dnl PAL_REQUIRE_CFLAGS(VARIABLE, FLAGS): the same, but refusing one is an error, since the numbers
dnl or the export list would come out differently.
AC_DEFUN([PAL_REQUIRE_CFLAGS], [
  $1=
  m4_foreach_w([pal_flag], [$2],
    [PAL_TRY_CFLAG(m4_defn([pal_flag]), [AS_VAR_APPEND([$1], " pal_flag")],
      [AC_MSG_ERROR([$CC does not accept pal_flag, which Palimpsest needs])])])
  AC_SUBST([$1])
])

dnl PAL_REQUIRE_MODULE(VARIABLE, MODULE, DEBIAN-PACKAGE)
AC_DEFUN([PAL_REQUIRE_MODULE], [
  PKG_CHECK_MODULES([$1], [$2], [],
    [AC_MSG_ERROR([$2 not found by pkg-config; Debian package: $3

$$1_PKG_ERRORS])])
])

dnl Flags that let the compiler change numbers: Palimpsest promises the same bits on every machine.
dnl By name first, since a compiler need not define a macro for each; before AC_PROG_CC, which needs none
dnl of them. -ffp-contract is given by configure itself.
AC_DEFUN([PAL_REFUSE_FAST_MATH_BY_NAME], [
  for pal_flag in $CC $CFLAGS $CPPFLAGS $LDFLAGS; do
    AS_CASE([$pal_flag],
      [-Ofast|-ffast-math|-funsafe-math-optimizations|-ffinite-math-only|-fassociative-math|\
-freciprocal-math|-fno-signed-zeros|-fno-honor-nans|-fno-honor-infinities|-fapprox-func|\
-ffp-model=fast*|-ffp-model=aggressive|-ffp-contract=fast*|-ffp-contract=on|-fcx-limited-range|\
-fcx-fortran-rules|-fsingle-precision-constant|-fdenormal-fp-math*|-menable-unsafe-fp-math|\
-mrecip*|-mdaz-ftz|-mfpmath=387|-ffast-math=*|-fp-model=fast*],
      [PAL_FAST_MATH_ERROR([$pal_flag changes])])
  done
])

dnl Then by what the compiler says, whatever the flag is called or wherever it is given.
AC_DEFUN([PAL_REFUSE_FAST_MATH], [
  AC_MSG_CHECKING([whether $CC computes as the C standard says])
  AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
    #include <float.h>
    #if defined __FAST_MATH__ || __FINITE_MATH_ONLY__ + 0 || defined __NO_SIGNED_ZEROS__ || \
        defined __ASSOCIATIVE_MATH__ || defined __RECIPROCAL_MATH__ || FLT_EVAL_METHOD != 0
    #error numbers would differ
    #endif
    extern int pal_standard;]])],
    [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     PAL_FAST_MATH_ERROR([$CC $CFLAGS $CPPFLAGS changes])])
])

AC_DEFUN([PAL_FAST_MATH_ERROR], [
  AC_MSG_ERROR([$1 how floating-point numbers are computed: results would not be
  the same bits on every machine, and checks for values that are not finite would be left out.
  Take it out of CC, CFLAGS, CPPFLAGS and LDFLAGS; -O3 and -march=native are welcome.])])
