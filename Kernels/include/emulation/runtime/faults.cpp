#include "faults.h"

#include <dlfcn.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "blocks.h"

namespace emulation {

namespace {

std::mutex last_fault_mutex;
std::string last_fault;   // NOLINT: of the process

[[noreturn]] void fault_list(int code, const char* format, va_list arguments) {
  char text[1024];
  vsnprintf(text, sizeof(text), format, arguments);
  if (!Worker::current || !self) {
    fprintf(stderr, "swiftlet emulation: %s, outside of a kernel\n", text);
    abort();
  }
  Worker::current->stop(Fault{code, where_we_are() + ": " + text});
}

}  // namespace

void fault(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const bool assertion = strncmp(format, "assertion", 9) == 0;
  fault_list(assertion ? assertion_failed : launch_failed, format, arguments);
}

void fault_with(int code, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fault_list(code, format, arguments);
}

std::string where_we_are() {
  const Worker* worker = Worker::current;
  if (!worker) return "no kernel";
  const uint3 block = worker->position().block_index;
  char text[160];
  snprintf(text, sizeof(text), "block (%u, %u, %u)", block.x, block.y, block.z);
  std::string where = "kernel '" + std::string(worker->launch().entry->name) + "', " + text;
  if (self) {
    snprintf(text, sizeof(text), ", thread (%u, %u, %u)", self->index.x, self->index.y, self->index.z);
    where += text;
  }
  return where;
}

/// Asks addr2line for the places of an address, the innermost of functions that were inlined first: "reduce.cuh:9, called
/// at rmsnorm.cu:31". What lies in the emulation's own headers is left out. Empty when the image tells nothing.
static std::string find_lines(const char* image, size_t offset) {
  char command[512], line[1024];
  if (strchr(image, '\'')) return "";
  snprintf(command, sizeof(command), "addr2line -i -e '%s' 0x%zx 2>/dev/null", image, offset);
  FILE* pipe = popen(command, "r");
  if (!pipe) return "";
  std::string places;
  while (fgets(line, sizeof(line), pipe)) {
    line[strcspn(line, " \n")] = 0;
    if (char* unknown = strstr(line, ":?")) *unknown = 0;
    const char* slash = strrchr(line, '/');
    if (line[0] == '?' || strstr(line, "/emulation/parts/")) continue;
    places += (places.empty() ? "" : ", called at ") + std::string(slash ? slash + 1 : line);
  }
  pclose(pipe);
  return places;
}

std::string describe_address(const void* address) {
  Dl_info info;
  if (!address || !dladdr(address, &info) || !info.dli_fname) return "an unknown place";
  // The call is just before the address to which it returns.
  const size_t offset = static_cast<size_t>(static_cast<const char*>(address) - static_cast<const char*>(info.dli_fbase)) - 1;
  const std::string lines = find_lines(info.dli_fname, offset);
  if (!lines.empty()) return lines;
  char text[64];
  snprintf(text, sizeof(text), "offset 0x%zx", offset);
  return info.dli_sname ? std::string(info.dli_sname) + ", " + text : text;
}

void report_fault(const Fault& fault) {
  fprintf(stderr, "swiftlet emulation: %s\n", fault.message.c_str());
  const std::lock_guard<std::mutex> lock(last_fault_mutex);
  last_fault = fault.message;
}

}  // namespace emulation

/// Copies the message of the latest fault, cut to `bytes` - 1, and returns its whole length; 0 when there was none.
extern "C" EMULATION_PUBLIC size_t swiftlet_emulation_last_fault(char* text, size_t bytes) {
  const std::lock_guard<std::mutex> lock(emulation::last_fault_mutex);
  if (text && bytes > 0) {
    const size_t count = emulation::last_fault.size() < bytes ? emulation::last_fault.size() : bytes - 1;
    memcpy(text, emulation::last_fault.data(), count);
    text[count] = 0;
  }
  return emulation::last_fault.size();
}
