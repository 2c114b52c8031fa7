// What a compiled kernel is called with: DLPack's tensor and TVM-FFI's argument, declared once more so that neither
// project's headers are needed. Layouts: https://dmlc.github.io/dlpack and https://tvm.apache.org/ffi.
#pragma once
#include <stdint.h>

/// Kinds of arguments, as in `TVMFFIAny.type_index`. Objects start at 64.
enum {
  kTVMFFINone = 0,
  kTVMFFIInt = 1,
  kTVMFFIBool = 2,
  kTVMFFIFloat = 3,
  kTVMFFIDLTensorPtr = 7,
  kTVMFFIStaticObjectBegin = 64,
};

/// Kinds of elements, as in `DLDataType.code`.
enum {
  kDLInt = 0,
  kDLUInt = 1,
  kDLFloat = 2,
  kDLBfloat = 4,
  kDLBool = 6,
  kDLFloat8_e4m3fn = 10,
  kDLFloat8_e5m2 = 12,
  kDLFloat4_e2m1fn = 17,
};

/// Kinds of devices, as in `DLDevice.device_type`.
enum {
  kDLCPU = 1,
  kDLCUDA = 2,
};

typedef struct {
  int32_t device_type;
  int32_t device_id;
} DLDevice;

typedef struct {
  uint8_t code;
  uint8_t bits;  // of one element
  uint16_t lanes;
} DLDataType;

/// A view of memory; element 0 is at `data + byte_offset`.
typedef struct {
  void *data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape;    // [ndim]
  int64_t *strides;  // [ndim], in elements
  uint64_t byte_offset;
} DLTensor;

/// One argument or result.
typedef struct {
  int32_t type_index;
  uint32_t zero_padding;
  union {
    int64_t v_int64;
    double v_float64;
    void *v_ptr;  // a DLTensor for kTVMFFIDLTensorPtr
  };
} TVMFFIAny;

/// A kernel, exported as `__tvm_ffi_<symbol>`: 0, or another number after an error.
typedef int (*TVMFFISafeCallType)(void *handle, const TVMFFIAny *args, int32_t num_args, TVMFFIAny *result);

/// Bytes that somebody else owns.
typedef struct {
  const char *data;
  uint64_t size;
} TVMFFIByteArray;

/// The start of an error object of libtvm_ffi.
typedef struct {
  uint64_t combined_ref_count;
  int32_t type_index;
  uint32_t padding;
  void *deleter;
  TVMFFIByteArray kind;
  TVMFFIByteArray message;
} TVMFFIErrorObject;
