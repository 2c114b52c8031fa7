import Tensors

/// Row t of x goes to slot slots[t] of the cache, in plain Swift.
/// - x: [tokens, heads, dimension] float32; cache: [pages, page size, heads, dimension].
func storeOracle(_ x: Tensor, _ cache: Tensor, _ slots: UnsafePointer<Int32>) {
  let width = x.shape[1] * x.shape[2], source = x.elements(as: Float.self)
  for token in 0..<x.shape[0] {
    for i in 0..<width {
      let value = source[token * width + i], at = Int(slots[token]) * width + i
      switch cache.dtype {
      case .float16: cache.elements(as: Float16.self)[at] = Float16(value)
      case .bfloat16: cache.elements(as: UInt16.self)[at] = bfloat16(value)
      default: cache.elements(as: Float.self)[at] = value
      }
    }
  }
}

/// The nearest bfloat16 (ties to even): of the two neighbours the closer one.
private func bfloat16(_ value: Float) -> UInt16 {
  if value.isNaN { return UInt16(value.bitPattern >> 16) | 0x40 }
  let low = UInt16(value.bitPattern >> 16), rest = value.bitPattern & 0xFFFF
  if rest > 0x8000 || (rest == 0x8000 && low % 2 == 1) { return low + 1 }
  return low
}
