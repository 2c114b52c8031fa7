import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

/// The references say that they are batch-invariant: a row's bits depend on that row alone.
@Suite struct InvarianceTests {
  private let library = KernelLibrary(
    solutions: KernelCatalog.solutions, policy: KernelPolicy(preferred: [.swift]))

  private func cases(_ names: [String]) throws -> [FixtureCase] {
    try Set(names.map { try PublicDefinitions.named($0).opType }).sorted().flatMap { operation in
      try FixtureCase.all(operation).filter { names.contains($0.definition.name) && !$0.name.hasPrefix("empty") }
    }
  }

  private func bits(_ tensors: [Tensor]) -> [[UInt8]] {
    tensors.map { Array(UnsafeRawBufferPointer(start: $0.pointer, count: $0.byteCount)) }
  }

  @Test("results are the same bit for bit on any number of threads")
  func threads() throws {
    let names = [
      "fused_add_rmsnorm_h2048", "gemm_n128_k2048", "rope_with_cos_sin_cache_neox_style_d128_rd64",
      "gqa_paged_prefill_causal_h5_kv1_d128_ps64", "gqa_ragged_prefill_causal_h6_kv1_d128",
      "mla_paged_decode_h16_ckv512_kpe64_ps1", "mla_ragged_prefill_causal_h8_qk192_vo128",
      "trtllm_fp8_per_tensor_scale_moe_topk8_e128_h2048_i768",
    ]
    for each in try cases(names) {
      let kernel = try library.bind(each.definition)
      var first: [[UInt8]]?
      for count in 1...4 {
        let stream = CPUStream(threads: count)
        let (arguments, outputs) = try each.arguments(on: stream.pool)
        try kernel.apply(arguments, on: stream)
        if let first { #expect(bits(outputs) == first, "\(each) on \(count) threads") } else { first = bits(outputs) }
      }
    }
  }

  @Test("a row alone gives the bits that it gives among others")
  func rows() throws {
    let stream = CPUStream(threads: 2)
    let names = [
      "rmsnorm_h128", "gemm_n128_k2048", "rope_with_cos_sin_cache_neox_style_d128_rd64",
      "trtllm_fp8_per_tensor_scale_moe_topk8_e128_h2048_i768", "moe_fp8_block_scale_renorm_topk10_e128_h2048_i512",
    ]
    for each in try cases(names) where each.name != "one" {
      let kernel = try library.bind(each.definition), axis = each.definition.inputs[0].value.shape?[0] ?? ""
      let rows = try #require(each.axes[axis])
      let (arguments, outputs) = try each.arguments(on: stream.pool)
      try kernel.apply(arguments, on: stream)
      for row in [0, rows / 2, rows - 1] {
        var alone: [KernelArgument] = [], results: [Tensor] = []
        for ((name, spec), argument) in zip(each.definition.inputs, arguments) {
          guard let at = spec.shape?.firstIndex(of: axis) else {
            alone.append(argument)
            continue
          }
          #expect(at == 0 || name == "hidden_states_scale")
          alone.append(.tensor(column(of: argument.tensor, axis: at, row)))
        }
        for output in outputs { results.append(Tensor(output.dtype, Shape([1] + output.shape.array.dropFirst()))) }
        try kernel.apply(alone + results.map { .tensor($0) }, on: stream)
        #expect(bits(results) == bits(outputs.map { $0.narrow(0, from: row, count: 1) }), "\(each), row \(row)")
      }
    }
  }

  /// One index of an axis as a contiguous tensor.
  private func column(of tensor: Tensor, axis: Int, _ index: Int) -> Tensor {
    let view = tensor.narrow(axis, from: index, count: 1)
    if view.isContiguous { return view }
    let copy = Tensor(tensor.dtype, view.shape)  // [blocks, 1]
    for i in 0..<view.shape[0] { copy.setBits(tensor.bits(at: i * tensor.shape[1] + index), at: i) }
    return copy
  }

  @Test("a sequence alone gives the bits that it gives among others")
  func sequences() throws {
    let stream = CPUStream(threads: 2)
    for name in ["gqa_paged_decode_h6_kv1_d128_ps1", "mla_paged_decode_h16_ckv512_kpe64_ps64"] {
      let each = try #require(try cases([name]).first { $0.name == "ragged" })
      let kernel = try library.bind(each.definition), inputs = each.definition.inputs
      let (arguments, outputs) = try each.arguments(on: stream.pool)
      try kernel.apply(arguments, on: stream)
      let pointer = arguments[try #require(inputs.position(of: "kv_indptr"))].tensor.int32s
      for sequence in 0..<pointer.count - 1 {
        var alone = arguments
        for (i, (name, spec)) in inputs.enumerated() {
          let first = Int(pointer[sequence]), count = Int(pointer[sequence + 1]) - first
          switch (name, spec.shape?.first) {
          case ("kv_indptr", _): alone[i] = .tensor(Tensor([0, Int32(count)], [2]))
          case ("kv_indices", _): alone[i] = .tensor(arguments[i].tensor.narrow(0, from: first, count: count))
          case (_, "batch_size"): alone[i] = .tensor(arguments[i].tensor.narrow(0, from: sequence, count: 1))
          default: break
          }
        }
        let results = outputs.map { Tensor($0.dtype, Shape([1] + $0.shape.array.dropFirst())) }
        for (i, result) in results.enumerated() { alone[inputs.count + i] = .tensor(result) }
        try kernel.apply(alone, on: stream)
        #expect(
          bits(results) == bits(outputs.map { $0.narrow(0, from: sequence, count: 1) }), "\(each), \(sequence)")
      }
    }
  }
}
