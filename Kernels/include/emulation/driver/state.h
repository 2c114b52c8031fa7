// What the stand-in for the driver library knows: the device's context, and the handles that it gave out.
#pragma once

#pragma GCC visibility push(default)
#include <cuda.h>
#pragma GCC visibility pop

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "../parts/entries.h"

struct CUctx_st {
  std::atomic<int> references{0};
  unsigned flags = 0;
};

/// A kernel of a module.
struct CUfunc_st {
  const emulation::Entry* entry;
  CUmodule module;
  std::atomic<int> most_dynamic_shared{48 << 10};   // what it may ask for
  std::atomic<int> carveout{-1};
};

struct CUmod_st {
  void* library = nullptr;      // of dlopen
  uintptr_t base = 0;           // where the image begins in memory
  int file = -1;                // of the image in memory
  std::map<std::string, std::unique_ptr<CUfunc_st>> functions;
};

namespace emulation {

/// Something that a stream does, or a graph holds.
using Work = std::function<CUresult()>;

/// What is captured of one or several streams, in the order in which it was asked for, which is an order that their
/// dependencies allow.
struct Capture {
  std::vector<Work> work;
  CUstream origin = nullptr;
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  bool invalid = false;
  uint64_t id = 0;
  std::map<CUstream, size_t> ends;   // streams that joined, and how many pieces of work there were at their last
  std::map<CUstream, size_t> joined; // … of which the origin has waited for
};

}  // namespace emulation

struct CUstream_st {
  unsigned flags = 0;
  int priority = 0;
  std::shared_ptr<emulation::Capture> capture;   // while it captures
};

struct CUevent_st {
  unsigned flags = 0;
  bool recorded = false;
  double milliseconds = 0;
  std::shared_ptr<emulation::Capture> capture;   // of the stream in which it was recorded
  CUstream stream = nullptr;
  size_t position = 0;
};

struct CUgraph_st {
  std::vector<emulation::Work> work;
};
struct CUgraphExec_st {
  std::vector<emulation::Work> work;
};

namespace emulation {

/// Handles of one kind that are alive. A handle that is not among them is refused, and not followed.
template <typename T>
class Handles {
 public:
  T* add(std::unique_ptr<T> value) {
    const std::lock_guard<std::mutex> lock(mutex_);
    T* handle = value.get();
    alive_[handle] = std::move(value);
    return handle;
  }
  bool contains(T* handle) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return alive_.count(handle) > 0;
  }
  /// Takes it out; null when it is not there.
  std::unique_ptr<T> remove(T* handle) {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto found = alive_.find(handle);
    if (found == alive_.end()) return nullptr;
    std::unique_ptr<T> value = std::move(found->second);
    alive_.erase(found);
    return value;
  }

 private:
  std::mutex mutex_;
  std::map<T*, std::unique_ptr<T>> alive_;
};

/// The one device, and all that lives on it. Never destroyed.
struct Driver {
  std::atomic<bool> initialized{false};
  CUctx_st primary;
  Handles<CUctx_st> contexts;
  Handles<CUmod_st> modules;
  Handles<CUstream_st> streams;
  Handles<CUevent_st> events;
  Handles<CUgraph_st> graphs;
  Handles<CUgraphExec_st> executables;
  CUstream_st legacy_stream, per_thread_stream;

  std::mutex functions_mutex;
  std::set<CUfunction> functions;
  std::mutex captures_mutex;
  std::set<Capture*> global_captures;   // those that forbid calls that are unsafe, whichever thread makes them

  static Driver& shared();
};

/// The context of the calling thread; null when there is none.
CUcontext current_context();
void set_current_context(CUcontext context);

/// CUDA_SUCCESS when cuInit was called.
CUresult check_initialized();
/// … and a context is current.
CUresult check_context();
/// … and no stream captures in a mode that forbids what allocates or waits; such captures are spoiled by it.
CUresult check_not_capturing();
bool is_capturing_globally();
/// What the calling thread takes upon itself while streams capture.
CUstreamCaptureMode& capture_mode_of_thread();

/// The stream of a handle, with 0, CU_STREAM_LEGACY and CU_STREAM_PER_THREAD; null for what is no stream.
CUstream_st* find_stream(CUstream handle);
/// Does the work now, or keeps it when the stream captures.
CUresult submit(CUstream stream, Work work);

CUfunction find_function(CUfunction function);

/// Whether `bytes` from `address` on lie within one allocation that is alive.
bool is_device_range(CUdeviceptr address, size_t bytes);

}  // namespace emulation

#define EMULATION_TRY(expression)                          \
  do {                                                     \
    const CUresult result_ = (expression);                 \
    if (result_ != CUDA_SUCCESS) return result_;           \
  } while (0)
