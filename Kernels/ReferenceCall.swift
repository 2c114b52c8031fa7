import KernelRuntime
import Tensors
import Traces

/// One call of a reference: its arguments by name, those held constant at bind among them.
struct ReferenceCall {
  let definition: Definition
  let pool: WorkerPool
  private let arguments: [String: KernelArgument]

  /// Runs a reference that reads and writes contiguous tensors: of others it gets copies.
  static func run(
    _ definition: Definition, _ arguments: [KernelArgument], constants: [String: Tensor], on stream: CPUStream,
    _ compute: (ReferenceCall) throws(KernelError) -> Void
  ) throws(KernelError) {
    let compact = arguments.map { argument in
      guard case .tensor(let tensor) = argument, !tensor.isContiguous else { return argument }
      let copy = Tensor(tensor.dtype, tensor.shape)
      copyRows(tensor, to: copy)
      return .tensor(copy)
    }
    try compute(try ReferenceCall(definition, compact, constants: constants, on: stream))
    for (argument, copy) in zip(arguments, compact).suffix(definition.outputs.count) {
      if case .tensor(let tensor) = argument, !tensor.isContiguous { copyRows(copy.tensor, to: tensor) }
    }
  }

  /// - Precondition: of one type and shape, without gaps below the outermost axis.
  private static func copyRows(_ source: Tensor, to target: Tensor) {
    for row in 0..<source.shape[0] {
      let from = source.narrow(0, from: row, count: 1), to = target.narrow(0, from: row, count: 1)
      to.pointer.copyMemory(from: from.pointer, byteCount: from.byteCount)
    }
  }

  /// - Throws: `runFailed` naming an argument whose rows are not contiguous.
  init(
    _ definition: Definition, _ arguments: [KernelArgument], constants: [String: Tensor], on stream: CPUStream
  ) throws(KernelError) {
    (self.definition, pool) = (definition, stream.pool)
    var named: [String: KernelArgument] = [:]
    var next = arguments.makeIterator()
    for name in definition.inputs.names {
      if let constant = constants[name] { named[name] = .tensor(constant) } else { named[name] = next.next() }
    }
    for name in definition.outputs.names { named[name] = next.next() }
    self.arguments = named
    for (name, argument) in named {
      if case .tensor(let tensor) = argument, !tensor.isContiguous {
        throw failure("\(name) is not contiguous: shape \(tensor.shape), strides \(tensor.strides)")
      }
    }
  }

  /// An argument that the solution's form has.
  func tensor(_ name: String) -> Tensor { argument(name).tensor }
  /// A scalar that the solution's form has.
  func scalar(_ name: String) -> Double { argument(name).scalar }

  private func argument(_ name: String) -> KernelArgument {
    guard let argument = arguments[name] else { preconditionFailure("\(definition.name) has no argument \(name)") }
    return argument
  }

  /// A bfloat16 or float16 argument's elements as bits.
  func halves(_ name: String) -> UnsafeMutablePointer<UInt16> { tensor(name).elements(as: UInt16.self) }
  func floats(_ name: String) -> UnsafeMutablePointer<Float> { tensor(name).elements(as: Float.self) }
  func int32s(_ name: String) -> UnsafeBufferPointer<Int32> {
    UnsafeBufferPointer(start: tensor(name).elements(as: Int32.self), count: tensor(name).count)
  }

  func failure(_ reason: String) -> KernelError { KernelError(.runFailed, definition: definition.name, reason) }
}

extension KernelSolution {
  /// A plain Swift solution of definitions of the public FlashInfer-Trace data set: right rather than fast.
  /// - isBatchInvariant: false for kernels that draw random numbers.
  /// - supports: a reason why the definition cannot be computed, or nil.
  /// - make: reads what it needs from the definition and returns the computation.
  static func reference(
    operation: String, room: String, isBatchInvariant: Bool = true,
    supports: @escaping @Sendable (Definition) -> String?,
    make: @escaping @Sendable (Definition) -> @Sendable (ReferenceCall) throws(KernelError) -> Void
  ) -> KernelSolution {
    KernelSolution(
      operation: operation, definition: nil, name: "\(operation)_swift_reference", flavor: .swift, author: "swiftlet",
      source: "Kernels/\(room)/swift", isBatchInvariant: isBatchInvariant, needsCompilation: false,
      availability: { definition, context in
        if context.device != .cpu { return .unavailable(because: "runs on the CPU only") }
        return supports(definition).map { .unavailable(because: $0) } ?? .available
      },
      build: { definition, context throws(KernelError) in
        let compute = make(definition), constants = context.constants
        return SwiftKernel { arguments, stream throws(KernelError) in
          try ReferenceCall.run(definition, arguments, constants: constants, on: stream, compute)
        }
      })
  }
}
