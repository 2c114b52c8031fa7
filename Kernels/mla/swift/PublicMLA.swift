import KernelRuntime
import Tensors
import Traces

/// The public definitions of multi-head latent attention (DeepSeek-V2): `mla_paged_decode_…`,
/// `mla_paged_prefill_causal_…` over a cache of compressed latents shared by all heads, and `mla_ragged_prefill_causal_…`
/// over plain keys and values of different widths.
///
///     paged:   score = (q_nope · ckv + q_pe · kpe) * sm_scale;  output = softmax(score) · ckv
///     ragged:  score = (q · k) * sm_scale;                      output = softmax(score) · v
enum PublicMLA {
  static let solutions: [KernelSolution] = [
    .reference(
      operation: "mla_paged", room: "mla",
      supports: { definition in
        if let refusal = DefinitionForm.refusal(of: definition, among: pagedForms) { return refusal }
        if definition.constant("page_size") > 1, definition.inputs["kv_last_page_len"] == nil {
          return "page_size is \(definition.constant("page_size")) without kv_last_page_len, expected 1"
        }
        return nil
      }
    ) { _ in { call throws(KernelError) in try attendPaged(call) } },
    .reference(
      operation: "mla_ragged", room: "mla",
      supports: { definition in
        if let refusal = raggedForm.refusal(of: definition) { return refusal }
        let heads = definition.constant("num_qo_heads"), keyHeads = definition.constant("num_kv_heads")
        return heads == keyHeads ? nil : "num_kv_heads is \(keyHeads), expected num_qo_heads = \(heads)"
      }
    ) { _ in { call throws(KernelError) in try attendRagged(call) } },
  ]

  private static let pagedForms: [DefinitionForm] =
    [nil, "batch_size"].map { pagedForm(rows: "batch_size", isPrefill: false, lastPageAxis: $0) }
    + [nil, "batch_size", "len_indptr"].map { pagedForm(rows: "total_q", isPrefill: true, lastPageAxis: $0) }

  private static func pagedForm(rows: String, isPrefill: Bool, lastPageAxis: String?) -> DefinitionForm {
    let query = TensorSpec.tensor(rows, "num_qo_heads", "head_dim_ckv", dtype: .bfloat16)
    var inputs: OrderedMap<TensorSpec> = [
      "q_nope": query, "q_pe": .tensor(rows, "num_qo_heads", "head_dim_kpe", dtype: .bfloat16),
      "ckv_cache": .tensor("num_pages", "page_size", "head_dim_ckv", dtype: .bfloat16),
      "kpe_cache": .tensor("num_pages", "page_size", "head_dim_kpe", dtype: .bfloat16),
    ]
    if isPrefill { inputs["qo_indptr"] = .tensor("len_indptr", dtype: .int32) }
    inputs["kv_indptr"] = .tensor("len_indptr", dtype: .int32)
    inputs["kv_indices"] = .tensor("num_kv_indices", dtype: .int32)
    if let lastPageAxis { inputs["kv_last_page_len"] = .tensor(lastPageAxis, dtype: .int32) }
    inputs["sm_scale"] = .scalar(.float32)
    return DefinitionForm(
      inputs: inputs, outputs: ["output": query, "lse": .tensor(rows, "num_qo_heads", dtype: .float32)],
      constants: ["num_qo_heads", "head_dim_ckv", "head_dim_kpe", "page_size"])
  }

  private static let raggedForm = DefinitionForm(
    inputs: [
      "q": .tensor("total_q", "num_qo_heads", "qk_dim", dtype: .bfloat16),
      "k": .tensor("total_kv", "num_kv_heads", "qk_dim", dtype: .bfloat16),
      "v": .tensor("total_kv", "num_kv_heads", "vo_dim", dtype: .bfloat16),
      "qo_indptr": .tensor("len_indptr", dtype: .int32), "kv_indptr": .tensor("len_indptr", dtype: .int32),
      "sm_scale": .scalar(.float32),
    ],
    outputs: [
      "output": .tensor("total_q", "num_qo_heads", "vo_dim", dtype: .bfloat16),
      "lse": .tensor("total_q", "num_qo_heads", dtype: .float32),
    ], constants: ["num_qo_heads", "num_kv_heads", "qk_dim", "vo_dim"])

  /// All heads share one latent: one key head, whose key is the latent beside its positional part.
  private static func attendPaged(_ call: ReferenceCall) throws(KernelError) {
    let sequences = try ReferenceSequences(paged: call, query: "q_nope", cache: "ckv_cache").sequences
    let pages = call.int32s("kv_indices"), pageSize = call.tensor("ckv_cache").shape[1]
    let nope = call.halves("q_nope"), pe = call.halves("q_pe")
    let ckv = call.halves("ckv_cache"), kpe = call.halves("kpe_cache")
    let heads = call.tensor("q_nope").shape[1]
    let latent = call.tensor("q_nope").shape[2], positional = call.tensor("q_pe").shape[2]
    func slot(_ sequence: ReferenceSequences.Sequence, _ position: Int) -> Int {
      Int(pages[sequence.entries.lowerBound + position / pageSize]) * pageSize + position % pageSize
    }
    ReferenceAttention(
      keyHeads: 1, group: heads, keyWidth: latent + positional, valueWidth: latent,
      scale: Float(call.scalar("sm_scale")),
      loadQuery: { token, head, row in
        let place = token * heads + head
        ReferenceElements.widen(bfloat16: nope + place * latent, row, latent)
        ReferenceElements.widen(bfloat16: pe + place * positional, row + latent, positional)
      },
      loadKey: { sequence, position, _, row in
        let slot = slot(sequence, position)
        ReferenceElements.widen(bfloat16: ckv + slot * latent, row, latent)
        ReferenceElements.widen(bfloat16: kpe + slot * positional, row + latent, positional)
      },
      loadValue: { sequence, position, _, row in
        ReferenceElements.widen(bfloat16: ckv + slot(sequence, position) * latent, row, latent)
      }
    ).run(
      sequences, output: call.halves("output"), lse: call.floats("lse"), tokens: call.tensor("q_nope").shape[0],
      on: call.pool)
  }

  private static func attendRagged(_ call: ReferenceCall) throws(KernelError) {
    let sequences = try ReferenceSequences(ragged: call).sequences
    let q = call.halves("q"), k = call.halves("k"), v = call.halves("v")
    let heads = call.tensor("q").shape[1], keyWidth = call.tensor("q").shape[2], valueWidth = call.tensor("v").shape[2]
    ReferenceAttention(
      keyHeads: heads, group: 1, keyWidth: keyWidth, valueWidth: valueWidth, scale: Float(call.scalar("sm_scale")),
      loadQuery: { token, head, row in
        ReferenceElements.widen(bfloat16: q + (token * heads + head) * keyWidth, row, keyWidth)
      },
      loadKey: { sequence, position, head, row in
        let place = (sequence.entries.lowerBound + position) * heads + head
        ReferenceElements.widen(bfloat16: k + place * keyWidth, row, keyWidth)
      },
      loadValue: { sequence, position, head, row in
        let place = (sequence.entries.lowerBound + position) * heads + head
        ReferenceElements.widen(bfloat16: v + place * valueWidth, row, valueWidth)
      }
    ).run(
      sequences, output: call.halves("output"), lse: call.floats("lse"), tokens: call.tensor("q").shape[0],
      on: call.pool)
  }
}
