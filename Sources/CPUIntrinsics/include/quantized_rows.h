// The quantised activations of a matrix product, for the kernels of all instruction sets and their caller. A struct of C for
// the reason told in attention_unit.h.
#pragma once
#include <stdint.h>

#pragma clang assume_nonnull begin

// The quantised rows of A: q [M, K / 4, 4], scales and offsets [M, K / 32], sums [M, K / 16].
typedef struct {
  const int16_t *q;
  const float *scales, *offsets;
  const int32_t *sums;
} QuantizedRows;

#pragma clang assume_nonnull end
