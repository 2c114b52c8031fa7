// operation: gqa_ragged
// takes: q, k, v, qo_indptr, kv_indptr, alibi_slopes?, sm_scale -> output, lse
// types: q, k, v, output = bfloat16, float16
// requires: head_dim == 64 or head_dim == 128
// requires: num_qo_heads % num_kv_heads == 0
// tags: window, soft_cap, alibi
// targets: sm_90a
// executes: compiled only
// let: group = num_qo_heads // num_kv_heads
// let: batch_size = len_indptr - 1
// let: tokens = max(1, total_kv)
// tensor_map: k_map = k  extents = head_dim, num_kv_heads, tokens  strides = head_dim * 2, num_kv_heads * head_dim * 2  box = 64, 1, 128  swizzle = 128
// tensor_map: v_map = v  extents = head_dim, num_kv_heads, tokens  strides = head_dim * 2, num_kv_heads * head_dim * 2  box = 64, 1, 128  swizzle = 128
// launch: gqa_ragged_prefill_sm90  grid = total_q * group // 128 + batch_size, num_kv_heads   block = 384   shared = 2 * 2 * 128 * head_dim * 2 + 64
//
// Causal grouped-query attention of ragged queries over ragged keys and values: gqa_ragged_prefill.cu with the instructions of
// sm_90a. Core, phases, layouts and costs: hopper_attention.cuh.
#include "hopper_attention.cuh"

extern "C" __global__ void __launch_bounds__(384, 1)
    gqa_ragged_prefill_sm90(const Q_T* __restrict__ q, const __grid_constant__ CUtensorMap k_map,
                            const __grid_constant__ CUtensorMap v_map, const int* __restrict__ qo_indptr,
                            const int* __restrict__ kv_indptr,
#ifdef TAG_ALIBI
                            const float* __restrict__ alibi_slopes,
#endif
                            float sm_scale, OUTPUT_T* __restrict__ output, float* __restrict__ lse, int batch_size) {
  using Core = HopperAttention<Q_T>;
  DYNAMIC_SHARED(unsigned char, shared);
  const int kv_head = blockIdx.y, first_head = kv_head * group_size;

  // Find the tile.
  QueryTile tile = find_tile(qo_indptr, batch_size, gridDim.x - 1 - blockIdx.x, Core::rows);
  if (tile.first_row >= tile.row_count) return;
  const int first_kv = kv_indptr[tile.sequence];
  tile.see(kv_indptr[tile.sequence + 1] - first_kv);
  const int first_block = tile.first_key() / Core::keys * Core::keys, end_key = tile.end_key(Core::rows);

  const Core core{shared};
  core.begin();
  if (threadIdx.x < 128) {
    // Load K, load V: one box a panel, which reaches into the next sequence behind the last key.
    give_registers<24>();
    if (threadIdx.x >= 32) return;
    core.produce(
        first_block, end_key, Core::keys, [](int) { return 1; },
        [&](int which, int panel, int, int first, void* to, PhaseBarrier& full) {
          load_box(to, which == 0 ? k_map : v_map, full, panel * 64, kv_head, first_kv + first);
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
