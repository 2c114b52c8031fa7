import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

/// Calls whose indices or numbers are wrong: answered with a sentence, never crashed on.
@Suite struct BadIndexTests {
  private let stream = CPUStream(threads: 1)
  private let library = KernelLibrary(
    solutions: KernelCatalog.solutions, policy: KernelPolicy(preferred: [.swift]))

  private func fixture(_ definition: String, _ name: String) throws -> FixtureCase {
    let operation = try PublicDefinitions.named(definition).opType
    return try #require(try FixtureCase.all(operation).first { $0.definition.name == definition && $0.name == name })
  }

  /// The sentence that a call ends with when some inputs are replaced.
  private func reason(_ each: FixtureCase, _ changed: [String: Tensor]) throws -> String {
    let kernel = try library.bind(each.definition)
    let (arguments, _) = try each.arguments(on: stream.pool, changed: changed)
    do {
      try kernel.apply(arguments, on: stream)
      return "no error"
    } catch {
      #expect(error.code == .runFailed && error.definition == each.definition.name)
      return error.reason
    }
  }

  private func integers(_ values: [Int32]) -> [String: Tensor] { ["kv_indptr": Tensor(values, [values.count])] }

  @Test("index pointers that do not begin at 0, fall, or end elsewhere are refused")
  func pointers() throws {
    for definition in ["gqa_paged_decode_h6_kv1_d128_ps64", "mla_paged_decode_h16_ckv512_kpe64_ps64"] {
      let each = try fixture(definition, "ragged")  // pages 1, 0, 3, 1, 1
      #expect(try reason(each, integers([1, 1, 1, 4, 5, 6])) == "kv_indptr[0] is 1, expected 0")
      #expect(try reason(each, integers([0, 2, 1, 4, 5, 6])) == "kv_indptr falls from 2 to 1 at entry 2")
      #expect(try reason(each, integers([0, 1, 1, 4, 5, 5])) == "kv_indptr ends at 5, expected num_kv_indices = 6")
      #expect(
        try reason(each, integers([0, 1, 1, 4, 5, 2_000_000_000]))
          == "kv_indptr ends at 2000000000, expected num_kv_indices = 6")
    }
    for definition in ["gqa_ragged_prefill_causal_h6_kv1_d128", "mla_ragged_prefill_causal_h8_qk192_vo128"] {
      let each = try fixture(definition, "ragged")  // keys 70, 5, 0, 4, 129
      #expect(
        try reason(each, integers([0, 70, 75, 75, 79, 209])) == "kv_indptr ends at 209, expected total_kv = 208")
      #expect(try reason(each, integers([0, 70, -75, 75, 79, 208])) == "kv_indptr falls from 70 to -75 at entry 2")
      #expect(
        try reason(each, ["qo_indptr": Tensor([0, 3, 3, 5, 9, 11] as [Int32], [6])])
          == "qo_indptr ends at 11, expected total_q = 10")
    }
  }

  @Test("an index pointer without entries is refused")
  func noEntries() throws {
    let definition = try PublicDefinitions.named("gqa_ragged_prefill_causal_h6_kv1_d128")
    let none = Tensor(.int32, [0]), kernel = try library.bind(definition)
    let query = Tensor(.bfloat16, [0, 6, 128]), keys = Tensor(.bfloat16, [0, 1, 128])
    #expect(throws: KernelError.self) {
      try kernel.apply(
        [
          .tensor(query), .tensor(keys), .tensor(keys), .tensor(none), .tensor(none), .scalar(1), .tensor(query),
          .tensor(Tensor(.float32, [0, 6])),
        ], on: stream)
    }
  }

  @Test("pages outside of the cache and impossible lengths of a last page are refused")
  func pages() throws {
    for (definition, cache) in [
      ("gqa_paged_prefill_causal_h5_kv1_d128_ps64", "k_cache"),
      ("mla_paged_prefill_causal_h16_ckv512_kpe64_ps64", "ckv_cache"),
    ] {
      let each = try fixture(definition, "ragged")  // pages 2, 1, 0, 1, 3 of 9
      #expect(
        try reason(each, ["kv_indices": Tensor([0, 1, 2, 3, 4, 5, 9] as [Int32], [7])])
          == "kv_indices[6] is 9, \(cache) has 9 pages")
      #expect(
        try reason(each, ["kv_indices": Tensor([0, 1, -1, 3, 4, 5, 6] as [Int32], [7])])
          == "kv_indices[2] is -1, \(cache) has 9 pages")
      #expect(
        try reason(each, ["kv_last_page_len": Tensor([6, 5, 0, 65, 1] as [Int32], [5])])
          == "kv_last_page_len[3] is 65, expected 0...64")
      #expect(
        try reason(each, ["kv_last_page_len": Tensor([6, -5, 0, 64, 1] as [Int32], [5])])
          == "kv_last_page_len[1] is -5, expected 0...64")
    }
  }

  @Test("positions outside of the table are refused")
  func positions() throws {
    let each = try fixture("rope_with_cos_sin_cache_neox_style_d128_rd64", "one")
    for position in [40, -1, Int.max, Int.min] {
      let positions = Tensor(.int64, [1])
      positions.setBits(UInt64(bitPattern: Int64(position)), at: 0)
      #expect(
        try reason(each, ["positions": positions]) == "positions[0] is \(position), cos_sin_cache has 40 rows")
    }
  }

  @Test("rows that are no probabilities are refused")
  func probabilities() throws {
    let each = try fixture("top_k_top_p_sampling_from_probs_v128256", "one")
    for wrong in [Float.nan, .infinity, -0.5] {
      let probs = Tensor(.float32, [1, 128256])
      probs.elements(as: Float.self).update(repeating: 0.001, count: 128256)
      probs.elements(as: Float.self)[77] = wrong
      #expect(
        try reason(each, ["probs": probs])
          == "row 0 of probs holds a NaN, an infinity or a negative number, or its sum is 0")
    }
    #expect(try reason(each, ["probs": Tensor(.float32, [1, 128256])]).hasSuffix("or its sum is 0"))
  }

  @Test("routing that is not a number, and local experts that are not among all, are refused")
  func routing() throws {
    let definition = try PublicDefinitions.named("moe_fp8_block_scale_ds_routing_topk8_ng1_kg1_e48_h7168_i2048")
    let kernel = try library.bind(definition)
    func reason(offset: Double, logit: Float) throws -> String {
      var arguments = zip(definition.inputs, try definition.inputShapes(axes: ["seq_len": 1])).map { input, shape in
        shape.map { KernelArgument.tensor(Tensor(input.value.dtype, Shape($0))) } ?? .scalar(1)
      }
      arguments[0].tensor.elements(as: Float.self)[5] = logit
      arguments[8] = .scalar(offset)
      do {
        try kernel.apply(arguments + [.tensor(Tensor(.bfloat16, [1, 7168]))], on: stream)
        return "no error"
      } catch { return error.reason }
    }
    #expect(try reason(offset: 336, logit: 0) == "no error")
    #expect(try reason(offset: 336, logit: .nan) == "routing_logits[0, 5] is NaN")
    for offset in [-1, 337, 0.5, .nan, 1e300] {
      #expect(
        try reason(offset: offset, logit: 0)
          == "local_expert_offset is \(offset), expected an integer in 0...336: 48 of 384 experts are here")
    }
  }

  @Test("arguments whose elements are not contiguous are refused")
  func strides() throws {
    let kernel = try library.bind(try PublicDefinitions.named("rmsnorm_h128"))
    let wide = Tensor(.bfloat16, [4, 256]), output = Tensor(.bfloat16, [4, 128])
    #expect(throws: KernelError.self) {
      try kernel.apply(
        [.tensor(wide.narrow(1, from: 0, count: 128)), .tensor(Tensor(.bfloat16, [128])), .tensor(output)], on: stream)
    }
  }

  @Test("queries that see no key get zeros and minus infinity")
  func unseen() throws {
    // Three queries, one key: only the last query sees it. (The definition's own Python divides 0 by 0 here.)
    let definition = try PublicDefinitions.named("gqa_ragged_prefill_causal_h6_kv1_d128")
    let q = Tensor(.bfloat16, [3, 6, 128]), k = Tensor(.bfloat16, [1, 1, 128]), v = Tensor(.bfloat16, [1, 1, 128])
    for i in 0..<128 { v.setBits(DType.bfloat16.encode(2), at: i) }
    let output = Tensor(.bfloat16, [3, 6, 128]), lse = Tensor(.float32, [3, 6])
    for i in 0..<output.count { output.setBits(DType.bfloat16.encode(7), at: i) }
    try library.bind(definition).apply(
      [
        .tensor(q), .tensor(k), .tensor(v), .tensor(Tensor([0, 3] as [Int32], [2])),
        .tensor(Tensor([0, 1] as [Int32], [2])), .scalar(1), .tensor(output), .tensor(lse),
      ], on: stream)
    #expect(output.values == [Float](repeating: 0, count: 2 * 768) + [Float](repeating: 2, count: 768))
    #expect(lse.values == [Float](repeating: -.infinity, count: 12) + [Float](repeating: 0, count: 6))
  }
}
