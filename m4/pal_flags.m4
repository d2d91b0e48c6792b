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
