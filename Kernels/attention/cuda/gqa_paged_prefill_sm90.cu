// operation: gqa_paged
// takes: q, k_cache, v_cache, qo_indptr, kv_indptr, kv_indices, kv_last_page_len, alibi_slopes?, sm_scale -> output, lse
// types: q, k_cache, v_cache, output = bfloat16, float16
// requires: head_dim == 64 or head_dim == 128
// requires: num_qo_heads % num_kv_heads == 0
// requires: page_size >= 8 and (page_size % 128 == 0 or 128 % page_size == 0)
// tags: window, soft_cap, alibi
// targets: sm_90a
// executes: compiled only
// let: group = num_qo_heads // num_kv_heads
// let: box_rows = min(page_size, 128)
// let: map_pages = max(1, num_pages)
// tensor_map: k_map = k_cache  extents = head_dim, num_kv_heads, page_size, map_pages  strides = head_dim * 2, num_kv_heads * head_dim * 2, k_cache_stride_0 * 2  box = 64, 1, box_rows, 1  swizzle = 128
// tensor_map: v_map = v_cache  extents = head_dim, num_kv_heads, page_size, map_pages  strides = head_dim * 2, num_kv_heads * head_dim * 2, v_cache_stride_0 * 2  box = 64, 1, box_rows, 1  swizzle = 128
// launch: gqa_paged_prefill_sm90  grid = total_q * group // 128 + batch_size, num_kv_heads   block = 384   shared = 2 * 2 * 128 * head_dim * 2 + 64
//
// Causal grouped-query attention of ragged queries over paged keys and values: gqa_paged_prefill.cu with the instructions of
// sm_90a. Core, phases, layouts and costs: hopper_attention.cuh.
//
// A box is a page of one head (or 128 tokens of a larger one), 64 elements wide. The swizzle's pattern is 8 rows, hence pages
// of 8 tokens and more: then each box begins at a multiple of 1024 bytes. The lanes of the producer's warp look up pages and
// ask for boxes side by side. Pages behind the last key of the block are not asked for: what is in their place has no weight.
#include "hopper_attention.cuh"

static_assert(is_half<K_CACHE_T> == is_half<Q_T> && sizeof(K_CACHE_T) == 2, "the cache has the type of q");

extern "C" __global__ void __launch_bounds__(384, 1)
    gqa_paged_prefill_sm90(const Q_T* __restrict__ q, const __grid_constant__ CUtensorMap k_map,
                           const __grid_constant__ CUtensorMap v_map, const int* __restrict__ qo_indptr,
                           const int* __restrict__ kv_indptr, const int* __restrict__ kv_indices,
                           const int* __restrict__ kv_last_page_len,
#ifdef TAG_ALIBI
                           const float* __restrict__ alibi_slopes,
#endif
                           float sm_scale, OUTPUT_T* __restrict__ output, float* __restrict__ lse, int batch_size) {
  using Core = HopperAttention<Q_T>;
  constexpr int box_keys = PAGE_SIZE < Core::keys ? PAGE_SIZE : Core::keys;
  DYNAMIC_SHARED(unsigned char, shared);
  const int kv_head = blockIdx.y, first_head = kv_head * group_size;

  // Find the tile.
  QueryTile tile = find_tile(qo_indptr, batch_size, gridDim.x - 1 - blockIdx.x, Core::rows);
  if (tile.first_row >= tile.row_count) return;
  const int first_page = kv_indptr[tile.sequence], pages = kv_indptr[tile.sequence + 1] - first_page;
  tile.see(pages > 0 ? (pages - 1) * PAGE_SIZE + kv_last_page_len[tile.sequence] : 0);
  const int first_block = tile.first_key() / Core::keys * Core::keys, end_key = tile.end_key(Core::rows);

  const Core core{shared};
  core.begin();
  if (threadIdx.x < 128) {
    give_registers<24>();
    if (threadIdx.x >= 32) return;
    const int* page_of = kv_indices + first_page;
    core.produce(
        first_block, end_key, box_keys, [&](int first) { return (min(end_key - first, Core::keys) + box_keys - 1) / box_keys; },
        [&](int which, int panel, int box, int first, void* to, PhaseBarrier& full) {
          const int position = first + box * box_keys;
          load_box(to, which == 0 ? k_map : v_map, full, panel * 64, kv_head, position % PAGE_SIZE, page_of[position / PAGE_SIZE]);
        });
  } else {
    take_registers<240>();
    const auto place = [&](int row) {   // of a row in q, output (in units of rows) and lse
      return static_cast<long long>(tile.first_query + row / group_size) * NUM_QO_HEADS + first_head + row % group_size;
    };
#ifdef TAG_ALIBI
    const float* slopes = alibi_slopes + first_head;
#else
    const float* slopes = nullptr;
#endif
    core.consume(
        tile, threadIdx.x / 128 - 1, first_block, end_key, [&](int row) { return q + place(row) * HEAD_DIM; }, ScoreScale{sm_scale},
        slopes, [&](int row, int column, uint32_t two) { *reinterpret_cast<uint32_t*>(output + place(row) * HEAD_DIM + column) = two; },
        [&](int row, float value) { lse[place(row)] = value; });
  }
}
