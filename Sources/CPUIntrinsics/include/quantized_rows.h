// The quantised activations of a matrix product, for the kernels of all instruction sets and their caller. A struct of C for
// the reason told in attention_unit.h.
#pragma once
#include <stdint.h>

#pragma clang assume_nonnull begin

// Rows of A that are computed together: their activations should stay in the second-level cache while the panels stream
// past.
static const long gemm_row_block = 96;

// The quantised rows of A, in groups that a tile computes together (RowGroups.swift). A group of R rows from row m on has
// q [K / 32, R, 32] at m K, scales and offsets [K / 32, R] at m K / 32, half_offsets [K / 32, R, 2] at m K / 16.
typedef struct {
  int16_t *q;
  float *scales, *offsets, *half_offsets;
} QuantizedRows;

#pragma clang assume_nonnull end
