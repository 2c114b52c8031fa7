// The instructions that C++ has no words for, each behind one function. On the device a function is inline PTX; under the
// emulation (SWIFTLET_EMULATION) it is what the emulation does for that instruction.
#pragma once
#include "elements.cuh"

// MARK: shared memory

/// A block's dynamic shared memory as `name`, an array of `type`.
#ifdef SWIFTLET_EMULATION
#define DYNAMIC_SHARED(type, name) type* name = static_cast<type*>(emulation::dynamic_shared())
#else
#define DYNAMIC_SHARED(type, name)                              \
  extern __shared__ __align__(1024) unsigned char name##_bytes[]; \
  type* name = reinterpret_cast<type*>(name##_bytes)
#endif

#ifndef SWIFTLET_EMULATION
__device__ __forceinline__ uint32_t shared_address(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}
#endif

// MARK: tensor cores (sm_80)

/// Four 8x8 matrices of 16-bit elements from shared memory; lane i gives the address of a row of 16 bytes (PTX ISA, ldmatrix).
__device__ __forceinline__ void ldmatrix_x4(uint32_t (&d)[4], const void* row) {
#ifdef SWIFTLET_EMULATION
  emulation::ldmatrix<4, false>(d, row);
#else
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3]) : "r"(shared_address(row)));
#endif
}

/// The same with each matrix transposed.
__device__ __forceinline__ void ldmatrix_x4_trans(uint32_t (&d)[4], const void* row) {
#ifdef SWIFTLET_EMULATION
  emulation::ldmatrix<4, true>(d, row);
#else
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3]) : "r"(shared_address(row)));
#endif
}

__device__ __forceinline__ void ldmatrix_x2(uint32_t (&d)[2], const void* row) {
#ifdef SWIFTLET_EMULATION
  emulation::ldmatrix<2, false>(d, row);
#else
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
               : "=r"(d[0]), "=r"(d[1]) : "r"(shared_address(row)));
#endif
}

/// c += a · b of one warp, 16x8x16, T = __half or __nv_bfloat16, sums in float.
template <typename T>
__device__ __forceinline__ void mma_m16n8k16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#ifdef SWIFTLET_EMULATION
  emulation::mma_m16n8k16<T>(c, a, b);
#else
  if constexpr (!is_half<T>) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  } else {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
#endif
}

// MARK: asynchronous copies (sm_80)

/// 16 bytes from global to shared memory, both aligned; zeros when `valid` is false, and nothing is read. They are there for this
/// thread after `cp_async_wait`, for others after a barrier behind it.
__device__ __forceinline__ void cp_async_16(void* shared, const void* global, bool valid = true) {
#ifdef SWIFTLET_EMULATION
  emulation::cp_async(shared, global, 16, valid ? 16 : 0);
#else
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               ::"r"(shared_address(shared)), "l"(global), "r"(valid ? 16 : 0) : "memory");
#endif
}

__device__ __forceinline__ void cp_async_commit() {
#ifdef SWIFTLET_EMULATION
  emulation::cp_async_commit();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/// Waits until at most PENDING of this thread's latest groups are under way.
template <int PENDING>
__device__ __forceinline__ void cp_async_wait() {
#ifdef SWIFTLET_EMULATION
  emulation::cp_async_wait(PENDING);
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
#endif
}

// MARK: programmatic dependent launch (sm_90)

/// Waits for the grids before this one in the stream; at once where the launch has no such attribute.
__device__ __forceinline__ void wait_for_earlier_grids() {
#if !defined(SWIFTLET_EMULATION) && defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/// Lets the next grid of the stream begin.
__device__ __forceinline__ void launch_dependent_grids() {
#if !defined(SWIFTLET_EMULATION) && defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// MARK: arithmetic

/// 2^x to about 2 units in the last place (ex2.approx); 2^-∞ is 0.
__device__ __forceinline__ float exp2_fast(float x) {
#ifdef SWIFTLET_EMULATION
  return exp2f(x);
#else
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#endif
}
