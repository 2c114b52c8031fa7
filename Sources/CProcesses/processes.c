#define _GNU_SOURCE
#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int process_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int process_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

int process_duplicate(int descriptor, int lowest) { return fcntl(descriptor, F_DUPFD_CLOEXEC, lowest); }

int process_spawn_in(posix_spawn_file_actions_t *actions, const char *folder) {
  return posix_spawn_file_actions_addchdir_np(actions, folder);
}

int process_dies_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL); }

int process_harden(void) {
  struct rlimit none = {0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) return -1;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int limit(int resource, uint64_t value) {
  if (value == 0) return 0;
  struct rlimit bounds;
  if (getrlimit(resource, &bounds) != 0) return -1;
  bounds.rlim_cur = bounds.rlim_max == RLIM_INFINITY || value < bounds.rlim_max ? value : bounds.rlim_max;
  return setrlimit(resource, &bounds);
}

int process_limit(uint64_t address_space_bytes, uint64_t processor_seconds, uint64_t file_bytes) {
  if (limit(RLIMIT_AS, address_space_bytes) != 0) return -1;
  if (limit(RLIMIT_FSIZE, file_bytes) != 0) return -1;
  return limit(RLIMIT_CPU, processor_seconds);
}

// socket(2) for any family but AF_UNIX is refused with EACCES; other architectures' calls end the process.
int process_deny_network(void) {
#if defined(__x86_64__)
  const uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
  const uint32_t architecture = AUDIT_ARCH_AARCH64;
#else
  errno = ENOSYS;
  return -1;
#endif
#if defined(__x86_64__) || defined(__aarch64__)
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {sizeof program / sizeof program[0], program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
#endif
}

// `struct sched_attr` of <linux/sched/types.h>, in its first version; older C libraries have neither it nor the calls.
struct scheduling {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};

static int scheduling_now(struct scheduling *found) {
  return (int)syscall(SYS_sched_getattr, 0, found, sizeof *found, 0);
}

int process_thread_slice(uint64_t nanoseconds) {
  struct scheduling wanted = {.size = sizeof wanted};
  if (scheduling_now(&wanted) != 0) return -1;
  if (wanted.policy != 0) return 0;  // real-time, batch or idle: somebody chose that
  wanted.flags &= 1;  // SCHED_FLAG_RESET_ON_FORK stays; what else is told cannot be set by the first version
  wanted.runtime = nanoseconds;
  return (int)syscall(SYS_sched_setattr, 0, &wanted, 0);
}

uint64_t process_thread_slice_now(void) {
  struct scheduling found = {.size = sizeof found};
  return scheduling_now(&found) == 0 && found.policy == 0 ? found.runtime : 0;
}
