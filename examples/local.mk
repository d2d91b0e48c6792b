# SPDX-License-Identifier: Apache-2.0
# Plug-ins and a program as a user would write them, and the recipes for Sudoku. `make check`
# compiles them by build_installed.sh against an installed copy, with public headers only.
EXTRA_DIST += \
	%D%/block_diffusion.c \
	%D%/dyck_exact.c \
	%D%/dyck_words.c \
	%D%/op_segment_log_sum_exp.c \
	%D%/op_softsign.c \
	%D%/pram/brackets.pram \
	%D%/pram/components.pram \
	%D%/pram/context.svg \
	%D%/pram/list_ranking.pram \
	%D%/pram/maximum.pram \
	%D%/pram/passes.svg \
	%D%/pram/prefix_sums.pram \
	%D%/pram/qbf.pram \
	%D%/pram/sequential.pram \
	%D%/pram/sort.pram \
	%D%/pram/table.sh \
	%D%/pram/walk.conf \
	%D%/pram/walk.pram \
	%D%/mincut/checkpoint/config \
	%D%/mincut/checkpoint/ckpt/weights.safetensors \
	%D%/mincut/small.conf \
	%D%/mincut_classes.c \
	%D%/program.c \
	%D%/remasking.c \
	%D%/sudoku/README.md \
	%D%/sudoku/16x16.conf \
	%D%/sudoku/arm4x4.conf \
	%D%/sudoku/checkpoint/config \
	%D%/sudoku/checkpoint/ckpt/weights.safetensors \
	%D%/sudoku/full.conf \
	%D%/sudoku/passes.svg \
	%D%/sudoku/quickstart.conf \
	%D%/structure/dyck_edits.conf \
	%D%/structure/star_edits.conf \
	%D%/task_squeeze.c \
	%D%/uniform_diffusion.c
dist_check_SCRIPTS += %D%/build_installed.sh
