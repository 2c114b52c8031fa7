// What all attention kernels share: which rows a tile has, what each sees, and the online softmax over accumulators of mma.
//
// The query tokens of a sequence and the heads of one KV head ("group") are packed into rows, heads innermost:
// row = token * group_size + head. All of them read the same keys, so one token of 8 heads fills half of an mma's 16 rows.
#pragma once
#include "instructions.cuh"

constexpr int head_dim = HEAD_DIM;
constexpr int group_size = NUM_QO_HEADS / NUM_KV_HEADS;
constexpr float log2_e = 1.4426950408889634f;
/// -∞, in words that every compiler of CUDA knows.
__device__ __forceinline__ float minus_infinity() { return __int_as_float(static_cast<int>(0xff800000u)); }

// MARK: which rows

/// Rows of one sequence and KV head. Positions count from the sequence's first key; its last query sits at its last position.
struct QueryTile {
  int sequence;
  int first_query;   // of the batch: qo_indptr[sequence]
  int first_row;     // of the sequence's rows
  int row_count;     // all rows of the sequence
  int kv_len;        // keys of the sequence
  int first_position;  // of the sequence's first query; below 0 where there are more queries than keys

  /// Sets the sequence's number of keys.
  __device__ void see(int keys) {
    kv_len = keys;
    first_position += keys;
  }
  __device__ int position(int row) const { return first_position + row / group_size; }
  /// The keys that any row of the tile sees: first_key ..< end_key.
  __device__ int first_key() const {
#ifdef TAG_WINDOW
    return max(0, position(first_row) - (TAG_WINDOW) + 1);
#else
    return 0;
#endif
  }
  __device__ int end_key(int rows) const { return min(kv_len, position(min(first_row + rows, row_count) - 1) + 1); }
};

/// Finds the tile of a slot. Sequence i owns the slots from qo_indptr[i] * group_size / rows + i on, which are enough: rounding
/// each start down and adding one a sequence leaves at least as many as its rows need. The grid is thus known from the axes:
/// total_q * group_size / rows + batch_size. A slot that no rows are left for has row_count <= first_row.
__device__ __forceinline__ QueryTile find_tile(const int* qo_indptr, int batch_size, int slot, int rows) {
  int begun = 0;   // sequences whose slots begin at or before this one: the starts ascend, so counting finds the last
  for (int i = threadIdx.x % 32; i - static_cast<int>(threadIdx.x % 32) < batch_size; i += 32) {
    const bool before = i < batch_size && static_cast<long long>(qo_indptr[min(i, batch_size)]) * group_size / rows + i <= slot;
    begun += __popc(__ballot_sync(0xffffffffu, before));
  }
  QueryTile tile;
  tile.sequence = max(begun - 1, 0);
  tile.first_query = qo_indptr[tile.sequence];
  const int queries = qo_indptr[tile.sequence + 1] - tile.first_query;
  const int first_slot = static_cast<int>(static_cast<long long>(tile.first_query) * group_size / rows) + tile.sequence;
  tile.first_row = (slot - first_slot) * rows;
  tile.row_count = begun > 0 ? queries * group_size : 0;
  tile.kv_len = 0;
  tile.first_position = -queries;
  return tile;
}

// MARK: scores

/// Scores are kept so that score * `scale` is in units of log2: plain ones as Q·K, with the scaling in the exponent's
/// multiply-add; capped or biased ones in those units already.
struct ScoreScale {
#if defined(TAG_SOFT_CAP) || defined(TAG_ALIBI)
  static constexpr bool transformed = true;
#else
  static constexpr bool transformed = false;
#endif
  float sm_scale;
  __device__ float scale() const { return transformed ? 1.0f : sm_scale * log2_e; }

  /// - distance: the key's position less the query's.
  __device__ float transform(float score, [[maybe_unused]] float distance, [[maybe_unused]] float slope) const {
    score *= sm_scale;
#ifdef TAG_SOFT_CAP
    // tanh(x) = 1 - 2 / (e^2x + 1), to about 2e-7; the instruction tanh.approx is off by 5e-4.
    constexpr float cap = TAG_SOFT_CAP;
    score = cap - __fdividef(2 * cap, exp2_fast(score * (2 * log2_e / cap)) + 1);
#endif
#ifdef TAG_ALIBI
    score += slope * distance;
#endif
    return score * log2_e;
  }
};

__device__ __forceinline__ float quad_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 1));
  return fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 2));
}
__device__ __forceinline__ float quad_sum(float x) {
  x += __shfl_xor_sync(0xffffffffu, x, 1);
  return x + __shfl_xor_sync(0xffffffffu, x, 2);
}

/// What a thread knows of its two rows of an m16 tile: rows lane / 4 and lane / 4 + 8. It holds, of N tiles of 8 columns, the
/// columns lane % 4 * 2 + {0, 1}: [n][0], [n][1] of the first row and [n][2], [n][3] of the second. The four lanes of a row are
/// neighbours ("quad").
struct RowPair {
  int position[2];                                  // of the queries, limited to the last key
  float slope[2] = {0, 0};                          // of ALiBi
  float maximum[2] = {minus_infinity(), minus_infinity()};  // of the scores, the same in a quad
  float sum[2] = {0, 0};                            // of 2^(score - maximum) over this thread's own columns

  /// Mask: transforms scores of keys first_key + 0 ..< N * 8, and makes those a row does not see -∞ where `partial`.
  template <int N>
  __device__ __forceinline__ void mask(float (&s)[N][4], int first_key, bool partial, const ScoreScale& scores) const {
    // The column of a row's own position, counted from this thread's first: column less limit is key less query.
    const int first_column = first_key + threadIdx.x % 4 * 2, limit[2] = {position[0] - first_column, position[1] - first_column};
    if constexpr (ScoreScale::transformed) {
      const float own[2] = {static_cast<float>(limit[0]), static_cast<float>(limit[1])};
#pragma unroll
      for (int i = 0; i < N * 4; ++i) {
        const int column = i / 4 * 8 + i % 2, h = i % 4 / 2;
        s[i / 4][i % 4] = scores.transform(s[i / 4][i % 4], column - own[h], slope[h]);
      }
    }
    if (!partial) return;
#pragma unroll
    for (int i = 0; i < N * 4; ++i) {
      const int column = i / 4 * 8 + i % 2, h = i % 4 / 2;
      bool seen = column <= limit[h];
#ifdef TAG_WINDOW
      seen = seen && column > limit[h] - (TAG_WINDOW);
#endif
      if (!seen) s[i / 4][i % 4] = minus_infinity();
    }
  }

  /// Online softmax: raises the maxima, and turns scores into weights 2^(score - maximum): one multiply-add and one exp2 a score.
  /// What was summed under lower maxima is to be multiplied by `correction`.
  template <int N>
  __device__ __forceinline__ void soften(float (&s)[N][4], float (&correction)[2], float scale) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      float highest = maximum[h];
#pragma unroll
      for (int n = 0; n < N; ++n) highest = fmaxf(highest, fmaxf(s[n][2 * h], s[n][2 * h + 1]));
      highest = quad_max(highest);
      const float reference = highest == minus_infinity() ? 0 : highest * scale;   // nothing seen yet: all weights 0
      correction[h] = exp2_fast(maximum[h] * scale - reference);
      maximum[h] = highest;
      sum[h] *= correction[h];
#pragma unroll
      for (int n = 0; n < N; ++n) {
#pragma unroll
        for (int j = 2 * h; j < 2 * h + 2; ++j) {
          s[n][j] = exp2_fast(s[n][j] * scale - reference);
          sum[h] += s[n][j];
        }
      }
    }
  }

  /// The factor that makes sums of weighted values an average (0 where nothing was seen), and the row's lse in base 2.
  __device__ __forceinline__ void finish(int h, float scale, float& factor, float& lse) const {
    const float total = quad_sum(sum[h]);
    factor = total > 0 ? 1 / total : 0;
    lse = total > 0 ? maximum[h] * scale + log2f(total) : minus_infinity();
  }
};

/// Rows of accumulators times their corrections.
template <int N>
__device__ __forceinline__ void rescale(float (&o)[N][4], const float (&correction)[2]) {
#pragma unroll
  for (int i = 0; i < N * 4; ++i) o[i / 4][i % 4] *= correction[i % 4 / 2];
}

/// The weights of 16 keys (columns 16 k ..< 16 k + 16) as operand A of the next mma: accumulators have its layout already.
template <typename T, int N>
__device__ __forceinline__ void weights(uint32_t (&a)[4], const float (&s)[N][4], int k) {
  a[0] = pack<T>(s[2 * k][0], s[2 * k][1]);
  a[1] = pack<T>(s[2 * k][2], s[2 * k][3]);
  a[2] = pack<T>(s[2 * k + 1][0], s[2 * k + 1][1]);
  a[3] = pack<T>(s[2 * k + 1][2], s[2 * k + 1][3]);
}
