/// From stored blocks to Float, one function a format: the reference that kernels are checked against.
///
/// All numbers are little endian. `d` is a block's scale and `m` its minimum, both float16. Products and sums are taken
/// in Float in the order written here.
public enum Dequantization {
  /// Expands whole blocks. `output` must hold `bytes.count / blockBytes * blockElements` elements.
  public static func dequantize(
    _ bytes: UnsafeRawBufferPointer, format: WeightFormat, into output: UnsafeMutableBufferPointer<Float>
  ) {
    let blocks = bytes.count / format.blockBytes
    precondition(blocks * format.blockBytes == bytes.count, "\(format.rawValue): a part of a block")
    precondition(output.count >= blocks * format.blockElements, "\(format.rawValue): output too small")
    guard blocks > 0, var source = bytes.baseAddress, var target = output.baseAddress else { return }
    let block: (UnsafeRawPointer, UnsafeMutablePointer<Float>) -> Void =
      switch format {
      case .f32: f32
      case .f16: f16
      case .bf16: bf16
      case .q8_0: q8_0
      case .q4_0: q4_0
      case .q4_1: q4_1
      case .q4_k: q4_k
      case .q5_k: q5_k
      case .q6_k: q6_k
      }
    for _ in 0..<blocks {
      block(source, target)
      source += format.blockBytes
      target += format.blockElements
    }
  }

  // MARK: dense

  static func f32(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    out[0] = Float(bitPattern: UInt32(littleEndian: block.loadUnaligned(as: UInt32.self)))
  }

  static func f16(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) { out[0] = half(block) }

  /// The upper half of a float32.
  static func bf16(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    out[0] = Float(bitPattern: UInt32(UInt16(littleEndian: block.loadUnaligned(as: UInt16.self))) << 16)
  }

  // MARK: blocks of 32

  /// `d, int8 q[32]`: w = d·q.
  static func q8_0(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    let d = half(block)
    for i in 0..<32 { out[i] = d * Float(block.load(fromByteOffset: 2 + i, as: Int8.self)) }
  }

  /// `d, nibbles[16]`: w = d·(q − 8); byte i holds element i low and element i + 16 high.
  static func q4_0(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    let d = half(block)
    for i in 0..<16 {
      let q = Int(byte(block, 2 + i))
      out[i] = d * Float(q & 15 - 8)
      out[i + 16] = d * Float(q >> 4 - 8)
    }
  }

  /// `d, m, nibbles[16]`: w = d·q + m; byte i holds element i low and element i + 16 high.
  static func q4_1(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    let d = half(block), m = half(block + 2)
    for i in 0..<16 {
      let q = byte(block, 4 + i)
      out[i] = d * Float(q & 15) + m
      out[i + 16] = d * Float(q >> 4) + m
    }
  }

  // MARK: blocks of 256

  /// `d, dmin, scales[12], nibbles[128]`: eight groups of 32, each with a 6-bit scale s and minimum n:
  /// w = (d·s)·q − dmin·n. 32 bytes hold a group in their low nibbles and the next one in the high nibbles.
  static func q4_k(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    let d = half(block), dmin = half(block + 2)
    for group in 0..<8 {
      let (s, n) = sixBitScale(block + 4, group)
      let scale = d * s, minimum = dmin * n
      for i in 0..<32 {
        let q = byte(block, 16 + group / 2 * 32 + i) >> (group % 2 * 4) & 15
        out[group * 32 + i] = scale * Float(q) - minimum
      }
    }
  }

  /// `d, dmin, scales[12], high[32], nibbles[128]`: as Q4_K, with a fifth bit: bit g of high[i] belongs to element i
  /// of group g.
  static func q5_k(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    let d = half(block), dmin = half(block + 2)
    for group in 0..<8 {
      let (s, n) = sixBitScale(block + 4, group)
      let scale = d * s, minimum = dmin * n
      for i in 0..<32 {
        let low = byte(block, 48 + group / 2 * 32 + i) >> (group % 2 * 4) & 15
        let high = byte(block, 16 + i) >> group & 1
        out[group * 32 + i] = scale * Float(low | high << 4) - minimum
      }
    }
  }

  /// `low[128], high[64], int8 scales[16], d`: sixteen groups of 16: w = (d·s)·(q − 32).
  ///
  /// Each half of 128 elements has 64 low and 32 high bytes. Its quarter k (32 elements) takes the low nibbles (k < 2)
  /// or high nibbles of low bytes 32·(k mod 2) + i, and bits 2k, 2k + 1 of high byte i.
  static func q6_k(_ block: UnsafeRawPointer, _ out: UnsafeMutablePointer<Float>) {
    let d = half(block + 208)
    for element in 0..<256 {
      let part = element / 128, quarter = element % 128 / 32, i = element % 32
      let low = byte(block, part * 64 + quarter % 2 * 32 + i) >> (quarter / 2 * 4) & 15
      let high = byte(block, 128 + part * 32 + i) >> (quarter * 2) & 3
      let s = block.load(fromByteOffset: 192 + element / 16, as: Int8.self)
      out[element] = d * Float(s) * Float(Int(low | high << 4) - 32)
    }
  }

  // MARK: parts of blocks

  /// Scale and minimum of a group from the 12 bytes in which Q4_K and Q5_K pack eight 6-bit pairs: bytes 0...3 hold the
  /// scales and 4...7 the minima of groups 0...3; groups 4...7 have their low four bits in the nibbles of bytes 8...11
  /// and their high two bits on top of bytes 0...3 (scales) and 4...7 (minima).
  static func sixBitScale(_ packed: UnsafeRawPointer, _ group: Int) -> (scale: Float, minimum: Float) {
    if group < 4 { return (Float(byte(packed, group) & 63), Float(byte(packed, group + 4) & 63)) }
    let low = byte(packed, group + 4)
    let scale = low & 15 | (byte(packed, group - 4) >> 6) << 4
    let minimum = low >> 4 | (byte(packed, group) >> 6) << 4
    return (Float(scale), Float(minimum))
  }

  @inline(__always) static func half(_ pointer: UnsafeRawPointer) -> Float {
    Float(Float16(bitPattern: UInt16(littleEndian: pointer.loadUnaligned(as: UInt16.self))))
  }

  @inline(__always) static func byte(_ pointer: UnsafeRawPointer, _ offset: Int) -> UInt8 {
    pointer.load(fromByteOffset: offset, as: UInt8.self)
  }
}
