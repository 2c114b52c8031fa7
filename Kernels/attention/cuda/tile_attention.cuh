// FlashAttention-2 (Dao 2023) of one tile of rows with mma.sync, for sm_80 on: the core of the prefill kernels.
//
// Four warps of 16 * M_TILES rows each take the tile's keys in blocks, in ascending order from a multiple of `keys`: a row's
// result depends neither on the tile that it is in nor on the other sequences. Shared memory, with R rows and `keys` keys:
//
//   | Q: R x head_dim | K: keys x head_dim | V: keys x head_dim | raw K | raw V |     (raw: float8 as it lies in the cache)
//
// K and V have one buffer each: V arrives while S = Q·Kᵀ is computed, the next K during the softmax and O += P·V, and a second
// block on the multiprocessor computes while this one waits.
//
// Arithmetic of a block of 32 keys, head_dim 128, the 32 rows of a warp: 2 · 2 · 32 · 32 · 128 FLOP = 128 mma; on sm_80 a
// multiprocessor starts one every 2 cycles: 256 cycles. Through shared memory go, in ldmatrix.x4 of 4 cycles, 8 · (2 of Q + 2 of
// K) and 2 · 8 of V: 192 cycles. With 16 rows a warp they would be 160 for 128, which is why wide tiles have M_TILES = 2.
// Exponentials: 32 · 32 at 16 a cycle and multiprocessor: 64 cycles, overlapped with other warps' mma. From memory, mostly L2:
// 2 · 32 · 128 · 2 = 16 KiB for the tile's 4 · 128 · 32 · 128 FLOP: 128 FLOP a byte.
#pragma once
#include "attention_rows.cuh"
#include "shared_tiles.cuh"

template <typename T, typename Source, int M_TILES>
struct TileAttention {
  static constexpr int warps = 4, threads = warps * 32, rows = warps * 16 * M_TILES;
  // A thread holds O in M_TILES · head_dim / 2 registers and S in M_TILES · keys / 2, of 255.
  static constexpr int keys = head_dim <= 64 ? 64 : 32;
  using QueryShape = SharedTile<T, T, head_dim, rows, threads>;
  using KeyShape = SharedTile<T, Source, head_dim, keys, threads>;
  static constexpr int shared_bytes = QueryShape::bytes + 2 * (KeyShape::bytes + KeyShape::raw_bytes);

  /// - query_rows: the sequence's rows of q; key_rows, value_rows: by position.
  /// - store_row: called as (row, column, two neighbouring values as one word) and store_lse as (row, lse).
  template <typename QueryRows, typename KeyRows, typename StoreRow, typename StoreLse>
  static __device__ __forceinline__ void run(unsigned char* shared, const QueryTile& tile, const QueryRows& query_rows,
                                             const KeyRows& key_rows, const KeyRows& value_rows, const ScoreScale& scores,
                                             float value_scale, [[maybe_unused]] const float* slopes,
                                             const StoreRow& store_row, const StoreLse& store_lse) {
    T* q = reinterpret_cast<T*>(shared);
    T* k = q + rows * head_dim;
    T* v = k + keys * head_dim;
    unsigned char* raw_k = reinterpret_cast<unsigned char*>(v + keys * head_dim);
    unsigned char* raw_v = raw_k + KeyShape::raw_bytes;
    const int thread = threadIdx.x, lane = thread % 32, warp_row = thread / 32 * 16 * M_TILES;

    const int end_key = tile.end_key(rows), first_block = tile.first_key() / keys * keys;
    // Blocks whose every key is seen by every row need no mask.
    const int full_end = min(tile.kv_len, tile.position(tile.first_row) + 1);
#ifdef TAG_WINDOW
    const int full_begin = tile.position(min(tile.first_row + rows, tile.row_count) - 1) - (TAG_WINDOW) + 1;
#else
    const int full_begin = 0;
#endif

    // Load Q and the first K.
    if (first_block < end_key) {   // else no row sees a key, and there may be none
      QueryShape::load(q, nullptr, query_rows, tile.first_row, tile.row_count, thread);
      KeyShape::load(k, raw_k, key_rows, first_block, end_key, thread);
      cp_async_commit();
    }

    const LanePlaces<head_dim> places(lane);
    RowPair pair[M_TILES];
    float o[M_TILES][head_dim / 8][4] = {};
#pragma unroll
    for (int i = 0; i < 2 * M_TILES; ++i) {
      const int row = tile.first_row + warp_row + i / 2 * 16 + i % 2 * 8 + lane / 4;
      pair[i / 2].position[i % 2] = min(tile.position(row), tile.kv_len - 1);
#ifdef TAG_ALIBI
      pair[i / 2].slope[i % 2] = slopes[row % group_size];
#endif
    }

    for (int first = first_block; first < end_key; first += keys) {
      // Load K: it has landed. Behind the barrier all have it, and nobody reads V any more.
      cp_async_wait<0>();
      KeyShape::widen(k, raw_k, thread);
      __syncthreads();
      // Load V.
      KeyShape::load(v, raw_v, value_rows, first, end_key, thread);
      cp_async_commit();

      // S = Q·Kᵀ.
      float s[M_TILES][keys / 8][4] = {};
#pragma unroll
      for (int step = 0; step < head_dim / 16; ++step) {
        uint32_t a[M_TILES][4];
#pragma unroll
        for (int m = 0; m < M_TILES; ++m) load_rows_a(a[m], q + warp_row * head_dim, places, m * 16, step);
#pragma unroll
        for (int n = 0; n < keys / 16; ++n) {
          uint32_t b[2][2];
          load_keys_b(b, k, places, n * 16, step);
#pragma unroll
          for (int m = 0; m < M_TILES; ++m) {
            mma_m16n8k16<T>(s[m][2 * n], a[m], b[0]);
            mma_m16n8k16<T>(s[m][2 * n + 1], a[m], b[1]);
          }
        }
      }

      // Mask, online softmax.
      const bool partial = first + keys > full_end || first < full_begin;
      uint32_t p[M_TILES][keys / 16][4];
#pragma unroll
      for (int m = 0; m < M_TILES; ++m) {
        pair[m].mask(s[m], first, partial, scores);
        float correction[2];
        pair[m].soften(s[m], correction, scores.scale());
        rescale(o[m], correction);
#pragma unroll
        for (int step = 0; step < keys / 16; ++step) weights<T>(p[m][step], s[m], step);
      }

      // Load V: it has landed. Behind the barrier all have it, and nobody reads K any more: load the next.
      cp_async_wait<0>();
      KeyShape::widen(v, raw_v, thread);
      __syncthreads();
      if (first + keys < end_key) {
        KeyShape::load(k, raw_k, key_rows, first + keys, end_key, thread);
        cp_async_commit();
      }

      // O += P·V.
#pragma unroll
      for (int step = 0; step < keys / 16; ++step) {
#pragma unroll
        for (int n = 0; n < head_dim / 16; ++n) {
          uint32_t b[2][2];
          load_values_b(b, v, places, step * 16, n);
#pragma unroll
          for (int m = 0; m < M_TILES; ++m) {
            mma_m16n8k16<T>(o[m][2 * n], p[m][step], b[0]);
            mma_m16n8k16<T>(o[m][2 * n + 1], p[m][step], b[1]);
          }
        }
      }
    }

    // Write O and lse.
#pragma unroll
    for (int i = 0; i < 2 * M_TILES; ++i) {
      const int row = tile.first_row + warp_row + i / 2 * 16 + i % 2 * 8 + lane / 4;
      float factor, lse;
      pair[i / 2].finish(i % 2, scores.scale(), factor, lse);
      factor *= value_scale;
      if (row >= tile.row_count) continue;
      if (lane % 4 == 0) store_lse(row, lse);
#pragma unroll
      for (int n = 0; n < head_dim / 8; ++n) {
        const float* pair_of = &o[i / 2][n][i % 2 * 2];
        store_row(row, n * 8 + lane % 4 * 2, pack<T>(pair_of[0] * factor, pair_of[1] * factor));
      }
    }
  }
};
