dnl SPDX-License-Identifier: Apache-2.0
dnl OpenMP. AC_OPENMP brings --disable-openmp; a program using the runtime must also link, which
dnl with clang needs libomp and fails otherwise only at the end of the build.
AC_DEFUN([PAL_OPENMP], [
  AC_OPENMP
  AS_IF([test "x$enable_openmp" != xno], [
    AC_CACHE_CHECK([whether an OpenMP program links], [pal_cv_openmp_links], [
      pal_saved_cflags=$CFLAGS
      CFLAGS="$CFLAGS $OPENMP_CFLAGS"
      AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <omp.h>
        #ifndef _OPENMP
        #error OpenMP is off
        #endif]],
        [[int n = 0;
          #pragma omp parallel
          {
            #pragma omp master
            n = omp_get_num_threads();
            #pragma omp barrier
          }
          return n < 1;]])],
        [pal_cv_openmp_links=yes], [pal_cv_openmp_links=no])
      CFLAGS=$pal_saved_cflags])
    AS_IF([test "x$pal_cv_openmp_links" != xyes],
      [AC_MSG_ERROR([$CC cannot build an OpenMP program.
  clang needs libomp (Debian package: libomp-dev); gcc needs libgomp, a part of it.
  --disable-openmp builds a library that uses one thread.])])])
])
