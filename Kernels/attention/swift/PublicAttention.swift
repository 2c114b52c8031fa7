import KernelRuntime
import Tensors
import Traces

/// The public definitions `gqa_paged_decode_…`, `gqa_paged_prefill_causal_…` (pages of one token, or of several with
/// `kv_last_page_len`) and `gqa_ragged_prefill_causal_…`: bfloat16 queries, keys and values.
enum PublicAttention {
  static let solutions: [KernelSolution] = [
    .reference(operation: "gqa_paged", room: "attention", supports: { refusal(of: $0, among: pagedForms) }) { _ in
      { call throws(KernelError) in try attendPaged(call) }
    },
    .reference(operation: "gqa_ragged", room: "attention", supports: { refusal(of: $0, among: [raggedForm]) }) { _ in
      { call throws(KernelError) in try attendRagged(call) }
    },
  ]

  private static func refusal(of definition: Definition, among forms: [DefinitionForm]) -> String? {
    if let refusal = DefinitionForm.refusal(of: definition, among: forms) { return refusal }
    let heads = definition.constant("num_qo_heads"), keyHeads = definition.constant("num_kv_heads")
    guard keyHeads > 0, heads % keyHeads == 0 else {
      return "num_qo_heads is \(heads), expected a multiple of num_kv_heads = \(keyHeads)"
    }
    // Without the last page's length every page is full, so only pages of one token can end anywhere.
    if let pageSize = definition.axes["page_size"]?.value, pageSize > 1, definition.inputs["kv_last_page_len"] == nil {
      return "page_size is \(pageSize) without kv_last_page_len, expected 1"
    }
    return nil
  }

  private static let constants = ["num_qo_heads", "num_kv_heads", "head_dim"]

  /// Decoding has one query for each sequence; in prefill kv_last_page_len has one entry for each sequence, or one more.
  private static let pagedForms: [DefinitionForm] =
    [nil, "batch_size"].map { pagedForm(rows: "batch_size", isPrefill: false, lastPageAxis: $0) }
    + [nil, "batch_size", "len_indptr"].map { pagedForm(rows: "total_q", isPrefill: true, lastPageAxis: $0) }

  private static func pagedForm(rows: String, isPrefill: Bool, lastPageAxis: String?) -> DefinitionForm {
    let query = TensorSpec.tensor(rows, "num_qo_heads", "head_dim", dtype: .bfloat16)
    let cache = TensorSpec.tensor("num_pages", "page_size", "num_kv_heads", "head_dim", dtype: .bfloat16)
    var inputs: OrderedMap<TensorSpec> = ["q": query, "k_cache": cache, "v_cache": cache]
    if isPrefill { inputs["qo_indptr"] = .tensor("len_indptr", dtype: .int32) }
    inputs["kv_indptr"] = .tensor("len_indptr", dtype: .int32)
    inputs["kv_indices"] = .tensor("num_kv_indices", dtype: .int32)
    if let lastPageAxis { inputs["kv_last_page_len"] = .tensor(lastPageAxis, dtype: .int32) }
    inputs["sm_scale"] = .scalar(.float32)
    return DefinitionForm(
      inputs: inputs, outputs: ["output": query, "lse": .tensor(rows, "num_qo_heads", dtype: .float32)],
      constants: constants + ["page_size"])
  }

  private static let raggedForm: DefinitionForm = {
    let query = TensorSpec.tensor("total_q", "num_qo_heads", "head_dim", dtype: .bfloat16)
    let rows = TensorSpec.tensor("total_kv", "num_kv_heads", "head_dim", dtype: .bfloat16)
    return DefinitionForm(
      inputs: [
        "q": query, "k": rows, "v": rows, "qo_indptr": .tensor("len_indptr", dtype: .int32),
        "kv_indptr": .tensor("len_indptr", dtype: .int32), "sm_scale": .scalar(.float32),
      ], outputs: ["output": query, "lse": .tensor("total_q", "num_qo_heads", dtype: .float32)], constants: constants)
  }()

  private static func attendPaged(_ call: ReferenceCall) throws(KernelError) {
    let sequences = try ReferenceSequences(paged: call, query: "q", cache: "k_cache").sequences
    let pages = call.int32s("kv_indices"), pageSize = call.tensor("k_cache").shape[1]
    run(call, sequences, keys: "k_cache", values: "v_cache") { sequence, position in
      Int(pages[sequence.entries.lowerBound + position / pageSize]) * pageSize + position % pageSize
    }
  }

  private static func attendRagged(_ call: ReferenceCall) throws(KernelError) {
    let sequences = try ReferenceSequences(ragged: call).sequences
    run(call, sequences, keys: "k", values: "v") { sequence, position in sequence.entries.lowerBound + position }
  }

  /// - slot: where in the flattened keys and values a position of a sequence is.
  private static func run(
    _ call: ReferenceCall, _ sequences: [ReferenceSequences.Sequence], keys: String, values: String,
    slot: @escaping (ReferenceSequences.Sequence, Int) -> Int
  ) {
    let query = call.tensor("q"), q = call.halves("q"), k = call.halves(keys), v = call.halves(values)
    let heads = query.shape[1], width = query.shape[2]
    let keyHeads = call.tensor(keys).shape[call.tensor(keys).shape.rank - 2]
    ReferenceAttention(
      keyHeads: keyHeads, group: heads / keyHeads, keyWidth: width, valueWidth: width,
      scale: Float(call.scalar("sm_scale")),
      loadQuery: { token, head, row in
        ReferenceElements.widen(bfloat16: q + (token * heads + head) * width, row, width)
      },
      loadKey: { sequence, position, head, row in
        ReferenceElements.widen(bfloat16: k + (slot(sequence, position) * keyHeads + head) * width, row, width)
      },
      loadValue: { sequence, position, head, row in
        ReferenceElements.widen(bfloat16: v + (slot(sequence, position) * keyHeads + head) * width, row, width)
      }
    ).run(
      sequences, output: call.halves("output"), lse: call.floats("lse"), tokens: query.shape[0], on: call.pool)
  }
}
