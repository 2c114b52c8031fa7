// operation: gqa_paged
// takes: q, k_cache, v_cache, k_scale?, v_scale?, kv_indptr, kv_indices, kv_last_page_len, alibi_slopes?, sm_scale -> output, lse
// types: q, output = bfloat16, float16
// types: k_cache, v_cache = bfloat16, float16, float8_e4m3fn
// requires: head_dim % 32 == 0 and head_dim <= 256
// requires: num_qo_heads % num_kv_heads == 0
// tags: window, soft_cap, alibi
// let: head_tiles = ceildiv(num_qo_heads // num_kv_heads, 16)
// let: resident = select(head_dim <= 128, 2, 1)
// let: splits = max(1, min(64, resident * sm_count // max(1, batch_size * num_kv_heads * head_tiles)))
// scratch: partial_output = select(splits > 1, batch_size * splits * num_qo_heads * head_dim * 4, 0)
// scratch: partial_lse = select(splits > 1, batch_size * splits * num_qo_heads * 4, 0)
// launch: gqa_paged_decode_split  grid = num_kv_heads * head_tiles, splits, batch_size   block = 128   shared = select(head_dim <= 128, 65536, 131072) + 32 * head_dim   pdl
// launch: gqa_paged_decode_merge  grid = num_qo_heads, batch_size   block = 128   when = splits > 1   pdl
//
// Grouped-query attention of one query a sequence over paged keys and values:
//
//   output = softmax(q · kᵀ * sm_scale) · v;  lse = log2 Σ e^score
//
//   q, output  [batch_size, num_qo_heads, head_dim]                    lse  [batch_size, num_qo_heads] float32
//   k_cache, v_cache  [num_pages, page_size, num_kv_heads, head_dim]   pages may lie apart
//
// Sequence i has the pages kv_indices[kv_indptr[i] ..< kv_indptr[i + 1]], the last one filled up to kv_last_page_len[i].
//
// Parallel over KV heads (and tiles of 16 of their query heads) x splits of a sequence x sequences. The number of splits
// follows from axes and device: as many blocks as are resident at a time, one wave, and a launch that a graph can keep while
// sequences grow. Each block finds its own keys in kv_indptr. Partial results are merged by a second kernel.
//
// Memory-bound: 2 · head_dim · itemsize bytes a key and KV head. A warp takes every fourth tile of 16 keys, alone, without
// barriers of the block: its ring of K and V in shared memory holds 16 KiB (32 beyond head_dim 128), all of it asked for ahead.
// 2 blocks x 4 warps x 16 KiB = 128 KiB are under way a multiprocessor; 5 TB/s x 1 µs / 132 = 38 KiB would do.
//
// A tile of 16 keys, head_dim 128, 16 bits: 8 KiB, which a multiprocessor gets in 620 cycles on an A100 (13 bytes a cycle), in
// 400 on an H200. The query heads of a KV head are the rows of one m16 tile, mostly padding with few heads: 32 mma of 2 cycles
// = 64 cycles, 24 ldmatrix.x4 of 4 = 96, written by cp.async in another 64. Multiplying on the vector units instead would take
// 32 cycles a query head and 64 for conversions: no less for one head, and more from two on. So one path serves all ratios.
// float8 adds 3.5 instructions an element, 112 cycles of 310.
#include "attention_rows.cuh"
#include "shared_tiles.cuh"

constexpr int warps = 4, tile_keys = 16, head_tiles = (group_size + 15) / 16;
constexpr int row_elements = NUM_KV_HEADS * HEAD_DIM;
static_assert(sizeof(K_CACHE_T) == 1 || is_half<K_CACHE_T> == is_half<Q_T>, "a 16-bit cache has the type of q");

/// A warp's shared memory:  | stage 0: K V | stage 1: K V | … |   and, where float8 is widened,  | one tile of T, K's, then V's |
struct Ring {
  using Tile = SharedTile<Q_T, K_CACHE_T, head_dim, tile_keys, 32>;
  static constexpr int bytes = head_dim <= 128 ? 16384 : 32768;
  static constexpr int wide = Tile::widens ? Tile::bytes : 0, half = Tile::widens ? Tile::raw_bytes : Tile::bytes;
  static constexpr int stages = (bytes - wide) / (2 * half);
  static_assert(stages >= 2, "one to compute on, one under way");
  unsigned char* memory;

  __device__ unsigned char* raw(int stage, int which) const { return memory + (stage * 2 + which) * half; }
  /// Where K (0) or V (1) of a stage is as T, or is to be.
  __device__ Q_T* tile(int stage, int which) const {
    return reinterpret_cast<Q_T*>(Tile::widens ? memory + stages * 2 * half : raw(stage, which));
  }
};

/// Rows of a tile of 16 keys, whose pages the warp's lanes have looked up: lane i, and i + 16, that of key i.
struct TileRows {
  const K_CACHE_T* cache;
  long long page_stride;
  int page;
  __device__ const K_CACHE_T* operator()(int position) const {
    return cache + __shfl_sync(0xffffffffu, page, position % tile_keys) * page_stride + position % PAGE_SIZE * row_elements;
  }
};

extern "C" __global__ void __launch_bounds__(128, 2)
    gqa_paged_decode_split(const Q_T* __restrict__ q, const K_CACHE_T* __restrict__ k_cache, const V_CACHE_T* __restrict__ v_cache,
#ifdef HAS_K_SCALE
                           float k_scale, float v_scale,
#endif
                           const int* __restrict__ kv_indptr, const int* __restrict__ kv_indices,
                           const int* __restrict__ kv_last_page_len,
#ifdef TAG_ALIBI
                           const float* __restrict__ alibi_slopes,
#endif
                           float sm_scale, OUTPUT_T* __restrict__ output, float* __restrict__ lse,
                           float* __restrict__ partial_output, float* __restrict__ partial_lse, int splits,
                           long long k_cache_stride_0, long long v_cache_stride_0) {
  DYNAMIC_SHARED(unsigned char, shared);
  __shared__ float highest[warps][16], total[warps][16];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int kv_head = blockIdx.x / head_tiles, head_tile = blockIdx.x % head_tiles, split = blockIdx.y, sequence = blockIdx.z;
  const int first_head = kv_head * group_size + head_tile * 16, heads = min(16, group_size - head_tile * 16);
#ifdef HAS_K_SCALE
  const ScoreScale scores{sm_scale * k_scale};
#else
  const ScoreScale scores{sm_scale};
  constexpr float v_scale = 1;
#endif
  wait_for_earlier_grids();

  // Find the keys: tiles first_tile ..< end_tile of the sequence's.
  const int* pages = kv_indices + kv_indptr[sequence];
  const int page_count = kv_indptr[sequence + 1] - kv_indptr[sequence];
  const int kv_len = page_count > 0 ? (page_count - 1) * PAGE_SIZE + kv_last_page_len[sequence] : 0;
#ifdef TAG_WINDOW
  const int first_key = max(0, kv_len - (TAG_WINDOW));
#else
  const int first_key = 0;
#endif
  const int seen_tile = first_key / tile_keys, all_tiles = (kv_len + tile_keys - 1) / tile_keys;
  const int of_split = (all_tiles - seen_tile + splits * warps - 1) / (splits * warps) * warps;
  const int first_tile = seen_tile + split * of_split, end_tile = min(all_tiles, first_tile + of_split);

  // Load Q: rows are heads, zeros behind the last.
  RowPair pair{{kv_len - 1, kv_len - 1}};
#ifdef TAG_ALIBI
#pragma unroll
  for (int h = 0; h < 2; ++h) pair.slope[h] = lane / 4 + h * 8 < heads ? alibi_slopes[first_head + lane / 4 + h * 8] : 0;
#endif
  Q_T* q_tile = reinterpret_cast<Q_T*>(shared + warps * Ring::bytes);
  if (warp == 0) {
    const Q_T* first_row = q + (static_cast<long long>(sequence) * NUM_QO_HEADS + first_head) * head_dim;
    SharedTile<Q_T, Q_T, head_dim, 16, 32>::load(q_tile, nullptr, ContiguousRows<Q_T>{first_row, head_dim}, 0, heads, lane);
  }
  cp_async_commit();

  // Load K, V: fill the ring. Every step commits a group, an empty one behind the last tile, so that groups count steps.
  const Ring ring{shared + warp * Ring::bytes};
  const K_CACHE_T* k_head = k_cache + kv_head * head_dim;
  const V_CACHE_T* v_head = v_cache + kv_head * head_dim;
  const auto look_up = [&](int tile) {
    const int position = tile * tile_keys + lane % tile_keys;
    return tile < end_tile && position < kv_len ? pages[position / PAGE_SIZE] : 0;
  };
  const auto load = [&](int tile, int page, int stage) {
    if (tile < end_tile) {
      Ring::Tile::load(ring.tile(stage, 0), ring.raw(stage, 0), TileRows{k_head, k_cache_stride_0, page}, tile * tile_keys, kv_len, lane);
      Ring::Tile::load(ring.tile(stage, 1), ring.raw(stage, 1), TileRows{v_head, v_cache_stride_0, page}, tile * tile_keys, kv_len, lane);
    }
    cp_async_commit();
  };
#pragma unroll
  for (int i = 0; i < Ring::stages; ++i) load(first_tile + warp + i * warps, look_up(first_tile + warp + i * warps), i);

  cp_async_wait<Ring::stages>();   // Q
  __syncthreads();

  const LanePlaces<head_dim> places(lane);
  float o[head_dim / 8][4] = {};
  int stage = 0;
  for (int tile = first_tile + warp; tile < end_tile; tile += warps) {
    const int next = tile + Ring::stages * warps, next_page = look_up(next);

    // Load K, V: they have landed, for all lanes behind the barrier.
    cp_async_wait<Ring::stages - 1>();
    const Q_T* k = ring.tile(stage, 0);
    Ring::Tile::widen(ring.tile(stage, 0), ring.raw(stage, 0), lane);
    __syncwarp();

    // S = Q·Kᵀ.
    float s[2][4] = {};
#pragma unroll
    for (int step = 0; step < head_dim / 16; ++step) {
      uint32_t a[4], b[2][2];
      load_rows_a(a, q_tile, places, 0, step);
      load_keys_b(b, k, places, 0, step);
      mma_m16n8k16<Q_T>(s[0], a, b[0]);
      mma_m16n8k16<Q_T>(s[1], a, b[1]);
    }

    // Mask, online softmax.
    pair.mask(s, tile * tile_keys, tile == all_tiles - 1 || tile == seen_tile, scores);
    float correction[2];
    pair.soften(s, correction, scores.scale());
    rescale(o, correction);

    // O += P·V.
    if constexpr (Ring::Tile::widens) {
      __syncwarp();   // all have read K, whose place V takes
      Ring::Tile::widen(ring.tile(stage, 1), ring.raw(stage, 1), lane);
      __syncwarp();
    }
    const Q_T* v = ring.tile(stage, 1);
    uint32_t p[4];
    weights<Q_T>(p, s, 0);
#pragma unroll
    for (int n = 0; n < head_dim / 16; ++n) {
      uint32_t b[2][2];
      load_values_b(b, v, places, 0, n);
      mma_m16n8k16<Q_T>(o[2 * n], p, b[0]);
      mma_m16n8k16<Q_T>(o[2 * n + 1], p, b[1]);
    }

    // Load the next K, V, when all lanes have read these.
    __syncwarp();
    load(next, next_page, stage);
    stage = stage + 1 == Ring::stages ? 0 : stage + 1;
  }
  launch_dependent_grids();

  // Merge the warps: rows under the highest maximum of the four, then their sums.
  float maximum[2];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    maximum[h] = pair.maximum[h] == minus_infinity() ? minus_infinity() : pair.maximum[h] * scores.scale();
    const float sum = quad_sum(pair.sum[h]);
    if (lane % 4 == 0) highest[warp][lane / 4 + h * 8] = maximum[h], total[warp][lane / 4 + h * 8] = sum;
  }
  cp_async_wait<0>();
  __syncthreads();   // and nobody reads the rings any more

  constexpr int pitch = head_dim + 8;   // 8 banks from row to row: the 8 bytes of 16 lanes (4 rows) fill all
  float* sums = reinterpret_cast<float*>(shared);   // [warps][16][pitch]
  const auto highest_of = [&](int row) { return fmaxf(fmaxf(highest[0][row], highest[1][row]), fmaxf(highest[2][row], highest[3][row])); };
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int row = lane / 4 + h * 8;
    const float factor = maximum[h] == minus_infinity() ? 0 : exp2_fast(maximum[h] - highest_of(row));
#pragma unroll
    for (int n = 0; n < head_dim / 8; ++n) {
      store_vector(sums + (warp * 16 + row) * pitch + n * 8 + lane % 4 * 2,
                   Vector<float, 2>{o[n][2 * h] * factor, o[n][2 * h + 1] * factor});
    }
  }
  __syncthreads();

  // Write O and lse, or this split's part of them.
  const long long out_row = static_cast<long long>(sequence) * NUM_QO_HEADS + first_head;
  const long long part_row = (static_cast<long long>(sequence) * splits + split) * NUM_QO_HEADS + first_head;
  for (int i = threadIdx.x; i < heads * (head_dim / 4); i += warps * 32) {
    const int row = i / (head_dim / 4), column = i % (head_dim / 4) * 4;
    const float top = highest_of(row);
    float sum = 0;
    Vector<float, 4> value = {};
#pragma unroll
    for (int w = 0; w < warps; ++w) {
      if (top != minus_infinity()) sum += total[w][row] * exp2_fast(highest[w][row] - top);
      const Vector<float, 4> part = load_vector<float, 4>(sums + (w * 16 + row) * pitch + column);
#pragma unroll
      for (int j = 0; j < 4; ++j) value[j] += part[j];
    }
    const float factor = sum > 0 ? v_scale / sum : 0;
#pragma unroll
    for (int j = 0; j < 4; ++j) value[j] *= factor;
    const float row_lse = sum > 0 ? top + log2f(sum) : minus_infinity();
    if (splits > 1) {
      if (sum > 0) store_vector(partial_output + (part_row + row) * head_dim + column, value);
      if (column == 0) partial_lse[part_row + row] = row_lse;
    } else {
      store_vector(reinterpret_cast<uint32_t*>(output + (out_row + row) * head_dim + column),
                   Vector<uint32_t, 2>{pack<Q_T>(value[0], value[1]), pack<Q_T>(value[2], value[3])});
      if (column == 0) lse[out_row + row] = row_lse;
    }
  }
}

/// One head of one sequence: output = Σ 2^(lse_i - lse) output_i over the splits that saw something. head_dim / 4 threads take
/// a row, as many rows at a time as the block has room for.
extern "C" __global__ void __launch_bounds__(128)
    gqa_paged_decode_merge(const float* __restrict__ partial_output, const float* __restrict__ partial_lse,
                           OUTPUT_T* __restrict__ output, float* __restrict__ lse, int splits) {
  constexpr int row_threads = head_dim / 4, lanes = 128 / row_threads;
  __shared__ float split_lse[64];
  __shared__ Vector<float, 4> part[128];
  const int head = blockIdx.x, sequence = blockIdx.y, thread = threadIdx.x;
  const long long first_row = static_cast<long long>(sequence) * splits * NUM_QO_HEADS + head;
  wait_for_earlier_grids();

  // Weigh the splits.
  if (thread < splits) split_lse[thread] = partial_lse[first_row + static_cast<long long>(thread) * NUM_QO_HEADS];
  __syncthreads();
  float top = minus_infinity(), total = 0;
  for (int i = 0; i < splits; ++i) top = fmaxf(top, split_lse[i]);
  if (top != minus_infinity()) {
    for (int i = 0; i < splits; ++i) total += exp2_fast(split_lse[i] - top);
  }

  // Add up, each lane of rows every lanes-th split; then the lanes.
  Vector<float, 4> sum = {};
  if (thread < lanes * row_threads) {
#pragma unroll 4
    for (int i = thread / row_threads; i < splits; i += lanes) {
      if (split_lse[i] == minus_infinity()) continue;   // saw nothing, wrote nothing
      const float weight = exp2_fast(split_lse[i] - top);
      const Vector<float, 4> row = load_vector<float, 4>(
          partial_output + (first_row + static_cast<long long>(i) * NUM_QO_HEADS) * head_dim + thread % row_threads * 4);
#pragma unroll
      for (int j = 0; j < 4; ++j) sum[j] += weight * row[j];
    }
  }
  part[thread] = sum;
  __syncthreads();
  if (thread >= row_threads) return;
  for (int i = 1; i < lanes; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) sum[j] += part[i * row_threads + thread][j];
  }

  // Write O and lse.
  const long long row = static_cast<long long>(sequence) * NUM_QO_HEADS + head;
  const float factor = total > 0 ? 1 / total : 0;
  store_vector(reinterpret_cast<uint32_t*>(output + row * head_dim + thread * 4),
               Vector<uint32_t, 2>{pack<OUTPUT_T>(sum[0] * factor, sum[1] * factor), pack<OUTPUT_T>(sum[2] * factor, sum[3] * factor)});
  if (thread == 0) lse[row] = total > 0 ? top + log2f(total) : minus_infinity();
}
