// How a word of a panel, four consecutive k of a feature, is taken apart into the pairs that one instruction multiplies. What
// is uppermost in 16 bits is shifted out of them and needs no mask.

/// What one instruction multiplies of a word of weights: a pair of 16-bit numbers. (Types, not cases: the compiler gives up
/// inlining where it would have to choose too often.)
protocol WeightPair {
  static func of(_ words: IntLanes) -> IntLanes
}

enum Nibbles0: WeightPair {
  @inline(__always) static func of(_ words: IntLanes) -> IntLanes { words & 0x000F_000F }
}

enum Nibbles4: WeightPair {
  @inline(__always) static func of(_ words: IntLanes) -> IntLanes { (words &>> 4) & 0x000F_000F }
}

enum Nibbles8: WeightPair {
  @inline(__always) static func of(_ words: IntLanes) -> IntLanes { (words &>> 8) & 0x000F_000F }
}

enum Nibbles12: WeightPair {
  @inline(__always) static func of(_ words: IntLanes) -> IntLanes { shiftedHalves(words, by: 12) }
}

enum LowBytes: WeightPair {
  @inline(__always) static func of(_ words: IntLanes) -> IntLanes { words & 0x00FF_00FF }
}

enum HighBytes: WeightPair {
  @inline(__always) static func of(_ words: IntLanes) -> IntLanes { shiftedHalves(words, by: 8) }
}

enum LowSigned: WeightPair {
  @inline(__always) static func of(_ words: IntLanes) -> IntLanes { lowSignedBytes(words) }
}

enum HighSigned: WeightPair {
  @inline(__always) static func of(_ words: IntLanes) -> IntLanes { highSignedBytes(words) }
}
