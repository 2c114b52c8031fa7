// y = silu(gate) * up with gate | up side by side in each row; silu(x) = x / (1 + e^-x).
//
// Element-wise: 8 bytes read and 4 written per output, one exponential and one division.

/// - x: [rows, 2 * width] float32, gate then up; y: [rows, width].
@inline(never)
public func siluAndMul(
  _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, rows: Range<Int>, width: Int
) {
  for row in rows {
    let gate = x + row &* 2 &* width, up = gate + width, out = y + row &* width
    var i = 0
    while i &+ 16 <= width {
      let g = load(gate + i)
      store(g / (exp(-g) + Lanes(repeating: 1)) * load(up + i), out + i)
      i &+= 16
    }
    while i < width {
      let g = Lanes(repeating: gate[i])
      out[i] = (g / (exp(-g) + Lanes(repeating: 1)))[0] * up[i]
      i &+= 1
    }
  }
}
