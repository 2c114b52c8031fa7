// cuGetProcAddress: a function by its name without the suffix of a version.
#include <dlfcn.h>

#include "state.h"

extern "C" CUresult cuGetProcAddress_v2(const char* symbol, void** address, int version, cuuint64_t,
                                        CUdriverProcAddressQueryResult* status) {
  if (!symbol || !address) return CUDA_ERROR_INVALID_VALUE;
  *address = nullptr;
  if (version > CUDA_VERSION) {
    if (status) *status = CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT;
    return CUDA_SUCCESS;
  }
  Dl_info here;
  if (!dladdr(reinterpret_cast<const void*>(&cuGetProcAddress_v2), &here)) return CUDA_ERROR_OPERATING_SYSTEM;
  void* library = dlopen(here.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  if (!library) return CUDA_ERROR_OPERATING_SYSTEM;
  // The newest that there is: what a name means to cuda.h of this version.
  for (const char* suffix : {"_v4", "_v3", "_v2", ""}) {
    *address = dlsym(library, (std::string(symbol) + suffix).c_str());
    if (*address) break;
  }
  dlclose(library);
  if (status) *status = *address ? CU_GET_PROC_ADDRESS_SUCCESS : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  return *address ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

#undef cuGetProcAddress
extern "C" EMULATION_PUBLIC CUresult cuGetProcAddress(const char* symbol, void** address, int version, cuuint64_t flags) {
  return cuGetProcAddress_v2(symbol, address, version, flags, nullptr);
}
