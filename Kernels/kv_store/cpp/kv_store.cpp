// Scatters new keys or values into the paged cache: row t of the input goes to slot slots[t], converted to the cache's
// element type (round to nearest even; beyond the range of float16 becomes infinity).
//
// Bytes per element: 4 read, 2 or 4 written. Rows are independent.
#include <cstring>

#include "ckernels.h"

namespace {

uint32_t bits(float x) {
  uint32_t result;
  std::memcpy(&result, &x, sizeof result);
  return result;
}

float from_bits(uint32_t x) {
  float result;
  std::memcpy(&result, &x, sizeof result);
  return result;
}

// A NaN stays one.
uint16_t to_bfloat16(float x) {
  const uint32_t b = bits(x);
  if (x != x) return static_cast<uint16_t>(b >> 16 | 0x40);
  return static_cast<uint16_t>((b + 0x7FFF + (b >> 16 & 1)) >> 16);
}

uint16_t to_float16(float x) {
  const uint32_t b = bits(x), sign = b >> 16 & 0x8000, magnitude = b & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) return static_cast<uint16_t>(sign | 0x7E00);   // NaN
  if (magnitude >= 0x47800000) return static_cast<uint16_t>(sign | 0x7C00);  // 65536 and more
  if (magnitude < 0x38800000)  // below 2^-14: adding 0.5 moves the subnormal's bits to the bottom, rounded
    return static_cast<uint16_t>(sign | (bits(from_bits(magnitude) + 0.5f) - 0x3F000000));
  return static_cast<uint16_t>(sign | (magnitude - 0x38000000 + 0xFFF + (magnitude >> 13 & 1)) >> 13);
}

}  // namespace

// x: [tokens, width] float32; cache: [slots, width] of the element type; slots: [tokens], checked
void swiftlet_kv_store(swiftlet_element element, const float *x, void *cache, const int32_t *slots, long tokens,
                       long width) {
  for (long token = 0; token < tokens; ++token) {
    const float *source = x + token * width;
    const long first = slots[token] * width;
    if (element == swiftlet_float32) {
      std::memcpy(static_cast<float *>(cache) + first, source, width * sizeof(float));
      continue;
    }
    uint16_t *target = static_cast<uint16_t *>(cache) + first;
    if (element == swiftlet_float16)
      for (long i = 0; i < width; ++i) target[i] = to_float16(source[i]);
    else
      for (long i = 0; i < width; ++i) target[i] = to_bfloat16(source[i]);
  }
}
