/* SPDX-License-Identifier: Apache-2.0 */
/* Means over groups of rows within a sequence: segment_group_mean (floor 2).
 *
 * A task is one sequence. Groups are found by comparing their ids, which may be any integers. The
 * mean is computed once, in the first row of a group, and copied to its other rows. */
#define PAL_NO_CALLER
#include "ops/segment.h"

#include <string.h>

static pal_status infer(pal_infer *call) {
  pal_status status = pal_segment_want(call, PAL_F32, 0);
  if (!status) status = pal_want_rank(call, 0, 2, "x");
  if (!status) status = pal_want_dtype(call, 3, PAL_I32, "group");
  if (!status) status = pal_want_rank(call, 3, 2, "group");
  if (!status) status = pal_want_rows(call, 0, 3, "x and group");
  if (status) return status;
  const int64_t blocks = call->in_type[3].dim[1], columns = call->in_type[0].dim[1];
  if (blocks < 1 || columns % blocks != 0)
    return pal_fail(call->error, PAL_E_SHAPE,
                    "the %lld columns of group must be 1 or more and divide the %lld columns of x",
                    (long long)blocks, (long long)columns);
  return pal_infer_same(call);
}

/* Task scratch: int32 [T], the rows of one group, and uint8 [T], which rows are done. */
static size_t task_scratch(const pal_run *run) {
  return (size_t)run->in_rows[0] * (sizeof(int32_t) + 1);
}

/* One block of columns of one sequence. */
typedef struct columns {
  const int32_t *group;   /* row i at group[i * blocks] */
  const float *x;         /* row i at x + i * stride */
  float *out;             /* the same */
  int64_t blocks, stride; /* blocks of columns, columns of x */
  int64_t width;          /* columns of a block */
} columns;

/* The means of one block of columns of a sequence of n rows. row [n] and done [n] are scratch. */
static void mean(const pal_rows_kernels *kernels, const columns *c, int64_t n, int32_t *row,
                 unsigned char *done) {
  memset(done, 0, (size_t)n);
  for (int64_t first = 0; first < n; first++) {
    if (done[first]) continue;
    int64_t members = 0;
    for (int64_t i = first; i < n; i++) {
      if (c->group[i * c->blocks] != c->group[first * c->blocks]) continue;
      row[members++] = (int32_t)i;
      done[i] = 1;
    }
    float *top = c->out + first * c->stride;
    kernels->sum(top, c->x, c->stride, row, members, c->width, (float)members);
    for (int64_t i = 1; i < members; i++)
      memcpy(c->out + row[i] * c->stride, top, (size_t)c->width * sizeof *top);
  }
}

static pal_status run_mean(const pal_run *run) {
  const pal_rows_kernels *kernels = &pal_kernels_of(run->isa)->rows;
  const int64_t blocks = run->in_type[3].dim[1], stride = run->in_type[0].dim[1];
  int32_t *row = run->task_scratch;
  for (int64_t s = run->begin; s < run->end; s++) {
    int64_t begin, n;
    const pal_status status = pal_segment_rows(run, s, &begin, &n);
    if (status) return status;
    columns c = {.blocks = blocks, .stride = stride, .width = stride / blocks};
    for (int64_t b = 0; b < blocks; b++) {
      const int64_t at = begin * stride + b * c.width;
      c.group = (const int32_t *)run->in[3] + begin * blocks + b;
      c.x = (const float *)run->in[0] + at;
      c.out = (float *)run->out[0] + at;
      mean(kernels, &c, n, row, (unsigned char *)(row + n));
    }
  }
  return PAL_OK;
}

static pal_status reference(const pal_reference *c) {
  const int64_t blocks = c->in_type[3].dim[1], stride = c->in_type[0].dim[1];
  const pal_status status = pal_reference_sequences(c, 1, c->in_rows[0], true);
  if (status) return status;
  memset(c->out[0], 0, (size_t)(c->out_rows[0] * stride) * sizeof(double));
  for (int64_t s = 0; s < c->in_rows[1]; s++) {
    const int64_t begin = (int64_t)c->in[1][s], end = begin + (int64_t)c->in[2][s];
    for (int64_t i = begin; i < end; i++) {
      for (int64_t e = 0; e < stride; e++) {
        const int64_t b = e / (stride / blocks);
        double sum = 0.0, members = 0.0;
        for (int64_t j = begin; j < end; j++) {
          if (c->in[3][j * blocks + b] != c->in[3][i * blocks + b]) continue;
          sum += c->in[0][j * stride + e];
          members += 1.0;
        }
        c->out[0][i * stride + e] = sum / members;
      }
    }
  }
  return PAL_OK;
}

/* The matrix that maps rows to their means is symmetric, so the gradient is the same op. */
static pal_status gradient(pal_gradient_call *call) {
  if (call->wanted & 1)
    call->in_grad[0] = pal_segment_group_mean(call->graph, call->out_grad[0], call->in[1],
                                              call->in[2], call->in[3]);
  return PAL_OK;
}

static pal_value sample(pal_case *random) {
  pal_value begin, length;
  const pal_symbol t = pal_case_rows(random);
  const int64_t blocks = pal_case_int(random, 1, 3), width = pal_case_size(random);
  const pal_value x = pal_case_f32(random, PAL_TYPE(PAL_F32, t, 1, blocks * width), -1.0, 1.0);
  const pal_value group =
      pal_case_whole(random, PAL_TYPE(PAL_I32, t, 1, blocks), -1, pal_case_int(random, 0, 5));
  pal_case_ragged(random, &begin, &length, NULL, NULL);
  return pal_segment_group_mean(pal_case_graph(random), x, begin, length, group);
}

pal_value pal_segment_group_mean(pal_graph *g, pal_value x, pal_value begin, pal_value length,
                                 pal_value group) {
  const pal_value in[] = {x, begin, length, group};
  return pal_apply(g, "segment_group_mean", in, 4, NULL, NULL);
}

const pal_op pal_op_segment_group_mean = {
    PAL_OP_HEAD("segment_group_mean",
                "x f32 [T, H w], begin, length i32 [S], group i32 [T, H] -> f32 [T, H w]. Columns\n"
                "h w .. h w + w - 1 of row t are the mean of these columns over all rows u of its\n"
                "sequence with group[u, h] = group[t, h], row t included; 0 in rows of no\n"
                "sequence. This is an attention head with fixed, equal weights. Rows are added in\n"
                "order in blocks of 64, then the blocks in order.\n"
                "Gradient: segment_group_mean(dout)." PAL_SEGMENT_ERROR),
    .min_in = 4,
    .max_in = 4,
    .infer = infer,
    .gradient = gradient,
    .reference = reference,
    .phase = {{.run = pal_segment_clear, .reads = 1u << 1},
              {.run = run_mean, .tasks = pal_segment_tasks}},
    .task_scratch = task_scratch,
    .sample = sample,
};
