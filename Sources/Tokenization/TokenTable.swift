/// Finds tokens by their bytes: one flat store of all bytes and an open-addressing table over it.
///
/// Invariant: the number of slots is a power of two and at least twice the number of tokens entered. The hash is seeded
/// at random, so that no file can choose tokens that collide.
struct TokenTable: Sendable {
  /// The bytes of token `i` are `bytes[offsets[i]..<offsets[i + 1]]`.
  private(set) var bytes: [UInt8] = []
  private(set) var offsets: [Int] = [0]
  private var slots: [TokenID] = []
  private let seed = UInt64.random(in: .min ... .max)

  var count: Int { offsets.count - 1 }

  func range(of id: TokenID) -> Range<Int> { offsets[Int(id)]..<offsets[Int(id) + 1] }

  /// Appends the next token; its bytes are what `body` appends. It cannot be found before it is entered.
  mutating func append<E: Error>(_ body: (inout [UInt8]) throws(E) -> Void) throws(E) {
    try body(&bytes)
    offsets.append(bytes.count)
  }

  /// Makes room for finding `count` tokens; called once, after all were appended.
  mutating func reserveSlots() {
    var capacity = 16
    while capacity < 2 * count { capacity *= 2 }
    slots = [TokenID](repeating: -1, count: capacity)
  }

  /// Lets a token be found.
  /// - Returns: the token of equal bytes that was entered earlier and stays, or nil.
  mutating func enter(_ id: TokenID) -> TokenID? {
    let range = range(of: id)
    let (slot, found) = bytes.withUnsafeBufferPointer { find(UnsafeBufferPointer(rebasing: $0[range])) }
    if let found { return found }
    slots[slot] = id
    return nil
  }

  /// The token of these bytes.
  func id(of key: UnsafeBufferPointer<UInt8>) -> TokenID? { slots.isEmpty ? nil : find(key).id }

  private func find(_ key: UnsafeBufferPointer<UInt8>) -> (slot: Int, id: TokenID?) {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash(key)) & mask
    while slots[slot] >= 0 {
      let range = range(of: slots[slot])
      if range.count == key.count, equal(range, key) { return (slot, slots[slot]) }
      slot = (slot + 1) & mask
    }
    return (slot, nil)
  }

  private func equal(_ range: Range<Int>, _ key: UnsafeBufferPointer<UInt8>) -> Bool {
    bytes.withUnsafeBufferPointer { bytes in
      for i in 0..<key.count where bytes[range.lowerBound + i] != key[i] { return false }
      return true
    }
  }

  private func hash(_ key: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var hash = seed
    for byte in key {
      hash = (hash ^ UInt64(byte)) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 29
    }
    return hash ^ hash >> 32
  }
}
