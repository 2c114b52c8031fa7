import Tensors

/// Writing many integer elements.
enum IntegerFilling {
  /// Each element `value(i)`, cut to the element's width; floating types get the nearest value.
  @inline(__always)
  static func fill(_ tensor: Tensor, _ value: (Int) -> Int) {
    let count = tensor.count
    switch tensor.dtype {
    case .int64:
      let p = tensor.elements(as: Int64.self)
      for i in 0..<count { p[i] = Int64(truncatingIfNeeded: value(i)) }
    case .int32:
      let p = tensor.elements(as: Int32.self)
      for i in 0..<count { p[i] = Int32(truncatingIfNeeded: value(i)) }
    case .int16:
      let p = tensor.elements(as: Int16.self)
      for i in 0..<count { p[i] = Int16(truncatingIfNeeded: value(i)) }
    case .int8:
      let p = tensor.elements(as: Int8.self)
      for i in 0..<count { p[i] = Int8(truncatingIfNeeded: value(i)) }
    case .bool:
      let p = tensor.elements(as: UInt8.self)
      for i in 0..<count { p[i] = value(i) & 1 == 0 ? 0 : 1 }
    default: FloatFilling.fill(tensor) { Float(value($0)) }
    }
  }

  /// All values of the type, each bit by chance.
  static func bits(_ tensor: Tensor, _ random: CounterRandom) {
    if tensor.dtype == .int8 {
      QuantisedBlocks.randomBytes(tensor, random)
    } else {
      fill(tensor) { Int(truncatingIfNeeded: random.bits($0) >> 32) }
    }
  }

  /// In each row of `width` elements the first `each` are different numbers below `bound`, the others `padding`.
  ///
  /// A shuffle from the front that stops after `each` steps, and is undone for the next row:
  /// step i swaps places i and i + below(bound - i).
  static func distinct(
    _ tensor: Tensor, _ random: CounterRandom, _ each: Int, below bound: Int, width: Int, padding: Int
  ) {
    // A place that was not swapped holds its own number: a table of the swapped ones does for huge bounds.
    var swapped: [Int: Int] = [:]
    var order = bound <= 1 << 24 ? Array(0..<bound) : []
    var swaps = [Int](repeating: 0, count: each), row = [Int](repeating: padding, count: width)
    let rows = width == 0 ? 0 : tensor.count / width
    for r in 0..<rows {
      if order.isEmpty {
        swapped.removeAll(keepingCapacity: true)
        for i in 0..<each {
          let j = i + random.below(bound - i, r * width + i)
          row[i] = swapped[j] ?? j
          swapped[j] = swapped[i] ?? i
        }
      } else {
        for i in 0..<each {
          swaps[i] = i + random.below(bound - i, r * width + i)
          order.swapAt(i, swaps[i])
          row[i] = order[i]
        }
        if rows > 1 { for i in stride(from: each - 1, through: 0, by: -1) { order.swapAt(i, swaps[i]) } }
      }
      for i in 0..<width { tensor.setBits(UInt64(bitPattern: Int64(row[i])), at: r * width + i) }
    }
  }
}
