// operation: rmsnorm
// takes: hidden_states, weight, eps -> output
// types: hidden_states = bfloat16, float16, float32
// types: weight = bfloat16, float16, float32
// types: output = bfloat16, float16, float32
// requires: hidden_size <= 32768
// tags: weight_offset
// let: warps = ceildiv(hidden_size, 1024)
// let: rows = select(warps == 1, 4, 1)
// launch: rmsnorm   grid = ceildiv(batch_size, rows)   block = 32 * warps * rows   pdl
//
// Root mean square normalization of each row; with the tag weight_offset:1 the weight is 1 + weight.
//
//     output = hidden_states / sqrt(mean(hidden_states²) + eps) * weight        hidden_states, output
//                                                                 [batch_size, hidden_size], weight [hidden_size]
//
// Parallel over rows: a row belongs to as many warps as it has 1024 elements, and blocks of one warp a row have four rows.
// One pass over memory: the row stays in registers, at most 32 elements a thread, between its sum and its result;
// output may be hidden_states. The inner loop: 16 bytes read and 16 written, and an element costs 2 conversions, 1 fma
// for the sum and 2 multiplications; 64 bytes of bfloat16 a thread are under way, 64 KiB a multiprocessor. Sums are
// float32, in an order that the hidden size alone decides.
//
// What the hardware should show: hidden_size * (bytes of an input + bytes of an output) a row, the weight from L1.
// Expected: 90 % of copy bandwidth where 128 MiB and more are moved; less is in the second-level cache or as long as
// one launch. Odd sizes move element by element.
#include "instructions.cuh"
#include "reduce.cuh"

namespace {
constexpr int warps = (HIDDEN_SIZE + 1023) / 1024;  // that share a row
constexpr int rows = warps == 1 ? 4 : 1;            // of a block
constexpr int threads = 32 * warps;                 // of a row
constexpr int width = vector_width<HIDDEN_STATES_T, WEIGHT_T, OUTPUT_T>(HIDDEN_SIZE);
constexpr int row_vectors = HIDDEN_SIZE / width;
constexpr int thread_vectors = (row_vectors + threads - 1) / threads;
#ifdef TAG_WEIGHT_OFFSET
constexpr float weight_offset = TAG_WEIGHT_OFFSET;
#else
constexpr float weight_offset = 0;
#endif
}  // namespace

extern "C" __global__ void __launch_bounds__(threads * rows)
    rmsnorm(const HIDDEN_STATES_T* hidden_states, const WEIGHT_T* __restrict__ weight, float eps, OUTPUT_T* output,
            int batch_size) {
  wait_for_earlier_grids();
  launch_dependent_grids();
  const int row = blockIdx.x * rows + threadIdx.x / threads;
  const int thread = threadIdx.x % threads;
  if (row >= batch_size) return;  // all threads of the row
  const long long row_offset = static_cast<long long>(row) * HIDDEN_SIZE;

  // load
  Vector<HIDDEN_STATES_T, width> x[thread_vectors] = {};
#pragma unroll
  for (int i = 0; i < thread_vectors; ++i) {
    const int vector = thread + threads * i;
    if (vector < row_vectors) x[i] = load_vector<HIDDEN_STATES_T, width>(hidden_states + row_offset + vector * width);
  }

  // reduce
  float sum = 0;
#pragma unroll
  for (int i = 0; i < thread_vectors; ++i) {
#pragma unroll
    for (int j = 0; j < width; ++j) sum += to_float(x[i][j]) * to_float(x[i][j]);
  }
  const float scale = rsqrtf(block_sum<threads>(sum) / HIDDEN_SIZE + eps);

  // scale and store
#pragma unroll
  for (int i = 0; i < thread_vectors; ++i) {
    const int vector = thread + threads * i;
    if (vector >= row_vectors) break;
    const Vector<WEIGHT_T, width> w = load_vector<WEIGHT_T, width>(weight + vector * width);
    Vector<OUTPUT_T, width> y;
#pragma unroll
    for (int j = 0; j < width; ++j)
      y[j] = from_float<OUTPUT_T>(to_float(x[i][j]) * scale * (weight_offset + to_float(w[j])));
    store_vector(output + row_offset + vector * width, y);
  }
}
