// Rows of a table by token, widened to float32. Bytes per element: 2 or 4 read, 4 written; tokens are independent.
#include <cstring>

#include "ckernels.h"

namespace {

float from_bits(uint32_t x) {
  float result;
  std::memcpy(&result, &x, sizeof result);
  return result;
}

float from_bfloat16(uint16_t x) { return from_bits(static_cast<uint32_t>(x) << 16); }

float from_float16(uint16_t x) {
  const uint32_t sign = (x & 0x8000u) << 16, magnitude = (x & 0x7FFFu) << 13;
  if ((x & 0x7C00) == 0x7C00) return from_bits(sign | magnitude | 0x7F800000);  // infinity, NaN
  // The exponent's bias goes from 15 to 127; a product makes subnormals normal, exactly.
  return from_bits(sign | 0x3F800000) * (from_bits(magnitude) * 0x1p112f);
}

}  // namespace

// table: [vocabulary, hidden] of the element type; ids: [tokens], checked; out: [tokens, hidden] float32
void swiftlet_embedding(swiftlet_element element, const void *table, const int32_t *ids, float *out, long tokens,
                        long hidden) {
  for (long token = 0; token < tokens; ++token) {
    const long first = ids[token] * hidden;
    float *target = out + token * hidden;
    if (element == swiftlet_float32) {
      std::memcpy(target, static_cast<const float *>(table) + first, hidden * sizeof(float));
      continue;
    }
    const uint16_t *source = static_cast<const uint16_t *>(table) + first;
    if (element == swiftlet_float16)
      for (long i = 0; i < hidden; ++i) target[i] = from_float16(source[i]);
    else
      for (long i = 0; i < hidden; ++i) target[i] = from_bfloat16(source[i]);
  }
}
