// operation: embedding
// takes: tokens, weight, vocab_start? -> output
// types: weight = bfloat16, float16, float32
// types: output = bfloat16, float16, float32
// tags: weight_format
// let: parts = ceildiv(hidden_size, 1024)
// launch: embedding   grid = ceildiv(num_tokens * parts, 8)   block = 256   pdl
//
// Rows of a table by token; of a shard of it, zeros for the tokens that other shards hold.
//
//     output[t] = weight[tokens[t] - vocab_start]        tokens [num_tokens], weight [vocab_size, hidden_size],
//                                                        output [num_tokens, hidden_size]
//
// Parallel over parts of rows: a row is cut into equal parts of at most 1024 elements and each part is copied by a warp.
// The inner loop: 16 bytes read and 16 written by each lane, no arithmetic between equal types; all of a lane's reads
// (4 of bfloat16) are under way before its first write, 2 KiB a warp, up to 128 KiB a multiprocessor.
//
// What the hardware should show: hidden_size * (bytes of a weight + bytes of an output) and 4 bytes a token. Expected:
// 90 % of copy bandwidth where 128 MiB and more are moved; less is in the second-level cache or as long as one launch.
#include "instructions.cuh"

namespace {
constexpr int warps = 8;  // of a block
constexpr int parts = (HIDDEN_SIZE + 1023) / 1024;
constexpr int width = vector_width<WEIGHT_T, OUTPUT_T>(HIDDEN_SIZE);
constexpr int row_vectors = HIDDEN_SIZE / width;
constexpr int part_vectors = (row_vectors + parts - 1) / parts;
constexpr int lane_vectors = (part_vectors + 31) / 32;
}  // namespace

extern "C" __global__ void __launch_bounds__(32 * warps)
    embedding(const TOKENS_T* __restrict__ tokens, const WEIGHT_T* __restrict__ weight, OUTPUT_T* __restrict__ output,
#ifdef HAS_VOCAB_START
              int vocab_start,
#endif
              int num_tokens) {
  wait_for_earlier_grids();
  launch_dependent_grids();

  // the warp's part of a row
  const unsigned part = blockIdx.x * warps + threadIdx.x / 32;
  const int t = part / parts;
  if (t >= num_tokens) return;
  const int begin = part % parts * part_vectors;
  const int end = begin + part_vectors < row_vectors ? begin + part_vectors : row_vectors;
  const int first = begin + threadIdx.x % 32;
#ifdef HAS_VOCAB_START
  const long long token = static_cast<long long>(tokens[t]) - vocab_start;
  const bool is_here = token >= 0 && token < VOCAB_SIZE;
#else
  const long long token = tokens[t];
  const bool is_here = true;
#endif

  // load
  const WEIGHT_T* source = weight + token * HIDDEN_SIZE;
  Vector<WEIGHT_T, width> row[lane_vectors] = {};
#pragma unroll
  for (int i = 0; i < lane_vectors; ++i) {
    const int vector = first + 32 * i;
    if (is_here && vector < end) row[i] = load_vector<WEIGHT_T, width>(source + vector * width);
  }

  // convert and store
  OUTPUT_T* target = output + static_cast<long long>(t) * HIDDEN_SIZE;
#pragma unroll
  for (int i = 0; i < lane_vectors; ++i) {
    const int vector = first + 32 * i;
    if (vector >= end) break;
    Vector<OUTPUT_T, width> result;
#pragma unroll
    for (int j = 0; j < width; ++j) result[j] = convert<OUTPUT_T>(row[i][j]);
    store_vector(target + vector * width, result);
  }
}
