// What a worker needs to hold foreign code, and to see what it tried: clocks read without the C library, a filter of
// system calls, Landlock, and handlers that note a fault before the process dies of it.
#pragma once
#include <stdint.h>

/// What the handlers note. Lies in memory that the parent reads, so it outlives the process.
struct confinement_findings {
  /// Number of forbidden system calls, and the first one's number.
  uint32_t forbidden_calls, first_forbidden_call;
  /// Signal that a fault raised, or 0; where it was, and whether it was a write.
  uint32_t fault_signal, fault_is_write;
  uint64_t fault_address;
  /// Where the inputs, which may only be read, lie in the worker: written once by the worker itself.
  uint64_t inputs_begin, inputs_end;
};

/// Ticks of the processor's own counter, the same on all processors.
static inline uint64_t confinement_ticks(void) {
#if defined(__x86_64__)
  uint32_t low, high;
  __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
  return (uint64_t)high << 32 | low;
#elif defined(__aarch64__)
  uint64_t ticks;
  __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks)::"memory");
  return ticks;
#else
#error "no counter known for this architecture"
#endif
}

/// Nanoseconds of the monotonic clock, asked of the kernel itself.
int64_t confinement_kernel_clock(void);
/// Nanoseconds of the monotonic clock, as the C library tells it now.
int64_t confinement_library_clock(void);

/// From now on nobody can map this memory file for writing; mappings that exist stay. 0, or -1 with errno.
int confinement_seal(int memory_file);
/// An anonymous file that can be sealed; not inherited. -1 with errno.
int confinement_memory_file(const char *name);
/// The same file, opened for reading only; not inherited. -1 with errno.
int confinement_reopen_for_reading(int memory_file);

/// Notes faults and forbidden calls in `findings`, and forbids calls that reach for other processes, the clock or the
/// network: they fail with EACCES and are counted. 0, or -1 with errno.
int confinement_watch(struct confinement_findings *findings);

/// Allows writing only beneath `folders`, and signals only to this process and its children, as far as this kernel knows
/// Landlock. 1 when in force, 0 when the kernel has none, -1 with errno.
int confinement_restrict_writing(const char *const *folders, int count);

/// The version of Landlock that this kernel has, from 1; 0 when it has none. Nothing is restricted.
int confinement_landlock_version(void);
/// Whether this kernel takes filters of system calls. None is set.
int confinement_can_filter(void);

/// The path of a library, loaded from outside of the system's folders, that defines `symbol`; NULL when there is none.
/// The text stays valid as long as the library does.
const char *confinement_library_defining(const char *symbol);

/// A name for a forbidden system call: "socket"; "a system call" for one it does not know.
const char *confinement_call_name(uint32_t number);
