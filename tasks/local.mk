# Floor 5: generators, traces, verifiers, renderers.
libpal_core_la_SOURCES += \
	%D%/open.c \
	%D%/parity.c \
	%D%/sudoku_board.c \
	%D%/sudoku_make.c \
	%D%/table.c \
	%D%/task.c \
	%D%/text.c
noinst_HEADERS += \
	%D%/sudoku.h
