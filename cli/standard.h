/* SPDX-License-Identifier: Apache-2.0 */
/* "-" for standard input and output in place of a file (floor 8). */
#ifndef PAL_CLI_STANDARD_H
#define PAL_CLI_STANDARD_H

#include "cli/options.h"

/* Takes the place of a standard stream that the caller has closed, whose number the next file
 * opened would get: messages would then go into that file. Reading or writing the stream still
 * fails. */
void cli_standard_hold(void);
/* Puts paths in place of each "-" of the command line. Where it names an output, everything else
 * that would go to standard output goes to standard error from here on. PAL_E_ARGUMENT when more
 * than one input, or output, is "-", or when the file is read again later. */
pal_status cli_standard(cli_options *options, pal_error *error);
/* Writes n bytes to a descriptor, however the system splits them. False on failure, with errno. */
bool cli_write_all(int fd, const void *data, size_t n);
/* Writes a whole file; to standard output when the path is "-". */
pal_status cli_save(const char *path, const void *data, size_t size, pal_error *error);
#endif
