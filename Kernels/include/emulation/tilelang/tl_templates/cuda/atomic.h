// Atomic operations on numbers and pairs. Orders of memory are all the strongest.
#pragma once

#include "common.h"

namespace tl {

/// What the emulation's atomic operations take for a type.
template <typename T>
struct Atomic { using type = T; };
template <typename Raw>
struct Atomic<Element16<Raw>> { using type = Raw; };
template <>
struct Atomic<int64_t> { using type = long long; };

template <typename T, typename Value>
inline T atomic(T* address, Value value, emulation::Update update) {
  using Number = typename Atomic<T>::type;
  return static_cast<T>(emulation::atomic(reinterpret_cast<Number*>(address), static_cast<Number>(static_cast<T>(value)), update));
}

}  // namespace tl

template <typename T, typename Value>
inline T AtomicAddRet(T* address, Value value, int = 0) { return tl::atomic(address, value, emulation::Update::add); }
template <typename T, typename Value>
inline void AtomicAdd(T* address, Value value, int = 0) { tl::atomic(address, value, emulation::Update::add); }
template <typename T, typename Value>
inline T AtomicMaxRet(T* address, Value value, int = 0) { return tl::atomic(address, value, emulation::Update::maximum); }
template <typename T, typename Value>
inline void AtomicMax(T* address, Value value, int = 0) { tl::atomic(address, value, emulation::Update::maximum); }
template <typename T, typename Value>
inline T AtomicMinRet(T* address, Value value, int = 0) { return tl::atomic(address, value, emulation::Update::minimum); }
template <typename T, typename Value>
inline void AtomicMin(T* address, Value value, int = 0) { tl::atomic(address, value, emulation::Update::minimum); }
template <typename T, typename Value>
inline void AtomicOr(T* address, Value value, int = 0) { tl::atomic(address, value, emulation::Update::bit_or); }
template <typename T>
inline T AtomicLoad(T* address, int) { return tl::atomic(address, T(0), emulation::Update::add); }
template <typename T, typename Value>
inline void AtomicStore(T* address, Value value, int) { tl::atomic(address, value, emulation::Update::exchange); }

// Pairs and fours: each element by itself, as the device does it.
template <typename T, typename Value>
inline void AtomicAddx2(T* address, Value* values, int = 0) {
  for (int i = 0; i < 2; ++i) tl::atomic(address + i, reinterpret_cast<const T*>(values)[i], emulation::Update::add);
}
template <typename Value>
inline std::enable_if_t<!std::is_pointer_v<Value>> AtomicAddx2(float* address, Value value, int = 0) {
  AtomicAddx2(address, reinterpret_cast<float*>(&value));
}
template <typename T, typename Value>
inline void AtomicAddx4(T* address, Value* values, int = 0) {
  for (int i = 0; i < 4; ++i) tl::atomic(address + i, reinterpret_cast<const T*>(values)[i], emulation::Update::add);
}
template <typename Value>
inline std::enable_if_t<!std::is_pointer_v<Value>> AtomicAddx4(float* address, Value value, int = 0) {
  AtomicAddx4(address, reinterpret_cast<float*>(&value));
}
