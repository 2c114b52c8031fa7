import KernelRuntime
import Tensors
import Traces

/// Root mean square normalization of each head of queries and keys, before rotary embedding (Qwen 3).
/// Definition `qk_norm_h<qo heads>_kv<kv heads>_d<head dim>`; the outputs may be the inputs.
public enum QueryKeyNorm {
  /// - dtype: of queries, keys and weights: float32, bfloat16 or float16.
  public static func definition(
    queryHeads: Int, keyValueHeads: Int, headDimension: Int, dtype: DType = .float32
  ) -> Definition {
    .literal { () throws(SchemaError) in
      let query = TensorSpec.tensor("num_tokens", "num_qo_heads", "head_dim", dtype: dtype)
      let key = TensorSpec.tensor("num_tokens", "num_kv_heads", "head_dim", dtype: dtype)
      let weight = TensorSpec.tensor("head_dim", dtype: dtype)
      return try Definition(
        name: "qk_norm_h\(queryHeads)_kv\(keyValueHeads)_d\(headDimension)\(dtype.nameSuffix)", opType: "qk_norm",
        axes: [
          "num_tokens": .var, "num_qo_heads": .const(queryHeads), "num_kv_heads": .const(keyValueHeads),
          "head_dim": .const(headDimension),
        ],
        inputs: ["q": query, "k": key, "q_weight": weight, "k_weight": weight, "eps": .scalar(.float32)],
        outputs: ["q_out": query, "k_out": key],
        reference: """
          import torch

          @torch.no_grad()
          def run(q, k, q_weight, k_weight, eps):
              def normalize(rows, weight):
                  x = rows.to(torch.float32)
                  inv_rms = torch.rsqrt(x.pow(2).mean(dim=-1, keepdim=True) + eps)
                  return \(dtype.rounded(python: "x * inv_rms * weight.to(torch.float32)"))

              return normalize(q, q_weight), normalize(k, k_weight)
          """,
        description: "Root mean square normalization of each head of queries and of keys.",
        tags: ["in_place:q_out=q", "in_place:k_out=k"])
    }
  }

  static let solutions: [KernelSolution] = [double.solution]
}
