// operation: sampling
// takes: logits, temperature, top_k, top_p, min_p, uniform -> samples
// requires: vocab_size <= 262144
// launch: sampling   grid = batch_size   block = 512
//
// One token for each row of logits, without sorting the row. With tokens by descending logit, equals by ascending id:
//
//   weight(i) = e^((logit(i) - largest) / temperature)
//   kept      = the shortest of: top_k tokens; enough for top_p of their mass; those with weight >= min_p
//   token     = the first whose cumulative weight exceeds uniform * (mass of the kept)
//
//   logits [batch_size, vocab_size] float32; temperature (0: the most likely, the lowest id of equals), top_p in (0, 1], min_p,
//   uniform in [0, 1): [batch_size] float32; top_k (0: all) and samples [batch_size] int32
//   a sample is -1 where the row holds a NaN or its largest logit is not finite
//
// Every prefix is a *cut*: all tokens above one logit and the first few that equal it. A cut is found by a search over
// orders, whole numbers in the order of the logits (their bits, those of negative ones turned over): a pass adds up the
// amount (tokens or mass) from each of 7 borders on that divide the range which is left into 8, so 11 passes settle 32
// bits, and 6 the place among equals. Masses are weights in double precision as integers, in units of 2^-44: sums are
// exact in any order, so the result does not depend on the number of threads, and differs from one by sums in double
// precision only where `uniform` or top_p falls within 1e-8 (in practice 1e-11) of the border between two tokens.
//
// One block a row. Passes: one for the largest; 11 for top_k, 12 for top_p, one for min_p where given; one for the
// mass; 11 for the draw; 6 for the place. Bytes: 4 vocab_size a pass, from the L2 cache (a row of 128,256 is 513 kB).
// Arithmetic: two comparisons an element; only for those in the range which is left, an exponential in double
// precision, about 30 instructions at half rate (sm_80, sm_90, sm_100), and three more for each of 7 sums. The hardware
// should show the L2 rate of one multiprocessor, about 60 bytes a clock: 5 microseconds a pass for such a row, the
// first passes of a search up to three times that.
#include "elements.cuh"
#include "instructions.cuh"

using Amount = long long;
constexpr int THREADS = 512, WARPS = THREADS / 32;
constexpr int WIDTH = vector_width<float>(VOCAB_SIZE);
constexpr int PARTS = 8;
constexpr int INFINITE = 0x7f800000;  // order of +inf, ~INFINITE that of -inf
constexpr int NOT_A_NUMBER = 0x7fffffff, LOWEST = -0x7fffffff - 1;
constexpr Amount ALL = 0xffffffff;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1000
constexpr int LOADS = 1;  // in flight for each thread: more would spill
#else
constexpr int LOADS = 4;
#endif

/// A prefix of the sorted tokens: those whose order is above `order`, and the first `ties` that have it.
struct Cut {
  int order;
  Amount ties;
};

/// -0 is 0, a NaN the largest.
__device__ __forceinline__ int order_of(float logit) {
  if (logit != logit) return NOT_A_NUMBER;
  const int bits = logit == 0 ? 0 : __float_as_int(logit);
  return bits ^ (bits >> 31 & 0x7fffffff);
}
__device__ __forceinline__ float logit_of(int order) { return __int_as_float(order ^ (order >> 31 & 0x7fffffff)); }

/// The sum (or, LARGEST, the largest) over the block of each value, in all threads.
template <bool LARGEST = false, int N>
__device__ __forceinline__ void reduce_over_block(Amount (&value)[N]) {
  __shared__ Amount partial[N][WARPS], total[N];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const auto reduce_over_lanes = [](Amount x, int lanes) {
#pragma unroll
    for (int distance = lanes / 2; distance > 0; distance /= 2) {
      const Amount y = __shfl_xor_sync(0xffffffffu, x, distance);
      x = LARGEST ? (x > y ? x : y) : x + y;
    }
    return x;
  };
#pragma unroll
  for (int i = 0; i < N; ++i) {
    value[i] = reduce_over_lanes(value[i], 32);
    if (lane == 0) partial[i][warp] = value[i];
  }
  __syncthreads();
  if (warp < N) {
    const Amount x = reduce_over_lanes(partial[warp][lane % WARPS], WARPS);
    if (lane == 0) total[warp] = x;
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < N; ++i) value[i] = total[i];
}

/// A row of logits, as the whole block sees it.
struct Row {
  const float* logits;
  float largest;
  double inverse_temperature;

  /// Calls body(logit, token) for this thread's share.
  template <typename Body>
  __device__ __forceinline__ void for_each(Body body) const {
#pragma unroll LOADS
    for (int token = threadIdx.x * WIDTH; token < VOCAB_SIZE; token += THREADS * WIDTH) {
      const auto values = load_vector<float, WIDTH>(logits + token);
#pragma unroll
      for (int i = 0; i < WIDTH; ++i) body(values[i], token + i);
    }
  }

  __device__ __forceinline__ double weight(float logit) const {
    return exp((static_cast<double>(logit) - largest) * inverse_temperature);
  }
  /// In units of 2^-44: the sum over a row stays below 2^63.
  __device__ __forceinline__ Amount mass(float logit) const { return static_cast<Amount>(weight(logit) * 0x1p44 + 0.5); }

  /// The mass of a cut.
  __device__ __forceinline__ Amount mass(Cut cut) const {
    Amount sums[2] = {0, 0};  // mass above, tokens that tie
    for_each([&](float logit, int) {
      const int order = order_of(logit);
      if (order > cut.order) sums[0] += mass(logit);
      if (order == cut.order) sums[1] += 1;
    });
    reduce_over_block(sums);
    const Amount ties = sums[1] < cut.ties ? sums[1] : cut.ties;
    return sums[0] + (ties > 0 ? ties * mass(logit_of(cut.order)) : 0);
  }
};

/// The largest number in low ... high such that the amount of the tokens with that number or more reaches `need`; all
/// tokens of low ... high do. number(logit, token) is a token's, others do not count; amount(logit) is what it adds.
/// - left: what is missing from `need` above that number.
template <typename Number, typename AmountOf>
__device__ __forceinline__ int search(const Row& row, Amount need, Amount low, Amount high, Number number, AmountOf amount,
                                      Amount& left) {
  left = need;
  while (low < high) {
    const Amount start = low, end = high, step = (high - low) / PARTS + 1, beyond = need - left;
    Amount sums[PARTS - 1] = {};  // amount of start + (i + 1) * step ... end
    row.for_each([&](float logit, int token) {
      const int n = number(logit, token);
      if (n < static_cast<int>(start) || n > static_cast<int>(end)) return;
      const Amount one = amount(logit);
#pragma unroll
      for (int i = 0; i < PARTS - 1; ++i) sums[i] += n >= static_cast<int>(start + (i + 1) * step) ? one : 0;
    });
    reduce_over_block(sums);
#pragma unroll
    for (int i = PARTS - 2; i >= 0; --i) {  // borders fall, sums grow
      const Amount border = start + (i + 1) * step;
      if (beyond + sums[i] >= need) {
        low = border > low ? border : low;
      } else {
        high = border - 1 < end ? border - 1 : end;
        left = need - beyond - sums[i];
      }
    }
  }
  return static_cast<int>(low);
}

/// The shortest cut whose tokens (or, BY_MASS, whose mass) reach `need`, which those of `bottom` do.
template <bool BY_MASS>
__device__ __forceinline__ Cut shortest_cut(const Row& row, Amount need, Cut bottom) {
  Amount left;
  const int order = search(
      row, need, bottom.order, order_of(row.largest), [](float logit, int) { return order_of(logit); },
      [&](float logit) { return BY_MASS ? row.mass(logit) : 1; }, left);
  const Amount one = BY_MASS ? row.mass(logit_of(order)) : 1;
  return {order, one > 0 ? (left + one - 1) / one : 1};
}

extern "C" __global__ void __launch_bounds__(THREADS, 1)
    sampling(const float* __restrict__ logits, const float* __restrict__ temperature, const int* __restrict__ top_k,
             const float* __restrict__ top_p, const float* __restrict__ min_p, const float* __restrict__ uniform,
             int* __restrict__ samples) {
  Row row = {logits + static_cast<long long>(blockIdx.x) * VOCAB_SIZE, 0, 0};

  // largest logit, the lowest id of equals
  Amount best[1] = {LOWEST * (ALL + 1)};
  row.for_each([&](float logit, int token) {
    const Amount candidate = order_of(logit) * (ALL + 1) + (ALL - token);
    best[0] = candidate > best[0] ? candidate : best[0];
  });
  reduce_over_block<true>(best);
  const int top = static_cast<int>(best[0] >> 32);
  const bool refused = top >= INFINITE || top == ~INFINITE;
  if (refused || temperature[blockIdx.x] <= 0) {
    if (threadIdx.x == 0) samples[blockIdx.x] = refused ? -1 : static_cast<int>(ALL - (best[0] & ALL));
    return;
  }
  row.largest = logit_of(top);
  row.inverse_temperature = 1.0 / temperature[blockIdx.x];

  // what is kept
  Cut kept = {LOWEST, ALL};
  const int k = top_k[blockIdx.x];
  if (k > 0 && k < VOCAB_SIZE) kept = shortest_cut<false>(row, k, kept);
  const float p = top_p[blockIdx.x];
  if (p < 1) {
    const double need = ceil(p * static_cast<double>(row.mass(kept)));
    kept = shortest_cut<true>(row, need > 1 ? static_cast<Amount>(need) : 1, kept);
  }
  const double least = min_p[blockIdx.x];
  if (least > 0) {
    Amount lowest[1] = {-Amount(top)};  // order with enough weight, negative: the largest is sought
    row.for_each([&](float logit, int) {
      const int order = order_of(logit);
      if (order >= kept.order && -Amount(order) > lowest[0] && row.weight(logit) >= least) lowest[0] = -Amount(order);
    });
    reduce_over_block<true>(lowest);
    if (-lowest[0] > kept.order) kept = {static_cast<int>(-lowest[0]), ALL};
  }

  // draw
  const Amount mass = row.mass(kept);
  const double target = floor(uniform[blockIdx.x] * static_cast<double>(mass));
  const Amount need = target > 0 ? static_cast<Amount>(target) + 1 : 1;
  const Cut drawn = shortest_cut<true>(row, need < mass ? need : mass, kept);

  // the last token of that cut: among equals by ascending id
  Amount left;
  const int place = search(
      row, drawn.ties, 0, VOCAB_SIZE - 1,
      [&](float logit, int token) { return order_of(logit) == drawn.order ? VOCAB_SIZE - 1 - token : -1; },
      [](float) { return Amount(1); }, left);
  if (threadIdx.x == 0) samples[blockIdx.x] = VOCAB_SIZE - 1 - place;
}
