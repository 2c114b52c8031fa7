import KernelRuntime
import Tensors
import Traces

/// Causal grouped-query attention of ragged queries over keys and values in rows, as a prefill without a cache has them.
/// Definition `gqa_ragged_prefill_causal_h<qo>_kv<kv>_d<dim>`.
///
///     sequence i: queries qo_indptr[i] ..< qo_indptr[i+1], keys and values kv_indptr[i] ..< kv_indptr[i+1];
///     its last query sits at its last position
public enum RaggedAttention {
  /// - dtype: of queries, keys, values and output: float32, bfloat16 or float16.
  public static func definition(
    queryHeads: Int, keyValueHeads: Int, headDimension: Int, dtype: DType = .float32
  ) -> Definition {
    .literal { () throws(SchemaError) in
      let query = TensorSpec.tensor("total_q", "num_qo_heads", "head_dim", dtype: dtype)
      let rows = TensorSpec.tensor("total_kv", "num_kv_heads", "head_dim", dtype: dtype)
      return try Definition(
        name: "gqa_ragged_prefill_causal_h\(queryHeads)_kv\(keyValueHeads)_d\(headDimension)\(dtype.nameSuffix)",
        opType: "gqa_ragged",
        axes: [
          "num_qo_heads": .const(queryHeads), "num_kv_heads": .const(keyValueHeads), "head_dim": .const(headDimension),
          "len_indptr": .var, "total_q": .var, "total_kv": .var,
        ],
        inputs: [
          "q": query, "k": rows, "v": rows, "qo_indptr": .tensor("len_indptr", dtype: .int32),
          "kv_indptr": .tensor("len_indptr", dtype: .int32), "sm_scale": .scalar(.float32),
        ],
        outputs: ["output": query, "lse": .tensor("total_q", "num_qo_heads", dtype: .float32)],
        reference: AttentionReference(dtype: dtype).python,
        description: "Grouped-query attention of ragged queries over ragged keys and values; causal; lse in base 2.",
        constraints: ["total_q == qo_indptr[-1].item()", "total_kv == kv_indptr[-1].item()"])
    }
  }

  static let solutions: [KernelSolution] = [GroupedAttentionDouble.ragged.solution]
}
