// cp.async: copies from global to shared memory that land only when they are waited for.
#pragma once

#include <cstdint>

#include "threads.h"

namespace emulation {

/// Copies `valid` of `bytes` (4, 8 or 16; both addresses aligned to it), and zeros behind them. Until the thread waits,
/// the destination holds bytes of 0xff: a kernel that does not wait reads values that are not numbers.
EMULATION_PUBLIC void cp_async(void* shared, const void* global, uint32_t bytes, uint32_t valid);
/// Makes a group of the thread's copies that are in none yet.
EMULATION_PUBLIC void cp_async_commit();
/// Waits until at most `pending` of the thread's latest groups are under way.
EMULATION_PUBLIC void cp_async_wait(uint32_t pending);
/// Waits for all, also for copies that are in no group.
EMULATION_PUBLIC void cp_async_wait_all();

}  // namespace emulation
