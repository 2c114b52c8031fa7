// Rotary position embedding in place: each pair (a, b) of a head becomes (a cos - b sin, b cos + a sin).
//
// neox pairs element i with i + rotary / 2, interleaved pairs 2i with 2i + 1. Bytes per element: 4 read, 4 written, and
// 4 of the table for each token. Tokens are independent.
#include "ckernels.h"

namespace {

// Pair i is head[i * step] and head[i * step + distance].
void rotate(float *head, const float *cosines, const float *sines, long pairs, long step, long distance) {
  for (long i = 0; i < pairs; ++i) {
    const float a = head[i * step], b = head[i * step + distance];
    head[i * step] = a * cosines[i] - b * sines[i];
    head[i * step + distance] = b * cosines[i] + a * sines[i];
  }
}

}  // namespace

// x: [tokens, heads, dimension]; table: [positions, rotary], cosines then sines; positions: [tokens], checked
void swiftlet_rope(float *x, const float *table, const int32_t *positions, long tokens, long heads, long dimension,
                   long rotary, bool interleaved) {
  const long pairs = rotary / 2;
  for (long token = 0; token < tokens; ++token) {
    const float *cosines = table + positions[token] * rotary, *sines = cosines + pairs;
    for (long head = 0; head < heads; ++head) {
      float *row = x + (token * heads + head) * dimension;
      if (interleaved)
        rotate(row, cosines, sines, pairs, 2, 1);
      else
        rotate(row, cosines, sines, pairs, 1, pairs);
    }
  }
}
