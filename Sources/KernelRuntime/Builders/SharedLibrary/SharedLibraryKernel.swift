import CTensorABI
import Tensors
import Traces

/// A kernel behind the TVM-FFI C ABI: `int __tvm_ffi_<symbol>(handle, arguments, count, result)`.
///
/// Gets the definition's inputs, then its outputs: tensors as `DLTensor *` (row-major views are passed with their
/// strides, no copies), scalars as double or int64. Nonzero is a failure. Where the definition says
/// `strided_pages:<argument>` the library gets contiguous memory or is not called: what is written for the definition
/// elsewhere knows nothing of pages that lie apart.
struct SharedLibraryKernel: Kernel {
  private let library: SharedLibrary
  private let function: TVMFFISafeCallType
  private let plan: ArgumentPlan
  /// The plan without its words: what the call needs.
  private let passings: [Passing]
  private let constants: [Tensor]
  /// Bytes of all shapes and strides.
  private let extentBytes: Int
  private let definition: String, solution: String

  private struct Passing: Sendable {
    /// Position among the caller's arguments, unless it is a constant.
    var given = 0
    /// Position among the constants.
    var constant: Int?
    let dtype: DType, rank: Int, isScalar: Bool, isFloat: Bool
    /// Whether a tensor whose elements lie apart is refused.
    let isTight: Bool
  }

  init(_ library: SharedLibrary, _ solution: Solution, _ definition: Definition, _ context: BindContext)
    throws(KernelError)
  {
    self.library = library
    do throws(KernelError) {
      function = try library.kernel(solution.spec.entrySymbol)
      plan = try ArgumentPlan(definition, constants: context.constants)
    } catch {
      throw error.about(solution)
    }
    var passings: [Passing] = [], constants: [Tensor] = []
    for slot in plan.slots {
      var passing = Passing(
        dtype: slot.dtype, rank: slot.rank, isScalar: slot.isScalar, isFloat: slot.dtype.isFloatingPoint,
        isTight: definition.tags.contains("strided_pages:\(slot.name)"))
      switch slot.source {
      case .given(let position): passing.given = position
      case .constant(let tensor):
        passing.constant = constants.count
        constants.append(tensor)
      }
      passings.append(passing)
    }
    (self.passings, self.constants) = (passings, constants)
    extentBytes = passings.reduce(0) { $0 + $1.rank } * 2 * MemoryLayout<Int64>.stride
    (self.definition, self.solution) = (definition.name, solution.name)
  }

  func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
    guard let status = call(arguments) else {
      do throws(KernelError) {
        try plan.check(arguments)  // says what is wrong
        try checkTightness(arguments)
      } catch {
        throw KernelError(error.code, definition: definition, solution: solution, error.reason)
      }
      throw KernelError(.signatureMismatch, definition: definition, solution: solution, "the arguments do not fit")
    }
    guard status != 0 else { return }
    let reason = library.takeLastError() ?? "it says no more: export const char *swiftlet_last_error(void) to say why"
    throw KernelError(
      .runFailed, definition: definition, solution: solution, "the kernel returned \(status): \(reason)")
  }

  /// - Throws: `signatureMismatch` for a tensor whose pages lie apart.
  private func checkTightness(_ arguments: [KernelArgument]) throws(KernelError) {
    for (slot, passing) in zip(plan.slots, passings) where passing.isTight {
      guard case .tensor(let tensor)? = plan.argument(slot, arguments), !tensor.isContiguous else { continue }
      throw KernelError(
        .signatureMismatch, definition: definition,
        "\(slot.name) has pages \(tensor.strides[0]) elements apart for the shape \(tensor.shape), and a compiled "
          + "library takes contiguous caches only: keep keys and values layer first, or choose another kernel")
    }
  }

  /// What the function returned; nil when an argument is not as the definition says, and nothing was called.
  private func call(_ arguments: [KernelArgument]) -> Int32? {
    guard arguments.count == plan.givenCount else { return nil }
    let count = passings.count
    // One piece of memory: values and the result, tensors, then shapes and strides.
    let tensorsAt = (count + 1) * MemoryLayout<TVMFFIAny>.stride
    let extentsAt = tensorsAt + count * MemoryLayout<DLTensor>.stride
    return withUnsafeTemporaryAllocation(byteCount: extentsAt + extentBytes, alignment: 16) { memory in
      let base = memory.baseAddress!
      let values = base.bindMemory(to: TVMFFIAny.self, capacity: count + 1)
      let tensors = (base + tensorsAt).bindMemory(to: DLTensor.self, capacity: count)
      var extents = (base + extentsAt).bindMemory(to: Int64.self, capacity: extentBytes / 8)
      for i in 0..<count {
        let passing = passings[i]
        var value = TVMFFIAny()
        let argument = passing.constant.map { KernelArgument.tensor(constants[$0]) } ?? arguments[passing.given]
        switch argument {
        case .tensor(let tensor):
          guard !passing.isScalar, tensor.dtype == passing.dtype, tensor.shape.rank == passing.rank,
            tensor.device == .cpu, !passing.isTight || tensor.isContiguous
          else { return nil }
          (tensors + i).initialize(to: DLTensor(tensor, shape: extents, strides: extents + passing.rank))
          extents += 2 * passing.rank
          value.type_index = Int32(kTVMFFIDLTensorPtr)
          value.v_ptr = UnsafeMutableRawPointer(tensors + i)
        case .scalar(let scalar):
          guard passing.isScalar else { return nil }
          if passing.isFloat {
            value.type_index = Int32(kTVMFFIFloat)
            value.v_float64 = scalar
          } else {
            guard let integer = Int64(exactly: scalar) else { return nil }
            value.type_index = Int32(kTVMFFIInt)
            value.v_int64 = integer
          }
        }
        (values + i).initialize(to: value)
      }
      let result = values + count
      result.initialize(to: TVMFFIAny())
      let status = withExtendedLifetime(arguments) { function(nil, values, Int32(count), result) }
      if result.pointee.type_index >= Int32(kTVMFFIStaticObjectBegin), let object = result.pointee.v_ptr {
        library.release(object)
      }
      return status
    }
  }
}

extension DLTensor {
  /// A view of a tensor on the CPU; `shape` and `strides` have room for its rank.
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
