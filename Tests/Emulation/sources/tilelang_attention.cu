#if defined(_MSC_VER) && !defined(__clang__) && _MSC_VER < 1940
#define _tl_orig_alignas alignas
#define alignas(N) _tl_orig_alignas((N) <= 64 ? (N) : 64)
#include <cuda.h>
#undef alignas
#define alignas _tl_orig_alignas
#endif
#include <tl_templates/cuda/instruction/mma.h>
#include <math_constants.h>
#include <tl_templates/cuda/reduce.h>
#include <tl_templates/cuda/scan.h>
#include <tl_templates/cuda/ldsm.h>
#include <tl_templates/cuda/threadblock_swizzle.h>
#include <tl_templates/cuda/debug.h>
#ifdef ENABLE_BF16
#include <tl_templates/cuda/cuda_bf16_fallbacks.cuh>
#endif
extern "C" __global__ void fa_kernel(const half_t* __restrict__ K, half_t* __restrict__ O, const half_t* __restrict__ Q, const half_t* __restrict__ V, int M);
extern "C" __global__ void __launch_bounds__(128, 1) fa_kernel(const half_t* __restrict__ K, half_t* __restrict__ O, const half_t* __restrict__ Q, const half_t* __restrict__ V, int M) {
  extern __shared__ __align__(1024) uchar buf_dyn_shmem[];
  void* q = ((void*)((char*)buf_dyn_shmem + 0));
  void* k = ((void*)((char*)buf_dyn_shmem + 8192));
  void* v = ((void*)((char*)buf_dyn_shmem + 16384));
  float o[32];
  float l[2];
  float mx[2];
  float s[32];
  float mp[2];
  float mx_clear[2];
  float al[2];
  float rs[2];
  half_t p[32];
  #pragma unroll
  for (int i = 0; i < 4; ++i) {
    half_t broadcast_var = half_t(0x0p+0f/*0.000000e+00*/);
    uint4 condval;
    if (((((((int)blockIdx.x) * 64) + (i * 16)) + (((int)threadIdx.x) >> 3)) < M)) {
      condval = *(uint4*)(Q + ((((((int64_t)((int)blockIdx.x)) * (int64_t)4096) + (((int64_t)i) * (int64_t)1024)) + ((((int64_t)((int)blockIdx.y)) * ((int64_t)M)) * (int64_t)64)) + (((int64_t)((int)threadIdx.x)) * (int64_t)8)));
    } else {
      condval = make_uint4(__pack_half2(broadcast_var, broadcast_var), __pack_half2(broadcast_var, broadcast_var), __pack_half2(broadcast_var, broadcast_var), __pack_half2(broadcast_var, broadcast_var));
    }
    *(uint4*)(((half_t*)q) + (((((i * 1024) + ((((int)threadIdx.x) >> 3) * 64)) + (((((((int)threadIdx.x) & 63) >> 5) + ((((int)threadIdx.x) & 7) >> 2)) & 1) * 32)) + (((((((int)threadIdx.x) & 31) >> 4) + ((((int)threadIdx.x) & 3) >> 1)) & 1) * 16)) + (((((((int)threadIdx.x) & 15) >> 3) + (((int)threadIdx.x) & 1)) & 1) * 8))) = condval;
  }
  #pragma unroll
  for (int i_1 = 0; i_1 < 8; ++i_1) {
    float broadcast_var_1 = 0x0p+0f/*0.000000e+00*/;
    *(float4*)(o + (i_1 * 4)) = make_float4(broadcast_var_1, broadcast_var_1, broadcast_var_1, broadcast_var_1);
  }
  float broadcast_var_2 = 0x0p+0f/*0.000000e+00*/;
  *(float2*)(l + 0) = make_float2(broadcast_var_2, broadcast_var_2);
  float broadcast_var_3 = -0x1.93e5939a08ceap+99f/*-1.000000e+30*/;
  *(float2*)(mx + 0) = make_float2(broadcast_var_3, broadcast_var_3);
  for (int n = 0; n < (((int)blockIdx.x) + 1); ++n) {
    __syncthreads();
    #pragma unroll
    for (int i_2 = 0; i_2 < 4; ++i_2) {
      half_t broadcast_var_4 = half_t(0x0p+0f/*0.000000e+00*/);
      uint4 condval_1;
      if (((((n * 64) + (i_2 * 16)) + (((int)threadIdx.x) >> 3)) < M)) {
        condval_1 = *(uint4*)(K + ((((((int64_t)n) * (int64_t)4096) + (((int64_t)i_2) * (int64_t)1024)) + ((((int64_t)((int)blockIdx.y)) * ((int64_t)M)) * (int64_t)64)) + (((int64_t)((int)threadIdx.x)) * (int64_t)8)));
      } else {
        condval_1 = make_uint4(__pack_half2(broadcast_var_4, broadcast_var_4), __pack_half2(broadcast_var_4, broadcast_var_4), __pack_half2(broadcast_var_4, broadcast_var_4), __pack_half2(broadcast_var_4, broadcast_var_4));
      }
      *(uint4*)(((half_t*)k) + (((((i_2 * 1024) + ((((int)threadIdx.x) >> 3) * 64)) + (((((((int)threadIdx.x) & 63) >> 5) + ((((int)threadIdx.x) & 7) >> 2)) & 1) * 32)) + (((((((int)threadIdx.x) & 31) >> 4) + ((((int)threadIdx.x) & 3) >> 1)) & 1) * 16)) + (((((((int)threadIdx.x) & 15) >> 3) + (((int)threadIdx.x) & 1)) & 1) * 8))) = condval_1;
    }
    #pragma unroll
    for (int i_3 = 0; i_3 < 32; ++i_3) {
      float condval_2;
      if ((((((n * 64) + ((i_3 >> 2) * 8)) + ((((int)threadIdx.x) & 3) * 2)) + (i_3 & 1)) <= ((((((int)blockIdx.x) * 64) + ((((int)threadIdx.x) >> 5) * 16)) + (((i_3 & 3) >> 1) * 8)) + ((((int)threadIdx.x) & 31) >> 2)))) {
        condval_2 = 0x0p+0f/*0.000000e+00*/;
      } else {
        condval_2 = -0x1.93e5939a08ceap+99f/*-1.000000e+30*/;
      }
      s[i_3] = condval_2;
    }
    {
      half_t A_local[8];
      half_t B_local[32];
      __syncthreads();
      for (int ki = 0; ki < 4; ++ki) {
        tl::ptx_ldmatrix_x4((&(((half_t*)q)[((((((((int)threadIdx.x) >> 5) * 1024) + ((((int)threadIdx.x) & 15) * 64)) + (((((((int)threadIdx.x) & 7) >> 2) + (ki >> 1)) & 1) * 32)) + (((((((int)threadIdx.x) & 3) >> 1) + (ki & 1)) & 1) * 16)) + (((((((int)threadIdx.x) & 31) >> 4) + (((int)threadIdx.x) & 1)) & 1) * 8))])), (&(A_local[0])));
        #pragma unroll
        for (int i_4 = 0; i_4 < 4; ++i_4) {
          tl::ptx_ldmatrix_x4((&(((half_t*)k)[((((((i_4 * 1024) + (((((int)threadIdx.x) & 31) >> 4) * 512)) + ((((int)threadIdx.x) & 7) * 64)) + (((((((int)threadIdx.x) & 7) >> 2) + (ki >> 1)) & 1) * 32)) + (((((((int)threadIdx.x) & 3) >> 1) + (ki & 1)) & 1) * 16)) + (((((((int)threadIdx.x) & 15) >> 3) + (((int)threadIdx.x) & 1)) & 1) * 8))])), (&(B_local[(i_4 * 8)])));
        }
        for (int j = 0; j < 4; ++j) {
          tl::mma_sync<tl::DataType::kFloat16, tl::DataType::kFloat16, tl::DataType::kFloat32, 16, 8, 16, false, true>(reinterpret_cast<float*>(s + (j * 8)), reinterpret_cast<const unsigned*>(A_local + 0), reinterpret_cast<const unsigned*>(B_local + (j * 8)));
          tl::mma_sync<tl::DataType::kFloat16, tl::DataType::kFloat16, tl::DataType::kFloat32, 16, 8, 16, false, true>(reinterpret_cast<float*>(s + ((j * 8) + 4)), reinterpret_cast<const unsigned*>(A_local + 0), reinterpret_cast<const unsigned*>(B_local + ((j * 8) + 4)));
        }
      }
    }
    *(float2*)(mp + 0) = *(float2*)(mx + 0);
    #pragma unroll
    for (int i_5 = 0; i_5 < 2; ++i_5) {
      mx_clear[i_5] = -CUDART_INF_F;
      #pragma unroll
      for (int rv = 0; rv < 16; ++rv) {
        mx_clear[i_5] = max(mx_clear[i_5], s[((((rv & 7) * 4) + (i_5 * 2)) + (rv >> 3))]);
      }
      mx_clear[i_5] = tl::AllReduce<tl::MaxOp, 4, 1, 0, tl::NamedBarrier<128>>::run(mx_clear[i_5]);
      mx[i_5] = max(mx[i_5], mx_clear[i_5]);
    }
    float broadcast_var_5 = 0x1.7154764ee6c2fp-3f/*1.803369e-01*/;
    float2 __1;
    float2 __2;
      float2 __3;
        float2 v_ = *(float2*)(mp + 0);
        float2 v__1 = *(float2*)(mx + 0);
        __3.x = (v_.x-v__1.x);
        __3.y = (v_.y-v__1.y);
      float2 v__2 = make_float2(broadcast_var_5, broadcast_var_5);
      __2.x = (__3.x*v__2.x);
      __2.y = (__3.y*v__2.y);
    __1.x = exp2f(__2.x);
    __1.y = exp2f(__2.y);
    *(float2*)(al + 0) = __1;
    #pragma unroll
    for (int i_6 = 0; i_6 < 16; ++i_6) {
      float broadcast_var_6 = 0x1.7154764ee6c2fp-3f/*1.803369e-01*/;
      float2 __4;
      float2 __5;
        float2 __6;
          float2 v__3 = *(float2*)(s + (i_6 * 2));
          float2 v__4 = make_float2(mx[(i_6 & 1)], mx[(i_6 & 1)]);
          __6.x = (v__3.x-v__4.x);
          __6.y = (v__3.y-v__4.y);
        float2 v__5 = make_float2(broadcast_var_6, broadcast_var_6);
        __5.x = (__6.x*v__5.x);
        __5.y = (__6.y*v__5.y);
      __4.x = exp2f(__5.x);
      __4.y = exp2f(__5.y);
      *(float2*)(s + (i_6 * 2)) = __4;
    }
    #pragma unroll
    for (int i_7 = 0; i_7 < 2; ++i_7) {
      rs[i_7] = 0x0p+0f/*0.000000e+00*/;
      #pragma unroll
      for (int rv_1 = 0; rv_1 < 16; ++rv_1) {
        rs[i_7] = (rs[i_7] + s[((((rv_1 & 7) * 4) + (i_7 * 2)) + (rv_1 >> 3))]);
      }
      rs[i_7] = tl::AllReduce<tl::SumOp, 4, 1, 0, tl::NamedBarrier<128>>::run(rs[i_7]);
    }
    float2 __7;
      float2 __8;
        float2 v__6 = *(float2*)(l + 0);
        float2 v__7 = *(float2*)(al + 0);
        __8.x = (v__6.x*v__7.x);
        __8.y = (v__6.y*v__7.y);
      float2 v__8 = *(float2*)(rs + 0);
      __7.x = (__8.x+v__8.x);
      __7.y = (__8.y+v__8.y);
    *(float2*)(l + 0) = __7;
    #pragma unroll
    for (int i_8 = 0; i_8 < 8; ++i_8) {
      uint2 __9;
      float4 v__9 = *(float4*)(s + (i_8 * 4));
      ((half2*)(&__9))[0] = __float22half2_rn(((float2*)(&v__9))[0]);
      ((half2*)(&__9))[1] = __float22half2_rn(((float2*)(&v__9))[1]);
      *(uint2*)(p + (i_8 * 4)) = __9;
    }
    #pragma unroll
    for (int i_9 = 0; i_9 < 16; ++i_9) {
      float2 __10;
        float2 v__10 = *(float2*)(o + (i_9 * 2));
        float2 v__11 = make_float2(al[(i_9 & 1)], al[(i_9 & 1)]);
        __10.x = (v__10.x*v__11.x);
        __10.y = (v__10.y*v__11.y);
      *(float2*)(o + (i_9 * 2)) = __10;
    }
    __syncthreads();
    #pragma unroll
    for (int i_10 = 0; i_10 < 4; ++i_10) {
      half_t broadcast_var_7 = half_t(0x0p+0f/*0.000000e+00*/);
      uint4 condval_3;
      if (((((n * 64) + (i_10 * 16)) + (((int)threadIdx.x) >> 3)) < M)) {
        condval_3 = *(uint4*)(V + ((((((int64_t)n) * (int64_t)4096) + (((int64_t)i_10) * (int64_t)1024)) + ((((int64_t)((int)blockIdx.y)) * ((int64_t)M)) * (int64_t)64)) + (((int64_t)((int)threadIdx.x)) * (int64_t)8)));
      } else {
        condval_3 = make_uint4(__pack_half2(broadcast_var_7, broadcast_var_7), __pack_half2(broadcast_var_7, broadcast_var_7), __pack_half2(broadcast_var_7, broadcast_var_7), __pack_half2(broadcast_var_7, broadcast_var_7));
      }
      *(uint4*)(((half_t*)v) + (((((i_10 * 1024) + ((((int)threadIdx.x) >> 3) * 64)) + (((((((int)threadIdx.x) & 63) >> 5) + ((((int)threadIdx.x) & 7) >> 2)) & 1) * 32)) + (((((((int)threadIdx.x) & 31) >> 4) + ((((int)threadIdx.x) & 3) >> 1)) & 1) * 16)) + (((((((int)threadIdx.x) & 15) >> 3) + (((int)threadIdx.x) & 1)) & 1) * 8))) = condval_3;
    }
    {
      half_t B_local_1[32];
      __syncthreads();
      for (int ki_1 = 0; ki_1 < 4; ++ki_1) {
        #pragma unroll
        for (int i_11 = 0; i_11 < 4; ++i_11) {
          tl::ptx_ldmatrix_x4_trans((&(((half_t*)v)[(((((ki_1 * 1024) + ((((int)threadIdx.x) & 15) * 64)) + (((((((int)threadIdx.x) & 7) >> 2) + (i_11 >> 1)) & 1) * 32)) + (((((((int)threadIdx.x) & 3) >> 1) + (i_11 & 1)) & 1) * 16)) + (((((((int)threadIdx.x) & 31) >> 4) + (((int)threadIdx.x) & 1)) & 1) * 8))])), (&(B_local_1[(i_11 * 8)])));
        }
        for (int j_1 = 0; j_1 < 4; ++j_1) {
          tl::mma_sync<tl::DataType::kFloat16, tl::DataType::kFloat16, tl::DataType::kFloat32, 16, 8, 16, false, true>(reinterpret_cast<float*>(o + (j_1 * 8)), reinterpret_cast<const unsigned*>(p + (ki_1 * 8)), reinterpret_cast<const unsigned*>(B_local_1 + (j_1 * 8)));
          tl::mma_sync<tl::DataType::kFloat16, tl::DataType::kFloat16, tl::DataType::kFloat32, 16, 8, 16, false, true>(reinterpret_cast<float*>(o + ((j_1 * 8) + 4)), reinterpret_cast<const unsigned*>(p + (ki_1 * 8)), reinterpret_cast<const unsigned*>(B_local_1 + ((j_1 * 8) + 4)));
        }
      }
    }
  }
  #pragma unroll
  for (int i_12 = 0; i_12 < 16; ++i_12) {
    float2 __11;
      float2 v__12 = *(float2*)(o + (i_12 * 2));
      float2 v__13 = make_float2(l[(i_12 & 1)], l[(i_12 & 1)]);
      __11.x = (v__12.x/v__13.x);
      __11.y = (v__12.y/v__13.y);
    *(float2*)(o + (i_12 * 2)) = __11;
  }
  #pragma unroll
  for (int i_13 = 0; i_13 < 16; ++i_13) {
    half_t O_local_cast[2];
    if (((((((int)blockIdx.x) * 64) + ((((int)threadIdx.x) >> 5) * 16)) + ((i_13 & 1) * 8)) + ((((int)threadIdx.x) & 31) >> 2)) < M) {
      uint1 __12;
      float2 v__14 = *(float2*)(o + (i_13 * 2));
      ((half2*)(&__12))[0] = __float22half2_rn(((float2*)(&v__14))[0]);
      *(uint1*)(O_local_cast + 0) = __12;
      *(uint1*)(O + (((((((((int64_t)((int)blockIdx.x)) * (int64_t)4096) + ((((int64_t)((int)threadIdx.x)) >> (int64_t)5) * (int64_t)1024)) + ((((int64_t)i_13) & (int64_t)1) * (int64_t)512)) + (((((int64_t)((int)threadIdx.x)) & (int64_t)31) >> (int64_t)2) * (int64_t)64)) + ((((int64_t)((int)blockIdx.y)) * ((int64_t)M)) * (int64_t)64)) + ((((int64_t)i_13) >> (int64_t)1) * (int64_t)8)) + ((((int64_t)((int)threadIdx.x)) & (int64_t)3) * (int64_t)2))) = *(uint1*)(O_local_cast + 0);
    }
  }
}
