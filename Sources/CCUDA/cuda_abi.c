#include "cuda_abi.h"

// The layouts that the libraries expect.
_Static_assert(sizeof(cu_launch_attribute) == 72, "a launch attribute is 8 + 64 bytes");
_Static_assert(offsetof(cu_launch_attribute, value) == 8, "an attribute's value begins at 8");
_Static_assert(sizeof(cu_launch_config) == 56, "a launch configuration is 56 bytes");
_Static_assert(offsetof(cu_launch_config, stream) == 32, "the stream is at 32");
_Static_assert(offsetof(cu_launch_config, attributes) == 40, "the attributes are at 40");
_Static_assert(offsetof(cu_launch_config, attribute_count) == 48, "their number is at 48");
_Static_assert(sizeof(cu_tensor_map) == 128 && _Alignof(cu_tensor_map) == 64, "a tensor map is 128 bytes, aligned to 64");
_Static_assert(sizeof(blas_proposal) == 96, "a proposal is 96 bytes");
_Static_assert(offsetof(blas_proposal, workspace_bytes) == 64, "its workspace is at 64");
