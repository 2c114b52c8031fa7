/// Rotary position embedding in place, in plain Swift and double precision.
/// - x: [tokens, heads, dimension]; table: [positions, rotary], cosines then sines.
func rotateOracle(
  _ x: UnsafeMutablePointer<Float>, _ table: UnsafePointer<Float>, _ positions: UnsafePointer<Int32>, tokens: Int,
  heads: Int, dimension: Int, rotary: Int, style: RotaryStyle
) {
  for token in 0..<tokens {
    for head in 0..<heads {
      let row = x + (token * heads + head) * dimension
      for i in 0..<rotary / 2 {
        let (first, second) = style == .neox ? (i, i + rotary / 2) : (2 * i, 2 * i + 1)
        let a = Double(row[first]), b = Double(row[second])
        let cosine = Double(table[Int(positions[token]) * rotary + i])
        let sine = Double(table[Int(positions[token]) * rotary + rotary / 2 + i])
        row[first] = Float(a * cosine - b * sine)
        row[second] = Float(b * cosine + a * sine)
      }
    }
  }
}
