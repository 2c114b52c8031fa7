// y = silu(gate) * up with gate | up side by side in each row; silu(x) = x / (1 + e^-x).
//
// Bytes per output: 8 read, 4 written. Element-wise: a result depends on its own two inputs alone.
#include <cmath>

#include "swiftlet_kernel.h"

// input: [num_tokens, 2 * intermediate_size], gate then up; output: [num_tokens, intermediate_size]
SWIFTLET_KERNEL(run, swiftlet::Tensor<const float> input, swiftlet::Tensor<float> output) {
  output.expect_rank(2);
  const int64_t rows = output.size(0), width = output.size(1);
  input.expect_shape({rows, 2 * width});

  for (int64_t row = 0; row < rows; ++row) {
    const float *gate = input.row(row), *up = gate + width;
    float *y = output.row(row);
    for (int64_t i = 0; i < width; ++i) y[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
  }
}
