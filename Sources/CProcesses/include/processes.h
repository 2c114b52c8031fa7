// System calls that Swift cannot reach: variadic ones, and those that the C library hides behind _GNU_SOURCE.
#pragma once
#include <spawn.h>
#include <stdint.h>

/// A pipe whose ends children do not inherit; 0, or -1 with errno.
int process_pipe(int ends[2]);
/// An anonymous file in memory that children do not inherit; a descriptor, or -1 with errno.
int process_memory_file(const char *name);
/// A duplicate of a descriptor numbered `lowest` or above, not inherited; -1 with errno.
int process_duplicate(int descriptor, int lowest);
/// The child's working directory.
int process_spawn_in(posix_spawn_file_actions_t *actions, const char *folder);

/// The calling process is killed when the one that started it ends.
int process_dies_with_parent(void);
/// From now on this process and its children can open no socket but local ones; 0, or -1 with errno.
int process_deny_network(void);
/// Limits of address space and processor time, for this process and its children; 0 leaves a limit as it is.
int process_limit(uint64_t address_space_bytes, uint64_t processor_seconds, uint64_t file_bytes);
/// No core files, no privileges gained through programs.
int process_harden(void);

/// The calling thread's time slice under the ordinary policy, and that of threads which it starts from now on. 0 is the
/// system's own; Linux takes 100 µs to 100 ms, since 6.12, and older ones leave it as it is. 0, or -1 with errno.
int process_thread_slice(uint64_t nanoseconds);
/// The calling thread's time slice in nanoseconds; 0 where the system does not tell.
uint64_t process_thread_slice_now(void);
