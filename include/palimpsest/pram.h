/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of a parallel random access machine (PRAM), and an interpreter.
 *
 * The machine has P processors with K registers each, and M memory cells that they share; registers
 * and cells hold words of W bits. In one step every processor that has not halted executes the
 * instruction at its program counter. All of them read the memory as it was before the step; of
 * several that write to one cell the lowest processor's word stays. Arithmetic is modulo 2^W and
 * without signs. doc/pram.md describes the text form of programs.
 *
 * Numbers of a run: T, the steps until every processor stands at `halt`; P; work, the instructions
 * that were executed; and S = M + P (K + 1), the words of the machine's state (cells, registers,
 * program counters). */
#ifndef PAL_PRAM_H
#define PAL_PRAM_H

#include <palimpsest/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* d, x: registers; y: a register or a constant. Jumps go to instruction `target`. */
typedef enum pal_pram_op {
  PAL_PRAM_ADD, /* d = x + y */
  PAL_PRAM_SUB, /* d = x - y */
  PAL_PRAM_AND, /* bit by bit, as are or and xor */
  PAL_PRAM_OR,
  PAL_PRAM_XOR,
  PAL_PRAM_SHL,   /* d = x shifted left by y bits: 0 if y >= W */
  PAL_PRAM_SHR,   /* right, likewise */
  PAL_PRAM_EQ,    /* d = 1 if x = y, else 0 */
  PAL_PRAM_LT,    /* d = 1 if x < y, else 0 */
  PAL_PRAM_MOVE,  /* d = y */
  PAL_PRAM_LOAD,  /* d = cell y */
  PAL_PRAM_STORE, /* cell y = x */
  PAL_PRAM_JUMP,
  PAL_PRAM_JZ,  /* jump if x = 0 */
  PAL_PRAM_JNZ, /* jump if x != 0 */
  PAL_PRAM_HALT
} pal_pram_op;

enum {
  PAL_PRAM_LEAST_WORD = 4,
  PAL_PRAM_MOST_WORD = 16, /* bits */
  PAL_PRAM_MOST_REGISTERS = 16,
  PAL_PRAM_MOST_CODE = 1024,     /* instructions */
  PAL_PRAM_MOST_INPUTS = 16,     /* declarations */
  PAL_PRAM_MOST_STATE = 1 << 24, /* words, S */
  PAL_PRAM_NAME = 16             /* bytes of a name with its end */
};

typedef struct pal_pram_code {
  pal_pram_op op;
  int d, x, y;  /* registers from 0; -1: not used. y is -1 if it is the constant */
  int constant; /* y if it is no register: 0 .. 2^W - 1 */
  int target;   /* of jumps: an instruction, from 0 */
  int line;     /* of the file, from 1 */
} pal_pram_code;

/* Cells `first` .. first + count - 1 of an instance: random numbers low .. high, or, with `list`,
 * the numbers 0 .. count - 1 as successors in a linked list through all of them, whose last is its
 * own successor. */
typedef struct pal_pram_input {
  int first, count, low, high;
  bool list;
} pal_pram_input;

/* A program for one size n of its instances. */
typedef struct pal_pram {
  char *path;                                /* for messages */
  int n, word, processors, cells, registers; /* n, W, P, M, K */
  int64_t steps;                             /* most steps of a run */
  int n_code, n_input;
  pal_pram_code *code;
  int32_t *start; /* [processors][registers]: registers before the first step */
  pal_pram_input input[PAL_PRAM_MOST_INPUTS];
  char name[PAL_PRAM_MOST_REGISTERS][PAL_PRAM_NAME]; /* of registers */
} pal_pram;

/* Reads a program for instances of size n from a file, or from a text called `path` in messages.
 * NULL with PAL_E_FORMAT and "path:line:column: reason" for an invalid one. */
PAL_API pal_pram *pal_pram_read(const char *path, int n, pal_error *error);
PAL_API pal_pram *pal_pram_parse(const char *text, const char *path, int n, pal_error *error);
PAL_API void pal_pram_free(pal_pram *program);

/* Words of the state, S. */
PAL_API int64_t pal_pram_state(const pal_pram *program);
/* Writes the memory of random instance number `index`: the declared inputs, and zeros. */
PAL_API void pal_pram_instance(const pal_pram *program, uint64_t seed, uint64_t index,
                               int32_t *memory);

/* A run of the interpreter. */
typedef struct pal_pram_run {
  const pal_pram *program;     /* borrowed */
  int32_t *memory, *registers; /* [M], [P][K] */
  int32_t *counter;            /* [P]: the next instruction */
  int32_t *address, *value;    /* [P]: a step's writes; address -1: none */
  int64_t time, work;          /* T and work so far */
} pal_pram_run;

/* A run that begins with that memory [M]; PAL_E_ARGUMENT for a number that is no word. NULL on
 * failure. */
PAL_API pal_pram_run *pal_pram_run_new(const pal_pram *program, const int32_t *memory,
                                       pal_error *error);
PAL_API void pal_pram_run_free(pal_pram_run *run);
/* Whether every processor stands at `halt`. */
PAL_API bool pal_pram_halted(const pal_pram_run *run);
/* Executes one step. PAL_E_ARGUMENT with the line, the step and the processor for an address out of
 * range, and for a step beyond the declared number; the state then stays as it was. */
PAL_API pal_status pal_pram_step(pal_pram_run *run, pal_error *error);
/* Executes steps until all processors have halted. */
PAL_API pal_status pal_pram_finish(pal_pram_run *run, pal_error *error);

/* ---- as a network ------------------------------------------------------------------------- */

/* The models that programs are compiled to, and so the rows that the task "pram" gives them. An
 * AP-MDM has the machine's state in its rows, and a pass is a step. An MDM and an ARM have rows for
 * every register and counter of every step; the MDM writes those of a step in one pass, the ARM in
 * a pass each. doc/pram.md shows how. */
typedef enum pal_pram_layout { PAL_PRAM_AP_MDM, PAL_PRAM_MDM, PAL_PRAM_ARM } pal_pram_layout;
enum { PAL_PRAM_SETTING = 32, PAL_PRAM_SETTINGS = 9, PAL_PRAM_MOST_ROWS = 1 << 18 };
/* Rows of a sequence; S are the words of the state, L = P (K + 1). AP-MDM: 2 S + 1; MDM: 1 + S + L
 * steps + M; ARM: 2 + S + L (steps + 1 + M / (P K)), rounded up. */
PAL_API int64_t pal_pram_rows(const pal_pram *program, pal_pram_layout layout);
/* Forward passes of a run of `time` steps, T: T + 2; T + 1; L (T + 1 + M / (P K)) + 1. */
PAL_API int64_t pal_pram_passes(const pal_pram *program, pal_pram_layout layout, int64_t time);
/* Refuses a program that needs more than PAL_PRAM_MOST_ROWS, or, in an AP-MDM,
 * PAL_MOST_EXAMPLE_ROWS (PAL_E_ARGUMENT). */
PAL_API pal_status pal_pram_fits(const pal_pram *program, pal_pram_layout layout, pal_error *error);
/* Writes the settings of the model that can hold the program, "key=value"; returns their number.
 * They do not depend on n. */
PAL_API int pal_pram_settings(const pal_pram *program, pal_pram_layout layout,
                              char text[][PAL_PRAM_SETTING]);
/* Sets all weights of a model with these settings, an ap-mdm, mdm or arm, for the format of the
 * task, so that it executes the program. The only weights that depend on n are those of
 * "model.position.weight". */
PAL_API pal_status pal_pram_compile(const pal_pram *program, pal_model *model, pal_error *error);

/* Name of the task; its program and layout, NULL for another task. */
#define PAL_PRAM_TASK "pram"
PAL_API const pal_pram *pal_pram_of_task(const pal_task *task, pal_pram_layout *layout);
/* Defines the task. */
PAL_API pal_status pal_register_pram(pal_context *context, pal_error *error);

#ifdef __cplusplus
}
#endif
#endif
