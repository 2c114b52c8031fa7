// operation: gqa_ragged
// takes: q, k, v, qo_indptr, kv_indptr, alibi_slopes?, sm_scale -> output, lse
// types: q, k, v, output = bfloat16, float16
// requires: head_dim % 32 == 0 and head_dim <= 256
// requires: num_qo_heads % num_kv_heads == 0
// tags: window, soft_cap, alibi
// let: group = num_qo_heads // num_kv_heads
// let: batch_size = len_indptr - 1
// let: keys = select(head_dim <= 64, 64, 32)
// let: wide_rows = select(head_dim <= 128, 128, 64)
// let: wide = select(total_q * group > 64 * batch_size, 1, 0)
// launch: gqa_ragged_prefill_wide    grid = total_q * group // wide_rows + batch_size, num_kv_heads   block = 128   shared = (2 * wide_rows + 4 * keys) * head_dim   when = wide == 1
// launch: gqa_ragged_prefill_narrow  grid = total_q * group // 64 + batch_size, num_kv_heads   block = 128   shared = (2 * 64 + 4 * keys) * head_dim   when = wide == 0
//
// Causal grouped-query attention of ragged queries over ragged keys and values:
//
//   output = softmax(q · kᵀ * sm_scale) · v;  lse = log2 Σ e^score
//
//   q, output  [total_q, num_qo_heads, head_dim]      lse  [total_q, num_qo_heads] float32
//   k, v       [total_kv, num_kv_heads, head_dim]
//
// Sequence i has the queries qo_indptr[i] ..< qo_indptr[i + 1] and the keys kv_indptr[i] ..< kv_indptr[i + 1]; its last query
// sits at its last position. A query that sees nothing gets zeros and -∞. All else is as in gqa_paged_prefill.cu, but for where
// rows come from.
#include "tile_attention.cuh"

constexpr int row_elements = NUM_KV_HEADS * HEAD_DIM;

template <int M_TILES>
__device__ __forceinline__ void gqa_ragged_prefill(const Q_T* q, const K_T* k, const V_T* v, const int* qo_indptr,
                                                   const int* kv_indptr, const float* alibi_slopes, float sm_scale, Q_T* output,
                                                   float* lse, int batch_size) {
  using Core = TileAttention<Q_T, K_T, M_TILES>;
  DYNAMIC_SHARED(unsigned char, shared);
  const int kv_head = blockIdx.y, first_head = kv_head * group_size;

  // Find the tile. It lies in shared memory, for the registers that it would take through the loop.
  __shared__ QueryTile tile;
  if (threadIdx.x < 32) {
    QueryTile found = find_tile(qo_indptr, batch_size, gridDim.x - 1 - blockIdx.x, Core::rows);
    found.see(kv_indptr[found.sequence + 1] - kv_indptr[found.sequence]);
    if (threadIdx.x == 0) tile = found;
  }
  __syncthreads();
  if (tile.first_row >= tile.row_count) return;

  const auto place = [&](int row) {   // of a row in q, output (in units of rows) and lse
    return static_cast<long long>(tile.first_query + row / group_size) * NUM_QO_HEADS + first_head + row % group_size;
  };
  const long long first = (static_cast<long long>(kv_indptr[tile.sequence]) * NUM_KV_HEADS + kv_head) * HEAD_DIM;
  Core::run(
      shared, tile, [&](int row) { return q + place(row) * HEAD_DIM; }, ContiguousRows<K_T>{k + first, row_elements},
      ContiguousRows<V_T>{v + first, row_elements}, ScoreScale{sm_scale}, 1.0f, alibi_slopes + first_head,
      [&](int row, int column, uint32_t two) { *reinterpret_cast<uint32_t*>(output + place(row) * HEAD_DIM + column) = two; },
      [&](int row, float value) { lse[place(row)] = value; });
}

#ifdef TAG_ALIBI
#define SLOPES const float *__restrict__ alibi_slopes,
#define SLOPES_OR_NONE alibi_slopes
#else
#define SLOPES
#define SLOPES_OR_NONE nullptr
#endif
#define PARAMETERS                                                                                                      \
  const Q_T *__restrict__ q, const K_T *__restrict__ k, const V_T *__restrict__ v, const int *__restrict__ qo_indptr,   \
      const int *__restrict__ kv_indptr, SLOPES float sm_scale, OUTPUT_T *__restrict__ output, float *__restrict__ lse, \
      int batch_size
#define ARGUMENTS q, k, v, qo_indptr, kv_indptr, SLOPES_OR_NONE, sm_scale, output, lse, batch_size

extern "C" __global__ void __launch_bounds__(128, 2) gqa_ragged_prefill_wide(PARAMETERS) {
  gqa_ragged_prefill<(HEAD_DIM <= 128 ? 2 : 1)>(ARGUMENTS);
}

extern "C" __global__ void __launch_bounds__(128, HEAD_DIM <= 128 ? 3 : 2) gqa_ragged_prefill_narrow(PARAMETERS) {
  gqa_ragged_prefill<1>(ARGUMENTS);
}
