// Stacks, and the switch from one to another.
#pragma once

#include <cstddef>
#include <cstdint>

namespace emulation {

/// Bytes of a thread's stack. Only what is touched takes memory.
constexpr size_t stack_bytes = 256 << 10;

constexpr uint32_t most_threads = 1024;

/// Stacks for the threads of one block. Below each lies a page that may not be touched: a kernel that needs more stack
/// ends with SIGSEGV, and does not write into its neighbour's.
class Stacks {
 public:
  Stacks() = default;
  ~Stacks();
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;

  /// Makes the first `count` stacks usable; false when there is no memory.
  bool reserve(uint32_t count);
  /// What to switch to in order to begin `entry` on stack `number`.
  void* prepare(uint32_t number, void (*entry)());
  char* bottom(uint32_t number) const { return base_ + number * (stack_bytes + guard_bytes) + guard_bytes; }
  bool contains(uintptr_t address) const {
    return address - reinterpret_cast<uintptr_t>(base_) < most_threads * (stack_bytes + guard_bytes);
  }

 private:
  static constexpr size_t guard_bytes = 4096;
  char* base_ = nullptr;
  uint32_t count_ = 0;
};

}  // namespace emulation

/// Saves what a function must keep on the stack, leaves its address in `from`, and goes on where `to` was left.
extern "C" __attribute__((visibility("hidden"))) void swiftlet_emulation_switch(void** from, void* to);
