import Glibc

/// silu(gate) * up in plain Swift and double precision.
/// - x: [rows, 2 * width], gate then up; y: [rows, width].
func siluAndMulOracle(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, rows: Int, width: Int) {
  for row in 0..<rows {
    for i in 0..<width {
      let gate = Double(x[row * 2 * width + i]), up = Double(x[row * 2 * width + width + i])
      y[row * width + i] = Float(gate / (1 + exp(-gate)) * up)
    }
  }
}
