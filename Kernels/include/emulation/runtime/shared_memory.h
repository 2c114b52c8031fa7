// The memory that a block's threads share.
#pragma once

#include <cstddef>

#include "blocks.h"

namespace emulation {

constexpr size_t shared_arena_bytes = most_shared_bytes + 4096;

/// Memory for a block, aligned to 1024 bytes. With AddressSanitizer it is a heap block of just that size, so that an
/// access behind its end is caught; else it is at the start of `arena`, which is made when it is null.
unsigned char* take_dynamic_shared(size_t bytes, unsigned char*& arena);
void return_dynamic_shared(unsigned char* memory);

/// This thread's copy of the static shared memory of the launch's image; no bytes where it is no thread-local memory.
bool find_static_shared(const Launch& launch, unsigned char*& begin, size_t& bytes);

/// Fills memory with 0xff: not a number in every format.
void poison(unsigned char* begin, size_t bytes);

}  // namespace emulation
