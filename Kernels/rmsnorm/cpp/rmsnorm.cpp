// y = x / sqrt(mean(x^2) + eps) * weight, row by row; the fused form first adds the residual.
//
// Bytes per element: 4 read, 4 written (fused: 8 and 8). Eight partial sums along the row in a fixed order, so that the
// compiler can keep them in registers and the result depends on the row alone.
#include <cmath>

#include "ckernels.h"

namespace {

// reduce
float sum_of_squares(const float *x, long hidden) {
  float partial[8] = {};
  long i = 0;
  for (; i + 8 <= hidden; i += 8)
    for (int lane = 0; lane < 8; ++lane) partial[lane] += x[i + lane] * x[i + lane];
  float total = ((partial[0] + partial[4]) + (partial[2] + partial[6])) + ((partial[1] + partial[5]) + (partial[3] + partial[7]));
  for (; i < hidden; ++i) total += x[i] * x[i];
  return total;
}

// scale and store
void normalise(const float *x, const float *weight, float eps, float *y, long hidden) {
  const float scale = 1.0f / std::sqrt(sum_of_squares(x, hidden) / static_cast<float>(hidden) + eps);
  for (long i = 0; i < hidden; ++i) y[i] = x[i] * scale * weight[i];
}

}  // namespace

// x, y: [rows, hidden], may be the same; weight: [hidden]
void swiftlet_rmsnorm(const float *x, const float *weight, float eps, float *y, long rows, long hidden) {
  for (long row = 0; row < rows; ++row) normalise(x + row * hidden, weight, eps, y + row * hidden, hidden);
}

// residual_out = x + residual, may be residual; y = rmsnorm(residual_out), may be x
void swiftlet_fused_add_rmsnorm(const float *x, const float *residual, const float *weight, float eps, float *y,
                                float *residual_out, long rows, long hidden) {
  for (long row = 0; row < rows; ++row) {
    const long base = row * hidden;
    for (long i = 0; i < hidden; ++i) residual_out[base + i] = x[base + i] + residual[base + i];
    normalise(residual_out + base, weight, eps, y + base, hidden);
  }
}
