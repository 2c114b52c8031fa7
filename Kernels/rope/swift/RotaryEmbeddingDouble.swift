import KernelRuntime

extension RotaryEmbedding {
  /// Rotation in double precision, whatever the element type of queries and keys.
  static let double = DoubleOracle(
    operation: "rope", room: "rope",
    forms: DoubleOracle.types.map {
      DefinitionForm(
        of: definition(
          queryHeads: 1, keyValueHeads: 1, headDimension: 2, rotaryDimension: 2, style: .neox, dtype: $0))
    }, float32Forms: [form]
  ) { call throws(KernelError) in
    let positions = call.int32s("positions"), table = call.doubles("cos_sin_cache")
    let (length, rotary) = (call.tensor("cos_sin_cache").shape[0], call.tensor("cos_sin_cache").shape[1])
    for (i, position) in positions.enumerated() where !(0..<length ~= Int(position)) {
      throw call.failure("positions[\(i)] is \(position), the table has \(length) rows")
    }
    let half = rotary / 2, isNeox = style(of: call.definition) == .neox
    for name in ["q", "k"] {
      let x = call.doubles(name), (heads, width) = (call.tensor(name).shape[1], call.tensor(name).shape[2])
      var y = x
      for (token, position) in positions.enumerated() {
        for head in 0..<heads {
          let row = (token * heads + head) * width
          for i in 0..<half {
            let (first, second) = isNeox ? (row + i, row + i + half) : (row + 2 * i, row + 2 * i + 1)
            let cosine = table[Int(position) * rotary + i], sine = table[Int(position) * rotary + half + i]
            y[first] = x[first] * cosine - x[second] * sine
            y[second] = x[second] * cosine + x[first] * sine
          }
        }
      }
      call.store(y, in: "\(name)_out")
    }
  }
}
