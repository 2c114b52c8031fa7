// Kernels with and without races, compiled with what reports their accesses.
#include "instructions.cuh"

// A tile is written and read by others; `barriers` says which of the two barriers are there.
extern "C" __global__ void reverse_twice(int* output, int barriers) {
  __shared__ int tile[64];
  for (int round = 0; round < 2; ++round) {
    tile[threadIdx.x] = static_cast<int>(threadIdx.x) + round;
    if (barriers & 1) __syncthreads();
    output[threadIdx.x] = tile[63 - threadIdx.x];
    if (barriers & 2) __syncthreads();
  }
}

// Lanes of one warp exchange through dynamic shared memory.
extern "C" __global__ void within_a_warp(int* output, int synchronized) {
  DYNAMIC_SHARED(int, tile);
  tile[threadIdx.x] = static_cast<int>(threadIdx.x);
  if (synchronized) __syncwarp();
  else (void)__shfl_sync(~0u, 0, 0);
  output[threadIdx.x] = tile[threadIdx.x ^ 1];
}

extern "C" __global__ void counts(int* output, int atomically) {
  __shared__ int count;
  if (threadIdx.x == 0) count = 0;
  __syncthreads();
  if (atomically) atomicAdd(&count, 1);
  else ++count;
  __syncthreads();
  if (threadIdx.x == 0) output[0] = count;
}

// A stage is copied to again while others may still read it.
extern "C" __global__ void copied_too_early(int* output, const int* input, int barrier) {
  __shared__ __align__(16) int tile[4 * 64];
  cp_async_16(&tile[4 * threadIdx.x], input + 4 * threadIdx.x);
  cp_async_commit();
  cp_async_wait<0>();
  __syncthreads();
  output[threadIdx.x] = tile[4 * (63 - threadIdx.x)];
  if (barrier) __syncthreads();
  cp_async_16(&tile[4 * threadIdx.x], input + 4 * threadIdx.x);
  cp_async_commit();
  cp_async_wait<0>();
}

extern "C" __global__ void in_global_memory(int* output, int barrier) {
  output[threadIdx.x] = 1;
  if (barrier) __syncthreads();
  output[64 + threadIdx.x] = output[(threadIdx.x + 32) % 64];
}

extern "C" __global__ void misaligned_load(int* output, int offset) {
  __shared__ __align__(16) char bytes[64];
  if (threadIdx.x < 64) bytes[threadIdx.x] = 1;
  __syncthreads();
  const char* address = bytes;
  address += offset;
  if (threadIdx.x == 0) output[0] = *reinterpret_cast<const int*>(address);
}
