/// Comparing runs of token ids.
public enum TokenRun {
  /// How many tokens two runs have in common from their beginnings, at most `count`.
  ///
  /// 16 tokens at a time: the differing bits of 64 bytes are folded into one word, which needs no mask and no horizontal
  /// comparison, so that it is three or four instructions per vector on every instruction set.
  /// - Parameters a, b: at least `count` token ids each, of any alignment that `Int32` has.
  @inline(__always)
  static func commonPrefix(_ a: UnsafePointer<Int32>, _ b: UnsafePointer<Int32>, count: Int) -> Int {
    let (left, right) = (UnsafeRawPointer(a), UnsafeRawPointer(b))
    var index = 0
    while index &+ 16 <= count {
      let byte = index &* 4
      let bits =
        left.loadUnaligned(fromByteOffset: byte, as: SIMD8<UInt64>.self)
        ^ right.loadUnaligned(fromByteOffset: byte, as: SIMD8<UInt64>.self)
      let half = bits.lowHalf | bits.highHalf
      let quarter = half.lowHalf | half.highHalf
      if quarter.x | quarter.y != 0 { break }
      index &+= 16
    }
    while index < count, a[index] == b[index] { index &+= 1 }
    return index
  }

  /// How many tokens of `a` and `b` are equal from the given places on, at most `count`; both must have that many.
  public static func commonPrefix(_ a: [Int32], from start: Int, _ b: [Int32], from other: Int, count: Int) -> Int {
    precondition(start >= 0 && other >= 0 && count <= a.count - start && count <= b.count - other)
    guard count > 0 else { return 0 }
    return a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        guard let left = a.baseAddress, let right = b.baseAddress else { return 0 }
        return commonPrefix(left + start, right + other, count: count)
      }
    }
  }

  /// The hash of a page of tokens below a node. Keyed with the process's random seed, so that nobody can send prompts that
  /// all meet in one place of a table.
  static func hash(below parent: Int32, _ tokens: [Int32], from position: Int, count: Int) -> Int {
    var hasher = Hasher()
    hasher.combine(parent)
    tokens.withUnsafeBytes { bytes in
      hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes[position * 4..<(position + count) * 4]))
    }
    return hasher.finalize()
  }
}
