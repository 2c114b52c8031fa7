/// The random numbers of one request: a function of its seed and of the index of the output token, and of nothing else.
///
/// There is no state to carry, so a draw does not depend on what else is in the batch, on chunking or on preemption.
/// Number i is `mix(mix(seed) + (i + 1) · γ)`, where `mix` is the finaliser of SplitMix64 and γ its odd increment
/// (Steele, Lea and Flood: Fast splittable pseudorandom number generators, OOPSLA 2014). Mixing the seed first keeps
/// seeds that differ by a multiple of γ from giving shifted copies of one stream.
struct UniformDraws: Sendable {
  private let start: UInt64
  private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

  init(seed: UInt64) { start = Self.mix(seed) }

  /// The draw for output token `index`: one of the 2²⁴ multiples of 2⁻²⁴ in [0, 1), all equally likely.
  func uniform(at index: Int) -> Float {
    let bits = Self.mix(start &+ (UInt64(truncatingIfNeeded: index) &+ 1) &* Self.increment)
    return Float(bits >> 40) * 0x1p-24
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
