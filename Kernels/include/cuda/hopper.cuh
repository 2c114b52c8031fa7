// What sm_90a has beyond sm_80: barriers in shared memory that count bytes, copies of boxes by the tensor memory accelerator
// (TMA), and matrix products of a warpgroup (wgmma). Each instruction behind one function; the numbers of layouts follow from
// the PTX ISA, named by its sections. None of this is emulated: sources that include it are compiled only.
#pragma once
#include "instructions.cuh"

#ifndef __cuda_cuda_h__
/// A descriptor for TMA, made by cuTensorMapEncodeTiled: 128 opaque bytes (cuda.h, which NVRTC cannot read).
struct alignas(128) CUtensorMap {
  unsigned long long opaque[16];
};
#endif

// MARK: barriers (PTX ISA, mbarrier)

/// A barrier in shared memory. A phase ends when `arrivals` arrivals came and all bytes that were announced have landed; then the
/// next begins, and the phase's parity (0 for the first) flips.
struct PhaseBarrier {
  uint64_t word;

  __device__ __forceinline__ void init(uint32_t arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(&word)), "r"(arrivals) : "memory");
  }
  __device__ __forceinline__ void arrive() {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(&word)) : "memory");
  }
  /// Arrives, and announces bytes that TMA will bring.
  __device__ __forceinline__ void arrive_expecting(uint32_t bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(&word)), "r"(bytes) : "memory");
  }
  /// Waits for the end of the phase with this parity. A fresh barrier is in phase 0, and the phase before it, of parity 1,
  /// counts as ended: who waits for places to be free first waits for parity 1, and goes on at once.
  __device__ __forceinline__ void wait(uint32_t parity) {
    asm volatile(
        "{\n"
        ".reg .pred done;\n"
        "again:\n"
        "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
        "@!done bra again;\n"
        "}\n" ::"r"(shared_address(&word)), "r"(parity) : "memory");
  }
};

/// Makes fresh barriers visible to TMA. By the thread that initialized them, before the block's barrier.
__device__ __forceinline__ void fence_barrier_init() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }

/// Orders this thread's ordinary accesses to shared memory before later ones of TMA and wgmma (the "async proxy").
__device__ __forceinline__ void fence_async_proxy() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

/// Barrier `number` (1 ..< 16; 0 is __syncthreads) for `threads` threads of the block.
__device__ __forceinline__ void named_barrier(int number, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(number), "r"(threads) : "memory");
}

// MARK: copies of boxes (PTX ISA, cp.async.bulk.tensor)

__device__ __forceinline__ void prefetch_tensor_map(const CUtensorMap& map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}

/// Copies the box at these coordinates (innermost first, in elements), zeros outside of the tensor, and arrives with its bytes,
/// those outside included. `to` is aligned to 128 bytes. With a swizzle of 128 the box's rows of 128 bytes lie one after the
/// other, and of the address bits 4 ..< 7 (the chunk of 16 bytes) are xored with the bits 7 ..< 10 (the row): the pattern
/// repeats every 1024 bytes of the shared address, not of the box.
__device__ __forceinline__ void load_box(void* to, const CUtensorMap& map, PhaseBarrier& barrier, int c0, int c1, int c2) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], [%2];" ::"r"(
          shared_address(to)),
      "l"(&map), "r"(shared_address(&barrier.word)), "r"(c0), "r"(c1), "r"(c2)
      : "memory");
}
__device__ __forceinline__ void load_box(void* to, const CUtensorMap& map, PhaseBarrier& barrier, int c0, int c1, int c2, int c3) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2];" ::"r"(
          shared_address(to)),
      "l"(&map), "r"(shared_address(&barrier.word)), "r"(c0), "r"(c1), "r"(c2), "r"(c3)
      : "memory");
}

// MARK: registers (PTX ISA, setmaxnreg)

/// Gives registers of all four warps of a warpgroup back, or takes more. `COUNT` a thread, a multiple of 8.
template <int COUNT>
__device__ __forceinline__ void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(COUNT));
}
template <int COUNT>
__device__ __forceinline__ void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(COUNT));
}

// MARK: matrix products (PTX ISA, wgmma)

/// Describes operand B in shared memory, in rows of 128 bytes swizzled by 128 ("Matrix Descriptor Format"): bits 0 ..< 14 the
/// address, 16 ..< 30 the leading and 32 ..< 46 the stride byte offset, each without its lowest 4 bits; 49 ..< 52 the base
/// offset, 0 as the pattern begins at multiples of 1024 bytes; 62 ..< 64 the swizzle, 1 for 128 bytes.
__device__ __forceinline__ uint64_t matrix_descriptor(const void* address, uint32_t leading, uint32_t stride) {
  return static_cast<uint64_t>((shared_address(address) & 0x3ffff) >> 4) | static_cast<uint64_t>(leading >> 4) << 16
       | static_cast<uint64_t>(stride >> 4) << 32 | static_cast<uint64_t>(1) << 62;
}

/// Before the first wgmma, and again when registers that it uses were written otherwise.
__device__ __forceinline__ void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
/// Waits until at most PENDING of the latest groups are under way.
template <int PENDING>
__device__ __forceinline__ void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(PENDING) : "memory");
}

/// Tells the compiler that registers change here: accumulators between the wait for them and their first use.
template <int N>
__device__ __forceinline__ void changed(float (&d)[N][4]) {
#pragma unroll
  for (int n = 0; n < N; ++n) asm volatile("" : "+f"(d[n][0]), "+f"(d[n][1]), "+f"(d[n][2]), "+f"(d[n][3])::"memory");
}

#define WGMMA_D(n) "+f"(n[0]), "+f"(n[1]), "+f"(n[2]), "+f"(n[3])

#define WGMMA_M64N64(TYPE)                                                      \
  asm volatile(                                                                \
      "{\n.reg .pred accumulates;\nsetp.ne.b32 accumulates, %37, 0;\n"           \
      "wgmma.mma_async.sync.aligned.m64n64k16.f32." TYPE "." TYPE " "            \
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, " \
      "{%32, %33, %34, %35}, %36, accumulates, 1, 1, %38;\n}\n" \
      : WGMMA_D(d[0]), WGMMA_D(d[1]), WGMMA_D(d[2]), WGMMA_D(d[3]), \
        WGMMA_D(d[4]), WGMMA_D(d[5]), WGMMA_D(d[6]), WGMMA_D(d[7]) \
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(static_cast<int>(accumulates)), "n"(TRANSPOSED ? 1 : 0))

#define WGMMA_M64N128(TYPE)                                                      \
  asm volatile(                                                                \
      "{\n.reg .pred accumulates;\nsetp.ne.b32 accumulates, %69, 0;\n"           \
      "wgmma.mma_async.sync.aligned.m64n128k16.f32." TYPE "." TYPE " "            \
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, " \
      "{%64, %65, %66, %67}, %68, accumulates, 1, 1, %70;\n}\n" \
      : WGMMA_D(d[0]), WGMMA_D(d[1]), WGMMA_D(d[2]), WGMMA_D(d[3]), \
        WGMMA_D(d[4]), WGMMA_D(d[5]), WGMMA_D(d[6]), WGMMA_D(d[7]), \
        WGMMA_D(d[8]), WGMMA_D(d[9]), WGMMA_D(d[10]), WGMMA_D(d[11]), \
        WGMMA_D(d[12]), WGMMA_D(d[13]), WGMMA_D(d[14]), WGMMA_D(d[15]) \
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(static_cast<int>(accumulates)), "n"(TRANSPOSED ? 1 : 0))

/// d (+)= a · b of one warpgroup, 64 x N x 16, asynchronously; sums in float, T = __half or __nv_bfloat16.
///
/// Warp w has the rows 16 w ..< 16 w + 16 of d and a, in the registers that mma.m16n8k16 has them in ("Register Fragments"): N / 8
/// tiles of [4]. b is K-major ("Shared Memory Matrix Layout"), rows of the matrix in memory being its columns, or with TRANSPOSED
/// N-major, rows in memory being its rows.
template <typename T, bool TRANSPOSED, int N8>
__device__ __forceinline__ void wgmma(float (&d)[N8][4], const uint32_t (&a)[4], uint64_t b, bool accumulates) {
  static_assert(N8 == 8 || N8 == 16, "64 or 128 columns");
  if constexpr (N8 == 8) {
    if constexpr (is_half<T>) {
      WGMMA_M64N64("f16");
    } else {
      WGMMA_M64N64("bf16");
    }
  } else {
    if constexpr (is_half<T>) {
      WGMMA_M64N128("f16");
    } else {
      WGMMA_M64N128("bf16");
    }
  }
}

#undef WGMMA_D
#undef WGMMA_M64N64
#undef WGMMA_M64N128
