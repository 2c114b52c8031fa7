// A CUDA GPU on the processor: compiles an ordinary CUDA C++ kernel as C++17 for the host.
//
// Included before the source of a kernel (-include emulation.h). Element types and their conversions are NVIDIA's own
// headers in their host form; everything else that a kernel calls is declared here and done by the runtime library
// (library.cpp). README.md beside this file has the commands, and the differences from a device.
#pragma once

#if !defined(__cplusplus) || __cplusplus < 201703L
#error "The emulation needs C++17: -x c++ -std=c++17."
#endif

#define SWIFTLET_EMULATION 1

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <utility>

#include <vector_types.h>

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#include <driver_types.h>

#include "parts/keywords.h"
#include "parts/threads.h"
#include "parts/barriers.h"
#include "parts/warps.h"
#include "parts/atomics.h"
#include "parts/arithmetic.h"
#include "parts/halves.h"
#include "parts/tensor_cores.h"
#include "parts/copies.h"
#include "parts/entries.h"
