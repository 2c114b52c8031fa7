import Glibc
import KernelRuntime

extension SiluAndMul {
  /// silu(gate) * up in double precision, whatever the element types.
  static let double = DoubleOracle(
    operation: "silu_and_mul", room: "silu_and_mul",
    forms: DoubleOracle.types.map { DefinitionForm(of: definition(intermediateSize: 1, dtype: $0)) },
    float32Forms: [form]
  ) { call in
    let x = call.doubles("input"), width = call.tensor("output").shape[1], rows = call.tensor("output").shape[0]
    var y: [Double] = []
    y.reserveCapacity(rows * width)
    for row in 0..<rows {
      for i in 0..<width {
        let gate = x[row * 2 * width + i], up = x[(row * 2 + 1) * width + i]
        y.append(gate / (1 + exp(-gate)) * up)
      }
    }
    call.store(y, in: "output")
  }
}
