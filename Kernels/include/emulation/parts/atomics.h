// Atomic operations. They are done in the library, so that no sanitizer takes them for plain accesses.
#pragma once

#include <cstring>
#include <type_traits>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "threads.h"

namespace emulation {

enum class Update { add, exchange, minimum, maximum, bit_and, bit_or, bit_xor, increment, decrement };
enum class Element { int32, uint32, int64, uint64, float32, float64, float16, bfloat16, float16x2, bfloat16x2 };

/// Applies the update at `address` (aligned to its size) and returns what was there, as bits.
EMULATION_PUBLIC uint64_t atomic_update(void* address, uint64_t operand, Update update, Element element);
EMULATION_PUBLIC uint64_t atomic_compare_exchange(void* address, uint64_t expected, uint64_t desired, uint32_t size);

template <typename T>
constexpr Element element_of() {
  if constexpr (std::is_same_v<T, float>) return Element::float32;
  else if constexpr (std::is_same_v<T, double>) return Element::float64;
  else if constexpr (std::is_same_v<T, __half>) return Element::float16;
  else if constexpr (std::is_same_v<T, __nv_bfloat16>) return Element::bfloat16;
  else if constexpr (std::is_same_v<T, __half2>) return Element::float16x2;
  else if constexpr (std::is_same_v<T, __nv_bfloat162>) return Element::bfloat16x2;
  else {
    static_assert(std::is_integral_v<T> && (sizeof(T) == 4 || sizeof(T) == 8), "no atomic operation has this type");
    if constexpr (sizeof(T) == 4) return std::is_signed_v<T> ? Element::int32 : Element::uint32;
    else return std::is_signed_v<T> ? Element::int64 : Element::uint64;
  }
}

template <typename T>
T atomic(T* address, T operand, Update update) {
  uint64_t bits = 0;
  memcpy(&bits, static_cast<const void*>(&operand), sizeof(T));
  bits = atomic_update(address, bits, update, element_of<T>());
  T old;
  memcpy(static_cast<void*>(&old), &bits, sizeof(T));
  return old;
}

/// So that atomicAdd(&count, 1) takes its type from the address alone.
template <typename T>
struct Same {
  using type = T;
};

}  // namespace emulation

#define EMULATION_ATOMIC(name, update)                                                  \
  template <typename T>                                                                 \
  inline T name(T* address, typename emulation::Same<T>::type operand) {                \
    return emulation::atomic<T>(address, operand, emulation::Update::update);           \
  }                                                                                     \
  template <typename T>                                                                 \
  inline T name##_block(T* address, typename emulation::Same<T>::type operand) {        \
    return emulation::atomic<T>(address, operand, emulation::Update::update);           \
  }                                                                                     \
  template <typename T>                                                                 \
  inline T name##_system(T* address, typename emulation::Same<T>::type operand) {       \
    return emulation::atomic<T>(address, operand, emulation::Update::update);           \
  }

EMULATION_ATOMIC(atomicAdd, add)
EMULATION_ATOMIC(atomicExch, exchange)
EMULATION_ATOMIC(atomicMin, minimum)
EMULATION_ATOMIC(atomicMax, maximum)
EMULATION_ATOMIC(atomicAnd, bit_and)
EMULATION_ATOMIC(atomicOr, bit_or)
EMULATION_ATOMIC(atomicXor, bit_xor)
EMULATION_ATOMIC(atomicInc, increment)
EMULATION_ATOMIC(atomicDec, decrement)
#undef EMULATION_ATOMIC

template <typename T>
inline T atomicSub(T* address, typename emulation::Same<T>::type operand) {
  return emulation::atomic<T>(address, static_cast<T>(-operand), emulation::Update::add);
}

template <typename T>
inline T atomicCAS(T* address, typename emulation::Same<T>::type expected, typename emulation::Same<T>::type desired) {
  static_assert(std::is_integral_v<T> && (sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8), "no atomicCAS has this type");
  uint64_t old_bits = 0, new_bits = 0;
  memcpy(&old_bits, &expected, sizeof(T));
  memcpy(&new_bits, &desired, sizeof(T));
  return static_cast<T>(emulation::atomic_compare_exchange(address, old_bits, new_bits, sizeof(T)));
}
