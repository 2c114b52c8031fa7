// Finds two accesses of different threads of a block to the same byte, one of them a write, with no barrier between.
//
// A kernel compiled with -fsanitize=thread reports each of its accesses (race_callbacks.cpp). For each byte the last write
// and two reads are remembered, with the number of the barrier that their thread had passed before: an access is ordered
// behind an earlier one when its thread has since passed another barrier, or, in the same warp, another __syncwarp.
// Shuffles and votes order nothing, as on a device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../parts/threads.h"

namespace emulation {

class Worker;

class Races {
 public:
  enum class Kind { read, write, atomic };

  explicit Races(Worker& worker) : worker_(worker) {}

  /// Forgets what earlier blocks did: their barriers have lower numbers than `first_epoch`.
  void begin_block(uint32_t first_epoch) { first_epoch_ = first_epoch; }
  /// Ends the launch when it is in a race.
  void access(uintptr_t address, size_t bytes, Kind kind, const void* caller);

  /// Whether a kernel that reports its accesses has been loaded.
  static bool wanted();
  static void want();

 private:
  struct Access {
    uint32_t block_epoch = 0, warp_epoch = 0;
    uint16_t thread = 0;
    uint16_t place = 0;   // number of the caller's address, and in the highest bit whether it was atomic
  };
  struct Cell {
    Access write, reads[2];
  };
  static constexpr size_t page_bytes = 1024;
  struct Page {
    uintptr_t number = 0;
    Cell cells[page_bytes];
  };
  static constexpr size_t page_slots = 4096;
  static constexpr uint16_t atomic_bit = 0x8000;

  Page& page(uintptr_t number);
  uint16_t place_of(const void* caller);
  uint16_t find_place(const void* caller);
  bool unordered(const Access& before, const Access& now) const;
  void remember_read(Cell& cell, const Access& now) const;
  [[noreturn]] void report(uintptr_t address, size_t bytes, Kind kind, const Access& now, const Access& before,
                           const char* did);

  Worker& worker_;
  uint32_t first_epoch_ = 0;
  // By a hash of the address: a page that another one displaces is forgotten.
  std::unique_ptr<std::unique_ptr<Page>[]> pages_;
  std::unordered_map<const void*, uint16_t> places_;
  std::vector<const void*> callers_;
  static constexpr size_t recent_count = 1021;
  std::pair<const void*, uint16_t> recent_places_[recent_count] = {};
};

// For what the library itself reads and writes in place of the kernel.
void note_read(const void* address, size_t bytes, const void* caller);
void note_write(const void* address, size_t bytes, const void* caller);
void note_atomic(const void* address, size_t bytes, const void* caller);

}  // namespace emulation
