// y = x / sqrt(mean(x²) + eps) * weight, row by row; the fused form first adds the residual.
//
// One pass to sum the squares, one to scale; a row of a few thousand floats stays in the first-level cache between
// them. Bytes per element: 4 read, 4 written (fused: 8 read, 8 written). Squares are summed in 16 lanes along the row,
// then the lanes in a fixed tree, so the result depends on the row alone.

/// - x, y: [rows, hidden] float32, may be the same; weight: [hidden]. Any hidden size.
@inline(never)
public func rmsNorm(
  _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, rows: Range<Int>,
  hidden: Int, eps: Float
) {
  for row in rows {
    let input = x + row &* hidden
    normalise(input, weight, y + row &* hidden, hidden, sumOfSquares(input, hidden), eps)
  }
}

/// residualOut = x + residual; y = rmsNorm(residualOut). residualOut may be residual, y may be x.
@inline(never)
public func fusedAddRMSNorm(
  _ x: UnsafePointer<Float>, _ residual: UnsafePointer<Float>, _ weight: UnsafePointer<Float>,
  _ y: UnsafeMutablePointer<Float>, _ residualOut: UnsafeMutablePointer<Float>, rows: Range<Int>, hidden: Int,
  eps: Float
) {
  for row in rows {
    let offset = row &* hidden, full = hidden & ~15
    var i = 0
    while i < full {
      store(load(x + (offset &+ i)) + load(residual + (offset &+ i)), residualOut + (offset &+ i))
      i &+= 16
    }
    while i < hidden {
      residualOut[offset &+ i] = x[offset &+ i] + residual[offset &+ i]
      i &+= 1
    }
    let total = UnsafePointer(residualOut + offset)
    normalise(total, weight, y + offset, hidden, sumOfSquares(total, hidden), eps)
  }
}

// reduce
@inline(__always)
private func sumOfSquares(_ x: UnsafePointer<Float>, _ hidden: Int) -> Float {
  var i = hidden & ~15, total = sum(squares(x, i))
  while i < hidden {
    total += x[i] * x[i]
    i &+= 1
  }
  return total
}

// scale and store
@inline(__always)
private func normalise(
  _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ hidden: Int,
  _ squares: Float, _ eps: Float
) {
  let scale = 1 / (squares / Float(hidden) + eps).squareRoot()
  let scales = Lanes(repeating: scale)
  var i = 0
  while i &+ 16 <= hidden {
    store(load(x + i) * scales * load(weight + i), y + i)
    i &+= 16
  }
  while i < hidden {
    y[i] = x[i] * scale * weight[i]
    i &+= 1
  }
}
