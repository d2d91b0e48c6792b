/* SPDX-License-Identifier: Apache-2.0 */
/* Defines the built-in tasks with pal_define_task, as a plug-in does (floor 5). */
#include <palimpsest/task.h>

extern const pal_task_definition pal_task_dyck, pal_task_mincut, pal_task_parity, pal_task_star,
    pal_task_sudoku, pal_task_text_definition, pal_task_transitions;

pal_status pal_register_tasks(pal_context *context, pal_error *error) {
  const pal_task_definition *all[] = {
      &pal_task_dyck,   &pal_task_mincut,          &pal_task_parity,     &pal_task_star,
      &pal_task_sudoku, &pal_task_text_definition, &pal_task_transitions};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    pal_status status = pal_define_task(context, all[i], error);
    if (status) return status;
  }
  return PAL_OK;
}
