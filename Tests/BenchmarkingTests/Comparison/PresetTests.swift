import JSONText
import Tensors
import Testing
import Traces

@testable import Benchmarking

struct PresetTests {
  private func passes(
    _ preset: ComparisonPreset, _ found: [Float], _ expected: [Float], _ dtype: DType = .float32
  ) throws -> Bool {
    try compare(preset, found, expected, dtype).isPassed
  }

  private func compare(
    _ preset: ComparisonPreset, _ found: [Float], _ expected: [Float], _ dtype: DType = .float32
  ) throws -> Comparison {
    let definition = try ComparisonFixture.definition(dtype)
    return ComparisonRules.rules(for: definition, preset: preset).compare(
      ["o": Tensor(dtype, [found.count], rounding: found)],
      reference: ["o": Tensor(dtype, [expected.count], rounding: expected)], inputs: try ComparisonFixture.inputs())
  }

  @Test func `each preset has its project's formula`() throws {
    // 1.015 for 1: beyond 1 % and 0.01, within 0.01 + 0.01 · 1, beyond float32's 2e-5.
    #expect(try !passes(.flashInferBench, [1.015], [1]))
    #expect(try passes(.solExecBench, [1.015], [1]))
    #expect(try !passes(.flashInfer, [1.015], [1]))
    #expect(try passes(.flashInfer, [1.015], [1], .bfloat16))
    #expect(try !passes(.exact, [1.015], [1]))
    // 0.009 for 0.001.
    #expect(try passes(.flashInferBench, [0.009], [0.001]))
    #expect(try passes(.flashInfer, [1 + 1.9e-5], [1]))
    #expect(try !passes(.flashInfer, [1 + 2.2e-5], [1]))
    #expect(try passes(.flashInfer, [1.0015], [1], .float16))
    #expect(try !passes(.flashInfer, [1.003], [1], .float16))
    #expect(try passes(.flashInfer, [1.125], [1], .float8_e4m3fn))
    #expect(try !passes(.flashInfer, [1.25], [1], .float8_e4m3fn))
  }

  @Test func `FlashInfer asks for the direction too`() throws {
    // Each within 1e-2 + 1e-2 · |r| of bfloat16, but pointing elsewhere.
    let comparison = try compare(.flashInfer, [0.005, -0.005], [-0.005, 0.005], .bfloat16)
    #expect(comparison.worst?.contains("cosine") == true)
  }

  @Test func `SOL-ExecBench tolerates one percent, no zeros and nothing that is not finite`() throws {
    let ones = [Float](repeating: 1, count: 100)
    #expect(try passes(.solExecBench, [5] + ones.dropFirst(), ones))
    #expect(try !passes(.solExecBench, [5, 5] + ones.dropFirst(2), ones))
    let zeros = [Float](repeating: 0, count: 100), small = [Float](repeating: 0.001, count: 100)
    let allZero = try compare(.solExecBench, zeros, small)
    #expect(!allZero.isPassed && allZero.worst?.contains("all elements are zero") == true)
    #expect(try passes(.solExecBench, zeros, zeros))
    let nan = try compare(.solExecBench, [.nan] + ones.dropFirst(), [.nan] + ones.dropFirst())
    #expect(!nan.isPassed && nan.correctness.maxAbsoluteError == 0)
    #expect(nan.correctness.extra?["has_nan"]?.bool == true && nan.correctness.extra?["has_inf"]?.bool == false)
    // Relative errors are divided by at least max_atol: 0.005 / 0.01.
    let relative = try compare(.solExecBench, [0.005], [0]).correctness.maxRelativeError
    #expect(abs(relative - 0.5) < 1e-6)
  }

  @Test func `integers are exact under every preset`() throws {
    for preset in ComparisonPreset.allCases {
      #expect(try passes(preset, [70_000], [70_000], .int32))
      #expect(try !passes(preset, [70_001], [70_000], .int32))
    }
  }

  @Test func `the rules follow the operation and the name`() throws {
    func rules(_ name: String, _ opType: String, _ dtype: DType = .bfloat16, outputs: [String] = ["o"]) throws
      -> ComparisonRules
    {
      ComparisonRules.rules(for: try ComparisonFixture.definition(dtype, name: name, opType: opType, outputs: outputs))
    }
    #expect(try rules("moe_fp8_block_scale_x", "moe").outputs["o"]?.requiredRatio == 0.95)
    #expect(try rules("gemm_x", "gemm").outputs["o"]?.requiredRatio == 1)
    #expect(try rules("top_k_sampling_from_probs_v8", "sampling", .int64).sampling == SamplingRule())
    #expect(try rules("dsa_topk_indexer_x", "dsa_paged", .int32).outputs["o"]?.closeness == .sameSet)
    let sparse = try rules("dsa_sparse_attention_h16", "dsa_paged", outputs: ["output", "lse"])
    #expect(sparse.optionalOutputs == ["lse"])
    // Given its random numbers, a sampler has one right answer.
    let given = KnownDefinitions.rooms[3]
    #expect(given.opType == "sampling" && ComparisonRules.rules(for: given).sampling == nil)
  }

  @Test func `outputs of another form are told apart`() throws {
    let rules = ComparisonRules(), inputs = try ComparisonFixture.inputs()
    let expected: OrderedMap<Tensor> = ["o": Tensor(.float32, [2]), "lse": Tensor(.float32, [2])]
    func status(_ found: OrderedMap<Tensor>, _ rules: ComparisonRules = rules) -> (Evaluation.Status, String?) {
      let comparison = rules.compare(found, reference: expected, inputs: inputs)
      return (comparison.status, comparison.worst)
    }
    #expect(status(expected) == (.passed, nil))
    #expect(status(["o": Tensor(.float32, [2])]) == (.runtimeError, "the solution returned no lse"))
    #expect(status(["o": Tensor(.float32, [2])], ComparisonRules(optionalOutputs: ["lse"])).0 == .passed)
    #expect(status(["o": Tensor(.float32, [3]), "lse": Tensor(.float32, [2])]).0 == .incorrectShape)
    #expect(status(["o": Tensor(.float16, [2]), "lse": Tensor(.float32, [2])]).0 == .incorrectDtype)
    #expect(status(["x": Tensor(.float16, [2])]).0 == .runtimeError)
  }

  @Test func `rules are read from JSON`() throws {
    let rules = try ComparisonFixture.rules(
      """
      {"preset": "flashinfer", "default": {"rule": "ulp", "ulps": 4},
       "outputs": {"o": {"rule": "allclose-and", "rtol": 0.5, "atol": 0.25, "required_matched_ratio": 0.5,
         "max_error_cap": 3, "cosine": 0.9, "non_finite": "refused", "refuse_all_zeros": true},
         "s": {"rule": "same-set"}, "e": {"rule": "exact"}, "d": {}},
       "sampling": {"trials": 7, "tvd": 0.5}, "optional_outputs": ["lse"]}
      """)
    #expect(rules.preset == .flashInfer && rules.fallback?.closeness == .ulps(4))
    let own = OutputRule(
      .sum(relative: 0.5, absolute: 0.25), nonFinite: .refused, requiredRatio: 0.5, errorCap: 3, leastCosine: 0.9,
      refusesAllZeros: true)
    #expect(rules.outputs["o"] == own)
    #expect(rules.outputs["s"]?.closeness == .sameSet && rules.outputs["e"]?.closeness == .exact)
    #expect(rules.outputs["d"] == OutputRule(.either(relative: 0.01, absolute: 0.01)))
    #expect(rules.sampling == SamplingRule(trials: 7, distance: 0.5) && rules.optionalOutputs == ["lse"])
  }

  @Test func `SOL-ExecBench's tolerance is read as it stands`() throws {
    let rules = try ComparisonFixture.rules(
      #"{"max_atol": 0.5, "max_rtol": 0.25, "max_error_cap": 2, "allow_negative_inf": true}"#)
    let rule = OutputRule(
      .sum(relative: 0.25, absolute: 0.5), nonFinite: .negativeInfinities, requiredRatio: 0.99, errorCap: 2,
      leastDivisor: 0.5, refusesAllZeros: true)
    #expect(rules.fallback == rule)
  }

  @Test(
    "rules that say something else are refused by name",
    arguments: [
      ("[]", "an array"), (#"{"presets": "exact"}"#, "presets"), (#"{"preset": "mine"}"#, "mine"),
      (#"{"outputs": {"o": {"rule": "near"}}}"#, "near"), (#"{"outputs": {"o": {"rtol": -1}}}"#, "outputs.o.rtol"),
      (#"{"default": {"required_matched_ratio": 1.5}}"#, "required_matched_ratio"),
      (#"{"default": {"required_matched_ratio": 0}}"#, "required_matched_ratio"),
      (#"{"default": {"rtol": "1"}}"#, "a string"), (#"{"default": {"rtol": NaN}}"#, "rtol"),
      (#"{"default": {"tolerance": 1}}"#, "tolerance"), (#"{"max_atol": 1, "max_rtoll": 2}"#, "max_rtoll"),
      (#"{"sampling": {"trials": 0}}"#, "trials"), (#"{"optional_outputs": [1]}"#, "optional_outputs"),
      (#"{"default": {"non_finite": "maybe"}}"#, "maybe"), (#"{"default": {"ulps": 1e99}}"#, "ulps"),
    ])
  func nonsenseIsRefused(_ text: String, _ named: String) throws {
    let json = try JSONValue(parsing: text)
    let error = #expect(throws: WorkloadError.self) { try ComparisonRules(json: json) }
    #expect(error?.code == .invalidRule && error?.reason.contains(named) == true, "\(error?.reason ?? "")")
  }
}
