// Launches of kernels: the checks of a driver, then the grid.
#include <cstring>

#include "../runtime/blocks.h"
#include "../runtime/faults.h"
#include "../runtime/settings.h"
#include "state.h"

namespace emulation {

namespace {

/// A launch with its own copy of the parameters, which may be done again.
struct KernelWork {
  CUfunction function;
  dim3 grid, block;
  size_t shared;
  std::vector<std::vector<unsigned char>> parameters;

  CUresult operator()() const {
    if (!find_function(function)) return CUDA_ERROR_INVALID_HANDLE;   // its module is gone
    std::vector<void*> addresses;
    std::vector<std::vector<unsigned char>> copies;
    for (const auto& parameter : parameters) {
      copies.emplace_back(parameter.size() + 127);
      unsigned char* aligned = copies.back().data();
      aligned += (128 - reinterpret_cast<uintptr_t>(aligned) % 128) % 128;
      memcpy(aligned, parameter.data(), parameter.size());
      addresses.push_back(aligned);
    }
    Launch launch;
    launch.entry = function->entry;
    launch.parameters = addresses.data();
    launch.grid = grid;
    launch.block = block;
    launch.dynamic_shared = shared;
    launch.module_base = function->module->base;
    const Fault fault = run_grid(launch, Settings::get().workers);
    if (fault.code != 0) report_fault(fault);
    return static_cast<CUresult>(fault.code);
  }
};

/// Parameters by address, or one after the other in a buffer that `extra` names.
CUresult copy_parameters(const Entry& entry, void** parameters, void** extra,
                         std::vector<std::vector<unsigned char>>& copies) {
  if (parameters && extra) return CUDA_ERROR_INVALID_VALUE;
  const unsigned char* buffer = nullptr;
  size_t buffer_bytes = 0;
  for (void** item = extra; item && item[0] != CU_LAUNCH_PARAM_END; item += 2) {
    if (item[0] == CU_LAUNCH_PARAM_BUFFER_POINTER) buffer = static_cast<const unsigned char*>(item[1]);
    else if (item[0] == CU_LAUNCH_PARAM_BUFFER_SIZE) buffer_bytes = *static_cast<const size_t*>(item[1]);
    else return CUDA_ERROR_INVALID_VALUE;
  }
  size_t end = 0;
  for (uint32_t i = 0; i < entry.parameter_count; ++i) {
    const size_t bytes = entry.parameter_sizes[i], alignment = entry.parameter_alignments[i];
    const size_t offset = (end + alignment - 1) / alignment * alignment;
    end = offset + bytes;
    const void* from = parameters ? parameters[i] : buffer && end <= buffer_bytes ? buffer + offset : nullptr;
    if (!from) return CUDA_ERROR_INVALID_VALUE;
    const auto* first = static_cast<const unsigned char*>(from);
    copies.emplace_back(first, first + bytes);
  }
  return CUDA_SUCCESS;
}

CUresult launch(CUfunction function, dim3 grid, dim3 block, unsigned shared, CUstream stream, void** parameters,
                void** extra) {
  if (!find_function(function)) return CUDA_ERROR_INVALID_HANDLE;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || block.x == 0 || block.y == 0 || block.z == 0) return CUDA_ERROR_INVALID_VALUE;
  if (grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535) return CUDA_ERROR_INVALID_VALUE;
  if (block.x > 1024 || block.y > 1024 || block.z > 64) return CUDA_ERROR_INVALID_VALUE;
  if (block.x * block.y * block.z > most_threads) return CUDA_ERROR_INVALID_VALUE;
  if (shared > static_cast<unsigned>(function->most_dynamic_shared.load())) return CUDA_ERROR_INVALID_VALUE;
  KernelWork work{function, grid, block, shared, {}};
  EMULATION_TRY(copy_parameters(*function->entry, parameters, extra, work.parameters));
  return submit(stream, std::move(work));
}

}  // namespace

}  // namespace emulation

using namespace emulation;

extern "C" {

CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                        unsigned block_y, unsigned block_z, unsigned shared, CUstream stream, void** parameters,
                        void** extra) {
  EMULATION_TRY(check_context());
  return launch(function, dim3(grid_x, grid_y, grid_z), dim3(block_x, block_y, block_z), shared, stream, parameters, extra);
}

CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction function, void** parameters, void** extra) {
  EMULATION_TRY(check_context());
  if (!config || (config->numAttrs > 0 && !config->attrs)) return CUDA_ERROR_INVALID_VALUE;
  for (unsigned i = 0; i < config->numAttrs; ++i) {
    const CUlaunchAttribute& attribute = config->attrs[i];
    if (attribute.id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) {
      const auto& cluster = attribute.value.clusterDim;
      if (cluster.x == 0 || cluster.y == 0 || cluster.z == 0) return CUDA_ERROR_INVALID_VALUE;
      if (config->gridDimX % cluster.x || config->gridDimY % cluster.y || config->gridDimZ % cluster.z) {
        return CUDA_ERROR_INVALID_VALUE;
      }
      const uint64_t blocks = static_cast<uint64_t>(cluster.x) * cluster.y * cluster.z;
      if (blocks > 8) return CUDA_ERROR_INVALID_CLUSTER_SIZE;
      if (blocks > 1) return CUDA_ERROR_NOT_SUPPORTED;   // the blocks of a cluster are not emulated as one
    } else if (attribute.id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE && attribute.value.cooperative != 0) {
      return CUDA_ERROR_NOT_SUPPORTED;                   // nor is a grid that waits for itself
    }
  }
  return launch(function, dim3(config->gridDimX, config->gridDimY, config->gridDimZ),
                dim3(config->blockDimX, config->blockDimY, config->blockDimZ), config->sharedMemBytes, config->hStream,
                parameters, extra);
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction function, int threads, size_t shared) {
  EMULATION_TRY(check_context());
  if (!blocks || threads <= 0) return CUDA_ERROR_INVALID_VALUE;
  if (!find_function(function)) return CUDA_ERROR_INVALID_HANDLE;
  const size_t of_threads = threads > static_cast<int>(most_threads) ? 0 : 2048 / ((static_cast<size_t>(threads) + 31) / 32 * 32);
  const size_t of_shared = (most_shared_bytes + 1024) / (shared + 1024);
  const size_t most = of_threads < of_shared ? of_threads : of_shared;
  *blocks = static_cast<int>(most < 32 ? most : 32);
  return CUDA_SUCCESS;
}

}  // extern "C"
