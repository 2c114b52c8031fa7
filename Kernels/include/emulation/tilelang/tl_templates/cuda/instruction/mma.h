// mma.sync of 16-bit factors with sums in float.
#pragma once

#include "../common.h"

namespace tl {

template <DataType A, DataType B, DataType C, int M, int N, int K, bool TRANSPOSED_A, bool TRANSPOSED_B, bool SATURATE = false>
inline void mma_sync(float* c, const uint32_t* a, const uint32_t* b) {
  static_assert(A == B && (A == DataType::kFloat16 || A == DataType::kBFloat16) && C == DataType::kFloat32,
                "the emulation multiplies float16 or bfloat16, and sums in float32");
  static_assert(M == 16 && N == 8 && (K == 16 || K == 8), "the emulation has the shapes m16n8k16 and m16n8k8");
  static_assert(!TRANSPOSED_A && TRANSPOSED_B && !SATURATE, "the emulation has A by rows and B by columns");
  emulation::multiply_accumulate(
      c, a, b, K, A == DataType::kFloat16 ? emulation::Factor::float16 : emulation::Factor::bfloat16);
}

}  // namespace tl
