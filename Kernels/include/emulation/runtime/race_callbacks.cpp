// What the compiler calls in a kernel that is compiled with -fsanitize=thread, and with -fsanitize=alignment.
#include <cstring>

#include "blocks.h"
#include "faults.h"
#include "races.h"

#define CALLBACK extern "C" EMULATION_PUBLIC __attribute__((used))
#define CALLER __builtin_return_address(0)

CALLBACK void __tsan_init() { emulation::Races::want(); }
CALLBACK void __tsan_func_entry(void*) {}
CALLBACK void __tsan_func_exit() {}
CALLBACK void __tsan_ignore_thread_begin() {}
CALLBACK void __tsan_ignore_thread_end() {}

#define ACCESSES(bytes)                                                                                          \
  CALLBACK void __tsan_read##bytes(void* address) { emulation::note_read(address, bytes, CALLER); }              \
  CALLBACK void __tsan_write##bytes(void* address) { emulation::note_write(address, bytes, CALLER); }            \
  CALLBACK void __tsan_unaligned_read##bytes(void* address) { emulation::note_read(address, bytes, CALLER); }    \
  CALLBACK void __tsan_unaligned_write##bytes(void* address) { emulation::note_write(address, bytes, CALLER); }  \
  CALLBACK void __tsan_volatile_read##bytes(void* address) { emulation::note_read(address, bytes, CALLER); }     \
  CALLBACK void __tsan_volatile_write##bytes(void* address) { emulation::note_write(address, bytes, CALLER); }   \
  CALLBACK void __tsan_read_write##bytes(void* address) {                                                        \
    emulation::note_read(address, bytes, CALLER);                                                                \
    emulation::note_write(address, bytes, CALLER);                                                               \
  }

ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)
#undef ACCESSES

CALLBACK void __tsan_read_range(void* address, size_t bytes) { emulation::note_read(address, bytes, CALLER); }
CALLBACK void __tsan_write_range(void* address, size_t bytes) { emulation::note_write(address, bytes, CALLER); }
CALLBACK void __tsan_vptr_read(void** address) { emulation::note_read(address, sizeof(void*), CALLER); }
CALLBACK void __tsan_vptr_update(void** address, void*) { emulation::note_write(address, sizeof(void*), CALLER); }

CALLBACK void* __tsan_memcpy(void* to, const void* from, size_t bytes) {
  emulation::note_read(from, bytes, CALLER);
  emulation::note_write(to, bytes, CALLER);
  return memcpy(to, from, bytes);
}
CALLBACK void* __tsan_memmove(void* to, const void* from, size_t bytes) {
  emulation::note_read(from, bytes, CALLER);
  emulation::note_write(to, bytes, CALLER);
  return memmove(to, from, bytes);
}
CALLBACK void* __tsan_memset(void* to, int value, size_t bytes) {
  emulation::note_write(to, bytes, CALLER);
  return memset(to, value, bytes);
}

CALLBACK void __tsan_atomic_thread_fence(int) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
CALLBACK void __tsan_atomic_signal_fence(int) {}

#ifndef SWIFTLET_EMULATION_ADDRESS   // there the sanitizer's runtime has what follows

// MARK: alignment

namespace {

/// What the compiler says of an access to a type, in the form that its runtime takes.
struct CheckedAccess {
  struct {
    const char* file;
    uint32_t line, column;
  } place;
  const struct {
    uint16_t kind, information;
    char name[1];
  }* type;
  unsigned char alignment_exponent;
  unsigned char access;
};

void report_alignment(const CheckedAccess* checked, const void* address) {
  if (!emulation::Worker::current || !emulation::self) return;
  const char* slash = strrchr(checked->place.file, '/');
  emulation::fault_with(emulation::misaligned_address, "an access to %s at %p, which is not a multiple of %u, %s:%u",
                        checked->type->name, address, 1u << checked->alignment_exponent,
                        slash ? slash + 1 : checked->place.file, checked->place.line);
}

}  // namespace

CALLBACK void __ubsan_handle_type_mismatch_v1(const void* checked, const void* address) {
  report_alignment(static_cast<const CheckedAccess*>(checked), address);
}
CALLBACK void __ubsan_handle_type_mismatch_v1_abort(const void* checked, const void* address) {
  report_alignment(static_cast<const CheckedAccess*>(checked), address);
}
#endif

#undef CALLBACK
#undef CALLER
