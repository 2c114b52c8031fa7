// Tiles of keys, values and queries in shared memory: where rows come from, how they lie, and how they are brought there.
//
// A tile has rows of head_dim elements. Its unit is the chunk of 16 bytes (8 elements of 16 bits), 8 of which fill the 32 banks.
// ldmatrix reads one chunk of 8 successive rows at a time, so these must lie in different eighths of the banks. Chunk c of
// row r is therefore kept at place c ^ swizzle(r) of its row:
//
//   head_dim % 64 == 0: rows begin at bank 0        swizzle = r % 8                   head_dim 64, row r:  c^r
//   head_dim % 64 == 32: every other row begins     swizzle = r / 2 % 4                r = 0  0 1 2 3 4 5 6 7
//     in the middle of the banks, so that pairs                                        r = 1  1 0 3 2 5 4 7 6
//     of rows share a swizzle and quarters differ                                      r = 2  2 3 0 1 6 7 4 5 …
//
// The eight chunks of a row that cp.async writes at a time are a permutation of the banks as well.
#pragma once
#include "instructions.cuh"

template <int HEAD>
struct Swizzle {
  static_assert(HEAD % 32 == 0, "rows are whole halves of the banks");
  static constexpr int span = HEAD % 64 == 0 ? 8 : 4;   // chunks that are permuted among each other
  static __device__ __forceinline__ int of(int row) { return span == 8 ? row % 8 : row / 2 % 4; }
  /// Where a chunk begins, in elements of the tile.
  static __device__ __forceinline__ int place(int row, int chunk) { return (row * (HEAD / 8) + (chunk ^ of(row))) * 8; }
  /// The same of chunk + even, for a place with chunk 0 or 1: `even` is a constant, so that this is one xor and, behind the
  /// span, an offset in the instruction.
  static __device__ __forceinline__ int further(int place, int even) { return (place ^ even % span * 8) + even / span * span * 8; }
};

// MARK: where rows come from

/// Keys or values of one sequence and KV head in pages of PAGE tokens, `row_stride` elements from token to token.
template <typename T, int PAGE>
struct PagedRows {
  const T* cache;        // at the head
  const int* pages;      // of the sequence
  long long page_stride;
  int row_stride;
  __device__ const T* operator()(int position) const {
    return cache + pages[position / PAGE] * page_stride + position % PAGE * row_stride;
  }
};

/// Rows one after the other: keys or values of one sequence and KV head.
template <typename T>
struct ContiguousRows {
  const T* first;
  int row_stride;
  __device__ const T* operator()(int position) const { return first + static_cast<long long>(position) * row_stride; }
};

// MARK: how they are brought

/// Two e4m3 (the lower 16 bits, the first lowest) as two T, exactly. Moved into a float's bits, sign | 4 exponent | 3 mantissa is
/// the value times 2^(7 - 127), subnormal ones too.
template <typename T>
__device__ __forceinline__ uint32_t widen_e4m3(uint32_t two) {
  const float low = __int_as_float((two & 0x80) << 24 | (two & 0x7f) << 20);
  const float high = __int_as_float((two & 0x8000) << 16 | (two & 0x7f00) << 12);
  return pack<T>(low * 0x1p120f, high * 0x1p120f);
}

/// A tile of ROWS rows, filled by THREADS threads. Rows of another type than T (float8) are first brought as they are into
/// `raw`, and each thread widens the chunks that it brought itself: that takes no barrier of its own.
template <typename T, typename Source, int HEAD, int ROWS, int THREADS>
struct SharedTile {
  static constexpr bool widens = sizeof(Source) != sizeof(T);
  static constexpr int chunk = 16 / sizeof(Source), chunks = HEAD / chunk;   // elements of a chunk, chunks of a row
  static constexpr int total = ROWS * chunks, copies = (total + THREADS - 1) / THREADS;   // copies of a thread
  static constexpr int bytes = ROWS * HEAD * sizeof(T), raw_bytes = widens ? ROWS * HEAD : 0;
  static_assert(HEAD % chunk == 0, "rows are whole chunks");
  /// Whether there is a chunk at a place: threads may have one more or less.
  static __device__ __forceinline__ bool exists(int place) { return total % THREADS == 0 || place < total; }

  /// Begins to copy rows first ..< first + ROWS into the tile (or `raw`), zeros from `end` on.
  template <typename Rows>
  static __device__ __forceinline__ void load(T* tile, unsigned char* raw, const Rows& rows, int first, int end, int thread) {
    const Source* from[copies];   // all look-ups first, so that their latencies overlap
#pragma unroll
    for (int i = 0; i < copies; ++i) {
      const int row = first + (thread + i * THREADS) / chunks;
      from[i] = rows(max(min(row, end - 1), 0)) + (thread + i * THREADS) % chunks * chunk;
    }
#pragma unroll
    for (int i = 0; i < copies; ++i) {
      const int place = thread + i * THREADS, row = place / chunks;
      if (!exists(place)) continue;
      if constexpr (widens) {
        cp_async_16(raw + place * 16, from[i], first + row < end);
      } else {
        cp_async_16(tile + Swizzle<HEAD>::place(row, place % chunks), from[i], first + row < end);
      }
    }
  }

  /// Widens what this thread copied, when its copies have landed.
  static __device__ __forceinline__ void widen([[maybe_unused]] T* tile, [[maybe_unused]] const unsigned char* raw,
                                               [[maybe_unused]] int thread) {
    if constexpr (widens) {
#pragma unroll
      for (int i = 0; i < copies; ++i) {
        const int place = thread + i * THREADS, row = place / chunks;
        if (!exists(place)) continue;
        const Vector<uint32_t, 4> narrow = load_vector<uint32_t, 4>(reinterpret_cast<const uint32_t*>(raw + place * 16));
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          Vector<uint32_t, 4> wide;
#pragma unroll
          for (int j = 0; j < 4; ++j) wide[j] = widen_e4m3<T>(narrow[half * 2 + j / 2] >> j % 2 * 16);
          store_vector(reinterpret_cast<uint32_t*>(tile + Swizzle<HEAD>::place(row, place % chunks * 2 + half)), wide);
        }
      }
    }
  }
};

// MARK: operands of mma out of tiles

/// Where this thread's addresses for ldmatrix begin in a tile. A: 16 rows by 2 chunks are the four matrices, in the order of
/// operand A's registers. keys_b: 16 keys as columns (two n8 tiles), elements as k. values_b: 16 keys as k, elements as
/// columns.
template <int HEAD>
struct LanePlaces {
  int a, keys_b, values_b;
  __device__ explicit LanePlaces(int lane)
      : a(Swizzle<HEAD>::place(lane % 16, lane / 16)),
        keys_b(Swizzle<HEAD>::place(lane / 16 * 8 + lane % 8, lane / 8 % 2)),
        values_b(a) {}
};

/// A of m16n8k16: rows row ..< row + 16 (row a multiple of 16), elements k * 16 ..< k * 16 + 16.
template <int HEAD, typename T>
__device__ __forceinline__ void load_rows_a(uint32_t (&a)[4], const T* tile, const LanePlaces<HEAD>& places, int row, int k) {
  ldmatrix_x4(a, tile + row * HEAD + Swizzle<HEAD>::further(places.a, k * 2));
}

/// B for S = Q·Kᵀ: keys key ..< key + 16 as columns, elements k * 16 … as k.
template <int HEAD, typename T>
__device__ __forceinline__ void load_keys_b(uint32_t (&b)[2][2], const T* tile, const LanePlaces<HEAD>& places, int key, int k) {
  uint32_t d[4];
  ldmatrix_x4(d, tile + key * HEAD + Swizzle<HEAD>::further(places.keys_b, k * 2));
  b[0][0] = d[0], b[0][1] = d[1], b[1][0] = d[2], b[1][1] = d[3];
}

/// B for O = P·V: elements n * 16 … as columns, keys key ..< key + 16 as k.
template <int HEAD, typename T>
__device__ __forceinline__ void load_values_b(uint32_t (&b)[2][2], const T* tile, const LanePlaces<HEAD>& places, int key, int n) {
  uint32_t d[4];
  ldmatrix_x4_trans(d, tile + key * HEAD + Swizzle<HEAD>::further(places.values_b, n * 2));
  b[0][0] = d[0], b[0][1] = d[1], b[1][0] = d[2], b[1][1] = d[3];
}
