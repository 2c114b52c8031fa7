/// Which pairs of tokens merge, at what rank and into what: open addressing over packed integers.
///
/// Invariant: the number of slots is a power of two and at least twice the number of merges.
struct MergeTable: Sendable {
  struct Slot: Sendable {
    /// Left token in the upper half, right one in the lower; all ones when empty.
    var pair: UInt64
    /// Rank in the upper half, merged token in the lower: the order of two values is that of their ranks.
    var merge: UInt64
  }
  /// The value that says a pair does not merge; above all ranks.
  static let noMerge = UInt64.max

  private(set) var slots: [Slot]

  init(capacity: Int) {
    var count = 16
    while count < 2 * capacity { count *= 2 }
    slots = [Slot](repeating: Slot(pair: .max, merge: Self.noMerge), count: count)
  }

  @inline(__always)
  private static func pair(_ left: TokenID, _ right: TokenID) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always)
  private static func slot(of pair: UInt64, _ mask: Int) -> Int {
    let hash = pair &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: (hash ^ hash >> 32) & UInt64(mask))
  }

  /// Enters a merge unless the pair has one already.
  mutating func insert(_ left: TokenID, _ right: TokenID, rank: Int, merged: TokenID) {
    let pair = Self.pair(left, right)
    var slot = Self.slot(of: pair, slots.count - 1)
    while slots[slot].pair != .max {
      if slots[slot].pair == pair { return }
      slot = (slot + 1) & (slots.count - 1)
    }
    slots[slot] = Slot(
      pair: pair, merge: UInt64(UInt32(truncatingIfNeeded: rank)) << 32 | UInt64(UInt32(bitPattern: merged)))
  }

  /// A view for lookups. Tokens may be -1 (no token): such a pair does not merge.
  struct Lookup {
    let slots: UnsafePointer<Slot>
    let mask: Int

    /// Rank and merged token, or ``noMerge``.
    @inline(__always)
    func merge(_ left: TokenID, _ right: TokenID) -> UInt64 {
      let pair = MergeTable.pair(left, right)
      var slot = MergeTable.slot(of: pair, mask)
      while true {
        let entry = slots[slot]
        if entry.pair == pair || entry.pair == .max { return entry.merge }
        slot = (slot + 1) & mask
      }
    }
  }

  @inline(__always)
  func withLookup<R>(_ body: (Lookup) -> R) -> R {
    slots.withUnsafeBufferPointer { body(Lookup(slots: $0.baseAddress!, mask: $0.count - 1)) }
  }
}
