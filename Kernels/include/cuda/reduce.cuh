// Reductions over a warp and over a block, in an order that depends on nothing but the thread's number.
#pragma once

__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffu, value, distance);
  return value;
}

__device__ __forceinline__ float warp_max(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, distance));
  }
  return value;
}

/// The sum over a block of THREADS (a multiple of 32), in all threads. Two barriers; may be called again at once.
template <int THREADS>
__device__ __forceinline__ float block_sum(float value) {
  constexpr int warps = THREADS / 32;
  value = warp_sum(value);
  if constexpr (warps == 1) return value;
  __shared__ float partial[warps];
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  float sum = 0;
#pragma unroll
  for (int i = 0; i < warps; ++i) sum += partial[i];
  __syncthreads();
  return sum;
}
