// Runs the threads of a block as fibers, warp by warp: a warp runs until all its lanes wait or have returned.
#include "blocks.h"

#include <sys/mman.h>
#include <time.h>

#include <cstring>

#include "../parts/barriers.h"
#include "races.h"
#include "shared_memory.h"

#ifdef SWIFTLET_EMULATION_ADDRESS
#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace emulation {

__thread Thread* self __attribute__((tls_model("initial-exec"))) = nullptr;
__thread Position* position __attribute__((tls_model("initial-exec"))) = nullptr;
__thread Worker* Worker::current __attribute__((tls_model("initial-exec"))) = nullptr;

Worker::Worker()
    : threads_(new Thread[most_threads]), copies_(new PendingCopies[most_threads]) {}

Worker::~Worker() {
  if (arena_) munmap(arena_, shared_arena_bytes);
}

// MARK: blocks

void Worker::run(Launch& launch) {
  current = this;
  emulation::position = &position_;
  launch_ = &launch;
  thread_count_ = launch.block.x * launch.block.y * launch.block.z;
  warp_count_ = (thread_count_ + 31) / 32;
  position_.block_size = launch.block;
  position_.grid_size = launch.grid;
  const uint64_t blocks = static_cast<uint64_t>(launch.grid.x) * launch.grid.y * launch.grid.z;
  if (!stacks_.reserve(thread_count_)) {
    stop_launch(launch, Fault{launch_failed, "no memory for the stacks of a block's threads"});
  } else if (!find_static_shared(launch, static_begin_, static_bytes_)) {
    stop_launch(launch, Fault{launch_failed, "the static shared memory of the kernel's image was not found"});
  }
  while (!launch.stopped.load(std::memory_order_relaxed)) {
    const uint64_t number = launch.next_block.fetch_add(1, std::memory_order_relaxed);
    if (number >= blocks) break;
    position_.block_index.x = static_cast<unsigned>(number % launch.grid.x);
    position_.block_index.y = static_cast<unsigned>(number / launch.grid.x % launch.grid.y);
    position_.block_index.z = static_cast<unsigned>(number / launch.grid.x / launch.grid.y);
    run_block();
  }
  emulation::self = nullptr;
  emulation::position = nullptr;
  launch_ = nullptr;
  current = nullptr;
}

void Worker::prepare_block() {
  memset(barriers_, 0, sizeof(barriers_));
  live_ = thread_count_;
  for (uint32_t i = 0; i < warp_count_; ++i) {
    Warp& warp = warps_[i];
    const uint32_t lanes = thread_count_ - i * 32;
    memset(&warp, 0, sizeof(warp));
    warp.lanes = &threads_[i * 32];
    warp.live = warp.ready = lanes >= 32 ? ~0u : (1u << lanes) - 1;
    warp.epoch = ++epoch_;
  }
  ++epoch_;
  uint3 index{0, 0, 0};
  for (uint32_t i = 0; i < thread_count_; ++i) {
    Thread& thread = threads_[i];
    thread = Thread{};
    thread.index = index;
    thread.lane = i % 32;
    thread.number = i;
    thread.warp = &warps_[i / 32];
    thread.block_epoch = epoch_;
    thread.warp_epoch = thread.warp->epoch;
    thread.stack_pointer = stacks_.prepare(i, &Worker::enter);
    copies_[i].copies.clear();
    copies_[i].group = copies_[i].landed = 0;
    if (++index.x == launch_->block.x) {
      index.x = 0;
      if (++index.y == launch_->block.y) index.y = 0, ++index.z;
    }
  }
}

void Worker::run_block() {
  prepare_block();
  dynamic_ = take_dynamic_shared(launch_->dynamic_shared, arena_);
  poison(dynamic_, launch_->dynamic_shared);
  poison(static_begin_, static_bytes_);
  if (!races_ && Races::wanted()) races_ = std::make_unique<Races>(*this);
  if (races_) races_->begin_block(epoch_);
  while (live_ > 0 && !launch_->stopped.load(std::memory_order_relaxed)) {
    const uint64_t before = progress_;
    for (uint32_t i = 0; i < warp_count_; ++i) {
      while (warps_[i].ready && !launch_->stopped.load(std::memory_order_relaxed)) {
        const uint32_t ready = warps_[i].ready;
        resume(&warps_[i].lanes[__builtin_ctz(ready)]);
        if (warps_[i].ready == ready) break;   // all of them only spin: let other warps run
      }
    }
    bool can_go_on = false;
    for (uint32_t i = 0; i < warp_count_ && !can_go_on; ++i) can_go_on = warps_[i].ready != 0;
    if (live_ > 0 && !can_go_on) {
      stop_launch(*launch_, Fault{launch_failed, where_we_are() + ": deadlock: " + describe_waiting()});
    } else if (progress_ == before) {
      watch_spinning();
    }
  }
  return_dynamic_shared(dynamic_);
  dynamic_ = nullptr;
}

// MARK: threads

void Worker::resume(Thread* next) {
  emulation::self = next;
#ifdef SWIFTLET_EMULATION_ADDRESS
  __sanitizer_start_switch_fiber(&scheduler_false_stack_, stacks_.bottom(next->number), stack_bytes);
#endif
  swiftlet_emulation_switch(&scheduler_, next->stack_pointer);
#ifdef SWIFTLET_EMULATION_ADDRESS
  __sanitizer_finish_switch_fiber(scheduler_false_stack_, nullptr, nullptr);
#endif
  emulation::self = nullptr;
}

/// The first function on each fiber's stack.
void Worker::enter() {
  Worker& worker = *current;
#ifdef SWIFTLET_EMULATION_ADDRESS
  const void* bottom = nullptr;
  size_t bytes = 0;
  __sanitizer_finish_switch_fiber(nullptr, &bottom, &bytes);
  if (!worker.scheduler_bottom_) worker.scheduler_bottom_ = bottom, worker.scheduler_bytes_ = bytes;
#endif
  worker.launch_->entry->call(worker.launch_->parameters);
  worker.exit_thread();
}

/// Leaves the running thread for the next one of its warp that can go on, else for the scheduler; returns when it is its
/// turn again.
void Worker::leave() {
  Thread* thread = emulation::self;
  // The lanes behind this one first, then from the first: so that all have their turn.
  const uint32_t ready = thread->warp->ready;
  const uint32_t behind = thread->lane == 31 ? 0 : ready & ~((2u << thread->lane) - 1);
#ifdef SWIFTLET_EMULATION_ADDRESS
  const bool returned = !(thread->warp->live >> thread->lane & 1);
  (void)behind;
  __sanitizer_start_switch_fiber(returned ? nullptr : &thread->false_stack, scheduler_bottom_, scheduler_bytes_);
  swiftlet_emulation_switch(&thread->stack_pointer, scheduler_);
  __sanitizer_finish_switch_fiber(thread->false_stack, nullptr, nullptr);
#else
  if (behind) {
    Thread* next = &thread->warp->lanes[__builtin_ctz(behind)];
    emulation::self = next;
    swiftlet_emulation_switch(&thread->stack_pointer, next->stack_pointer);
  } else {
    swiftlet_emulation_switch(&thread->stack_pointer, scheduler_);
  }
#endif
}

void Worker::exit_thread() {
  Thread* thread = emulation::self;
  Warp& warp = *thread->warp;
  ++progress_;
  --live_;
  warp.live &= ~(1u << thread->lane);
  warp.ready &= ~(1u << thread->lane);
  // Those that wait for it wait no longer.
  for (uint32_t rest = warp.arrived; rest != 0;) {
    Thread& waiting = warp.lanes[__builtin_ctz(rest)];
    const uint32_t lanes = waiting.mask & warp.live;
    if (all_arrived(warp, waiting, lanes)) {
      complete(warp, lanes, waiting.operation);
      warp.ready |= lanes;
    }
    rest &= ~lanes & ~(1u << waiting.lane);
  }
  for (uint32_t i = 0; i < most_barriers; ++i) {
    if (barriers_[i].arrived > 0 && barriers_[i].expected == 0 && barriers_[i].arrived == live_) open_barrier(i);
  }
  leave();
  __builtin_trap();   // a thread that has returned is not resumed
}

void Worker::let_others_run() {
  Thread* thread = emulation::self;
  if (++thread->spins % 16 == 0) {
    thread->waits_at = "a loop";
    leave();
  }
}

void Worker::stop(Fault fault) {
  stop_launch(*launch_, std::move(fault));
  // Not marked as returned, and never resumed: what it holds is lost.
  Thread* thread = emulation::self;
  thread->warp->ready = 0;
  leave();
  __builtin_trap();
}

void stop_launch(Launch& launch, Fault fault) {
  if (!launch.stopped.exchange(true)) launch.fault = std::move(fault);
}

// MARK: operations of a warp

bool Worker::all_arrived(const Warp& warp, const Thread& thread, uint32_t lanes) const {
  if ((warp.arrived & lanes) != lanes) return false;
  for (uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
    const Thread& other = warp.lanes[__builtin_ctz(rest)];
    if (other.mask != thread.mask || other.operation != thread.operation) return false;
  }
  return true;
}

void Worker::complete(Warp& warp, uint32_t lanes, Operation operation) {
  operation(warp.lanes, lanes);
  warp.arrived &= ~lanes;
}

void Worker::operate(uint32_t mask, const char* name, const void* caller, Operation operation) {
  Thread* thread = emulation::self;
  Warp& warp = *thread->warp;
  const uint32_t bit = 1u << thread->lane;
  thread->waits_at = name;
  thread->caller = caller;
  thread->mask = mask;
  thread->operation = operation;
  ++progress_;
  if (!(mask & bit)) fault("%s: lane %u is not in its own mask 0x%08x", name, thread->lane, mask);
  warp.arrived |= bit;
  const uint32_t lanes = mask & warp.live;
  if (all_arrived(warp, *thread, lanes)) {
    complete(warp, lanes, operation);
    warp.ready |= lanes;
  } else {
    warp.ready &= ~bit;
    leave();
  }
}

// MARK: barriers

void Worker::open_barrier(uint32_t number) {
  Barrier& barrier = barriers_[number];
  ++epoch_;
  for (uint32_t i = 0; i < warp_count_ && barrier.waiting > 0; ++i) {
    Warp& warp = warps_[i];
    for (uint32_t rest = warp.at_barrier[number]; rest != 0; rest &= rest - 1) {
      Thread& thread = warp.lanes[__builtin_ctz(rest)];
      thread.result = barrier.counted;
      thread.block_epoch = epoch_;
    }
    warp.ready |= warp.at_barrier[number];
    warp.at_barrier[number] = 0;
  }
  barrier = Barrier{};
}

static void check_barrier(const Barrier& barrier, uint32_t number, uint32_t threads, uint32_t block) {
  if (number >= most_barriers) fault("barrier %u: there are %u", number, most_barriers);
  if (threads % 32 != 0 || threads > (block + 31) / 32 * 32) {
    fault("barrier %u for %u threads in a block of %u: a multiple of 32, not above the block", number, threads, block);
  }
  if (barrier.arrived > 0 && barrier.expected != threads) {
    fault("barrier %u for %u threads, of which others say that it is for %u", number, threads, barrier.expected);
  }
}

uint32_t Worker::wait(uint32_t number, uint32_t threads, bool predicate, const char* name, const void* caller) {
  Thread* thread = emulation::self;
  check_barrier(barriers_[number % most_barriers], number, threads, thread_count_);
  Barrier& barrier = barriers_[number];
  Warp& warp = *thread->warp;
  const uint32_t bit = 1u << thread->lane;
  thread->waits_at = name;
  thread->caller = caller;
  thread->operation = nullptr;
  thread->barrier = number;
  ++progress_;
  barrier.expected = threads;
  barrier.counted += predicate;
  ++barrier.waiting;
  warp.at_barrier[number] |= bit;
  if (++barrier.arrived == (threads ? threads : live_)) {
    open_barrier(number);
  } else {
    warp.ready &= ~bit;
    leave();
  }
  return static_cast<uint32_t>(thread->result);
}

void Worker::arrive(uint32_t number, uint32_t threads) {
  if (threads == 0) fault("bar.arrive needs the number of threads");
  check_barrier(barriers_[number % most_barriers], number, threads, thread_count_);
  Barrier& barrier = barriers_[number];
  ++progress_;
  barrier.expected = threads;
  if (++barrier.arrived == threads) open_barrier(number);
}

void synchronize_block() { Worker::current->wait(0, 0, false, "__syncthreads", __builtin_return_address(0)); }
int synchronize_block_count(int predicate) {
  return static_cast<int>(
      Worker::current->wait(0, 0, predicate != 0, "__syncthreads_count", __builtin_return_address(0)));
}
void synchronize_named(uint32_t barrier, uint32_t threads) {
  Worker::current->wait(barrier, threads, false, "bar.sync", __builtin_return_address(0));
}
void arrive_named(uint32_t barrier, uint32_t threads) { Worker::current->arrive(barrier, threads); }
void* dynamic_shared() { return Worker::current->dynamic_shared(); }
void spin() { Worker::current->let_others_run(); }

}  // namespace emulation

long long clock64() {
  emulation::spin();
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}
