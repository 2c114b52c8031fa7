import Tensors

/// Row t of x goes to slot slots[t] of the cache, in plain Swift.
/// - x: [tokens, heads, dimension] float32; cache: [pages, page size, heads, dimension].
/// - scales: [pages, page size, heads], for an int8 cache.
func storeOracle(_ x: Tensor, _ cache: Tensor, _ scales: Tensor?, _ slots: UnsafePointer<Int32>) {
  let (heads, dimension) = (x.shape[1], x.shape[2]), pageSize = cache.shape[1]
  for token in 0..<x.shape[0] {
    let page = Int(slots[token]) / pageSize, offset = Int(slots[token]) % pageSize
    for head in 0..<heads {
      let row = offset * heads + head, first = page * cache.strides[0] + row * dimension
      let source = x.elements(as: Float.self) + (token * heads + head) * dimension
      if let scales {
        let scale = scale(of: (0..<dimension).map { source[$0] })
        scales.elements(as: Float.self)[page * scales.strides[0] + row] = scale
        for i in 0..<dimension { cache.elements(as: Int8.self)[first + i] = units(of: source[i], scale) }
        continue
      }
      for i in 0..<dimension {
        switch cache.dtype {
        case .float16: cache.elements(as: Float16.self)[first + i] = Float16(source[i])
        case .bfloat16: cache.elements(as: UInt16.self)[first + i] = bfloat16(source[i])
        default: cache.elements(as: Float.self)[first + i] = source[i]
        }
      }
    }
  }
}

/// What the largest element becomes 127 of; NaN when one is not finite.
private func scale(of row: [Float]) -> Float {
  row.allSatisfy(\.isFinite) ? row.reduce(0) { max($0, $1.magnitude) } / 127 : .nan
}

/// The nearest whole number of scales, ties to even; 0 where there is no scale.
private func units(of value: Float, _ scale: Float) -> Int8 {
  scale > 0 ? Int8(min(127, max(-127, (value / scale).rounded(.toNearestOrEven)))) : 0
}

/// The nearest bfloat16 (ties to even): of the two neighbours the closer one.
private func bfloat16(_ value: Float) -> UInt16 {
  if value.isNaN { return UInt16(value.bitPattern >> 16) | 0x40 }
  let low = UInt16(value.bitPattern >> 16), rest = value.bitPattern & 0xFFFF
  if rest > 0x8000 || (rest == 0x8000 && low % 2 == 1) { return low + 1 }
  return low
}
