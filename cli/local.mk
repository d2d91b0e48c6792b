# Floor 6: the program. It sees only what the shared library exports.
bin_PROGRAMS += palimpsest
palimpsest_SOURCES = \
	%D%/check_op.c \
	%D%/compare.c \
	%D%/eval.c \
	%D%/evaluate.c \
	%D%/info.c \
	%D%/job.c \
	%D%/main.c \
	%D%/options.c \
	%D%/progress.c \
	%D%/recipes.c \
	%D%/rundir.c \
	%D%/table.c \
	%D%/train.c
noinst_HEADERS += \
	%D%/cli.h \
	%D%/recipes.h
palimpsest_LDADD = libpalimpsest.la $(JANSSON_LIBS)
