dnl SPDX-License-Identifier: Apache-2.0
dnl --enable-sanitizers=address,undefined, or thread with clang.

dnl Early, because CFLAGS not given by the user depend on it: -> pal_sanitizers, pal_default_cflags.
AC_DEFUN([PAL_ARG_SANITIZERS], [
  AC_ARG_ENABLE([sanitizers],
    [AS_HELP_STRING([--enable-sanitizers=LIST],
      [instrument with these, e.g. address,undefined, or thread (clang only)])],
    [], [enable_sanitizers=no])
  AS_CASE(["x$enable_sanitizers"],
    [xno], [pal_sanitizers=],
    [xyes], [pal_sanitizers=address,undefined],
    [pal_sanitizers=$enable_sanitizers])
  AS_IF([test -n "$pal_sanitizers"],
    [pal_default_cflags="-O1 -g"], [pal_default_cflags="-O3 -g"])
])

dnl After AC_PROG_CC. Every report is fatal, so that a test cannot pass with one.
AC_DEFUN([PAL_CHECK_SANITIZERS], [
  SANITIZER_CFLAGS=
  AS_IF([test -n "$pal_sanitizers"], [
    AS_CASE([",$pal_sanitizers,"], [*,thread,*], [
      AC_CHECK_DECL([__clang__], [],
        [AC_MSG_ERROR([the thread sanitizer needs clang and libomp (CC=clang):
  gcc's OpenMP runtime hides its synchronisation from it and every barrier is reported as a race])],
        [])])
    SANITIZER_CFLAGS="-fsanitize=$pal_sanitizers -fno-sanitize-recover=all -fno-omit-frame-pointer"
    AC_MSG_CHECKING([whether $CC links with -fsanitize=$pal_sanitizers])
    pal_saved_cflags=$CFLAGS
    CFLAGS="$CFLAGS $SANITIZER_CFLAGS"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes])], [
      AC_MSG_RESULT([no])
      AC_MSG_ERROR([$CC cannot link with -fsanitize=$pal_sanitizers; see config.log])])
    CFLAGS=$pal_saved_cflags])
  AC_SUBST([SANITIZER_CFLAGS])
  AM_CONDITIONAL([SANITIZERS], [test -n "$pal_sanitizers"])
])
