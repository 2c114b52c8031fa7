// Barriers, fences, and what else concerns the block as a whole.
#pragma once

#include <cstring>

#include "threads.h"

namespace emulation {

EMULATION_PUBLIC void synchronize_block();
/// Waits for the block, and returns how many of its threads gave a predicate that is not zero.
EMULATION_PUBLIC int synchronize_block_count(int predicate);
/// bar.sync: `threads` threads take part, 0 for all of the block.
EMULATION_PUBLIC void synchronize_named(uint32_t barrier, uint32_t threads);
/// bar.arrive: counts as having come, and does not wait.
EMULATION_PUBLIC void arrive_named(uint32_t barrier, uint32_t threads);

}  // namespace emulation

inline void __syncthreads() { emulation::synchronize_block(); }
inline int __syncthreads_count(int predicate) { return emulation::synchronize_block_count(predicate); }
inline int __syncthreads_or(int predicate) { return emulation::synchronize_block_count(predicate) != 0; }
inline int __syncthreads_and(int predicate) { return emulation::synchronize_block_count(predicate == 0) == 0; }

inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_system() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

inline void __nanosleep(unsigned) { emulation::spin(); }

/// Counts something that grows with time, as the device's does.
EMULATION_PUBLIC long long clock64();

[[noreturn]] inline void __trap() { emulation::fault("__trap()"); }

namespace emulation {
inline const char* file_name(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}
}  // namespace emulation

#undef assert
#define assert(condition)                                                                                        \
  ((condition) ? static_cast<void>(0)                                                                            \
               : emulation::fault("assertion failed: %s, %s:%d", #condition, emulation::file_name(__FILE__), __LINE__))
