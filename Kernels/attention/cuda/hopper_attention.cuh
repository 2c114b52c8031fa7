// Attention of one tile of 128 rows with wgmma and TMA, for sm_90a: the core of the prefill kernels there (after
// FlashAttention-3, Shah et al. 2024: producer and consumers apart, softmax under the matrix products).
//
// Three warpgroups. The producer (one warp of it) asks TMA for blocks of 128 keys, `stages` ahead; each of two consumers
// computes 64 rows. Queries and weights are operand A in registers, so only K and V pass through shared memory, each read by
// both consumers:
//
//   stage 0 | K: [head_dim / 64][128 keys][64] | V: the same |   stage 1 | K | V |   barriers
//
// A panel is 128 rows of 64 elements = 128 bytes, in 16 KiB, as TMA writes boxes with a swizzle of 128: chunk c of row r at c ^
// r % 8. All panels begin at multiples of 1024 bytes, where that pattern repeats. As operand B ("Strides", PTX ISA, wgmma):
//
//   S = Q·Kᵀ   columns are keys, k the elements of a row: K-major. Eight columns are eight rows of 128 bytes: from eight to
//              the next eight the stride byte offset is 1024. Leading: unused, as the 32 bytes of 16 k lie within a row. Step
//              `step` of 16 elements begins step % 4 · 32 bytes into the rows of panel step / 4; the hardware xors address
//              bits, so that a start within the pattern needs no base offset.
//   O += P·V   columns are the elements of a row, k the keys: N-major. The pattern holds 64 columns x 8 k. From 8 k to the
//              next 8 the stride byte offset is 1024, from 64 columns to the next 64 the leading one is a panel, 16384.
//              Step `step` of 16 keys begins step · 16 · 128 bytes into the first panel.
//
// Registers of a consumer's thread, head_dim 128: S 64, O 64, P 32, Q 32: 192 of 240.
//
// Arithmetic of a block, for one consumer at head_dim 128: 16 wgmma of m64n128k16. A multiprocessor makes 2048 multiply-adds a
// cycle: 64 cycles each, 1024 in all. Exponentials: 64 · 128 at 16 a cycle: 512 cycles. They hide under the other consumer's
// products, and under the own: P·V of the last block and Q·Kᵀ of this one are asked for together, and the softmax begins when
// the latter is done. From L2 come 64 KiB for the 2048 cycles of both consumers: 32 bytes a cycle of 64.
#pragma once
#include "attention_rows.cuh"
#include "hopper.cuh"

template <typename T>
struct HopperAttention {
  static_assert(head_dim == 64 || head_dim == 128, "one or two panels of 64 elements");
  static constexpr int rows = 128, keys = 128, stages = 2, threads = 384;
  static constexpr int panels = head_dim / 64, panel_bytes = keys * 128, tile_bytes = panels * panel_bytes;

  struct Barriers {   // of each stage: K and V have landed, all consumers' warps have read them
    PhaseBarrier full_k[stages], full_v[stages], empty_k[stages], empty_v[stages];
  };
  static constexpr int shared_bytes = stages * 2 * tile_bytes + sizeof(Barriers);

  unsigned char* memory;   // shared, at a multiple of 1024 bytes

  __device__ unsigned char* k(int stage) const { return memory + stage * 2 * tile_bytes; }
  __device__ unsigned char* v(int stage) const { return k(stage) + tile_bytes; }
  __device__ Barriers& barriers() const { return *reinterpret_cast<Barriers*>(memory + stages * 2 * tile_bytes); }

  __device__ void begin() const {
    if (threadIdx.x == 0) {
      if (shared_address(memory) % 1024 != 0) __trap();
      for (int i = 0; i < stages; ++i) {
        barriers().full_k[i].init(1), barriers().full_v[i].init(1);
        barriers().empty_k[i].init(8), barriers().empty_v[i].init(8);
      }
      fence_barrier_init();
    }
    __syncthreads();
  }

  /// Load K, load V: block after block, each when its place is free. By one whole warp.
  /// - boxes: of the block at `first`, how many boxes of a panel hold keys that are seen.
  /// - load: brings a box of a panel to an address: (which: 0 for K, 1 for V; panel, box, first key of the block, address, barrier).
  template <typename Boxes, typename Load>
  __device__ __forceinline__ void produce(int first_block, int end_key, int box_keys, const Boxes& boxes, const Load& load) const {
    const int lane = threadIdx.x % 32;
    int stage = 0, parity = 1;
    for (int first = first_block; first < end_key; first += keys) {
      const int count = boxes(first);
#pragma unroll
      for (int which = 0; which < 2; ++which) {
        PhaseBarrier& full = which == 0 ? barriers().full_k[stage] : barriers().full_v[stage];
        (which == 0 ? barriers().empty_k[stage] : barriers().empty_v[stage]).wait(parity);
        if (lane == 0) full.arrive_expecting(count * panels * box_keys * 128);
        __syncwarp();
        unsigned char* tile = which == 0 ? k(stage) : v(stage);
#pragma unroll 1
        for (int i = lane; i < count * panels; i += 32) {
          const int panel = i % panels, box = i / panels;
          load(which, panel, box, first, tile + panel * panel_bytes + box * box_keys * 128, full);
        }
      }
      if (++stage == stages) stage = 0, parity ^= 1;
    }
  }

  /// A consumer: 64 rows from first_row on.
  template <typename QueryRow, typename StoreRow, typename StoreLse>
  __device__ __forceinline__ void consume(const QueryTile& tile, int consumer, int first_block, int end_key,
                                          const QueryRow& query_row, const ScoreScale& scores,
                                          [[maybe_unused]] const float* slopes, const StoreRow& store_row,
                                          const StoreLse& store_lse) const {
    const int lane = threadIdx.x % 32;
    const int group_row = tile.first_row + consumer * 64, first_row = group_row + threadIdx.x / 32 % 4 * 16 + lane / 4;
    const int full_end = min(tile.kv_len, tile.position(group_row) + 1);
#ifdef TAG_WINDOW
    const int full_begin = tile.position(min(group_row + 64, tile.row_count) - 1) - (TAG_WINDOW) + 1;
#else
    const int full_begin = 0;
#endif

    // Load Q into registers, as operand A: zeros behind the last row.
    RowPair pair;
    uint32_t q[head_dim / 16][4];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int row = first_row + h * 8;
      pair.position[h] = min(tile.position(row), tile.kv_len - 1);
#ifdef TAG_ALIBI
      pair.slope[h] = slopes[row % group_size];
#endif
      const T* from = query_row(min(row, tile.row_count - 1)) + lane % 4 * 2;
#pragma unroll
      for (int step = 0; step < head_dim / 16; ++step) {
        q[step][h] = row < tile.row_count ? *reinterpret_cast<const uint32_t*>(from + step * 16) : 0;
        q[step][h + 2] = row < tile.row_count ? *reinterpret_cast<const uint32_t*>(from + step * 16 + 8) : 0;
      }
    }

    float s[keys / 8][4], o[head_dim / 8][4] = {}, correction[2];
    uint32_t p[keys / 16][4];
    int stage = 0, parity = 0;   // of the block whose S is computed

    // S = Q·Kᵀ, asked for.
    const auto multiply_keys = [&] {
      barriers().full_k[stage].wait(parity);
      wgmma_fence();
#pragma unroll
      for (int step = 0; step < head_dim / 16; ++step) {
        const unsigned char* from = k(stage) + step / 4 * panel_bytes + step % 4 * 32;
        wgmma<T, false>(s, q[step], matrix_descriptor(from, 16, 1024), step > 0);
      }
      wgmma_commit();
    };
    // O += P·V, asked for. Keys behind the sequence's last weigh nothing, but what lies there may be no number: zeros instead.
    const auto multiply_values = [&](int first, int stage, int parity) {
      barriers().full_v[stage].wait(parity);
      if (first + keys > tile.kv_len) {
        for (int i = threadIdx.x % 128; i < (first + keys - tile.kv_len) * panels * 8; i += 128) {
          const int row = tile.kv_len - first + i / 8 / panels, panel = i / 8 % panels;
          store_vector(reinterpret_cast<uint32_t*>(v(stage) + panel * panel_bytes + row * 128 + i % 8 * 16), Vector<uint32_t, 4>{});
        }
        fence_async_proxy();
        named_barrier(1 + consumer, 128);
      }
      wgmma_fence();
#pragma unroll
      for (int step = 0; step < keys / 16; ++step) {
        wgmma<T, true>(o, p[step], matrix_descriptor(v(stage) + step * 16 * 128, panel_bytes, 1024), true);
      }
      wgmma_commit();
    };
    const auto soften = [&](int first) {
      pair.mask(s, first, first + keys > full_end || first < full_begin, scores);
      pair.soften(s, correction, scores.scale());
    };
    const auto weigh = [&] {
#pragma unroll
      for (int step = 0; step < keys / 16; ++step) weights<T>(p[step], s, step);
    };

    if (first_block < end_key) {
      multiply_keys();
      wgmma_wait<0>();
      changed(s);
      if (lane == 0) barriers().empty_k[stage].arrive();
      soften(first_block);
      weigh();

      for (int first = first_block + keys; first < end_key; first += keys) {
        const int last_stage = stage, last_parity = parity;
        if (++stage == stages) stage = 0, parity ^= 1;
        multiply_keys();
        multiply_values(first - keys, last_stage, last_parity);

        // Mask, online softmax, while P·V goes on; behind it where scores are transformed, which takes the registers of P.
        wgmma_wait<ScoreScale::transformed ? 0 : 1>();
        changed(s);
        if (lane == 0) barriers().empty_k[stage].arrive();
        soften(first);

        wgmma_wait<0>();
        changed(o);
        if (lane == 0) barriers().empty_v[last_stage].arrive();
        rescale(o, correction);
        weigh();
      }
      multiply_values((end_key - 1) / keys * keys, stage, parity);
      wgmma_wait<0>();
      changed(o);
    }

    // Write O and lse.
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int row = first_row + h * 8;
      float factor, lse;
      pair.finish(h, scores.scale(), factor, lse);
      if (row >= tile.row_count) continue;
      if (lane % 4 == 0) store_lse(row, lse);
#pragma unroll
      for (int n = 0; n < head_dim / 8; ++n) {
        store_row(row, n * 8 + lane % 4 * 2, pack<T>(o[n][2 * h] * factor, o[n][2 * h + 1] * factor));
      }
    }
  }
};
