/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// In [-1, 1) mostly; one in sixteen is 0, one in sixteen eight times larger.
  mutating func value() -> Float {
    let bits = next(), unit = Float(bits >> 40) / Float(1 << 23) - 1
    switch bits & 15 {
    case 0: return 0
    case 1: return unit * 8
    default: return unit
    }
  }

  /// In [0, 1).
  mutating func unit() -> Float { Float(next() >> 40) / Float(1 << 24) }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
