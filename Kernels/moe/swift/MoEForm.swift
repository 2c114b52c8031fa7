import Tensors
import Traces

/// How a public mixture-of-experts definition routes and stores its weights, read from the definition.
struct MoEForm: Sendable {
  enum Routing: Sendable {
    /// Top-k of the logits, softmax over them.
    case renormalize
    /// Top-k of sigmoid + bias; weights are the sigmoids over their sum, times `routed_scaling_factor`.
    case deepSeek
    /// Sigmoid of the top-k logits; a routing bias is ignored.
    case llama4
    /// `topk_ids` holds expert << 16 | bfloat16 weight.
    case precomputed
  }
  enum Weights: Sendable {
    /// float8_e4m3fn with a float32 scale for each 128 × 128 block (activations: for each 128).
    case blockScaled
    /// float8_e4m3fn with float32 scales for each expert.
    case expertScaled
    /// float32 weights, bfloat16 activations.
    case plain
  }

  let routing: Routing
  let weights: Weights
  /// Whether a token's weight multiplies what goes into an expert, rather than what comes out.
  let scalesInput: Bool

  /// The axis of all experts that a router chooses from.
  var expertsAxis: String { routing == .renormalize && weights == .blockScaled ? "num_local_experts" : "num_experts" }
  /// The axis of the experts whose weights are here.
  var localAxis: String { weights == .blockScaled ? "num_local_experts" : "num_experts" }

  /// Elements of a block that share a scale.
  static let block = 128

  /// nil when the definition is of none of the forms; `refusal(of:)` says why.
  init?(_ definition: Definition) {
    guard let found = Self.all.first(where: { $0.form.refusal(of: definition) == nil }) else { return nil }
    guard let scalesInput = Self.scalesInput(definition, found.routing) else { return nil }
    (routing, weights, self.scalesInput) = (found.routing, found.weights, scalesInput)
  }

  /// Llama 4's weights multiply the input, the others' the output. With precomputed routing the inputs do not tell which:
  /// only the reference does.
  private static func scalesInput(_ definition: Definition, _ routing: Routing) -> Bool? {
    switch routing {
    case .llama4: return true
    case .renormalize, .deepSeek: return false
    case .precomputed:
      if definition.reference.contains("A_e = A[tok_idx] * w") { return true }
      return definition.reference.contains("o * w_tok") ? false : nil
    }
  }

  /// Why a definition cannot be computed, or nil.
  static func refusal(of definition: Definition) -> String? {
    if let refusal = DefinitionForm.refusal(of: definition, among: all.map(\.form)) { return refusal }
    guard let form = MoEForm(definition) else {
      return "the reference multiplies neither A[tok_idx] nor o by the routing weight"
    }
    let hidden = definition.constant("hidden_size"), intermediate = definition.constant("intermediate_size")
    let topK = definition.constant("top_k"), experts = definition.constant(form.expertsAxis)
    func expect(_ axis: String, _ expected: Int, _ why: String) -> String? {
      let value = definition.constant(axis)
      return value == expected ? nil : "\(axis) is \(value), expected \(why) = \(expected)"
    }
    if let refusal = expect("gemm1_out_size", 2 * intermediate, "2 * intermediate_size") { return refusal }
    guard 1...max(1, experts) ~= topK else { return "top_k is \(topK), expected 1...\(experts), the experts" }
    guard form.weights == .blockScaled else { return nil }
    guard hidden % block == 0, intermediate % block == 0 else {
      return "hidden_size \(hidden) and intermediate_size \(intermediate) must be multiples of \(block)"
    }
    return expect("num_hidden_blocks", hidden / block, "hidden_size / \(block)")
      ?? expect("num_intermediate_blocks", intermediate / block, "intermediate_size / \(block)")
      ?? expect("num_gemm1_out_blocks", 2 * intermediate / block, "2 * intermediate_size / \(block)")
  }
}

extension MoEForm {
  private static let output: OrderedMap<TensorSpec> = ["output": .tensor("seq_len", "hidden_size", dtype: .bfloat16)]
  private static let sizes = ["hidden_size", "intermediate_size", "gemm1_out_size", "top_k"]
  private static let all = [
    blockScaled(isDeepSeek: true), blockScaled(isDeepSeek: false), unblocked(.expertScaled, .renormalize),
    unblocked(.expertScaled, .llama4), unblocked(.plain, .renormalize), unblocked(.plain, .llama4),
    unblocked(.plain, .precomputed),
  ]

  private static func blockScaled(isDeepSeek: Bool) -> (form: DefinitionForm, routing: Routing, weights: Weights) {
    let experts = isDeepSeek ? "num_experts" : "num_local_experts"
    var inputs: OrderedMap<TensorSpec> = [
      "routing_logits": .tensor("seq_len", experts, dtype: isDeepSeek ? .float32 : .bfloat16)
    ]
    if isDeepSeek { inputs["routing_bias"] = .tensor("num_experts", dtype: .bfloat16) }
    inputs["hidden_states"] = .tensor("seq_len", "hidden_size", dtype: .float8_e4m3fn)
    inputs["hidden_states_scale"] = .tensor("num_hidden_blocks", "seq_len", dtype: .float32)
    inputs["gemm1_weights"] = .tensor("num_local_experts", "gemm1_out_size", "hidden_size", dtype: .float8_e4m3fn)
    inputs["gemm1_weights_scale"] = .tensor(
      "num_local_experts", "num_gemm1_out_blocks", "num_hidden_blocks", dtype: .float32)
    inputs["gemm2_weights"] = .tensor("num_local_experts", "hidden_size", "intermediate_size", dtype: .float8_e4m3fn)
    inputs["gemm2_weights_scale"] = .tensor(
      "num_local_experts", "num_hidden_blocks", "num_intermediate_blocks", dtype: .float32)
    if isDeepSeek {
      inputs["local_expert_offset"] = .scalar(.int32)
      inputs["routed_scaling_factor"] = .scalar(.float32)
    }
    let constants =
      sizes + [experts, "num_local_experts", "num_hidden_blocks", "num_intermediate_blocks", "num_gemm1_out_blocks"]
    return (
      DefinitionForm(inputs: inputs, outputs: output, constants: constants), isDeepSeek ? .deepSeek : .renormalize,
      .blockScaled
    )
  }

  private static func unblocked(
    _ weights: Weights, _ routing: Routing
  ) -> (form: DefinitionForm, routing: Routing, weights: Weights) {
    let states: DType = weights == .plain ? .bfloat16 : .float8_e4m3fn
    let matrices: DType = weights == .plain ? .float32 : .float8_e4m3fn
    var inputs: OrderedMap<TensorSpec> = [:]
    if routing == .precomputed {
      inputs["topk_ids"] = .tensor("seq_len", "top_k", dtype: .int32)
    } else {
      inputs["routing_logits"] = .tensor("seq_len", "num_experts", dtype: .bfloat16)
    }
    inputs["hidden_states"] = .tensor("seq_len", "hidden_size", dtype: states)
    inputs["gemm1_weights"] = .tensor("num_experts", "gemm1_out_size", "hidden_size", dtype: matrices)
    if weights == .expertScaled {
      inputs["output1_scales_scalar"] = .tensor("num_experts", dtype: .float32)
      inputs["output1_scales_gate_scalar"] = .tensor("num_experts", dtype: .float32)
    }
    inputs["gemm2_weights"] = .tensor("num_experts", "hidden_size", "intermediate_size", dtype: matrices)
    if weights == .expertScaled { inputs["output2_scales_scalar"] = .tensor("num_experts", dtype: .float32) }
    if routing == .llama4 { inputs["routing_bias"] = .tensor("num_experts", dtype: .bfloat16) }
    return (DefinitionForm(inputs: inputs, outputs: output, constants: sizes + ["num_experts"]), routing, weights)
  }
}
