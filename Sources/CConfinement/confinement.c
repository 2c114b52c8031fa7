#define _GNU_SOURCE
#include "confinement.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <link.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef PR_SET_TSC
#define PR_SET_TSC 26
#endif

static int64_t nanoseconds(const struct timespec *t) { return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec; }

int64_t confinement_kernel_clock(void) {
  struct timespec now = {0, 0};
  syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
  return nanoseconds(&now);
}

int64_t confinement_library_clock(void) {
  struct timespec now = {0, 0};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return nanoseconds(&now);
}

int confinement_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING); }

int confinement_seal(int memory_file) {
  return fcntl(memory_file, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
}

int confinement_reopen_for_reading(int memory_file) {
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", memory_file);
  return open(path, O_RDONLY | O_CLOEXEC);
}

// MARK: faults and forbidden calls

static struct confinement_findings *noted;

static void on_fault(int signal, siginfo_t *info, void *context) {
  if (noted && noted->fault_signal == 0) {
    noted->fault_address = (uint64_t)info->si_addr;
#if defined(__x86_64__)
    noted->fault_is_write = ((ucontext_t *)context)->uc_mcontext.gregs[REG_ERR] >> 1 & 1;
#endif
    noted->fault_signal = (uint32_t)signal;
  }
  // The instruction runs again and ends the process the ordinary way.
  struct sigaction normal;
  memset(&normal, 0, sizeof normal);
  normal.sa_handler = SIG_DFL;
  sigaction(signal, &normal, NULL);
}

static void on_forbidden_call(int signal, siginfo_t *info, void *context) {
  (void)signal;
  if (noted) {
    if (noted->forbidden_calls == 0) noted->first_forbidden_call = (uint32_t)info->si_syscall;
    noted->forbidden_calls += 1;
  }
  ucontext_t *state = context;
#if defined(__x86_64__)
  state->uc_mcontext.gregs[REG_RAX] = -EACCES;
#elif defined(__aarch64__)
  state->uc_mcontext.regs[0] = (uint64_t)-EACCES;
#endif
}

static int handle(int signal, void (*handler)(int, siginfo_t *, void *)) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  return sigaction(signal, &action, NULL);
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), yes, no)
#define TRAP BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
// A call that is never allowed.
#define FORBID(number) IF_EQUAL(number, 0, 1), TRAP
// A call that is forbidden when its first argument is `value`; the number is loaded again after.
#define FORBID_FIRST(number, value) IF_EQUAL(number, 0, 3), LOAD(args[0]), IF_EQUAL(value, 0, 1), TRAP, LOAD(nr)

int confinement_watch(struct confinement_findings *findings) {
  noted = findings;
  static char stack[64 << 10];
  stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
  if (sigaltstack(&alternative, NULL) != 0) return -1;
  const int faults[] = {SIGSEGV, SIGBUS};
  for (unsigned i = 0; i < sizeof faults / sizeof faults[0]; ++i)
    if (handle(faults[i], on_fault) != 0) return -1;
  if (handle(SIGSYS, on_forbidden_call) != 0) return -1;
#if defined(__x86_64__) || defined(__aarch64__)
  const pid_t parent = getppid();
#if defined(__x86_64__)
  const uint32_t architecture = AUDIT_ARCH_X86_64;
#else
  const uint32_t architecture = AUDIT_ARCH_AARCH64;
#endif
  struct sock_filter program[] = {
      LOAD(arch),
      IF_EQUAL(architecture, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      LOAD(nr),
      // Other processes.
      FORBID(__NR_ptrace),
      FORBID(__NR_process_vm_readv),
      FORBID(__NR_process_vm_writev),
      FORBID(__NR_io_uring_setup),  // its sockets pass by this filter
      FORBID(__NR_perf_event_open),
      FORBID(__NR_bpf),
      FORBID(__NR_userfaultfd),
      FORBID_FIRST(__NR_kill, parent),
      FORBID_FIRST(__NR_kill, -1),
      FORBID_FIRST(__NR_kill, -parent),
      FORBID_FIRST(__NR_tgkill, parent),
      FORBID_FIRST(__NR_tkill, parent),
      // The network: any family but AF_UNIX.
      IF_EQUAL(__NR_socket, 0, 4),
      LOAD(args[0]),
      IF_EQUAL(AF_UNIX, 1, 0),
      TRAP,
      LOAD(nr),
      ALLOW,
  };
  struct sock_fprog filter = {sizeof program / sizeof program[0], program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
#else
  return 0;
#endif
}

const char *confinement_call_name(uint32_t number) {
  switch (number) {
    case __NR_socket: return "socket";
    case __NR_ptrace: return "ptrace";
    case __NR_process_vm_readv: return "process_vm_readv";
    case __NR_process_vm_writev: return "process_vm_writev";
    case __NR_io_uring_setup: return "io_uring_setup";
    case __NR_perf_event_open: return "perf_event_open";
    case __NR_bpf: return "bpf";
    case __NR_userfaultfd: return "userfaultfd";
    case __NR_kill: return "kill";
    case __NR_tgkill: return "tgkill";
    case __NR_tkill: return "tkill";
    default: return "a system call";
  }
}

// MARK: Landlock; its header may be older than the kernel, so the few numbers stand here

struct ruleset_attributes {
  uint64_t handled_access_fs, handled_access_net, scoped;
};
struct __attribute__((packed)) beneath_attributes {
  uint64_t allowed_access;
  int32_t parent_fd;
};
#define LANDLOCK_CREATE 444
#define LANDLOCK_ADD_RULE 445
#define LANDLOCK_RESTRICT 446
// Writing files, removing and making entries of every kind, linking across folders, truncating.
#define WRITING_V1 0x1FF2ULL
#define REFER (1ULL << 13)
#define TRUNCATE (1ULL << 14)
#define ON_FILES (0x2ULL | TRUNCATE)
#define SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS 3ULL

int confinement_landlock_version(void) {
  long version = syscall(LANDLOCK_CREATE, NULL, 0, 1);
  return version < 1 ? 0 : (int)version;
}

// Without a program, a kernel that knows filters finds the missing address wrong; another does not know the mode.
int confinement_can_filter(void) {
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) != 0 && errno == EFAULT;
}

int confinement_restrict_writing(const char *const *folders, int count) {
  long version = syscall(LANDLOCK_CREATE, NULL, 0, 1);
  if (version < 1) return 0;
  struct ruleset_attributes ruleset = {WRITING_V1, 0, 0};
  if (version >= 2) ruleset.handled_access_fs |= REFER;
  if (version >= 3) ruleset.handled_access_fs |= TRUNCATE;
  if (version >= 6) ruleset.scoped = SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS;
  size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
  int rules = (int)syscall(LANDLOCK_CREATE, &ruleset, size, 0);
  if (rules < 0) return -1;
  for (int i = 0; i < count; ++i) {
    int place = open(folders[i], O_PATH | O_CLOEXEC);
    if (place < 0) continue;  // what is not there cannot be written to
    struct beneath_attributes beneath = {ruleset.handled_access_fs, place};
    if (syscall(LANDLOCK_ADD_RULE, rules, 1, &beneath, 0) != 0) {
      beneath.allowed_access &= ON_FILES;  // a file, not a folder
      syscall(LANDLOCK_ADD_RULE, rules, 1, &beneath, 0);
    }
    close(place);
  }
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  int failure = (int)syscall(LANDLOCK_RESTRICT, rules, 0);
  close(rules);
  return failure == 0 ? 1 : -1;
}

// MARK: loaded libraries

struct search {
  const char *symbol;
  const char *found;
};

static int is_system_library(const char *path) {
  return path[0] != '/' || strncmp(path, "/lib", 4) == 0 || strncmp(path, "/usr/", 5) == 0;
}

static int look(struct dl_phdr_info *library, size_t size, void *argument) {
  (void)size;
  struct search *search = argument;
  if (!library->dlpi_name || is_system_library(library->dlpi_name)) return 0;
  void *handle = dlopen(library->dlpi_name, RTLD_LAZY | RTLD_NOLOAD);
  if (!handle) return 0;
  void *address = dlsym(handle, search->symbol);
  Dl_info owner;
  if (address && dladdr(address, &owner) && owner.dli_fname && strcmp(owner.dli_fname, library->dlpi_name) == 0)
    search->found = library->dlpi_name;
  dlclose(handle);
  return search->found != NULL;
}

const char *confinement_library_defining(const char *symbol) {
  struct search search = {symbol, NULL};
  dl_iterate_phdr(look, &search);
  return search.found;
}
