// Matrices from shared memory to the registers of a warp. stmatrix is of sm_90, and not emulated.
#pragma once

#include "common.h"

namespace tl {

#define EMULATION_LDMATRIX(name, matrices, transposed)                                          \
  inline void name(const void* row, void* registers) {                                          \
    emulation::load_matrices(static_cast<uint32_t*>(registers), row, matrices, transposed);     \
  }
EMULATION_LDMATRIX(ptx_ldmatrix_x1, 1, false)
EMULATION_LDMATRIX(ptx_ldmatrix_x2, 2, false)
EMULATION_LDMATRIX(ptx_ldmatrix_x4, 4, false)
EMULATION_LDMATRIX(ptx_ldmatrix_x1_trans, 1, true)
EMULATION_LDMATRIX(ptx_ldmatrix_x2_trans, 2, true)
EMULATION_LDMATRIX(ptx_ldmatrix_x4_trans, 4, true)
#undef EMULATION_LDMATRIX

}  // namespace tl
