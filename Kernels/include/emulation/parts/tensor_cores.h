// ldmatrix and mma.sync: operations of all 32 lanes of a warp, with operands laid out over them as the PTX ISA says.
#pragma once

#include <cstdint>
#include <type_traits>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "threads.h"

namespace emulation {

/// Matrices of 8x8 elements of 16 bits. Lane i gives the address of row i % 8 of matrix i / 8, 16 bytes, aligned to 16.
/// Lane i receives of each matrix elements (i / 4, i % 4 * 2) and the one behind it; transposed, with row and column
/// exchanged.
EMULATION_PUBLIC void load_matrices(uint32_t* d, const void* row, uint32_t matrices, bool transposed);

enum class Factor { float16, bfloat16 };
/// c += a · b in float, one warp. c: 16 x 8; a: 16 x K by rows; b: K x 8 by columns; K is 8 or 16.
EMULATION_PUBLIC void multiply_accumulate(float* c, const uint32_t* a, const uint32_t* b, uint32_t k, Factor factor);

template <int MATRICES, bool TRANSPOSED>
inline void ldmatrix(uint32_t (&d)[MATRICES], const void* row) {
  static_assert(MATRICES == 1 || MATRICES == 2 || MATRICES == 4, "ldmatrix loads 1, 2 or 4 matrices");
  load_matrices(d, row, MATRICES, TRANSPOSED);
}

template <typename T>
constexpr Factor factor_of() {
  static_assert(std::is_same_v<T, __half> || std::is_same_v<T, __nv_bfloat16>, "mma.sync is emulated for half and bfloat16");
  return std::is_same_v<T, __half> ? Factor::float16 : Factor::bfloat16;
}

template <typename T>
inline void mma_m16n8k16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  multiply_accumulate(c, a, b, 16, factor_of<T>());
}
template <typename T>
inline void mma_m16n8k8(float (&c)[4], const uint32_t (&a)[2], const uint32_t (&b)[1]) {
  multiply_accumulate(c, a, b, 8, factor_of<T>());
}

}  // namespace emulation
