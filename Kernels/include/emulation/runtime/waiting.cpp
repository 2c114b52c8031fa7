// Says what the threads of a block wait for, and when waiting has become a deadlock.
#include <time.h>

#include <map>

#include "blocks.h"
#include "settings.h"

namespace emulation {

namespace {

double seconds_now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::string hexadecimal(uint32_t x) {
  char text[16];
  snprintf(text, sizeof(text), "0x%08x", x);
  return text;
}

}  // namespace

std::string Worker::describe_waiting() const {
  struct Group {
    uint32_t threads = 0, first = 0;
  };
  std::map<std::string, Group> groups;   // by what they wait at
  uint32_t returned = 0;
  for (uint32_t i = 0; i < thread_count_; ++i) {
    const Thread& thread = threads_[i];
    const Warp& warp = *thread.warp;
    if (!(warp.live >> thread.lane & 1)) {
      ++returned;
      continue;
    }
    std::string place = thread.waits_at ? thread.waits_at : "nothing";
    if (thread.waits_at && !(warp.ready >> thread.lane & 1)) {
      if (thread.operation) {
        uint32_t missing = 0;
        for (uint32_t rest = thread.mask & warp.live; rest != 0; rest &= rest - 1) {
          const Thread& other = warp.lanes[__builtin_ctz(rest)];
          const bool there = (warp.arrived >> other.lane & 1) && other.mask == thread.mask &&
                             other.operation == thread.operation;
          if (!there) missing |= 1u << other.lane;
        }
        place += " (mask " + hexadecimal(thread.mask) + ", lanes " + hexadecimal(missing) + " did not come)";
      } else if (thread.barrier != 0) {
        place += " " + std::to_string(thread.barrier);
      }
      place += " at " + describe_address(thread.caller);
    }
    Group& group = groups[place];
    if (group.threads++ == 0) group.first = i;
  }
  std::string text = "of " + std::to_string(thread_count_) + " threads ";
  for (const auto& [place, group] : groups) {
    text += std::to_string(group.threads) + " (from thread " + std::to_string(group.first) + " on) wait in " + place + ", ";
  }
  return text + std::to_string(returned) + " have returned";
}

/// Called when a whole round over the block's threads did nothing but spin.
void Worker::watch_spinning() {
  if (progress_ != progress_seen_ || spin_count_ == 0) {
    progress_seen_ = progress_;
    spin_count_ = 1;
    spinning_since_ = seconds_now();
    return;
  }
  if (++spin_count_ % 256 != 0) return;
  if (seconds_now() - spinning_since_ > Settings::get().spin_seconds) {
    stop_launch(*launch_, Fault{launch_timeout, where_we_are() + ": no progress: " + describe_waiting()});
  }
}

}  // namespace emulation
