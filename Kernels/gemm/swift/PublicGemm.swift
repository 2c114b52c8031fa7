import KernelRuntime
import Tensors
import Traces

/// The public definitions `gemm_n<N>_k<K>`: C = A · Bᵀ in float16, accumulated in float32, B an input of every call.
enum PublicGemm {
  static let solutions: [KernelSolution] = [
    .reference(operation: "gemm", room: "gemm", supports: supports) { _ in { call in multiply(call) } }
  ]

  private static let form = DefinitionForm(
    inputs: ["A": .tensor("M", "K", dtype: .float16), "B": .tensor("N", "K", dtype: .float16)],
    outputs: ["C": .tensor("M", "N", dtype: .float16)], constants: ["N", "K"])

  private static let supports: @Sendable (Definition) -> String? = { definition in
    if definition.tags.contains(where: { $0.hasPrefix("weight_format:") }) {
      return "computes gemm without the tag weight_format"
    }
    return form.refusal(of: definition)
  }

  /// Rows of A are widened in blocks of `rowBlock`; each row of B is widened once for a block.
  private static let rowBlock = 64, featureChunk = 32

  private static func multiply(_ call: ReferenceCall) {
    let a = call.halves("A"), b = call.halves("B"), c = call.halves("C")
    let M = call.tensor("A").shape[0], K = call.tensor("A").shape[1], N = call.tensor("B").shape[0]
    for first in stride(from: 0, to: M, by: rowBlock) {
      let rows = min(rowBlock, M - first)
      withUnsafeTemporaryAllocation(of: Float.self, capacity: max(1, rows * K)) { buffer in
        guard let x = buffer.baseAddress else { return }
        ReferenceElements.widen(float16: a + first * K, x, rows * K)
        call.pool.parallel((N + featureChunk - 1) / featureChunk) { chunk in
          withUnsafeTemporaryAllocation(of: Float.self, capacity: max(1, K)) { weights in
            guard let weights = weights.baseAddress else { return }
            for n in (chunk * featureChunk)..<min(N, (chunk + 1) * featureChunk) {
              ReferenceElements.widen(float16: b + n * K, weights, K)
              for m in 0..<rows {
                c[(first + m) * N + n] = Float16(ReferenceElements.dot(x + m * K, weights, K)).bitPattern
              }
            }
          }
        }
      }
    }
  }
}
