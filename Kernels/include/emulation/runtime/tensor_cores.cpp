// ldmatrix and mma.sync. The operands of the 32 lanes are put together, multiplied, and handed out again.
#include "../parts/tensor_cores.h"

#include <cstring>

#include "blocks.h"
#include "numbers.h"
#include "races.h"

namespace emulation {

namespace {

struct MatrixOperands {
  float* c;
  const uint32_t* a;
  const uint32_t* b;
};

/// PTX ISA, "Matrix fragments for mma.m16n8k16": with g = lane / 4 and t = lane % 4, register r of A holds elements
/// (g + 8 (r % 2), 2 t + 8 (r / 2)) and the one right of it, register r of B (2 t + 8 r, g) and the one below it, and
/// element r of C is (g + 8 (r / 2), 2 t + r % 2). m16n8k8 has the first half of A's and B's registers.
template <uint32_t K, Factor FACTOR>
void multiply_lanes(Thread* lanes, uint32_t) {
  alignas(64) float a[16][K], b[K][8], c[16][8];
  for (uint32_t lane = 0; lane < 32; ++lane) {
    const auto* operands = static_cast<const MatrixOperands*>(lanes[lane].input);
    const uint32_t g = lane / 4, t = lane % 4;
    for (uint32_t r = 0; r < K / 4; ++r) {
      float* pair = &a[g + r % 2 * 8][t * 2 + r / 2 * 8];
      widen_pair<FACTOR>(operands->a[r], pair[0], pair[1]);
    }
    for (uint32_t r = 0; r < K / 8; ++r) {
      const uint32_t k = t * 2 + r * 8;
      widen_pair<FACTOR>(operands->b[r], b[k][g], b[k + 1][g]);
    }
    for (uint32_t r = 0; r < 4; ++r) c[g + r / 2 * 8][t * 2 + r % 2] = operands->c[r];
  }
  for (uint32_t i = 0; i < 16; ++i) {
    float sum[8];
    memcpy(sum, c[i], sizeof(sum));
    for (uint32_t k = 0; k < K; ++k) {
      for (uint32_t j = 0; j < 8; ++j) sum[j] += a[i][k] * b[k][j];
    }
    memcpy(c[i], sum, sizeof(sum));
  }
  for (uint32_t lane = 0; lane < 32; ++lane) {
    float* out = static_cast<const MatrixOperands*>(lanes[lane].input)->c;
    const uint32_t g = lane / 4, t = lane % 4;
    for (uint32_t r = 0; r < 4; ++r) out[r] = c[g + r / 2 * 8][t * 2 + r % 2];
  }
}

template <uint32_t MATRICES, bool TRANSPOSED>
void load_lanes(Thread* lanes, uint32_t) {
  for (uint32_t i = 0; i < MATRICES; ++i) {
    uint16_t matrix[8][8];
    for (uint32_t row = 0; row < 8; ++row) memcpy(matrix[row], lanes[i * 8 + row].input, 16);
    for (uint32_t lane = 0; lane < 32; ++lane) {
      uint32_t* d = static_cast<uint32_t*>(lanes[lane].output);
      const uint32_t g = lane / 4, t = lane % 4 * 2;
      d[i] = TRANSPOSED ? matrix[t][g] | static_cast<uint32_t>(matrix[t + 1][g]) << 16
                        : matrix[g][t] | static_cast<uint32_t>(matrix[g][t + 1]) << 16;
    }
  }
}

void check_warp(const char* name) {
  if (self->warp->live != ~0u) fault("%s: all 32 lanes of the warp take part, and only 0x%08x are there", name, self->warp->live);
}

}  // namespace

void multiply_accumulate(float* c, const uint32_t* a, const uint32_t* b, uint32_t k, Factor factor) {
  static const Operation operations[2][2] = {
      {multiply_lanes<8, Factor::float16>, multiply_lanes<8, Factor::bfloat16>},
      {multiply_lanes<16, Factor::float16>, multiply_lanes<16, Factor::bfloat16>},
  };
  const MatrixOperands operands{c, a, b};
  check_warp("mma.sync");
  self->input = &operands;
  Worker::current->operate(~0u, "mma.sync", __builtin_return_address(0), operations[k == 16][static_cast<int>(factor)]);
}

void load_matrices(uint32_t* d, const void* row, uint32_t matrices, bool transposed) {
  static const Operation operations[3][2] = {
      {load_lanes<1, false>, load_lanes<1, true>},
      {load_lanes<2, false>, load_lanes<2, true>},
      {load_lanes<4, false>, load_lanes<4, true>},
  };
  check_warp("ldmatrix");
  // The addresses of the other lanes are not looked at.
  if (self->lane < matrices * 8) {
    if (reinterpret_cast<uintptr_t>(row) % 16 != 0) {
      fault_with(misaligned_address, "ldmatrix: the address of a row, %p, is not a multiple of 16", row);
    }
    note_read(row, 16, __builtin_return_address(0));
  }
  self->input = row;
  self->output = d;
  Worker::current->operate(~0u, "ldmatrix", __builtin_return_address(0), operations[matrices / 2][transposed]);
}

}  // namespace emulation
