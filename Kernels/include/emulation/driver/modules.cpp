// Modules: an image is an ELF shared object, compiled from a source with EMULATED_KERNEL for each kernel.
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "../runtime/blocks.h"
#include "../runtime/faults.h"
#include "state.h"

namespace emulation {

namespace {

void explain(const std::string& text) { report_fault(Fault{0, text}); }

/// Bytes of an ELF image, by its header: the table of sections is its last part. 0: it is none for this machine.
size_t image_bytes(const void* image) {
  Elf64_Ehdr header;
  memcpy(&header, image, SELFMAG);
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return 0;
  memcpy(&header, image, sizeof(header));
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_type != ET_DYN) return 0;
  return header.e_shoff + static_cast<size_t>(header.e_shentsize) * header.e_shnum;
}

/// Opens the image as a library of its own: the loader knows libraries by their path, and would give the one that it has.
CUresult open_image(const void* image, size_t bytes, CUmodule* module) {
  auto made = std::make_unique<CUmod_st>();
  made->file = memfd_create("kernel", MFD_CLOEXEC);
  if (made->file < 0) return CUDA_ERROR_OPERATING_SYSTEM;
  for (size_t written = 0; written < bytes;) {
    const ssize_t count = write(made->file, static_cast<const char*>(image) + written, bytes - written);
    if (count <= 0) {
      close(made->file);
      return CUDA_ERROR_OUT_OF_MEMORY;
    }
    written += static_cast<size_t>(count);
  }
  // With the process in it, so that a symbolizer, which is another process, finds it too.
  char path[64];
  for (;;) {
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), made->file);
    void* stale = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    if (!stale) break;
    // A library that could not be unloaded had this number; it keeps the path.
    dlclose(stale);
    made->file = dup(made->file);
    if (made->file < 0) return CUDA_ERROR_OPERATING_SYSTEM;
  }
  made->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!made->library) {
    const char* reason = dlerror();
    explain(std::string("the image cannot be loaded: ") + (reason ? reason : "unknown"));
    close(made->file);
    return CUDA_ERROR_INVALID_IMAGE;
  }
  link_map* map = nullptr;
  if (dlinfo(made->library, RTLD_DI_LINKMAP, &map) == 0 && map) made->base = map->l_addr;
  *module = Driver::shared().modules.add(std::move(made));
  return CUDA_SUCCESS;
}

}  // namespace

CUfunction find_function(CUfunction function) {
  Driver& driver = Driver::shared();
  const std::lock_guard<std::mutex> lock(driver.functions_mutex);
  return driver.functions.count(function) ? function : nullptr;
}

}  // namespace emulation

using namespace emulation;

extern "C" {

CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  EMULATION_TRY(check_context());
  if (!module || !image) return CUDA_ERROR_INVALID_VALUE;
  EMULATION_TRY(check_not_capturing());
  const size_t bytes = image_bytes(image);
  if (bytes == 0) {
    explain("the image is no shared object");
    return CUDA_ERROR_INVALID_IMAGE;
  }
  return open_image(image, bytes, module);
}

CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned, CUjit_option*, void**) {
  return cuModuleLoadData(module, image);
}

CUresult cuModuleLoad(CUmodule* module, const char* path) {
  EMULATION_TRY(check_context());
  if (!module || !path) return CUDA_ERROR_INVALID_VALUE;
  EMULATION_TRY(check_not_capturing());
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return CUDA_ERROR_FILE_NOT_FOUND;
  struct stat status;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size < static_cast<off_t>(sizeof(Elf64_Ehdr))) {
    close(file);
    return CUDA_ERROR_INVALID_IMAGE;
  }
  const size_t bytes = static_cast<size_t>(status.st_size);
  void* image = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (image == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  const size_t said = image_bytes(image);
  const CUresult result = said == 0 || said > bytes ? CUDA_ERROR_INVALID_IMAGE : open_image(image, bytes, module);
  munmap(image, bytes);
  return result;
}

CUresult cuModuleUnload(CUmodule module) {
  EMULATION_TRY(check_context());
  Driver& driver = Driver::shared();
  const std::unique_ptr<CUmod_st> removed = driver.modules.remove(module);
  if (!removed) return CUDA_ERROR_INVALID_HANDLE;
  {
    const std::lock_guard<std::mutex> lock(driver.functions_mutex);
    for (const auto& [name, function] : removed->functions) driver.functions.erase(function.get());
  }
  dlclose(removed->library);
  close(removed->file);
  return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
  EMULATION_TRY(check_context());
  if (!function || !name) return CUDA_ERROR_INVALID_VALUE;
  Driver& driver = Driver::shared();
  if (!driver.modules.contains(module)) return CUDA_ERROR_INVALID_HANDLE;
  const std::lock_guard<std::mutex> lock(driver.functions_mutex);
  std::unique_ptr<CUfunc_st>& known = module->functions[name];
  if (!known) {
    const std::string symbol = std::string(SWIFTLET_EMULATION_ENTRY_PREFIX) + name;
    const auto* entry = static_cast<const Entry*>(dlsym(module->library, symbol.c_str()));
    if (!entry) {
      module->functions.erase(name);
      return CUDA_ERROR_NOT_FOUND;
    }
    known = std::make_unique<CUfunc_st>();
    known->entry = entry;
    known->module = module;
    driver.functions.insert(known.get());
  }
  *function = known.get();
  return CUDA_SUCCESS;
}

CUresult cuModuleGetGlobal(CUdeviceptr* address, size_t* bytes, CUmodule module, const char* name) {
  EMULATION_TRY(check_context());
  if (!name || (!address && !bytes)) return CUDA_ERROR_INVALID_VALUE;
  if (!Driver::shared().modules.contains(module)) return CUDA_ERROR_INVALID_HANDLE;
  return CUDA_ERROR_NOT_FOUND;   // images export their kernels and nothing else
}

// MARK: functions

CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction function) {
  EMULATION_TRY(check_context());
  if (!value) return CUDA_ERROR_INVALID_VALUE;
  if (!find_function(function)) return CUDA_ERROR_INVALID_HANDLE;
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = most_threads; break;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: *value = function->most_dynamic_shared; break;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT: *value = function->carveout; break;
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
    case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
    case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = 0; break;   // unknown to a processor
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *value = 80; break;
    default:
      if (attribute < 0 || attribute >= CU_FUNC_ATTRIBUTE_MAX) return CUDA_ERROR_INVALID_VALUE;
      *value = 0;
  }
  return CUDA_SUCCESS;
}

CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute, int value) {
  EMULATION_TRY(check_context());
  if (!find_function(function)) return CUDA_ERROR_INVALID_HANDLE;
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
      if (value < 0 || static_cast<size_t>(value) > most_shared_bytes) return CUDA_ERROR_INVALID_VALUE;
      function->most_dynamic_shared = value;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      if (value < -1 || value > 100) return CUDA_ERROR_INVALID_VALUE;
      function->carveout = value;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED: return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult cuFuncSetCacheConfig(CUfunction function, CUfunc_cache) {
  EMULATION_TRY(check_context());
  return find_function(function) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuFuncGetName(const char** name, CUfunction function) {
  EMULATION_TRY(check_context());
  if (!name) return CUDA_ERROR_INVALID_VALUE;
  if (!find_function(function)) return CUDA_ERROR_INVALID_HANDLE;
  *name = function->entry->name;
  return CUDA_SUCCESS;
}

CUresult cuFuncGetModule(CUmodule* module, CUfunction function) {
  EMULATION_TRY(check_context());
  if (!module) return CUDA_ERROR_INVALID_VALUE;
  if (!find_function(function)) return CUDA_ERROR_INVALID_HANDLE;
  *module = function->module;
  return CUDA_SUCCESS;
}

/// Offsets are those of the parameters laid out as a structure's fields.
CUresult cuFuncGetParamInfo(CUfunction function, size_t index, size_t* offset, size_t* bytes) {
  EMULATION_TRY(check_context());
  if (!offset) return CUDA_ERROR_INVALID_VALUE;
  if (!find_function(function)) return CUDA_ERROR_INVALID_HANDLE;
  const Entry& entry = *function->entry;
  if (index >= entry.parameter_count) return CUDA_ERROR_INVALID_VALUE;
  size_t end = 0;
  for (size_t i = 0; i <= index; ++i) {
    const size_t alignment = entry.parameter_alignments[i];
    *offset = (end + alignment - 1) / alignment * alignment;
    end = *offset + entry.parameter_sizes[i];
  }
  if (bytes) *bytes = entry.parameter_sizes[index];
  return CUDA_SUCCESS;
}

}  // extern "C"
