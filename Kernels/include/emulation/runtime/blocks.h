// A block while it runs: its warps, barriers and shared memory, and the thread of the processor that runs it.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "../parts/entries.h"
#include "../parts/threads.h"
#include "faults.h"
#include "fibers.h"

namespace emulation {

class Races;

constexpr uint32_t most_barriers = 16;
constexpr uint32_t most_warps = most_threads / 32;

/// 32 threads. A lane is in at most one of: ready, arrived, at a barrier, returned.
struct Warp {
  Thread* lanes;
  uint32_t live;      // have not returned
  uint32_t ready;     // can go on
  uint32_t arrived;   // wait at an operation of the warp
  uint32_t epoch;     // number of the latest __syncwarp
  uint32_t at_barrier[most_barriers];
};

struct Barrier {
  uint32_t arrived;   // threads that came, with those that do not wait
  uint32_t expected;  // 0: all that live
  uint32_t waiting;
  uint32_t counted;   // of those that came, how many gave a predicate that is not zero
};

/// A copy that was begun and has not landed.
struct PendingCopy {
  void* shared;
  const void* global;
  uint32_t bytes, valid;
  uint32_t group;
};
struct PendingCopies {
  uint32_t group = 0;    // number of the group that is open
  uint32_t landed = 0;   // groups before this one have landed
  std::vector<PendingCopy> copies;
};

/// What one launch does, for all threads of the processor that take part.
struct Launch {
  const Entry* entry;
  void** parameters;
  dim3 grid, block;
  size_t dynamic_shared;
  uintptr_t module_base;   // where the kernel's image begins in memory
  std::atomic<uint64_t> next_block{0};
  std::atomic<bool> stopped{false};
  Fault fault;             // the first; read when all have stopped
};

/// Keeps the first fault of a launch; no further block begins.
void stop_launch(Launch& launch, Fault fault);

/// Runs blocks of a launch, one after the other, on the thread of the processor that calls it.
class Worker {
 public:
  Worker();
  ~Worker();

  /// Runs blocks until there are none left, or there is a fault.
  void run(Launch& launch);

  // From the block's threads.
  void operate(uint32_t mask, const char* name, const void* caller, Operation operation);
  uint32_t wait(uint32_t barrier, uint32_t threads, bool predicate, const char* name, const void* caller);
  void arrive(uint32_t barrier, uint32_t threads);
  void let_others_run();
  [[noreturn]] void stop(Fault fault);

  void* dynamic_shared() { return dynamic_; }
  PendingCopies& copies(const Thread& thread) { return copies_[thread.number]; }
  const Launch& launch() const { return *launch_; }
  const Position& position() const { return position_; }
  Stacks& stacks() { return stacks_; }
  Races* races() { return races_.get(); }
  /// "dynamic shared memory, byte 64".
  std::string describe_memory(uintptr_t address) const;

  static __thread Worker* current __attribute__((tls_model("initial-exec")));

 private:
  void run_block();
  void prepare_block();
  void complete(Warp& warp, uint32_t lanes, Operation operation);
  bool all_arrived(const Warp& warp, const Thread& thread, uint32_t lanes) const;
  void open_barrier(uint32_t number);
  void exit_thread();
  void leave();
  void resume(Thread* next);
  void watch_spinning();
  std::string describe_waiting() const;
  static void enter();

  Stacks stacks_;
  std::unique_ptr<Thread[]> threads_;
  std::unique_ptr<PendingCopies[]> copies_;
  std::unique_ptr<Races> races_;
  Warp warps_[most_warps];
  Barrier barriers_[most_barriers];
  Position position_;
  Launch* launch_ = nullptr;
  uint32_t thread_count_ = 0, warp_count_ = 0, live_ = 0;
  uint32_t epoch_ = 0;          // number of the latest barrier that opened
  uint64_t progress_ = 0;       // counts what is not spinning
  uint64_t progress_seen_ = 0;
  uint32_t spin_count_ = 0;
  double spinning_since_ = 0;
  void* scheduler_ = nullptr;   // its stack while a thread runs
#ifdef SWIFTLET_EMULATION_ADDRESS
  void* scheduler_false_stack_ = nullptr;
  const void* scheduler_bottom_ = nullptr;
  size_t scheduler_bytes_ = 0;
#endif
  unsigned char* arena_ = nullptr;     // for dynamic shared memory, without AddressSanitizer
  unsigned char* dynamic_ = nullptr;
  unsigned char* static_begin_ = nullptr;
  size_t static_bytes_ = 0;
};

/// Runs all blocks of a launch on up to `workers` threads of the processor.
Fault run_grid(Launch& launch, uint32_t workers);

/// The most dynamic and static shared memory of a block that a device of the newest kind gives.
constexpr size_t most_shared_bytes = 227 << 10;

}  // namespace emulation
