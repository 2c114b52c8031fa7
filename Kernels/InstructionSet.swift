import CPUIntrinsics
import KernelRuntime
import Traces

/// The instruction sets that fast Swift kernels are compiled for, best first.
public enum InstructionSet: String, Sendable, CaseIterable {
  /// AVX-512 with VNNI: Cascade Lake, Ice Lake and later servers of Intel; Zen 4 and later.
  case avx512
  /// AVX2, FMA, F16C: x86-64-v3 (Haswell, Zen 1 and later).
  case avx2
  /// Any processor.
  case baseline

  /// Whether this machine's processor has it.
  public var isSupported: Bool {
    switch self {
    case .avx512: cpu_level() >= 3
    case .avx2: cpu_level() >= 2
    case .baseline: true
    }
  }
}

extension KernelSolution {
  /// One solution per instruction set for a fast Swift kernel.
  /// - supports: a reason why the definition cannot be computed, or nil.
  static func fastSwift(
    operation: String, room: String, flavor: KernelFlavor = .swiftFast,
    supports: @escaping @Sendable (Definition, BindContext) -> String? = { _, _ in nil },
    build: @escaping @Sendable (InstructionSet, Definition, BindContext) throws(KernelError) -> any Kernel
  ) -> [KernelSolution] {
    InstructionSet.allCases.map { set in
      KernelSolution(
        operation: operation, flavor: flavor, variant: set.rawValue, source: "Kernels/\(room)/swift/fast",
        availability: { definition, context in
          if context.device != .cpu { return .unavailable(because: "runs on the CPU only") }
          if !set.isSupported { return .unavailable(because: "the processor lacks \(set.rawValue)") }
          return supports(definition, context).map { .unavailable(because: $0) } ?? .available
        },
        build: { definition, context throws(KernelError) in try build(set, definition, context) })
    }
  }

  /// A CPU solution without variants: plain Swift or C++.
  static func cpu(
    operation: String, flavor: KernelFlavor, source: String,
    supports: @escaping @Sendable (Definition, BindContext) -> String? = { _, _ in nil },
    build: @escaping @Sendable (Definition, BindContext) throws(KernelError) -> any Kernel
  ) -> KernelSolution {
    KernelSolution(
      operation: operation, flavor: flavor, source: source,
      availability: { definition, context in
        if context.device != .cpu { return .unavailable(because: "runs on the CPU only") }
        return supports(definition, context).map { .unavailable(because: $0) } ?? .available
      }, build: build)
  }
}

extension Definition {
  /// A definition written in this program: a mistake in it is a programmer's error.
  static func literal(_ make: () throws(SchemaError) -> Definition) -> Definition {
    do { return try make() } catch { preconditionFailure("a room's definition is wrong: \(error)") }
  }

  /// The value of a constant axis that the room's own definition has.
  func constant(_ axis: String) -> Int {
    guard let value = axes[axis]?.value else { preconditionFailure("\(name) has no constant axis \(axis)") }
    return value
  }
}

/// Splits `count` rows into chunks of at least `minimum` for a pool, at most four per thread.
func rowChunks(_ count: Int, minimum: Int, threads: Int) -> (chunks: Int, size: Int) {
  guard count > 0 else { return (0, 1) }
  let size = max(minimum, (count + 4 * threads - 1) / (4 * threads))
  return ((count + size - 1) / size, size)
}
