// What went wrong in a kernel, and where it can be asked for.
#pragma once

#include <string>

namespace emulation {

struct Fault {
  int code = 0;          // a CUresult; 0: none
  std::string message;
};

constexpr int launch_failed = 719;        // CUDA_ERROR_LAUNCH_FAILED
constexpr int misaligned_address = 716;   // CUDA_ERROR_MISALIGNED_ADDRESS
constexpr int assertion_failed = 710;     // CUDA_ERROR_ASSERT
constexpr int launch_timeout = 702;       // CUDA_ERROR_LAUNCH_TIMEOUT

/// As `fault`, with a code of its own.
[[noreturn]] void fault_with(int code, const char* format, ...) __attribute__((format(printf, 2, 3)));

/// "kernel 'name', block (1, 2, 3), thread (0, 0, 0)" of the thread that runs.
std::string where_we_are();

/// Function, file and line of an address in a kernel, as far as the image tells; the offset in the image when it does not.
std::string describe_address(const void* address);

/// Keeps the message for swiftlet_emulation_last_fault, and prints it.
void report_fault(const Fault& fault);

}  // namespace emulation
