// operation: qk_norm
// takes: q, k, q_weight, k_weight, eps -> q_out, k_out
// types: q = bfloat16, float16, float32
// types: k = bfloat16, float16, float32
// types: q_weight = bfloat16, float16, float32
// types: k_weight = bfloat16, float16, float32
// requires: head_dim <= 1024
// tags: weight_offset
// let: lanes = min(32, next_power_of_2(ceildiv(head_dim, 16)))
// let: heads = num_qo_heads + num_kv_heads
// launch: qk_norm   grid = ceildiv(num_tokens * heads * lanes, 128)   block = 128   pdl
//
// Root mean square normalization of each head of queries and keys, in place; with the tag weight_offset:1 a weight is
// 1 + weight.
//
//     q = q / sqrt(mean(q²) + eps) * q_weight        q [num_tokens, num_qo_heads, head_dim], k [num_tokens,
//     k = k / sqrt(mean(k²) + eps) * k_weight        num_kv_heads, head_dim], q_weight, k_weight [head_dim]
//
// Parallel over heads of tokens: a head belongs to a part of a warp (8 lanes at 128 elements), which holds it in
// registers between its sum and its result. The inner loop: 16 bytes read and 16 written, and an element costs 2
// conversions, 1 fma for the sum and 2 multiplications; 32 bytes of bfloat16 a thread are under way, up to 64 KiB a
// multiprocessor. Tokens may lie apart, by multiples of 16 elements where a head is one. Sums are float32.
//
// What the hardware should show: 2 * (num_qo_heads + num_kv_heads) * head_dim * bytes of an element a token. Expected:
// 90 % of copy bandwidth where 128 MiB and more are moved; less is in the second-level cache or as long as one launch.
#include "instructions.cuh"

namespace {
__host__ __device__ constexpr int lanes_of(int head_dim) {
  int lanes = 1;
  while (lanes < 32 && lanes * 16 < head_dim) lanes *= 2;
  return lanes;
}
constexpr int lanes = lanes_of(HEAD_DIM);  // of a head
constexpr int heads = NUM_QO_HEADS + NUM_KV_HEADS;
#ifdef TAG_WEIGHT_OFFSET
constexpr float weight_offset = TAG_WEIGHT_OFFSET;
#else
constexpr float weight_offset = 0;
#endif

constexpr int width = vector_width<Q_T, Q_WEIGHT_T>(HEAD_DIM);
constexpr int vectors = HEAD_DIM / width;
constexpr int lane_vectors = (vectors + lanes - 1) / lanes;
}  // namespace

extern "C" __global__ void __launch_bounds__(128)
    qk_norm(Q_T* q, K_T* k, const Q_WEIGHT_T* q_weight, const K_WEIGHT_T* k_weight, float eps, int num_tokens,
            long long q_stride_0, long long k_stride_0) {
  wait_for_earlier_grids();
  launch_dependent_grids();
  const unsigned row = (blockIdx.x * 128LL + threadIdx.x) / lanes;
  const int lane = threadIdx.x % lanes, token = row / heads, head = row % heads;
  const bool is_here = token < num_tokens, is_query = head < NUM_QO_HEADS;
  Q_T* place = is_query ? q + token * q_stride_0 + head * HEAD_DIM
                        : k + token * k_stride_0 + (head - NUM_QO_HEADS) * HEAD_DIM;
  const Q_WEIGHT_T* weight = is_query ? q_weight : k_weight;

  // load
  Vector<Q_T, width> x[lane_vectors] = {};
#pragma unroll
  for (int i = 0; i < lane_vectors; ++i) {
    const int vector = lane + lanes * i;
    if (is_here && vector < vectors) x[i] = load_vector<Q_T, width>(place + vector * width);
  }

  // reduce
  float sum = 0;
#pragma unroll
  for (int i = 0; i < lane_vectors; ++i) {
#pragma unroll
    for (int j = 0; j < width; ++j) sum += to_float(x[i][j]) * to_float(x[i][j]);
  }
#pragma unroll
  for (int distance = lanes / 2; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, distance);
  const float scale = rsqrtf(sum / HEAD_DIM + eps);

  // scale and store
#pragma unroll
  for (int i = 0; i < lane_vectors; ++i) {
    const int vector = lane + lanes * i;
    if (!is_here || vector >= vectors) break;
    const Vector<Q_WEIGHT_T, width> w = load_vector<Q_WEIGHT_T, width>(weight + vector * width);
    Vector<Q_T, width> y;
#pragma unroll
    for (int j = 0; j < width; ++j)
      y[j] = from_float<Q_T>(to_float(x[i][j]) * scale * (weight_offset + to_float(w[j])));
    store_vector(place + vector * width, y);
  }
}
