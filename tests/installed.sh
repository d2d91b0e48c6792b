# SPDX-License-Identifier: Apache-2.0
# For test scripts that use an installed copy; they source this file in the build folder. It creates
# the folder "$work", installs there, sets PATH and the like such that the copy is found, and sets
#   $strict, $cflags, $libs   compiler flags: strict warnings, and those that pkg-config prints
srcdir=$(cd "${srcdir:-.}" && pwd) || exit 99
: "${CC:=cc}" "${MAKE:=make}" "${PKG_CONFIG:=pkg-config}"
test -f "${PAL_LIBRARY:-.libs/libpalimpsest.so}" || { echo "no shared library"; exit 77; }

work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
root=$work/root

# The inner make must not use the job server or variables of the outer one.
unset MAKEFLAGS MFLAGS MAKELEVEL
"$MAKE" install DESTDIR="$root" >"$work/install.log" 2>&1 ||
  { cat "$work/install.log"; echo "make install failed"; exit 1; }

PKG_CONFIG_PATH=$root$libdir/pkgconfig
PATH=$root$bindir:$PATH
LD_LIBRARY_PATH=$root$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PKG_CONFIG_PATH PATH LD_LIBRARY_PATH
moved="--define-variable=prefix=$root$prefix --define-variable=libdir=$root$libdir \
  --define-variable=includedir=$root$includedir"
cflags=$("$PKG_CONFIG" $moved --cflags palimpsest) || exit 1
libs=$("$PKG_CONFIG" $moved --libs palimpsest) || exit 1
strict="-std=c11 -O2 -ffp-contract=off -Wall -Wextra -Werror $PAL_SANITIZER_CFLAGS"
