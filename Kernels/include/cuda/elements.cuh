// Element types, 16-byte vectors of them, and conversions to and from float.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#if !defined(__CUDACC_RTC__)
#include <cstdint>
#endif

/// N elements that are loaded and stored as one. Aligned to its own size, at most 16 bytes.
template <typename T, int N>
struct alignas(sizeof(T) * N) Vector {
  T element[N];
  __device__ __forceinline__ T& operator[](int i) { return element[i]; }
  __device__ __forceinline__ const T& operator[](int i) const { return element[i]; }
};

/// The most elements of T, a power of two up to 16 bytes, that divide `count`: how wide rows of `count` can be moved.
template <typename T>
__host__ __device__ constexpr int vector_width(int count) {
  int width = 16 / static_cast<int>(sizeof(T));
  while (width > 1 && count % width != 0) width /= 2;
  return width;
}

/// The same for rows of several types that are moved together.
template <typename A, typename B, typename... More>
__host__ __device__ constexpr int vector_width(int count) {
  const int first = vector_width<A>(count), rest = vector_width<B, More...>(count);
  return first < rest ? first : rest;
}

template <typename T, int N>
__device__ __forceinline__ Vector<T, N> load_vector(const T* address) {
  return *reinterpret_cast<const Vector<T, N>*>(address);
}
template <typename T, int N>
__device__ __forceinline__ void store_vector(T* address, const Vector<T, N>& value) {
  *reinterpret_cast<Vector<T, N>*>(address) = value;
}

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(__half x) { return __half2float(x); }
__device__ __forceinline__ float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ __forceinline__ float to_float(__nv_fp8_e4m3 x) { return static_cast<float>(x); }

/// Rounds to nearest even; e4m3 saturates at 448.
template <typename T>
__device__ __forceinline__ T from_float(float x);
template <>
__device__ __forceinline__ float from_float<float>(float x) {
  return x;
}
template <>
__device__ __forceinline__ __half from_float<__half>(float x) {
  return __float2half_rn(x);
}
template <>
__device__ __forceinline__ __nv_bfloat16 from_float<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}
template <>
__device__ __forceinline__ __nv_fp8_e4m3 from_float<__nv_fp8_e4m3>(float x) {
  return __nv_fp8_e4m3(x);
}

template <typename To, typename From>
struct Conversion {
  static __device__ __forceinline__ To of(From x) { return from_float<To>(to_float(x)); }
};
template <typename T>
struct Conversion<T, T> {
  static __device__ __forceinline__ T of(T x) { return x; }
};

/// By way of float, as `from_float` rounds; bit for bit where the types are one.
template <typename To, typename From>
__device__ __forceinline__ To convert(From x) {
  return Conversion<To, From>::of(x);
}

template <typename T>
constexpr bool is_half = false;
template <>
constexpr bool is_half<__half> = true;

/// Two floats as the two halves of a register, the first in the lower half: an operand of mma.sync.
template <typename T>
__device__ __forceinline__ uint32_t pack(float low, float high);
template <>
__device__ __forceinline__ uint32_t pack<__half>(float low, float high) {
  const __half2 pair = __floats2half2_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&pair);
}
template <>
__device__ __forceinline__ uint32_t pack<__nv_bfloat16>(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&pair);
}
