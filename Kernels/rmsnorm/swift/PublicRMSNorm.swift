import KernelRuntime
import Tensors
import Traces

/// The public definitions `rmsnorm_h<hidden>` and `fused_add_rmsnorm_h<hidden>` (both of operation `rmsnorm`): bfloat16
/// in and out, float32 in between.
///
///     y = bfloat16((x * rsqrt(mean(x²) + EPS)) * weight)      x: hidden_states, plus residual in the fused form
///
/// EPS is no input: it stands in the definition's reference (`EPS = 1e-6`) and differs from one definition to the next.
enum PublicRMSNorm {
  static let solutions: [KernelSolution] = [
    .reference(operation: "rmsnorm", room: "rmsnorm", supports: supports) { definition in
      let eps = epsilon(of: definition) ?? 0, isFused = definition.inputs["residual"] != nil
      return { call in normalize(call, eps: eps, isFused: isFused) }
    }
  ]

  private static let rows = TensorSpec.tensor("batch_size", "hidden_size", dtype: .bfloat16)
  private static let weight = TensorSpec.tensor("hidden_size", dtype: .bfloat16)
  private static let forms = [
    DefinitionForm(
      inputs: ["hidden_states": rows, "weight": weight], outputs: ["output": rows], constants: ["hidden_size"]),
    DefinitionForm(
      inputs: ["hidden_states": rows, "residual": rows, "weight": weight], outputs: ["output": rows],
      constants: ["hidden_size"]),
  ]

  private static let supports: @Sendable (Definition) -> String? = { definition in
    if let refusal = DefinitionForm.refusal(of: definition, among: forms) { return refusal }
    return epsilon(of: definition) == nil ? "the reference does not say EPS = <number>" : nil
  }

  /// The number behind `EPS =` in the reference.
  static func epsilon(of definition: Definition) -> Float? {
    for line in definition.reference.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count >= 3, words[0] == "EPS", words[1] == "=", let eps = Float(words[2]), eps >= 0 { return eps }
    }
    return nil
  }

  private static func normalize(_ call: ReferenceCall, eps: Float, isFused: Bool) {
    let x = call.halves("hidden_states"), residual = isFused ? call.halves("residual") : nil
    let weight = call.halves("weight"), y = call.halves("output")
    let rows = call.tensor("hidden_states").shape[0], hidden = call.tensor("hidden_states").shape[1]
    let (chunks, size) = rowChunks(rows, minimum: 8, threads: call.pool.threadCount)
    call.pool.parallel(chunks) { chunk in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * hidden) { buffer in
        guard let sum = buffer.baseAddress else { return }
        let scale = sum + hidden
        ReferenceElements.widen(bfloat16: weight, scale, hidden)
        for row in (chunk * size)..<min(rows, (chunk + 1) * size) {
          // add
          ReferenceElements.widen(bfloat16: x + row * hidden, sum, hidden)
          if let residual {
            for i in 0..<hidden { sum[i] += Float(bitPattern: UInt32(residual[row * hidden + i]) << 16) }
          }
          // reduce
          var squares = 0.0
          for i in 0..<hidden { squares += Double(sum[i] * sum[i]) }
          let inverse = 1 / (Float(squares / Double(hidden)) + eps).squareRoot()
          // scale and store
          for i in 0..<hidden { y[row * hidden + i] = ReferenceElements.bfloat16(sum[i] * inverse * scale[i]) }
        }
      }
    }
  }
}
