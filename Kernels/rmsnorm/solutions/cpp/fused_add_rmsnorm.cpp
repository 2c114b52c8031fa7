// residual_out = x + residual; y = residual_out / sqrt(mean(residual_out^2) + eps) * weight, row by row.
//
// Bytes per element: 8 read, 8 written. Eight partial sums along the row in a fixed order: a row's result depends on the
// row alone. `output` may be `hidden_states`, `residual_out` may be `residual`.
#include <cmath>

#include "swiftlet_kernel.h"

// hidden_states, residual, output, residual_out: [batch_size, hidden_size]; weight: [hidden_size]
SWIFTLET_KERNEL(run, swiftlet::Tensor<const float> hidden_states, swiftlet::Tensor<const float> residual,
                swiftlet::Tensor<const float> weight, float eps, swiftlet::Tensor<float> output,
                swiftlet::Tensor<float> residual_out) {
  hidden_states.expect_rank(2);
  const int64_t rows = hidden_states.size(0), hidden = hidden_states.size(1);
  residual.expect_shape({rows, hidden});
  weight.expect_shape({hidden});
  output.expect_shape({rows, hidden});
  residual_out.expect_shape({rows, hidden});

  for (int64_t row = 0; row < rows; ++row) {
    const float *x = hidden_states.row(row), *r = residual.row(row);
    float *y = output.row(row), *sum = residual_out.row(row);
    // add
    for (int64_t i = 0; i < hidden; ++i) sum[i] = x[i] + r[i];
    // reduce
    float partial[8] = {};
    int64_t i = 0;
    for (; i + 8 <= hidden; i += 8)
      for (int lane = 0; lane < 8; ++lane) partial[lane] += sum[i + lane] * sum[i + lane];
    for (; i < hidden; ++i) partial[i % 8] += sum[i] * sum[i];
    const float total = ((partial[0] + partial[4]) + (partial[2] + partial[6])) +
                        ((partial[1] + partial[5]) + (partial[3] + partial[7]));
    // scale and store
    const float scale = 1.0f / std::sqrt(total / static_cast<float>(hidden) + eps);
    for (i = 0; i < hidden; ++i) y[i] = sum[i] * scale * weight[i];
  }
}
