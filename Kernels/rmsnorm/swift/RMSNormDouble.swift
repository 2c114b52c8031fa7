import KernelRuntime

// Normalisation in plain Swift and double precision, whatever the element types.

/// x / sqrt(mean(x²) + eps) * (weight + offset), each row of `weight.count`.
private func normalized(_ x: [Double], _ weight: [Double], eps: Double, offset: Double = 0) -> [Double] {
  let width = weight.count
  var y = x
  for row in stride(from: 0, to: x.count, by: max(1, width)) {
    var squares = 0.0
    for i in row..<row + width { squares += x[i] * x[i] }
    let scale = 1 / (squares / Double(width) + eps).squareRoot()
    for i in 0..<width { y[row + i] = x[row + i] * scale * (weight[i] + offset) }
  }
  return y
}

extension RMSNorm {
  static let double = DoubleOracle(
    operation: "rmsnorm", room: "rmsnorm",
    forms: DoubleOracle.types.map {
      DefinitionForm(of: definition(hiddenSize: 1, dtype: $0), also: ["weight_offset"])
    }, float32Forms: [form]
  ) { call in
    let offset = call.definition.meaning("weight_offset").flatMap { Double($0) } ?? 0
    let y = normalized(
      call.doubles("hidden_states"), call.doubles("weight"), eps: call.scalar("eps"), offset: offset)
    call.store(y, in: "output")
  }
}

extension FusedAddRMSNorm {
  static let double = DoubleOracle(
    operation: "fused_add_rmsnorm", room: "rmsnorm",
    forms: DoubleOracle.types.map { DefinitionForm(of: definition(hiddenSize: 1, dtype: $0)) }, float32Forms: [form]
  ) { call in
    let sum = zip(call.doubles("hidden_states"), call.doubles("residual")).map { $0 + $1 }
    call.store(normalized(sum, call.doubles("weight"), eps: call.scalar("eps")), in: "output")
    call.store(sum, in: "residual_out")
  }
}

extension QueryKeyNorm {
  static let double = DoubleOracle(
    operation: "qk_norm", room: "rmsnorm",
    forms: DoubleOracle.types.map {
      DefinitionForm(of: definition(queryHeads: 1, keyValueHeads: 1, headDimension: 1, dtype: $0))
    }
  ) { call in
    for name in ["q", "k"] {
      let y = normalized(call.doubles(name), call.doubles("\(name)_weight"), eps: call.scalar("eps"))
      call.store(y, in: "\(name)_out")
    }
  }
}
