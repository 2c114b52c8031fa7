// operation: rope
// takes: q, k, cos_sin_cache, positions -> q_out, k_out
// types: q, k = bfloat16, float16, float32
// tags: rotary_style
// requires: rotary_dim % 2 == 0
// requires: rotary_dim <= head_size
// let: threads = min(256, 32 * ceildiv((num_qo_heads + num_kv_heads) * rotary_dim, 2048))
// launch: rope   grid = num_tokens   block = threads   pdl
//
// Rotary position embedding of queries and keys, in place (Su et al. 2021):
//
//   (a, b) -> (a cos - b sin, b cos + a sin)     for each pair of the first rotary_dim elements of a head
//
// neox pairs element i with i + rotary_dim / 2, interleaved pairs 2i with 2i + 1. The scaling of long contexts (linear,
// Llama 3.1) is in the contents of cos_sin_cache. Elements from rotary_dim on are neither read nor written.
//
//   q_out [num_tokens, num_qo_heads, head_size], k_out [num_tokens, num_kv_heads, head_size]: inputs and outputs
//   cos_sin_cache [max_seq_len, rotary_dim] float32: cosines, then sines; positions [num_tokens] int32
//
// One block a token. A thread holds the cosines and sines of one access of pairs and turns those pairs in up to four
// heads: eight accesses of 16 bytes, 128 bytes a thread, are in flight before the first is used. Bytes: each rotated
// element is read once and written once, and 4 * rotary_dim of the table are read for each token, 1/40 of the whole
// with 40 heads of 128. Arithmetic: four instructions an element; bound by memory. The hardware should show 90 % of the
// bandwidth of a copy from some thousand tokens on, full 32-byte sectors, and no bank conflicts, for there is no memory
// between the threads.
#include "elements.cuh"
#include "instructions.cuh"

using T = Q_T;
constexpr int HEADS = NUM_QO_HEADS + NUM_KV_HEADS;
constexpr int HEADS_PER_THREAD = HEADS % 4 == 0 ? 4 : HEADS % 3 == 0 ? 3 : HEADS % 2 == 0 ? 2 : 1;
constexpr int GROUPS = HEADS / HEADS_PER_THREAD;
constexpr int HALF = ROTARY_DIM / 2;
constexpr int WIDTH = vector_width<T>(HALF | HEAD_SIZE);  // elements of an access: what divides both
constexpr int TABLE_WIDTH = WIDTH < 4 ? WIDTH : 4;
constexpr int SLOTS = HALF / WIDTH;  // each is WIDTH pairs of a head, in two accesses

#if defined(TAG_ROTARY_STYLE_NEOX)
constexpr bool NEOX = true;
#elif defined(TAG_ROTARY_STYLE_INTERLEAVED)
constexpr bool NEOX = false;
#else
#error "rotary_style is neox or interleaved"
#endif

__device__ __forceinline__ void rotate(T& a, T& b, float cosine, float sine) {
  const float x = to_float(a), y = to_float(b);
  a = from_float<T>(x * cosine - y * sine);
  b = from_float<T>(y * cosine + x * sine);
}

extern "C" __global__ void __launch_bounds__(256)
    rope(T* q_out, T* k_out, const float* __restrict__ cos_sin_cache, const int* __restrict__ positions) {
  const long long token = blockIdx.x;
  wait_for_earlier_grids();
  for (int item = threadIdx.x; item < GROUPS * SLOTS; item += blockDim.x) {
    const int group = item / SLOTS, slot = item % SLOTS;
    const int first_place = NEOX ? slot * WIDTH : slot * 2 * WIDTH;
    const int second_place = first_place + (NEOX ? HALF : WIDTH);

    // load the pairs of the heads
    T* head[HEADS_PER_THREAD];
    Vector<T, WIDTH> first[HEADS_PER_THREAD], second[HEADS_PER_THREAD];
#pragma unroll
    for (int i = 0; i < HEADS_PER_THREAD; ++i) {
      const int number = group + i * GROUPS;
      head[i] = number < NUM_QO_HEADS ? q_out + (token * NUM_QO_HEADS + number) * HEAD_SIZE
                                      : k_out + (token * NUM_KV_HEADS + number - NUM_QO_HEADS) * HEAD_SIZE;
      first[i] = load_vector<T, WIDTH>(head[i] + first_place);
      second[i] = load_vector<T, WIDTH>(head[i] + second_place);
    }

    // load their cosines and sines
    const float* table = cos_sin_cache + static_cast<long long>(positions[token]) * ROTARY_DIM + slot * WIDTH;
    float cosine[WIDTH], sine[WIDTH];
#pragma unroll
    for (int i = 0; i < WIDTH; i += TABLE_WIDTH) {
      const auto cosines = load_vector<float, TABLE_WIDTH>(table + i);
      const auto sines = load_vector<float, TABLE_WIDTH>(table + HALF + i);
#pragma unroll
      for (int j = 0; j < TABLE_WIDTH; ++j) cosine[i + j] = cosines[j], sine[i + j] = sines[j];
    }

    // rotate and store
#pragma unroll
    for (int i = 0; i < HEADS_PER_THREAD; ++i) {
      const auto element = [&](int place) -> T& { return place < WIDTH ? first[i][place] : second[i][place - WIDTH]; };
#pragma unroll
      for (int pair = 0; pair < WIDTH; ++pair) {
        const int a = NEOX ? pair : 2 * pair, b = NEOX ? pair + WIDTH : 2 * pair + 1;
        rotate(element(a), element(b), cosine[pair], sine[pair]);
      }
      store_vector(head[i] + first_place, first[i]);
      store_vector(head[i] + second_place, second[i]);
    }
  }
  launch_dependent_grids();
}
