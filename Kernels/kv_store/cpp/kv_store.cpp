// Scatters new keys or values into the paged cache: row t of the input goes to slot slots[t], converted to the cache's
// element type (round to nearest even; beyond the range of float16 becomes infinity).
//
// Bytes per element: 4 read, 1, 2 or 4 written. Rows are independent.
#include <cmath>
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

// One head of one token: returns scale = max |x| / 127 and writes x / scale, rounded to the nearest, ties to even.
// Zeros have scale 0; a row with an infinity or a NaN has scale NaN and elements 0.
float to_int8(const float *x, int8_t *y, long count) {
  // reduce
  float largest = 0, probe = 0;
  for (long i = 0; i < count; ++i) {
    const float magnitude = std::fabs(x[i]);
    largest = magnitude > largest ? magnitude : largest;
    probe += x[i] * 0;  // NaN for infinities and NaN
  }
  const float scale = probe == probe ? largest / 127 : from_bits(0x7FC00000);
  if (!(scale > 0)) {
    std::memset(y, 0, count);
    return scale;
  }
  // scale and store: adding 1.5 * 2^23 rounds to an integer, which is then in the low bits
  const float rounder = 12582912;
  for (long i = 0; i < count; ++i) {
    float units = x[i] / scale;
    units = units > 127 ? 127 : units < -127 ? -127 : units;  // beyond only where the scale is subnormal
    y[i] = static_cast<int8_t>(bits(units + rounder) - bits(rounder));
  }
  return scale;
}

}  // namespace

// x: [tokens, heads, dimension] float32; cache: [pages, page_size, heads, dimension] of the element type, page_bytes
// from page to page; scales: for int8, [pages, page_size, heads], page_scales from page to page; slots: [tokens],
// checked
void swiftlet_kv_store(swiftlet_element element, const float *x, void *cache, long page_bytes, float *scales,
                       long page_scales, const int32_t *slots, long tokens, long page_size, long heads,
                       long dimension) {
  const long width = heads * dimension;
  for (long token = 0; token < tokens; ++token) {
    const float *source = x + token * width;
    const long page = slots[token] / page_size, offset = slots[token] % page_size;
    char *place = static_cast<char *>(cache) + page * page_bytes;
    if (element == swiftlet_int8) {
      int8_t *target = reinterpret_cast<int8_t *>(place) + offset * width;
      for (long head = 0; head < heads; ++head)
        scales[page * page_scales + offset * heads + head] =
            to_int8(source + head * dimension, target + head * dimension, dimension);
    } else if (element == swiftlet_float32) {
      std::memcpy(reinterpret_cast<float *>(place) + offset * width, source, width * sizeof(float));
    } else {
      uint16_t *target = reinterpret_cast<uint16_t *>(place) + offset * width;
      if (element == swiftlet_float16)
        for (long i = 0; i < width; ++i) target[i] = to_float16(source[i]);
      else
        for (long i = 0; i < width; ++i) target[i] = to_bfloat16(source[i]);
    }
  }
}
