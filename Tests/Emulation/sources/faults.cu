// One kernel per fault that the emulation reports.
#include "instructions.cuh"

extern "C" __global__ void missed_barrier(int* output) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    (void)__shfl_sync(~0u, 1, 0);
    if (threadIdx.x == 40) (void)__shfl_xor_sync(~0u, 1, 1);
    __syncthreads();
  }
  output[0] = 1;
}

extern "C" __global__ void lane_not_in_mask(int* output) { output[threadIdx.x] = __shfl_sync(0x0000ffffu, 1, 0); }

extern "C" __global__ void misaligned_copy(int* output, const int* input) {
  __shared__ __align__(16) int tile[8];
  cp_async_16(&tile[1], input);
  output[0] = tile[1];
}

extern "C" __global__ void partial_warp(float* output) {
  float c[4] = {};
  const uint32_t a[4] = {}, b[2] = {};
  if (threadIdx.x < 16) return;
  mma_m16n8k16<__half>(c, a, b);
  output[0] = c[0];
}

extern "C" __global__ void asserts(int* output, int value) {
  assert(value == 1);
  output[0] = value;
}

extern "C" __global__ void traps(int* output) {
  if (threadIdx.x == 3) __trap();
  output[0] = 1;
}

extern "C" __global__ void waits_for_ever(int* output) {
  while (atomicAdd(output, 0) == 0) {
  }
}

extern "C" __global__ void wrong_barrier_count(int* output) {
  emulation::synchronize_named(1, threadIdx.x < 32 ? 64 : 32);
  output[0] = 1;
}
