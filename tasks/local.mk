# SPDX-License-Identifier: Apache-2.0
# Floor 5: generators, traces, verifiers, renderers.
libpal_core_la_SOURCES += \
	%D%/alphabet.c \
	%D%/asked.c \
	%D%/counted.c \
	%D%/dyck.c \
	%D%/dyck_trace.c \
	%D%/dyck_words.c \
	%D%/mincut.c \
	%D%/mincut_diagram.c \
	%D%/mincut_example.c \
	%D%/mincut_graph.c \
	%D%/mincut_sequence.c \
	%D%/mincut_text.c \
	%D%/mincut_trace.c \
	%D%/parity.c \
	%D%/star.c \
	%D%/star_graph.c \
	%D%/sudoku.c \
	%D%/sudoku_answer.c \
	%D%/sudoku_board.c \
	%D%/sudoku_format.c \
	%D%/sudoku_lines.c \
	%D%/sudoku_make.c \
	%D%/sudoku_order.c \
	%D%/sudoku_policy.c \
	%D%/sudoku_puzzles.c \
	%D%/sudoku_released.c \
	%D%/sudoku_series.c \
	%D%/sudoku_symmetry.c \
	%D%/sudoku_text.c \
	%D%/sudoku_walk.c \
	%D%/table.c \
	%D%/task.c \
	%D%/text.c \
	%D%/text_file.c \
	%D%/transitions.c \
	%D%/transitions_derive.c \
	%D%/transitions_line.c
noinst_HEADERS += \
	%D%/alphabet.h \
	%D%/counted.h \
	%D%/dyck.h \
	%D%/mincut.h \
	%D%/star.h \
	%D%/sudoku.h \
	%D%/sudoku_task.h \
	%D%/text_file.h \
	%D%/transitions.h
