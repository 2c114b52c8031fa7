import Tensors

/// Random numbers by position: element `i` depends on the seed, the tensor's name and `i` alone, so that every language
/// makes the same tensors, in any order, on any number of threads.
///
///     key     = fnv1a64(utf8 of name) xor mix64(seed)
///     bits(i) = mix64(key + (i + 1) · 0x9E3779B97F4A7C15)          (SplitMix64, Steele et al. 2014)
///     uniform = top 24 bits / 2^24                                  in [0, 1)
///     normal  = (a + b + c + d - 131070) · (1 / 37837.227)          a … d: the four 16-bit parts of bits(i)
///
/// `normal` is a sum of four uniform numbers: mean 0, deviation 1, at most 3.46 from 0, exact in float32 arithmetic.
public struct CounterRandom: Sendable {
  private let key: UInt64

  public init(seed: UInt64, name: String) {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    key = hash ^ Self.mix(seed)
  }

  @inline(__always)
  static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// 64 random bits.
  @inline(__always)
  public func bits(_ i: Int) -> UInt64 {
    Self.mix(key &+ (UInt64(truncatingIfNeeded: i) &+ 1) &* 0x9E37_79B9_7F4A_7C15)
  }

  /// In [0, 1), a multiple of 2^-24.
  @inline(__always)
  public func uniform(_ i: Int) -> Float { Float(bits(i) >> 40) * 0x1p-24 }

  /// Mean 0, deviation 1.
  @inline(__always)
  public func normal(_ i: Int) -> Float { Self.normal(ofSum: sum(i)) }

  /// The sum of the four 16-bit parts of bits(i), in 0 ... 262140: what `normal` is made from.
  @inline(__always)
  func sum(_ i: Int) -> Int {
    let z = bits(i)
    return Int((z & 0xFFFF) &+ (z >> 16 & 0xFFFF) &+ (z >> 32 & 0xFFFF) &+ (z >> 48))
  }

  @inline(__always)
  static func normal(ofSum sum: Int) -> Float { Float(sum - 131_070) * (1 / 37837.227) }

  /// In 0 ..< bound, from the upper 32 bits: (bits >> 32) · bound >> 32.
  /// - Precondition: 0 < bound ≤ 2^32.
  @inline(__always)
  public func below(_ bound: Int, _ i: Int) -> Int { Int(((bits(i) >> 32) &* UInt64(bound)) >> 32) }

  /// A permutation of 0 ..< count, by Fisher and Yates.
  public func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    for i in stride(from: count - 1, to: 0, by: -1) { order.swapAt(i, below(i + 1, i)) }
    return order
  }
}
