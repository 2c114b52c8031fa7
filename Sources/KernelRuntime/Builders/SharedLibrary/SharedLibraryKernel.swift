import CTensorABI
import Tensors
import Traces

/// A kernel behind the TVM-FFI C ABI: `int __tvm_ffi_<symbol>(handle, arguments, count, result)`.
///
/// Gets the definition's inputs, then its outputs: tensors as `DLTensor *` (row-major views are passed with their
/// strides, no copies), scalars as double or int64. Nonzero is a failure.
struct SharedLibraryKernel: Kernel {
  private let library: SharedLibrary
  private let function: TVMFFISafeCallType
  private let plan: ArgumentPlan
  private let definition: String, solution: String

  init(_ library: SharedLibrary, _ solution: Solution, _ definition: Definition, _ context: BindContext)
    throws(KernelError)
  {
    self.library = library
    function = try library.kernel(solution.spec.entrySymbol)
    plan = try ArgumentPlan(definition, constants: context.constants)
    (self.definition, self.solution) = (definition.name, solution.name)
  }

  func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
    try plan.check(arguments)
    let status = withExtendedLifetime(arguments) { call(arguments) }
    guard status != 0 else { return }
    let reason = library.takeLastError() ?? "it says no more: export const char *swiftlet_last_error(void) to say why"
    throw KernelError(
      .runFailed, definition: definition, solution: solution, "the kernel returned \(status): \(reason)")
  }

  private func call(_ arguments: [KernelArgument]) -> Int32 {
    let count = plan.slots.count, extents = Shape.maximumRank
    return withUnsafeTemporaryAllocation(of: Int64.self, capacity: max(1, count * 2 * extents)) { sizes in
      withUnsafeTemporaryAllocation(of: DLTensor.self, capacity: max(1, count)) { tensors in
        withUnsafeTemporaryAllocation(of: TVMFFIAny.self, capacity: count + 1) { values in
          for (i, slot) in plan.slots.enumerated() {
            var value = TVMFFIAny()
            switch plan.argument(slot, arguments) {
            case .tensor(let tensor):
              let shape = sizes.baseAddress! + i * 2 * extents
              (tensors.baseAddress! + i).initialize(to: DLTensor(tensor, shape: shape, strides: shape + extents))
              value.type_index = Int32(kTVMFFIDLTensorPtr)
              value.v_ptr = UnsafeMutableRawPointer(tensors.baseAddress! + i)
            case .scalar(let scalar):
              if slot.dtype.isFloatingPoint {
                value.type_index = Int32(kTVMFFIFloat)
                value.v_float64 = scalar
              } else {
                value.type_index = Int32(kTVMFFIInt)
                value.v_int64 = Int64(exactly: scalar) ?? 0  // `check` saw that it is one
              }
            case nil: break
            }
            (values.baseAddress! + i).initialize(to: value)
          }
          let result = values.baseAddress! + count
          result.initialize(to: TVMFFIAny())
          let status = function(nil, values.baseAddress, Int32(count), result)
          if result.pointee.type_index >= Int32(kTVMFFIStaticObjectBegin), let object = result.pointee.v_ptr {
            library.release(object)
          }
          return status
        }
      }
    }
  }
}

extension DLTensor {
  /// A view of a tensor on the CPU; `shape` and `strides` have room for `Shape.maximumRank` extents.
  init(_ tensor: Tensor, shape: UnsafeMutablePointer<Int64>, strides: UnsafeMutablePointer<Int64>) {
    for axis in 0..<tensor.shape.rank {
      shape[axis] = Int64(tensor.shape[axis])
      strides[axis] = Int64(tensor.strides[axis])
    }
    self.init(
      data: tensor.pointer, device: DLDevice(device_type: Int32(kDLCPU), device_id: 0),
      ndim: Int32(tensor.shape.rank),
      dtype: DLDataType(code: tensor.dtype.dlpackCode, bits: UInt8(tensor.dtype.bitWidth), lanes: 1), shape: shape,
      strides: strides, byte_offset: 0)
  }
}

extension DType {
  /// DLPack's number of the kind of element.
  var dlpackCode: UInt8 {
    let code =
      switch self {
      case .float32, .float16: kDLFloat
      case .bfloat16: kDLBfloat
      case .float8_e4m3fn: kDLFloat8_e4m3fn
      case .float8_e5m2: kDLFloat8_e5m2
      case .float4_e2m1: kDLFloat4_e2m1fn
      case .int64, .int32, .int16, .int8: kDLInt
      case .bool: kDLBool
      }
    return UInt8(code)
  }
}
