// Device memory is memory of the host, and each allocation is one of just its size.
#pragma once

#include "state.h"

namespace emulation {

class Memory {
 public:
  CUresult allocate(size_t bytes, CUdeviceptr& address);
  CUresult release(CUdeviceptr address);
  /// The allocation around an address; false when there is none.
  bool find(CUdeviceptr address, CUdeviceptr& begin, size_t& bytes);
  size_t free_bytes();

  static Memory& shared();

 private:
  std::mutex mutex_;
  std::map<CUdeviceptr, size_t> allocations_;
  size_t used_ = 0;
};

}  // namespace emulation
