// Assertions and printing.
#pragma once

#include "common.h"

inline void device_assert(bool condition) { assert(condition); }
inline void device_assert_with_msg(bool condition, const char* message) {
  if (!condition) emulation::fault("assertion failed: %s", message);
}
template <typename T>
inline void debug_print_var(const char* message, T value) {
  printf("%sblock (%u, %u, %u), thread (%u, %u, %u): %g\n", message, unsigned(blockIdx.x), unsigned(blockIdx.y), unsigned(blockIdx.z), threadIdx.x,
         threadIdx.y, threadIdx.z, static_cast<double>(value));
}
