// Root mean square normalization, the simplest version that a compiler can vectorise: y = x / sqrt(mean(x²) + eps) · weight.
//
// Sixteen partial sums in a fixed order: a row's result depends on that row alone, whatever else is in the batch.
#include <cmath>

#include "swiftlet_kernel.h"

SWIFTLET_KERNEL(run, swiftlet::Tensor<const float> hidden_states, swiftlet::Tensor<const float> weight, float eps,
                swiftlet::Tensor<float> output) {
  const int64_t rows = hidden_states.size(0), hidden = hidden_states.size(1);
  for (int64_t row = 0; row < rows; ++row) {
    const float *x = hidden_states.row(row);
    float *y = output.row(row);
    float partial[16] = {};
    int64_t i = 0;
    for (; i + 16 <= hidden; i += 16)
      for (int lane = 0; lane < 16; ++lane) partial[lane] += x[i + lane] * x[i + lane];
    for (; i < hidden; ++i) partial[i % 16] += x[i] * x[i];
    float total = 0;
    for (float sum : partial) total += sum;
    const float scale = 1.0f / std::sqrt(total / static_cast<float>(hidden) + eps);
    for (i = 0; i < hidden; ++i) y[i] = x[i] * scale * weight[i];
  }
}
