# SPDX-License-Identifier: Apache-2.0
# Builds the plug-in NAME.so from NAME.c.
#
#   make          against the installed Palimpsest, which pkg-config finds
#   make check    and tries it out with the program palimpsest
#
# Installed elsewhere, or to use a build folder of Palimpsest itself without installing it:
#
#   make PKG_CONFIG_PATH=/PREFIX/lib/pkgconfig PALIMPSEST=/PREFIX/bin/palimpsest check
#   make PKG_CONFIG_PATH=/BUILD PALIMPSEST=/BUILD/palimpsest check
CC = cc
CFLAGS = -O2 -Wall -Wextra
PALIMPSEST = palimpsest
PKG_CONFIG = PKG_CONFIG_PATH="$(PKG_CONFIG_PATH)" pkg-config

# -ffp-contract=off: a * b + c is rounded twice on every machine, so that results are the same bits.
NAME.so: NAME.c
	flags=`$(PKG_CONFIG) --cflags --libs palimpsest` && \
	  $(CC) -std=c11 -ffp-contract=off $(CFLAGS) -shared -fPIC NAME.c $$flags -o NAME.so

clean:
	rm -f NAME.so

