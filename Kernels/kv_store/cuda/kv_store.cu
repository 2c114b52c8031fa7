// operation: kv_store
// takes: k, v, slots, k_cache, v_cache, k_scale?, v_scale? -> k_cache_out, v_cache_out
// types: k = bfloat16, float16, float32
// types: v = bfloat16, float16, float32
// types: k_cache = bfloat16, float16, float32, float8_e4m3fn
// types: v_cache = bfloat16, float16, float32, float8_e4m3fn
// launch: kv_store   grid = ceildiv(num_tokens * num_kv_heads * head_dim, 4096), 2   block = 128   pdl
//
// Scatters the keys and values of new tokens into the paged cache, in its type; a slot below zero is passed over.
//
//     k_cache[slots[t]] = k[t] / k_scale        k, v [num_tokens, num_kv_heads, head_dim], slots [num_tokens],
//     v_cache[slots[t]] = v[t] / v_scale        k_cache, v_cache [num_pages, page_size, num_kv_heads, head_dim]
//
// Parallel over vectors of up to 16 bytes, of keys (blockIdx.y = 0) and of values (1): the new rows are read as one
// contiguous array of 4096 elements a block, whatever the width of a row; only where a vector goes depends on its slot,
// so reading does not wait for slots. Pages and tokens may lie apart, by multiples of 16 elements where a row is one.
// The inner loop: 16 bytes read, 16 written (8 in a float8_e4m3fn cache), one division of an index by a constant;
// with scales one multiplication by 1 / scale, at most one unit of the cache's type off, and one conversion an element.
//
// What the hardware should show: 2 * num_kv_heads * head_dim * (bytes of a key + bytes of a cached one) and 8 bytes a
// token. Expected: 90 % of copy bandwidth where 128 MiB and more are moved; less is in the second-level cache or as
// long as one launch. Rows of less than 32 bytes cost whole sectors.
#include "instructions.cuh"

namespace {
constexpr int threads = 128;
constexpr int row_elements = NUM_KV_HEADS * HEAD_DIM;

template <typename T, typename C>
__device__ __forceinline__ void scatter(const T* __restrict__ rows, long long row_stride, const SLOTS_T* __restrict__ slots,
                                        C* cache, long long page_stride, float factor, int num_tokens) {
  constexpr int width = vector_width<T, C>(row_elements);
  constexpr int row_vectors = row_elements / width;
  constexpr int thread_vectors = 4096 / width / threads;
  constexpr int batch = thread_vectors < 8 ? thread_vectors : 8;  // under way at a time: what registers hold
  const long long begin = static_cast<long long>(blockIdx.x) * (4096 / width);
  const int first_token = begin / row_vectors;
  const int first = begin % row_vectors + threadIdx.x;

#pragma unroll 1
  for (int from = 0; from < thread_vectors; from += batch) {
    // load
    Vector<T, width> loaded[batch];
    int slot[batch];
#pragma unroll
    for (int i = 0; i < batch; ++i) {
      const int vector = first + threads * (from + i), token = first_token + vector / row_vectors;
      slot[i] = -1;
      if (token < num_tokens) {
        loaded[i] = load_vector<T, width>(rows + token * row_stride + vector % row_vectors * width);
        slot[i] = slots[token];
      }
    }

    // convert and store
#pragma unroll
    for (int i = 0; i < batch; ++i) {
      if (slot[i] < 0) continue;
      Vector<C, width> stored;
#pragma unroll
      for (int j = 0; j < width; ++j) {
#ifdef HAS_K_SCALE
        stored[j] = from_float<C>(to_float(loaded[i][j]) * factor);
#else
        stored[j] = convert<C>(loaded[i][j]);
#endif
      }
      C* place = cache + slot[i] / PAGE_SIZE * page_stride + slot[i] % PAGE_SIZE * row_elements;
      store_vector(place + (first + threads * (from + i)) % row_vectors * width, stored);
    }
  }
}
}  // namespace

extern "C" __global__ void __launch_bounds__(threads)
    kv_store(const K_T* k, const V_T* v, const SLOTS_T* slots, K_CACHE_T* k_cache, V_CACHE_T* v_cache,
#ifdef HAS_K_SCALE
             float k_scale, float v_scale,
#endif
             int num_tokens, long long k_stride_0, long long v_stride_0, long long k_cache_stride_0,
             long long v_cache_stride_0) {
#ifndef HAS_K_SCALE
  constexpr float k_scale = 1, v_scale = 1;
#endif
  wait_for_earlier_grids();
  launch_dependent_grids();
  if (blockIdx.y == 0)
    scatter(k, k_stride_0, slots, k_cache, k_cache_stride_0, 1 / k_scale, num_tokens);
  else
    scatter(v, v_stride_0, slots, v_cache, v_cache_stride_0, 1 / v_scale, num_tokens);
}
