// The definition of rmsnorm in plain Swift: what every other language is checked against. Sums in double precision.

/// - x, y: [rows, hidden]; weight: [hidden].
func rmsNormOracle(
  _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, eps: Float, into y: UnsafeMutablePointer<Float>, rows: Int,
  hidden: Int
) {
  for row in 0..<rows {
    var squares = 0.0
    for i in 0..<hidden { squares += Double(x[row * hidden + i]) * Double(x[row * hidden + i]) }
    let scale = Float(1 / (squares / Double(hidden) + Double(eps)).squareRoot())
    for i in 0..<hidden { y[row * hidden + i] = x[row * hidden + i] * scale * weight[i] }
  }
}

/// sum = x + residual (may be residual itself), then `rmsNormOracle` of it.
func fusedAddRMSNormOracle(
  _ x: UnsafePointer<Float>, residual: UnsafePointer<Float>, weight: UnsafePointer<Float>, eps: Float,
  into y: UnsafeMutablePointer<Float>, sum: UnsafeMutablePointer<Float>, rows: Int, hidden: Int
) {
  for i in 0..<(rows * hidden) { sum[i] = x[i] + residual[i] }
  rmsNormOracle(sum, weight: weight, eps: eps, into: y, rows: rows, hidden: hidden)
}
