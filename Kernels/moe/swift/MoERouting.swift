import Glibc
import KernelRuntime

/// Which tokens go to which expert, and with what weight.
struct MoERouting {
  struct Assignment {
    var token: Int
    var weight: Float
  }

  /// By local expert; tokens ascending.
  let assignments: [[Assignment]]

  /// - Throws: `runFailed` when a logit is NaN, or when the local experts are not among all.
  init(_ call: ReferenceCall, _ form: MoEForm) throws(KernelError) {
    let local = call.definition.constant(form.localAxis), topK = call.definition.constant("top_k")
    let tokens = call.tensor("hidden_states").shape[0]
    var assignments = [[Assignment]](repeating: [], count: local)
    if form.routing == .precomputed {
      let ids = call.int32s("topk_ids")
      for i in 0..<(tokens * topK) {
        // As in the reference, an expert that is not here gets nothing.
        let expert = Int(ids[i] >> 16)
        guard 0..<local ~= expert else { continue }
        assignments[expert].append(
          Assignment(token: i / topK, weight: Float(bitPattern: UInt32(truncatingIfNeeded: ids[i] & 0xFFFF) << 16)))
      }
      self.assignments = assignments
      return
    }
    let experts = call.definition.constant(form.expertsAxis)
    let first = try Self.offset(call, form, local: local, experts: experts)
    let bias = form.routing == .deepSeek ? call.halves("routing_bias") : nil
    let factor = form.routing == .deepSeek ? Float(call.scalar("routed_scaling_factor")) : 1
    let logits = call.tensor("routing_logits"), isFloat32 = logits.dtype == .float32
    var row = [Float](repeating: 0, count: experts)
    for token in 0..<tokens {
      for e in 0..<experts {
        let place = token * experts + e
        row[e] =
          isFloat32
          ? logits.elements(as: Float.self)[place]
          : Float(bitPattern: UInt32(logits.elements(as: UInt16.self)[place]) << 16)
        if row[e].isNaN { throw call.failure("routing_logits[\(token), \(e)] is NaN") }
      }
      for (expert, weight) in Self.choose(row, topK, form.routing, bias: bias, factor: factor)
      where 0..<local ~= expert - first {
        assignments[expert - first].append(Assignment(token: token, weight: weight))
      }
    }
    self.assignments = assignments
  }

  private static func offset(
    _ call: ReferenceCall, _ form: MoEForm, local: Int, experts: Int
  ) throws(KernelError) -> Int {
    guard form.routing == .deepSeek else { return 0 }
    let value = call.scalar("local_expert_offset")
    guard let first = Int(exactly: value), first >= 0, first <= experts - local else {
      throw call.failure(
        "local_expert_offset is \(value), expected an integer in 0...\(experts - local): "
          + "\(local) of \(experts) experts are here")
    }
    return first
  }

  /// The experts of a token and their weights.
  private static func choose(
    _ logits: [Float], _ topK: Int, _ routing: MoEForm.Routing, bias: UnsafePointer<UInt16>?, factor: Float
  ) -> [(expert: Int, weight: Float)] {
    let sigmoids = routing == .renormalize ? [] : logits.map(sigmoid)
    switch routing {
    case .deepSeek:
      let biased = sigmoids.enumerated().map { e, value in
        value + (bias.map { Float(bitPattern: UInt32($0[e]) << 16) } ?? 0)
      }
      let chosen = largest(topK, of: biased)
      // In ascending order, as the reference sums the masked row.
      let sum = max(chosen.sorted().reduce(0) { $0 + sigmoids[$1] }, 1e-20)
      return chosen.map { ($0, sigmoids[$0] / sum * factor) }
    case .renormalize, .precomputed:
      let chosen = largest(topK, of: logits), top = chosen.first.map { logits[$0] } ?? 0
      let powers = chosen.map { exp(logits[$0] - top) }, sum = powers.reduce(0, +)
      return zip(chosen, powers).map { ($0, $1 / sum) }
    case .llama4:
      return largest(topK, of: sigmoids).map { ($0, sigmoids[$0]) }
    }
  }

  /// The places of the `count` largest, the largest first; the lower place of equals first.
  private static func largest(_ count: Int, of values: [Float]) -> [Int] {
    Array(values.indices.sorted { (-values[$0], $0) < (-values[$1], $1) }.prefix(count))
  }

  static func sigmoid(_ x: Float) -> Float { 1 / (1 + exp(-x)) }
}
