// Functions of __half and __nv_bfloat16 for which NVIDIA's headers have no host form. Computed in float, rounded once.
#pragma once

#include <cmath>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace emulation {

inline float widen(__half x) { return __half2float(x); }
inline float widen(__nv_bfloat16 x) { return __bfloat162float(x); }
inline void narrow(double x, __half& y) { y = __double2half(x); }
inline void narrow(double x, __nv_bfloat16& y) { y = __double2bfloat16(x); }
template <typename T>
inline T narrowed(double x) {
  T y;
  narrow(x, y);
  return y;
}

/// a · b + c: the product of two such numbers is exact in double, and the sum all but exact.
template <typename T>
inline T multiply_add(T a, T b, T c) {
  return narrowed<T>(static_cast<double>(widen(a)) * widen(b) + widen(c));
}

}  // namespace emulation

#define EMULATION_HALF_FUNCTIONS(T, T2)                                                                               \
  inline T __hfma(T a, T b, T c) { return emulation::multiply_add(a, b, c); }                                         \
  inline T2 __hfma2(T2 a, T2 b, T2 c) { return T2(__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)); }                    \
  inline T __hfma_relu(T a, T b, T c) {                                                                               \
    const T sum = __hfma(a, b, c);                                                                                    \
    return emulation::widen(sum) < 0 ? emulation::narrowed<T>(0) : sum;                                               \
  }                                                                                                                   \
  inline T2 __hfma2_relu(T2 a, T2 b, T2 c) { return T2(__hfma_relu(a.x, b.x, c.x), __hfma_relu(a.y, b.y, c.y)); }

EMULATION_HALF_FUNCTIONS(__half, __half2)
EMULATION_HALF_FUNCTIONS(__nv_bfloat16, __nv_bfloat162)
#undef EMULATION_HALF_FUNCTIONS

#define EMULATION_HALF_FUNCTION(name, T, T2, expression)                               \
  inline T h##name(T value) {                                                          \
    const double x = emulation::widen(value);                                          \
    return emulation::narrowed<T>(expression);                                         \
  }                                                                                    \
  inline T2 h2##name(T2 value) { return T2(h##name(value.x), h##name(value.y)); }
#define EMULATION_HALF_FUNCTION_OF_BOTH(name, expression)                              \
  EMULATION_HALF_FUNCTION(name, __half, __half2, expression)                           \
  EMULATION_HALF_FUNCTION(name, __nv_bfloat16, __nv_bfloat162, expression)

EMULATION_HALF_FUNCTION_OF_BOTH(exp, std::exp(x))
EMULATION_HALF_FUNCTION_OF_BOTH(exp2, std::exp2(x))
EMULATION_HALF_FUNCTION_OF_BOTH(exp10, std::pow(10.0, x))
EMULATION_HALF_FUNCTION_OF_BOTH(log, std::log(x))
EMULATION_HALF_FUNCTION_OF_BOTH(log2, std::log2(x))
EMULATION_HALF_FUNCTION_OF_BOTH(log10, std::log10(x))
EMULATION_HALF_FUNCTION_OF_BOTH(sqrt, std::sqrt(x))
EMULATION_HALF_FUNCTION_OF_BOTH(rsqrt, 1 / std::sqrt(x))
EMULATION_HALF_FUNCTION_OF_BOTH(rcp, 1 / x)
EMULATION_HALF_FUNCTION_OF_BOTH(sin, std::sin(x))
EMULATION_HALF_FUNCTION_OF_BOTH(cos, std::cos(x))
EMULATION_HALF_FUNCTION_OF_BOTH(tanh, std::tanh(x))
EMULATION_HALF_FUNCTION_OF_BOTH(tanh_approx, std::tanh(x))
EMULATION_HALF_FUNCTION_OF_BOTH(ceil, std::ceil(x))
EMULATION_HALF_FUNCTION_OF_BOTH(floor, std::floor(x))
EMULATION_HALF_FUNCTION_OF_BOTH(trunc, std::trunc(x))
EMULATION_HALF_FUNCTION_OF_BOTH(rint, std::nearbyint(x))
#undef EMULATION_HALF_FUNCTION_OF_BOTH
#undef EMULATION_HALF_FUNCTION

inline int __half2int_rn(__half x) { return static_cast<int>(nearbyintf(__half2float(x))); }
inline int __bfloat162int_rn(__nv_bfloat16 x) { return static_cast<int>(nearbyintf(__bfloat162float(x))); }
