import KernelRuntime
import Tensors
import Traces

/// The public definitions `rope_with_cos_sin_cache_neox_style_d<head>_rd<rotary>`: bfloat16 heads, a float32 table of
/// cosines, then sines, int64 positions; the first `rotary_dim` elements of a head are rotated as (i, i + rotary_dim / 2).
enum PublicRotaryEmbedding {
  static let solutions: [KernelSolution] = [
    .reference(operation: "rope", room: "rope", supports: supports) { _ in
      { call throws(KernelError) in try rotate(call) }
    }
  ]

  private static let query = TensorSpec.tensor("num_tokens", "num_qo_heads", "head_size", dtype: .bfloat16)
  private static let key = TensorSpec.tensor("num_tokens", "num_kv_heads", "head_size", dtype: .bfloat16)
  private static let form = DefinitionForm(
    inputs: [
      "q": query, "k": key, "cos_sin_cache": .tensor("max_seq_len", "rotary_dim", dtype: .float32),
      "positions": .tensor("num_tokens", dtype: .int64),
    ], outputs: ["q_out": query, "k_out": key], constants: ["head_size", "rotary_dim"])

  private static let supports: @Sendable (Definition) -> String? = { definition in
    if let refusal = form.refusal(of: definition) { return refusal }
    // Inputs and outputs of the interleaved style are the same; only the name and the reference tell them apart.
    if !definition.name.contains("neox") { return "rotates neox-style pairs, which the definition's name must say" }
    let rotary = definition.constant("rotary_dim"), head = definition.constant("head_size")
    return rotary % 2 == 0 && rotary <= head ? nil : "rotary_dim is \(rotary), expected an even number up to \(head)"
  }

  private static func rotate(_ call: ReferenceCall) throws(KernelError) {
    let table = call.floats("cos_sin_cache"), positions = call.tensor("positions").elements(as: Int64.self)
    let (length, rotary) = (call.tensor("cos_sin_cache").shape[0], call.tensor("cos_sin_cache").shape[1])
    let tokens = call.tensor("q").shape[0], half = rotary / 2
    for i in 0..<tokens where positions[i] < 0 || positions[i] >= length {
      throw call.failure("positions[\(i)] is \(positions[i]), cos_sin_cache has \(length) rows")
    }
    for (input, output) in [("q", "q_out"), ("k", "k_out")] {
      let x = call.halves(input), y = call.halves(output)
      let heads = call.tensor(input).shape[1], size = call.tensor(input).shape[2]
      let (chunks, chunkSize) = rowChunks(tokens, minimum: 8, threads: call.pool.threadCount)
      call.pool.parallel(chunks) { chunk in
        for token in (chunk * chunkSize)..<min(tokens, (chunk + 1) * chunkSize) {
          let cosines = table + Int(positions[token]) * rotary, sines = cosines + half
          for head in 0..<heads {
            let start = (token * heads + head) * size
            for i in 0..<half {
              let a = Float(bitPattern: UInt32(x[start + i]) << 16)
              let b = Float(bitPattern: UInt32(x[start + half + i]) << 16)
              y[start + i] = ReferenceElements.bfloat16(a * cosines[i] - b * sines[i])
              y[start + half + i] = ReferenceElements.bfloat16(b * cosines[i] + a * sines[i])
            }
            for i in rotary..<size { y[start + i] = x[start + i] }
          }
        }
      }
    }
  }
}
