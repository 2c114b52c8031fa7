// operation: gqa_paged
// takes: q, k_cache, v_cache, k_scale?, v_scale?, qo_indptr, kv_indptr, kv_indices, kv_last_page_len, alibi_slopes?, sm_scale -> output, lse
// types: q, output = bfloat16, float16
// types: k_cache, v_cache = bfloat16, float16, float8_e4m3fn
// requires: head_dim % 32 == 0 and head_dim <= 256
// requires: num_qo_heads % num_kv_heads == 0
// tags: window, soft_cap, alibi
// let: group = num_qo_heads // num_kv_heads
// let: keys = select(head_dim <= 64, 64, 32)
// let: wide_rows = select(head_dim <= 128, 128, 64)
// let: wide = select(total_q * group > 64 * batch_size, 1, 0)
// launch: gqa_paged_prefill_wide    grid = total_q * group // wide_rows + batch_size, num_kv_heads   block = 128   shared = (2 * wide_rows + 6 * keys) * head_dim   when = wide == 1
// launch: gqa_paged_prefill_narrow  grid = total_q * group // 64 + batch_size, num_kv_heads   block = 128   shared = (2 * 64 + 6 * keys) * head_dim   when = wide == 0
//
// Causal grouped-query attention of ragged queries over paged keys and values:
//
//   output = softmax(q · kᵀ * sm_scale) · v;  lse = log2 Σ e^score
//
//   q, output  [total_q, num_qo_heads, head_dim]                       lse  [total_q, num_qo_heads] float32
//   k_cache, v_cache  [num_pages, page_size, num_kv_heads, head_dim]   pages may lie apart
//
// Sequence i has the queries qo_indptr[i] ..< qo_indptr[i + 1] and the pages kv_indices[kv_indptr[i] ..< kv_indptr[i + 1]], the
// last one filled up to kv_last_page_len[i]; its last query sits at its last position. A query that sees nothing gets zeros and
// -∞.
//
// Parallel over tiles of rows (query tokens x the heads of one KV head) x KV heads. The grid follows from the axes alone: where
// sequences have 64 rows or fewer on average, tiles have 64 rows, else 128. Blocks that no rows are left for leave at once.
// Late tiles of a sequence see more keys, so the last slots come first. Shared memory always has room for float8's raw rows (6
// = 2 · 2 bytes of K and V + 2 · 1): it costs no block of a multiprocessor, as registers limit them. The core, its phases and
// costs: tile_attention.cuh.
#include "tile_attention.cuh"

constexpr int row_elements = NUM_KV_HEADS * HEAD_DIM;
static_assert(sizeof(K_CACHE_T) == 1 || is_half<K_CACHE_T> == is_half<Q_T>, "a 16-bit cache has the type of q");

template <int M_TILES>
__device__ __forceinline__ void gqa_paged_prefill(const Q_T* q, const K_CACHE_T* k_cache, const K_CACHE_T* v_cache,
                                                  const int* qo_indptr, const int* kv_indptr, const int* kv_indices,
                                                  const int* kv_last_page_len, const float* alibi_slopes, float score_scale,
                                                  float value_scale, Q_T* output, float* lse, int batch_size,
                                                  long long k_stride, long long v_stride) {
  using Core = TileAttention<Q_T, K_CACHE_T, M_TILES>;
  DYNAMIC_SHARED(unsigned char, shared);
  const int kv_head = blockIdx.y, first_head = kv_head * group_size;

  // Find the tile. It lies in shared memory, for the registers that it would take through the loop.
  __shared__ QueryTile tile;
  if (threadIdx.x < 32) {
    QueryTile found = find_tile(qo_indptr, batch_size, gridDim.x - 1 - blockIdx.x, Core::rows);
    const int pages = kv_indptr[found.sequence + 1] - kv_indptr[found.sequence];
    found.see(pages > 0 ? (pages - 1) * PAGE_SIZE + kv_last_page_len[found.sequence] : 0);
    if (threadIdx.x == 0) tile = found;
  }
  __syncthreads();
  if (tile.first_row >= tile.row_count) return;
  const int* pages = kv_indices + kv_indptr[tile.sequence];

  const auto place = [&](int row) {   // of a row in q, output (in units of rows) and lse
    return static_cast<long long>(tile.first_query + row / group_size) * NUM_QO_HEADS + first_head + row % group_size;
  };
  const PagedRows<K_CACHE_T, PAGE_SIZE> keys{k_cache + kv_head * HEAD_DIM, pages, k_stride, row_elements};
  const PagedRows<K_CACHE_T, PAGE_SIZE> values{v_cache + kv_head * HEAD_DIM, pages, v_stride, row_elements};
  Core::run(
      shared, tile, [&](int row) { return q + place(row) * HEAD_DIM; }, keys, values, ScoreScale{score_scale}, value_scale,
      alibi_slopes + first_head,
      [&](int row, int column, uint32_t two) { *reinterpret_cast<uint32_t*>(output + place(row) * HEAD_DIM + column) = two; },
      [&](int row, float value) { lse[place(row)] = value; });
}

#ifdef HAS_K_SCALE
#define SCALES float k_scale, float v_scale,
#define SCORE_SCALE sm_scale * k_scale   // K = k_scale · cache: the scores' and the output's factor
#define VALUE_SCALE v_scale
#else
#define SCALES
#define SCORE_SCALE sm_scale
#define VALUE_SCALE 1.0f
#endif
#ifdef TAG_ALIBI
#define SLOPES const float *__restrict__ alibi_slopes,
#define SLOPES_OR_NONE alibi_slopes
#else
#define SLOPES
#define SLOPES_OR_NONE nullptr
#endif
#define PARAMETERS                                                                                                       \
  const Q_T *__restrict__ q, const K_CACHE_T *__restrict__ k_cache, const V_CACHE_T *__restrict__ v_cache,               \
      SCALES const int *__restrict__ qo_indptr, const int *__restrict__ kv_indptr, const int *__restrict__ kv_indices,   \
      const int *__restrict__ kv_last_page_len, SLOPES float sm_scale, OUTPUT_T *__restrict__ output,                    \
      float *__restrict__ lse, int batch_size, long long k_cache_stride_0, long long v_cache_stride_0
#define ARGUMENTS                                                                                                         \
  q, k_cache, v_cache, qo_indptr, kv_indptr, kv_indices, kv_last_page_len, SLOPES_OR_NONE, SCORE_SCALE, VALUE_SCALE,      \
      output, lse, batch_size, k_cache_stride_0, v_cache_stride_0

extern "C" __global__ void __launch_bounds__(128, 2) gqa_paged_prefill_wide(PARAMETERS) {
  gqa_paged_prefill<(HEAD_DIM <= 128 ? 2 : 1)>(ARGUMENTS);
}

extern "C" __global__ void __launch_bounds__(128, HEAD_DIM <= 128 ? 3 : 2) gqa_paged_prefill_narrow(PARAMETERS) {
  gqa_paged_prefill<1>(ARGUMENTS);
}
