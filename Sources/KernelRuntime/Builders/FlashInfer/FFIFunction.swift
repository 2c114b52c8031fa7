import CTensorABI
import Tensors

/// A function of a library behind TVM-FFI's C ABI: `int f(handle, arguments, count, result)`.
/// Source: https://tvm.apache.org/ffi, `tvm/ffi/c_api.h` of apache-tvm-ffi 0.1.
struct FFIFunction: Sendable {
  let library: SharedLibrary
  let name: String
  private let function: TVMFFISafeCallType

  /// - name: as exported, without `__tvm_ffi_`.
  /// - Throws: `buildFailed` when the library has no such function.
  init(_ library: SharedLibrary, _ name: String) throws(KernelError) {
    (self.library, self.name) = (library, name)
    function = try library.kernel(name)
  }

  /// Calls it. Tensors are views for the time of the call.
  /// - Returns: an object that the function made; nil when it returned none or a plain number.
  /// - Throws: `runFailed` with the function's own kind of error and words.
  @discardableResult
  func callAsFunction(_ arguments: FFIArgument...) throws(KernelError) -> FFIObject? {
    try call(arguments)
  }

  @discardableResult
  func call(_ arguments: [FFIArgument]) throws(KernelError) -> FFIObject? {
    let rank = arguments.reduce(0) { $0 + $1.rank }
    var result = TVMFFIAny()
    // Shapes and strides, and the tensors that point at them, lie still while the function runs.
    let status = withUnsafeTemporaryAllocation(of: Int64.self, capacity: max(1, 2 * rank)) { extents in
      withUnsafeTemporaryAllocation(of: DLTensor.self, capacity: max(1, arguments.count)) { tensors in
        withUnsafeTemporaryAllocation(of: TVMFFIAny.self, capacity: max(1, arguments.count)) { values in
          var next = extents.baseAddress!
          for (i, argument) in arguments.enumerated() {
            var value = TVMFFIAny()
            switch argument {
            case .none: value.type_index = Int32(kTVMFFINone)
            case .int(let number):
              value.type_index = Int32(kTVMFFIInt)
              value.v_int64 = Int64(number)
            case .bool(let flag):
              value.type_index = Int32(kTVMFFIBool)
              value.v_int64 = flag ? 1 : 0
            case .float(let number):
              value.type_index = Int32(kTVMFFIFloat)
              value.v_float64 = number
            case .object(let object):
              value.type_index = object.typeIndex
              value.v_ptr = object.pointer
            case .tensor(let tensor):
              let rank = tensor.shape.rank
              (tensors.baseAddress! + i).initialize(to: DLTensor(tensor, shape: next, strides: next + rank))
              tensors[i].device = DLDevice(tensor.device)
              next += 2 * rank
              value.type_index = Int32(kTVMFFIDLTensorPtr)
              value.v_ptr = UnsafeMutableRawPointer(tensors.baseAddress! + i)
            }
            (values.baseAddress! + i).initialize(to: value)
          }
          return withExtendedLifetime(arguments) { function(nil, values.baseAddress, Int32(arguments.count), &result) }
        }
      }
    }
    guard status == 0 else {
      throw KernelError(.runFailed, "\(name) returned \(status): \(library.takeLastError() ?? "it says no more")")
    }
    guard result.type_index >= Int32(kTVMFFIStaticObjectBegin), let pointer = result.v_ptr else { return nil }
    return FFIObject(library, pointer, typeIndex: result.type_index)
  }
}

/// One argument of a function behind TVM-FFI.
enum FFIArgument {
  case none, int(Int), bool(Bool), float(Double)
  case tensor(Tensor)
  /// What another call returned.
  case object(FFIObject)

  fileprivate var rank: Int { if case .tensor(let tensor) = self { tensor.shape.rank } else { 0 } }
}

/// An object that a function made, an array of numbers for example. Given back when its last user goes.
final class FFIObject: @unchecked Sendable {
  // @unchecked: the pointer never changes, and counting references is atomic.
  let pointer: UnsafeMutableRawPointer
  let typeIndex: Int32
  private let library: SharedLibrary

  init(_ library: SharedLibrary, _ pointer: UnsafeMutableRawPointer, typeIndex: Int32) {
    (self.library, self.pointer, self.typeIndex) = (library, pointer, typeIndex)
  }

  deinit { library.release(pointer) }
}

extension DLDevice {
  init(_ device: Device) {
    switch device {
    case .cpu: self.init(device_type: Int32(kDLCPU), device_id: 0)
    case .cuda(let ordinal): self.init(device_type: Int32(kDLCUDA), device_id: Int32(truncatingIfNeeded: ordinal))
    }
  }
}
