// What a compiled source exports for each of its kernels. The builder appends EMULATED_KERNEL(name) to the source.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "threads.h"

/// Names change when the meaning of what is exported changes.
#define SWIFTLET_EMULATION_ENTRY_PREFIX "swiftlet_emulated_1_"

namespace emulation {

/// A kernel in a compiled source, found by cuModuleGetFunction as the symbol swiftlet_emulated_1_<name>.
struct Entry {
  const char* name;
  /// Calls the kernel with parameters by address, as cuLaunchKernel is given them.
  void (*call)(void** parameters);
  uint32_t parameter_count;
  const uint32_t* parameter_sizes;       // [parameter_count], bytes
  const uint32_t* parameter_alignments;  // [parameter_count], bytes
  /// An address in this thread's copy of the source's static shared memory; null when that is no thread-local memory.
  void* (*static_shared)();
};

template <typename... Parameters>
struct Unpacking {
  static constexpr uint32_t count = sizeof...(Parameters);
  static constexpr uint32_t sizes[sizeof...(Parameters) + 1] = {sizeof(Parameters)..., 0};
  static constexpr uint32_t alignments[sizeof...(Parameters) + 1] = {alignof(Parameters)..., 0};

  template <size_t... I>
  static void call(void (*kernel)(Parameters...), void** parameters, std::index_sequence<I...>) {
    void (*volatile not_inlined)(Parameters...) = kernel;   // so that places in it are told as places in it
    not_inlined(*static_cast<std::remove_reference_t<Parameters>*>(parameters[I])...);
  }
};

template <typename... Parameters>
Unpacking<Parameters...> unpacking_of(void (*)(Parameters...));

template <typename... Parameters>
inline void unpack(void (*kernel)(Parameters...), void** parameters) {
  Unpacking<Parameters...>::call(kernel, parameters, std::index_sequence_for<Parameters...>());
}

#ifdef SWIFTLET_EMULATION_ADDRESS
constexpr void* (*static_shared)() = nullptr;
#else
inline void* static_shared() {
  static thread_local char anchor;
  return &anchor;
}
#endif

}  // namespace emulation

#define EMULATED_KERNEL(kernel)                                                                             \
  static void swiftlet_emulated_call_##kernel(void** swiftlet_values) {                                     \
    emulation::unpack(kernel, swiftlet_values);                                                             \
  }                                                                                                         \
  extern "C" {                                                                                              \
  EMULATION_PUBLIC extern const emulation::Entry swiftlet_emulated_1_##kernel;                              \
  const emulation::Entry swiftlet_emulated_1_##kernel = {                                                   \
      #kernel,                                                                                              \
      swiftlet_emulated_call_##kernel,                                                                      \
      decltype(emulation::unpacking_of(kernel))::count,                                                     \
      decltype(emulation::unpacking_of(kernel))::sizes,                                                     \
      decltype(emulation::unpacking_of(kernel))::alignments,                                                \
      emulation::static_shared,                                                                             \
  };                                                                                                        \
  }
