// The operations' C++ versions behind C symbols. Sources: Kernels/<room>/cpp. Pointers are row-major float32.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

void swiftlet_rmsnorm(const float *_Nonnull x, const float *_Nonnull weight, float eps, float *_Nonnull y, long rows,
                      long hidden);
void swiftlet_fused_add_rmsnorm(const float *_Nonnull x, const float *_Nonnull residual, const float *_Nonnull weight,
                                float eps, float *_Nonnull y, float *_Nonnull residual_out, long rows, long hidden);

#ifdef __cplusplus
}
#endif
