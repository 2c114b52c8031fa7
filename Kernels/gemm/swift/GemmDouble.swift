import Checkpoints
import KernelRuntime

extension Gemm {
  /// C = A · Bᵀ (+ bias) with a dense B, in double precision, whatever the element types.
  static let double = DoubleOracle(
    operation: "gemm", room: "gemm",
    forms: [WeightFormat.f32, .f16, .bf16].flatMap { format in
      DoubleOracle.types.flatMap { dtype in
        [false, true].map {
          DefinitionForm(of: definition(format: format, features: 1, inputs: 1, hasBias: $0, dtype: dtype))
        }
      }
    }, float32Forms: forms.values.flatMap { $0 }
  ) { call in
    let a = call.doubles("A"), b = call.doubles("B"),
      bias = call.definition.inputs["bias"].map { _ in call.doubles("bias") }
    let (M, K) = (call.tensor("A").shape[0], call.tensor("A").shape[1]), N = call.tensor("B").shape[0]
    var c = [Double](repeating: 0, count: M * N)
    for m in 0..<M {
      for n in 0..<N {
        var sum = bias?[n] ?? 0
        for k in 0..<K { sum += a[m * K + k] * b[n * K + k] }
        c[m * N + n] = sum
      }
    }
    call.store(c, in: "C")
  }
}
