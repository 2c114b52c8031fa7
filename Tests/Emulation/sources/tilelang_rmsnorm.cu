#if defined(_MSC_VER) && !defined(__clang__) && _MSC_VER < 1940
#define _tl_orig_alignas alignas
#define alignas(N) _tl_orig_alignas((N) <= 64 ? (N) : 64)
#include <cuda.h>
#undef alignas
#define alignas _tl_orig_alignas
#endif
#include <tl_templates/cuda/reduce.h>
#include <tl_templates/cuda/scan.h>
#include <tl_templates/cuda/ldsm.h>
#include <tl_templates/cuda/threadblock_swizzle.h>
#include <tl_templates/cuda/debug.h>
#ifdef ENABLE_BF16
#include <tl_templates/cuda/cuda_bf16_fallbacks.cuh>
#endif
extern "C" __global__ void rms_kernel(const bfloat16_t* __restrict__ W, const bfloat16_t* __restrict__ X, bfloat16_t* __restrict__ Y, int R, float eps);
extern "C" __global__ void __launch_bounds__(128, 1) rms_kernel(const bfloat16_t* __restrict__ W, const bfloat16_t* __restrict__ X, bfloat16_t* __restrict__ Y, int R, float eps) {
  float x[32];
  float sq[32];
  float s[1];
  extern __shared__ __align__(1024) float workspace[];
  #pragma unroll
  for (int i = 0; i < 4; ++i) {
    bfloat16_t X_local_cast[8];
    *(uint4*)(X_local_cast + 0) = *(uint4*)(X + (((((int64_t)((int)blockIdx.x)) * (int64_t)4096) + (((int64_t)i) * (int64_t)1024)) + (((int64_t)((int)threadIdx.x)) * (int64_t)8)));
    for (int vec = 0; vec < 2; ++vec) {
      float4 __1;
      uint2 v_ = *(uint2*)(X_local_cast + (vec * 4));
      ((float2*)(&__1))[0] = __bfloat1622float2((reinterpret_cast<__nv_bfloat162*>(&v_))[0]);
      ((float2*)(&__1))[1] = __bfloat1622float2((reinterpret_cast<__nv_bfloat162*>(&v_))[1]);
      *(float4*)(x + ((i * 8) + (vec * 4))) = __1;
    }
  }
  #pragma unroll
  for (int i_1 = 0; i_1 < 8; ++i_1) {
    float4 __2;
      float4 v__1 = *(float4*)(x + (i_1 * 4));
      __2.x = (v__1.x*v__1.x);
      __2.y = (v__1.y*v__1.y);
      __2.z = (v__1.z*v__1.z);
      __2.w = (v__1.w*v__1.w);
    *(float4*)(sq + (i_1 * 4)) = __2;
  }
  s[0] = 0x0p+0f/*0.000000e+00*/;
  #pragma unroll
  for (int rv = 0; rv < 32; ++rv) {
    s[0] = (s[0] + sq[(((rv & 3) * 8) + (rv >> 2))]);
  }
  s[0] = tl::AllReduce<tl::SumOp, 128, 1, 0, tl::NamedBarrier<128>>::run(s[0], (&(workspace[0])));
  s[0] = rsqrtf(((s[0] / 0x1p+12f/*4.096000e+03*/) + eps));
  #pragma unroll
  for (int i_2 = 0; i_2 < 4; ++i_2) {
    bfloat16_t W_local_cast_2[8];
    bfloat16_t Y_local_cast_1[8];
    *(uint4*)(W_local_cast_2 + 0) = *(uint4*)(W + ((i_2 * 1024) + (((int)threadIdx.x) * 8)));
    for (int vec_1 = 0; vec_1 < 2; ++vec_1) {
      uint2 __3;
      float4 __4;
        float4 __5;
          float4 v__2 = *(float4*)(x + ((i_2 * 8) + (vec_1 * 4)));
          float4 v__3 = make_float4(s[0], s[0], s[0], s[0]);
          __5.x = (v__2.x*v__3.x);
          __5.y = (v__2.y*v__3.y);
          __5.z = (v__2.z*v__3.z);
          __5.w = (v__2.w*v__3.w);
        float4 __6;
        uint2 v__4 = *(uint2*)(W_local_cast_2 + (vec_1 * 4));
        ((float2*)(&__6))[0] = __bfloat1622float2((reinterpret_cast<__nv_bfloat162*>(&v__4))[0]);
        ((float2*)(&__6))[1] = __bfloat1622float2((reinterpret_cast<__nv_bfloat162*>(&v__4))[1]);
        __4.x = (__5.x*__6.x);
        __4.y = (__5.y*__6.y);
        __4.z = (__5.z*__6.z);
        __4.w = (__5.w*__6.w);
      (reinterpret_cast<__nv_bfloat162*>(&__3))[0] = __float22bfloat162_rn(((float2*)(&__4))[0]);
      (reinterpret_cast<__nv_bfloat162*>(&__3))[1] = __float22bfloat162_rn(((float2*)(&__4))[1]);
      *(uint2*)(Y_local_cast_1 + (vec_1 * 4)) = __3;
    }
    *(uint4*)(Y + (((((int64_t)((int)blockIdx.x)) * (int64_t)4096) + (((int64_t)i_2) * (int64_t)1024)) + (((int64_t)((int)threadIdx.x)) * (int64_t)8))) = *(uint4*)(Y_local_cast_1 + 0);
  }
}
