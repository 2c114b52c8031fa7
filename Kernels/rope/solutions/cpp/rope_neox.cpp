// Rotary position embedding: each pair (a, b) of a head becomes (a cos - b sin, b cos + a sin).
//
// The neox style pairs element i with i + rotary / 2. Bytes per element: 4 read, 4 written, and 4 of the
// table for each token. Tokens are independent. `q_out` may be `q`, `k_out` may be `k`.
#include "swiftlet_kernel.h"

namespace {

void rotate(const swiftlet::Tensor<const float> &x, const swiftlet::Tensor<const float> &table,
            const swiftlet::Tensor<const int32_t> &positions, const swiftlet::Tensor<float> &y) {
  const int64_t heads = x.size(1), dimension = x.size(2), rotary = table.size(1), pairs = rotary / 2;
  for (int64_t token = 0; token < x.size(0); ++token) {
    const float *cosines = table.row(positions[token]), *sines = cosines + pairs;
    for (int64_t head = 0; head < heads; ++head) {
      const float *from = x.row(token) + head * dimension;
      float *to = y.row(token) + head * dimension;
      for (int64_t i = 0; i < pairs; ++i) {
        const float a = from[i], b = from[i + pairs];
        to[i] = a * cosines[i] - b * sines[i];
        to[i + pairs] = b * cosines[i] + a * sines[i];
      }
      for (int64_t i = 2 * pairs; i < dimension; ++i) to[i] = from[i];
    }
  }
}

}  // namespace

// q, q_out: [num_tokens, num_qo_heads, head_size]; k, k_out: [num_tokens, num_kv_heads, head_size]
// cos_sin_cache: [max_seq_len, rotary_dim], cosines then sines; positions: [num_tokens]
SWIFTLET_KERNEL(run, swiftlet::Tensor<const float> q, swiftlet::Tensor<const float> k,
                swiftlet::Tensor<const float> cos_sin_cache, swiftlet::Tensor<const int32_t> positions,
                swiftlet::Tensor<float> q_out, swiftlet::Tensor<float> k_out) {
  q.expect_rank(3);
  k.expect_shape({q.size(0), -1, q.size(2)});
  cos_sin_cache.expect_rank(2);
  positions.expect_shape({q.size(0)});
  q_out.expect_shape({q.size(0), q.size(1), q.size(2)});
  k_out.expect_shape({k.size(0), k.size(1), k.size(2)});
  if (cos_sin_cache.size(1) > q.size(2))
    throw swiftlet::Error("cos_sin_cache is ", cos_sin_cache.shape(), ", a head has ", q.size(2), " elements");
  for (int64_t i = 0; i < positions.count(); ++i)
    if (positions[i] < 0 || positions[i] >= cos_sin_cache.size(0))
      throw swiftlet::Error("positions[", i, "] is ", positions[i], ", the table has ", cos_sin_cache.size(0), " rows");

  rotate(q, cos_sin_cache, positions, q_out);
  rotate(k, cos_sin_cache, positions, k_out);
}
