// One kernel per feature of the emulation; each writes what the tests expect.
#include "instructions.cuh"
#include "reduce.cuh"

extern "C" __global__ void positions(int* output) {
  const int block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const int thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  output[block * (blockDim.x * blockDim.y * blockDim.z) + thread] = block * 10000 + thread;
}

// Sums over 1024 threads; each block writes its own.
extern "C" __global__ void __launch_bounds__(1024) block_sums(float* output) {
  const float sum = block_sum<1024>(static_cast<float>(threadIdx.x + blockIdx.x));
  if (threadIdx.x == 0) output[blockIdx.x] = sum;
}

extern "C" __global__ void shuffles(int* output) {
  const int lane = threadIdx.x;
  int* row = output + lane * 16;
  row[0] = __shfl_sync(~0u, lane, 5);
  row[1] = __shfl_xor_sync(~0u, lane, 3);
  row[2] = __shfl_up_sync(~0u, lane, 4u);
  row[3] = __shfl_down_sync(~0u, lane, 4u);
  row[4] = __shfl_sync(~0u, lane, 1, 8);
  row[5] = __shfl_xor_sync(~0u, lane, 8, 8);
  row[6] = static_cast<int>(__ballot_sync(~0u, lane % 3 == 0));
  row[7] = __any_sync(~0u, lane == 31) * 2 + __all_sync(~0u, lane < 31);
  row[8] = __reduce_add_sync(~0u, lane);
  row[9] = __reduce_max_sync(~0u, lane - 40);
  row[10] = static_cast<int>(__match_any_sync(~0u, lane / 4));
  int all = 0;
  row[11] = static_cast<int>(__match_all_sync(~0u, 7, &all));
  row[12] = all;
  row[13] = static_cast<int>(__shfl_xor_sync(~0u, static_cast<long long>(lane) << 33, 1) >> 33);
  row[14] = __syncthreads_count(lane % 2);
  row[15] = __half2int_rn(__shfl_sync(~0u, __float2half(static_cast<float>(lane)), 9));
}

// Halves of a warp go different ways and exchange among themselves.
extern "C" __global__ void divergence(int* output) {
  const int lane = threadIdx.x;
  int value = lane;
  if (lane < 16) {
    for (int i = 0; i < lane % 4 + 1; ++i) value += 1;
    value = __shfl_xor_sync(0x0000ffffu, value, 1);
  } else {
    value = __shfl_xor_sync(0xffff0000u, value * 2, 2);
  }
  __syncwarp();
  output[lane] = __shfl_sync(~0u, value, 31 - lane);
}

// Most threads return at once; the others still wait for each other.
extern "C" __global__ void early_exit(int* output, int stay) {
  __shared__ int shared[128];
  if (static_cast<int>(threadIdx.x) >= stay) return;
  shared[threadIdx.x] = threadIdx.x;
  __syncthreads();
  output[threadIdx.x] = shared[stay - 1 - threadIdx.x];
}

extern "C" __global__ void atomics(int* integers, float* floats, __half* halves, unsigned long long* wide) {
  atomicAdd(&integers[0], 1);
  atomicMax(&integers[1], static_cast<int>(threadIdx.x + blockIdx.x * blockDim.x));
  atomicMin(&integers[2], -static_cast<int>(threadIdx.x));
  atomicOr(&integers[3], 1 << threadIdx.x % 20);
  atomicAnd(&integers[4], ~(1 << threadIdx.x % 8));
  int seen = integers[5];
  while (true) {
    const int before = atomicCAS(&integers[5], seen, seen + 2);
    if (before == seen) break;
    seen = before;
  }
  atomicAdd(&floats[0], 0.5f);
  atomicAdd(&halves[0], __float2half(1.0f));
  atomicAdd(&wide[0], 1ull << 33);
  __shared__ int turn;
  if (threadIdx.x == 0) turn = 0;
  __syncthreads();
  const int mine = atomicInc(reinterpret_cast<unsigned*>(&turn), 1000u);
  atomicExch(&integers[8 + mine], 1);
}

// Two warps hand over by named barriers; the other two do not take part.
extern "C" __global__ void named_barriers(int* output) {
  __shared__ int box;
  const int warp = threadIdx.x / 32;
  if (warp == 0) {
    if (threadIdx.x == 0) box = 42;
    emulation::arrive_named(3, 64);
  } else if (warp == 1) {
    emulation::synchronize_named(3, 64);
    output[threadIdx.x - 32] = box;
  }
}

// A block waits in a loop for what another thread of it writes.
extern "C" __global__ void waits_in_loop(int* output) {
  __shared__ int ready;
  if (threadIdx.x == 0) ready = 0;
  __syncthreads();
  if (threadIdx.x == 1) {
    while (atomicAdd(&ready, 0) == 0) __nanosleep(100);
    output[0] = ready;
  } else if (threadIdx.x == 40) {
    atomicExch(&ready, 7);
  }
}

extern "C" __global__ void uninitialised(unsigned* output) {
  __shared__ unsigned fixed[4];
  DYNAMIC_SHARED(unsigned, dynamic);
  output[0] = fixed[1];
  output[1] = dynamic[3];
  fixed[1] = dynamic[3] = 5;
}

extern "C" __global__ void parameters(char* output, char a, short b, double c, int d, __nv_bfloat16 e, long long f, float g) {
  *reinterpret_cast<double*>(output) = a + b + c + d + __bfloat162float(e) + static_cast<double>(f) + g;
}

extern "C" __global__ void arithmetic(float* output) {
  output[0] = __half2float(__hfma(__float2half(1.5f), __float2half(2.0f), __float2half(0.25f)));
  output[1] = __bfloat162float(__hfma2(__floats2bfloat162_rn(1, 2), __floats2bfloat162_rn(3, 4), __floats2bfloat162_rn(5, 6)).y);
  output[2] = rsqrtf(16.0f);
  output[3] = static_cast<float>(__popc(0xf0f0u) + __clz(1) + __ffs(8));
  output[4] = static_cast<float>(__byte_perm(0x03020100u, 0x07060504u, 0x7410u) == 0x07040100u);
  output[5] = static_cast<float>(max(3, 4) + min(2u, 9u));
  output[6] = static_cast<float>(__nv_fp8_e4m3(1000.0f));
  output[7] = static_cast<float>(__umulhi(0x80000000u, 6u) + __dp4a(0x01010101, 0x02030405, 1));
  output[8] = exp2_fast(-INFINITY);
  output[9] = __half2float(hexp2(__float2half(3.0f)));
}

// 16x8 = 16x16 · 16x8, and transposed and plain loads of the same matrix.
template <typename T>
__device__ void multiply(float* output, const T* a, const T* b) {
  __shared__ __align__(16) T tile_a[16][24], tile_b[8][24];
  const int lane = threadIdx.x;
  for (int i = lane; i < 256; i += 32) tile_a[i / 16][i % 16] = a[i];
  for (int i = lane; i < 128; i += 32) tile_b[i / 16][i % 16] = b[i];
  __syncwarp();
  uint32_t fragment_a[4], fragment_b[2];
  float c[4] = {1, 2, 3, 4};
  ldmatrix_x4(fragment_a, &tile_a[lane % 16][lane / 16 * 8]);
  ldmatrix_x2(fragment_b, &tile_b[lane % 8][lane / 8 % 2 * 8]);
  mma_m16n8k16<T>(c, fragment_a, fragment_b);
  const int row = lane / 4, column = lane % 4 * 2;
  output[row * 8 + column] = c[0];
  output[row * 8 + column + 1] = c[1];
  output[(row + 8) * 8 + column] = c[2];
  output[(row + 8) * 8 + column + 1] = c[3];
}
extern "C" __global__ void multiply_half(float* output, const __half* a, const __half* b) { multiply(output, a, b); }
extern "C" __global__ void multiply_bfloat16(float* output, const __nv_bfloat16* a, const __nv_bfloat16* b) {
  multiply(output, a, b);
}

extern "C" __global__ void transposed_load(uint16_t* output) {
  __shared__ __align__(16) uint16_t tile[32][8];
  const int lane = threadIdx.x;
  for (int i = lane; i < 256; i += 32) tile[i / 8][i % 8] = static_cast<uint16_t>(i);
  __syncwarp();
  uint32_t d[4];
  ldmatrix_x4_trans(d, tile[lane]);
  for (int i = 0; i < 4; ++i) {
    output[(lane * 4 + i) * 2] = static_cast<uint16_t>(d[i]);
    output[(lane * 4 + i) * 2 + 1] = static_cast<uint16_t>(d[i] >> 16);
  }
}

// Two groups of copies; after waiting for all but one, the first has landed and the second has not. The third has no source.
extern "C" __global__ void copies(unsigned* output, const unsigned* input) {
  __shared__ __align__(16) unsigned tile[12];
  if (threadIdx.x != 0) return;
  cp_async_16(&tile[0], input);
  cp_async_commit();
  cp_async_16(&tile[4], input + 4);
  cp_async_commit();
  output[0] = tile[0];
  cp_async_wait<1>();
  output[1] = tile[0];
  output[2] = tile[4];
  cp_async_16(&tile[8], nullptr, false);
  cp_async_commit();
  cp_async_wait<0>();
  output[3] = tile[4];
  output[4] = tile[8];
}
