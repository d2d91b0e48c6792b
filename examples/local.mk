# Plug-ins and programs a user would write. They are compiled against an installed copy, with
# public headers only, by build_installed.sh as a part of `make check`.
EXTRA_DIST += \
	%D%/op_softsign.c \
	%D%/remasking.c
dist_check_SCRIPTS += %D%/build_installed.sh
