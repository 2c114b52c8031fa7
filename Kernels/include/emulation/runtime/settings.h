// What can be set from outside, once, by environment variables.
#pragma once

#include <cstddef>
#include <cstdint>

namespace emulation {

struct Settings {
  /// SWIFTLET_EMULATION_THREADS: threads of the processor that run blocks; 0: as many as it has, at most 8.
  uint32_t workers;
  /// SWIFTLET_EMULATION_MEMORY: bytes of device memory.
  size_t memory_bytes;
  /// SWIFTLET_EMULATION_SPIN_SECONDS: how long a block may do nothing but wait in loops.
  double spin_seconds;
  /// SWIFTLET_EMULATION_MULTIPROCESSORS: what the device says that it has.
  uint32_t multiprocessors;
  /// SWIFTLET_EMULATION_CAPABILITY: compute capability times ten, 80 or 90.
  uint32_t capability;

  static const Settings& get();
};

}  // namespace emulation
