// Rows of narrow element types to float32 and back, and products of float32 rows: what references share.

enum ReferenceElements {
  /// bfloat16 to float32: exact.
  static func widen(bfloat16 x: UnsafePointer<UInt16>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
    for i in 0..<count { y[i] = Float(bitPattern: UInt32(x[i]) << 16) }
  }

  /// float16 to float32: exact. Multiplying by 2^112 moves the exponent, subnormals included.
  static func widen(float16 x: UnsafePointer<UInt16>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
    for i in 0..<count {
      let bits = UInt32(x[i]), magnitude = bits & 0x7FFF
      let finite = (Float(bitPattern: magnitude << 13) * 0x1p112).bitPattern
      let value = magnitude < 0x7C00 ? finite : 0x7F80_0000 | magnitude << 13
      y[i] = Float(bitPattern: value | (bits & 0x8000) << 16)
    }
  }

  /// float8_e4m3fn to float32, times a scale.
  static func widen(float8 x: UnsafePointer<UInt8>, scale: Float, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
    float8Values.withUnsafeBufferPointer { table in
      for i in 0..<count { y[i] = table[Int(x[i])] * scale }
    }
  }

  /// The values of all float8_e4m3fn bit patterns: sign, 4 bits of exponent (bias 7), 3 of fraction; 0x7F is NaN.
  private static let float8Values: [Float] = (0..<256).map { bits in
    let fraction = Float(bits & 7), exponent = bits >> 3 & 15
    let magnitude =
      bits & 0x7F == 0x7F
      ? Float.nan
      : (exponent == 0 ? fraction : fraction + 8) * Float(sign: .plus, exponent: max(exponent, 1) - 10, significand: 1)
    return bits < 128 ? magnitude : -magnitude
  }

  /// The nearest bfloat16, ties to even.
  @inline(__always)
  static func bfloat16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
  }

  /// Σ x[i] y[i]: sixteen partial sums, then the rest in order; the order depends on the count only.
  static func dot(_ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ count: Int) -> Float {
    var partial = SIMD16<Float>()
    var i = 0
    while i + 16 <= count {
      partial +=
        UnsafeRawPointer(x + i).loadUnaligned(as: SIMD16<Float>.self)
        * UnsafeRawPointer(y + i).loadUnaligned(as: SIMD16<Float>.self)
      i += 16
    }
    var total = partial.sum()
    while i < count {
      total += x[i] * y[i]
      i += 1
    }
    return total
  }

  /// y += factor x.
  static func add(
    _ factor: Float, times x: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    for i in 0..<count { y[i] += factor * x[i] }
  }
}
