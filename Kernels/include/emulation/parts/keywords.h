// CUDA's keywords and variables as C++. Behind NVIDIA's headers, which use some of the words as names of members.
#pragma once

// NVIDIA's headers define them for the host, for other purposes.
#undef __global__
#undef __device__
#undef __host__
#undef __constant__
#undef __shared__
#undef __managed__
#undef __forceinline__
#undef __noinline__
#undef __launch_bounds__
#undef __grid_constant__
#undef __cluster_dims__
#undef __maxnreg__

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline
#define __noinline__   /* nothing, so that __attribute__((__noinline__)) stays what it is */
#define __launch_bounds__(...)
#define __maxnreg__(...)
#define __grid_constant__

/// One block runs at a time on a thread of the processor, and each such thread has its own copy of a block's static shared
/// memory. AddressSanitizer puts no red zones around thread-local variables, so there they are globals, and blocks run on
/// one thread of the processor.
#ifdef SWIFTLET_EMULATION_ADDRESS
#define __shared__ static
#else
#define __shared__ static thread_local
#endif

// Where a thread is.
#define threadIdx (emulation::self->index)
#define blockIdx (emulation::position->block_index)
#define blockDim (emulation::position->block_size)
#define gridDim (emulation::position->grid_size)
#define warpSize 32
