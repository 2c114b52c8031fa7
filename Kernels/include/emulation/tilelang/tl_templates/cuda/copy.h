// Asynchronous copies: they land when they are waited for.
#pragma once

#include "common.h"

namespace tl {

template <int BYTES>
inline void cp_async_gs(const void* shared, const void* global) {
  emulation::cp_async(const_cast<void*>(shared), global, BYTES, BYTES);
}
/// Zeros when the condition does not hold; nothing is read then.
template <int BYTES>
inline void cp_async_gs_conditional(const void* shared, const void* global, bool condition) {
  emulation::cp_async(const_cast<void*>(shared), global, BYTES, condition ? BYTES : 0);
}
inline void cp_async_commit() { emulation::cp_async_commit(); }
template <int PENDING>
inline void cp_async_wait() {
  if constexpr (PENDING == 0) emulation::cp_async_wait_all();
  else emulation::cp_async_wait(PENDING);
}

template <typename T>
inline T load_global(const void* address) {
  T value;
  memcpy(&value, address, sizeof(T));
  return value;
}
inline uint32_t load_global_32(const void* address) { return load_global<uint32_t>(address); }
inline uint2 load_global_64(const void* address) { return load_global<uint2>(address); }
inline uint4 load_global_128(const void* address) { return load_global<uint4>(address); }
inline uint32_t load_global_32_conditional(const void* address, bool condition) {
  return condition ? load_global_32(address) : 0;
}
inline uint2 load_global_64_conditional(const void* address, bool condition) {
  return condition ? load_global_64(address) : uint2{};
}
inline uint4 load_global_128_conditional(const void* address, bool condition) {
  return condition ? load_global_128(address) : uint4{};
}
template <typename T>
inline void store_global(void* address, T value) { memcpy(address, &value, sizeof(T)); }
inline void store_global_32(void* address, uint32_t value) { store_global(address, value); }
inline void store_global_64(void* address, uint2 value) { store_global(address, value); }
inline void store_global_128(void* address, uint4 value) { store_global(address, value); }
inline void store_global_32_conditional(void* address, uint32_t value, bool condition) {
  if (condition) store_global(address, value);
}
inline void store_global_64_conditional(void* address, uint2 value, bool condition) {
  if (condition) store_global(address, value);
}
inline void store_global_128_conditional(void* address, uint4 value, bool condition) {
  if (condition) store_global(address, value);
}

}  // namespace tl
