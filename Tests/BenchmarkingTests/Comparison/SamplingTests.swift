import KernelRuntime
import Tensors
import Testing
import Traces

@testable import Benchmarking

struct SamplingTests {
  private let probabilities: [Float] = [0.05, 0.4, 0.1, 0.3, 0.15]

  private func inputs(_ probabilities: [Float]? = nil, topK: Int32 = 0, topP: Float = 1) throws -> WorkloadInputs {
    let values = probabilities ?? self.probabilities
    let definition = try Definition(
      name: "top_k_top_p_sampling_from_probs_v\(values.count)", opType: "sampling",
      axes: ["batch_size": .var, "vocab_size": .const(values.count)],
      inputs: [
        "probs": .tensor("batch_size", "vocab_size", dtype: .float32), "top_k": .tensor("batch_size", dtype: .int32),
        "top_p": .tensor("batch_size", dtype: .float32),
      ], outputs: ["samples": .tensor("batch_size", dtype: .int64)],
      reference: "def run(probs, top_k, top_p):\n  pass\n")
    var inputs = try WorkloadInputs(definition, Workload(uuid: "w", axes: ["batch_size": 1]), seed: 1)
    inputs.arguments["probs"] = .tensor(Tensor(values, [1, values.count]))
    inputs.arguments["top_k"] = .tensor(Tensor([topK], [1]))
    inputs.arguments["top_p"] = .tensor(Tensor([topP], [1]))
    return inputs
  }

  private func judge(
    _ inputs: WorkloadInputs, trials: Int = 2000, _ token: (Int) -> Int
  ) throws -> Comparison {
    var rules = ComparisonRules.rules(for: inputs.definition)
    rules.sampling?.trials = trials
    var call = -1
    return try rules.compareSamples(
      draw: {
        call += 1
        let samples = Tensor(.int64, [1])
        samples.elements(as: Int64.self)[0] = Int64(token(call))
        return ["samples": samples]
      }, inputs: inputs)
  }

  /// Draws by inverse cumulative distribution.
  private func draw(_ weights: [Float], _ i: Int) -> Int {
    var rest = CounterRandom(seed: 8, name: "draw").uniform(i) * weights.reduce(0, +)
    for (token, weight) in weights.enumerated() {
      rest -= weight
      if rest < 0 { return token }
    }
    return weights.count - 1
  }

  @Test func `an honest sampler passes`() throws {
    let comparison = try judge(try inputs()) { draw(probabilities, $0) }
    #expect(comparison.isPassed, "\(comparison.worst ?? "")")
    #expect((comparison.correctness.extra?["tvd"]?.double ?? 1) < 0.05)
    #expect(try judge(try inputs(topK: 2)) { draw([0, 0.4, 0, 0.3, 0], $0) }.isPassed)
    #expect(try judge(try inputs(topP: 0.6)) { draw([0, 0.4, 0, 0.3, 0], $0) }.isPassed)
  }

  @Test func `one that always takes the best is caught by the distribution`() throws {
    let comparison = try judge(try inputs(), trials: 100) { _ in 1 }
    #expect(comparison.status == .incorrectNumerical)
    #expect(comparison.worst?.contains("distribution") == true)
    // Taking one token of many alike as well, with few draws.
    let many = [Float](repeating: 1 / 1000, count: 1000)
    #expect(try !judge(try inputs(many), trials: 200) { _ in 17 }.isPassed)
    #expect(try judge(try inputs(many), trials: 200) { draw(many, $0) }.isPassed)
  }

  @Test func `a token that is cut off is caught at once`() throws {
    let cut = try judge(try inputs(topK: 2)) { $0 == 3 ? 4 : 1 }
    #expect(cut.status == .incorrectNumerical && cut.correctness.maxAbsoluteError == .infinity)
    #expect(cut.worst == "samples[0] is the token 4, which the limits of this row cut off")
    #expect(try judge(try inputs()) { _ in 5 }.worst?.contains("expected 0 to 4") == true)
    #expect(try judge(try inputs()) { _ in -1 }.worst?.contains("expected 0 to 4") == true)
  }

  @Test func `top-k keeps ties, top-p the token that crosses it, with some slack`() {
    func allowed(_ p: [Float], topK: Int? = nil, topP: Double? = nil) -> [Int] {
      let distribution = TokenDistribution(probabilities: p, topK: topK, topP: topP, slack: 0.05)
      return p.indices.filter { distribution.allows($0) }
    }
    #expect(allowed([0.25, 0.25, 0.25, 0.15, 0.1], topK: 1) == [0, 1, 2])
    #expect(allowed(probabilities, topK: 9) == [0, 1, 2, 3, 4])
    #expect(allowed(probabilities, topK: 0) == [0, 1, 2, 3, 4])
    // 0.4, then 0.7: 0.6 is reached at the second; 0.68 + 0.05 only at the third, 0.85.
    #expect(allowed(probabilities, topP: 0.6) == [1, 3])
    #expect(allowed(probabilities, topP: 0.68) == [1, 3, 4])
    #expect(allowed(probabilities, topP: 0) == [1])
    #expect(allowed(probabilities, topP: 1) == [0, 1, 2, 3, 4])
    // Of the best two, 4/7 and 3/7, half is reached at the first; with the slack too.
    #expect(allowed(probabilities, topK: 2, topP: 0.5) == [1])
    // Nothing without a probability.
    #expect(allowed([1, 0, 0], topP: 1) == [0])
  }

  @Test func `what is expected is renormalised`() {
    let both = TokenDistribution(probabilities: probabilities, topK: 2, topP: nil, slack: 0.05).expected
    #expect(abs(both[1] - 4.0 / 7) < 1e-6 && abs(both[3] - 3.0 / 7) < 1e-6 && both[0] == 0)
  }

  @Test func `samples of another form are told apart, and errors of the kernel come through`() throws {
    let inputs = try inputs(), rules = ComparisonRules.rules(for: inputs.definition)
    #expect(
      try rules.compareSamples(draw: { ["samples": Tensor(.int32, [1])] }, inputs: inputs).status == .incorrectDtype)
    #expect(
      try rules.compareSamples(draw: { ["samples": Tensor(.int64, [2])] }, inputs: inputs).status == .incorrectShape)
    #expect(try rules.compareSamples(draw: { [:] }, inputs: inputs).status == .runtimeError)
    #expect(throws: KernelError.self) {
      try rules.compareSamples(draw: { () throws(KernelError) in throw KernelError(.runFailed, "no") }, inputs: inputs)
    }
  }
}
