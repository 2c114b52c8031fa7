#include "tensor_abi.h"

_Static_assert(sizeof(DLTensor) == 48, "DLPack's layout");
_Static_assert(sizeof(TVMFFIAny) == 16, "TVM-FFI's layout");
_Static_assert(sizeof(TVMFFIErrorObject) == 24 + 32, "TVM-FFI's layout");
