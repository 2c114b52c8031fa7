import KernelRuntime
import Synchronization
import Tensors
import Traces

/// The public definitions `top_k_sampling_from_probs_v<n>`, `top_p_…` and `top_k_top_p_…`: one token for each row of
/// probabilities, drawn from what top-k, then top-p keep of it. No temperature, no random number among the inputs.
///
/// **Randomness.** The definitions draw with `torch.multinomial`, whose numbers nobody can repeat. Here call number `c` of
/// a bound kernel (from 0) gives row `r` the number `mix64(mix64(c) + (r + 1) · 0x9E3779B97F4A7C15)`, its upper 53 bits
/// as a fraction: a fresh kernel repeats its draws, two calls of one kernel draw independently.
enum PublicSampling {
  static let solutions: [KernelSolution] = [
    .reference(operation: "sampling", room: "sampling", isBatchInvariant: false, supports: supports) { _ in
      let calls = CallCounter()
      return { call throws(KernelError) in try sample(call, draws: calls.next()) }
    }
  ]

  private static let forms: [DefinitionForm] = [(true, false), (false, true), (true, true)].map { hasTopK, hasTopP in
    var inputs: OrderedMap<TensorSpec> = ["probs": .tensor("batch_size", "vocab_size", dtype: .float32)]
    if hasTopK { inputs["top_k"] = .tensor("batch_size", dtype: .int32) }
    if hasTopP { inputs["top_p"] = .tensor("batch_size", dtype: .float32) }
    return DefinitionForm(
      inputs: inputs, outputs: ["samples": .tensor("batch_size", dtype: .int64)], constants: ["vocab_size"])
  }

  private static let supports: @Sendable (Definition) -> String? = { definition in
    if let refusal = DefinitionForm.refusal(of: definition, among: forms) { return refusal }
    return definition.constant("vocab_size") > 0 ? nil : "vocab_size is 0, expected at least one token"
  }

  private static func sample(_ call: ReferenceCall, draws: CallDraws) throws(KernelError) {
    let probs = call.floats("probs"), samples = call.tensor("samples").elements(as: Int64.self)
    let rows = call.tensor("probs").shape[0], vocabulary = call.tensor("probs").shape[1]
    let topK = call.definition.inputs["top_k"] == nil ? nil : call.tensor("top_k").elements(as: Int32.self)
    let topP = call.definition.inputs["top_p"] == nil ? nil : call.floats("top_p")
    call.pool.parallel(rows) { row in
      let values = UnsafeBufferPointer(start: probs + row * vocabulary, count: vocabulary)
      let kept = KeptProbabilities(values, topK: topK.map { Int($0[row]) }, topP: topP?[row])
      samples[row] = kept?.draw(draws.uniform(row: row)).map(Int64.init) ?? -1
    }
    for row in 0..<rows where samples[row] < 0 {
      throw call.failure("row \(row) of probs holds a NaN, an infinity or a negative number, or its sum is 0")
    }
  }
}

/// Numbers the calls of one bound kernel.
private final class CallCounter: Sendable {
  private let count = Atomic<UInt64>(0)
  func next() -> CallDraws { CallDraws(call: count.wrappingAdd(1, ordering: .relaxed).oldValue) }
}

/// The random numbers of one call.
private struct CallDraws {
  private let key: UInt64
  init(call: UInt64) { key = Self.mix(call) }

  /// In [0, 1), a multiple of 2^-53.
  func uniform(row: Int) -> Double {
    Double(Self.mix(key &+ (UInt64(truncatingIfNeeded: row) &+ 1) &* 0x9E37_79B9_7F4A_7C15) >> 11) * 0x1p-53
  }

  /// The finalizer of SplitMix64 (Steele et al. 2014).
  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
