// 8-bit floating-point numbers and vectors of them.
#pragma once

#include "common.h"

using fp8_e4_t = __nv_fp8_e4m3;
using fp8_e5_t = __nv_fp8_e5m2;

namespace tl {
using float_e4m3_t = fp8_e4_t;
using float_e5m2_t = fp8_e5_t;
}  // namespace tl

#define EMULATION_FP8_VECTORS(kind)                                                             \
  struct alignas(2) kind##_2_t { kind##_t x, y; };                                              \
  struct alignas(4) kind##_4_t { kind##_t x, y, z, w; };                                        \
  struct alignas(8) kind##_8_t { kind##_4_t x, y; };                                            \
  struct alignas(16) kind##_16_t { kind##_8_t x, y; };
EMULATION_FP8_VECTORS(fp8_e4)
EMULATION_FP8_VECTORS(fp8_e5)
#undef EMULATION_FP8_VECTORS

// Conversions between them and wider types. To fp8 they saturate.
inline __half __tl_cvt_fp8_to_half(__nv_fp8_storage_t x, __nv_fp8_interpretation_t kind) {
  return __half(__nv_cvt_fp8_to_halfraw(x, kind));
}
inline __half2 __tl_cvt_fp8x2_to_half2(__nv_fp8x2_storage_t x, __nv_fp8_interpretation_t kind) {
  return __half2(__nv_cvt_fp8x2_to_halfraw2(x, kind));
}
inline float2 __tl_cvt_fp8x2_to_float2(__nv_fp8x2_storage_t x, __nv_fp8_interpretation_t kind) {
  return __half22float2(__tl_cvt_fp8x2_to_half2(x, kind));
}
inline __nv_bfloat16 __tl_cvt_fp8_to_bfloat16(__nv_fp8_storage_t x, __nv_fp8_interpretation_t kind) {
  return __float2bfloat16_rn(__half2float(__tl_cvt_fp8_to_half(x, kind)));
}
inline __nv_bfloat162 __tl_cvt_e4m3x2_to_bfloat162(__nv_fp8x2_storage_t x) {
  return __float22bfloat162_rn(__tl_cvt_fp8x2_to_float2(x, __NV_E4M3));
}
inline __nv_bfloat162 __tl_cvt_e5m2x2_to_bfloat162(__nv_fp8x2_storage_t x) {
  return __float22bfloat162_rn(__tl_cvt_fp8x2_to_float2(x, __NV_E5M2));
}
inline __nv_fp8_storage_t __tl_cvt_half_to_fp8(__half x, __nv_fp8_interpretation_t kind) {
  return __nv_cvt_halfraw_to_fp8(static_cast<__half_raw>(x), __NV_SATFINITE, kind);
}
inline __nv_fp8x2_storage_t __tl_cvt_half2_to_fp8x2(__half2 x, __nv_fp8_interpretation_t kind) {
  return __nv_cvt_halfraw2_to_fp8x2(static_cast<__half2_raw>(x), __NV_SATFINITE, kind);
}
inline __nv_fp8_storage_t __tl_cvt_bfloat16_to_fp8(__nv_bfloat16 x, __nv_fp8_interpretation_t kind) {
  return __nv_cvt_bfloat16raw_to_fp8(static_cast<__nv_bfloat16_raw>(x), __NV_SATFINITE, kind);
}
inline __nv_fp8x2_storage_t __tl_cvt_bfloat162_to_fp8x2(__nv_bfloat162 x, __nv_fp8_interpretation_t kind) {
  return __nv_cvt_bfloat16raw2_to_fp8x2(static_cast<__nv_bfloat162_raw>(x), __NV_SATFINITE, kind);
}
