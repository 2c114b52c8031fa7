// operation: silu_and_mul
// takes: input -> output
// types: input = bfloat16, float16, float32
// launch: silu_and_mul   grid = ceildiv(num_tokens * intermediate_size, 4096)   block = 256   pdl
//
// The gate of a SwiGLU feed-forward network (Shazeer 2020):
//
//   output[t, i] = silu(input[t, i]) * input[t, intermediate_size + i];  silu(x) = x / (1 + e^-x)
//
//   input [num_tokens, 2 * intermediate_size]: gate, then up; output [num_tokens, intermediate_size]
//
// A block makes 4096 neighbouring elements of the output, wherever rows end in them; a thread makes 16, in accesses of
// 16 bytes that lie 256 accesses apart: with 16-bit elements four loads, 64 bytes, are in flight before the first is
// used. Bytes per output: two elements read, one written. Arithmetic: one exponential, one division, about 15
// instructions; with 16-bit elements at 90 % of an H200's bandwidth that is 3 outputs a clock and multiprocessor, 6 of
// 16 places of the special function unit and 50 of 128 lanes: bound by memory. The hardware should show 90 % of the
// bandwidth of a copy from some million outputs on.
#include "elements.cuh"
#include "instructions.cuh"

using T = INPUT_T;
constexpr int THREADS = 256;
constexpr int WIDTH = vector_width<T>(INTERMEDIATE_SIZE);
constexpr int VECTORS = 16 / WIDTH;  // of a thread

/// float32 to a unit in its last place; 16-bit elements with the fast exponential and division, whose errors they do not show.
__device__ __forceinline__ float silu(float x) {
  if constexpr (sizeof(T) == 4) return x / (1.0f + expf(-x));
  return __fdividef(x, 1.0f + __expf(-x));
}

extern "C" __global__ void __launch_bounds__(THREADS)
    silu_and_mul(const T* __restrict__ input, T* __restrict__ output, int num_tokens) {
  const long long count = static_cast<long long>(num_tokens) * INTERMEDIATE_SIZE;
  const long long start = (static_cast<long long>(blockIdx.x) * VECTORS * THREADS + threadIdx.x) * WIDTH;
  wait_for_earlier_grids();

  // load
  Vector<T, WIDTH> gate[VECTORS], up[VECTORS];
#pragma unroll
  for (int i = 0; i < VECTORS; ++i) {
    const long long place = start + i * THREADS * WIDTH;
    if (place >= count) continue;
    const T* row = input + place / INTERMEDIATE_SIZE * INTERMEDIATE_SIZE;  // a row of the input is twice as long
    gate[i] = load_vector<T, WIDTH>(row + place);
    up[i] = load_vector<T, WIDTH>(row + place + INTERMEDIATE_SIZE);
  }

  // gate and store
#pragma unroll
  for (int i = 0; i < VECTORS; ++i) {
    const long long place = start + i * THREADS * WIDTH;
    if (place >= count) continue;
#pragma unroll
    for (int j = 0; j < WIDTH; ++j) gate[i][j] = from_float<T>(silu(to_float(gate[i][j])) * to_float(up[i][j]));
    store_vector(output + place, gate[i]);
  }
  launch_dependent_grids();
}
