// The operations' C++ versions behind C symbols. Sources: Kernels/<room>/cpp. Pointers are row-major float32
// unless an element type is given.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void swiftlet_rmsnorm(const float *_Nonnull x, const float *_Nonnull weight, float eps, float *_Nonnull y, long rows,
                      long hidden);
void swiftlet_fused_add_rmsnorm(const float *_Nonnull x, const float *_Nonnull residual, const float *_Nonnull weight,
                                float eps, float *_Nonnull y, float *_Nonnull residual_out, long rows, long hidden);

// Elements of a cache or a table.
typedef enum swiftlet_element {
  swiftlet_float32,
  swiftlet_float16,
  swiftlet_bfloat16,
  swiftlet_int8
} swiftlet_element;

void swiftlet_embedding(swiftlet_element element, const void *_Nonnull table, const int32_t *_Nonnull ids,
                        float *_Nonnull out, long tokens, long hidden);
void swiftlet_rope(float *_Nonnull x, const float *_Nonnull table, const int32_t *_Nonnull positions, long tokens,
                   long heads, long dimension, long rotary, bool interleaved);
void swiftlet_kv_store(swiftlet_element element, const float *_Nonnull x, void *_Nonnull cache, long page_bytes,
                       float *_Nullable scales, long page_scales, const int32_t *_Nonnull slots, long tokens,
                       long page_size, long heads, long dimension);
void swiftlet_silu_and_mul(const float *_Nonnull x, float *_Nonnull y, long rows, long width);

#ifdef __cplusplus
}
#endif
