// Rows of a table by token, widened to float32. Bytes per element: 2 or 4 read, 4 written; tokens are independent.
#include "swiftlet_kernel.h"

namespace {

template <typename Element>
void look_up(const swiftlet::Tensor<const int32_t> &tokens, const swiftlet::Tensor<const Element> &table,
             const swiftlet::Tensor<float> &output) {
  for (int64_t i = 0; i < tokens.count(); ++i) {
    const Element *source = table.row(tokens[i]);
    float *target = output.row(i);
    for (int64_t k = 0; k < output.size(1); ++k) target[k] = source[k];
  }
}

}  // namespace

// tokens: [num_tokens]; weight: [vocab_size, hidden_size] float32, float16 or bfloat16; output: [num_tokens, hidden_size]
SWIFTLET_KERNEL(run, swiftlet::Tensor<const int32_t> tokens, swiftlet::AnyTensor weight,
                swiftlet::Tensor<float> output) {
  tokens.expect_rank(1);
  weight.expect_rank(2);
  output.expect_shape({tokens.size(0), weight.size(1)});
  for (int64_t i = 0; i < tokens.count(); ++i)
    if (tokens[i] < 0 || tokens[i] >= weight.size(0))
      throw swiftlet::Error("tokens[", i, "] is ", tokens[i], ", the table has ", weight.size(0), " rows");

  if (weight.is<float>()) look_up(tokens, weight.as<const float>(), output);
  else if (weight.is<swiftlet::float16>()) look_up(tokens, weight.as<const swiftlet::float16>(), output);
  else look_up(tokens, weight.as<const swiftlet::bfloat16>(), output);
}
