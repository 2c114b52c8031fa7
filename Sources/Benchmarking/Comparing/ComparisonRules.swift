import JSONText
import Tensors
import Traces

/// When a solution's outputs count as right: a rule for each output, and one for drawn samples.
///
///     let rules = ComparisonRules.rules(for: definition)
///     let comparison = rules.compare(outputs, reference: expected, inputs: inputs)
///     if !comparison.isPassed { print(comparison.worst ?? "") }
public struct ComparisonRules: Sendable, Hashable {
  /// By output name.
  public var outputs: OrderedMap<OutputRule>
  /// For outputs without a rule of their own; nil for the preset's rule for the output's type.
  public var fallback: OutputRule?
  /// Whose rule an output gets that has none here.
  public var preset: ComparisonPreset
  /// How drawn samples are judged, when the outputs are drawn by chance: then use `compareSamples`.
  public var sampling: SamplingRule?
  /// Outputs that a solution may leave out.
  public var optionalOutputs: [String]

  public init(
    preset: ComparisonPreset = .flashInferBench, outputs: OrderedMap<OutputRule> = [:], fallback: OutputRule? = nil,
    sampling: SamplingRule? = nil, optionalOutputs: [String] = []
  ) {
    (self.preset, self.outputs, self.fallback) = (preset, outputs, fallback)
    (self.sampling, self.optionalOutputs) = (sampling, optionalOutputs)
  }

  /// The preset's rules for a definition. FlashInfer-Bench chooses by operation and name: sampling by mask and
  /// distribution (only where the definition gives the kernel no random numbers), block-scaled experts with 95 % of the
  /// elements, sparse attention with an optional `lse`, top-k indexers by sets of indices.
  public static func rules(
    for definition: Definition, preset: ComparisonPreset = .flashInferBench
  ) -> ComparisonRules {
    var rules = ComparisonRules(preset: preset)
    for (name, spec) in definition.outputs { rules.outputs[name] = preset.rule(spec.dtype) }
    // Given the uniform numbers to draw with, sampling has one right answer.
    if definition.opType == "sampling", definition.inputs["uniform"] == nil {
      rules.sampling = SamplingRule()
    }
    guard preset == .flashInferBench else { return rules }
    let name = definition.name
    if definition.opType == "moe" || name.contains("moe_fp8_block_scale") {
      for (output, spec) in definition.outputs where spec.dtype.isFloatingPoint {
        rules.outputs[output]?.requiredRatio = 0.95
      }
    } else if name.hasPrefix("dsa_sparse_attention") {
      if definition.outputs["lse"] != nil { rules.optionalOutputs = ["lse"] }
    } else if name.hasPrefix("dsa_topk_indexer") {
      for (output, spec) in definition.outputs where !spec.dtype.isFloatingPoint {
        rules.outputs[output]?.closeness = .sameSet
      }
    }
    return rules
  }

  /// The rule that an output of the given name and type is judged by.
  public func rule(for output: String, dtype: DType) -> OutputRule {
    outputs[output] ?? fallback ?? preset.rule(dtype)
  }

  /// The same rules with absolute tolerances that grow with the reference: for inputs that a `ValuePattern` made huge.
  public var growingWithReference: ComparisonRules {
    var rules = self
    rules.outputs = outputs.mapValues { rule in
      var rule = rule
      rule.growsWithReference = true
      return rule
    }
    rules.fallback?.growsWithReference = true
    return rules
  }

  /// Compares every output.
  ///
  /// - Returns: RUNTIME_ERROR when an output is missing or unknown, INCORRECT_SHAPE and INCORRECT_DTYPE when one has
  ///   another form than the reference's, else PASSED or INCORRECT_NUMERICAL with the largest errors over all outputs.
  public func compare(
    _ found: OrderedMap<Tensor>, reference: OrderedMap<Tensor>, inputs: WorkloadInputs
  ) -> Comparison {
    func refuse(_ status: Evaluation.Status, _ sentence: String) -> Comparison {
      Comparison(status: status, correctness: Correctness(), worst: sentence)
    }
    for name in found.names where reference[name] == nil {
      return refuse(.runtimeError, "the solution returned \(name), which is no output of \(inputs.definition.name)")
    }
    var pairs: [(String, Tensor, Tensor)] = []
    for (name, expected) in reference {
      guard let tensor = found[name] else {
        if optionalOutputs.contains(name) { continue }
        return refuse(.runtimeError, "the solution returned no \(name)")
      }
      if tensor.shape != expected.shape {
        return refuse(.incorrectShape, "\(name) has shape \(tensor.shape), the reference has \(expected.shape)")
      }
      if tensor.dtype != expected.dtype {
        let types = (tensor.dtype.rawValue, expected.dtype.rawValue)
        return refuse(.incorrectDtype, "\(name) is \(types.0), the reference is \(types.1)")
      }
      if !tensor.isContiguous || !expected.isContiguous || tensor.device != .cpu || expected.device != .cpu {
        return refuse(.runtimeError, "\(name) is not contiguous on the CPU, where it is compared")
      }
      pairs.append((name, tensor, expected))
    }
    var total = OutputComparison()
    var isRatioReported = false
    for (name, tensor, expected) in pairs {
      let rule = rule(for: name, dtype: tensor.dtype)
      isRatioReported = isRatioReported || rule.requiredRatio < 1
      total.merge(OutputComparison(name, tensor, expected, rule))
    }
    var extra: JSONObject? = isRatioReported ? JSONObject([("matched_ratio", .double(total.ratio))]) : nil
    if preset == .solExecBench, total.hasNaN || total.hasInfinity {
      extra = extra ?? JSONObject()
      extra?["has_nan"] = .bool(total.hasNaN)
      extra?["has_inf"] = .bool(total.hasInfinity)
      // Its trace format has no place for NaN.
      total.relative = 0
      total.absolute = 0
    }
    return Comparison(
      status: total.isPassed ? .passed : .incorrectNumerical,
      correctness: Correctness(maxRelativeError: total.relative, maxAbsoluteError: total.absolute, extra: extra),
      worst: total.worst)
  }
}
