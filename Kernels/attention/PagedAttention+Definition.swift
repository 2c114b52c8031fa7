import Tensors
import Traces

extension PagedAttention {
  /// Which queries a call has.
  public enum Stage: String, Sendable, Hashable {
    /// Any number for each sequence, by `qo_indptr`.
    case prefill = "prefill_causal"
    /// One for each sequence, at its last position.
    case decode
  }

  /// What changes scores beside their scale.
  public struct Scores: Sendable, Hashable {
    /// How many positions a query sees, itself included; nil for all.
    public var window: Int?
    /// A score becomes cap · tanh(score / cap); nil for no cap.
    public var softCap: Double?
    /// Adds slope · (key position - query position) to the scores of a head, by the input `alibi_slopes`.
    public var hasAlibi: Bool

    public init(window: Int? = nil, softCap: Double? = nil, hasAlibi: Bool = false) {
      (self.window, self.softCap, self.hasAlibi) = (window, softCap, hasAlibi)
    }

    var tags: [String] {
      (window.map { ["window:\($0)"] } ?? []) + (softCap.map { ["soft_cap:\($0)"] } ?? [])
        + (hasAlibi ? ["alibi"] : [])
    }

    /// Their part of a definition's name.
    var suffix: String {
      (window.map { "_w\($0)" } ?? "") + (softCap.map { "_cap\($0 == $0.rounded() ? "\(Int($0))" : "\($0)")" } ?? "")
        + (hasAlibi ? "_alibi" : "")
    }
  }

  /// `gqa_paged_<stage>_h<qo>_kv<kv>_d<dim>_ps<page size>_kv<cache type>`, with `_w<window>`, `_cap<cap>`, `_alibi` and the
  /// element type appended.
  ///
  /// An int8 cache has the inputs `k_scale` and `v_scale`, tensors: an element is worth itself times its slot's and head's
  /// scale. With a float8_e4m3fn cache they are numbers: one for all keys, one for all values.
  /// - dtype: of queries and output: float32, bfloat16 or float16.
  public static func definition(
    queryHeads: Int, keyValueHeads: Int, headDimension: Int, pageSize: Int, cacheType: DType, window: Int? = nil,
    dtype: DType = .float32, stage: Stage = .prefill, softCap: Double? = nil, hasAlibi: Bool = false
  ) -> Definition {
    .literal { () throws(SchemaError) in
      let scores = Scores(window: window, softCap: softCap, hasAlibi: hasAlibi)
      let form = "h\(queryHeads)_kv\(keyValueHeads)_d\(headDimension)_ps\(pageSize)_kv\(cacheType.rawValue)"
      let rows = stage == .prefill ? "total_q" : "batch_size"
      let query = TensorSpec.tensor(rows, "num_qo_heads", "head_dim", dtype: dtype)
      let caches = ["k_cache", "v_cache"].map {
        ($0, TensorSpec.tensor("num_pages", "page_size", "num_kv_heads", "head_dim", dtype: cacheType))
      }
      let scales: [(String, TensorSpec)] =
        switch cacheType {
        case .int8:
          ["k_scale", "v_scale"].map { ($0, .tensor("num_pages", "page_size", "num_kv_heads", dtype: .float32)) }
        case .float8_e4m3fn: [("k_scale", .scalar(.float32)), ("v_scale", .scalar(.float32))]
        default: []
        }
      let offsets = TensorSpec.tensor("len_indptr", dtype: .int32)
      var axes: OrderedMap<Axis> = [
        "num_qo_heads": .const(queryHeads), "num_kv_heads": .const(keyValueHeads), "head_dim": .const(headDimension),
        "page_size": .const(pageSize),
      ]
      for axis in (stage == .prefill ? [rows] : []) + ["num_pages", "len_indptr", "batch_size", "num_kv_indices"] {
        axes[axis] = .var
      }
      return try Definition(
        name: "gqa_paged_\(stage.rawValue)_\(form)\(scores.suffix)\(dtype.nameSuffix)", opType: "gqa_paged", axes: axes,
        inputs: OrderedMap(
          [("q", query)] + caches + scales + (stage == .prefill ? [("qo_indptr", offsets)] : []) + [
            ("kv_indptr", offsets), ("kv_indices", .tensor("num_kv_indices", dtype: .int32)),
            ("kv_last_page_len", .tensor("batch_size", dtype: .int32)),
          ] + (hasAlibi ? [("alibi_slopes", .tensor("num_qo_heads", dtype: .float32))] : [])
            + [("sm_scale", .scalar(.float32))]),
        outputs: ["output": query, "lse": .tensor(rows, "num_qo_heads", dtype: .float32)],
        reference: AttentionReference(
          scores: scores, dtype: dtype, stage: stage, cacheType: cacheType
        ).python,
        description: stage == .prefill
          ? "Grouped-query attention of ragged queries over a paged cache; causal; lse in base 2."
          : "Grouped-query attention of one query for each sequence over a paged cache; lse in base 2.",
        tags: ["bucket:num_pages=any"] + scores.tags
          + (caches + (cacheType == .int8 ? scales : [])).map { "strided_pages:\($0.0)" },
        constraints: ["len_indptr == batch_size + 1"] + (stage == .prefill ? ["total_q == qo_indptr[-1].item()"] : []))
    }
  }
}
