// Rows of a table of Q8_0 blocks by token, as float32. A block is a float16 scale and 32 int8 values, 34 bytes.
// Bytes per element: 1.06 read, 4 written; tokens are independent.
#include <cstring>

#include "swiftlet_kernel.h"

// tokens: [num_tokens]; weight: [vocab_size, hidden_size / 32 * 34] int8; output: [num_tokens, hidden_size]
SWIFTLET_KERNEL(run, swiftlet::Tensor<const int32_t> tokens, swiftlet::Tensor<const int8_t> weight,
                swiftlet::Tensor<float> output) {
  constexpr int64_t block_elements = 32, block_bytes = 34;
  tokens.expect_rank(1);
  output.expect_rank(2);
  const int64_t hidden = output.size(1), blocks = hidden / block_elements;
  if (hidden % block_elements != 0)
    throw swiftlet::Error("output is ", output.shape(), ", its rows must be of whole blocks of ", block_elements);
  output.expect_shape({tokens.size(0), hidden});
  weight.expect_shape({-1, blocks * block_bytes});
  for (int64_t i = 0; i < tokens.count(); ++i)
    if (tokens[i] < 0 || tokens[i] >= weight.size(0))
      throw swiftlet::Error("tokens[", i, "] is ", tokens[i], ", the table has ", weight.size(0), " rows");

  for (int64_t i = 0; i < tokens.count(); ++i) {
    const int8_t *source = weight.row(tokens[i]);
    float *target = output.row(i);
    for (int64_t block = 0; block < blocks; ++block, source += block_bytes, target += block_elements) {
      swiftlet::float16 scale;
      std::memcpy(&scale, source, sizeof scale);
      const float d = scale;
      for (int64_t k = 0; k < block_elements; ++k) target[k] = d * static_cast<float>(source[2 + k]);
    }
  }
}
