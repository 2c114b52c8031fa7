import Glibc
import KernelRuntime
import Tensors
import Traces

/// Two results of attention over different keys as one over all of them (cascade inference, split keys).
/// Definition `merge_states_h<heads>_d<head dim>`; `s` are logarithms of sums in base 2, as attention's `lse`.
///
///     s = log2(2^s_a + 2^s_b)        v = v_a · 2^(s_a - s) + v_b · 2^(s_b - s)
public enum MergeStates {
  /// - dtype: of the values: float32, bfloat16 or float16.
  public static func definition(heads: Int, headDimension: Int, dtype: DType = .float32) -> Definition {
    .literal { () throws(SchemaError) in
      let values = TensorSpec.tensor("num_rows", "num_heads", "head_dim", dtype: dtype)
      let sums = TensorSpec.tensor("num_rows", "num_heads", dtype: .float32)
      return try Definition(
        name: "merge_states_h\(heads)_d\(headDimension)\(dtype.nameSuffix)", opType: "merge_states",
        axes: ["num_rows": .var, "num_heads": .const(heads), "head_dim": .const(headDimension)],
        inputs: ["v_a": values, "s_a": sums, "v_b": values, "s_b": sums],
        outputs: ["v_merged": values, "s_merged": sums],
        reference: """
          import torch

          @torch.no_grad()
          def run(v_a, s_a, v_b, s_b):
              highest = torch.maximum(s_a, s_b)
              base = torch.where(highest.isinf(), torch.zeros_like(highest), highest)
              a, b = torch.exp2(s_a - base), torch.exp2(s_b - base)
              total = a + b
              share = torch.where(total > 0, total, torch.ones_like(total))
              a, b = (a / share).unsqueeze(-1), (b / share).unsqueeze(-1)
              v = a * v_a.to(torch.float32) + b * v_b.to(torch.float32)
              return \(dtype.rounded(python: "v")), base + torch.log2(total)
          """,
        description: "Merges two partial results of attention by their logarithms of sums, in base 2; "
          + "what neither saw is zeros and minus infinity.")
    }
  }

  static let solutions: [KernelSolution] = [double.solution]

  static let double = DoubleOracle(
    operation: "merge_states", room: "attention",
    forms: DoubleOracle.types.map { DefinitionForm(of: definition(heads: 1, headDimension: 1, dtype: $0)) }
  ) { call in
    let (a, b) = (call.doubles("v_a"), call.doubles("v_b"))
    let (sA, sB) = (call.doubles("s_a"), call.doubles("s_b"))
    let width = call.tensor("v_a").shape[2]
    var v = [Double](repeating: 0, count: a.count), s = [Double](repeating: -.infinity, count: sA.count)
    for row in s.indices {
      let highest = max(sA[row], sB[row])
      if highest == -.infinity { continue }
      let (weightA, weightB) = (exp2(sA[row] - highest), exp2(sB[row] - highest)), total = weightA + weightB
      s[row] = highest + log2(total)
      for i in row * width..<(row + 1) * width { v[i] = (a[i] * weightA + b[i] * weightB) / total }
    }
    call.store(v, in: "v_merged")
    call.store(s, in: "s_merged")
  }
}
