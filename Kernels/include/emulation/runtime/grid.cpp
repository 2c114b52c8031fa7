// Spreads a launch's blocks over threads of the processor.
#include <mutex>
#include <thread>
#include <vector>

#include "blocks.h"
#include "races.h"

namespace emulation {

namespace {

/// Workers that have nothing to do: their stacks are mapped already.
class WorkerPool {
 public:
  std::unique_ptr<Worker> take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (idle_.empty()) return std::make_unique<Worker>();
    std::unique_ptr<Worker> worker = std::move(idle_.back());
    idle_.pop_back();
    return worker;
  }
  void give_back(std::unique_ptr<Worker> worker) {
    const std::lock_guard<std::mutex> lock(mutex_);
    idle_.push_back(std::move(worker));
  }

  /// Never destroyed: a launch may still run when the process ends.
  static WorkerPool& shared() {
    static WorkerPool* pool = new WorkerPool;
    return *pool;
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Worker>> idle_;
};

void work(Launch& launch) {
  std::unique_ptr<Worker> worker = WorkerPool::shared().take();
  worker->run(launch);
  WorkerPool::shared().give_back(std::move(worker));
}

}  // namespace

Fault run_grid(Launch& launch, uint32_t workers) {
  const uint64_t blocks = static_cast<uint64_t>(launch.grid.x) * launch.grid.y * launch.grid.z;
  const uint64_t threads = blocks * launch.block.x * launch.block.y * launch.block.z;
  // A thread of the processor is begun for no less than what takes longer than beginning it.
  if (threads < 2048) workers = 1;
  if (workers > blocks) workers = static_cast<uint32_t>(blocks);
#ifdef SWIFTLET_EMULATION_ADDRESS
  // Static shared memory is there once: one block of the process at a time.
  static std::mutex one_launch;
  const std::lock_guard<std::mutex> lock(one_launch);
  workers = 1;
#endif
  std::vector<std::thread> others;
  for (uint32_t i = 1; i < workers; ++i) others.emplace_back([&launch] { work(launch); });
  work(launch);
  for (std::thread& other : others) other.join();
  return std::move(launch.fault);
}

}  // namespace emulation
