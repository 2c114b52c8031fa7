// operation: merge_states
// takes: v_a, s_a, v_b, s_b -> v_merged, s_merged
// types: v_a, v_b = bfloat16, float16, float32
// launch: merge_states   grid = ceildiv(num_rows * num_heads * head_dim, 2048)   block = 128   pdl
//
// Attention over two sets of keys from the results over each (cascade; Ye et al. 2025), s being log2 of the sum of
// weights:
//
//   s_merged = log2(2^s_a + 2^s_b);  v_merged = (2^s_a v_a + 2^s_b v_b) / (2^s_a + 2^s_b)
//
// A state that saw nothing has s = -inf and counts for nothing, whatever its v holds; two of them merge into zeros and
// -inf.
//
//   v_a, v_b, v_merged [num_rows, num_heads, head_dim]; s_a, s_b, s_merged [num_rows, num_heads] float32, base 2
//
// A block merges 2048 neighbouring elements; a thread 16, in accesses of 16 bytes: with 16-bit elements four loads, 64
// bytes, are in flight before the first is used. Bytes per element: two elements read, one written, and 12 / head_dim
// of the sums. Arithmetic: two multiplications and a few conversions an element, two exponentials a vector; bound by
// memory.
#include "elements.cuh"
#include "instructions.cuh"

using T = V_A_T;
constexpr int THREADS = 128;
constexpr int WIDTH = vector_width<T>(HEAD_DIM);
constexpr int VECTORS = 16 / WIDTH;  // of a thread

extern "C" __global__ void __launch_bounds__(THREADS)
    merge_states(const T* __restrict__ v_a, const float* __restrict__ s_a, const T* __restrict__ v_b,
                 const float* __restrict__ s_b, T* __restrict__ v_merged, float* __restrict__ s_merged, int num_rows) {
  const long long count = static_cast<long long>(num_rows) * NUM_HEADS * HEAD_DIM;
  const long long start = (static_cast<long long>(blockIdx.x) * VECTORS * THREADS + threadIdx.x) * WIDTH;
  wait_for_earlier_grids();

  // load
  Vector<T, WIDTH> a[VECTORS], b[VECTORS];
  float log_a[VECTORS], log_b[VECTORS];
#pragma unroll
  for (int i = 0; i < VECTORS; ++i) {
    const long long place = start + i * THREADS * WIDTH;
    if (place >= count) continue;
    a[i] = load_vector<T, WIDTH>(v_a + place);
    b[i] = load_vector<T, WIDTH>(v_b + place);
    log_a[i] = s_a[place / HEAD_DIM];
    log_b[i] = s_b[place / HEAD_DIM];
  }

  // merge and store
#pragma unroll
  for (int i = 0; i < VECTORS; ++i) {
    const long long place = start + i * THREADS * WIDTH;
    if (place >= count) continue;
    const float largest = fmaxf(log_a[i], log_b[i]);
    const float weight_a = log_a[i] == -INFINITY ? 0.0f : exp2f(log_a[i] - largest);
    const float weight_b = log_b[i] == -INFINITY ? 0.0f : exp2f(log_b[i] - largest);
    const float total = weight_a + weight_b;
    const float scale = total > 0 ? 1.0f / total : 0.0f;
#pragma unroll
    for (int j = 0; j < WIDTH; ++j) {
      const float from_a = weight_a > 0 ? weight_a * to_float(a[i][j]) : 0.0f;
      const float from_b = weight_b > 0 ? weight_b * to_float(b[i][j]) : 0.0f;
      a[i][j] = from_float<T>((from_a + from_b) * scale);
    }
    store_vector(v_merged + place, a[i]);
    if (place % HEAD_DIM == 0) s_merged[place / HEAD_DIM] = total > 0 ? largest + log2f(total) : -INFINITY;
  }
  launch_dependent_grids();
}
