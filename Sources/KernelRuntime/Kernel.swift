import Tensors
import Traces

/// Something callable that computes one definition.
///
/// Arguments come in the definition's order, inputs then outputs (destination-passing style), without the inputs that
/// were held constant at bind. Shapes, types and constant axes were checked by the `BoundKernel`.
public protocol Kernel: Sendable {
  func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError)
  /// Where memory is that `run` reads first, beside its arguments: worth asking for before the call.
  var firstReads: [UnsafeRawPointer] { get }
}

extension Kernel {
  public var firstReads: [UnsafeRawPointer] { [] }
}

/// A kernel that is a Swift closure over the CPU.
public struct SwiftKernel: Kernel {
  private let body: @Sendable ([KernelArgument], CPUStream) throws(KernelError) -> Void
  public init(_ body: @escaping @Sendable ([KernelArgument], CPUStream) throws(KernelError) -> Void) {
    self.body = body
  }
  public func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
    guard type(of: stream) == CPUStream.self else {
      throw KernelError(.signatureMismatch, "runs on the cpu, called on \(stream.device)")
    }
    try body(arguments, unsafeDowncast(stream, to: CPUStream.self))
  }
}

/// Whether a solution can compute a definition on a device.
public enum Availability: Sendable, Hashable {
  case available
  case unavailable(because: String)
}

/// What is known when a kernel is bound, beside its definition.
public struct BindContext: Sendable {
  public let device: Device
  /// Inputs whose values never change (weights): the solution may repack them into any form it likes.
  public let constants: [String: Tensor]
  public init(device: Device, constants: [String: Tensor] = [:]) { (self.device, self.constants) = (device, constants) }
}

/// One implementation of an operation: part of this program, where its source is a room's folder, or made from a
/// `Solution` document by a builder.
public struct KernelSolution: Sendable {
  /// The operation, as in `Definition.opType`; empty for a solution of one definition only.
  public let operation: String
  /// The only definition that it computes; nil for all of its operation's that `availability` accepts.
  public let definition: String?
  /// Unique among the solutions of a definition: `rmsnorm_swift-fast_avx512`.
  public let name: String
  /// How the policy names it: `swift` (plain, the oracle), `swift-fast`, `cpp` …
  public let flavor: KernelFlavor
  /// Who made it, as in `Solution.author`.
  public let author: String
  /// Where its source is, from the project's root.
  public let source: String
  /// Whether a row's result depends on that row alone, bit by bit, whatever else is in the call and however many threads
  /// compute it; nil when nobody said so (a benchmark finds out).
  public let isBatchInvariant: Bool?
  /// Whether `build` runs a compiler or starts a process.
  public let needsCompilation: Bool
  /// Whether it is for a GPU, and a CPU only emulates it: then a list has to name it.
  public let isEmulatedOnCPU: Bool
  public let availability: @Sendable (Definition, BindContext) -> Availability
  public let build: @Sendable (Definition, BindContext) throws(KernelError) -> any Kernel

  /// A solution that is part of this program. All of these are batch-invariant: the conformance suite checks them.
  /// - variant: detail below the flavor, for example the instruction set; empty when there is none.
  public init(
    operation: String, flavor: KernelFlavor, variant: String = "", source: String,
    availability: @escaping @Sendable (Definition, BindContext) -> Availability,
    build: @escaping @Sendable (Definition, BindContext) throws(KernelError) -> any Kernel
  ) {
    self.init(
      operation: operation, definition: nil,
      name: [operation, flavor.rawValue, variant].filter { !$0.isEmpty }.joined(separator: "_"), flavor: flavor,
      author: "swiftlet", source: source, isBatchInvariant: true, needsCompilation: false, availability: availability,
      build: build)
  }

  public init(
    operation: String, definition: String?, name: String, flavor: KernelFlavor, author: String, source: String,
    isBatchInvariant: Bool?, needsCompilation: Bool, isEmulatedOnCPU: Bool = false,
    availability: @escaping @Sendable (Definition, BindContext) -> Availability,
    build: @escaping @Sendable (Definition, BindContext) throws(KernelError) -> any Kernel
  ) {
    (self.operation, self.definition, self.name, self.flavor) = (operation, definition, name, flavor)
    (self.author, self.source, self.isBatchInvariant) = (author, source, isBatchInvariant)
    (self.needsCompilation, self.isEmulatedOnCPU) = (needsCompilation, isEmulatedOnCPU)
    (self.availability, self.build) = (availability, build)
  }

  /// Whether it is a candidate for a definition at all.
  public func computes(_ definition: Definition) -> Bool {
    self.definition.map { $0 == definition.name } ?? (operation == definition.opType)
  }
}

/// The language of a solution as an operator writes it in a policy. Open: builders add their own.
public struct KernelFlavor: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }
  public var description: String { rawValue }

  /// Plain Swift: the oracle that the others are checked against.
  public static let swift = KernelFlavor(rawValue: "swift")
  /// Swift compiled for the processor's instruction set.
  public static let swiftFast = KernelFlavor(rawValue: "swift-fast")
  public static let cpp = KernelFlavor(rawValue: "cpp")
  public static let cuda = KernelFlavor(rawValue: "cuda")
  public static let triton = KernelFlavor(rawValue: "triton")
  public static let tilelang = KernelFlavor(rawValue: "tilelang")
  public static let python = KernelFlavor(rawValue: "python")
  /// In a policy's list: choose among the others by measurements.
  static let measured = KernelFlavor(rawValue: "measured")
}
