#define _GNU_SOURCE
#include "cpu_intrinsics.h"

#include <sched.h>
#include <unistd.h>

int cpu_usable_count(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (int)online : 1;
}
