// cuInit, the device, and contexts.
#include <cstring>

#include "../runtime/blocks.h"
#include "../runtime/settings.h"
#include "memory.h"
#include "state.h"

namespace emulation {

namespace {

thread_local std::vector<CUcontext> context_stack;

CUresult check_device(CUdevice device) { return device == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE; }

bool is_context(CUcontext context) {
  Driver& driver = Driver::shared();
  return context == &driver.primary ? driver.primary.references > 0 : driver.contexts.contains(context);
}

}  // namespace

Driver& Driver::shared() {
  static Driver* driver = new Driver;
  return *driver;
}

CUcontext current_context() { return context_stack.empty() ? nullptr : context_stack.back(); }

void set_current_context(CUcontext context) {
  if (!context_stack.empty()) context_stack.pop_back();
  if (context) context_stack.push_back(context);
}

CUresult check_initialized() {
  return Driver::shared().initialized ? CUDA_SUCCESS : CUDA_ERROR_NOT_INITIALIZED;
}

CUresult check_context() {
  EMULATION_TRY(check_initialized());
  const CUcontext context = current_context();
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  return is_context(context) ? CUDA_SUCCESS : CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

}  // namespace emulation

using namespace emulation;

extern "C" {

CUresult cuInit(unsigned flags) {
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  Driver::shared().initialized = true;
  return CUDA_SUCCESS;
}

CUresult cuDriverGetVersion(int* version) {
  if (!version) return CUDA_ERROR_INVALID_VALUE;
  *version = CUDA_VERSION;
  return CUDA_SUCCESS;
}

// MARK: the device

CUresult cuDeviceGetCount(int* count) {
  EMULATION_TRY(check_initialized());
  if (!count) return CUDA_ERROR_INVALID_VALUE;
  *count = 1;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  EMULATION_TRY(check_initialized());
  if (!device) return CUDA_ERROR_INVALID_VALUE;
  if (ordinal != 0) return CUDA_ERROR_INVALID_DEVICE;
  *device = 0;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char* name, int bytes, CUdevice device) {
  EMULATION_TRY(check_initialized());
  if (!name || bytes <= 0) return CUDA_ERROR_INVALID_VALUE;
  EMULATION_TRY(check_device(device));
  snprintf(name, static_cast<size_t>(bytes), "Swiftlet emulation of a GPU");
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  EMULATION_TRY(check_initialized());
  if (!uuid) return CUDA_ERROR_INVALID_VALUE;
  EMULATION_TRY(check_device(device));
  memcpy(uuid->bytes, "swiftlet-emulate", 16);
  return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem(size_t* bytes, CUdevice device) {
  EMULATION_TRY(check_initialized());
  if (!bytes) return CUDA_ERROR_INVALID_VALUE;
  EMULATION_TRY(check_device(device));
  *bytes = Settings::get().memory_bytes;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) {
  EMULATION_TRY(check_initialized());
  if (!value) return CUDA_ERROR_INVALID_VALUE;
  EMULATION_TRY(check_device(device));
  const Settings& settings = Settings::get();
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = most_threads; break;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X: *value = 1024; break;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y: *value = 1024; break;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z: *value = 64; break;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X: *value = 0x7fffffff; break;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y: *value = 65535; break;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z: *value = 65535; break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK: *value = 48 << 10; break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: *value = most_shared_bytes; break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR: *value = most_shared_bytes + 1024; break;
    case CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK: *value = 1024; break;
    case CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY: *value = 64 << 10; break;
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE: *value = 32; break;
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK: *value = 65536; break;
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR: *value = 65536; break;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = static_cast<int>(settings.multiprocessors); break;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR: *value = 2048; break;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR: *value = 32; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = static_cast<int>(settings.capability / 10); break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = static_cast<int>(settings.capability % 10); break;
    case CU_DEVICE_ATTRIBUTE_CLOCK_RATE: *value = 1000000; break;
    case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE: *value = 1000000; break;
    case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH: *value = 64; break;
    case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE: *value = 1 << 20; break;
    case CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT: *value = 512; break;
    case CU_DEVICE_ATTRIBUTE_INTEGRATED: *value = 1; break;
    case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY:
    case CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS:
    case CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_GLOBAL_L1_CACHE_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_LOCAL_L1_CACHE_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING: *value = 1; break;
    default: *value = 0; break;
  }
  return attribute > 0 && attribute < CU_DEVICE_ATTRIBUTE_MAX ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// MARK: contexts

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  EMULATION_TRY(check_initialized());
  if (!context) return CUDA_ERROR_INVALID_VALUE;
  EMULATION_TRY(check_device(device));
  Driver& driver = Driver::shared();
  ++driver.primary.references;
  *context = &driver.primary;
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
  EMULATION_TRY(check_initialized());
  EMULATION_TRY(check_device(device));
  Driver& driver = Driver::shared();
  int references = driver.primary.references;
  do {
    if (references == 0) return CUDA_ERROR_INVALID_CONTEXT;
  } while (!driver.primary.references.compare_exchange_weak(references, references - 1));
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxSetFlags(CUdevice device, unsigned flags) {
  EMULATION_TRY(check_initialized());
  EMULATION_TRY(check_device(device));
  Driver::shared().primary.flags = flags;
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* active) {
  EMULATION_TRY(check_initialized());
  if (!flags || !active) return CUDA_ERROR_INVALID_VALUE;
  EMULATION_TRY(check_device(device));
  *flags = Driver::shared().primary.flags;
  *active = Driver::shared().primary.references > 0;
  return CUDA_SUCCESS;
}

/// The name that older programs ask for; what cuda.h calls cuCtxCreate takes parameters that the emulation has no use for.
EMULATION_PUBLIC CUresult cuCtxCreate_v2(CUcontext* context, unsigned flags, CUdevice device) {
  EMULATION_TRY(check_initialized());
  if (!context) return CUDA_ERROR_INVALID_VALUE;
  EMULATION_TRY(check_device(device));
  auto made = std::make_unique<CUctx_st>();
  made->flags = flags;
  *context = Driver::shared().contexts.add(std::move(made));
  context_stack.push_back(*context);
  return CUDA_SUCCESS;
}
CUresult cuCtxCreate_v4(CUcontext* context, CUctxCreateParams*, unsigned flags, CUdevice device) {
  return cuCtxCreate_v2(context, flags, device);
}

CUresult cuCtxDestroy(CUcontext context) {
  EMULATION_TRY(check_initialized());
  if (context == &Driver::shared().primary || !Driver::shared().contexts.remove(context)) return CUDA_ERROR_INVALID_CONTEXT;
  if (current_context() == context) set_current_context(nullptr);
  return CUDA_SUCCESS;
}

CUresult cuCtxSetCurrent(CUcontext context) {
  EMULATION_TRY(check_initialized());
  if (context && !is_context(context)) return CUDA_ERROR_INVALID_CONTEXT;
  set_current_context(context);
  return CUDA_SUCCESS;
}
CUresult cuCtxGetCurrent(CUcontext* context) {
  EMULATION_TRY(check_initialized());
  if (!context) return CUDA_ERROR_INVALID_VALUE;
  *context = current_context();
  return CUDA_SUCCESS;
}
CUresult cuCtxPushCurrent(CUcontext context) {
  EMULATION_TRY(check_initialized());
  if (!is_context(context)) return CUDA_ERROR_INVALID_CONTEXT;
  context_stack.push_back(context);
  return CUDA_SUCCESS;
}
CUresult cuCtxPopCurrent(CUcontext* context) {
  EMULATION_TRY(check_initialized());
  if (context_stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
  if (context) *context = context_stack.back();
  context_stack.pop_back();
  return CUDA_SUCCESS;
}
CUresult cuCtxGetDevice(CUdevice* device) {
  EMULATION_TRY(check_context());
  if (!device) return CUDA_ERROR_INVALID_VALUE;
  *device = 0;
  return CUDA_SUCCESS;
}
CUresult cuCtxSynchronize(void) {
  EMULATION_TRY(check_context());
  return check_not_capturing();
}
CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  EMULATION_TRY(check_context());
  if (least) *least = 0;
  if (greatest) *greatest = -5;
  return CUDA_SUCCESS;
}
CUresult cuCtxSetLimit(CUlimit, size_t) { return check_context(); }

}  // extern "C"
