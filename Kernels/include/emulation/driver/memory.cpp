#include "memory.h"

#include <cstdlib>
#include <cstring>

#include "../runtime/settings.h"

namespace emulation {

Memory& Memory::shared() {
  static Memory* memory = new Memory;
  return *memory;
}

CUresult Memory::allocate(size_t bytes, CUdeviceptr& address) {
  if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  const std::lock_guard<std::mutex> lock(mutex_);
  const size_t most = Settings::get().memory_bytes;
  if (bytes > most || used_ > most - bytes) return CUDA_ERROR_OUT_OF_MEMORY;
  void* memory = nullptr;
  if (posix_memalign(&memory, 256, bytes) != 0) return CUDA_ERROR_OUT_OF_MEMORY;
  // What nobody wrote is not a number, except in what is so large that touching it would cost.
  if (bytes <= size_t{64} << 20) memset(memory, 0xff, bytes);
  address = reinterpret_cast<CUdeviceptr>(memory);
  allocations_[address] = bytes;
  used_ += bytes;
  return CUDA_SUCCESS;
}

CUresult Memory::release(CUdeviceptr address) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = allocations_.find(address);
  if (found == allocations_.end()) return CUDA_ERROR_INVALID_VALUE;
  used_ -= found->second;
  allocations_.erase(found);
  free(reinterpret_cast<void*>(address));
  return CUDA_SUCCESS;
}

bool Memory::find(CUdeviceptr address, CUdeviceptr& begin, size_t& bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto next = allocations_.upper_bound(address);
  if (next == allocations_.begin()) return false;
  --next;
  if (address - next->first >= next->second) return false;
  begin = next->first;
  bytes = next->second;
  return true;
}

size_t Memory::free_bytes() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return Settings::get().memory_bytes - used_;
}

bool is_device_range(CUdeviceptr address, size_t bytes) {
  CUdeviceptr begin = 0;
  size_t size = 0;
  return Memory::shared().find(address, begin, size) && bytes <= size - (address - begin);
}

namespace {

void* host(CUdeviceptr address) { return reinterpret_cast<void*>(address); }

/// Checks the device's addresses of a copy when it is asked for and when it is done: the memory may be freed in between.
CUresult copy(CUstream stream, bool asynchronous, void* to, const void* from, size_t bytes, CUdeviceptr device_to,
              CUdeviceptr device_from) {
  EMULATION_TRY(check_context());
  if (bytes == 0) return CUDA_SUCCESS;
  if (!to || !from) return CUDA_ERROR_INVALID_VALUE;
  const Work work = [=]() -> CUresult {
    if (device_to && !is_device_range(device_to, bytes)) return CUDA_ERROR_INVALID_VALUE;
    if (device_from && !is_device_range(device_from, bytes)) return CUDA_ERROR_INVALID_VALUE;
    memmove(to, from, bytes);
    return CUDA_SUCCESS;
  };
  if (device_to && !is_device_range(device_to, bytes)) return CUDA_ERROR_INVALID_VALUE;
  if (device_from && !is_device_range(device_from, bytes)) return CUDA_ERROR_INVALID_VALUE;
  if (asynchronous) return submit(stream, work);
  EMULATION_TRY(check_not_capturing());
  return work();
}

template <typename T>
CUresult set(CUstream stream, bool asynchronous, CUdeviceptr to, T value, size_t count) {
  EMULATION_TRY(check_context());
  if (count == 0) return CUDA_SUCCESS;
  if (to % sizeof(T) != 0 || count > SIZE_MAX / sizeof(T)) return CUDA_ERROR_INVALID_VALUE;
  const Work work = [=]() -> CUresult {
    if (!is_device_range(to, count * sizeof(T))) return CUDA_ERROR_INVALID_VALUE;
    T* elements = static_cast<T*>(host(to));
    for (size_t i = 0; i < count; ++i) elements[i] = value;
    return CUDA_SUCCESS;
  };
  if (!is_device_range(to, count * sizeof(T))) return CUDA_ERROR_INVALID_VALUE;
  if (asynchronous) return submit(stream, work);
  EMULATION_TRY(check_not_capturing());
  return work();
}

}  // namespace

}  // namespace emulation

using namespace emulation;

extern "C" {

// MARK: allocation

CUresult cuMemGetInfo(size_t* free, size_t* total) {
  EMULATION_TRY(check_context());
  if (free) *free = Memory::shared().free_bytes();
  if (total) *total = Settings::get().memory_bytes;
  return CUDA_SUCCESS;
}

CUresult cuMemAlloc(CUdeviceptr* address, size_t bytes) {
  EMULATION_TRY(check_context());
  if (!address) return CUDA_ERROR_INVALID_VALUE;
  EMULATION_TRY(check_not_capturing());
  return Memory::shared().allocate(bytes, *address);
}

CUresult cuMemFree(CUdeviceptr address) {
  EMULATION_TRY(check_context());
  if (address == 0) return CUDA_SUCCESS;
  EMULATION_TRY(check_not_capturing());
  return Memory::shared().release(address);
}

CUresult cuMemAllocAsync(CUdeviceptr* address, size_t bytes, CUstream stream) {
  EMULATION_TRY(check_context());
  if (!address) return CUDA_ERROR_INVALID_VALUE;
  CUstream_st* found = find_stream(stream);
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  // A graph would have to own it; the emulation's graphs do not.
  if (found->capture) return CUDA_ERROR_NOT_SUPPORTED;
  return Memory::shared().allocate(bytes, *address);
}

CUresult cuMemFreeAsync(CUdeviceptr address, CUstream stream) {
  EMULATION_TRY(check_context());
  CUstream_st* found = find_stream(stream);
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  if (found->capture) return CUDA_ERROR_NOT_SUPPORTED;
  if (address == 0) return CUDA_ERROR_INVALID_VALUE;
  return Memory::shared().release(address);
}

// MARK: pools, of which there is one, and it keeps nothing

CUresult cuDeviceGetDefaultMemPool(CUmemoryPool* pool, CUdevice device) {
  EMULATION_TRY(check_initialized());
  if (!pool) return CUDA_ERROR_INVALID_VALUE;
  if (device != 0) return CUDA_ERROR_INVALID_DEVICE;
  *pool = reinterpret_cast<CUmemoryPool>(&Memory::shared());
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetMemPool(CUmemoryPool* pool, CUdevice device) { return cuDeviceGetDefaultMemPool(pool, device); }
CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t) {
  EMULATION_TRY(check_initialized());
  return pool == reinterpret_cast<CUmemoryPool>(&Memory::shared()) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
CUresult cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute attribute, void* value) {
  EMULATION_TRY(check_initialized());
  if (pool != reinterpret_cast<CUmemoryPool>(&Memory::shared()) || !value) return CUDA_ERROR_INVALID_VALUE;
  return attribute >= CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES && attribute <= CU_MEMPOOL_ATTR_USED_MEM_HIGH
             ? CUDA_SUCCESS
             : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemGetAddressRange(CUdeviceptr* base, size_t* bytes, CUdeviceptr address) {
  EMULATION_TRY(check_context());
  CUdeviceptr begin = 0;
  size_t size = 0;
  if (!Memory::shared().find(address, begin, size)) return CUDA_ERROR_NOT_FOUND;
  if (base) *base = begin;
  if (bytes) *bytes = size;
  return CUDA_SUCCESS;
}

CUresult cuMemAllocHost(void** memory, size_t bytes) {
  EMULATION_TRY(check_context());
  if (!memory || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  EMULATION_TRY(check_not_capturing());
  return posix_memalign(memory, 4096, bytes) == 0 ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}
CUresult cuMemHostAlloc(void** memory, size_t bytes, unsigned) { return cuMemAllocHost(memory, bytes); }
CUresult cuMemFreeHost(void* memory) {
  EMULATION_TRY(check_context());
  if (!memory) return CUDA_ERROR_INVALID_VALUE;
  free(memory);
  return CUDA_SUCCESS;
}
CUresult cuMemHostRegister(void* memory, size_t bytes, unsigned) {
  EMULATION_TRY(check_context());
  return memory && bytes > 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
CUresult cuMemHostUnregister(void* memory) {
  EMULATION_TRY(check_context());
  return memory ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// MARK: copies

CUresult cuMemcpyHtoD(CUdeviceptr to, const void* from, size_t bytes) {
  return copy(nullptr, false, host(to), from, bytes, to, 0);
}
CUresult cuMemcpyDtoH(void* to, CUdeviceptr from, size_t bytes) {
  return copy(nullptr, false, to, host(from), bytes, 0, from);
}
CUresult cuMemcpyDtoD(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return copy(nullptr, false, host(to), host(from), bytes, to, from);
}
CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
  return copy(stream, true, host(to), from, bytes, to, 0);
}
CUresult cuMemcpyDtoHAsync(void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copy(stream, true, to, host(from), bytes, 0, from);
}
CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copy(stream, true, host(to), host(from), bytes, to, from);
}
/// Either address may be the host's.
CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return copy(nullptr, false, host(to), host(from), bytes, 0, 0);
}
CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copy(stream, true, host(to), host(from), bytes, 0, 0);
}

// MARK: filling

CUresult cuMemsetD8(CUdeviceptr to, unsigned char value, size_t count) { return set(nullptr, false, to, value, count); }
CUresult cuMemsetD16(CUdeviceptr to, unsigned short value, size_t count) { return set(nullptr, false, to, value, count); }
CUresult cuMemsetD32(CUdeviceptr to, unsigned value, size_t count) { return set(nullptr, false, to, value, count); }
CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
  return set(stream, true, to, value, count);
}
CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count, CUstream stream) {
  return set(stream, true, to, value, count);
}
CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream) {
  return set(stream, true, to, value, count);
}

}  // extern "C"
