// operation: fused_add_rmsnorm
// takes: hidden_states, residual, weight, eps -> output, residual_out
// types: hidden_states = bfloat16, float16, float32
// types: residual = bfloat16, float16, float32
// types: weight = bfloat16, float16, float32
// types: output = bfloat16, float16, float32
// types: residual_out = bfloat16, float16, float32
// requires: hidden_size <= 32768
// tags: weight_offset
// let: warps = ceildiv(hidden_size, 1024)
// let: rows = select(warps == 1, 4, 1)
// launch: fused_add_rmsnorm   grid = ceildiv(batch_size, rows)   block = 32 * warps * rows   pdl
//
// The residual sum, and its root mean square normalization; with the tag weight_offset:1 the weight is 1 + weight.
//
//     x = hidden_states + residual;  residual_out = x        hidden_states, residual, output, residual_out
//     output = x / sqrt(mean(x²) + eps) * weight             [batch_size, hidden_size], weight [hidden_size]
//
// Parallel over rows: a row belongs to as many warps as it has 1024 elements, and blocks of one warp a row have four rows.
// One pass over memory: the sum stays in registers as float32, at most 32 elements a thread; output may be
// hidden_states and residual_out may be residual. The inner loop: 32 bytes read and 32 written, and an element costs 4
// conversions, 1 addition, 1 fma and 2 multiplications; 128 bytes of bfloat16 a thread are under way, 128 KiB a
// multiprocessor. Sums are float32, in an order that the hidden size alone decides.
//
// What the hardware should show: hidden_size * (bytes of two inputs + bytes of two outputs) a row, the weight from L1.
// Expected: 90 % of copy bandwidth where 128 MiB and more are moved; less is in the second-level cache or as long as
// one launch. Odd sizes move element by element.
#include "instructions.cuh"
#include "reduce.cuh"

namespace {
constexpr int warps = (HIDDEN_SIZE + 1023) / 1024;  // that share a row
constexpr int rows = warps == 1 ? 4 : 1;            // of a block
constexpr int threads = 32 * warps;                 // of a row
constexpr int width = vector_width<HIDDEN_STATES_T, RESIDUAL_T, WEIGHT_T, OUTPUT_T, RESIDUAL_OUT_T>(HIDDEN_SIZE);
constexpr int row_vectors = HIDDEN_SIZE / width;
constexpr int thread_vectors = (row_vectors + threads - 1) / threads;
#ifdef TAG_WEIGHT_OFFSET
constexpr float weight_offset = TAG_WEIGHT_OFFSET;
#else
constexpr float weight_offset = 0;
#endif
}  // namespace

extern "C" __global__ void __launch_bounds__(threads * rows)
    fused_add_rmsnorm(const HIDDEN_STATES_T* hidden_states, const RESIDUAL_T* residual, const WEIGHT_T* __restrict__ weight,
                      float eps, OUTPUT_T* output, RESIDUAL_OUT_T* residual_out, int batch_size) {
  wait_for_earlier_grids();
  launch_dependent_grids();
  const int row = blockIdx.x * rows + threadIdx.x / threads;
  const int thread = threadIdx.x % threads;
  if (row >= batch_size) return;  // all threads of the row
  const long long row_offset = static_cast<long long>(row) * HIDDEN_SIZE;

  // load
  Vector<HIDDEN_STATES_T, width> h[thread_vectors] = {};
  Vector<RESIDUAL_T, width> r[thread_vectors] = {};
#pragma unroll
  for (int i = 0; i < thread_vectors; ++i) {
    const int vector = thread + threads * i;
    if (vector >= row_vectors) break;
    h[i] = load_vector<HIDDEN_STATES_T, width>(hidden_states + row_offset + vector * width);
    r[i] = load_vector<RESIDUAL_T, width>(residual + row_offset + vector * width);
  }

  // add and reduce
  float x[thread_vectors][width];
  float sum = 0;
#pragma unroll
  for (int i = 0; i < thread_vectors; ++i) {
    const int vector = thread + threads * i;
    Vector<RESIDUAL_OUT_T, width> rounded;
#pragma unroll
    for (int j = 0; j < width; ++j) {
      x[i][j] = to_float(h[i][j]) + to_float(r[i][j]);
      sum += x[i][j] * x[i][j];
      rounded[j] = from_float<RESIDUAL_OUT_T>(x[i][j]);
    }
    if (vector < row_vectors) store_vector(residual_out + row_offset + vector * width, rounded);
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
    for (int j = 0; j < width; ++j) y[j] = from_float<OUTPUT_T>(x[i][j] * scale * (weight_offset + to_float(w[j])));
    store_vector(output + row_offset + vector * width, y);
  }
}
