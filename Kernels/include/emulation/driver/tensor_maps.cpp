// Descriptors of tensors for the bulk copies of sm_90. The emulation does not copy with them, and checks what it is given.
#include <cstring>

#include "state.h"

namespace emulation {

/// What a descriptor holds here; a device's is opaque.
struct TensorMap {
  uint64_t address;
  uint64_t extents[5];    // elements, innermost first
  uint32_t strides[5];    // in 16 bytes, without the innermost
  uint16_t box[5];
  uint8_t element_strides[5];
  uint8_t type, rank, interleave, swizzle, l2_promotion, fill;
};
static_assert(sizeof(TensorMap) <= sizeof(CUtensorMap), "a descriptor has 128 bytes");

namespace {

uint32_t bytes_of(CUtensorMapDataType type) {
  switch (type) {
    case CU_TENSOR_MAP_DATA_TYPE_UINT8: return 1;
    case CU_TENSOR_MAP_DATA_TYPE_UINT16:
    case CU_TENSOR_MAP_DATA_TYPE_FLOAT16:
    case CU_TENSOR_MAP_DATA_TYPE_BFLOAT16: return 2;
    case CU_TENSOR_MAP_DATA_TYPE_INT64:
    case CU_TENSOR_MAP_DATA_TYPE_UINT64:
    case CU_TENSOR_MAP_DATA_TYPE_FLOAT64: return 8;
    case CU_TENSOR_MAP_DATA_TYPE_UINT32:
    case CU_TENSOR_MAP_DATA_TYPE_INT32:
    case CU_TENSOR_MAP_DATA_TYPE_FLOAT32:
    case CU_TENSOR_MAP_DATA_TYPE_FLOAT32_FTZ:
    case CU_TENSOR_MAP_DATA_TYPE_TFLOAT32:
    case CU_TENSOR_MAP_DATA_TYPE_TFLOAT32_FTZ: return 4;
    default: return 0;
  }
}

}  // namespace

}  // namespace emulation

using namespace emulation;

extern "C" CUresult cuTensorMapEncodeTiled(CUtensorMap* map, CUtensorMapDataType type, cuuint32_t rank, void* address,
                                           const cuuint64_t* extents, const cuuint64_t* strides, const cuuint32_t* box,
                                           const cuuint32_t* element_strides, CUtensorMapInterleave interleave,
                                           CUtensorMapSwizzle swizzle, CUtensorMapL2promotion l2_promotion,
                                           CUtensorMapFloatOOBfill fill) {
  const uint64_t bytes = bytes_of(type);
  if (!map || reinterpret_cast<uintptr_t>(map) % 64 != 0 || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  if (rank == 0 || rank > 5 || (interleave != CU_TENSOR_MAP_INTERLEAVE_NONE && rank < 3)) return CUDA_ERROR_INVALID_VALUE;
  const uintptr_t alignment = interleave == CU_TENSOR_MAP_INTERLEAVE_32B ? 32 : 16;
  if (!address || reinterpret_cast<uintptr_t>(address) % alignment != 0) return CUDA_ERROR_INVALID_VALUE;
  if (!extents || !box || !element_strides || (rank > 1 && !strides)) return CUDA_ERROR_INVALID_VALUE;
  for (uint32_t i = 0; i < rank; ++i) {
    if (extents[i] == 0 || extents[i] > uint64_t{1} << 32) return CUDA_ERROR_INVALID_VALUE;
    if (box[i] == 0 || box[i] > 256 || element_strides[i] == 0 || element_strides[i] > 8) return CUDA_ERROR_INVALID_VALUE;
    if (i + 1 == rank) break;
    if (strides[i] % alignment != 0 || strides[i] >= uint64_t{1} << 40) return CUDA_ERROR_INVALID_VALUE;
    // Rows do not overlap.
    const uint64_t least = i == 0 ? extents[0] * bytes : strides[i - 1];
    if (strides[i] < least) return CUDA_ERROR_INVALID_VALUE;
  }
  const uint64_t row = box[0] * bytes;
  if (interleave == CU_TENSOR_MAP_INTERLEAVE_NONE && row % 16 != 0) return CUDA_ERROR_INVALID_VALUE;
  uint64_t most_row = UINT64_MAX;
  switch (swizzle) {
    case CU_TENSOR_MAP_SWIZZLE_NONE: break;
    case CU_TENSOR_MAP_SWIZZLE_32B: most_row = 32; break;
    case CU_TENSOR_MAP_SWIZZLE_64B: most_row = 64; break;
    case CU_TENSOR_MAP_SWIZZLE_128B: most_row = 128; break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  if (interleave == CU_TENSOR_MAP_INTERLEAVE_NONE && row > most_row) return CUDA_ERROR_INVALID_VALUE;
  if (interleave == CU_TENSOR_MAP_INTERLEAVE_32B && swizzle != CU_TENSOR_MAP_SWIZZLE_32B) return CUDA_ERROR_INVALID_VALUE;
  const bool integer = type < CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
  if (fill == CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA && integer) return CUDA_ERROR_INVALID_VALUE;

  TensorMap made{};
  made.address = reinterpret_cast<uintptr_t>(address);
  for (uint32_t i = 0; i < rank; ++i) {
    made.extents[i] = extents[i];
    if (i + 1 < rank) made.strides[i] = static_cast<uint32_t>(strides[i] / 16);
    made.box[i] = static_cast<uint16_t>(box[i]);
    made.element_strides[i] = static_cast<uint8_t>(element_strides[i]);
  }
  made.type = static_cast<uint8_t>(type);
  made.rank = static_cast<uint8_t>(rank);
  made.interleave = static_cast<uint8_t>(interleave);
  made.swizzle = static_cast<uint8_t>(swizzle);
  made.l2_promotion = static_cast<uint8_t>(l2_promotion);
  made.fill = static_cast<uint8_t>(fill);
  memset(map, 0, sizeof(*map));
  memcpy(map, &made, sizeof(made));
  return CUDA_SUCCESS;
}
