// What Swift's importer cannot bring over itself: processor detection, the spin hint, and intrinsics that are macros
// or body-less builtins. Header only: each including module compiles it for its own instruction set.
#pragma once
#include <stdint.h>

// Processors that this process may run on, at least 1.
int cpu_usable_count(void);

#if defined(__x86_64__)
#include <immintrin.h>

static inline void cpu_pause(void) { __builtin_ia32_pause(); }

// 3: AVX-512 (F, BW, CD, DQ, VL, VNNI: Intel's servers since 2019, AMD's since 2022); 2: AVX2 + FMA + F16C (x86-64-v3);
// 1: any x86-64.
static inline int cpu_level(void) {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4") && __builtin_cpu_supports("avx512vnni")) return 3;
  if (__builtin_cpu_supports("x86-64-v3")) return 2;
  return 1;
}

static inline __attribute__((always_inline)) void cpu_prefetch_write(void *_Nonnull p) { __builtin_prefetch(p, 1, 3); }
// Into the second-level cache: for what is read a few microseconds later. Any address is allowed.
static inline __attribute__((always_inline)) void cpu_prefetch_far(const void *_Nonnull p) {
  __builtin_prefetch(p, 0, 2);
}

#if defined(__AVX512F__)
// 16 half-precision numbers to single precision.
static inline __attribute__((always_inline)) __m512 cpu_half16_to_float(const void *_Nonnull p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

// out[c][r] = in[r][c] for 16 x 16 floats; rows of `in` are `pitch` floats apart, rows of `out` 16.
static inline __attribute__((always_inline)) void cpu_transpose16(const float *_Nonnull in, long pitch,
                                                                  float *_Nonnull out) {
  __m512 r[16], t[16];
  for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_ps(in + i * pitch);
  for (int i = 0; i < 16; i += 2) {  // pairs of rows
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {  // quarters: 4 x 4 blocks are transposed
    r[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(t[i]), _mm512_castps_pd(t[i + 2])));
    r[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(t[i]), _mm512_castps_pd(t[i + 2])));
    r[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(t[i + 1]), _mm512_castps_pd(t[i + 3])));
    r[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(t[i + 1]), _mm512_castps_pd(t[i + 3])));
  }
  for (int i = 0; i < 4; ++i) {  // the blocks move to their places
    t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
  }
  for (int i = 0; i < 4; ++i) {
    _mm512_storeu_ps(out + i * 16, _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88));
    _mm512_storeu_ps(out + (i + 8) * 16, _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd));
    _mm512_storeu_ps(out + (i + 4) * 16, _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88));
    _mm512_storeu_ps(out + (i + 12) * 16, _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd));
  }
}

// The sums of 16 rows of 16 floats, in the lanes of the result.
static inline __attribute__((always_inline)) __m512 cpu_row_sums16(const float *_Nonnull rows) {
  __m512 r[16];
  for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_ps(rows + i * 16);
  for (int i = 0; i < 16; i += 2)  // two rows, each folded once
    r[i] = _mm512_add_ps(_mm512_unpacklo_ps(r[i], r[i + 1]), _mm512_unpackhi_ps(r[i], r[i + 1]));
  for (int i = 0; i < 16; i += 4) {  // four rows, each a lane of each quarter
    __m512d a = _mm512_castps_pd(r[i]), b = _mm512_castps_pd(r[i + 2]);
    r[i] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
  }
  for (int i = 0; i < 16; i += 8)  // eight rows, each in two quarters
    r[i] = _mm512_add_ps(_mm512_shuffle_f32x4(r[i], r[i + 4], 0x88), _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd));
  return _mm512_add_ps(_mm512_shuffle_f32x4(r[0], r[8], 0x88), _mm512_shuffle_f32x4(r[0], r[8], 0xdd));
}

// 16 bfloat16 numbers to single precision.
static inline __attribute__((always_inline)) __m512 cpu_bfloat16_to_float(const void *_Nonnull p) {
  return _mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}
#elif defined(__F16C__)
static inline __attribute__((always_inline)) __m256 cpu_half8_to_float(const void *_Nonnull p) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
#endif

#else

static inline void cpu_pause(void) {}
static inline int cpu_level(void) { return 1; }
static inline void cpu_prefetch_write(void *_Nonnull p) { (void)p; }
static inline void cpu_prefetch_far(const void *_Nonnull p) { (void)p; }

#endif
