import Glibc
import Tensors

/// Writing many floating-point elements fast: one loop an element type.
enum FloatFilling {
  /// Each element the nearest to `value(i)`.
  @inline(__always)
  static func fill(_ tensor: Tensor, _ value: (Int) -> Float) {
    let count = tensor.count
    switch tensor.dtype {
    case .float32:
      let p = tensor.elements(as: Float.self)
      for i in 0..<count { p[i] = value(i) }
    case .float16:
      let p = tensor.elements(as: Float16.self)
      for i in 0..<count { p[i] = Float16(value(i)) }
    case .bfloat16:
      let p = tensor.elements(as: UInt16.self)
      for i in 0..<count {
        let bits = value(i).bitPattern
        p[i] = UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
      }
    default:
      for i in 0..<count { tensor.setBits(tensor.dtype.encode(value(i)), at: i) }
    }
  }

  static func normal(_ tensor: Tensor, _ random: CounterRandom, scale: Float) {
    let p = tensor.elements(as: UInt8.self), count = tensor.count
    switch tensor.dtype.bitWidth {
    // There are few sums: the bits of a narrow float are looked up, which is faster than converting each.
    case 4:
      codes(tensor.dtype, scale).withUnsafeBufferPointer { codes in
        for i in 0..<count { tensor.setBits(UInt64(codes[random.sum(i)]), at: i) }
      }
    case 8:
      codes(tensor.dtype, scale).map { UInt8(truncatingIfNeeded: $0) }.withUnsafeBufferPointer { codes in
        for i in 0..<count { p[i] = codes[random.sum(i)] }
      }
    case 16 where tensor.dtype == .float16 && count > 1 << 20:
      let p = tensor.elements(as: UInt16.self)
      codes(tensor.dtype, scale).withUnsafeBufferPointer { codes in
        for i in 0..<count { p[i] = codes[random.sum(i)] }
      }
    default: fill(tensor) { scale * random.normal($0) }
    }
  }

  /// The bits of the element for each sum that a normal number is made from.
  private static func codes(_ dtype: DType, _ scale: Float) -> [UInt16] {
    let limit: Float = dtype.bitWidth <= 8 ? 2 : .infinity
    return (0...262_140).map { sum in
      UInt16(truncatingIfNeeded: dtype.encode(scale * min(limit, max(-limit, CounterRandom.normal(ofSum: sum)))))
    }
  }

  /// Rows of (1 + normal / 8)^8 / sum: near those of a softmax of normal numbers, in plain arithmetic.
  static func probabilities(_ tensor: Tensor, _ random: CounterRandom, width: Int) {
    var row = [Float](repeating: 0, count: width)
    let plain = Tensor(.float32, tensor.shape)
    let p = plain.elements(as: Float.self)
    for start in stride(from: 0, to: tensor.count, by: max(1, width)) {
      var sum = 0.0
      for i in 0..<width {
        let base = 1 + 0.125 * random.normal(start + i)
        let square = base * base, fourth = square * square
        row[i] = fourth * fourth
        sum += Double(row[i])
      }
      for i in 0..<width { p[start + i] = Float(Double(row[i]) / sum) }
    }
    fill(tensor) { p[$0] }
  }

  /// Cosines, then sines, of row · 10000^(-2i / width).
  static func rotaryTable(_ tensor: Tensor, width: Int) {
    let half = width / 2
    let frequencies = (0..<max(1, half)).map { pow(10_000, -2 * Double($0) / Double(max(1, width))) }
    fill(tensor) { i in
      let row = i / width, column = i % width
      if column >= 2 * half { return 0 }
      let angle = Double(row) * frequencies[column < half ? column : column - half]
      return Float(column < half ? cos(angle) : sin(angle))
    }
  }
}
