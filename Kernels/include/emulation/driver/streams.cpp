// Streams and events. What a stream is given is done at once, so that all is ready when a call returns.
#include <time.h>

#include "state.h"

namespace emulation {

CUstream_st* find_stream(CUstream handle) {
  Driver& driver = Driver::shared();
  if (handle == nullptr || handle == CU_STREAM_LEGACY) return &driver.legacy_stream;
  if (handle == CU_STREAM_PER_THREAD) return &driver.per_thread_stream;
  return driver.streams.contains(handle) ? handle : nullptr;
}

CUstreamCaptureMode& capture_mode_of_thread() {
  static thread_local CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  return mode;
}

bool is_capturing_globally() {
  Driver& driver = Driver::shared();
  const std::lock_guard<std::mutex> lock(driver.captures_mutex);
  return !driver.global_captures.empty();
}

CUresult check_not_capturing() {
  if (capture_mode_of_thread() == CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_SUCCESS;
  Driver& driver = Driver::shared();
  const std::lock_guard<std::mutex> lock(driver.captures_mutex);
  if (driver.global_captures.empty()) return CUDA_SUCCESS;
  for (Capture* capture : driver.global_captures) capture->invalid = true;
  return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult submit(CUstream handle, Work work) {
  CUstream_st* stream = find_stream(handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (!stream->capture) {
    // The legacy stream would wait for the streams that capture.
    if (stream == &Driver::shared().legacy_stream && is_capturing_globally()) {
      return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
    }
    return work();
  }
  Capture& capture = *stream->capture;
  if (capture.invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  capture.work.push_back(std::move(work));
  capture.ends[stream] = capture.work.size();
  return CUDA_SUCCESS;
}

namespace {

double milliseconds_now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

CUresult make_stream(CUstream* stream, unsigned flags, int priority) {
  EMULATION_TRY(check_context());
  if (!stream || (flags & ~static_cast<unsigned>(CU_STREAM_NON_BLOCKING)) != 0) return CUDA_ERROR_INVALID_VALUE;
  auto made = std::make_unique<CUstream_st>();
  made->flags = flags;
  made->priority = priority < -5 ? -5 : priority > 0 ? 0 : priority;
  *stream = Driver::shared().streams.add(std::move(made));
  return CUDA_SUCCESS;
}

/// What asks a capturing stream for its state spoils the capture.
CUresult check_may_wait(CUstream_st* stream) {
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (!stream->capture) return CUDA_SUCCESS;
  stream->capture->invalid = true;
  return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

}  // namespace

}  // namespace emulation

using namespace emulation;

extern "C" {

CUresult cuStreamCreate(CUstream* stream, unsigned flags) { return make_stream(stream, flags, 0); }
CUresult cuStreamCreateWithPriority(CUstream* stream, unsigned flags, int priority) {
  return make_stream(stream, flags, priority);
}

CUresult cuStreamDestroy(CUstream stream) {
  EMULATION_TRY(check_context());
  const std::unique_ptr<CUstream_st> removed = Driver::shared().streams.remove(stream);
  if (!removed) return CUDA_ERROR_INVALID_HANDLE;
  if (removed->capture) {
    removed->capture->invalid = true;
    if (removed->capture->origin == stream) {
      const std::lock_guard<std::mutex> lock(Driver::shared().captures_mutex);
      Driver::shared().global_captures.erase(removed->capture.get());
    }
  }
  return CUDA_SUCCESS;
}

CUresult cuStreamSynchronize(CUstream stream) {
  EMULATION_TRY(check_context());
  return check_may_wait(find_stream(stream));
}
CUresult cuStreamQuery(CUstream stream) {
  EMULATION_TRY(check_context());
  return check_may_wait(find_stream(stream));
}
CUresult cuStreamGetFlags(CUstream stream, unsigned* flags) {
  EMULATION_TRY(check_context());
  CUstream_st* found = find_stream(stream);
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  if (!flags) return CUDA_ERROR_INVALID_VALUE;
  *flags = found->flags;
  return CUDA_SUCCESS;
}
CUresult cuStreamGetPriority(CUstream stream, int* priority) {
  EMULATION_TRY(check_context());
  CUstream_st* found = find_stream(stream);
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  if (!priority) return CUDA_ERROR_INVALID_VALUE;
  *priority = found->priority;
  return CUDA_SUCCESS;
}

CUresult cuLaunchHostFunc(CUstream stream, CUhostFn function, void* data) {
  EMULATION_TRY(check_context());
  if (!function) return CUDA_ERROR_INVALID_VALUE;
  return submit(stream, [=]() -> CUresult {
    function(data);
    return CUDA_SUCCESS;
  });
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
  EMULATION_TRY(check_context());
  CUstream_st* found = find_stream(stream);
  if (!found || !Driver::shared().events.contains(event)) return CUDA_ERROR_INVALID_HANDLE;
  const std::shared_ptr<Capture>& capture = event->capture;
  if (!capture) {
    // A capture must not depend on what is outside of it.
    if (found->capture && event->recorded) return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
    return CUDA_SUCCESS;
  }
  if (found->capture && found->capture != capture) return CUDA_ERROR_STREAM_CAPTURE_MERGE;
  if (!found->capture) {
    found->capture = capture;   // joins
    capture->ends[found] = capture->work.size();
  } else {
    size_t& joined = capture->joined[event->stream];
    if (event->position > joined) joined = event->position;
  }
  return CUDA_SUCCESS;
}

// MARK: events

CUresult cuEventCreate(CUevent* event, unsigned flags) {
  EMULATION_TRY(check_context());
  if (!event || flags > 7) return CUDA_ERROR_INVALID_VALUE;
  auto made = std::make_unique<CUevent_st>();
  made->flags = flags;
  *event = Driver::shared().events.add(std::move(made));
  return CUDA_SUCCESS;
}

CUresult cuEventDestroy(CUevent event) {
  EMULATION_TRY(check_context());
  return Driver::shared().events.remove(event) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuEventRecord(CUevent event, CUstream stream) {
  EMULATION_TRY(check_context());
  CUstream_st* found = find_stream(stream);
  if (!found || !Driver::shared().events.contains(event)) return CUDA_ERROR_INVALID_HANDLE;
  event->capture = found->capture;
  event->stream = found;
  if (found->capture) {
    event->position = found->capture->work.size();
  } else {
    event->recorded = true;
    event->milliseconds = milliseconds_now();
  }
  return CUDA_SUCCESS;
}

CUresult cuEventQuery(CUevent event) {
  EMULATION_TRY(check_context());
  if (!Driver::shared().events.contains(event)) return CUDA_ERROR_INVALID_HANDLE;
  if (!event->capture) return CUDA_SUCCESS;
  event->capture->invalid = true;
  return CUDA_ERROR_CAPTURED_EVENT;
}
CUresult cuEventSynchronize(CUevent event) { return cuEventQuery(event); }

CUresult cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end) {
  EMULATION_TRY(check_context());
  if (!milliseconds) return CUDA_ERROR_INVALID_VALUE;
  Driver& driver = Driver::shared();
  if (!driver.events.contains(start) || !driver.events.contains(end)) return CUDA_ERROR_INVALID_HANDLE;
  if (((start->flags | end->flags) & CU_EVENT_DISABLE_TIMING) || !start->recorded || !end->recorded) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  *milliseconds = static_cast<float>(end->milliseconds - start->milliseconds);
  return CUDA_SUCCESS;
}
#undef cuEventElapsedTime
EMULATION_PUBLIC CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
  return cuEventElapsedTime_v2(milliseconds, start, end);
}

}  // extern "C"
