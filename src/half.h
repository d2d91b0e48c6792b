/* SPDX-License-Identifier: Apache-2.0 */
/* Values of numbers of 16 bits (floor 0). Every one of them is an f32 exactly. */
#ifndef PAL_SRC_HALF_H
#define PAL_SRC_HALF_H

#include <stdint.h>
#include <string.h>

/* bfloat16: the upper half of an f32. */
static inline float pal_bf16_value(uint16_t upper) {
  const uint32_t bits = (uint32_t)upper << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* IEEE 754 binary16: a sign bit, 5 bits of the exponent with bias 15, 10 of the fraction. */
static inline float pal_half_value(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = half >> 10 & 31u,
                 fraction = half & 0x3ffu;
  const float small = (float)fraction * 0x1p-24f; /* of a subnormal number */
  uint32_t bits;
  float value;
  if (exponent == 0) memcpy(&bits, &small, sizeof bits);
  else bits = (exponent == 31 ? 255u : exponent + 112) << 23 | fraction << 13;
  bits |= sign;
  memcpy(&value, &bits, sizeof value);
  return value;
}
#endif
