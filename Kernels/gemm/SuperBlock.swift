import Checkpoints

/// The codes of 32 weights out of a k-quant super-block of 256.
enum SuperBlock {
  /// weight[k] = scale * q[k] + minimum, with one pair for k < 16 and one for the rest.
  struct Codes {
    var q = InlineArray<32, UInt8>(repeating: 0)
    var scale: (Float, Float) = (0, 0)
    var minimum: (Float, Float) = (0, 0)
  }

  /// Sub-block `b` (of 32) of a row of Q4_K, Q5_K or Q6_K blocks. Layouts: `Checkpoints`' dequantisation.
  static func codes(_ format: WeightFormat, _ row: UnsafeRawPointer, block b: Int) -> Codes {
    let sub = b % 8, block = row + b / 8 * format.blockBytes
    return format == .q6_k ? sixBit(block, sub) : fourOrFiveBit(block, sub, hasFifthBit: format == .q5_k)
  }

  private static func half(_ p: UnsafeRawPointer, _ offset: Int) -> Float {
    Float(Float16(bitPattern: p.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
  }

  private static func fourOrFiveBit(_ p: UnsafeRawPointer, _ sub: Int, hasFifthBit: Bool) -> Codes {
    func packed(_ i: Int) -> UInt8 { p.load(fromByteOffset: 4 + i, as: UInt8.self) }
    let scale: UInt8, minimum: UInt8
    if sub < 4 {
      (scale, minimum) = (packed(sub) & 63, packed(sub + 4) & 63)
    } else {
      scale = (packed(sub + 4) & 15) | (packed(sub - 4) >> 6) << 4
      minimum = (packed(sub + 4) >> 4) | (packed(sub) >> 6) << 4
    }
    var codes = Codes()
    let d = half(p, 0) * Float(scale), m = -half(p, 2) * Float(minimum)
    (codes.scale, codes.minimum) = ((d, d), (m, m))
    let nibbles = p + (hasFifthBit ? 48 : 16) + sub / 2 * 32
    for k in 0..<32 {
      let byte = nibbles.load(fromByteOffset: k, as: UInt8.self)
      var q = sub % 2 == 0 ? byte & 15 : byte >> 4
      if hasFifthBit { q |= (p.load(fromByteOffset: 16 + k, as: UInt8.self) >> UInt8(sub) & 1) << 4 }
      codes.q[k] = q
    }
    return codes
  }

  private static func sixBit(_ p: UnsafeRawPointer, _ sub: Int) -> Codes {
    // Each half of 128 weights: 64 bytes of low nibbles, 32 bytes of high bits, 8 scales.
    let part = sub / 4, quarter = sub % 4
    let low = p + part * 64 + quarter % 2 * 32, high = p + 128 + part * 32
    var codes = Codes()
    for k in 0..<32 {
      let byte = low.load(fromByteOffset: k, as: UInt8.self)
      let bits = high.load(fromByteOffset: k, as: UInt8.self) >> UInt8(2 * quarter) & 3
      codes.q[k] = (quarter < 2 ? byte & 15 : byte >> 4) | bits << 4
    }
    let d = half(p, 208)
    func scale(_ i: Int) -> Float { d * Float((p + 192 + part * 8 + quarter * 2 + i).load(as: Int8.self)) }
    codes.scale = (scale(0), scale(1))
    codes.minimum = (-32 * codes.scale.0, -32 * codes.scale.1)
    return codes
  }
}
