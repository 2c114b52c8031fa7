import Checkpoints
import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

/// Which solutions say that they can compute which definitions.
@Suite struct AvailabilityTests {
  /// One definition of each room as the engine writes it.
  private static let own: [Definition] = [
    RMSNorm.definition(hiddenSize: 128), FusedAddRMSNorm.definition(hiddenSize: 128),
    Embedding.definition(format: .f16, vocabularySize: 8, hiddenSize: 64),
    Gemm.definition(format: .f16, features: 32, inputs: 64, hasBias: false),
    Gemm.definition(format: .q8_0, features: 32, inputs: 64, hasBias: true),
    RotaryEmbedding.definition(
      queryHeads: 4, keyValueHeads: 2, headDimension: 128, rotaryDimension: 64, style: .neox),
    KeyValueStore.definition(keyValueHeads: 2, headDimension: 128, pageSize: 64, cacheType: .bfloat16),
    PagedAttention.definition(
      queryHeads: 4, keyValueHeads: 2, headDimension: 128, pageSize: 64, cacheType: .bfloat16),
    SiluAndMul.definition(intermediateSize: 64), Sampler.definition(vocabularySize: 128),
  ]

  /// Every constant input zeroed, so that no solution can refuse for the lack of one.
  private func context(_ definition: Definition) -> BindContext {
    var constants: [String: Tensor] = [:]
    for (name, spec) in definition.inputs where ["B", "bias", "weight"].contains(name) {
      let shape = (spec.shape ?? []).map { definition.axes[$0]?.value ?? 0 }
      if shape.reduce(1, *) < 1 << 20 { constants[name] = Tensor(spec.dtype, Shape(shape)) }
    }
    return BindContext(device: .cpu, constants: constants)
  }

  private func accepting(_ definition: Definition) -> [String] {
    KernelCatalog.solutions.filter {
      $0.computes(definition)
        && ($0.availability(definition, context(definition)) == .available
          || $0.availability(definition, BindContext(device: .cpu)) == .available)
    }.map(\.name)
  }

  @Test("of all solutions exactly the reference accepts a public definition")
  func publicDefinitions() {
    #expect(PublicDefinitions.all.count == 97)
    for definition in PublicDefinitions.all {
      #expect(accepting(definition) == ["\(definition.opType)_swift_reference"], "\(definition.name)")
    }
  }

  @Test("a room's own definition is not claimed by a reference, and is by its plain Swift")
  func ownDefinitions() {
    for definition in Self.own {
      let names = accepting(definition)
      #expect(names.contains("\(definition.opType)_swift"), "\(definition.name): \(names)")
      #expect(!names.contains { $0.hasSuffix("_reference") }, "\(definition.name): \(names)")
    }
  }

  @Test("names are unique among the solutions of an operation")
  func names() {
    let names = KernelCatalog.solutions.map(\.name)
    #expect(Set(names).count == names.count)
  }

  private func refusals(_ definition: Definition) -> [String: String] {
    var reasons: [String: String] = [:]
    for solution in KernelCatalog.solutions where solution.computes(definition) {
      if case .unavailable(let reason) = solution.availability(definition, context(definition)) {
        reasons[solution.name] = reason
      }
    }
    return reasons
  }

  @Test("a refusal says what is expected and what the definition has")
  func reasons() throws {
    let rmsnorm = refusals(try PublicDefinitions.named("rmsnorm_h4096"))
    #expect(
      rmsnorm["rmsnorm_swift"] == "takes the inputs (hidden_states, weight, eps), not (hidden_states, weight)")
    let gemm = refusals(try PublicDefinitions.named("gemm_n128_k2048"))
    #expect(gemm["gemm_swift"] == "the definition has no tag weight_format:<format>")
    let attention = refusals(try PublicDefinitions.named("gqa_paged_prefill_causal_h5_kv1_d128_ps64"))
    #expect(attention["gqa_paged_swift"] == "takes q as float32, not bfloat16")
    #expect(
      refusals(Self.own[0])["rmsnorm_swift_reference"]
        == "takes the inputs (hidden_states, weight), or (hidden_states, residual, weight), "
        + "not (hidden_states, weight, eps)")
    let typed = try PublicDefinitions.named("rope_with_cos_sin_cache_neox_style_d128_rd64")
    var inputs = typed.inputs
    inputs["positions"] = .tensor("num_tokens", dtype: .int32)
    #expect(
      refusals(try typed.with(inputs: inputs))["rope_swift_reference"] == "takes positions as int64, not int32")
  }

  @Test("a reference refuses a definition whose sizes or text do not fit")
  func otherSizes() throws {
    let gqa = try PublicDefinitions.named("gqa_paged_decode_h16_kv2_d128_ps1")
    var axes = gqa.axes
    axes["num_kv_heads"] = .const(3)
    #expect(
      refusals(try gqa.with(axes: axes))["gqa_paged_swift_reference"]
        == "num_qo_heads is 16, expected a multiple of num_kv_heads = 3")
    axes = gqa.axes
    axes["page_size"] = .const(64)
    #expect(
      refusals(try gqa.with(axes: axes))["gqa_paged_swift_reference"]
        == "page_size is 64 without kv_last_page_len, expected 1")
    let norm = try PublicDefinitions.named("rmsnorm_h128")
    #expect(
      refusals(try norm.with(reference: "def run(hidden_states, weight):\n  return hidden_states\n"))[
        "rmsnorm_swift_reference"] == "the reference does not say EPS = <number>")
    let moe = try PublicDefinitions.named("moe_fp8_block_scale_renorm_topk8_e128_h2048_i768")
    axes = moe.axes
    axes["top_k"] = .const(129)
    #expect(
      refusals(try moe.with(axes: axes))["moe_swift_reference"] == "top_k is 129, expected 1...128, the experts")
    axes = moe.axes
    axes["num_hidden_blocks"] = .const(15)
    #expect(
      refusals(try moe.with(axes: axes))["moe_swift_reference"]
        == "num_hidden_blocks is 15, expected hidden_size / 128 = 16")
  }

  @Test("inputs that are held constant at bind are taken from there")
  func constants() throws {
    let definition = try PublicDefinitions.named("gemm_n128_k2048"), stream = CPUStream(threads: 1)
    let a = Tensor(.float16, [1, 2048]), b = Tensor(.float16, [128, 2048])
    a.setBits(DType.float16.encode(2), at: 5)
    b.setBits(DType.float16.encode(3), at: 2048 * 7 + 5)
    let library = KernelLibrary(solutions: KernelCatalog.solutions, policy: KernelPolicy(preferred: [.swift]))
    let whole = Tensor(.float16, [1, 128]), bound = Tensor(.float16, [1, 128])
    try library.bind(definition).apply([.tensor(a), .tensor(b), .tensor(whole)], on: stream)
    try library.bind(definition, constants: ["B": b]).apply([.tensor(a), .tensor(bound)], on: stream)
    #expect(whole.values == bound.values)
    #expect(whole.values[7] == 6 && whole.values.reduce(0, +) == 6)
  }
}
