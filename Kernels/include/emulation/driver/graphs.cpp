// Capturing streams to graphs: what a graph holds is what was asked for, to be done again in the same order.
#include <utility>

#include "state.h"

namespace emulation {

namespace {

std::atomic<uint64_t> captures_begun{0};

/// Takes all streams out of a capture that has ended.
void leave_capture(Capture& capture) {
  for (const auto& [stream, end] : capture.ends) {
    if (CUstream_st* found = find_stream(stream)) found->capture = nullptr;
  }
}

/// Whether the origin has waited for the last that each stream was given.
bool is_joined(const Capture& capture) {
  for (const auto& [stream, end] : capture.ends) {
    if (stream == capture.origin) continue;
    const auto joined = capture.joined.find(stream);
    if (joined == capture.joined.end() || joined->second < end) return false;
  }
  return true;
}

}  // namespace

}  // namespace emulation

using namespace emulation;

extern "C" {

CUresult cuStreamBeginCapture(CUstream stream, CUstreamCaptureMode mode) {
  EMULATION_TRY(check_context());
  CUstream_st* found = find_stream(stream);
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  if (mode < CU_STREAM_CAPTURE_MODE_GLOBAL || mode > CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
  if (found == &Driver::shared().legacy_stream) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  if (found->capture) return CUDA_ERROR_ILLEGAL_STATE;
  auto capture = std::make_shared<Capture>();
  capture->origin = found;
  capture->mode = mode;
  capture->id = ++captures_begun;
  capture->ends[found] = 0;
  found->capture = capture;
  if (mode == CU_STREAM_CAPTURE_MODE_GLOBAL) {
    const std::lock_guard<std::mutex> lock(Driver::shared().captures_mutex);
    Driver::shared().global_captures.insert(capture.get());
  }
  return CUDA_SUCCESS;
}

CUresult cuStreamEndCapture(CUstream stream, CUgraph* graph) {
  EMULATION_TRY(check_context());
  CUstream_st* found = find_stream(stream);
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  if (!graph) return CUDA_ERROR_INVALID_VALUE;
  *graph = nullptr;
  const std::shared_ptr<Capture> capture = found->capture;
  if (!capture) return CUDA_ERROR_ILLEGAL_STATE;
  if (capture->origin != found) return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  {
    const std::lock_guard<std::mutex> lock(Driver::shared().captures_mutex);
    Driver::shared().global_captures.erase(capture.get());
  }
  leave_capture(*capture);
  if (capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (!is_joined(*capture)) return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
  auto made = std::make_unique<CUgraph_st>();
  made->work = std::move(capture->work);
  *graph = Driver::shared().graphs.add(std::move(made));
  return CUDA_SUCCESS;
}

CUresult cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus* status) {
  EMULATION_TRY(check_context());
  CUstream_st* found = find_stream(stream);
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  if (!status) return CUDA_ERROR_INVALID_VALUE;
  *status = !found->capture          ? CU_STREAM_CAPTURE_STATUS_NONE
            : found->capture->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                      : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  return CUDA_SUCCESS;
}

/// A relaxed thread may allocate while other threads capture.
CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  if (!mode || *mode < CU_STREAM_CAPTURE_MODE_GLOBAL || *mode > CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
  std::swap(*mode, capture_mode_of_thread());
  return CUDA_SUCCESS;
}

CUresult cuGraphCreate(CUgraph* graph, unsigned flags) {
  EMULATION_TRY(check_context());
  if (!graph || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  *graph = Driver::shared().graphs.add(std::make_unique<CUgraph_st>());
  return CUDA_SUCCESS;
}

CUresult cuGraphDestroy(CUgraph graph) {
  EMULATION_TRY(check_initialized());
  return Driver::shared().graphs.remove(graph) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/// Counts the nodes; they have no handles.
CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode* nodes, size_t* count) {
  EMULATION_TRY(check_context());
  if (!count || !Driver::shared().graphs.contains(graph)) return CUDA_ERROR_INVALID_VALUE;
  if (nodes) return CUDA_ERROR_NOT_SUPPORTED;
  *count = graph->work.size();
  return CUDA_SUCCESS;
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec* executable, CUgraph graph, unsigned long long) {
  EMULATION_TRY(check_context());
  if (!executable || !Driver::shared().graphs.contains(graph)) return CUDA_ERROR_INVALID_VALUE;
  auto made = std::make_unique<CUgraphExec_st>();
  made->work = graph->work;
  *executable = Driver::shared().executables.add(std::move(made));
  return CUDA_SUCCESS;
}

CUresult cuGraphUpload(CUgraphExec executable, CUstream stream) {
  EMULATION_TRY(check_context());
  if (!Driver::shared().executables.contains(executable)) return CUDA_ERROR_INVALID_VALUE;
  return find_stream(stream) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuGraphLaunch(CUgraphExec executable, CUstream stream) {
  EMULATION_TRY(check_context());
  if (!Driver::shared().executables.contains(executable)) return CUDA_ERROR_INVALID_VALUE;
  return submit(stream, [work = executable->work]() -> CUresult {
    for (const Work& piece : work) EMULATION_TRY(piece());
    return CUDA_SUCCESS;
  });
}

CUresult cuGraphExecDestroy(CUgraphExec executable) {
  EMULATION_TRY(check_initialized());
  return Driver::shared().executables.remove(executable) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // extern "C"
