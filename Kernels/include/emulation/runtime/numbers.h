// Half and bfloat16 as float, quickly.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__F16C__)
#include <immintrin.h>
#endif

#include "../parts/tensor_cores.h"

namespace emulation {

inline float float_from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof(x));
  return x;
}

inline float widen_half(uint16_t half) {
#if defined(__F16C__)
  return _cvtsh_ss(half);
#elif defined(__aarch64__)
  __fp16 x;
  memcpy(&x, &half, sizeof(x));
  return static_cast<float>(x);
#else
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, rest = half & 0x7fff;
  if (rest >= 0x7c00) return float_from_bits(sign | 0x7f800000 | (rest & 0x3ff) << 13);   // infinite, or not a number
  // As an exponent 112 too small, which the multiplication corrects; also right for subnormal numbers.
  return float_from_bits(sign | rest << 13) * 0x1p112f;
#endif
}

/// The two numbers in a register, the lower half first.
template <Factor FACTOR>
inline void widen_pair(uint32_t pair, float& low, float& high) {
  if constexpr (FACTOR == Factor::bfloat16) {
    low = float_from_bits(pair << 16);
    high = float_from_bits(pair & 0xffff0000u);
  } else {
    low = widen_half(static_cast<uint16_t>(pair));
    high = widen_half(static_cast<uint16_t>(pair >> 16));
  }
}

}  // namespace emulation
