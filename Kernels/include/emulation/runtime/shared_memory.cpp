#include "shared_memory.h"

#include <link.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

namespace emulation {

unsigned char* take_dynamic_shared(size_t bytes, unsigned char*& arena) {
#ifdef SWIFTLET_EMULATION_ADDRESS
  (void)arena;
  void* memory = nullptr;
  return posix_memalign(&memory, 1024, bytes) == 0 ? static_cast<unsigned char*>(memory) : nullptr;
#else
  (void)bytes;
  if (!arena) {
    void* memory = mmap(nullptr, shared_arena_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) abort();
    arena = static_cast<unsigned char*>(memory);
  }
  return arena;
#endif
}

void return_dynamic_shared(unsigned char* memory) {
#ifdef SWIFTLET_EMULATION_ADDRESS
  free(memory);
#else
  (void)memory;
#endif
}

bool find_static_shared(const Launch& launch, unsigned char*& begin, size_t& bytes) {
  begin = nullptr;
  bytes = 0;
  if (!launch.entry->static_shared) return true;
  launch.entry->static_shared();   // the loader makes a thread's copy when it is first asked for
  struct Search {
    uintptr_t base;
    unsigned char* begin;
    size_t bytes;
  } search{launch.module_base, nullptr, 0};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* context) {
        auto* search = static_cast<Search*>(context);
        if (info->dlpi_addr != search->base) return 0;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          if (info->dlpi_phdr[i].p_type != PT_TLS) continue;
          search->begin = static_cast<unsigned char*>(info->dlpi_tls_data);
          search->bytes = info->dlpi_phdr[i].p_memsz;
        }
        return 1;
      },
      &search);
  begin = search.begin;
  bytes = search.bytes;
  return begin != nullptr;
}

std::string Worker::describe_memory(uintptr_t address) const {
  const uintptr_t dynamic = reinterpret_cast<uintptr_t>(dynamic_), fixed = reinterpret_cast<uintptr_t>(static_begin_);
  if (address - dynamic < launch_->dynamic_shared) return "dynamic shared memory, byte " + std::to_string(address - dynamic);
  if (address - fixed < static_bytes_) return "static shared memory, byte " + std::to_string(address - fixed);
  char text[64];
  snprintf(text, sizeof(text), "global memory, %p", reinterpret_cast<void*>(address));
  return text;
}

void poison(unsigned char* begin, size_t bytes) {
  if (bytes > 0) memset(begin, 0xff, bytes);
}

}  // namespace emulation
