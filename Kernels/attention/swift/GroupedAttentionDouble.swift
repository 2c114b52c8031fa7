import Glibc
import KernelRuntime
import Tensors
import Traces

/// Grouped-query attention in plain Swift and double precision, over pages or rows, with every change of scores that
/// definitions have: one query and one head at a time.
enum GroupedAttentionDouble {
  static let paged = DoubleOracle(
    operation: "gqa_paged", room: "attention", forms: pagedForms, float32Forms: PagedAttention.forms
  ) { call throws(KernelError) in
    let sequences = try ReferenceSequences(paged: call, query: "q", cache: "k_cache").sequences
    let pages = call.int32s("kv_indices"), pageSize = call.tensor("k_cache").shape[1]
    let isScaled = call.definition.inputs["k_scale"] != nil
    attend(
      call, sequences, keys: call.doubles("k_cache"), values: call.doubles("v_cache"),
      scales: isScaled ? (call.scalar("k_scale"), call.scalar("v_scale")) : (1, 1),
      keyValueHeads: call.tensor("k_cache").shape[2]
    ) { sequence, position in
      Int(pages[sequence.entries.lowerBound + position / pageSize]) * pageSize + position % pageSize
    }
  }

  static let ragged = DoubleOracle(
    operation: "gqa_ragged", room: "attention",
    forms: DoubleOracle.types.map {
      DefinitionForm(of: RaggedAttention.definition(queryHeads: 1, keyValueHeads: 1, headDimension: 1, dtype: $0))
    }
  ) { call throws(KernelError) in
    let sequences = try ReferenceSequences(ragged: call).sequences
    attend(
      call, sequences, keys: call.doubles("k"), values: call.doubles("v"), scales: (1, 1),
      keyValueHeads: call.tensor("k").shape[1]
    ) { sequence, position in sequence.entries.lowerBound + position }
  }

  private static let pagedForms: [DefinitionForm] = DoubleOracle.types.flatMap { dtype in
    [DType.float32, .float16, .bfloat16, .float8_e4m3fn].flatMap { cacheType in
      [PagedAttention.Stage.prefill, .decode].flatMap { stage in
        [false, true].map { hasAlibi in
          DefinitionForm(
            of: PagedAttention.definition(
              queryHeads: 1, keyValueHeads: 1, headDimension: 1, pageSize: 1, cacheType: cacheType, dtype: dtype,
              stage: stage, hasAlibi: hasAlibi), also: ["window", "soft_cap"])
        }
      }
    }
  }

  /// - keys, values: [slots, kv heads, head dim]; scales: what elements of keys and of values are times.
  /// - slot: where in them a position of a sequence is.
  private static func attend(
    _ call: ReferenceCall, _ sequences: [ReferenceSequences.Sequence], keys: [Double], values: [Double],
    scales: (keys: Double, values: Double), keyValueHeads: Int,
    slot: (ReferenceSequences.Sequence, Int) -> Int
  ) {
    let query = call.tensor("q"), (heads, width) = (query.shape[1], query.shape[2]), q = call.doubles("q")
    let group = heads / keyValueHeads, scale = call.scalar("sm_scale") * scales.keys
    let window = call.definition.meaning("window").flatMap { Int($0) } ?? .max
    let cap = call.definition.meaning("soft_cap").flatMap { Double($0) }
    let slopes = call.definition.inputs["alibi_slopes"] == nil ? nil : call.doubles("alibi_slopes")
    var output = [Double](repeating: 0, count: q.count)
    var lse = [Double](repeating: -.infinity, count: query.shape[0] * heads)
    for sequence in sequences {
      for (i, token) in sequence.tokens.enumerated() {
        let own = sequence.length - sequence.tokens.count + i
        if own < 0 { continue }
        let visible = max(0, own - min(window, own + 1) + 1)...own
        let slots = visible.map { slot(sequence, $0) * keyValueHeads * width }
        for head in 0..<heads {
          let row = (token * heads + head) * width, offset = head / group * width
          // scores
          var scores = slots.map { start in
            var sum = 0.0
            for i in 0..<width { sum += q[row + i] * keys[start + offset + i] }
            return sum * scale
          }
          if let cap { scores = scores.map { cap * tanh($0 / cap) } }
          if let slopes {
            for (place, position) in visible.enumerated() { scores[place] += slopes[head] * Double(position - own) }
          }
          // softmax
          let highest = scores.max() ?? 0, weights = scores.map { exp($0 - highest) }, total = weights.reduce(0, +)
          lse[token * heads + head] = (highest + log(total)) / log(2.0)
          // weighted sum
          for (weight, start) in zip(weights, slots) {
            for i in 0..<width { output[row + i] += weight * values[start + offset + i] }
          }
          for i in 0..<width { output[row + i] *= scales.values / total }
        }
      }
    }
    call.store(output, in: "output")
    call.store(lse, in: "lse")
  }
}
