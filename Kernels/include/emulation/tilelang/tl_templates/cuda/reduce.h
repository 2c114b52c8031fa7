// Reductions over threads.
#pragma once

#include "common.h"

namespace tl {

struct SumOp {
  template <typename T>
  T operator()(const T& a, const T& b) const { return a + b; }
};

#define EMULATION_CHOICE(name, number, half) \
  struct name {                                                                              \
    template <typename T>                                                                    \
    T operator()(const T& a, const T& b) const { return number(a, b); }                      \
    half_t operator()(const half_t& a, const half_t& b) const { return half(a.raw, b.raw); } \
    bfloat16_t operator()(const bfloat16_t& a, const bfloat16_t& b) const { return half(a.raw, b.raw); } \
  };
EMULATION_CHOICE(MaxOp, fast_max, __hmax)
EMULATION_CHOICE(MinOp, fast_min, __hmin)
EMULATION_CHOICE(MaxOpNan, fast_max, __hmax_nan)
EMULATION_CHOICE(MinOpNan, fast_min, __hmin_nan)
#undef EMULATION_CHOICE

#define EMULATION_BITS(name, operation)                                 \
  struct name {                                                         \
    template <typename T>                                               \
    T operator()(const T& a, const T& b) const { return a operation b; } \
  };
EMULATION_BITS(BitAndOp, &)
EMULATION_BITS(BitOrOp, |)
EMULATION_BITS(BitXorOp, ^)
#undef EMULATION_BITS

#define EMULATION_PAIRS(name, function)                                                            \
  struct name##_fp16x2 {                                                                           \
    template <typename T>                                                                          \
    T operator()(const T& a, const T& b) const {                                                   \
      return to_uint1(function(from_uint1<__half2>(a), from_uint1<__half2>(b)));                   \
    }                                                                                              \
  };                                                                                               \
  struct name##_bf16x2 {                                                                           \
    template <typename T>                                                                          \
    T operator()(const T& a, const T& b) const {                                                   \
      return to_uint1(function(from_uint1<__nv_bfloat162>(a), from_uint1<__nv_bfloat162>(b)));     \
    }                                                                                              \
  };
EMULATION_PAIRS(SumOp, add2)
EMULATION_PAIRS(MaxOp, max2)
EMULATION_PAIRS(MinOp, min2)
EMULATION_PAIRS(MaxOpNan, max2_nan)
EMULATION_PAIRS(MinOpNan, min2_nan)
#undef EMULATION_PAIRS

struct SumOp_f32x2 {
  float2 operator()(const float2& a, const float2& b) const { return add2(a, b); }
};
struct MaxOp_f32x2 {
  float2 operator()(const float2& a, const float2& b) const { return max2(a, b); }
};
struct MinOp_f32x2 {
  float2 operator()(const float2& a, const float2& b) const { return min2(a, b); }
};

// Which barrier a reduction waits at, phase by phase.
struct SyncThreadsBarrier {
  template <int PHASE = 0>
  static void sync() { __syncthreads(); }
};
template <int THREADS>
struct NamedBarrier {
  template <int PHASE = 1>
  static void sync() { emulation::synchronize_named(PHASE, THREADS); }
};

/// Reduces over the threads whose numbers differ in the bits from SCALE to THREADS / 2; all of them get the result. Threads of
/// other warps exchange through `buffer` in shared memory, [threads of the block], BATCH times with a distance of STRIDE.
template <class Reducer, int THREADS, int SCALE, int FIRST_THREAD = 0, class Barrier = SyncThreadsBarrier, int BATCH = 1,
          int STRIDE = 0>
struct AllReduce {
  static_assert(THREADS % SCALE == 0 && (SCALE & (SCALE - 1)) == 0 && (THREADS / SCALE & (THREADS / SCALE - 1)) == 0,
                "tl::AllReduce reduces over powers of two");

  template <typename T>
  static T run(T x, T* buffer = nullptr) {
    reduce(&x, 1, buffer);
    return x;
  }
  template <typename T>
  static void run_batch(T* x, T* buffer = nullptr) { reduce(x, BATCH, buffer); }

 private:
  template <typename T>
  static void reduce(T* x, int count, T* buffer) {
    const int thread = static_cast<int>(threadIdx.x) - FIRST_THREAD;
    for (int distance = THREADS / 2; distance >= SCALE; distance /= 2) {
      if (distance >= 32) {
        Barrier::template sync<1>();
        for (int i = 0; i < count; ++i) buffer[thread + i * STRIDE] = x[i];
        Barrier::template sync<2>();
        for (int i = 0; i < count; ++i) x[i] = Reducer()(x[i], buffer[(thread ^ distance) + i * STRIDE]);
      } else {
        for (int i = 0; i < count; ++i) x[i] = Reducer()(x[i], shfl_xor_sync(~0u, x[i], distance));
      }
    }
  }
};

template <typename T, typename Reducer>
inline T warp_reduce(T x, Reducer reducer) {
  for (int distance = 16; distance > 0; distance /= 2) x = reducer(x, shfl_xor_sync(~0u, x, distance));
  return x;
}
template <typename T>
inline T warp_reduce_sum(T x) { return warp_reduce(x, SumOp()); }
template <typename T>
inline T warp_reduce_max(T x) { return warp_reduce(x, MaxOp()); }
template <typename T>
inline T warp_reduce_min(T x) { return warp_reduce(x, MinOp()); }
template <typename T>
inline T warp_reduce_bitand(T x) { return warp_reduce(x, BitAndOp()); }
template <typename T>
inline T warp_reduce_bitor(T x) { return warp_reduce(x, BitOrOp()); }

}  // namespace tl
