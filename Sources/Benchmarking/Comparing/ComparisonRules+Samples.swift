import JSONText
import KernelRuntime
import Tensors
import Traces

extension ComparisonRules {
  /// Draws again and again, and judges the tokens by the rule `sampling`.
  ///
  /// The inputs are `probs` [rows, tokens] and, where there are any, `top_k` and `top_p`, one a row; every output is a
  /// token for each row. Without `probs` only the range of the tokens is known.
  /// - draw: runs the solution once on the inputs; each call must use new random numbers.
  /// - Returns: PASSED, or INCORRECT_NUMERICAL with infinite errors for a token that must not be drawn, else with the
  ///   worst row's distance in `extra`.
  public func compareSamples(
    draw: () throws(KernelError) -> OrderedMap<Tensor>, inputs: WorkloadInputs
  ) throws(KernelError) -> Comparison {
    let rule = sampling ?? SamplingRule()
    guard let probabilities = inputs.tensor("probs"), probabilities.shape.rank == 2 else {
      return try compareRange(draw: draw, inputs: inputs)
    }
    let rows = probabilities.shape[0], tokens = probabilities.shape[1], values = probabilities.values
    let topK = inputs.tensor("top_k").flatMap { $0.dtype.isFloatingPoint ? nil : $0.integers }
    let topP = inputs.tensor("top_p")?.values
    let distributions = (0..<rows).map { row in
      TokenDistribution(
        probabilities: Array(values[row * tokens..<(row + 1) * tokens]),
        topK: topK.flatMap { row < $0.count ? $0[row] : nil },
        topP: topP.flatMap { row < $0.count ? Double($0[row]) : nil }, slack: rule.slack)
    }
    var counts = [[Int: Int]](repeating: [:], count: rows)
    for _ in 0..<rule.trials {
      let outputs = try draw()
      if let problem = formProblem(outputs, inputs, rows: rows) { return problem }
      for (name, drawn) in outputs {
        for (row, token) in drawn.integers.enumerated() {
          if !distributions[row].allows(token) {
            let range = 0..<tokens ~= token
            let reason = range ? "which the limits of this row cut off" : "expected 0 to \(tokens - 1)"
            return Self.forbidden("\(name)[\(row)] is the token \(token), \(reason)")
          }
          counts[row][token, default: 0] += 1
        }
      }
    }
    let distances = (0..<rows).map { distributions[$0].distance(counts: counts[$0]) }
    let worst = distances.indices.max { distances[$0] < distances[$1] }
    let distance = worst.map { distances[$0] } ?? 0, isPassed = distance <= rule.distance
    let extra = JSONObject([
      ("tvd", .double(distance)), ("tvds_per_batch", .array(distances.map { .double($0) })),
      ("trials", .int(rule.trials)),
    ])
    return Comparison(
      status: isPassed ? .passed : .incorrectNumerical, correctness: Correctness(extra: extra),
      worst: isPassed
        ? nil : "row \(worst ?? 0) is drawn \(distance) away from its distribution, at most \(rule.distance) is allowed"
    )
  }

  /// What can be said without probabilities: one token a row, inside the vocabulary.
  private func compareRange(
    draw: () throws(KernelError) -> OrderedMap<Tensor>, inputs: WorkloadInputs
  ) throws(KernelError) -> Comparison {
    let outputs = try draw()
    if let problem = formProblem(outputs, inputs, rows: nil) { return problem }
    let tokens = inputs.definition.axes["vocab_size"]?.value ?? .max
    for (name, drawn) in outputs {
      for (row, token) in drawn.integers.enumerated() where !(0..<tokens ~= token) {
        return Self.forbidden("\(name)[\(row)] is the token \(token), expected 0 to \(tokens - 1)")
      }
    }
    return Comparison(status: .passed, correctness: Correctness())
  }

  private static func forbidden(_ sentence: String) -> Comparison {
    Comparison(
      status: .incorrectNumerical,
      correctness: Correctness(maxRelativeError: .infinity, maxAbsoluteError: .infinity), worst: sentence)
  }

  /// What is wrong with the form of the outputs; nil when it is the definition's.
  private func formProblem(_ outputs: OrderedMap<Tensor>, _ inputs: WorkloadInputs, rows: Int?) -> Comparison? {
    func refuse(_ status: Evaluation.Status, _ sentence: String) -> Comparison {
      Comparison(status: status, correctness: Correctness(), worst: sentence)
    }
    if outputs.names != inputs.definition.outputs.names {
      return refuse(
        .runtimeError,
        "the solution returned \(outputs.names.joined(separator: ", ")), the definition has "
          + inputs.definition.outputs.names.joined(separator: ", "))
    }
    for (name, drawn) in outputs {
      if let spec = inputs.definition.outputs[name], spec.dtype != drawn.dtype || spec.dtype.isFloatingPoint {
        return refuse(.incorrectDtype, "\(name) is \(drawn.dtype.rawValue), the definition says \(spec.dtype.rawValue)")
      }
      if let rows, drawn.count != rows || !drawn.isContiguous {
        return refuse(.incorrectShape, "\(name) has shape \(drawn.shape), expected one token for each of \(rows) rows")
      }
    }
    return nil
  }
}
