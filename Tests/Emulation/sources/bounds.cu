// Accesses behind the end of each kind of memory, for AddressSanitizer.
#include "instructions.cuh"

extern "C" __global__ void writes(int* output, int kind) {
  __shared__ int fixed[64];
  DYNAMIC_SHARED(int, dynamic);
  fixed[threadIdx.x] = 1;
  dynamic[threadIdx.x] = 2;
  __syncthreads();
  if (kind == 1) output[64 + threadIdx.x] = 1;    // global
  if (kind == 2) dynamic[threadIdx.x + 1] = 1;    // dynamic shared
  if (kind == 3) fixed[threadIdx.x + 1] = 1;      // static shared
  output[threadIdx.x] = fixed[63 - threadIdx.x] + dynamic[threadIdx.x];
}
