import Glibc
import TestSupport
import Testing

@Suite struct InterfaceTests {
  /// What `cuda_abi.h` says, against NVIDIA's own header where the toolchain is.
  @Test func `layouts and numbers are those of the driver's header`() throws {
    guard case .success(let toolchain) = GPUToolchain.found, system("command -v clang >/dev/null") == 0 else {
      print("skipped: no toolchain for GPUs, or no clang")
      return
    }
    let source = """
      #include <cuda.h>
      #include "cuda_abi.h"
      #define SAME(a, b) _Static_assert((a) == (b), #a)
      SAME(sizeof(cu_launch_attribute), sizeof(CUlaunchAttribute));
      SAME(offsetof(cu_launch_attribute, value), offsetof(CUlaunchAttribute, value));
      SAME(sizeof(cu_launch_config), sizeof(CUlaunchConfig));
      SAME(offsetof(cu_launch_config, block), offsetof(CUlaunchConfig, blockDimX));
      SAME(offsetof(cu_launch_config, shared_bytes), offsetof(CUlaunchConfig, sharedMemBytes));
      SAME(offsetof(cu_launch_config, stream), offsetof(CUlaunchConfig, hStream));
      SAME(offsetof(cu_launch_config, attributes), offsetof(CUlaunchConfig, attrs));
      SAME(offsetof(cu_launch_config, attribute_count), offsetof(CUlaunchConfig, numAttrs));
      SAME(sizeof(cu_tensor_map), sizeof(CUtensorMap));
      SAME(CU_ATTRIBUTE_CLUSTER_DIMENSION, CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION);
      SAME(CU_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION, CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);
      SAME(4, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD);
      SAME(97, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
      SAME(115, CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED);
      SAME(120, CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH);
      SAME(127, CU_DEVICE_ATTRIBUTE_TENSOR_MAP_ACCESS_SUPPORTED);
      SAME(8, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
      SAME(14, CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED);
      SAME(9, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16);
      SAME(6, CU_TENSOR_MAP_DATA_TYPE_FLOAT16);
      """
    let command =
      "clang -x c -std=c11 -fsyntax-only -I '\(GPUToolchain.root)/Sources/CCUDA/include' -I '\(toolchain.cuda)/include' -"
    let pipe = try #require(popen(command, "w"))
    fputs(source, pipe)
    #expect(pclose(pipe) == 0)
  }
}
