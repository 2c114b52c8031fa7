// Operations of the threads of a warp: each lane leaves its operand, the last one in computes for all.
#pragma once

#include <cstring>
#include <type_traits>

#include "threads.h"

namespace emulation {

EMULATION_PUBLIC void synchronize_warp(uint32_t mask);
/// What lane `source` gave; all bits are set when that lane takes no part.
EMULATION_PUBLIC uint64_t shuffle(uint32_t mask, uint64_t value, uint32_t source, const char* name);
EMULATION_PUBLIC uint32_t ballot(uint32_t mask, bool predicate, const char* name);
EMULATION_PUBLIC uint32_t match_any(uint32_t mask, uint64_t value);
/// The mask when all lanes gave the same, else 0.
EMULATION_PUBLIC uint32_t match_all(uint32_t mask, uint64_t value);
enum class Reduction { add, minimum, maximum, signed_minimum, signed_maximum, bit_and, bit_or, bit_xor };
EMULATION_PUBLIC uint32_t reduce(uint32_t mask, uint32_t value, Reduction reduction);
/// The lanes that are converged here; lanes that have not returned.
EMULATION_PUBLIC uint32_t active_lanes();

template <typename T>
uint64_t to_bits(T value) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>, "a warp exchanges values of at most 8 bytes");
  uint64_t bits = 0;
  memcpy(&bits, static_cast<const void*>(&value), sizeof(T));
  return bits;
}

template <typename T>
T exchange(uint32_t mask, T value, uint32_t source, const char* name) {
  const uint64_t bits = shuffle(mask, to_bits(value), source, name);
  T result;
  memcpy(static_cast<void*>(&result), &bits, sizeof(T));
  return result;
}

}  // namespace emulation

inline void __syncwarp(unsigned mask = 0xffffffffu) { emulation::synchronize_warp(mask); }

template <typename T>
inline T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  const int lane = static_cast<int>(emulation::self->lane);
  return emulation::exchange(mask, value, (lane & ~(width - 1)) + (source & (width - 1)), "__shfl_sync");
}
template <typename T>
inline T __shfl_xor_sync(unsigned mask, T value, int distance, int width = 32) {
  const int lane = static_cast<int>(emulation::self->lane), source = lane ^ distance;
  return emulation::exchange(mask, value, source / width > lane / width ? lane : source & 31, "__shfl_xor_sync");
}
template <typename T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = 32) {
  const unsigned lane = emulation::self->lane, inside = lane & (width - 1);
  return emulation::exchange(mask, value, inside >= distance ? lane - distance : lane, "__shfl_up_sync");
}
template <typename T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = 32) {
  const unsigned lane = emulation::self->lane, inside = lane & (width - 1);
  return emulation::exchange(mask, value, inside + distance < static_cast<unsigned>(width) ? lane + distance : lane,
                             "__shfl_down_sync");
}

inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return emulation::ballot(mask, predicate != 0, "__ballot_sync");
}
inline int __any_sync(unsigned mask, int predicate) { return emulation::ballot(mask, predicate != 0, "__any_sync") != 0; }
inline int __all_sync(unsigned mask, int predicate) { return emulation::ballot(mask, predicate == 0, "__all_sync") == 0; }
inline unsigned __activemask() { return emulation::active_lanes(); }

template <typename T>
inline unsigned __match_any_sync(unsigned mask, T value) {
  return emulation::match_any(mask, emulation::to_bits(value));
}
template <typename T>
inline unsigned __match_all_sync(unsigned mask, T value, int* all) {
  const unsigned lanes = emulation::match_all(mask, emulation::to_bits(value));
  *all = lanes != 0;
  return lanes;
}

inline unsigned __reduce_add_sync(unsigned mask, unsigned value) {
  return emulation::reduce(mask, value, emulation::Reduction::add);
}
inline unsigned __reduce_min_sync(unsigned mask, unsigned value) {
  return emulation::reduce(mask, value, emulation::Reduction::minimum);
}
inline unsigned __reduce_max_sync(unsigned mask, unsigned value) {
  return emulation::reduce(mask, value, emulation::Reduction::maximum);
}
inline int __reduce_add_sync(unsigned mask, int value) {
  return static_cast<int>(emulation::reduce(mask, static_cast<uint32_t>(value), emulation::Reduction::add));
}
inline int __reduce_min_sync(unsigned mask, int value) {
  return static_cast<int>(emulation::reduce(mask, static_cast<uint32_t>(value), emulation::Reduction::signed_minimum));
}
inline int __reduce_max_sync(unsigned mask, int value) {
  return static_cast<int>(emulation::reduce(mask, static_cast<uint32_t>(value), emulation::Reduction::signed_maximum));
}
inline unsigned __reduce_and_sync(unsigned mask, unsigned value) {
  return emulation::reduce(mask, value, emulation::Reduction::bit_and);
}
inline unsigned __reduce_or_sync(unsigned mask, unsigned value) {
  return emulation::reduce(mask, value, emulation::Reduction::bit_or);
}
inline unsigned __reduce_xor_sync(unsigned mask, unsigned value) {
  return emulation::reduce(mask, value, emulation::Reduction::bit_xor);
}
