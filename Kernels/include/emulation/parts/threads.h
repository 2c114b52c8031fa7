// What a thread of a kernel knows of itself. Shared by kernels and the runtime library.
#pragma once

#include <cstddef>
#include <cstdint>

#include <vector_types.h>

#define EMULATION_PUBLIC __attribute__((visibility("default")))

namespace emulation {

struct Thread;
struct Warp;
struct Block;

/// Runs once for all lanes of `mask`, on the last of them that arrives. `lanes` are the 32 threads of the warp.
using Operation = void (*)(Thread* lanes, uint32_t mask);

/// One thread of a kernel: a fiber, and what it left for the others of its warp when it came to an operation of them all.
struct Thread {
  uint3 index;            // threadIdx
  uint32_t lane;          // 0 ..< 32
  uint32_t number;        // in its block, x fastest
  Warp* warp;
  void* stack_pointer;    // while another thread runs
  void* false_stack;      // AddressSanitizer's, while another thread runs

  // What it waits for, and what is exchanged.
  Operation operation;    // null when it waits at a barrier
  const char* waits_at;   // name of the function it waits in
  const void* caller;     // address in the kernel from which it was called
  uint32_t mask;          // lanes that take part
  int32_t argument;
  uint64_t value;         // given
  uint64_t result;        // received
  const void* input;      // given, when it is more than `value`
  void* output;           // where to leave what is more than `result`
  uint32_t barrier;       // number of the barrier it waits at

  // For the race detector.
  uint32_t block_epoch;   // number of the latest barrier it passed
  uint32_t warp_epoch;    // number of the latest __syncwarp it passed
  uint32_t spins;         // since it last did something that lets others go on
};

/// A block's place in the grid. The kernel sees it as blockIdx, blockDim and gridDim.
struct Position {
  uint3 block_index;
  dim3 block_size;
  dim3 grid_size;
};

// Initial-exec: one instruction to read. The library's two words fit into what the loader keeps free for that.
extern __thread Thread* self __attribute__((tls_model("initial-exec"))) EMULATION_PUBLIC;
extern __thread Position* position __attribute__((tls_model("initial-exec"))) EMULATION_PUBLIC;

/// The block's dynamic shared memory, aligned to 1024 bytes.
EMULATION_PUBLIC void* dynamic_shared();

/// Ends the launch: the kernel did what the device would punish, or what has no defined meaning.
[[noreturn]] EMULATION_PUBLIC void fault(const char* format, ...) __attribute__((format(printf, 1, 2)));

/// Lets other threads of the block run; called where a kernel may be waiting in a loop for something that they do.
EMULATION_PUBLIC void spin();

}  // namespace emulation

/// A block's dynamic shared memory as `name`, an array of `type`: in place of `extern __shared__ type name[];`.
#define EMULATED_DYNAMIC_SHARED(type, name) type* const name = static_cast<type*>(emulation::dynamic_shared())
