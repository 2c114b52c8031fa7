// Arithmetic of pairs: of floats, and of 16-bit elements in a register.
#pragma once

namespace tl {

template <typename T>
inline T from_uint1(uint1 bits) {
  static_assert(sizeof(T) == sizeof(uint1));
  T pair;
  memcpy(static_cast<void*>(&pair), &bits, sizeof(T));
  return pair;
}
template <typename T>
inline uint1 to_uint1(T pair) {
  static_assert(sizeof(T) == sizeof(uint1));
  uint1 bits;
  memcpy(&bits, static_cast<const void*>(&pair), sizeof(T));
  return bits;
}
inline uint1 pack_half2(half_t low, half_t high) { return uint1{__pack_half2(low, high)}; }
inline uint1 pack_bfloat162(bfloat16_t low, bfloat16_t high) { return uint1{__pack_nv_bfloat162(low, high)}; }

template <typename T>
inline T fast_max(T a, T b) { return a < b ? b : a; }
template <>
inline float fast_max(float a, float b) { return fmaxf(a, b); }
template <typename T>
inline T fast_min(T a, T b) { return b < a ? b : a; }
template <>
inline float fast_min(float a, float b) { return fminf(a, b); }

inline float2 add2(float2 a, float2 b) { return float2{a.x + b.x, a.y + b.y}; }
inline float2 sub2(float2 a, float2 b) { return float2{a.x - b.x, a.y - b.y}; }
inline float2 mul2(float2 a, float2 b) { return float2{a.x * b.x, a.y * b.y}; }
inline float2 fma2(float2 a, float2 b, float2 c) { return float2{fmaf(a.x, b.x, c.x), fmaf(a.y, b.y, c.y)}; }
inline float2 max2(float2 a, float2 b) { return float2{fmaxf(a.x, b.x), fmaxf(a.y, b.y)}; }
inline float2 min2(float2 a, float2 b) { return float2{fminf(a.x, b.x), fminf(a.y, b.y)}; }
inline float2 abs2(float2 a) { return float2{fabsf(a.x), fabsf(a.y)}; }

#define EMULATION_PAIR_FUNCTIONS(T)                              \
  inline T add2(T a, T b) { return __hadd2(a, b); }              \
  inline T sub2(T a, T b) { return __hsub2(a, b); }              \
  inline T mul2(T a, T b) { return __hmul2(a, b); }              \
  inline T fma2(T a, T b, T c) { return __hfma2(a, b, c); }      \
  inline T max2(T a, T b) { return __hmax2(a, b); }              \
  inline T min2(T a, T b) { return __hmin2(a, b); }              \
  inline T max2_nan(T a, T b) { return __hmax2_nan(a, b); }      \
  inline T min2_nan(T a, T b) { return __hmin2_nan(a, b); }      \
  inline T abs2(T a) { return __habs2(a); }
EMULATION_PAIR_FUNCTIONS(__half2)
EMULATION_PAIR_FUNCTIONS(__nv_bfloat162)
#undef EMULATION_PAIR_FUNCTIONS

}  // namespace tl
