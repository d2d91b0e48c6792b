# SPDX-License-Identifier: Apache-2.0
# What scripts share that use an installed copy; they read it in from the build folder. It makes the
# folder "$work", installs below it, and sets PATH and the like so that the copy is found, and
#   $strict, $cflags, $libs   flags of the compiler: strict ones, and those that pkg-config gives
srcdir=$(cd "${srcdir:-.}" && pwd) || exit 99
: "${CC:=cc}" "${MAKE:=make}" "${PKG_CONFIG:=pkg-config}"
test -f "${PAL_LIBRARY:-.libs/libpalimpsest.so}" || { echo "no shared library"; exit 77; }

work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
root=$work/root

# Nothing of the outer make's job server or variables.
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
