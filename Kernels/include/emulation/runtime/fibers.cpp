#include "fibers.h"

#include <sys/mman.h>

#ifdef SWIFTLET_EMULATION_ADDRESS
#include <sanitizer/asan_interface.h>
#endif

#if defined(__x86_64__)
asm(R"(
.text
.globl swiftlet_emulation_switch
.hidden swiftlet_emulation_switch
.type swiftlet_emulation_switch,@function
swiftlet_emulation_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size swiftlet_emulation_switch, .-swiftlet_emulation_switch
)");
#elif defined(__aarch64__)
asm(R"(
.text
.globl swiftlet_emulation_switch
.hidden swiftlet_emulation_switch
.type swiftlet_emulation_switch,%function
swiftlet_emulation_switch:
  stp x19, x20, [sp, #-160]!
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  ldp x19, x20, [sp], #160
  ret
.size swiftlet_emulation_switch, .-swiftlet_emulation_switch
)");
#else
#error "The emulation switches stacks on x86-64 and aarch64."
#endif

namespace emulation {

Stacks::~Stacks() {
  if (base_) munmap(base_, most_threads * (stack_bytes + guard_bytes));
}

bool Stacks::reserve(uint32_t count) {
  if (!base_) {
    void* memory = mmap(nullptr, most_threads * (stack_bytes + guard_bytes), PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return false;
    base_ = static_cast<char*>(memory);
  }
  for (; count_ < count; ++count_) {
    if (mprotect(bottom(count_), stack_bytes, PROT_READ | PROT_WRITE) != 0) return false;
  }
  return true;
}

void* Stacks::prepare(uint32_t number, void (*entry)()) {
  // Stacks that all end at the same distance from a page's start would share a few sets of the cache.
  const size_t color = number % 31 * 128;
  char* top = bottom(number) + stack_bytes - color;
#ifdef SWIFTLET_EMULATION_ADDRESS
  // What ran here before may have been left without returning.
  __asan_unpoison_memory_region(bottom(number), stack_bytes);
#endif
#if defined(__x86_64__)
  void** words = reinterpret_cast<void**>(top);
  *--words = nullptr;                          // where `entry` would return to
  *--words = reinterpret_cast<void*>(entry);   // where the switch returns to
  for (int i = 0; i < 6; ++i) *--words = nullptr;
#else
  void** words = reinterpret_cast<void**>(top) - 20;
  for (int i = 0; i < 20; ++i) words[i] = nullptr;
  words[11] = reinterpret_cast<void*>(entry);  // x30
#endif
  return words;
}

}  // namespace emulation
