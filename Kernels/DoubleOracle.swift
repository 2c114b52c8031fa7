import KernelRuntime
import Tensors
import Traces

/// An operation in plain Swift and double precision, whatever the element types: what kernels for GPUs are compared with.
///
/// Inputs are widened exactly; each element of an output is rounded once.
struct DoubleOracle: Sendable {
  let operation: String, room: String
  /// What it computes.
  let forms: [DefinitionForm]
  /// What of that the operation's plain float32 solution computes too; a policy that asks for plain Swift gets that one.
  var float32Forms: [DefinitionForm] = []
  let compute: @Sendable (ReferenceCall) throws(KernelError) -> Void

  /// The element types of activations.
  static let types: [DType] = [.float32, .bfloat16, .float16]

  /// As a candidate for binding: what is left by `<operation>_swift` and by the references of public definitions.
  var solution: KernelSolution {
    solution { [float32Forms, operation] definition in
      if !float32Forms.isEmpty && DefinitionForm.refusal(of: definition, among: float32Forms) == nil {
        return "\(operation)_swift computes it"
      }
      return KernelCatalog.hasReference(definition) ? "\(operation)_swift_reference computes it" : nil
    }
  }

  /// For everything that it computes.
  var complete: KernelSolution { solution { _ in nil } }

  private func solution(
    leaving refusal: @escaping @Sendable (Definition) -> String?
  ) -> KernelSolution {
    let (forms, compute) = (forms, compute)
    return KernelSolution(
      operation: operation, flavor: .swift, variant: "double", source: "Kernels/\(room)/swift",
      availability: { definition, context in
        if context.device != .cpu { return .unavailable(because: "runs on the CPU only") }
        let reason = DefinitionForm.refusal(of: definition, among: forms) ?? refusal(definition)
        return reason.map { .unavailable(because: $0) } ?? .available
      },
      build: { definition, context throws(KernelError) in
        let constants = context.constants
        return SwiftKernel { arguments, stream throws(KernelError) in
          try ReferenceCall.run(definition, arguments, constants: constants, on: stream, compute)
        }
      })
  }
}

/// What a definition means, as a kernel that runs anywhere.
public enum KernelOracles {
  /// The plain Swift solution that others are compared with: in double precision where there is one.
  /// - Returns: nil for a definition that none computes.
  public static func oracle(of definition: Definition) -> KernelSolution? {
    let context = BindContext(device: .cpu)
    return (doubles.map(\.complete) + KernelCatalog.solutions.filter { $0.flavor == .swift })
      .first { $0.computes(definition) && $0.availability(definition, context) == .available }
  }

  private static let doubles: [DoubleOracle] = [
    Embedding.double, RMSNorm.double, FusedAddRMSNorm.double, QueryKeyNorm.double, Gemm.double, RotaryEmbedding.double,
    KeyValueStore.double, GroupedAttentionDouble.paged, GroupedAttentionDouble.ragged, MergeStates.double,
    SiluAndMul.double,
  ]
}

extension ReferenceCall {
  /// An argument's elements, exact.
  func doubles(_ name: String) -> [Double] { tensor(name).values.map(Double.init) }

  /// Writes an output, each element rounded once, ties to even.
  func store(_ values: [Double], in name: String) {
    let tensor = tensor(name)
    for (i, value) in values.enumerated() { tensor.setBits(tensor.dtype.encode(rounding: value), at: i) }
  }
}

extension DType {
  /// The bits of the element nearest to a value of double precision, ties to even; out of range as in `encode(_:)`.
  func encode(rounding value: Double) -> UInt64 {
    let nearest = Float(value)
    if self == .float32 || !nearest.isFinite || Double(nearest) == value || nearest.significandBitPattern & 1 == 1 {
      return encode(nearest)
    }
    // Rounding twice must not make a tie of what is none: of the two neighbours in float32 the odd one.
    return encode(Double(nearest) < value ? nearest.nextUp : nearest.nextDown)
  }
}
